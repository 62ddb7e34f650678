"""Intervals, paired tests and calibration; thin over SciPy and scikit-learn.

Every interval is a 95 % one unless `level` says otherwise. Proportions are fractions, not percent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict
from scipy import stats


class Interval(BaseModel):
    """A value with its confidence interval; prints as "0.812 (0.803 to 0.821)"."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float
    n: int  # what was counted or averaged over: examples, groups or folds
    method: str

    def __format__(self, spec: str) -> str:
        spec = spec or ".3f"
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"

    def __str__(self) -> str:
        return format(self)


class PairedTest(BaseModel):
    """How much better A is than B on the same examples or folds, and a two-sided p-value."""

    model_config = ConfigDict(frozen=True)

    difference: float
    low: float
    high: float
    p: float
    n: int
    method: str
    only_a: int | None = None  # examples that only A got right
    only_b: int | None = None

    def __str__(self) -> str:
        p = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}"
        return f"{self.difference:+.3f} ({self.low:+.3f} to {self.high:+.3f}), {p}"


class Reliability(BaseModel):
    """How often predictions of a given confidence are right, in bins of equal width.

    Bins without predictions are left out. `confidence` and `accuracy` are the means in a bin.
    """

    model_config = ConfigDict(frozen=True)

    confidence: list[float]
    accuracy: list[float]
    count: list[int]
    error: float  # expected calibration error


def wilson(correct: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927); the usual choice for an accuracy."""
    return _proportion(correct, n, level, "wilson", "Wilson")


def exact(correct: int, n: int, level: float = 0.95) -> Interval:
    """Clopper and Pearson's exact interval of a proportion (1934); never too narrow."""
    return _proportion(correct, n, level, "exact", "Clopper-Pearson")


def bootstrap(
    function: Callable[..., float],
    *arrays: ArrayLike,
    groups: ArrayLike | None = None,
    n: int = 2000,
    seed: int = 0,
    method: str = "percentile",
    level: float = 0.95,
) -> Interval:
    """Bootstrap interval of any figure of paired arrays (Efron and Tibshirani 1993).

    Args:
        function: takes arrays like `arrays` and returns a number, such as
            `lambda y, p: sklearn.metrics.f1_score(y, p, average="macro")`.
        arrays: one row an example; resampled together along the first axis.
        groups: one label an example (speaker, patient); whole groups are resampled, which
            examples of one group need because they are not independent.
        n: number of resamples.
        method: "percentile", or "BCa" (bias-corrected; evaluates once more for each example,
            and does not go with groups).

    Raises:
        ValueError: arrays of differing length, or a resample for which the function is not
            finite (say, an area under the curve of one class).
    """
    data = [np.asarray(array) for array in arrays]
    if not data or len({len(array) for array in data}) > 1 or len(data[0]) < 2:
        raise ValueError(f"arrays have lengths {[len(array) for array in data]}; bootstrap needs "
                         "arrays of one length of at least 2.")
    if method not in ("percentile", "BCa") or (method == "BCa" and groups is not None):
        raise ValueError(f'method={method!r}: write "percentile", or without groups "BCa".')

    def figure(rows: np.ndarray) -> float:
        value = float(function(*(array[rows] for array in data)))
        if not math.isfinite(value):
            raise ValueError(
                f"The function gave {value} for a resample of {len(rows)} rows, perhaps one "
                "without every class; use more rows, or a figure defined for each resample."
            )
        return value

    rows = np.arange(len(data[0]))
    if groups is None:
        # batch: SciPy otherwise lays out all resamples, and for BCa rows squared, at once.
        found = stats.bootstrap((rows,), figure, vectorized=False, n_resamples=n, method=method,
                                confidence_level=level, batch=100, rng=np.random.default_rng(seed))
        low, high = found.confidence_interval
        count, unit = len(rows), ""
    else:
        labels, member = np.unique(np.asarray(groups), return_inverse=True)
        if len(member) != len(rows) or len(labels) < 2:
            raise ValueError(f"groups has {len(member)} labels of {len(labels)} groups for "
                             f"{len(rows)} rows; give one label a row and at least 2 groups.")
        order, size = np.argsort(member, kind="stable"), np.bincount(member)
        first, rng = np.cumsum(size) - size, np.random.default_rng(seed)

        def drawn() -> np.ndarray:
            picked = rng.integers(len(size), size=len(size))
            many, ends = size[picked], np.cumsum(size[picked])
            return order[np.arange(ends[-1]) + np.repeat(first[picked] - ends + many, many)]

        figures = [figure(drawn()) for _ in range(n)]
        low, high = np.quantile(figures, [(1 - level) / 2, (1 + level) / 2])
        count, unit = len(labels), f" over {len(labels)} groups"
    name = "BCa bootstrap" if method == "BCa" else "bootstrap"
    return Interval(value=figure(rows), low=float(low), high=float(high), n=count,
                    method=f"{name}{unit} {_percent(level)}")


