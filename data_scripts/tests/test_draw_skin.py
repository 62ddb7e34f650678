"""Lesions look as they are described, masks lie where they change the skin, light is recorded."""

from itertools import product

import cv2
import numpy as np
import pytest

from data_scripts import draw_skin
from data_scripts import sample_skin as sample
from data_scripts.draw_skin_lesions import CLASSES, DECISIVE, LEVELS
from data_scripts.draw_skin_structures import KINDS

LIGHT = {"artefacts": (), "gains": (1, 1, 1)}


def case(dx, seed, level="easy", **more):
    return sample.case(dx, level, np.random.default_rng(seed), **more)


def shoot(drawn, seed, **more):
    return sample.shoot(drawn, np.random.default_rng(seed), **more)


def around(inside):
    """A ring of skin that is close to a lesion but not at its edge."""
    inside = inside.astype(np.uint8)
    return (cv2.dilate(inside, np.ones((45, 45))) > 0) & (cv2.dilate(inside, np.ones((19, 19))) < 1)


@pytest.mark.parametrize("dx", CLASSES)
def test_the_lesion_differs_from_the_skin_around_it(dx):
    for seed, level, tone in ((1, "easy", "I"), (2, "medium", "III"), (3, "hard", "V"),
                              (4, "hard", "VI"), (5, "hard", None)):  # fmt: skip
        found = shoot(case(dx, [seed, 1], level, tone=tone), seed, **LIGHT)
        lab = cv2.cvtColor(found.photograph.pixels, cv2.COLOR_RGB2LAB).astype(float)
        ring = around(found.inside)
        within, skin = lab[found.inside].mean(0), lab[ring].mean(0)
        assert np.linalg.norm(within - skin) > 5, (seed, level, tone)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dx", CLASSES)
def test_decisive_structures_are_drawn_where_their_masks_say(dx, level):
    """And nowhere else; what is left out leaves the rest as it was."""
    for seed in range(2):
        whole, bare = case(dx, seed, level), case(dx, seed, level, leave_out=DECISIVE[dx])
        first, second = (shoot(each, 7, artefacts=()) for each in (whole, bare))
        mask = first.decisive(dx)
        assert mask.sum() > 30 and not second.decisive(dx).any()
        assert (first.inside == second.inside).all()
        change = np.abs(first.photograph.pixels.astype(int) - second.photograph.pixels).max(2)
        assert change[mask].mean() > 4 and (change[mask] > 1).mean() > 0.75
        # The edge of some lesions is as wide as that.
        near = cv2.dilate(first.inside.astype(np.uint8), np.ones((51, 51))) > 0
        assert change[~near].max() == 0


def effect(kind, dx):
    """How a structure changes its pixels: mean red, green and blue without it and with it."""
    for seed in range(40):
        whole = case(dx, [seed, 6], tone="II")
        if kind in whole.lesion.covers():
            bare = case(dx, [seed, 6], tone="II", leave_out=(kind,))
            mask = whole.lesion.covers()[kind] > 0.6
            return bare.plate[:, mask].mean(1), whole.plate[:, mask].mean(1)
    raise AssertionError(f"{kind} is never drawn in {dx}")


LOOKS = {
    "darker": {"nv": ("network", "globules"), "mel": ("atypical_network", "globules", "streaks"),
               "bkl": ("comedo_openings", "ridges"), "bcc": ("ulceration",), "df": ("network",)},
    "brighter": {"bkl": ("milia_cysts",), "akiec": ("scale",), "df": ("scar",)},
    "redder": {"bcc": ("vessels",), "akiec": ("vessels", "pseudonetwork"), "vasc": ("lacunae",)},
    "bluer": {"mel": ("blue_white_veil",), "bcc": ("nests",)},
    "paler": {"mel": ("regression",)},
}  # fmt: skip
LOOKS = [(kind, dx, how) for how, rest in LOOKS.items() for dx, kinds in rest.items()
         for kind in kinds]  # fmt: skip


def test_every_decisive_structure_is_looked_at():
    assert {(kind, dx) for kind, dx, _ in LOOKS} == {
        (kind, dx) for dx, kinds in DECISIVE.items() for kind in kinds}  # fmt: skip
    assert {kind for kind, _, _ in LOOKS} == set(KINDS)


@pytest.mark.parametrize(("kind", "dx", "looks"), LOOKS)
def test_structures_look_as_they_are_described(kind, dx, looks):
    without, with_it = effect(kind, dx)
    if looks == "darker":
        assert (with_it < without - 0.03).all()
    elif looks == "brighter":
        assert (with_it > without + 0.03).all()
    elif looks == "redder":
        assert with_it[0] / with_it[1] > 1.15 * without[0] / without[1]
    elif looks == "bluer":
        assert with_it[2] / with_it[0] > 1.15 * without[2] / without[0]
    else:  # less saturated
        assert np.ptp(with_it) / with_it.mean() < 0.8 * np.ptp(without) / without.mean()


