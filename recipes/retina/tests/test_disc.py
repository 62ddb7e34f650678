"""The disc is found to a pixel or two, whatever the camera cut off or printed beside it."""

import cv2
import numpy as np
import pytest

from recipes.retina import disc
from recipes.retina.tests import spoil
from recipes.retina.tests.drawn import fundus


def close(found, x, y, radius, within=1.5):
    assert abs(found.x - x) < within and abs(found.y - y) < within, found
    assert abs(found.radius - radius) < within, found


@pytest.mark.parametrize("given", [
    dict(),
    dict(x=300.4, y=220.7, radius=120.5),
    dict(height=300, y=150, radius=190),  # cut at top and bottom
    dict(width=330, x=165),  # and at the sides
    dict(height=300, width=330, y=150, x=165),  # on all four
    dict(x=170.2, y=100),  # in a corner, cut at the top
    dict(radius=60, x=90, y=320),  # small
    dict(noise=12),
    dict(light=0.25),
    dict(black=25, noise=6),
    dict(height=150, width=190, x=95, y=75, radius=60, noise=90),
], ids=str)  # fmt: skip
def test_found_wherever_it_lies(given):
    picture = fundus(**given)
    close(disc.find(picture), **dict(dict(x=250, y=200, radius=170), **{
        name: given[name] for name in ("x", "y", "radius") if name in given}))  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_any_disc(seed):
    random = np.random.default_rng(seed)
    x, y, radius = random.uniform((200, 150, 100), (300, 250, 200))
    close(disc.find(fundus(x=x, y=y, radius=radius, seed=seed)), x, y, radius)


def test_of_a_large_picture_to_a_thousandth():
    found = disc.find(fundus(1600, 2000, 1010.3, 790.6, 700.2))
    close(found, 1010.3, 790.6, 700.2, within=2.5)


def test_bars_are_no_border():
    picture = fundus()
    picture[:70], picture[300:] = 3, 3
    found = disc.find(picture)
    close(found, 250, 200, 170)
    assert 70 <= found.top <= 74 and 296 <= found.bottom <= 300
    assert found.left == pytest.approx(80, abs=1) and found.right == pytest.approx(420, abs=1)
    chords = 2 * np.sqrt(170**2 - (np.arange(70, 300) + 0.5 - 200) ** 2)
    assert found.share_seen == pytest.approx(chords.sum() / (np.pi * 170**2), abs=0.02)
    assert found.share_border < 0.75
    whole = disc.find(fundus())
    assert whole.share_border == 1 and whole.share_seen > 0.99
    assert (whole.top, whole.right) == (whole.y - whole.radius, whole.x + whole.radius)


def test_what_is_printed_beside_it():
    picture = fundus()
    for place in ((5, 40), (5, 380), (390, 40)):
        cv2.putText(picture, "2019-03-07", place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255,) * 3, 2)
    picture[180:240, 460:490] = 255  # a patch of colour
    cv2.rectangle(picture, (6, 6), (493, 393), (200, 200, 200), 6)  # a frame all round
    cv2.fillPoly(picture, [np.int32([[400, 90], [420, 80], [425, 110]])], (180, 90, 40))  # a notch
    close(disc.find(picture), 250, 200, 170)


def test_a_shadow_is_still_the_disc():
    picture = fundus()
    picture[:, 300:] = (picture[:, 300:] * 0.12).astype(np.uint8)
    found = disc.find(picture)
    close(found, 250, 200, 170, within=2.5)
    assert found.right > 410


@pytest.mark.parametrize("given", [
    dict(height=430, width=512, x=256, y=215, radius=256),
    dict(height=300, width=500, x=250, y=150, radius=170),
])  # fmt: skip
def test_half_of_it_in_shadow(given):
    found = disc.find(spoil.shaded(fundus(**given)))
    close(found, given["x"], given["y"], given["radius"], within=3)
    assert found.top == 0 and found.bottom == given["height"]
    assert found.left < given["x"] - given["radius"] + 3
    assert found.right > given["x"] + 0.6 * given["radius"]


