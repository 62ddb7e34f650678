"""A lesion has no right way up: photographs to learn from turned, moved, zoomed, lit otherwise."""

from __future__ import annotations

import cv2
import numpy as np

from common.vision.taps import TURNS

# Natural logarithms of factors but for MOVE (a share of the side) and LIGHT (levels of 255).
ZOOM, SQUEEZE, CONTRAST, TINT = 0.2, 0.08, 0.15, 0.04
MOVE, LIGHT = 0.06, 20
COPIES = 16  # at most: their maps are kept on disk, a megabyte for some six of them


def turned(pictures: np.ndarray, views: int) -> np.ndarray:
    """uint8 [n, views, size, size, 3] of [n, size, size, 3]: the first of `taps.TURNS`."""
    return np.stack([pictures[:, ::down, ::across] for down, across in TURNS[:views]], axis=1)


def changed(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One changed copy of uint8 [size, size, 3]; beyond its border it is mirrored."""
    size, angle = len(picture), random.uniform(0, 2 * np.pi)
    zoom, squeeze = np.exp(random.uniform(-ZOOM, ZOOM)), np.exp(random.uniform(-SQUEEZE, SQUEEZE))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = zoom * turn @ np.diag([random.choice([-1, 1]) * squeeze, 1 / squeeze])
    middle = np.full(2, (size - 1) / 2)
    shift = middle - matrix @ middle + random.uniform(-MOVE, MOVE, 2) * size
    moved = cv2.warpAffine(picture, np.column_stack([matrix, shift]).astype(np.float32),
                           (size, size), flags=cv2.INTER_LINEAR,
                           borderMode=cv2.BORDER_REFLECT_101)  # fmt: skip
    gain = np.exp(random.uniform(-CONTRAST, CONTRAST) + random.normal(0, TINT, 3))
    values = (moved.astype(np.float32) - 128) * gain + 128 + random.uniform(-LIGHT, LIGHT)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def copies(epochs: int) -> int:
    """How many of each photograph: another one in each epoch, as far as there is room."""
    return min(epochs, COPIES)


def drawn(pictures: np.ndarray, digests: list[str], count: int, seed: int = 0) -> np.ndarray:
    """uint8 [n, count, size, size, 3]: changed copies, the same ones for the same file and seed.

    Args:
        digests: hexadecimal sha256 of each picture's file.
    """
    found = np.empty((len(pictures), count, *pictures.shape[1:]), np.uint8)
    for place, (picture, digest) in enumerate(zip(pictures, digests, strict=True)):
        random = np.random.default_rng([int(digest[:12], 16), seed])
        for number in range(count):
            found[place, number] = changed(picture, random)
    return found
