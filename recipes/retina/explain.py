"""Why a photograph is referred: the witness of *referable*, and where its lesions are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from common.vision.taps import Taps
from common.vision.witness import Witness
from recipes.retina import heads
from recipes.retina.data import REFERABLE
from recipes.retina.learning import Heads

SLACK = 16 / 512  # of a side, beside a lesion, that still count: half a place of the last maps


def witness(taps: Taps, trained: Heads, question: int = REFERABLE - 1) -> Witness:
    """The members' mean direction for "above grade `question`?".

    A softmax asks no such question alone; for it, the mean logit of the grades above stands
    against that of the others.
    """
    answers = heads.WIDTHS[trained.kind]
    asks = np.zeros(answers)
    if trained.kind == "softmax":
        asks[question + 1 :] = 1 / (answers - question - 1)
        asks[: question + 1] = -1 / (question + 1)
    else:
        asks[question] = 1
    asks = np.tile(asks, trained.members) / trained.members
    kernel = trained.kernel[:, : len(asks)] @ asks
    bias = trained.bias[: len(asks)] @ asks - trained.mean @ kernel
    return Witness.of(taps.maps, kernel, float(bias), trained.mean)


def inside(pictures: np.ndarray) -> np.ndarray:
    """Where the disc is, bool [n, size, size]: outside it every prepared photograph is one colour.

    Args:
        pictures: uint8 [n, size, size, 3], prepared.
    """
    found = np.any(pictures != pictures[:, :1, :1], axis=3).astype(np.uint8)
    window = np.ones((9, 9))  # a vessel may have that colour by chance
    return np.stack([cv2.morphologyEx(each, cv2.MORPH_CLOSE, window) for each in found]) > 0


def lesions(folder: Path, rows: pd.DataFrame, size: int, discs: list, share: float) -> np.ndarray:
    """The sample's masks of all lesions, brought where `normalize.normalized` brings the eye.

    Args:
        folder: of masks, see `Eyes.masks`. rows: of the photographs. discs: of each, in pixels of
            its file. size, share: of the preparation.

    Returns:
        bool [n, size, size].
    """
    found = []
    for path, disc in zip(rows["path"], discs, strict=True):
        mask = cv2.imread(str(folder / f"{Path(path).stem}.png"), cv2.IMREAD_UNCHANGED) > 0
        scale = share * size / 2 / disc.radius
        move = np.float32([[scale, 0, size / 2 - scale * disc.x],
                           [0, scale, size / 2 - scale * disc.y]])  # fmt: skip
        found.append(cv2.warpAffine(mask.astype(np.uint8), move, (size, size)) > 0)
    return np.stack(found)
