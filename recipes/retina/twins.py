"""Eyes that stand in a set twice, found by their vessels and not by their names.

Two photographs of one eye are levelled (`normalize.graham`, which leaves vessels and lesions),
shrunk and correlated. Perceptual hashes do not tell eyes apart: all of them are bright discs.
Among the 107,416 pairs of IDRiD's 464 photographs, five are the same file (1.00), one is the same
eye photographed again (0.81), and no other pair is above 0.39.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pandas as pd

SIZE, LEVELING = 128, "graham"  # how the photographs are to be prepared
SIDE = 64  # pixels at which they are compared
SAME = 0.6  # least correlation of two photographs of one eye
BLOCK = 2048  # photographs compared at once
COLUMNS = ("first", "second", "likeness", "first grade", "second grade", "first part",
           "second part", "what")  # fmt: skip


def looks(photographs: np.ndarray) -> np.ndarray:
    """What is compared: the green of each, levelled and small, float32 [n, 4096] of length 1.

    Args:
        photographs: uint8 [n, 128, 128, 3], prepared with `LEVELING`.
    """
    found = np.stack([cv2.resize(each[..., 1], (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
                      for each in photographs]).astype(np.float32)  # fmt: skip
    found -= found.mean(axis=1, keepdims=True)
    return found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-6)


def pairs(seen: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """(i, j, correlation) with i < j of those that show one eye, in order; `seen` of `looks`."""
    for begin in range(0, len(seen), BLOCK):
        like = seen[begin : begin + BLOCK] @ seen[begin:].T
        for row, column in np.argwhere(like >= SAME):
            if row < column:
                yield begin + int(row), begin + int(column), float(like[row, column])


def table(rows: pd.DataFrame, found: list[tuple[int, int, float]]) -> pd.DataFrame:
    """The pairs for a reader: `COLUMNS`, the most alike first.

    Args:
        rows: with "path", "grade", "split" and "sha256".
        found: from `pairs`.
    """
    listed = []
    for i, j, like in found:
        one, other = rows.iloc[i], rows.iloc[j]
        what = "the same file" if one.sha256 == other.sha256 else "the same eye"
        if one.grade != other.grade:
            what += ", two grades"
        listed.append((one.path, other.path, like, one.grade, other.grade, one.split, other.split,
                       what))  # fmt: skip
    frame = pd.DataFrame(listed, columns=list(COLUMNS))
    return frame.sort_values("likeness", ascending=False, kind="stable", ignore_index=True)
