"""What the lamp did is undone, whatever the picture."""

import keras
import numpy as np
import pytest

from recipes.skin import colour
from recipes.skin.explain import white

KIND = "shades_of_grey"


def skin(seed=0, size=40):
    random = np.random.default_rng(seed)
    base = np.array([190.0, 150, 130]) + random.normal(0, 12, (size, size, 1))
    base[10:25, 12:30] *= 0.5
    return base.clip(0, 255)


def lit(values, lamp):
    return np.rint((values * lamp).clip(0, 255)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["grey_world", "shades_of_grey"])
def test_one_skin_under_two_lamps_is_one_picture(kind):
    values = skin()
    warm, cold = lit(values, [1.0, 0.85, 0.7]), lit(values, [0.75, 0.85, 1.0])
    before = np.abs(warm.astype(int) - cold).mean()
    one, other = white(np.stack([warm, cold]), kind).astype(int)
    # What is left is brightness: the mean of the channels stays.
    ratio = one.mean() / other.mean()
    after = np.abs(one - ratio * other).mean()
    assert after < 2 < 20 < before


def test_the_minkowski_mean_is_the_papers():
    values = skin(1)
    picture = lit(values, [1, 1, 1])
    light = (np.mean((picture / 255.0) ** 6, axis=(0, 1))) ** (1 / 6)
    wanted = np.rint((picture * (light.mean() / light)).clip(0, 255))
    np.testing.assert_allclose(white(picture[None], KIND)[0], wanted, atol=1)


def test_grey_stays_grey_and_none_changes_nothing():
    grey = np.full((1, 8, 8, 3), 120, np.uint8)
    assert np.array_equal(white(grey, KIND), grey)
    picture = lit(skin(2), [1, 0.8, 0.6])[None]
    assert np.array_equal(white(picture, "none"), picture)


@pytest.mark.parametrize("value", [(0, 0, 0), (0, 0, 255), (255, 255, 255)])
def test_extreme_colours_stay_finite(value):
    picture = np.full((1, 8, 8, 3), value, np.uint8)
    found = white(picture, KIND)
    assert found.dtype == np.uint8 and (found[..., 0] <= found[..., 2]).all()


@pytest.mark.parametrize("kind", colour.KINDS)
def test_the_layer_can_be_saved(kind, tmp_path):
    pictures = np.stack([lit(skin(k), [1.0, 0.9, 0.6 + 0.1 * k]) for k in range(3)])
    inputs = keras.Input((40, 40, 3))
    keras.Model(inputs, colour.Constancy(kind)(inputs)).save(tmp_path / "layer.keras")
    model = keras.saving.load_model(tmp_path / "layer.keras")
    found = model.predict(pictures.astype(np.float32), verbose=0)
    np.testing.assert_array_equal(found, white(pictures, kind))


def test_unknown_kinds():
    with pytest.raises(ValueError, match="kind='retinex' must be one of none"):
        colour.Constancy("retinex")
