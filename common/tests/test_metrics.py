"""Intervals, tests and calibration against published values and reference libraries."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score, roc_auc_score

from common import metrics


@pytest.mark.parametrize(
    ("correct", "n", "wilson", "exact"),
    [  # Newcombe, Statistics in Medicine 17 (1998), 857-872, Table I: methods 3 and 5
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_proportions_agree_with_newcombe(correct, n, wilson, exact):
    for function, expected in ((metrics.wilson, wilson), (metrics.exact, exact)):
        found = function(correct, n)
        assert (round(found.low, 4), round(found.high, 4)) == expected
        assert found.value == correct / n and found.n == n
    assert metrics.wilson(1, 2).method == "Wilson 95 %"
    assert metrics.exact(1, 2, level=0.9).method == "Clopper-Pearson 90 %"


def test_interval_prints_as_asked():
    interval = metrics.wilson(81, 263)
    assert str(interval) == "0.308 (0.255 to 0.366)"
    assert f"{interval:.1%}" == "30.8% (25.5% to 36.6%)"


@pytest.mark.parametrize(("correct", "n"), [(3, 2), (-1, 2), (0, 0), (0.5, 2)])
def test_impossible_counts_are_refused(correct, n):
    with pytest.raises(ValueError, match="give whole numbers"):
        metrics.wilson(correct, n)


def test_bootstrap_of_a_mean_is_near_its_normal_interval():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    expected = stats.norm.interval(0.95, values.mean(), values.std() / math.sqrt(len(values)))
    for method in ("percentile", "BCa"):
        found = metrics.bootstrap(np.mean, values, method=method)
        assert found.value == pytest.approx(values.mean())
        np.testing.assert_allclose([found.low, found.high], expected, atol=0.02)
    again = metrics.bootstrap(np.mean, values)
    assert again == metrics.bootstrap(np.mean, values)
    assert again != metrics.bootstrap(np.mean, values, seed=1)


def test_bootstrap_agrees_with_scipy_on_paired_arrays():
    rng = np.random.default_rng(2)
    x = rng.normal(size=80)
    y = x + rng.normal(size=80)

    def correlation(a, b):
        return stats.pearsonr(a, b)[0]

    found = metrics.bootstrap(correlation, x, y, n=500, seed=3, method="BCa")
    expected = stats.bootstrap((x, y), correlation, paired=True, vectorized=False, n_resamples=500,
                               method="BCa", batch=100, rng=np.random.default_rng(3))
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval))


def test_bootstrap_takes_tables_and_any_figure():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 200)
    scores = rng.random((200, 3)) + 0.3 * np.eye(3)[labels]

    def f1(y, s):
        return f1_score(y, s.argmax(axis=1), average="macro")

    found = metrics.bootstrap(f1, labels, scores, n=200)
    assert found.low < found.value == f1(labels, scores) < found.high
    assert found.method == "bootstrap 95 %"


def test_groups_are_resampled_whole():
    values = np.random.default_rng(5).normal(size=60)
    repeated, groups = np.repeat(values, 20), np.repeat(np.arange(60), 20)
    naive = metrics.bootstrap(np.mean, repeated, n=1000)
    grouped = metrics.bootstrap(np.mean, repeated, groups=groups, n=1000)
    alone = metrics.bootstrap(np.mean, values, n=1000)
    width = {name: i.high - i.low
             for name, i in {"naive": naive, "grouped": grouped, "alone": alone}.items()}
    # Twenty copies of an example tell no more than one.
    assert width["grouped"] == pytest.approx(width["alone"], rel=0.1)
    assert width["grouped"] / width["naive"] == pytest.approx(math.sqrt(20), rel=0.1)
    assert grouped.n == 60 and grouped.method == "bootstrap over 60 groups 95 %"
    sizes = []
    metrics.bootstrap(lambda v: sizes.append(len(v)) or 0.0, np.arange(6), n=50,
                      groups=["a", "b", "b", "c", "c", "c"])
    assert min(sizes) >= 3 and max(sizes) > 6  # three whole groups of 1, 2 and 3 rows


def test_bootstrap_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"lengths \[3, 2\]"):
        metrics.bootstrap(np.mean, [1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="method='bca'"):
        metrics.bootstrap(np.mean, [1, 2, 3], method="bca")
    with pytest.raises(ValueError, match="one label a row"):
        metrics.bootstrap(np.mean, [1, 2, 3], groups=[0, 1])

    def area(labels, scores):  # not defined when a resample holds one class
        return roc_auc_score(labels, scores) if len(set(labels)) == 2 else math.nan

    with pytest.raises(ValueError, match="gave nan for a resample"):
        metrics.bootstrap(area, np.array([0, 1, 1]), np.array([0.1, 0.4, 0.8]))


def test_mean_over_folds_is_students_interval():
    values = [0.81, 0.79, 0.84, 0.80, 0.78]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = metrics.mean_over_folds(values)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx(0.804) and found.n == 5
    for wrong in ([0.8], [0.8, math.nan], [[0.8, 0.9]]):
        with pytest.raises(ValueError, match="values"):
            metrics.mean_over_folds(wrong)


def answers(both, only_a, only_b, neither):
    a = [1] * both + [1] * only_a + [0] * only_b + [0] * neither
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * neither
    return a, b


@pytest.mark.parametrize(("only_a", "only_b"), [(7, 1), (12, 5), (3, 3), (0, 4), (0, 0)])
def test_mcnemar_is_the_exact_binomial_sum(only_a, only_b):
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n
    found = metrics.paired(*answers(20, only_a, only_b, 10))
    assert found.p == pytest.approx(min(1.0, 2 * tail))
    assert found.difference == pytest.approx((only_a - only_b) / (30 + n))
    assert (found.only_a, found.only_b, found.n) == (only_a, only_b, 30 + n)
    assert found.low < found.difference < found.high
    other = metrics.paired(*reversed(answers(20, only_a, only_b, 10)))
    assert (other.low, other.high, other.p) == pytest.approx((-found.high, -found.low, found.p))


def test_interval_of_the_difference_covers_95_percent():
    """Exact coverage for n = 40, summed over every outcome of the trinomial."""
    n = 40
    outcomes = [(i, j) for i in range(n + 1) for j in range(n + 1 - i)]
    found = {o: metrics.paired(*answers(0, *o, n - sum(o))) for o in outcomes}
    for p_a, p_b in ((0.1, 0.1), (0.2, 0.05), (0.3, 0.2), (0.15, 0.02)):
        coverage = sum(
            stats.multinomial.pmf([i, j, n - i - j], n, [p_a, p_b, 1 - p_a - p_b])
            for (i, j), test in found.items() if test.low <= p_a - p_b <= test.high
        )
        assert 0.935 <= coverage <= 0.985, (p_a, p_b, coverage)


def test_paired_refuses_what_is_not_paired():
    with pytest.raises(ValueError, match="same examples in the same order"):
        metrics.paired([1, 0], [1])
    with pytest.raises(ValueError, match="correct_b must be one list of booleans"):
        metrics.paired([1, 0], [0.5, 1])
    assert str(metrics.paired(*answers(5, 40, 5, 5))).endswith("p < 0.001")


def test_corrected_t_over_folds():
    rng = np.random.default_rng(6)
    a = 0.8 + 0.02 * rng.normal(size=10)
    b = a - 0.01 + 0.01 * rng.normal(size=10)
    plain = stats.ttest_rel(a, b)
    uncorrected = metrics.paired_over_folds(a, b, train_size=900, test_size=0)
    assert uncorrected.p == pytest.approx(plain.pvalue)
    interval = plain.confidence_interval(0.95)
    assert (uncorrected.low, uncorrected.high) == pytest.approx((interval.low, interval.high))
    # Tenfold: the error grows by sqrt(1 + 10 / 9) (Nadeau and Bengio 2003).
    found = metrics.paired_over_folds(a, b, train_size=900, test_size=100)
    statistic = plain.statistic / math.sqrt(1 + 10 / 9)
    assert found.p == pytest.approx(2 * stats.t.sf(statistic, 9))
    assert found.high - found.low == pytest.approx(
        math.sqrt(1 + 10 / 9) * (interval.high - interval.low)
    )
    same = metrics.paired_over_folds([0.8, 0.9], [0.8, 0.9], 90, 10)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)
    with pytest.raises(ValueError, match="same folds"):
        metrics.paired_over_folds([0.8, 0.9], [0.8], 90, 10)


def test_reliability_is_scikit_learns_curve_for_two_classes():
    rng = np.random.default_rng(7)
    probabilities = np.append(rng.random(500), [0.0, 0.1, 0.2, 0.3, 0.5, 1.0])
    labels = (rng.random(506) < probabilities**2).astype(int)
    for bins in (5, 10, 15):
        found = metrics.reliability(labels, probabilities, bins)
        right, confidence = calibration_curve(labels, probabilities, n_bins=bins)
        np.testing.assert_allclose(found.accuracy, right)
        np.testing.assert_allclose(found.confidence, confidence)
        assert sum(found.count) == 506


def test_expected_calibration_error_by_hand():
    # Two predictions at 0.9 of which one is right, two at 0.6 of which both are.
    probabilities = [[0.9, 0.1, 0.0], [0.9, 0.0, 0.1], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]]
    found = metrics.reliability([0, 1, 1, 2], probabilities, bins=10)
    assert found.count == [2, 2]
    np.testing.assert_allclose(found.confidence, [0.6, 0.9])
    np.testing.assert_allclose(found.accuracy, [1.0, 0.5])
    assert found.error == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)
    assert metrics.expected_calibration_error([0, 1, 1, 2], probabilities) == found.error


def test_reliability_refuses_logits_and_odd_shapes():
    with pytest.raises(ValueError, match="apply softmax"):
        metrics.reliability([0, 1], [[2.0, -1.0], [0.3, 1.2]])
    with pytest.raises(ValueError, match="apply softmax"):
        metrics.reliability([0], [[math.nan, 0.5]])
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        metrics.reliability([0, 1, 1], [[0.5, 0.5]])
