"""Parameters become settings, and a typing error is named."""

import pytest

from recipes.neural_style.config import more
from recipes.neural_style.settings import Settings


def test_more_settings_in_a_line():
    found = more("pooling: max, style_layers: block1_conv1=2 block2_conv1, smoothness: 0.1")
    assert Settings(**found) == Settings(
        pooling="max", style_layers={"block1_conv1": 2.0, "block2_conv1": 1.0}, smoothness=0.1
    )
    assert more("") == {}


@pytest.mark.parametrize("line, message", [
    ("pooliing: max", "Did you mean pooling"), ("pooling", "'pooling' is not understood"),
    ("size: 300", "'size: 300' is not understood"),
    ("style_layers: a=b", "a share is no number"),
])  # fmt: skip
def test_what_is_not_understood_is_named(line, message):
    with pytest.raises(ValueError, match=message):
        more(line)


def test_steps_are_dealt_to_the_sizes():
    how = Settings(size=512, scales=3, steps=100)
    assert how.sizes() == [128, 256, 512] and how.steps_of() == [57, 29, 14]
    assert Settings(size=100, scales=4, steps=10).sizes() == [100]
    assert sum(Settings(size=1000, scales=5, steps=7).steps_of()) == 7


@pytest.mark.parametrize("line, message", [
    ("style_layers: block1_conv1=1 block2_conv1=-1", "shares must be numbers of 0 or more"),
    ("style_layers: block1_conv1=nan", "shares must be numbers of 0 or more"),
    ("tile: 128, content_scaling: root", "content_scaling root does not go with tile"),
])  # fmt: skip
def test_what_does_not_go_together(line, message):
    with pytest.raises(ValueError, match=message):
        Settings(**more(line))
