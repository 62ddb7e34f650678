"""Good photographs pass; what is wrong with spoilt ones is said."""

import cv2
import numpy as np
import pytest

from common.validation import DataError
from recipes.retina import quality
from recipes.retina.tests import spoil
from recipes.retina.tests.drawn import fundus, save

REASONS = {
    "blurred by 3 pixels": "blurred",
    "blurred by 4 pixels": "blurred", "shaken by 25 pixels": "shaken",
    "a tenth of the light": "too dark", "4 times the light": "overexposed",
    "noise of 20 levels": "noisy", "half in shadow": "unevenly lit",
    "right 55 % cut away": "cut too much",
}  # fmt: skip
DISC = dict(height=540, width=600, x=300, y=270, radius=256)


@pytest.mark.parametrize("given", [
    DISC, dict(), dict(height=430, width=512, x=256, y=215, radius=256, seed=1), dict(light=0.6),
    dict(height=1500, width=1500, x=750, y=750, radius=700, seed=2),
], ids=str)  # fmt: skip
def test_a_good_one_passes(given):
    found = quality.check(fundus(**given))
    assert found.gradable and found.reason == "", found
    assert 0.9 < found.measures["share_seen"] <= 1 and found.measures["burnt"] == 0


@pytest.mark.parametrize("name", REASONS)
def test_what_is_wrong_is_said(name):
    found = quality.check(spoil.SPOILT[name](fundus(**DISC)))
    assert not found.gradable and found.reason.startswith(f"{REASONS[name]}:"), found


@pytest.mark.parametrize(("picture", "words"), [
    (np.zeros((300, 300, 3), np.uint8), "not a fundus photograph: it shows no bright disc"),
    (np.full((300, 300, 3), 255, np.uint8), "not a fundus photograph"),
    (fundus(20, 20, 10, 10, 8), "it has 20 x 20 pixels"),
    (fundus()[..., ::-1].copy(), "rather blue than red"),
])  # fmt: skip
def test_what_is_no_fundus_photograph(picture, words):
    found = quality.check(picture)
    assert not found.gradable and words in found.reason


def test_grey_is_no_fault():
    grey = cv2.cvtColor(fundus(), cv2.COLOR_RGB2GRAY)
    assert quality.check(np.repeat(grey[..., None], 3, axis=2)).gradable


def test_a_flat_disc_is_blurred():
    flat = cv2.circle(np.zeros((600, 600, 3), np.uint8), (300, 300), 250, (150, 80, 40), -1)
    assert quality.check(flat).reason.startswith("blurred:")


@pytest.mark.parametrize(("sigma", "noise"), [(9, 2), (14, 2)])
def test_noise_is_no_detail(sigma, noise):
    """What is fine in a photograph that was blurred before its noise came is the noise."""
    soft = spoil.blurred(sigma)(fundus(**DISC))
    found = quality.check(spoil.noisy(noise)(soft))
    assert found.reason.startswith("blurred: no vessel"), found
    assert found.measures["sharpness"] > quality.LEAST_SHARPNESS


def test_measures_follow_what_is_done():
    whole = quality.check(fundus(**DISC)).measures
    dim = quality.check(fundus(**DISC, light=0.5)).measures
    assert dim["light"] == pytest.approx(whole["light"] / 2, rel=0.1)
    assert dim["evenness"] == pytest.approx(whole["evenness"], abs=0.03)
    soft = [quality.check(spoil.blurred(k)(fundus(**DISC))).measures for k in (1, 2, 3)]
    sharp = [each["sharpness"] for each in (whole, *soft)]
    assert sharp == sorted(sharp, reverse=True)
    grainy = [quality.check(spoil.noisy(k)(fundus(**DISC))).measures["noise"] for k in (10, 20)]
    assert grainy[1] == pytest.approx(2 * grainy[0], rel=0.15)


def test_the_edge_of_a_cut_is_not_measured():
    soft = spoil.blurred(3)(fundus(**DISC))
    whole = quality.check(soft).measures
    picture = fundus(**DISC)
    picture[:100], picture[440:] = 3, 3
    cut = quality.check(spoil.blurred(3)(picture)).measures
    for name in ("sharpness", "steadiness", "evenness"):
        assert cut[name] == pytest.approx(whole[name], abs=0.06), name


def test_a_file_is_judged_as_its_pixels(tmp_path):
    eye = fundus(**DISC)
    path = save(tmp_path / "eye.png", eye)
    assert quality.check(path) == quality.check(str(path)) == quality.check(eye)
    black = quality.check(save(tmp_path / "black.png", np.zeros((90, 90, 3), np.uint8)))
    assert "black.png" not in black.reason and "one brightness" in black.reason
    (tmp_path / "cut.jpg").write_bytes(save(tmp_path / "w.jpg", eye).read_bytes()[:5000])
    with pytest.raises(DataError, match="cut.jpg is damaged or cut off"):
        quality.check(tmp_path / "cut.jpg")
    with pytest.raises(ValueError, match="uint8"):
        quality.check(eye.astype(float))


# --- Real photographs: the shares that `quality` states, on a part of them ------------------------


def refused(paths, name):
    if not paths:
        pytest.skip("RECIPES_MIRROR names no folder with the published sets")
    found = list(spoil.verdicts(paths, spoil.SPOILT[name]))
    return np.mean([not each.gradable for each in found])


@pytest.mark.parametrize("part", ["train", "test"])
def test_real_photographs_pass(part):
    assert refused(spoil.photographs(part, 5), "as it is") <= 0.02


@pytest.mark.parametrize("name", [*REASONS, "blurred by 2 pixels", "a fifth of the light"])
def test_spoilt_photographs_are_refused(name):
    least = 0.85 if name == "4 times the light" else 0.95
    assert refused(spoil.photographs("train", 20), name) >= least


def test_other_pictures_are_refused():
    assert refused(spoil.others(8), "as it is") >= 0.95
