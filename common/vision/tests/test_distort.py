"""Each step is worse than the one before, in the unit that it states, and nothing else changes."""

import io
import itertools

import cv2
import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from common.metrics import wilson  # noqa: E402
from common.tests.test_plots import assert_nothing_is_cut_off  # noqa: E402
from common.vision import distort  # noqa: E402
from common.vision.distort import DISTORTIONS  # noqa: E402

NAMES = list(DISTORTIONS)


def scene(height=600, width=540, seed=0):
    """Coloured noise of all scales, as photographs have it, in a disc on black."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for scale in (1, 4, 16, 64):
        coarse = random.normal(0, 14, (height // scale + 2, width // scale + 2, 3))
        picture += cv2.resize(coarse.astype(np.float32), (width, height))
    picture = np.clip(picture + (150, 110, 80), 1, 255).astype(np.uint8)
    rows, columns = np.mgrid[:height, :width]
    outside = np.hypot(rows - height / 2, columns - width / 2) > 0.48 * min(height, width)
    picture[outside] = 0
    return picture, outside


PICTURE, OUTSIDE = scene()
SMALL = [scene(40, 50, seed)[0] for seed in range(3)]
GREY = np.full((200, 200, 3), 128, np.uint8)
RAMP = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)


def psnr(worse):
    return 10 * np.log10(255**2 / np.mean((worse.astype(float) - PICTURE) ** 2))


def linear(stored):
    """sRGB's curve as IEC 61966-2-1 writes it, from levels of 255."""
    stored = np.asarray(stored) / 255
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


def assert_light(found, light):
    """These levels are that light, to half a level; `linear` turned round by a table of its own."""
    finer = np.linspace(0, 255, 50_001)
    expected = np.interp(np.minimum(light, 1), linear(finer), finer)
    assert np.abs(found - expected).max() <= 0.51


@pytest.mark.parametrize("name", NAMES)
def test_the_mildest_level_changes_nothing_and_the_rest_ever_more(name):
    kind, before = DISTORTIONS[name], PICTURE.copy()
    same = kind.apply(PICTURE, kind.undistorted, seed=3)
    assert (same == PICTURE).all() and not np.shares_memory(same, PICTURE)
    worse = [kind.apply(PICTURE, level, seed=3) for level in kind.levels[1:]]
    assert all(each.dtype == np.uint8 and each.shape == PICTURE.shape for each in worse)
    quality = [psnr(each) for each in worse]
    assert all(mild > bad + 0.3 for mild, bad in itertools.pairwise(quality)), quality
    assert 24 < quality[0] < 60 and quality[-1] < 27
    np.testing.assert_array_equal(PICTURE, before)


@pytest.mark.parametrize("name", ["size", "blur"])
def test_steps_between_neighbours_fall(name):
    kind = DISTORTIONS[name]
    steps = [np.diff(kind.apply(PICTURE, level).astype(int), axis=1) for level in kind.levels]
    found = [np.mean(each**2) for each in steps]
    assert all(mild > 1.1 * bad for mild, bad in itertools.pairwise(found)), found


def test_size_is_of_the_longer_side_and_never_enlarges():
    size = DISTORTIONS["size"]
    tall = np.zeros((100, 60, 3), np.uint8)
    tall[::2] = 200  # lines one pixel high, whose mean is 100
    for picture in (tall, tall.transpose(1, 0, 2)):
        assert np.abs(size.apply(np.ascontiguousarray(picture), 50).astype(int) - 100).max() <= 1
        for level in (100, 101, 512):
            np.testing.assert_array_equal(size.apply(picture, level), picture)
        assert (size.apply(picture, 99) != picture).any()
    assert np.ptp(size.apply(PICTURE, 1), axis=(0, 1)).max() == 0
    thin = np.arange(300, dtype=np.uint8).reshape(1, 100, 3)
    assert size.apply(thin, 10).shape == thin.shape  # its other side stays at one pixel


