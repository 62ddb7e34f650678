"""Intervals and paired tests of the area under the ROC curve.

DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver
operating characteristic curves", Biometrics 1988, by midranks as in Sun and Xu 2014. Rows that come
in groups (the visits of one user) are no independent rows: Obuchowski, "Nonparametric analysis of
clustered ROC curve data", Biometrics 1997.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from common.metrics import Interval, PairedTest, wilson


def area(
    labels: np.ndarray, scores: np.ndarray, groups: np.ndarray | None = None, level: float = 0.95
) -> Interval:
    """Area under the ROC curve; its interval is made on the log odds and so stays within 0 to 1.

    Args:
        labels: bool or 0 and 1 [rows].
        scores: higher for label 1, [rows].
        groups: which rows belong together, [rows]; None takes each for itself.

    Raises:
        ValueError: fewer than two rows of either label.
    """
    value, covariance = _areas(labels, [scores], groups)
    if value[0] in (0, 1):  # DeLong sees no spread; the rarer class says how far to believe it
        rarer = int(min(np.sum(labels), len(labels) - np.sum(labels)))
        bound = wilson(rarer * int(value[0]), rarer, level)
        return Interval(value=float(value[0]), low=bound.low, high=bound.high, n=len(scores),
                        method=f"Wilson of the rarer class {100 * level:g} %")  # fmt: skip
    half = stats.norm.ppf((1 + level) / 2) * np.sqrt(covariance[0, 0])
    inside = np.clip(value[0], 1e-9, 1 - 1e-9)
    centre, spread = np.log(inside / (1 - inside)), half / (inside * (1 - inside))
    low, high = (1 / (1 + np.exp(-(centre + sign * spread))) for sign in (-1, 1))
    return Interval(value=float(value[0]), low=float(low), high=float(high), n=len(scores),
                    method=f"{_name(groups)} {100 * level:g} %")  # fmt: skip


def paired_areas(
    labels: np.ndarray, one: np.ndarray, other: np.ndarray, groups: np.ndarray | None = None,
    level: float = 0.95,
) -> PairedTest:
    """How much larger the area of `one` is than that of `other` on the same rows."""
    values, covariance = _areas(labels, [one, other], groups)
    difference = float(values[0] - values[1])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    error = float(np.sqrt(max(variance, 0.0)))
    half = float(stats.norm.ppf((1 + level) / 2)) * error
    p = float(2 * stats.norm.sf(abs(difference) / error)) if error else float(difference == 0)
    return PairedTest(difference=difference, low=difference - half, high=difference + half, p=p,
                      n=len(one), method=_name(groups))  # fmt: skip


def _name(groups: np.ndarray | None) -> str:
    return "DeLong" if groups is None else f"Obuchowski over {len(np.unique(groups))} groups"


def _areas(labels, scores: list[np.ndarray], groups=None) -> tuple[np.ndarray, np.ndarray]:
    """Areas [models] and their covariance [models, models]."""
    labels = np.asarray(labels, bool)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if min(positives, negatives) < 2:
        raise ValueError(
            f"{positives} rows of one class and {negatives} of the other: an area under the curve "
            "needs at least two of each."
        )
    above, below = [], []
    for score in scores:
        score = np.asarray(score, float)
        together = stats.rankdata(np.concatenate([score[labels], score[~labels]]))
        # The share of negatives below each positive, and of positives above each negative.
        above.append((together[:positives] - stats.rankdata(score[labels])) / negatives)
        below.append(1 - (together[positives:] - stats.rankdata(score[~labels])) / positives)
    above, below = np.array(above), np.array(below)
    areas = above.mean(axis=1)
    if groups is None:
        covariance = np.cov(above) / positives + np.cov(below) / negatives
        return areas, np.atleast_2d(covariance)
    # How far each row pulls its area up or down, summed over its group.
    pull = np.zeros((len(scores), len(labels)))
    pull[:, labels] = (above - areas[:, None]) / positives
    pull[:, ~labels] = (below - areas[:, None]) / negatives
    member = np.unique(groups, return_inverse=True)[1]
    count = int(member.max()) + 1
    if count < 2:
        raise ValueError("All rows are of one group: an interval needs at least two groups.")
    sums = np.array([np.bincount(member, each, count) for each in pull])
    return areas, sums @ sums.T * count / (count - 1)


def share_of_the_way(
    labels: np.ndarray, scores: np.ndarray, best: np.ndarray, groups: np.ndarray | None = None,
    level: float = 0.95,
) -> Interval:
    """How far an area is on the way from 0.5 to that of the best scores, on the same rows.

    Both areas are measured, and together: the interval is the delta method's on their covariance.
    """
    (own, top), covariance = _areas(labels, [scores, best], groups)
    slope = np.array([1 / (top - 0.5), -(own - 0.5) / (top - 0.5) ** 2])
    half = stats.norm.ppf((1 + level) / 2) * float(np.sqrt(max(slope @ covariance @ slope, 0.0)))
    value = float((own - 0.5) / (top - 0.5))
    return Interval(value=value, low=value - half, high=value + half, n=len(scores),
                    method=f"{_name(groups)} delta {100 * level:g} %")  # fmt: skip
