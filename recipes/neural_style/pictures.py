"""Pictures as this recipe wants them: large enough for deep layers; masks; sizes of the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common import pictures
from common.pictures import SUFFIXES, Picture, as_bytes, named, resized, save
from common.validation import DataError, Report

__all__ = ["SMALLEST", "SUFFIXES", "Picture", "as_bytes", "fitted", "listed", "named", "read",
           "read_mask", "resized", "save"]  # fmt: skip

SMALLEST = 32  # pixels of the shorter side: below, no deep layer has anything to see


def read(path: str | Path, behind: str = "white") -> Picture:
    """`common.pictures.read` of a picture that is large enough."""
    return pictures.read(path, behind, SMALLEST)


def listed(folder: str | Path, report: Report | None = None) -> list[Path]:
    """`common.pictures.listed` of pictures that are large enough."""
    return pictures.listed(folder, report, SMALLEST)


def read_mask(path: str | Path) -> np.ndarray:
    """float32 [height, width] from 0 (left alone) to 1 (selected), of a grey or coloured picture.

    Raises:
        DataError: see `read`; or nothing is selected.
    """
    mask = read(path, behind="black").pixels.mean(axis=2)  # what is transparent is not selected
    if mask.max() < 0.02:
        raise DataError(f"{path} selects nothing: it is black. White is what is selected.")
    return mask


def fitted(size: tuple[int, int], longest: int, multiple: int = 1) -> tuple[int, int]:
    """Height and width with the longer one about `longest` pixels, in the same proportion.

    Args:
        size: height and width that there are.
        longest: pixels wanted.
        multiple: both become multiples of it; 1 leaves `longest` as it is.
    """
    # A panorama becomes longer than asked rather than squashed: its shorter side must be seen.
    factor = max(longest / max(size), SMALLEST / min(size))
    height, width = (side * factor for side in size)
    return round(height / multiple) * multiple, round(width / multiple) * multiple
