"""Measured numbers as records for metrics.json, see `common.results.Metric`."""

from __future__ import annotations

import numpy as np

from common import metrics


def record(data: str, variant: str, metric: str, found, seeds: list[int]) -> dict:
    """A record of anything with a value, bounds, a count and a method (`metrics.Interval`)."""
    return {"data": data, "variant": variant, "metric": metric, "value": found.value,
            "low": found.low, "high": found.high, "n": found.n, "seeds": seeds,
            "interval": found.method}  # fmt: skip


def share(data: str, variant: str, metric: str, right: np.ndarray, seeds: list[int]) -> dict:
    """A record of how often something holds, bool [n], with Wilson's interval."""
    return record(data, variant, metric, metrics.wilson(int(right.sum()), len(right)), seeds)


def gain(data: str, variant: str, other: str, right: np.ndarray, wrong: np.ndarray,
         seeds: list[int]) -> dict:  # fmt: skip
    """A record of how far one answer is above another on the same pictures, by McNemar's test."""
    found = metrics.paired(right, wrong)
    return {"data": data, "variant": variant, "metric": f"gain over {other}",
            "value": found.difference, "low": found.low, "high": found.high, "n": found.n,
            "seeds": seeds, "interval": f"{found.method}, p = {found.p:.2g}"}  # fmt: skip
