"""Pictures are made, both ways of descent work, and a stopped run ends as an unbroken one."""

import numpy as np
import pytest
from keras import ops

from common.validation import DataError
from recipes.neural_style import minimise, targets, tiles
from recipes.neural_style import stylise as stylise_module
from recipes.neural_style.objective import Objective
from recipes.neural_style.stylise import Studio
from recipes.neural_style.targets import Wish


class Stop(Exception):
    pass


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_the_loss_falls(extractor, tiny, content, styles, optimizer):
    studio = Studio(extractor, tiny.model_copy(update={"optimizer": optimizer}), "tiny")
    made = studio.make(Wish(content, styles[:1]), log=None)
    assert made.pixels.shape == content.shape and made.pixels.dtype == np.float32
    assert 0 <= made.pixels.min() and made.pixels.max() <= 1
    objective = studio.objective(48, 64)
    before = ops.convert_to_numpy(objective.losses_of(content[None])).dot([0.01, 1, 0, 0])
    after = ops.convert_to_numpy(objective.losses_of(made.pixels[None])).dot([0.01, 1, 0, 0])
    assert after < 0.5 * before


@pytest.mark.parametrize("optimizer, steps", [("adam", 12), ("lbfgs", 12)])
def test_a_stopped_run_ends_as_an_unbroken_one(
    extractor, tiny, content, styles, optimizer, steps, tmp_path, monkeypatch
):
    monkeypatch.setattr(minimise, "SEGMENT", 3)
    monkeypatch.setattr(stylise_module, "KEEP_EVERY", 0.0)
    settings = tiny.model_copy(update={"optimizer": optimizer, "steps": steps, "scales": 2,
                                       "size": 128})  # fmt: skip
    wish = Wish(content, styles[:1])
    unbroken = Studio(extractor, settings, "tiny").make(wish, log=None)
    for where in (3, 9):  # in the coarse and in the fine size

        def stop(pixels, step, where=where):
            if step >= where:
                raise Stop

        with pytest.raises(Stop):
            Studio(extractor, settings, "tiny").make(wish, tmp_path, log=None, preview=stop)
    lines = []
    made = Studio(extractor, settings, "tiny").make(wish, tmp_path, log=lines.append)
    assert lines[0].startswith("Going on after step")
    np.testing.assert_array_equal(made.pixels, unbroken.pixels)
    assert made.curve["step"].tolist() == unbroken.curve["step"].tolist()
    np.testing.assert_allclose(made.curve["total"], unbroken.curve["total"])
    lines.clear()
    again = Studio(extractor, settings, "tiny").make(wish, tmp_path, log=lines.append)
    assert not lines and (again.pixels == unbroken.pixels).all()
    other = settings.model_copy(update={"content_weight": 0.5})
    assert Studio(extractor, other, "tiny").make(wish, tmp_path, log=None).key != again.key


def test_a_damaged_checkpoint_says_the_mend(extractor, tiny, content, styles, tmp_path):
    studio, wish = Studio(extractor, tiny, "tiny"), Wish(content, styles[:1])
    made = studio.make(wish, tmp_path, log=None)
    (tmp_path / f"{made.key}.npz").write_bytes(b"PK half a file")
    with pytest.raises(DataError, match="RESUME = False"):
        studio.make(wish, tmp_path, log=None)
    fresh = studio.make(wish, tmp_path, resume=False, log=None)
    np.testing.assert_array_equal(fresh.pixels, made.pixels)


def test_the_step_is_compiled_once_for_each_size(extractor, tiny, content, styles):
    studio = Studio(extractor, tiny, "tiny")
    one = studio.make(Wish(content, styles[:1]), log=None).pixels
    studio.make(Wish(content, styles[1:]), log=None)
    assert len(studio.objectives) == 1
    # What an earlier picture left in the optimizer does not show in the next.
    np.testing.assert_array_equal(studio.make(Wish(content, styles[:1]), log=None).pixels, one)


