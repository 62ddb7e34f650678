"""The network that is named is found, its layers are filled in, and what is wrong is named."""

import numpy as np
import pytest

from common.validation import DataError
from recipes.neural_style import features, network, small
from recipes.neural_style.settings import Settings

WIDTHS = (4, 6, 8, 8, 8)


def kernels(blocks: int) -> dict[str, np.ndarray]:
    found, inside, random = {}, 3, np.random.default_rng(0)
    for layer in features.VGG_LAYERS:
        block = int(layer[5])
        if block > blocks:
            break
        outside = features.FILTERS[block - 1]
        found[f"{layer}/kernel"] = random.normal(size=(3, 3, inside, outside)).astype("float32")
        found[f"{layer}/bias"] = np.zeros(outside, "float32")
        inside = outside
    return found


@pytest.fixture
def nothing_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("RECIPES_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RECIPES_MIRROR", raising=False)


def test_with_nothing_at_hand_it_is_the_small_one(nothing_at_hand):
    found = network.find("auto")
    assert found.name == "small" and "fetches 80 MB" in found.said
    model = found.extractor(["block1_conv1", "block3_conv4"])
    shapes = {name: tuple(each.shape[1:]) for name, each in
              model(np.zeros((1, 32, 48, 3), "float32")).items()}  # fmt: skip
    assert shapes == {"block1_conv1": (32, 48, 24), "block3_conv4": (8, 12, 96)}
    assert small.WEIGHTS.stat().st_size < 3 * 2**20


def test_what_keras_has_fetched_before_comes_first(nothing_at_hand):
    network.cached().parent.mkdir(parents=True)
    network.cached().write_bytes(b"")
    assert network.find("auto").name == "vgg19"


@pytest.mark.parametrize("blocks, deepest", [(3, "block3_conv4"), (2, None)])
def test_a_file_of_one_s_own(tmp_path, blocks, deepest):
    np.savez(tmp_path / "mine.npz", **kernels(blocks))
    found = network.find(str(tmp_path / "mine.npz"))
    assert found.layers[-1] == "block3_conv4"
    if deepest:
        assert found.extractor([deepest]).layers[-1].name == deepest
    else:
        with pytest.raises(DataError, match="end before block3_conv1: they have block1_conv1"):
            found.extractor(["block3_conv4"])


def test_own_layers_are_filled_in_and_wrong_ones_named():
    found = network.find("small")
    filled = found.fill(Settings(style_layers={"block2_conv1": 1.0}))
    assert filled.style_layers == {"block2_conv1": 1.0}
    assert filled.content_layers == {"block3_conv2": 1.0}
    with pytest.raises(DataError, match="small has no block4_conv2. Did you mean block3_conv2"):
        found.fill(Settings(content_layers={"block4_conv2": 1.0}))


@pytest.mark.parametrize("name, message", [
    ("smal", "Did you mean 'small'"), ("no/such.npz", "is no file and none of auto"),
])  # fmt: skip
def test_an_unknown_name(name, message):
    with pytest.raises(DataError, match=message):
        network.find(name)


def test_a_file_that_holds_no_weights(tmp_path):
    (tmp_path / "words.npz").write_text("no weights")
    with pytest.raises(DataError, match="holds no weights of VGG-19"):
        network.find(str(tmp_path / "words.npz"))
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(DataError, match="has no array block1_conv1/kernel"):
        network.find(str(tmp_path / "other.npz"))
