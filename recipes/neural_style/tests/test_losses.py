"""The losses against sums by hand, and against the identities that the recipe leans on."""

import numpy as np
import pytest
from keras import ops

from recipes.neural_style import losses


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(size=(1, 5, 7, 3)).astype("float32")


def test_gram_is_the_mean_of_products(features):
    found = ops.convert_to_numpy(losses.gram(features))
    flat = features.reshape(35, 3)
    np.testing.assert_allclose(found[0], flat.T @ flat / 35, rtol=1e-5)


def test_a_hard_mask_is_the_gram_of_what_it_selects(features):
    masks = np.zeros((3, 5, 7), "float32")
    masks[0, :2], masks[1, 2:] = 1, 1  # the third selects nothing
    found = ops.convert_to_numpy(losses.gram(features, masks))
    for region, part in enumerate((features[0, :2], features[0, 2:])):
        flat = part.reshape(-1, 3)
        np.testing.assert_allclose(found[region], flat.T @ flat / len(flat), rtol=1e-4)
    assert not found[2].any()
    whole = ops.convert_to_numpy(losses.gram(features, np.full((1, 5, 7), 0.3, "float32")))
    np.testing.assert_allclose(whole, ops.convert_to_numpy(losses.gram(features)), rtol=1e-5)


def test_style_is_equation_4(features):
    """1 / (4 N^2 M^2) sum (G - A)^2 of Gram matrices that are not yet divided by M."""
    other = features[:, ::-1] * 2
    own, wanted = (np.tensordot(f, f, ((0, 1, 2), (0, 1, 2))) for f in (features, other))
    expected = ((own - wanted) ** 2).sum() / (4 * 3**2 * 35**2)
    found = losses.style(losses.gram(features), losses.gram(other), np.ones(1, "float32"))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_a_mixture_of_targets_pulls_like_the_mixture_of_losses(features):
    """sum w |G - A|^2 = |G - sum w A|^2 + what G does not change; so one target is enough."""
    random = np.random.default_rng(1)
    a, b = (random.normal(size=(1, 3, 3)).astype("float32") for _ in range(2))
    one = np.ones(1, "float32")

    def apart(g):
        both = 0.3 * losses.style(g, a, one) + 0.7 * losses.style(g, b, one)
        return float(both - losses.style(g, 0.3 * a + 0.7 * b, one))

    assert apart(losses.gram(features)) == pytest.approx(apart(losses.gram(3 * features)), rel=1e-3)


@pytest.mark.parametrize("scaling, factor", [("mean", 1 / 105), ("half_sum", 0.5),
                                             ("root", 0.5 / 105**0.5)])  # fmt: skip
def test_content_scalings(features, scaling, factor):
    found = float(losses.content(features, 0 * features, scaling))
    assert found == pytest.approx(factor * float((features**2).sum()), rel=1e-5)


def test_an_unknown_scaling_is_named(features):
    with pytest.raises(ValueError, match="scaling='sum'; choose mean, half_sum, root"):
        losses.content(features, features, "sum")


def test_total_variation_of_a_slope():
    slope = np.zeros((1, 4, 6, 3), "float32") + np.arange(6, dtype="float32")[:, None] / 10
    assert float(losses.total_variation(slope)) == pytest.approx(0.01)


def test_temporal_counts_trusted_pixels_alone():
    picture, warped = np.zeros((1, 4, 5, 3), "float32"), np.ones((2, 4, 5, 3), "float32")
    trust = np.zeros((2, 4, 5), "float32")
    trust[0, 0], trust[1, 1] = 1, 0.5
    assert float(losses.temporal(picture, warped, trust)) == pytest.approx((5 + 2.5) / 20)
