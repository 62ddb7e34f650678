"""Pieces give the losses and the gradient of the whole, to rounding."""

import numpy as np
import pytest
from keras import ops

from recipes.neural_style import targets, tiles
from recipes.neural_style.objective import Objective
from recipes.neural_style.targets import Wish
from recipes.neural_style.tests.conftest import LAYERS


def test_what_a_feature_sees(extractor):
    """Changing a pixel within reach changes the middle feature, one beyond does not."""
    radius, stride = tiles.reach(LAYERS)
    base = np.full((1, 64, 64, 3), 0.5, np.float32)
    place = 64 // stride // 2
    first, last = place * stride, (place + 1) * stride - 1  # of the feature's own pixels

    def middle(picture):
        return ops.convert_to_numpy(extractor(picture)["block2_conv2"])[0, place, place]

    changed = []
    for pixel in range(64):
        other = base.copy()
        other[0, pixel] += 0.3
        changed.append(not np.allclose(middle(other), middle(base), atol=1e-7))
    seen = np.flatnonzero(changed)
    assert seen.min() >= first - radius and seen.max() <= last + radius


@pytest.mark.parametrize("length, tile", [(64, 64), (64, 40), (100, 48), (200, 40), (64, 128)])
def test_windows_answer_for_every_pixel_once(length, tile):
    found = tiles.windows(length, tile, 7, 4)
    covered = np.zeros(length, int)
    for begin, first, last in found:
        assert begin % 4 == 0 and (begin + tile <= length or tile >= length)
        assert begin == 0 or first - begin >= 7
        assert begin + tile >= length or begin + tile - last >= 7
        covered[first:last] += 1
    assert (covered == 1).all()
    with pytest.raises(ValueError, match="must be at least 20"):
        tiles.windows(100, 16, 7, 4)


@pytest.mark.parametrize("regions", [1, 2])
def test_pieces_are_the_whole(extractor, tiny, content, styles, regions):
    masks = None
    if regions == 2:
        left = np.tile(np.linspace(1, 0, 64, dtype=np.float32), (48, 1))
        masks = [left, 1 - left]
    wish = Wish(content, styles[:regions], masks=masks)
    settings = tiny.model_copy(update={"smoothness": 0.3, "content_weight": 0.2})
    whole = Objective(extractor, 48, 64, tiny.content_layers, tiny.style_layers, regions)
    parts = tiles.TiledObjective(
        extractor, 48, 64, tiny.content_layers, tiny.style_layers, regions, tile=28
    )
    assert len(parts.rows) > 1 and len(parts.columns) > 2
    start = np.clip(content + np.random.default_rng(0).normal(0, 0.1, content.shape), 0, 1)
    losses, gradients = [], []
    for model in (whole, parts):
        targets.set_targets(model, wish, settings)
        model.picture.assign(start[None].astype(np.float32))
        model.start("gradient", jit=False)
        losses.append([model.step(), *model.parts().values()])
        gradients.append(model.gradient)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-3,
                               atol=2e-4 * np.abs(gradients[0]).max())  # fmt: skip


def test_what_is_seen_in_pieces_is_what_is_seen_at_once(extractor, content):
    whole, parts = (
        targets.look_at(extractor, content, ["block2_conv2"], LAYERS, tile) for tile in (None, 28)
    )
    for one, other in ((parts.features, whole.features), (parts.grams, whole.grams)):
        for name in other:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-5)
    assert parts.means == pytest.approx(whole.means, rel=1e-4)


def test_sides_must_fit_the_stride(extractor, tiny):
    with pytest.raises(ValueError, match="multiple of 2"):
        tiles.TiledObjective(extractor, 47, 64, tiny.content_layers, tiny.style_layers)
