"""What is measured of a yes-or-no question on medical pictures, as records for metrics.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from common import metrics, screening
from common.metrics import Interval
from common.records import record
from common.screening import OperatingPoint


def spread(groups: np.ndarray, function: Callable, *arrays: np.ndarray, n: int = 1000) -> Interval:
    """A figure with its bootstrap interval, over groups where some hold several pictures.

    Args:
        groups: int [n], the same for pictures of one patient, eye or lesion.
        function: (*arrays) -> number.
    """
    several = len(np.unique(groups)) < len(groups)
    return metrics.bootstrap(function, *arrays, groups=groups if several else None, n=n)


def calibration(ill: np.ndarray, shares: np.ndarray, groups: np.ndarray) -> Interval:
    """Expected calibration error of probabilities [n] of being ill, bool [n]."""
    found = spread(groups, metrics.expected_calibration_error, np.asarray(ill).astype(int),
                   both(shares))  # fmt: skip
    # The bootstrap of an error that cannot be negative lies above it.
    return found.model_copy(update={"low": min(found.low, found.value),
                                    "high": max(found.high, found.value)})  # fmt: skip


def both(shares: np.ndarray) -> np.ndarray:
    """[n, 2] of the probabilities [n] of yes."""
    return np.column_stack([1 - shares, shares])


def two_points(ill: np.ndarray, score: np.ndarray, sensitivity: float, specificity: float
               ) -> dict[str, float]:  # fmt: skip
    """Thresholds of two operating points, to be chosen on pictures that nothing was learned from.

    Args:
        ill: bool [n]. score: float [n].
        sensitivity: that "sensitive" must reach. specificity: that "specific" must reach.

    Raises:
        ValueError: a rate that cannot be reached, see `screening.choose`.
    """
    return {"sensitive": screening.choose(ill, score, sensitivity=sensitivity),
            "specific": screening.choose(ill, score, specificity=specificity)}  # fmt: skip


def at(ill: np.ndarray, score: np.ndarray, thresholds: Mapping[str, float],
       prevalence: float | None) -> dict[str, OperatingPoint]:  # fmt: skip
    """What the thresholds do to other pictures, by name."""
    return {name: screening.measure(ill, score, threshold, prevalence)
            for name, threshold in thresholds.items()}  # fmt: skip


def of_points(name: str, variant: str, found: Mapping[str, OperatingPoint], seeds: list[int]
              ) -> list[dict]:  # fmt: skip
    """Sensitivity and specificity at each operating point, with exact intervals."""
    rates = ("sensitivity", "specificity")
    return [record(name, f"{variant}, {which} point", rate, getattr(point, rate), seeds)
            for which, point in found.items() for rate in rates]  # fmt: skip


def of_curve(name: str, variant: str, curve: pd.DataFrame, counted: str, metrics: Mapping[str, str],
             seeds: list[int]) -> list[dict]:  # fmt: skip
    """A learning curve; intervals are from the least to the most of the draws.

    Args:
        curve, counted: see `plots.more_data`. metrics: names of the records by the curve's figures.
    """
    records = []
    for row in curve.to_dict("records"):
        for figure, metric in metrics.items():
            found = Interval(value=row[figure], low=row[f"{figure} least"],
                             high=row[f"{figure} most"], n=int(row[counted]),
                             method="least and most of the draws")  # fmt: skip
            said = f"{variant}, {row[counted]:.0f} {counted}"
            records.append(record(name, said, metric, found, seeds))
    return records
