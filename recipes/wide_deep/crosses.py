"""Which pairs of features to cross, found from the training rows alone.

Cheng et al. 2016 chose their cross-product transformations (section 3.1, equation 1) by hand. Here
an additive model over all features speaks first, through parts of the rows that it has not seen.
Where a pair of features knows something that their sum does not, its cells have residuals that
chance does not explain (a score test of every pair's interaction).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

ENOUGH = 20  # rows of a cell before its residual is believed
SIGNIFICANT = 4.0  # standard deviations above what chance gives
MOST_ROWS = 100_000  # looked at


class Pair(NamedTuple):
    """A proposed cross: two columns of the ids, and how far above chance its cells stand."""

    first: int
    second: int
    gain: float  # chi-squared beyond its expectation
    deviations: float  # the same in standard deviations


def one_hot(ids: np.ndarray, sizes: list[int]) -> sparse.csr_array:
    """Indicator columns, float32 [rows, sum of sizes], of int ids [rows, features]."""
    rows, features = ids.shape
    columns = (ids + np.cumsum([0, *sizes[:-1]])).ravel()
    starts = np.arange(rows + 1) * features
    ones = np.ones(rows * features, np.float32)
    return sparse.csr_array((ones, columns, starts), shape=(rows, sum(sizes)))


def propose(
    ids: np.ndarray, sizes: list[int], target: np.ndarray, count: int, seed: int = 0
) -> list[Pair]:
    """The pairs that tell most beyond the sum of their parts.

    Args:
        ids: int [rows, features], each feature's number from 0 to its size - 1.
        sizes: numbers of each feature.
        target: int classes or float values [rows].
        count: at most so many pairs.
        seed: of the rows that are looked at and of the parts.

    Returns:
        Significant pairs, the one with the largest gain first.
    """
    random = np.random.default_rng(seed)
    if len(ids) > MOST_ROWS:
        chosen = random.choice(len(ids), MOST_ROWS, replace=False)
        ids, target = ids[chosen], target[chosen]
    if target.dtype.kind != "f":  # of a handful of rows nothing can be said
        classes, rows = np.unique(target, return_counts=True)
        common = np.isin(target, classes[rows >= ENOUGH])
        ids, target = ids[common], target[common]
        if len(np.unique(target)) < 2:
            return []
    residual, variance = _residuals(one_hot(ids, sizes), target, seed)
    pairs = []
    for second in range(ids.shape[1]):
        for first in range(second):
            key = ids[:, first].astype(np.int64) * sizes[second] + ids[:, second]
            _, cell, rows = np.unique(key, return_inverse=True, return_counts=True)
            believed = rows >= ENOUGH
            if believed.sum() < 2:
                continue
            squared = 0.0
            for r, v in zip(residual.T, variance.T, strict=True):
                total = np.bincount(cell, r)[believed]
                spread = np.maximum(np.bincount(cell, v)[believed], 1e-9)
                squared += float((total**2 / spread).sum())
            cells = believed.sum() * residual.shape[1]
            gain = squared - cells
            pairs.append(Pair(first, second, gain, gain / np.sqrt(2 * cells)))
    pairs = [pair for pair in pairs if pair.deviations > SIGNIFICANT]
    return sorted(pairs, key=lambda pair: -pair.gain)[:count]


def _residuals(matrix, target: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Residuals of an additive model and their variances, [rows, 1 or classes]."""
    with threadpool_limits(1, user_api="blas"):
        if target.dtype.kind == "f":
            parts = KFold(3, shuffle=True, random_state=seed)
            said = cross_val_predict(Ridge(10.0, solver="sparse_cg"), matrix, target, cv=parts)
            residual = (target - said)[:, None]
            return residual, np.full_like(residual, residual.var())
        parts = StratifiedKFold(3, shuffle=True, random_state=seed)
        model = LogisticRegression(C=1.0, max_iter=200, tol=1e-3)
        said = cross_val_predict(model, matrix, target, cv=parts, method="predict_proba")
    classes, truth = np.unique(target, return_inverse=True)
    residual = np.eye(len(classes))[truth] - said
    keep = slice(1, None) if len(classes) == 2 else slice(None)  # two say the same twice
    return residual[:, keep], (said * (1 - said))[:, keep]
