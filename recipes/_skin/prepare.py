"""Photographs as the network takes them: whole, square, under white light."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from common import pictures
from recipes._skin import colour

SIZE = 192


def prepared(paths: Sequence[str | Path], size: int = SIZE, constancy: str = "shades_of_grey",
             workers: int | None = None) -> np.ndarray:  # fmt: skip
    """uint8 [n, size, size, 3], decoded side by side.

    The whole photograph is squeezed to a square: a lesion may reach its border, and every
    photograph of a set has one shape, so that all are squeezed alike.

    Raises:
        DataError: a file cannot be read.
        ValueError: an unknown constancy, see `colour.constant`.
    """

    def one(path: str | Path) -> np.ndarray:
        path = Path(path)
        image, _ = pictures.decode(path, pictures.bytes_of(path), enough=size)
        return colour.constant(squeezed(np.asarray(image), size)[None], constancy)[0]

    found = np.empty((len(paths), size, size, 3), np.uint8)
    # Decoding leaves Python's lock.
    with ThreadPoolExecutor(workers or os.cpu_count() or 2) as pool:
        for number, picture in enumerate(pool.map(one, paths)):
            found[number] = picture
    return found


def squeezed(pixels: np.ndarray, size: int) -> np.ndarray:
    """uint8 [size, size, 3] of any [height, width, 3]: by areas where it shrinks, else linearly."""
    how = cv2.INTER_AREA if min(pixels.shape[:2]) > size else cv2.INTER_LINEAR
    return cv2.resize(pixels, (size, size), interpolation=how)