def asymmetry(dx, level):
    """How much of the outline does not fall upon itself when it is turned by half."""
    found = []
    for seed in range(12):
        inside = (case(dx, [seed, 4], level).lesion.inside > 0.5).astype(np.uint8)
        moments = cv2.moments(inside, True)
        middle = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
        turned = cv2.warpAffine(inside, cv2.getRotationMatrix2D(middle, 180, 1), inside.shape)
        found.append((turned != inside).sum() / inside.sum())
    return np.mean(found)


def test_melanomas_are_less_symmetric_than_nevi_and_harder_ones_less_so():
    nevus, melanoma = asymmetry("nv", "easy"), asymmetry("mel", "easy")
    assert melanoma > 2.5 * nevus and nevus < 0.1
    assert asymmetry("mel", "hard") / asymmetry("nv", "hard") < 0.6 * melanoma / nevus


def test_structures_are_fainter_and_melanomas_show_fewer_where_it_is_hard():
    contrast, count = ({level: [] for level in LEVELS} for _ in range(2))
    for level, seed in product(LEVELS, range(8)):
        whole, bare = (case("vasc", [seed, 3], level, tone="II", leave_out=kinds)
                       for kinds in ((), ("lacunae",)))  # fmt: skip
        mask = whole.lesion.covers()["lacunae"] > 0.6
        contrast[level].append((bare.plate - whole.plate)[:, mask].mean())
        shown = case("mel", [seed, 3], level).lesion.covers()
        count[level].append(len(set(shown) & set(DECISIVE["mel"])))
    for found in (contrast, count):
        easy, medium, hard = (np.mean(found[level]) for level in ("easy", "medium", "hard"))
        assert easy > 1.15 * medium and medium > 1.15 * hard > 0


def test_gains_are_the_ones_that_were_recorded():
    """Of two photographs that differ in nothing else; and of those drawn, the product is 1."""
    drawn = case("nv", 5, tone="III")
    plain, tinted = shoot(drawn, 3, **LIGHT), shoot(drawn, 3, artefacts=())
    assert np.prod(tinted.photograph.gains) == pytest.approx(1)
    assert np.abs(np.log(tinted.photograph.gains)).max() > 0.02
    pixels, white = tinted.photograph.pixels.astype(float), plain.photograph.pixels.astype(float)
    good = ((pixels > 40) & (pixels < 250) & (white < 250)).all(2)
    assert good.mean() > 0.5
    ratio = pixels[good].mean(0) / white[good].mean(0)
    assert ratio == pytest.approx(tinted.photograph.gains, rel=0.01)
    spread = np.log([shoot(drawn, seed, artefacts=()).photograph.gains for seed in range(25)])
    assert (spread.std(0)[[0, 2]] > 0.04).all()


@pytest.mark.parametrize("name", draw_skin.ARTEFACTS)
def test_an_artefact_changes_a_part_of_the_photograph_and_nothing_else(name):
    drawn = case("bkl", 2)
    for seed in range(3):
        clean, with_it = shoot(drawn, seed, artefacts=()), shoot(drawn, seed, artefacts=(name,))
        assert with_it.photograph.artefacts == (name,)
        for value in ("gains", "exposure", "quality"):
            assert getattr(clean.photograph, value) == getattr(with_it.photograph, value)
        change = np.abs(clean.photograph.pixels.astype(int) - with_it.photograph.pixels).max(2)
        assert 0.001 < (change > 8).mean() < 0.6
        field = with_it.photograph.field
        if name == "border":
            assert 0.02 < (~field).mean() < 0.5
            dark = cv2.erode((~field).astype(np.uint8), np.ones((13, 13))) > 0
            assert with_it.photograph.pixels[dark].mean() < 40
            assert not with_it.inside[~field].any() and not with_it.decisive("bkl")[~field].any()
        else:
            assert field.all() and (clean.inside == with_it.inside).all()


def test_artefacts_tone_and_light_say_nothing_of_the_class():
    found = [[(sample.case(dx, level, np.random.default_rng([seed, 5])).tone,
               shoot(plain, seed).photograph.artefacts, shoot(plain, seed).photograph.gains)
              for dx, level in (("nv", "easy"), ("mel", "hard"), ("vasc", "medium"))
              for plain in [case(dx, 0, level)]] for seed in range(4)]  # fmt: skip
    for rows in found:
        assert rows[0] == rows[1] == rows[2]
    assert len({rows[0] for rows in found}) == 4


def test_photographs_of_a_lesion_are_turned_and_enlarged():
    drawn = case("bcc", 1)
    shots = [shoot(drawn, seed, artefacts=()) for seed in range(4)]
    zooms = [np.sqrt(np.linalg.det(shot.photograph.place[:, :2])) for shot in shots]
    for shot, zoom in zip(shots, zooms, strict=True):
        area = (drawn.lesion.inside > 0.5).sum() * zoom**2
        assert shot.inside.sum() == pytest.approx(area, rel=0.03)
    assert np.ptp(zooms) > 0.05
    overlap = shots[0].inside & shots[1].inside
    assert overlap.sum() < 0.97 * shots[0].inside.sum()
