"""Shares add up to the logit, point at what made it, and hang on what was learned."""

import keras
import numpy as np
import pandas as pd
import pytest

from common.vision import backbones
from common.vision.taps import Taps
from data_scripts import sample_retina
from recipes.retina import disc, explain, heads, normalize
from recipes.retina.learning import Heads

SIZE = 96


@pytest.fixture(scope="module")
def taps():
    return Taps.of(backbones.find("small", SIZE), views=1)


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(0)
    return random.integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


def trained(taps, kind="questions", members=2, seed=0):
    random = np.random.default_rng(seed)
    width = members * (heads.WIDTHS[kind] + 1)
    return Heads(kind, members, random.normal(size=taps.width).astype(np.float32),
                 random.normal(0, 0.05, (taps.width, width)).astype(np.float32),
                 random.normal(size=width).astype(np.float32))  # fmt: skip


@pytest.mark.parametrize("kind", ["questions", "coral"])
def test_shares_add_up_to_the_logit(taps, pictures, kind):
    found = trained(taps, kind)
    witness = explain.Witness.of(taps, found)
    features = taps.compute(pictures)[:, 0]
    wanted = found.logits(features)[0][:, :, 1].mean(axis=1)
    seen = witness.model.predict_on_batch(pictures.astype(np.float32))
    np.testing.assert_allclose(np.asarray(seen["logit"])[:, 0], wanted, rtol=1e-3, atol=1e-2)
    shares = witness.shares(pictures)
    at_centre = found.logits(found.mean[None])[0][0, :, 1].mean()
    np.testing.assert_allclose(shares.sum(axis=(1, 2)), wanted - at_centre, rtol=1e-3, atol=2e-2)


def test_maps_point_at_the_only_thing_there_is(taps):
    """A square on grey, and a direction along what it changes."""
    plain = np.full((4, SIZE, SIZE, 3), 128, np.uint8)
    marked, places = plain.copy(), [(8, 16), (56, 16), (24, 64), (64, 64)]
    for picture, (top, left) in zip(marked, places, strict=True):
        picture[top : top + 24, left : left + 24] = (250, 240, 120)
    before, after = (taps.compute(each)[:, 0] for each in (plain, marked))
    direction = (after - before).mean(axis=0)
    kernel = np.repeat(direction[:, None], 5, axis=1).astype(np.float32)
    found = Heads("questions", 1, before.mean(axis=0), kernel, np.zeros(5, np.float32))
    witness = explain.Witness.of(taps, found)
    masks = np.zeros((4, SIZE, SIZE), bool)
    for mask, (top, left) in zip(masks, places, strict=True):
        mask[top : top + 24, left : left + 24] = True
    maps = witness.maps(marked, steps=4)
    table = explain.localisation(maps, masks)
    assert list(table.index) == [*maps, "by chance", "the middle"]
    # Half of its tied places lie a little beside: places of this layer are 8 pixels wide.
    assert table.loc[explain.SHARES, "pointing"] >= 0.5 > 3 * table.loc["by chance", "pointing"]
    # A place sees three times its own width, so much of the mass lies round the square.
    assert table.loc[explain.SHARES, "mass"] > 3 * table.loc["by chance", "mass"]
    assert table.loc[explain.INTEGRATED, "overlap"] > table.loc["by chance", "overlap"]
    assert (table["photographs"] == 4).all()


def test_forgetting_changes_the_maps(taps, pictures):
    witness = explain.Witness.of(taps, trained(taps))
    maps = {explain.SHARES: witness.shares(pictures), "edges": pictures.astype(np.float32)[..., 0]}
    blank = witness.forgotten().shares(pictures)
    assert np.abs(blank - maps[explain.SHARES]).max() > 1e-3
    verdicts = explain.sanity(witness, {explain.SHARES: maps[explain.SHARES]}, pictures,
                              np.arange(3))  # fmt: skip
    assert -1 <= verdicts[explain.SHARES].mean.value <= 1


def test_of_a_softmax_referable_grades_stand_against_the_others(taps, pictures):
    found = trained(taps, "softmax")
    seen = explain.Witness.of(taps, found).model.predict_on_batch(pictures.astype(np.float32))
    logits = found.logits(taps.compute(pictures)[:, 0])[0].mean(axis=1)
    wanted = logits[:, 2:].mean(axis=1) - logits[:, :2].mean(axis=1)
    np.testing.assert_allclose(np.asarray(seen["logit"])[:, 0], wanted, rtol=1e-3, atol=1e-2)


def test_masks_lie_where_the_lesions_are(tmp_path):
    """Black out the masked places before preparing: the prepared difference lies in the mask."""
    drawn = sample_retina.draw(3, "easy", np.random.default_rng(0))
    whole = np.any(list(drawn.masks.values()), axis=0)
    assert whole.any()
    marked = drawn.pixels.copy()
    marked[whole] = (0, 255, 0)
    found = disc.find(drawn.pixels)
    before, after = (normalize.normalized(each, 256, "none", found=found)
                     for each in (drawn.pixels, marked))  # fmt: skip
    changed = np.abs(before.astype(int) - after).max(axis=2) > 60
    keras_free = pd.DataFrame({"path": [str(tmp_path / "eye.jpg")]})
    import cv2

    cv2.imwrite(str(tmp_path / "eye.png"), whole.astype(np.uint8))
    mask = explain.lesions(tmp_path, keras_free, 256, [found], normalize.SHARE)[0]
    near = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) > 0
    assert (changed & ~near).sum() < 0.02 * changed.sum()
    assert (cv2.erode(mask.astype(np.uint8), np.ones((3, 3))) > 0)[~changed].sum() < 20


def test_the_model_can_be_read_again(taps, tmp_path):
    witness = explain.Witness.of(taps, trained(taps))
    witness.model.save(tmp_path / "witness.keras")
    assert keras.saving.load_model(tmp_path / "witness.keras").count_params() > 1000
