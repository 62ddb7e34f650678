"""Features of several layers are the maps of those layers, pooled, of each view."""

import keras
import numpy as np
import pytest

from common.validation import DataError
from common.vision import backbones
from common.vision.taps import Taps


@pytest.fixture(scope="module")
def taps():
    return Taps.of(backbones.find("small"), views=4)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), np.uint8)


def test_pooled_features_are_means_and_mean_squares_of_the_maps(taps, pictures):
    maps = [keras.ops.convert_to_numpy(each) for each in taps.maps(pictures.astype(np.float32))]
    assert [each.shape[1] for each in maps] == [12, 6, 6]
    both = [pooled for each in maps for pooled in (each.mean((1, 2)), (each**2).mean((1, 2)))]
    wanted = np.concatenate(both, axis=1)
    found = taps.compute(pictures, batch=2)
    assert found.shape == (3, 4, taps.width) == (3, 4, wanted.shape[1])
    np.testing.assert_allclose(found[:, 0], wanted, atol=1e-4)


def test_the_last_layer_is_the_backbones_own(taps, pictures):
    own = taps.backbone.maps(pictures)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(taps.maps(pictures.astype(np.float32))[-1]), own, atol=1e-4
    )


def test_views_are_the_picture_turned(taps, pictures):
    found = taps.compute(pictures)
    for view, turned in enumerate((pictures, pictures[:, :, ::-1], pictures[:, ::-1],
                                   pictures[:, ::-1, ::-1])):  # fmt: skip
        again = taps.compute(np.ascontiguousarray(turned))
        np.testing.assert_allclose(again[:, 0], found[:, view], atol=1e-3)


def test_all_views_as_one_network_that_can_be_saved(taps, pictures, tmp_path):
    wanted = taps.compute(pictures).mean(axis=1)
    taps.features.save(tmp_path / "features.keras")
    loaded = keras.saving.load_model(tmp_path / "features.keras")
    found = keras.ops.convert_to_numpy(loaded(pictures.astype(np.float32)))
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_features_are_kept(taps, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("RECIPES_CACHE", str(tmp_path))
    said = []
    first = taps.cached(pictures, ["a", "b", "c"], "as they are", log=said.append)
    again = taps.cached(pictures[::-1], ["c", "b", "a"], "as they are", log=said.append)
    np.testing.assert_array_equal(first[::-1], again)
    assert "3 computed" in said[0] and "0 computed" in said[-1]
    taps.cached(pictures, ["a", "b", "c"], "levelled", log=said.append)
    assert "3 computed" in said[-1]


def test_a_flat_backbone_has_taps_too(backbone):
    found = Taps.of(backbone)
    assert found.layers == (backbone.model.layers[-1].name,) and found.width == 24


@pytest.mark.parametrize(("wish", "error", "words"), [
    ({"layers": ["mixed9"]}, DataError, "no layer 'mixed9'"), ({"views": 5}, ValueError, "views=5"),
])  # fmt: skip
def test_wrong_wishes(wish, error, words):
    with pytest.raises(error, match=words):
        Taps.of(backbones.find("small"), **wish)
