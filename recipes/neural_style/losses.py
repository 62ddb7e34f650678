"""The losses, as pure functions of features and pictures.

Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016
(equations 1 to 7); Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer", CVPR
2017 (masks); Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos", GCPR 2016
(equations 7 to 9). Every function takes and gives float32 tensors of `keras.ops`.
"""

from __future__ import annotations

from typing import Literal, get_args

from keras import ops

ContentScaling = Literal["mean", "half_sum", "root"]


def gram(features, masks=None):
    """Which filters fire together: Gatys 2016, equation 3, over the number of positions.

    Args:
        features: [1, height, width, filters]; without masks any number of pictures.
        masks: [regions, height, width] from 0 to 1, how much each position counts for each region;
            None takes each picture as one region (Gatys 2017, equation 3, with the square of the
            guidance as the mask).

    Returns:
        [regions, filters, filters], or [pictures, filters, filters]; a region without any position
        has zeros.
    """
    _, height, width, filters = features.shape
    if masks is None:
        flat = ops.reshape(features, (-1, height * width, filters))
        return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / (height * width)
    flat = ops.reshape(features, (-1, filters))
    weights = ops.reshape(masks, (masks.shape[0], -1))
    weights = weights / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1e-6)
    return ops.matmul(ops.transpose(flat)[None] * weights[:, None, :], flat)


def style(grams, targets, shares):
    """Gatys 2016, equation 4, for Gram matrices that are already means over the positions.

    Args:
        grams, targets: [regions, filters, filters].
        shares: [regions], what each region counts.

    Returns:
        Scalar.
    """
    filters = grams.shape[-1]
    apart = ops.sum(ops.square(grams - targets), axis=(1, 2)) / (4 * filters**2)
    return ops.sum(apart * shares)


def content(features, targets, scaling: ContentScaling = "mean"):
    """Gatys 2016, equation 1, in one of three scalings.

    Args:
        features, targets: [1, height, width, filters].
        scaling: "half_sum" is the equation as written, 1/2; "mean" divides by the number of
            entries, so that weights mean the same at every size; "root" is 1 / (2 sqrt(N M)) of N
            filters at M positions, between the two.

    Returns:
        Scalar.

    Raises:
        ValueError: an unknown scaling.
    """
    if scaling not in get_args(ContentScaling):
        raise ValueError(f"scaling={scaling!r}; choose {', '.join(get_args(ContentScaling))}.")
    _, height, width, filters = features.shape
    entries = height * width * filters
    factor = {"mean": 1 / entries, "half_sum": 0.5, "root": 0.5 / entries**0.5}[scaling]
    return factor * ops.sum(ops.square(features - targets))


def total_variation(picture):
    """Mean squared difference of neighbouring pixels (Mahendran and Vedaldi 2015, section 3, with
    the exponent 2): holds back noise.

    Args:
        picture: [1, height, width, 3].

    Returns:
        Scalar.
    """
    down = picture[:, 1:] - picture[:, :-1]
    right = picture[:, :, 1:] - picture[:, :, :-1]
    return ops.mean(ops.square(down)) + ops.mean(ops.square(right))


def temporal(picture, warped, trust):
    """Mean squared distance from earlier frames warped to this one: Ruder 2016, equations 7 and 8.

    Args:
        picture: [1, height, width, 3].
        warped: [frames, height, width, 3].
        trust: [frames, height, width], 0 where the flow is not to be believed (equation 9 makes
            the long-term ones).

    Returns:
        Scalar.
    """
    apart = ops.sum(ops.square(picture - warped), axis=-1) * trust
    return ops.sum(apart) / (3 * picture.shape[1] * picture.shape[2])