def mean_over_folds(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean with Student's t interval over the folds or seeds.

    Folds share training data, so the interval is somewhat narrow; compare two models with
    `paired_over_folds`, which corrects for that.
    """
    values = _finite(values, "values")
    if len(values) < 2:
        raise ValueError(f"values has {len(values)} entries; an interval needs at least 2 folds.")
    mean, half = float(values.mean()), _t_half_width(values, 1 / len(values), level)
    return Interval(value=mean, low=mean - half, high=mean + half, n=len(values),
                    method=f"t over {len(values)} folds {_percent(level)}")


def paired(correct_a: ArrayLike, correct_b: ArrayLike, level: float = 0.95) -> PairedTest:
    """Compare two classifiers on the same examples: exact McNemar test of the accuracies.

    For cross-validation give the out-of-fold answers of all folds, in one order. The p-value is
    the binomial test of the examples only one of them gets right (McNemar 1947), the interval of
    the difference Agresti and Min's adjusted one (Statistics in Medicine 24, 2005, "Wald+2").

    Args:
        correct_a: whether A is right, one boolean or 0/1 an example; `correct_b` likewise.
    """
    a, b = (_booleans(values, name) for values, name in ((correct_a, "correct_a"),
                                                         (correct_b, "correct_b")))
    if len(a) != len(b):
        raise ValueError(f"correct_a has {len(a)} examples and correct_b {len(b)}; give the same "
                         "examples in the same order.")
    n, only_a, only_b = len(a), int((a & ~b).sum()), int((~a & b).sum())
    p = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    # Half an example is added to each of the four cells.
    center = (only_a - only_b) / (n + 2)
    spread = math.sqrt(only_a + only_b + 1 - (only_a - only_b) ** 2 / (n + 2)) / (n + 2)
    half = stats.norm.ppf((1 + level) / 2) * spread
    return PairedTest(
        difference=(only_a - only_b) / n,
        low=max(center - half, -1.0),
        high=min(center + half, 1.0),
        p=float(p),
        n=n,
        only_a=only_a,
        only_b=only_b,
        method=f"exact McNemar, Agresti-Min {_percent(level)}",
    )


def paired_over_folds(
    values_a: ArrayLike, values_b: ArrayLike, train_size: int, test_size: int, level: float = 0.95
) -> PairedTest:
    """Compare two models fold by fold: the corrected resampled t-test.

    The variance of the fold differences is taken times 1/J + test_size/train_size, because the
    folds' training sets overlap (Nadeau and Bengio, Machine Learning 52, 2003, section 4).

    Args:
        values_a: a figure such as the accuracy, one a fold; `values_b` on the same folds.
        train_size, test_size: examples in a fold's training and test part.
    """
    a, b = _finite(values_a, "values_a"), _finite(values_b, "values_b")
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"values_a has {len(a)} folds and values_b {len(b)}; give the same folds "
                         "in the same order, at least 2.")
    if train_size < 1 or test_size < 0:
        raise ValueError(f"train_size={train_size}, test_size={test_size}: give the numbers of "
                         "examples in a fold's training and test part.")
    differences = a - b
    mean = float(differences.mean())
    factor = 1 / len(a) + test_size / train_size
    error = math.sqrt(factor * float(differences.var(ddof=1)))
    half = _t_half_width(differences, factor, level)
    if error > 0:
        p = 2 * float(stats.t.sf(abs(mean) / error, len(a) - 1))
    else:
        p = 1.0 if mean == 0 else 0.0
    return PairedTest(difference=mean, low=mean - half, high=mean + half, p=p, n=len(a),
                      method=f"corrected resampled t over {len(a)} folds {_percent(level)}")


def reliability(labels: ArrayLike, probabilities: ArrayLike, bins: int = 10) -> Reliability:
    """Reliability curve and expected calibration error (Guo et al., ICML 2017, equations 1 to 3).

    Args:
        labels: class indices, shape (n,).
        probabilities: shape (n, classes): a prediction's confidence is its largest probability
            and it is right if that class is the label. Or shape (n,), the probability of class 1
            with labels 0 and 1: then the curve is scikit-learn's `calibration_curve`.
        bins: bins of equal width; a value on an edge belongs to the lower bin.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=float)
    if probabilities.ndim not in (1, 2) or labels.shape != probabilities.shape[:1]:
        raise ValueError(f"labels have shape {labels.shape} and probabilities "
                         f"{probabilities.shape}; give (n,) and (n, classes) or (n,).")
    if not len(labels) or not np.all((probabilities >= 0) & (probabilities <= 1 + 1e-6)):
        raise ValueError("probabilities must be numbers from 0 to 1; apply softmax to logits.")
    if probabilities.ndim == 1:
        confidence, right = probabilities, labels.astype(float)
    else:
        confidence = probabilities.max(axis=1)
        right = (probabilities.argmax(axis=1) == labels).astype(float)
    index = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)
    count = np.bincount(index, minlength=bins)
    used = count > 0
    means = [np.bincount(index, values, minlength=bins)[used] / count[used]
             for values in (confidence, right)]
    error = float(np.sum(count[used] / len(labels) * np.abs(means[0] - means[1])))
    return Reliability(confidence=means[0].tolist(), accuracy=means[1].tolist(),
                       count=count[used].tolist(), error=error)


def expected_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 10
) -> float:
    """Mean gap between confidence and accuracy over the bins, weighted by their counts."""
    return reliability(labels, probabilities, bins).error


def _proportion(correct: Any, n: Any, level: float, method: str, name: str) -> Interval:
    if int(n) != n or int(correct) != correct or not 0 <= correct <= n or n < 1:
        raise ValueError(f"correct={correct!r} of n={n!r}: give whole numbers, n at least 1 and "
                         "correct from 0 to n.")
    found = stats.binomtest(int(correct), int(n)).proportion_ci(level, method=method)
    return Interval(value=correct / n, low=float(found.low), high=float(found.high), n=int(n),
                    method=f"{name} {_percent(level)}")


def _t_half_width(values: np.ndarray, factor: float, level: float) -> float:
    spread = math.sqrt(factor * float(values.var(ddof=1)))
    return float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * spread


def _finite(values: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be one list of finite numbers.")
    return array


def _booleans(values: ArrayLike | Sequence[bool], name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1 or not len(array) or not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name} must be one list of booleans, or of 0 and 1, one an example.")
    return array.astype(bool)


def _percent(level: float) -> str:
    return f"{level * 100:g} %"
