"""Yes/no questions of medicine: area under the curve, operating points, net benefit.

Has this eye a retinopathy that needs a doctor, is this lesion malignant? The figures are those of
Gulshan et al. (JAMA 316, 2016, 2402-2410) and Esteva et al. (Nature 542, 2017, 115-118); tables of
subgroups and of human readers are in `common.screening_tables`, pictures in
`common.screening_plots`.

Everywhere labels are booleans or 0 and 1, shape (n,), and scores finite numbers, shape (n,), of
which higher ones are more suspicious; a picture is called positive where its score is at least
the threshold. Proportions are fractions, intervals 95 % ones. The intervals take pictures for
independent. Two eyes of a patient, or several pictures of a lesion, are not: resample patients
instead, with `metrics.bootstrap(..., groups=patients)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict
from scipy import special, stats
from sklearn.metrics import confusion_matrix

from common import metrics
from common.metrics import Interval, PairedTest

Z = float(stats.norm.ppf(0.975))  # of a two-sided 95 % interval


class PredictiveValues(BaseModel):
    """How often a call is right at a prevalence; None where nothing was called so."""

    model_config = ConfigDict(frozen=True)

    prevalence: float
    positive: Interval | None
    negative: Interval | None


class OperatingPoint(BaseModel):
    """What one threshold does to a set of pictures."""

    model_config = ConfigDict(frozen=True)

    threshold: float
    sensitivity: Interval  # exact, as specificity
    specificity: Interval
    predictive: PredictiveValues  # at the pictures' own prevalence, exact
    elsewhere: PredictiveValues | None  # at a stated prevalence, by Bayes' rule
    f_score: float  # harmonic mean of sensitivity and positive predictive value
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


def auc(labels: ArrayLike, scores: ArrayLike) -> Interval:
    """Area under the receiver operating characteristic with DeLong's interval.

    The variance is that of DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988, 837-845), by
    the midranks of Sun and Xu (IEEE Signal Processing Letters 21, 2014, 1389-1393). The interval
    is symmetric on the logit scale (Pepe, The Statistical Evaluation of Medical Tests, 2003,
    chapter 5): so it stays within 0 and 1 and, near 1, covers better than the symmetric one.

    An area of exactly 1 or 0 has no variance. Its interval is Clopper and Pearson's of k pairs
    out of k, k being the size of the rarer class: that many pairs of a positive and a negative
    picture can be formed without using one twice, and all of them are in order at most as often as
    area ** k. This holds for every distribution, and is wide: without one pair in the wrong
    order nothing tells how far the classes lie apart.

    Raises:
        ValueError: labels or scores of a wrong kind, or fewer than 2 pictures of a class.
    """
    truth, values = _checked(labels, scores, least=2)
    parts = _placements(truth, values)
    area, rarer = float(parts[0].mean()), min(map(len, parts))
    if area in (0, 1):
        pairs = metrics.exact(round(area * rarer), rarer)
        return Interval(value=area, low=pairs.low, high=pairs.high, n=len(truth),
                        method=f"Clopper-Pearson over {rarer} disjoint pairs 95 %")
    # Without any variance the scores are all one: then the largest there can be (van Dantzig 1951).
    variance = _variance(parts) or area * (1 - area) / rarer
    half = Z * math.sqrt(variance) / (area * (1 - area))  # delta method
    low, high = special.expit(special.logit(area) + np.array([-half, half])).tolist()
    return Interval(value=area, low=low, high=high, n=len(truth), method="DeLong logit 95 %")


def auc_difference(labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike) -> PairedTest:
    """Area of A minus area of B on the same pictures: DeLong's test of correlated curves.

    A normal approximation, two-sided (DeLong et al. 1988). An area of exactly 1 or 0 counts as
    known without error in it, so with a perfect curve the interval is somewhat narrow.

    Raises:
        ValueError: labels or scores of a wrong kind, fewer than 2 pictures of a class, or areas
            that differ without any variance (1 against the 0.5 of a constant).
    """
    truth, a = _checked(labels, scores_a, "scores_a", least=2)
    _, b = _checked(labels, scores_b, "scores_b")
    gaps = [one - other for one, other in zip(_placements(truth, a), _placements(truth, b),
                                              strict=True)]
    difference, error = float(gaps[0].mean()), math.sqrt(_variance(gaps))
    if difference and not error:
        raise ValueError(f"The areas differ by {difference:+.3f} without any variance, so there is "
                         "no test; add pictures, or train the model that scores them all alike.")
    p = 2 * float(stats.norm.sf(abs(difference) / error)) if error else 1.0
    return PairedTest(difference=difference, low=max(difference - Z * error, -1.0),
                      high=min(difference + Z * error, 1.0), p=p, n=len(truth),
                      method="DeLong 95 %")


def choose(labels: ArrayLike, scores: ArrayLike, *, sensitivity: float | None = None,
           specificity: float | None = None) -> float:
    """The threshold that reaches one rate with the best other one; for a validation set only.

    Gulshan et al. choose a high-sensitivity point (0.97) and a high-specificity one (0.98) on
    development data. Measure the threshold on other pictures: on those it was chosen on, the
    rate is reached by construction.

    Args:
        labels, scores: of the validation set.
        sensitivity, specificity: the rate to reach, above 0 and at most 1; give one of them.

    Returns:
        One of the scores. Pictures that share a score are called alike, so ties may carry the
        rate past what was wanted.

    Raises:
        ValueError: none or both of the rates, one class, or a rate that is reached only by
            calling every negative picture positive, or no positive one.
    """
    truth, values = _checked(labels, scores)
    if (sensitivity is None) == (specificity is None):
        raise ValueError("Choose by one rate: sensitivity=0.97, say, or specificity=0.98.")
    cuts = np.unique(values)
    caught, spared = _rates(truth, values, cuts)
    # Going up the cuts, sensitivity falls and specificity rises: the last cut that is sensitive
    # enough is the most specific one, the first that is specific enough the most sensitive one.
    if specificity is None:
        name, wanted, reached, other, outermost = "sensitivity", sensitivity, caught, spared, -1
    else:
        name, wanted, reached, other, outermost = "specificity", specificity, spared, caught, 0
    if not 0 < wanted <= 1:
        raise ValueError(f"{name}={wanted!r}: give a fraction above 0 and at most 1.")
    enough = np.flatnonzero(reached >= wanted)
    if not len(enough) or other[enough[outermost]] == 0:
        only = "every negative picture" if specificity is None else "no positive picture"
        raise ValueError(f"{name}={wanted:g} cannot be reached but by calling {only} positive; ask "
                         "for less, or train a better model.")
    return float(cuts[enough[outermost]])


def measure(labels: ArrayLike, scores: ArrayLike, threshold: float,
            prevalence: float | None = None) -> OperatingPoint:
    """What a threshold does: rates, predictive values and counts.

    Args:
        labels, scores: pictures on which the threshold was not chosen.
        prevalence: share of positives where the model is to be used, for predictive values there
            (see `predictive_values`); None for those of the pictures alone.

    Raises:
        ValueError: labels or scores of a wrong kind, one class, or a threshold that is no number.
    """
    truth, values = _checked(labels, scores)
    if math.isnan(threshold):
        raise ValueError("threshold is no number; take one from `choose`.")
    (spared, alarms), (missed, caught) = confusion_matrix(truth, values >= threshold,
                                                          labels=[False, True]).tolist()
    own = PredictiveValues(prevalence=float(truth.mean()),
                           positive=_exact(caught, caught + alarms),
                           negative=_exact(spared, spared + missed))
    point = OperatingPoint(
        threshold=float(threshold), sensitivity=metrics.exact(caught, caught + missed),
        specificity=metrics.exact(spared, spared + alarms), predictive=own, elsewhere=None,
        f_score=2 * caught / (2 * caught + alarms + missed), true_positives=caught,
        false_positives=alarms, false_negatives=missed, true_negatives=spared,
    )
    if prevalence is None:
        return point
    return point.model_copy(update={"elsewhere": predictive_values(point, prevalence)})


def predictive_values(point: OperatingPoint, prevalence: float) -> PredictiveValues:
    """Predictive values at another prevalence than the pictures' own, by Bayes' rule.

    Intervals are the logit ones of Mercaldo, Lau and Zhou (Statistics in Medicine 26, 2007,
    2170-2183, equations 8 to 11), for a prevalence that is known without error. Where they are
    not defined (a rate of 0 or 1), their adjusted ones are taken, which add z**2 / 2 to every
    count (table II), and stretched to the value itself.

    Raises:
        ValueError: a prevalence that is not between 0 and 1.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence={prevalence!r}: give a fraction between 0 and 1.")
    odds = prevalence / (1 - prevalence)
    caught, missed = point.true_positives, point.false_negatives
    spared, alarms = point.true_negatives, point.false_positives
    return PredictiveValues(
        prevalence=prevalence,
        positive=_by_bayes((caught, missed), (alarms, spared), odds),
        negative=_by_bayes((spared, alarms), (missed, caught), 1 / odds),
    )


