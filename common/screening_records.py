"""What is measured of a yes-or-no question on medical pictures, as records for metrics.json."""

from __future__ import annotations

import warnings
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
    found = metrics.bootstrap(function, *arrays, groups=groups if several else None, n=n)
    # The bootstrap of an error that cannot be negative, or of a class seen once, lies beside it.
    return found.model_copy(update={"low": min(found.low, found.value),
                                    "high": max(found.high, found.value)})  # fmt: skip


def calibration(ill: np.ndarray, shares: np.ndarray, groups: np.ndarray) -> Interval:
    """Expected calibration error of probabilities [n] of being ill, bool [n]."""
    return spread(groups, metrics.expected_calibration_error, np.asarray(ill).astype(int), shares)


def two_points(ill: np.ndarray, score: np.ndarray, sensitivity: float, specificity: float
               ) -> dict[str, float]:  # fmt: skip
    """Thresholds of two operating points, to be chosen on pictures that nothing was learned from.

    Args:
        ill: bool [n]. score: float [n].
        sensitivity: that "sensitive" must reach. specificity: that "specific" must reach.

    Where one cannot be reached but by calling everybody (or nobody) ill, the highest that can is
    taken, with a warning: so much work is not thrown away for it.

    Raises:
        ValueError: no rate can be reached, see `screening.choose`.
    """
    return {"sensitive": _nearest(ill, score, "sensitivity", sensitivity),
            "specific": _nearest(ill, score, "specificity", specificity)}  # fmt: skip


def _nearest(ill: np.ndarray, score: np.ndarray, rate: str, wanted: float) -> float:
    count = int(np.sum(ill)) if rate == "sensitivity" else int(np.sum(~np.asarray(ill, bool)))
    below = [k / count for k in range(count, 0, -1) if k / count < wanted <= 1]
    for number, each in enumerate([wanted, *below]):
        try:
            found = screening.choose(ill, score, **{rate: each})
        except ValueError:
            if number == len(below):
                raise
            continue
        if number:
            warnings.warn(f"A {rate} of {wanted:g} cannot be reached on these {len(ill)} pictures; "
                          f"{each:.3f} is taken.", stacklevel=3)  # fmt: skip
        return found
    raise AssertionError("the last one raises")


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
