"""Keeping the colours of the photograph.

Gatys, Bethge, Hertzmann and Shechtman, "Preserving Color in Neural Artistic Style Transfer", 2016.
"""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
from scipy import linalg

Space = Literal["yuv", "ycrcb", "lab", "luv"]
_CODES = {
    "yuv": (cv2.COLOR_RGB2YUV, cv2.COLOR_YUV2RGB),
    "ycrcb": (cv2.COLOR_RGB2YCrCb, cv2.COLOR_YCrCb2RGB),
    "lab": (cv2.COLOR_RGB2Lab, cv2.COLOR_Lab2RGB),
    "luv": (cv2.COLOR_RGB2Luv, cv2.COLOR_Luv2RGB),
}


def with_colours_of(pixels: np.ndarray, photograph: np.ndarray, space: Space = "lab") -> np.ndarray:
    """The lightness of one picture with the colours of another (section 3.2).

    Args:
        pixels, photograph: float32 [height, width, 3], RGB from 0 to 1.
        space: whose first channel is the lightness.

    Raises:
        ValueError: an unknown space, or pictures of different size.
    """
    if space not in get_args(Space):
        raise ValueError(f"space={space!r}; choose one of {', '.join(get_args(Space))}.")
    if pixels.shape != photograph.shape:
        raise ValueError(f"pictures of {pixels.shape} and {photograph.shape}; resize one first.")
    forth, back = _CODES[space]
    mixed = cv2.cvtColor(np.ascontiguousarray(photograph, np.float32), forth)
    mixed[..., 0] = cv2.cvtColor(np.ascontiguousarray(pixels, np.float32), forth)[..., 0]
    return np.clip(cv2.cvtColor(mixed, back), 0, 1)


def matched(painting: np.ndarray, photograph: np.ndarray) -> np.ndarray:
    """The painting in the photograph's colours: a linear map of its colours gives them the other's
    mean and covariance (section 3.1, with the symmetric square root: no hue turns about).

    Args:
        painting, photograph: float32 [height, width, 3], RGB from 0 to 1, of any sizes.
    """
    own, wanted = (each.reshape(-1, 3).astype(np.float64) for each in (painting, photograph))
    spread, goal = (np.cov(each.T) + 1e-6 * np.eye(3) for each in (own, wanted))
    # The map that moves colours least (Pitie and Kokaram 2007): A S A = G, A symmetric.
    root = np.real(linalg.sqrtm(spread))
    back = np.linalg.inv(root)
    change = back @ np.real(linalg.sqrtm(root @ goal @ root)) @ back
    moved = (own - own.mean(axis=0)) @ change + wanted.mean(axis=0)
    return np.clip(moved, 0, 1).reshape(painting.shape).astype(np.float32)


def histogram_matched(painting: np.ndarray, photograph: np.ndarray) -> np.ndarray:
    """Each channel of the painting with the histogram of the photograph's; hues may turn about.

    Args:
        painting, photograph: float32 [height, width, 3], of any sizes.
    """
    result = np.empty_like(painting)
    for channel in range(3):
        own = painting[..., channel].ravel()
        values, place, counts = np.unique(own, return_inverse=True, return_counts=True)
        share = (np.cumsum(counts) - counts / 2) / own.size
        wanted, others = np.unique(photograph[..., channel], return_counts=True)
        reached = (np.cumsum(others) - others / 2) / others.sum()
        result[..., channel] = np.interp(share, reached, wanted)[place].reshape(painting.shape[:2])
    return result
