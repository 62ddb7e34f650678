"""Colours are kept, or given to the painting."""

import numpy as np
import pytest

from recipes.neural_style import colours


@pytest.mark.parametrize("space", ["yuv", "ycrcb", "lab", "luv"])
def test_lightness_of_one_colours_of_the_other(space, content, styles):
    import cv2

    painted = cv2.resize(styles[1], (64, 48))
    found = colours.with_colours_of(painted, content, space)
    grey = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (found, painted, content)]
    # Light follows the painting, colour the photograph; both but for what cannot be shown.
    assert np.corrcoef(grey[0].ravel(), grey[1].ravel())[0, 1] > 0.9
    own, kept = (each[..., 0] - each[..., 2] for each in (found, content))
    assert np.corrcoef(own.ravel(), kept.ravel())[0, 1] > 0.75
    np.testing.assert_allclose(
        colours.with_colours_of(content, content, space), content, atol=0.01
    )


def test_unknown_space_and_sizes(content):
    with pytest.raises(ValueError, match="space='hsv'; choose one of yuv, ycrcb, lab, luv"):
        colours.with_colours_of(content, content, "hsv")
    with pytest.raises(ValueError, match="resize one first"):
        colours.with_colours_of(content[:20], content)


def test_histograms_are_matched(content, styles):
    found = colours.histogram_matched(styles[1], content)
    assert found.shape == styles[1].shape
    for channel in range(3):
        shares = np.linspace(0.05, 0.95, 19)
        own, wanted = (np.quantile(each[..., channel], shares) for each in (found, content))
        np.testing.assert_allclose(own, wanted, atol=0.05)
        order = np.argsort(styles[1][..., channel].ravel(), kind="stable")
        assert (np.diff(found[..., channel].ravel()[order]) >= -1e-6).all()  # order is kept


def test_mean_and_covariance_are_matched(content, styles):
    painting = 0.3 + 0.2 * styles[1]  # so that nothing is cut off at black or white
    found = colours.matched(painting, 0.4 + 0.2 * content)
    own, wanted = (each.reshape(-1, 3) for each in (found, 0.4 + 0.2 * content))
    np.testing.assert_allclose(own.mean(axis=0), wanted.mean(axis=0), atol=2e-3)
    np.testing.assert_allclose(np.cov(own.T), np.cov(wanted.T), atol=2e-4)
    np.testing.assert_allclose(colours.matched(content, content), content, atol=1e-3)
