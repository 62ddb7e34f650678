"""The two parts together say what the whole says; teaching the upper one leaves the lower alone."""

import keras
import numpy as np
import pytest

from common.vision import backbones
from common.vision.taps import Taps
from recipes.skin.changes import turned
from recipes.skin.cut import Cut

SIZE = 64


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)


def small(views=2):
    return Taps.of(backbones.find("small", SIZE), views=views)


def test_both_parts_are_the_whole(pictures):
    taps = small(views=4)
    cut = Cut.of(taps)
    seen = cut.see(turned(pictures, 4), batch=3)
    assert seen.blocks[0].dtype == np.float16 and seen.shape[:2] == (5, 4) and len(seen) == 5
    wanted = taps.compute(pictures).mean(axis=1)
    # Maps are kept in half precision.
    np.testing.assert_allclose(cut.features(seen, batch=2), wanted, rtol=5e-3, atol=5e-3)


def test_a_flat_backbone_is_cut_too(pictures):
    inputs = keras.Input((SIZE, SIZE, 3))
    first = keras.layers.Conv2D(4, 3, 2, activation="relu", name="first")(inputs)
    second = keras.layers.Conv2D(6, 3, 2, activation="relu", name="second")(first)
    model = keras.Model(inputs, second)
    taps = Taps(backbones.Backbone("flat", "flat", "flat", SIZE, model), ("first", "second"), 2)
    cut = Cut.of(taps)
    assert cut.at == "first"
    wanted = taps.compute(pictures).mean(axis=1)
    found = cut.features(cut.see(turned(pictures, 2)))
    np.testing.assert_allclose(found, wanted, rtol=1e-2, atol=0.5)


def test_teaching_the_upper_part_leaves_the_lower_one(pictures):
    cut = Cut.of(small())
    seen = cut.see(turned(pictures, 2))
    model = keras.Sequential([cut.upper, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    model.fit(seen.maps(np.arange(5), 0), np.arange(5.0), epochs=1, verbose=0)
    again = cut.see(turned(pictures, 2))
    np.testing.assert_array_equal(again.blocks[0], seen.blocks[0])
    whole = cut.taps.compute(pictures).mean(axis=1)
    np.testing.assert_allclose(cut.features(seen), whole, rtol=5e-3, atol=5e-3)
    fresh = small().compute(pictures).mean(axis=1)
    assert np.abs(whole - fresh)[:, seen.below.shape[2] :].max() > 1e-3


@pytest.mark.parametrize("at", ["maps_last", "nowhere"])
def test_wrong_cuts(at):
    with pytest.raises(ValueError, match=f"at='{at}' must be one of maps_2_added, maps_3_added"):
        Cut.of(small(), at)