def decision_curve(
    labels: ArrayLike,
    probabilities: ArrayLike,
    thresholds: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    n: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Net benefit of acting on the model, of referring everybody and of referring nobody.

    Net benefit is (true positives - false positives * t / (1 - t)) / n (Vickers and Elkin,
    Medical Decision Making 26, 2006, 565-574): t is the probability of disease at which referral
    is just worth its harm, and so the weight of a needless one. Bands are percentile bootstraps,
    of the same resamples at every t.

    Args:
        probabilities: calibrated probabilities of the positive class, shape (n,).
        thresholds: values of t between 0 and 1; None takes 0.01 to 0.50.
        groups: one label a picture (patient); whole groups are resampled.
        n, seed: of the resamples.

    Returns:
        A row a threshold: "threshold", "model", "low", "high", "refer all", "all low",
        "all high", "refer none"; in true positives a picture.

    Raises:
        ValueError: labels or probabilities of a wrong kind, or thresholds outside 0 to 1.
    """
    truth, values = _checked(labels, probabilities, "probabilities")
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"probabilities lie from {values.min():g} to {values.max():g}; a decision "
                         "curve needs probabilities: apply a sigmoid to logits.")
    cuts = np.arange(1, 51) / 100 if thresholds is None else np.asarray(thresholds, dtype=float)
    if cuts.ndim != 1 or not len(cuts) or not np.all((cuts > 0) & (cuts < 1)):
        raise ValueError("thresholds must be one list of numbers between 0 and 1.")
    odds = cuts / (1 - cuts)
    gains = np.where(truth[:, None], 1.0, -odds) * (values[:, None] >= cuts)  # of each referral
    rows = np.column_stack([gains, truth])
    low, high = np.quantile(_resampled(rows, groups, n, seed), (0.025, 0.975), axis=0)
    # Referring all depends on the prevalence alone, and rises with it: so do its quantiles.
    share = np.array([rows[:, -1].mean(), low[-1], high[-1]])[:, None]
    everybody = share - (1 - share) * odds
    columns = (cuts, gains.mean(axis=0), low[:-1], high[:-1], *everybody, np.zeros_like(cuts))
    names = ("threshold", "model", "low", "high", "refer all", "all low", "all high", "refer none")
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


def _resampled(rows: np.ndarray, groups: ArrayLike | None, n: int, seed: int) -> np.ndarray:
    """Means of bootstrap resamples of rows [pictures, k], float [n, k].

    `metrics.bootstrap` gives one figure a call; here a resample serves all columns.
    """
    labels = np.arange(len(rows)) if groups is None else np.asarray(groups)
    if labels.shape != rows.shape[:1]:
        raise ValueError(f"groups have shape {labels.shape} for {len(rows)} pictures; give one "
                         "label a picture.")
    member = np.unique(labels, return_inverse=True)[1]
    size = np.bincount(member)
    totals = np.zeros((len(size), rows.shape[1]))
    np.add.at(totals, member, rows)
    rng, means = np.random.default_rng(seed), np.empty((n, rows.shape[1]))
    for k in range(n):
        times = np.bincount(rng.integers(len(size), size=len(size)), minlength=len(size))
        means[k] = times @ totals / (times @ size)
    return means


def _checked(labels: ArrayLike, scores: ArrayLike, name: str = "scores", least: int = 1
             ) -> tuple[np.ndarray, np.ndarray]:
    """Labels as bool [n] and scores as float64 [n], with at least so many of each class."""
    truth, values = metrics._booleans(labels, "labels"), np.asarray(scores, dtype=float)
    if values.shape != truth.shape:
        raise ValueError(f"labels have shape {truth.shape} and {name} {values.shape}; give one "
                         "score a picture, in the order of labels.")
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"{name}[{row}] is {values[row]}; leave out pictures without a score.")
    positives = int(truth.sum())
    if min(positives, len(truth) - positives) < least:
        raise ValueError(f"labels have {positives} positive and {len(truth) - positives} negative "
                         f"pictures; at least {least} of each class are needed.")
    return truth, values


def _rates(truth: np.ndarray, scores: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Sensitivity and specificity at each cut, float [2, cuts]."""
    positives, negatives = np.sort(scores[truth]), np.sort(scores[~truth])
    caught = len(positives) - np.searchsorted(positives, cuts)
    return np.stack([caught / len(positives), np.searchsorted(negatives, cuts) / len(negatives)])


def _placements(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong's structural components of the positive and of the negative pictures.

    That of a positive picture is the share of the negative ones that it outranks, of a negative
    one the share of the positive ones that outrank it; ties count half. A rank among all, less
    the rank among its own class, counts the other class.
    """
    ranks = stats.rankdata(scores)
    above = [(ranks[own] - stats.rankdata(scores[own])) / np.sum(~own) for own in (truth, ~truth)]
    return above[0], 1 - above[1]


def _variance(parts: Sequence[np.ndarray]) -> float:
    """Of an area, or of the difference of two, from the components of both classes."""
    return float(sum(part.var(ddof=1) / len(part) for part in parts))


def _exact(count: int, n: int) -> Interval | None:
    return metrics.exact(count, n) if n else None


def _by_bayes(right: tuple[int, int], wrong: tuple[int, int], odds: float) -> Interval | None:
    """A predictive value from the pictures of the class that is meant and of the other class.

    Args:
        right, wrong: how many of that class are called so, and how many are not.
        odds: of the class that is meant.
    """
    (a, b), (c, d) = right, wrong
    if a + c == 0:
        return None
    n, defined = a + b + c + d, a > 0 and c > 0
    value = odds * a / (a + b) / (odds * a / (a + b) + c / (c + d))
    if not defined:
        a, b, c, d = (count + Z**2 / 2 for count in (a, b, c, d))
    center = math.log(odds * a / (a + b) / (c / (c + d)))
    half = Z * math.sqrt(b / a / (a + b) + d / c / (c + d))
    low, high = special.expit(center + np.array([-half, half])).tolist()
    return Interval(value=value, low=min(low, value), high=max(high, value), n=n,
                    method=f"Mercaldo {'logit' if defined else 'adjusted logit'} 95 %")
