"""Pictures in memory, dealt out in batches whose order hangs on a seed and the epoch alone."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class Batches:
    """What every epoch deals from.

    Attributes:
        pictures: uint8 [n, side, side, 3].
        labels: int [n].
        weights: of each class, float [classes], see `class_weights`.
        size: pictures of a batch; the last one of an epoch may be smaller.
    """

    pictures: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    size: int

    def of(self, rows: np.ndarray, seed: tuple[int, int]) -> keras.utils.PyDataset:
        """An epoch over some rows: float32 pictures, labels, weights."""
        return _Epoch(self, np.random.default_rng(seed).permutation(rows))


def class_weights(labels: np.ndarray, classes: int, balanced: bool) -> np.ndarray:
    """Weights float [classes] with which every class counts the same; ones if not `balanced`."""
    if not balanced:
        return np.ones(classes)
    counts = np.bincount(labels, minlength=classes)
    return len(labels) / (np.maximum(counts, 1) * (counts > 0).sum())


class _Epoch(keras.utils.PyDataset):
    def __init__(self, whole: Batches, order: np.ndarray):
        super().__init__()
        self.whole, self.order = whole, order

    def __len__(self):
        return -(-len(self.order) // self.whole.size)

    def __getitem__(self, step):
        rows = self.order[step * self.whole.size : (step + 1) * self.whole.size]
        labels = self.whole.labels[rows]
        return self.whole.pictures[rows].astype(np.float32), labels, self.whole.weights[labels]
