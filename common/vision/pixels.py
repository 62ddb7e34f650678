"""Pictures as a network takes them: the middle square at one size, decoded while it computes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from common import pictures
from common.validation import DataError

AHEAD = 4  # batches that are decoded while one is computed


def square(image: Image.Image, size: int) -> np.ndarray:
    """The middle square, uint8 [size, size, 3]; by triangles as wide as a new pixel.

    TensorFlow's `resize(..., antialias=True)` computes the same, so the export sees what training
    saw.
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    # Cut first: resize's own box would let pixels from outside it bleed in.
    middle = image.crop((left, top, left + side, top + side))
    return np.asarray(middle.resize((size, size), Image.Resampling.BILINEAR))


def read(path: str | Path, size: int) -> np.ndarray:
    """A file's `square`.

    Raises:
        DataError: it cannot be read; it says which and why.
    """
    path = Path(path)
    # Twice the size is kept, so that the shortcut of decoding small is not seen.
    image, _ = pictures.decode(path, pictures.bytes_of(path), enough=2 * size)
    return square(image, size)


def stream(
    paths: Sequence[str | Path], size: int, batch: int, *, problems: dict[int, str] | None = None
) -> Iterator[np.ndarray]:
    """Batches uint8 [batch, size, size, 3] in order; the last one is filled up with black.

    Decoding runs in threads ahead of who takes the batches.

    Args:
        problems: receives the number of each picture that cannot be read, with why; its place is
            black. None raises instead.

    Raises:
        DataError: a picture cannot be read, and there is no `problems`.
    """

    def one(number: int) -> np.ndarray | None:
        try:
            return read(paths[number], size)
        except (DataError, OSError) as error:
            if problems is None:
                raise
            problems[number] = str(error)
            return None

    paths = list(paths)
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        waiting: deque = deque()
        starts = iter(range(0, len(paths), batch))
        while True:
            while len(waiting) < AHEAD and (begin := next(starts, None)) is not None:
                numbers = range(begin, min(begin + batch, len(paths)))
                waiting.append([pool.submit(one, number) for number in numbers])
            if not waiting:
                return
            found = np.zeros((batch, size, size, 3), np.uint8)
            for place, task in enumerate(waiting.popleft()):
                pixels = task.result()
                if pixels is not None:
                    found[place] = pixels
            yield found


def load(paths: Sequence[str | Path], size: int) -> np.ndarray:
    """All of them at once, uint8 [n, size, size, 3]."""
    if not len(paths):
        return np.zeros((0, size, size, 3), np.uint8)
    return np.concatenate([*stream(paths, size, min(64, len(paths)))])[: len(paths)]
