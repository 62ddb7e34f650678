"""Sets of MedMNIST, whose pictures come as arrays in one .npz file, as picture files.

J. Yang et al., "MedMNIST v2: A large-scale lightweight benchmark for 2D and 3D biomedical image
classification", Scientific Data 10:41, 2023; the files: https://doi.org/10.5281/zenodo.10519652.
A file <name>.npz (28 x 28 pixels) or <name>_64.npz, _128, _224 holds train_images, train_labels,
val_images, val_labels, test_images and test_labels.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from common import datasets, files
from common.download import sha256_of
from common.validation import DataError

PARTS = {"train": "train", "val": "validation", "test": "test"}  # their word and ours
KEYS = tuple(f"{part}_{what}" for part in PARTS for what in ("images", "labels"))
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError)


def unpack(path: str | Path, cache: str | Path | None = None) -> pd.DataFrame:
    """Write a set's pictures as PNG files, the first time, and say which label each has.

    Args:
        path: of the .npz file.
        cache: folder for the pictures; None for medmnist/ in the cache of all data sets. Within it
            they lie in a folder that is named by the file's sha256: another file never meets them.

    Returns:
        A row for each picture, by parts and in the file's order: path (str), label (int64), split
        ("train", "validation", "test") and number (int64, from 1 within its part).

    Raises:
        DataError: no such file, it is damaged, or it is no set of flat pictures with one label
            each. Pickled objects are never loaded.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is no file. Give the path of a MedMNIST .npz file.")
    labels = {part: _labels(path, part) for part in PARTS}
    below = Path(cache) if cache is not None else datasets.cache_folder() / "medmnist"
    folder = below / f"{path.stem}-{sha256_of(path)[:16]}"
    rows = [(str(folder / f"{part}_{number:06}.png"), int(label), PARTS[part], number)
            for part in PARTS for number, label in enumerate(labels[part], start=1)]  # fmt: skip
    if not all(Path(row[0]).is_file() for row in rows):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with files.whole_folder(folder) as aside:
            for part in PARTS:
                for number, pixels in enumerate(_pictures(path, part, len(labels[part])), start=1):
                    Image.fromarray(pixels).save(aside / f"{part}_{number:06}.png")
    return pd.DataFrame(rows, columns=["path", "label", "split", "number"])


def _labels(path: Path, part: str) -> np.ndarray:
    """Int [n] of the n labels of a part."""
    labels = _array(path, f"{part}_labels")
    if labels.dtype.kind not in "iu" or labels.ndim not in (1, 2):
        raise DataError(f"{path}: {part}_labels is {labels.dtype} {list(labels.shape)}, not whole "
                        "numbers [n, 1].")
    if labels.ndim == 2 and labels.shape[1] != 1:
        raise DataError(f"{path}: {part}_labels has {labels.shape[1]} labels for each picture; one "
                        "is needed. A set with several findings a picture cannot be used here.")
    return labels.reshape(-1)


def _pictures(path: Path, part: str, count: int) -> np.ndarray:
    """uint8 [n, h, w] or [n, h, w, 3] of a part."""
    found = _array(path, f"{part}_images")
    flat = found.ndim == 3 or (found.ndim == 4 and found.shape[3] == 3)
    if found.dtype != np.uint8 or not flat:
        raise DataError(f"{path}: {part}_images is {found.dtype} {list(found.shape)}, not uint8 "
                        "[n, height, width] or [n, height, width, 3]. Volumes cannot be used here.")
    if len(found) != count:
        raise DataError(f"{path}: {part} has {len(found)} pictures and {count} labels.")
    return found


def _array(path: Path, key: str) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as opened:
            there = opened.files
            found = opened[key] if key in there else None
    except (*_DAMAGE, AttributeError, TypeError) as error:  # the last two: an array, no archive
        raise DataError(f"{path} is no whole .npz file of plain arrays ({error}). Fetch it again "
                        "from https://doi.org/10.5281/zenodo.10519652.") from error
    if found is None:
        missing = ", ".join(each for each in KEYS if each not in there)
        raise DataError(f"{path} has no {missing}; it has {', '.join(there[:12])}. It is no set of "
                        "MedMNIST.")
    return found