def test_each_region_takes_its_own_style(extractor, tiny, content, styles):
    left = np.zeros((48, 64), np.float32)
    left[:, :32] = 1
    red, blue = (np.zeros((64, 64, 3), np.float32) + np.array(c, np.float32)
                 for c in ((0.9, 0.1, 0.1), (0.1, 0.1, 0.9)))  # fmt: skip
    settings = tiny.model_copy(update={"content_weight": 0.0, "steps": 60})
    wish = Wish(content, [red, blue], masks=[left, 1 - left])
    made = Studio(extractor, settings, "tiny").make(wish, log=None).pixels
    assert (made[:, :24, 0] - made[:, :24, 2]).mean() > 0.1
    assert (made[:, 40:, 2] - made[:, 40:, 0]).mean() > 0.1
    crossed = Studio(extractor, settings, "tiny").make(
        Wish(content, [red, blue], masks=[1 - left, left]), log=None
    ).pixels
    assert (crossed[:, :24, 2] - crossed[:, :24, 0]).mean() > 0.1


def test_a_mixture_lies_between_its_styles(extractor, tiny, content, styles):
    def grams(pixels, model):
        found = model.features(pixels[None])
        return np.concatenate([
            ops.convert_to_numpy(ops.mean(found[name], axis=(0, 1, 2)))
            for name in model.style_layers
        ])  # fmt: skip

    settings = tiny.model_copy(update={"steps": 40})
    studio = Studio(extractor, settings, "tiny")
    ends = [studio.make(Wish(content, styles, [a, 1 - a]), log=None).pixels for a in (1, 0.5, 0)]
    model = studio.objective(48, 64)
    first, middle, last = (grams(each, model) for each in ends)
    assert np.linalg.norm(middle - first) < np.linalg.norm(last - first)
    assert np.linalg.norm(middle - last) < np.linalg.norm(last - first)


def test_a_texture_needs_no_photograph(extractor, tiny, styles):
    settings = tiny.model_copy(update={"steps": 40})
    made = Studio(extractor, settings, "tiny").make(Wish(None, styles[:1]), log=None)
    assert made.pixels.shape == (64, 64, 3)
    assert made.curve["style"].iloc[-1] < 0.2 * made.curve["style"].iloc[0]
    assert (made.curve["total"] == made.curve["style"]).all()


@pytest.mark.parametrize("shares, masks, message", [
    ([1.0], None, "1 shares .* for 2 styles"),
    ([0.0, 0.0], None, "not all 0"),
    (None, [np.ones((4, 4))], "1 masks for 2 styles"),
])  # fmt: skip
def test_what_does_not_fit_together_is_named(content, styles, shares, masks, message):
    with pytest.raises(DataError, match=message):
        Wish(content, styles, shares, masks)


def test_a_loss_that_is_not_finite_stops_the_run(extractor, tiny, content, styles):
    studio = Studio(extractor, tiny, "tiny")
    bad = content.copy()
    bad[0, 0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="step 1: take a smaller learning_rate"):
        studio.make(Wish(bad, styles[:1]), log=None)


def test_the_recorded_gradient_is_the_slope_of_the_loss(extractor, tiny, content, styles):
    model = Objective(extractor, 48, 64, tiny.content_layers, tiny.style_layers)
    targets.set_targets(model, Wish(content, styles[:1]), tiny)
    start = 0.9 * content[None] + 0.05
    model.start("gradient", jit=False)
    model.picture.assign(start)
    model.step()
    direction = np.sign(model.gradient)
    slope = float((model.gradient * direction).sum())
    np.testing.assert_array_equal(ops.convert_to_numpy(model.picture), start)  # left alone
    sides = []
    for sign in (-1, 1):
        model.picture.assign(start + sign * 3e-4 * direction)
        sides.append(model.step())
    assert slope == pytest.approx((sides[1] - sides[0]) / 6e-4, rel=0.02)