def test_half_of_it_black():
    picture = fundus()
    picture[:, 250:] = 3
    found = disc.find(picture)
    close(found, 250, 200, 170)
    assert found.bottom - found.top > 335 and 244 <= found.right <= 250
    assert found.share_seen == pytest.approx(0.5, abs=0.02)


def test_haze_round_it():
    picture = fundus()
    away = np.hypot(*(np.mgrid[:400, :500] - np.array([200, 250])[:, None, None]))
    haze = 45 * np.exp(-np.maximum(away - 170, 0) / 60)
    picture = np.maximum(picture, np.where(away > 170, haze, 0)[..., None].astype(np.uint8))
    close(disc.find(picture), 250, 200, 170, within=2.5)


def test_grey_is_as_good_as_colour():
    grey = cv2.cvtColor(fundus(), cv2.COLOR_RGB2GRAY)
    close(disc.find(np.repeat(grey[..., None], 3, axis=2)), 250, 200, 170)


def blocks():
    small = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
    return cv2.resize(small, (500, 400), interpolation=cv2.INTER_CUBIC)


def rectangle():
    picture = np.zeros((400, 500, 3), np.uint8)
    picture[60:340, 80:420] = 150
    return picture


def segment():
    """So much was cut off that the circle would be a guess."""
    picture = fundus()
    picture[55:] = 3
    return picture[:90]


def cog():
    """Here and there on the circle, mostly not."""
    down, across = np.mgrid[:400, :500] + 0.5
    angle = np.arctan2(down - 200, across - 250)
    reach = np.random.default_rng(0).uniform(100, 150, 72)
    reach[::5] = 170
    inside = np.hypot(down - 200, across - 250) < reach[((angle / np.pi + 1) * 36).astype(int) % 72]
    return np.where(inside, 150, 0).astype(np.uint8)[..., None].repeat(3, axis=2)


def ring():
    return cv2.circle(np.zeros((400, 500, 3), np.uint8), (250, 200), 150, (150,) * 3, 12)


def crescent():
    picture = cv2.circle(np.zeros((320, 340, 3), np.uint8), (170, 160), 150, (150,) * 3, -1)
    return cv2.circle(picture, (170, 180), 150, (0, 0, 0), -1)


def crowded():
    picture = fundus(radius=140)
    picture[:, :90], picture[:, 410:] = 150, 150
    return picture


@pytest.mark.parametrize(("picture", "words"), [
    (np.zeros((400, 500, 3), np.uint8), "of one brightness"),
    (np.full((400, 500, 3), 255, np.uint8), "of one brightness"),
    (np.random.default_rng(0).integers(0, 7, (400, 500, 3), np.uint8), "of one brightness"),
    (fundus(radius=900), "no bright disc"),  # the disc is larger than the picture
    (blocks(), "no bright disc"),
    (rectangle(), "no round border"),
    (segment(), "no round border"),
    (cog(), "no round border"),
    (ring(), "dark inside"),
    (crescent(), "dark inside"),
    (crowded(), "round the disc is not black"),
    (fundus(24, 30, 15, 12, 10), "has 30 x 24 pixels; at least 32"),
])  # fmt: skip
def test_what_is_no_disc(picture, words):
    with pytest.raises(disc.NoDisc, match=words):
        disc.find(picture)


def test_tiny_but_enough():
    close(disc.find(fundus(64, 64, 32, 32, 28)), 32, 32, 28)


@pytest.mark.parametrize("picture", [
    fundus()[..., 0], fundus().astype(np.float32), np.zeros((90, 90, 4), np.uint8)
])  # fmt: skip
def test_other_arrays_are_refused(picture):
    with pytest.raises(ValueError, match=r"uint8 \[height, width, 3\]"):
        disc.find(picture)


def test_scaled_moves_and_stretches():
    found = disc.Disc(10, 20, 8, 2, 12, 18, 28, 1.0, 1.0).scaled(2.0, x=1, y=2)
    assert found == disc.Disc(18, 36, 16, 2, 20, 34, 52, 1.0, 1.0)


@pytest.mark.parametrize("shape", [(32, 8000), (8000, 40)])
def test_a_strip_is_no_photograph(shape):
    with pytest.raises(disc.NoDisc, match="strip"):
        disc.find(np.full((*shape, 3), 90, np.uint8))
