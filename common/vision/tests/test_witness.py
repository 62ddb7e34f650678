"""Shares point at what made the answer, and hang on what was learned."""

import keras
import numpy as np
import pytest

from common.vision import backbones, witness
from common.vision.taps import Taps
from common.vision.witness import INTEGRATED, SHARES, Witness

SIZE = 96


@pytest.fixture(scope="module")
def taps():
    return Taps.of(backbones.find("small", SIZE), views=1)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def some(taps):
    random = np.random.default_rng(1)
    direction, centre = random.normal(0, 0.05, taps.width), random.normal(size=taps.width)
    return Witness.of(taps.maps, direction, 0.5, centre)


def test_shares_add_up_to_the_logit(taps, pictures, some):
    direction = some.model.get_layer("direction").get_weights()[0][:, 0]
    wanted = (taps.compute(pictures)[:, 0] - some.centre) @ direction
    shares = some.shares(pictures)
    np.testing.assert_allclose(shares.sum(axis=(1, 2)), wanted, rtol=1e-3, atol=2e-2)


@pytest.fixture(scope="module")
def marked(taps):
    """Squares on grey, where they are, and a witness along what they change."""
    plain = np.full((4, SIZE, SIZE, 3), 128, np.uint8)
    pictures, masks = plain.copy(), np.zeros((4, SIZE, SIZE), bool)
    for k, (top, left) in enumerate([(8, 16), (56, 16), (24, 64), (64, 64)]):
        pictures[k, top : top + 24, left : left + 24] = (250, 240, 120)
        masks[k, top : top + 24, left : left + 24] = True
    before, after = (taps.compute(each)[:, 0] for each in (plain, pictures))
    found = Witness.of(taps.maps, (after - before).mean(axis=0), 0.0, before.mean(axis=0))
    return found, pictures, masks


def test_maps_point_at_the_only_thing_there_is(marked):
    found, pictures, masks = marked
    maps = found.maps(pictures, steps=4)
    table = witness.localisation(maps, masks)
    assert list(table.index) == [*maps, "by chance", "the middle"]
    # Half of its tied places lie a little beside: places of this layer are 8 pixels wide.
    assert table.loc[SHARES, "pointing"] >= 0.5 > 3 * table.loc["by chance", "pointing"]
    # A place sees three times its own width, so much of the mass lies round the square.
    assert table.loc[SHARES, "mass"] > 3 * table.loc["by chance", "mass"]
    assert table.loc[INTEGRATED, "overlap"] > table.loc["by chance", "overlap"]
    assert (table["photographs"] == 4).all()


def test_what_lies_outside_gets_nothing(marked):
    found, pictures, masks = marked
    inside = np.zeros_like(masks)
    inside[:, :, : SIZE // 2] = True
    maps = found.maps(pictures, 2, inside)
    for each in maps.values():
        assert np.abs(each[:, :, each.shape[2] // 2 + 1 :]).max() == 0 < np.abs(each).max()
    # The baseline agrees with the picture outside: with the whole way the change is still met.
    traced = found.integrated(pictures, 32, inside)
    assert np.abs(traced.maps[~inside]).max() == 0
    assert np.abs(traced.gap[:2] / traced.change[:2]).max() < 0.1


def test_forgetting_changes_the_maps(some, pictures):
    maps = {SHARES: some.shares(pictures)}
    assert np.abs(some.forgotten().shares(pictures) - maps[SHARES]).max() > 1e-3
    verdicts = witness.sanity(some, maps, pictures, np.arange(3))
    assert -1 <= verdicts[SHARES].mean.value <= 1


def test_the_model_can_be_read_again(some, tmp_path):
    some.model.save(tmp_path / "witness.keras")
    assert keras.saving.load_model(tmp_path / "witness.keras").count_params() > 1000