def test_tiles_make_the_same_picture(extractor, tiny, content, styles):
    settings = tiny.model_copy(update={"steps": 6, "tile": 32, "size": 64})
    wish = Wish(content, styles[:1])
    whole = Studio(extractor, settings.model_copy(update={"tile": None}), "tiny")
    pieces = Studio(extractor, settings, "tiny")
    one, other = (studio.make(wish, log=None) for studio in (whole, pieces))
    assert isinstance(pieces.objective(48, 64, 1), tiles.TiledObjective)
    np.testing.assert_allclose(other.curve["total"], one.curve["total"], rtol=1e-3)
    np.testing.assert_allclose(other.pixels, one.pixels, atol=2e-3)
    with pytest.raises(ValueError, match="do not go with tile"):
        pieces.objective(48, 64, 1, references=2)


def test_sides_become_multiples_of_the_stride_where_there_are_tiles(extractor, tiny):
    settings = tiny.model_copy(update={"tile": 64, "size": 131})
    assert Studio(extractor, settings, "tiny").shape_of((480, 640), 131) == (98, 132)
    assert Studio(extractor, tiny, "tiny").shape_of((480, 640), 131) == (98, 131)


def test_the_photograph_s_colours_are_kept(extractor, tiny, content, styles):
    wish = Wish(content, styles[1:])
    made = {
        kind: Studio(extractor, tiny.model_copy(update={"colours": kind}), "tiny").make(
            wish, log=None
        ).pixels
        for kind in ("style", "content", "matched")
    }

    def tint(pixels):
        return (pixels[..., 0] - pixels[..., 2]).ravel()

    kept = np.corrcoef(tint(made["content"]), tint(content))[0, 1]
    assert kept > 0.8 > np.corrcoef(tint(made["style"]), tint(content))[0, 1]
    # Recoloured before: the mean colour is nearer to the photograph's.
    far, near = (np.abs(made[kind].mean((0, 1)) - content.mean((0, 1))).sum()
                 for kind in ("style", "matched"))  # fmt: skip
    assert near < far


@pytest.mark.parametrize("tile", [None, 64])
def test_one_mask_alone_counts_and_leaves_no_trace(extractor, tiny, content, styles, tile):
    studio = Studio(extractor, tiny.model_copy(update={"size": 96, "tile": tile}), "tiny")
    plain = studio.make(Wish(content, styles[:1]), log=None).pixels
    left = np.zeros((48, 64), np.float32)
    left[:, :32] = 1
    masked = studio.make(Wish(content, styles[:1], masks=[left]), log=None).pixels
    apart = np.abs(masked - plain).mean(axis=(0, 2))
    assert apart[64:].mean() > 0.02
    kept = np.abs(masked - targets.resized(content, *masked.shape[:2])).mean(axis=(0, 2))
    assert kept[72:].mean() < 0.5 * kept[:48].mean()  # what is not painted stays a photograph
    again = Studio(extractor, studio.settings, "tiny")
    again.objectives = studio.objectives
    np.testing.assert_array_equal(again.make(Wish(content, styles[:1]), log=None).pixels, plain)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("change", [{}, {"tile": 64}, {"optimizer": "lbfgs"}])
def test_half_the_precision_of_the_network(tiny, content, styles, precision, change):
    import keras

    from recipes.neural_style import features

    keras.config.set_dtype_policy(precision)
    try:
        layers = [*tiny.content_layers, *tiny.style_layers]
        half = features.vgg(layers, None, "average", (6, 8), "half")
        settings = tiny.model_copy(update={"size": 96, "steps": 4, **change})
        made = Studio(half, settings, "half").make(Wish(content, styles[:1]), log=None)
    finally:
        keras.config.set_dtype_policy("float32")
    assert made.pixels.dtype == np.float32 and np.isfinite(made.curve["total"]).all()


def test_fewer_steps_than_sizes(extractor, tiny, content, styles, tmp_path):
    settings = tiny.model_copy(update={"size": 256, "scales": 3, "steps": 2})
    studio = Studio(extractor, settings, "tiny")
    first = studio.make(Wish(content, styles[:1]), tmp_path, log=None)
    assert list(first.curve["step"]) == [1, 2] and settings.sizes() == [128, 256]
    lines = []
    again = studio.make(Wish(content, styles[:1], [3.0]), tmp_path, log=lines.append)
    assert not lines  # finished is finished, and one style's share does not matter
    np.testing.assert_array_equal(again.pixels, first.pixels)
