"""The witness answers as the heads do; nothing beside the eye speaks; masks lie on lesions."""

import numpy as np
import pandas as pd
import pytest

from common.vision import backbones, saliency
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
    witness = explain.witness(taps, found)
    features = taps.compute(pictures)[:, 0]
    wanted = found.logits(features)[0][:, :, 1].mean(axis=1)
    seen = witness.model.predict_on_batch(pictures.astype(np.float32))
    np.testing.assert_allclose(np.asarray(seen["logit"])[:, 0], wanted, rtol=1e-3, atol=1e-2)
    shares = witness.shares(pictures)
    at_centre = found.logits(found.mean[None])[0][0, :, 1].mean()
    np.testing.assert_allclose(shares.sum(axis=(1, 2)), wanted - at_centre, rtol=1e-3, atol=2e-2)


def test_what_is_not_the_eye_has_no_share(taps, pictures):
    lone = pictures.copy()
    y, x = np.mgrid[:SIZE, :SIZE]
    disc_of = np.hypot(y - SIZE / 2, x - SIZE / 2) < 40
    lone[:, ~disc_of] = 0
    within = explain.inside(lone)
    np.testing.assert_array_equal(within, np.broadcast_to(disc_of, within.shape))
    maps = explain.witness(taps, trained(taps)).maps(lone, 2, within)
    for found in maps.values():
        small = saliency.resized(within.astype(np.float32), *found.shape[1:])
        assert np.abs(found[small == 0]).max() == 0 < np.abs(found).max()


def test_of_a_softmax_referable_grades_stand_against_the_others(taps, pictures):
    found = trained(taps, "softmax")
    seen = explain.witness(taps, found).model.predict_on_batch(pictures.astype(np.float32))
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
