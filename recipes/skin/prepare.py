"""Photographs as the network takes them: whole and square."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from common import pictures

SIZE = 192
ENOUGH = 4  # times the size: a JPEG's shorter side may be shrunk to that while it is decoded


def prepared(paths: Sequence[str | Path], size: int = SIZE, workers: int | None = None
             ) -> np.ndarray:  # fmt: skip
    """uint8 [n, size, size, 3], decoded side by side.

    The whole photograph is squeezed to a square: a lesion may reach its border, and every
    photograph of a set has one shape, so that all are squeezed alike.

    Raises:
        DataError: a file cannot be read.
    """

    def one(path: str | Path) -> np.ndarray:
        return of_bytes(Path(path), pictures.bytes_of(Path(path)), size)

    found = np.empty((len(paths), size, size, 3), np.uint8)
    # Decoding leaves Python's lock.
    with ThreadPoolExecutor(workers or os.cpu_count() or 2) as pool:
        for number, picture in enumerate(pool.map(one, paths)):
            found[number] = picture
    return found


def of_bytes(path: Path, content: bytes, size: int) -> np.ndarray:
    """uint8 [size, size, 3] of a file's content; `path` is for the error."""
    image, _ = pictures.decode(path, content, enough=ENOUGH * size)
    return squeezed(np.asarray(image), size)


def squeezed(pixels: np.ndarray, size: int) -> np.ndarray:
    """uint8 [size, size, 3] of any [height, width, 3]: by areas where it shrinks, else linearly."""
    how = cv2.INTER_AREA if min(pixels.shape[:2]) > size else cv2.INTER_LINEAR
    return cv2.resize(pixels, (size, size), interpolation=how)