@pytest.mark.parametrize("shape", [(512, 700), (300, 256), (128, 128)])
@pytest.mark.parametrize("level", [2, 4, 8])
def test_blur_means_the_same_at_every_size(shape, level):
    """A Gaussian leaves exp(-(2 pi sigma frequency)^2 / 2) of a wave."""
    waves, short = 8, min(shape)  # in the shorter side
    wave = 100 * np.cos(2 * np.pi * waves * (np.arange(shape[1]) + 0.5) / short)
    picture = np.repeat(np.uint8(np.rint(128 + wave))[None], shape[0], 0)[..., None].repeat(3, 2)
    blurred = DISTORTIONS["blur"].apply(picture, level).astype(float) - 128
    middle, wave = blurred[:, shape[1] // 4 : -shape[1] // 4], wave[shape[1] // 4 : -shape[1] // 4]
    expected = np.exp(-((2 * np.pi * level / 512 * waves) ** 2) / 2)
    assert np.ptp(blurred, axis=(0, 2)).max() == 0  # nothing happens along the lines
    assert middle[0, :, 0] @ wave / (wave @ wave) == pytest.approx(expected, abs=0.004)


def test_the_mildest_blur_is_felt_in_small_pictures():
    """A pixel of 512 is a quarter of one of 128: a sampled Gaussian would leave it as it is."""
    line = np.zeros((128, 128, 3), np.uint8)
    line[:, 64] = 255
    spread = DISTORTIONS["blur"].apply(line, 1)[64, :, 0] / 255
    assert (spread * (np.arange(128) - 64) ** 2).sum() == pytest.approx(0.25**2, abs=0.01)


def test_jpeg_is_what_another_encoder_makes_and_no_channels_are_swapped():
    for quality in (90, 30):
        buffer = io.BytesIO()
        Image.fromarray(PICTURE).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
        theirs = np.asarray(Image.open(buffer)).astype(int)
        ours = DISTORTIONS["jpeg"].apply(PICTURE, quality)
        assert np.abs(ours - theirs).mean() < 0.5 < np.abs(ours - PICTURE.astype(int)).mean()


@pytest.mark.parametrize("level", [5, 20])
def test_noise_is_as_strong_as_stated_and_independent(level):
    noise = DISTORTIONS["noise"].apply(GREY, level, seed=1).astype(float) - 128
    assert noise.std(axis=(0, 1)) == pytest.approx(level, rel=0.03)
    assert np.abs(noise.mean(axis=(0, 1))).max() < 0.03 * level
    flat = noise.reshape(-1, 3)
    together = np.corrcoef([*flat[1:].T, flat[:-1, 0]])  # three channels, and the pixel before
    assert np.abs(together - np.eye(4)).max() < 0.03


def test_the_same_seed_is_the_same_noise():
    noise = DISTORTIONS["noise"]
    first = noise.apply(PICTURE, 10, seed=1)
    np.testing.assert_array_equal(first, noise.apply(PICTURE, 10, seed=1))
    assert (first != noise.apply(PICTURE, 10, seed=2)).mean() > 0.5
    mild, bad = (noise.apply(GREY, level, seed=1).astype(float) - 128 for level in (10, 20))
    assert np.abs(2 * mild - bad).max() <= 1.5  # one pattern, twice as strong, but for rounding


def test_each_picture_has_noise_of_its_own_whatever_the_others():
    first, second = distort.distorted([GREY, GREY], "noise", 10, seed=4)
    assert (first != second).mean() > 0.5
    again = list(distort.distorted(iter([SMALL[0], GREY]), "noise", 10, seed=4))[1]
    np.testing.assert_array_equal(again, second)
    other = next(distort.distorted(itertools.repeat(GREY), "noise", 10, seed=5))  # one by one
    assert (other != first).mean() > 0.5 and (other != second).mean() > 0.5


@pytest.mark.parametrize("factor", [0.125, 0.5, 1.5])
def test_light_is_a_factor_on_linear_light(factor):
    found = DISTORTIONS["light"].apply(RAMP, factor)
    assert_light(found, factor * linear(RAMP))
    assert np.ptp(found, axis=2).max() == 0


@pytest.mark.parametrize("percent", [5, 40, -40])
def test_colour_moves_red_and_blue_in_linear_light_and_keeps_green(percent):
    found = DISTORTIONS["colour"].apply(RAMP, percent)
    np.testing.assert_array_equal(found[..., 1], RAMP[..., 1])
    more, less = (2, 0) if percent > 0 else (0, 2)
    assert_light(found[..., more], linear(RAMP[..., more]) * (1 + abs(percent) / 100))
    assert_light(found[..., less], linear(RAMP[..., less]) / (1 + abs(percent) / 100))


def test_red_undoes_blue_and_the_ratio_rises_with_the_level():
    colour = DISTORTIONS["colour"]
    dim = DISTORTIONS["light"].apply(PICTURE, 0.25)  # nothing is clipped
    assert np.abs(colour.apply(colour.apply(dim, 20), -20) - dim.astype(int)).max() <= 1
    shifted = [linear(colour.apply(dim[::4, ::4], level)) for level in colour.levels]
    ratios = np.array([each[..., 2].mean() / each[..., 0].mean() for each in shifted])
    expected = [(1 + level / 100) ** 2 for level in colour.levels]
    np.testing.assert_allclose(ratios / ratios[0], expected, rtol=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_black_stays_black(name):
    kind = DISTORTIONS[name]
    for level in kind.levels[1:]:
        assert not kind.apply(PICTURE, level, keep_black=True)[OUTSIDE].any()
    free, kept = (kind.apply(PICTURE, level, keep_black=keep) for keep in (False, True))
    np.testing.assert_array_equal(free[~OUTSIDE], kept[~OUTSIDE])
    assert free[OUTSIDE].any() == (name not in ("light", "colour"))
    assert not DISTORTIONS["light"].apply(PICTURE, 8)[OUTSIDE].any()
    red = GREY * np.uint8([1, 0, 0])  # black in two channels only
    assert DISTORTIONS["noise"].apply(red, 40, keep_black=True)[..., 1].any()


def means(pictures):
    return {"mean": float(np.mean([picture.mean() for picture in pictures]))}


def test_ladder_scores_each_level_once_and_the_undistorted_once():
    seen, said = [], []

    def score(pictures):
        assert isinstance(pictures, list) and pictures[2].shape == SMALL[2].shape
        seen.append(np.concatenate([each.ravel() for each in pictures]))
        return {**means(pictures), "share": wilson(8, 10)}

    table = distort.ladder(score, iter(SMALL), seed=2, log=said.append)
    assert list(table) == ["distortion", "level", "mean", "share", "share low", "share high"]
    for name in NAMES:
        assert tuple(table.loc[table["distortion"] == name, "level"]) == DISTORTIONS[name].levels
    # No size makes 50 pixels smaller; this sigma is 1/25 of a pixel.
    pairs = zip(table["distortion"], table["level"], strict=True)
    nothing = [kind == "size" or (kind, level) == ("blur", 0.5)
               or level == DISTORTIONS[kind].undistorted for kind, level in pairs]  # fmt: skip
    assert set(table.loc[nothing, "mean"]) == {means(SMALL)["mean"]}
    assert len(seen) == len(said) == 1 + nothing.count(False)
    assert len({each.tobytes() for each in seen}) == len(seen)
    for name, level in (("noise", 20), ("blur", 4), ("jpeg", 10), ("light", 0.25), ("colour", 40)):
        (row,) = table[(table["distortion"] == name) & (table["level"] == level)].to_dict("records")
        assert row["mean"] == means(list(distort.distorted(SMALL, name, level, 2)))["mean"]
        assert (row["share low"], row["share high"]) == (wilson(8, 10).low, wilson(8, 10).high)
    assert said[0].startswith("undistorted: mean ") and "share 0.800 (0." in said[0]
    assert any(line.startswith("blur 2 pixels at 512: mean ") for line in said)


def test_a_score_that_writes_into_its_pictures_spoils_nothing():
    pictures, given = np.stack(SMALL), np.stack(SMALL)

    def score(worse):
        assert isinstance(worse, np.ndarray) and worse.shape == given.shape
        found = means(worse)
        worse[:] = 0
        return found

    names = ["colour", "light"]
    table = distort.ladder(score, pictures, names, log=None)
    pd.testing.assert_frame_equal(table, distort.ladder(means, SMALL, names, log=None))
    np.testing.assert_array_equal(pictures, given)


def test_ladder_takes_other_levels_and_keeps_black():
    both, calls = {"colour": (-40, 0, 40), "size": (20,)}, []
    table = distort.ladder(lambda pictures: calls.append(1) or means(pictures), SMALL,
                           ["colour", "size"], both, log=None)  # fmt: skip
    assert table["level"].tolist() == [-40, 0, 40, distort.AS_IS, 20] and len(calls) == 4
    dark = [np.zeros((9, 9, 3), np.uint8)]
    assert distort.ladder(means, dark, "noise", keep_black=True, log=None)["mean"].max() == 0
    assert distort.ladder(means, dark, "noise", log=None)["mean"].max() > 5


@pytest.mark.parametrize("name, level", [
    ("size", 0), ("size", 99.5), ("blur", -1), ("blur", 65), ("jpeg", 0), ("jpeg", 101),
    ("jpeg", 50.5), ("noise", -1), ("light", -0.1), ("light", 9), ("colour", 81), ("colour", -81),
    ("noise", float("nan")), ("noise", distort.AS_IS), ("light", "0.5"), ("light", None),
])  # fmt: skip
def test_a_level_out_of_range_is_refused(name, level):
    said = f"level=.* of '{name}' must be a (whole )?number from"
    with pytest.raises(ValueError, match=said):
        DISTORTIONS[name].apply(PICTURE, level)
    with pytest.raises(ValueError, match=said):
        distort.ladder(pytest.fail, SMALL, [name], {name: [level]})


@pytest.mark.parametrize("picture", [
    PICTURE[..., 0], PICTURE / 255, PICTURE[..., :2], PICTURE[:0], PICTURE[None], [[0]], None,
])  # fmt: skip
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(ValueError, match="picture is .* must be an array uint8"):
        DISTORTIONS["light"].apply(picture, 0.5)
    with pytest.raises(ValueError, match=r"pictures\[1\] is"):
        list(distort.distorted([PICTURE, picture], "light", 0.5))
    with pytest.raises(ValueError, match=r"pictures\[1\] is"):
        distort.ladder(pytest.fail, [PICTURE, picture])


def test_other_mistakes_are_named():
    with pytest.raises(ValueError, match="name='nois' is none of .* Did you mean 'noise'"):
        distort.distorted([], "nois", 1)
    with pytest.raises(ValueError, match="name='color' .* Did you mean 'colour'"):
        distort.ladder(pytest.fail, SMALL, ["light", "color"])
    for seed in (-1, 1.5):
        with pytest.raises(ValueError, match=f"seed={seed} must be"):
            distort.distorted(SMALL, "noise", 1, seed)
        with pytest.raises(ValueError, match=f"seed={seed} must be"):
            distort.ladder(pytest.fail, SMALL, seed=seed)
    with pytest.raises(ValueError, match="pictures is empty"):
        distort.ladder(pytest.fail, [])
    with pytest.raises(ValueError, match="names="):
        distort.ladder(pytest.fail, SMALL, ["blur", "blur"])
    with pytest.raises(ValueError, match=r"\['blur'\].*leaves out"):
        distort.ladder(pytest.fail, SMALL, ["light"], {"blur": (0, 1)})


def test_scores_that_are_none_are_refused():
    for found in (0.5, {}, {"level": 1.0}, {"kappa": "high"}, {"kappa": None}):
        with pytest.raises(ValueError, match="score gave .* for undistorted"):
            distort.ladder(lambda _, found=found: found, SMALL, log=None)
    names, levels = iter("aab"), {"light": (0.7, 0.5)}
    with pytest.raises(ValueError, match=r"score gave \['b'\] for light 0.5 factor"):
        distort.ladder(lambda _: {next(names): 1.0}, SMALL, "light", levels, log=None)


def measured(names=NAMES):
    """A made-up table: each level a little worse, with a band."""
    rows = [{"distortion": name, "level": float(level), "area": 0.94 - 0.03 * place**1.4,
             "area low": 0.92 - 0.035 * place**1.4, "area high": 0.955 - 0.028 * place**1.4}
            for name in names for place, level in enumerate(DISTORTIONS[name].levels)]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("names", [NAMES, NAMES[1:], NAMES[:4], NAMES[2:4], ["colour"]])
def test_plot_has_a_panel_a_distortion(names):
    open_before = plt.get_fignums()
    figure = distort.plot_ladder(measured(names), "area", "area under the curve")
    assert plt.get_fignums() == open_before
    axes = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title(loc="left") for axis in axes] == names
    assert len({axis.get_ylim() for axis in axes}) == 1
    for axis, name in zip(axes, names, strict=True):
        kind = DISTORTIONS[name]
        assert kind.title in axis.get_xlabel() and kind.unit in axis.get_xlabel()
        curve, dashed = axis.lines
        np.testing.assert_allclose(curve.get_ydata(), measured([name])["area"])
        assert dashed.get_linestyle() == "--" and set(dashed.get_ydata()) == {0.94}
        (band,) = axis.collections
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() == pytest.approx(measured([name])["area low"].min())
        assert heights.max() == pytest.approx(0.955)
        ticks = [tick.get_text() for tick in axis.get_xticklabels()]
        assert len(ticks) == len(kind.levels) and ticks[-1] == f"{kind.levels[-1]:g}"
        boxes = [tick.get_window_extent() for tick in axis.get_xticklabels()]
        assert all(left.x1 + 1 < right.x0 for left, right in itertools.pairwise(boxes)), name
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][1:] == ["interval", "undistorted"]
    assert_nothing_is_cut_off(figure)


def test_plot_of_both_directions_without_bands():
    table = distort.ladder(means, SMALL, "colour", {"colour": (-40, -20, 0, 20, 40)}, log=None)
    (axis,) = distort.plot_ladder(table, "mean").axes
    assert not axis.collections and axis.get_ylabel() == "mean"
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["−40", "−20", "0", "20", "40"]
    assert axis.lines[1].get_ydata()[0] == means(SMALL)["mean"]
    (percent,) = distort.plot_ladder(measured(["blur"]), "area", percent=True).axes
    assert all(tick.get_text().endswith("%") for tick in percent.get_yticklabels())
    with pytest.raises(ValueError, match=r"lacks the columns \['kappa'\]"):
        distort.plot_ladder(table, "kappa")
    with pytest.raises(ValueError, match="0 rows"):
        distort.plot_ladder(table.head(0), "mean")
