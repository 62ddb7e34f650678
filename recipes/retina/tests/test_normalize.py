"""Every eye has one size, black is black, and levelled light is what the formula says."""

import cv2
import numpy as np
import pytest

from recipes.retina import disc, normalize
from recipes.retina.normalize import normalized
from recipes.retina.tests import plain
from recipes.retina.tests.drawn import fundus


def away(size):
    steps = np.arange(size) + 0.5 - size / 2
    return np.hypot(steps, steps[:, None])


@pytest.mark.parametrize("given", [
    dict(), dict(radius=120.3, x=180), dict(height=300, y=150),
    dict(height=900, width=1100, x=560, y=440, radius=400),
], ids=str)  # fmt: skip
@pytest.mark.parametrize(("size", "share"), [(256, 0.98), (299, 0.9)])
def test_every_eye_has_one_size(given, size, share):
    picture = normalized(fundus(**given), size, share=share)
    assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
    radius = share * size / 2
    assert not picture[away(size) > radius].any()
    found = disc.find(picture)
    assert abs(found.x - size / 2) < 1.2 and abs(found.y - size / 2) < 1.2
    assert abs(found.radius - radius) < 1.5


def test_what_was_cut_off_is_black():
    picture = fundus()
    picture[:70], picture[300:] = 6, 6
    size, factor = 256, 0.98 * 256 / 340
    made = normalized(picture, size)
    top, bottom = size / 2 - 130 * factor, size / 2 + 100 * factor
    assert not made[: int(top)].any() and not made[int(bottom) + 1 :].any()
    assert made[int(top) + 4 : int(bottom) - 4, size // 2].min() > 0
    grey = normalized(picture, size, "graham")
    assert (grey[: int(top)] == 128).all() and (grey[int(bottom) + 1 :] == 128).all()
    # No bright or dark line along the cut: blurring reflects there.
    edge = grey[int(top) + 4, 80:176].astype(float).mean()
    assert abs(edge - grey[100:150, 80:176].mean()) < 10


@pytest.mark.parametrize("size", [512, 299, 64])  # a blur at half the size, that too, a whole one
def test_graham_is_the_formula(size):
    picture = fundus(size - 3, size - 6, size / 2, size / 2, 0.49 * size)
    radius, inside = 0.49 * size, away(size)[: size - 3, : size - 6] < 0.44 * size
    wanted = plain.formula(picture, radius)[inside]
    off = np.abs(normalize.graham(picture, radius)[inside] - wanted)
    usual = np.abs(plain.usual(picture, radius)[inside] - wanted)
    assert off.mean() < 0.4 and np.quantile(off, 0.999) < 2.5
    assert off.mean() < usual.mean()
    bias = (normalize.graham(picture, radius)[inside] - wanted).mean()
    assert abs(bias) < 0.1


def test_graham_of_a_file_is_grey_beyond_nine_tenths():
    picture = normalized(fundus(), 256, "graham")
    radius = 0.49 * 256
    assert (picture[away(256) > 0.9 * radius] == 128).all()
    inside = picture[away(256) < 0.88 * radius].astype(float)
    assert abs(inside.mean() - 128) < 3 and inside.std() > 10
    # Levelled: what is left of the shading is little of what there was.
    rim, middle = away(256) > 0.75 * radius, away(256) < 0.4 * radius
    ring = rim & (away(256) < 0.88 * radius)
    before = normalized(fundus(), 256)[..., 1]
    assert abs(before[ring].mean() - before[middle].mean()) > 6
    assert abs(picture[ring].mean() - picture[middle].mean()) < 4


def test_clahe_changes_lightness_alone():
    before, after = normalized(fundus(), 256), normalized(fundus(), 256, "clahe")
    inside = away(256) < 0.9 * 0.49 * 256
    lab = [cv2.cvtColor(each, cv2.COLOR_RGB2LAB).astype(int) for each in (before, after)]
    assert np.abs(lab[0] - lab[1])[inside, 0].mean() > 3
    assert np.abs(lab[0] - lab[1])[inside][:, 1:].mean() < 2.5
    assert lab[1][inside, 0].std() > 1.2 * lab[0][inside, 0].std()
    assert not after[away(256) > 0.49 * 256].any()


@pytest.mark.parametrize(("settings", "words"), [
    (dict(leveling="Graham"), "leveling='Graham' must be one of none, graham, clahe"),
    (dict(size=16), "size=16 must be at least 32"),
    (dict(share=0.0), "share=0.0 must be above 0"),
    (dict(share=1.2), "share=1.2 must be above 0 and at most 1"),
])  # fmt: skip
def test_settings_out_of_range(settings, words):
    with pytest.raises(ValueError, match=words):
        normalized(fundus(), **settings)


def test_the_given_picture_is_not_changed():
    picture = fundus()
    before = picture.copy()
    for leveling in normalize.LEVELINGS:
        normalized(picture, 128, leveling)
    assert np.array_equal(picture, before)
