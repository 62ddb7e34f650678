"""A first look at every picture: can it be read, how large is it, and has it been seen before?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd

from common import pictures
from common.validation import DataError

SMALLEST = 8  # pixels of the shorter side; below, there is nothing to recognise
TINY = 32  # below this a remark is made
NEAR_BITS, NEAR_LOOK = 8, 0.92  # of 64 bits that may differ; least correlation of thumbnails
THUMBNAIL = 16  # pixels of a side
BLOCK = 1024  # rows compared at once
COLUMNS = ("sha256", "width", "height", "notes", "bits", "thumbnail", "problem")


def inspect(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Look at files side by side.

    Returns:
        A row for each path, in order: "sha256" of the bytes, "width" and "height" in pixels,
        "notes" (what was done to read it), "bits" (perceptual hash, 64 bits as uint64), "thumbnail"
        (uint8 [256]), and "problem": why it cannot be used, empty for a good one.
    """
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:  # decoding leaves Python's lock
        rows = list(pool.map(_inspected, map(Path, paths)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _inspected(path: Path) -> tuple:
    nothing = np.zeros(THUMBNAIL**2, np.uint8)
    try:
        data = pictures.bytes_of(path)
    except (DataError, OSError) as error:
        return "", 0, 0, (), np.uint64(0), nothing, _without(path, error)
    digest = hashlib.sha256(data).hexdigest()
    try:
        width, height = pictures.size_of(path, data)
        image, notes = pictures.decode(path, data, enough=4 * THUMBNAIL)
        pictures.require_size(path, height, width, SMALLEST)
    except DataError as error:
        return digest, 0, 0, (), np.uint64(0), nothing, _without(path, error)
    grey = image.convert("L").resize((4 * THUMBNAIL, 4 * THUMBNAIL))
    bits = np.packbits(imagehash.phash(grey).hash.ravel()).view(">u8").astype(np.uint64)[0]
    look = np.asarray(grey.resize((THUMBNAIL, THUMBNAIL)), np.uint8).ravel()
    return digest, width, height, tuple(notes), bits, look, ""


def _without(path: Path, error: Exception) -> str:
    return str(error).removeprefix(f"{path} ")


def near_pairs(bits: np.ndarray, thumbnails: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of pictures that look the same, though their files may differ.

    Their perceptual hashes (of the lowest frequencies of a cosine transform) differ in at most 8 of
    64 bits, and their thumbnails correlate: a plain picture's hash is mostly noise.

    Args:
        bits: uint64 [n]. thumbnails: uint8 [n, 256].

    Yields:
        (i, j), i < j, in order.
    """
    looks = thumbnails.astype(np.float32)
    looks -= looks.mean(axis=1, keepdims=True)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True) + 1e-6
    for begin in range(0, len(bits), BLOCK):
        block = bits[begin : begin + BLOCK]
        differ = np.bitwise_count(block[:, None] ^ bits[None, begin:])
        for row, column in np.argwhere(differ <= NEAR_BITS):
            i, j = begin + int(row), begin + int(column)
            if i < j and looks[i] @ looks[j] >= NEAR_LOOK:
                yield i, j


def groups_of(count: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    """A number for every picture, the same for those that pairs join, int64 [count]."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    first, second = np.array(pairs, int).reshape(-1, 2).T
    joined = coo_matrix((np.ones(len(first)), (first, second)), shape=(count, count))
    return connected_components(joined, directed=False)[1].astype(np.int64)
