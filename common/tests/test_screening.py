"""Areas, operating points and net benefit against definitions, published values and simulation."""

import math

import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics import f1_score, roc_auc_score

from common import metrics, screening

# Ovarian cancer with obstruction: albumin, total protein, K-G score, outcome. DeLong et al. 1988;
# the 43 complete records and the results below are those of the SAS/STAT User's Guide, PROC
# LOGISTIC, "Comparing Receiver Operating Characteristic Curves".
OVARIAN = np.array("""
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0
1.6 5.6 5 1  3.8 5.7 5 1  3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1
4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1
3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1
3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1
3.5 6.2 5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1
3.6 6.6 5 1""".split(), dtype=float).reshape(-1, 4).T
OUTCOME = OVARIAN[3]
TESTS = {"albumin": OVARIAN[0], "protein": OVARIAN[1], "K-G": 10 - OVARIAN[2]}


def error_of(interval):
    """The standard error of an area, back from its interval on the logit scale."""
    width = special.logit(interval.high) - special.logit(interval.low)
    return width / (2 * stats.norm.ppf(0.975)) * interval.value * (1 - interval.value)


@pytest.mark.parametrize(
    ("test", "area", "error"),
    [("albumin", 0.7366, 0.0927), ("K-G", 0.7258, 0.1028), ("protein", 0.6478, 0.1000)],
)
def test_area_is_that_of_the_published_example(test, area, error):
    found = screening.auc(OUTCOME, TESTS[test])
    assert round(found.value, 4) == area and round(error_of(found), 4) == error
    assert found.n == 43 and found.method == "DeLong logit 95 %"


@pytest.mark.parametrize(
    ("test", "difference", "error", "chi_square", "p"),
    [("albumin", 0.0108, 0.0953, 0.0127, 0.9102), ("protein", -0.0780, 0.1046, 0.5554, 0.4561)],
)
def test_difference_is_that_of_the_published_example(test, difference, error, chi_square, p):
    found = screening.auc_difference(OUTCOME, TESTS[test], TESTS["K-G"])
    assert round(found.difference, 4) == difference and round(found.p, 4) == p
    measured = (found.high - found.low) / (2 * stats.norm.ppf(0.975))
    assert round(measured, 4) == error
    assert round((found.difference / measured) ** 2, 4) == chi_square


def covariance_by_definition(labels, scores):
    """DeLong, DeLong and Clarke-Pearson 1988, every pair of a positive and a negative picture."""
    truth = np.asarray(labels, dtype=bool)
    places = []
    for values in scores:
        x, y = values[truth][:, None], values[~truth][None]
        wins = (x > y) + 0.5 * (x == y)
        places.append((wins.mean(axis=1), wins.mean(axis=0)))
    positives, negatives = (np.cov([place[k] for place in places]) for k in (0, 1))
    return ([place[0].mean() for place in places],
            positives / truth.sum() + negatives / (~truth).sum())


def test_midranks_give_the_definition_also_with_ties():
    rng = np.random.default_rng(0)
    for digits in (0, 1, 8):  # from many ties to none
        labels = rng.random(150) < 0.3
        a = np.round(rng.normal(size=150) + labels, digits)
        b = np.round(0.5 * a + rng.normal(size=150), digits)
        areas, covariance = covariance_by_definition(labels, [a, b])
        found = screening.auc(labels, a)
        assert found.value == pytest.approx(roc_auc_score(labels, a)) == pytest.approx(areas[0])
        assert error_of(found) == pytest.approx(math.sqrt(covariance[0, 0]))
        test = screening.auc_difference(labels, a, b)
        error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        assert test.difference == pytest.approx(areas[0] - areas[1])
        assert test.high - test.difference == pytest.approx(stats.norm.ppf(0.975) * error)


def test_area_of_another_order_and_of_other_units_is_the_same():
    rng = np.random.default_rng(1)
    labels, scores = rng.random(80) < 0.5, rng.normal(size=80)
    found, order = screening.auc(labels, scores), rng.permutation(80)
    bounds = found.value, found.low, found.high
    for other in (screening.auc(labels[order], scores[order]),
                  screening.auc(labels, np.exp(3 * scores))):
        assert (other.value, other.low, other.high) == pytest.approx(bounds)
    turned = screening.auc(~labels, scores)
    assert (turned.value, turned.high, turned.low) == pytest.approx([1 - one for one in bounds])


def test_intervals_are_near_the_bootstrap():
    rng = np.random.default_rng(2)
    labels = rng.random(300) < 0.4
    a = rng.normal(size=300) + 1.2 * labels
    b = a + rng.normal(size=300)
    found = screening.auc(labels, a)
    other = metrics.bootstrap(roc_auc_score, labels, a, n=500)
    np.testing.assert_allclose([found.low, found.high], [other.low, other.high], atol=0.012)
    test = screening.auc_difference(labels, a, b)
    other = metrics.bootstrap(lambda y, p, q: roc_auc_score(y, p) - roc_auc_score(y, q),
                              labels, a, b, n=500)
    np.testing.assert_allclose([test.low, test.high], [other.low, other.high], atol=0.015)


@pytest.mark.parametrize("shift", [0.8, 2.3])
def test_interval_covers_95_percent_and_better_than_the_plain_one(shift):
    """Two normal classes, 30 and 60 pictures: the area is Phi(shift / sqrt 2)."""
    rng, labels = np.random.default_rng(3), np.arange(90) < 30
    area, covered, plain, runs = stats.norm.cdf(shift / math.sqrt(2)), 0, 0, 1500
    for _ in range(runs):
        found = screening.auc(labels, rng.normal(size=90) + shift * labels)
        covered += found.low <= area <= found.high
        if found.method.startswith("DeLong"):
            plain += abs(found.value - area) <= stats.norm.ppf(0.975) * error_of(found)
    assert 0.935 <= covered / runs <= 0.97
    if shift > 2:
        assert covered / runs > plain / runs + 0.03


def test_test_of_two_equal_models_is_right_in_95_percent():
    rng, labels = np.random.default_rng(4), np.arange(120) < 40
    values = []
    for _ in range(600):
        shared = rng.normal(size=120) + labels
        values.append(screening.auc_difference(labels, shared + rng.normal(size=120),
                                               shared + rng.normal(size=120)).p)
    assert 0.03 <= np.mean(np.array(values) < 0.05) <= 0.075


def test_a_perfect_area_has_the_interval_of_disjoint_pairs():
    labels = [1] * 12 + [0] * 40
    found = screening.auc(labels, labels)
    # A positive that beats all negatives with probability q, else none: the area is q, and 12
    # such positives are separated with probability q ** 12, 2.5 % at the lower bound.
    assert (found.value, found.high) == (1, 1) and found.low == pytest.approx(0.025 ** (1 / 12))
    assert found.n == 52 and "12 disjoint pairs" in found.method
    turned = screening.auc(labels, -np.array(labels))
    assert (turned.value, turned.low) == (0, 0) and turned.high == pytest.approx(1 - found.low)


def test_constant_scores_have_an_area_of_a_half_and_a_wide_interval():
    found = screening.auc([1, 1, 0, 0, 0], np.zeros(5))
    half = stats.norm.ppf(0.975) * math.sqrt(0.25 / 2) / 0.25
    assert found.value == 0.5
    assert (found.low, found.high) == pytest.approx((special.expit(-half), special.expit(half)))


def test_difference_without_variance():
    labels = [1, 1, 0, 0, 0]
    same = screening.auc_difference(labels, [3, 1, 2, 0, 1], [9, 4, 5, 0, 4])
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)
    with pytest.raises(ValueError, match="without any variance"):
        screening.auc_difference(labels, labels, np.zeros(5))


LABELS = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
SCORES = [1, 2, 3, 5, 7, 3, 5, 5, 8, 9]
# cut          1    2    3    5    7    8    9
# sensitivity  1    1    1   .8   .4   .4   .2
# specificity  0   .2   .4   .6   .8    1    1


@pytest.mark.parametrize(
    ("wanted", "cut"),
    [
        ({"sensitivity": 1.0}, 3),  # 2 would do, with less specificity
        ({"sensitivity": 0.8}, 5),
        ({"sensitivity": 0.6}, 5),  # the two of 5 go together: 0.8 is reached
        ({"sensitivity": 0.2}, 9),
        ({"specificity": 1.0}, 8),  # 9 would do, with less sensitivity
        ({"specificity": 0.8}, 7),
        ({"specificity": 0.61}, 7),
        ({"specificity": 0.6}, 5),
    ],
)
def test_threshold_reaches_the_rate_with_the_best_other_one(wanted, cut):
    assert screening.choose(LABELS, SCORES, **wanted) == cut
    point = screening.measure(LABELS, SCORES, cut)
    ((name, value),) = wanted.items()
    assert getattr(point, name).value >= value


def test_rates_that_cannot_be_reached_are_refused():
    with pytest.raises(ValueError, match="calling every negative picture positive"):
        screening.choose([1, 1, 0, 0], [1, 4, 2, 3], sensitivity=0.9)
    with pytest.raises(ValueError, match="calling no positive picture positive"):
        screening.choose([1, 1, 0, 0], [1, 4, 4, 3], specificity=0.9)
    for wrong in ({}, {"sensitivity": 0.9, "specificity": 0.9}):
        with pytest.raises(ValueError, match="Choose by one rate"):
            screening.choose(LABELS, SCORES, **wrong)
    with pytest.raises(ValueError, match="sensitivity=97: give a fraction"):
        screening.choose(LABELS, SCORES, sensitivity=97)


def test_measures_of_a_point_by_hand():
    point = screening.measure(LABELS, SCORES, 5)
    counts = (point.true_positives, point.false_positives, point.false_negatives,
              point.true_negatives)
    assert counts == (4, 2, 1, 3)
    assert point.sensitivity == metrics.exact(4, 5) and point.specificity == metrics.exact(3, 5)
    assert point.predictive.positive == metrics.exact(4, 6)
    assert point.predictive.negative == metrics.exact(3, 4)
    assert point.predictive.prevalence == 0.5 and point.elsewhere is None
    assert point.f_score == pytest.approx(f1_score(LABELS, np.array(SCORES) >= 5))
    none = screening.measure(LABELS, SCORES, 10)
    assert none.predictive.positive is None and none.sensitivity.value == none.f_score == 0
    with pytest.raises(ValueError, match="threshold is no number"):
        screening.measure(LABELS, SCORES, math.nan)


def table(caught, missed, spared, alarms):
    labels = [1] * (caught + missed) + [0] * (spared + alarms)
    scores = [1] * caught + [0] * (missed + spared) + [1] * alarms
    return labels, scores


def test_predictive_values_are_those_of_the_published_example():
    """The 70-gene signature (Mercaldo et al. 2007), digits of R's CIfinder."""
    found = screening.measure(*table(31, 3, 32, 12), 0.5, prevalence=0.07).elsewhere
    bounds = [(one.value, one.low, one.high) for one in (found.positive, found.negative)]
    np.testing.assert_allclose(bounds, [(0.2010444, 0.1331384, 0.2919216),
                                        (0.9909508, 0.9734141, 0.9969560)], atol=1e-6)
    # Without a false alarm the logit of the positive value is not defined: adjusted, to 1.
    found = screening.measure(*table(31, 3, 44, 0), 0.5, prevalence=0.07).elsewhere
    assert found.positive.low == pytest.approx(0.2886800, abs=1e-6)
    assert (found.positive.value, found.positive.high) == (1, 1)
    assert "adjusted" in found.positive.method and "adjusted" not in found.negative.method


def test_predictive_values_by_hand_and_at_the_own_prevalence():
    point = screening.measure(*table(90, 10, 160, 40), 0.5)
    found = screening.predictive_values(point, 0.02)
    assert found.positive.value == pytest.approx(0.9 * 0.02 / (0.9 * 0.02 + 0.2 * 0.98))
    assert found.negative.value == pytest.approx(0.8 * 0.98 / (0.8 * 0.98 + 0.1 * 0.02))
    own = screening.predictive_values(point, 100 / 300)
    for side in ("positive", "negative"):
        assert getattr(own, side).value == pytest.approx(getattr(point.predictive, side).value)
    nothing = screening.measure(*table(0, 10, 20, 0), 0.5, prevalence=0.1)
    assert nothing.elsewhere.positive is None
    assert nothing.elsewhere.negative.low < nothing.elsewhere.negative.value < 1
    with pytest.raises(ValueError, match="prevalence=8"):
        screening.predictive_values(point, 8)


def test_net_benefit_by_hand():
    labels, probabilities = [1, 1, 0, 0, 0], [0.9, 0.3, 0.6, 0.2, 0.1]
    found = screening.decision_curve(labels, probabilities, [0.2, 0.5], n=50).set_index("threshold")
    # At 0.2 a needless referral weighs 1/4; 0.2 itself is referred: two right, two needless.
    np.testing.assert_allclose(found["model"], [(2 - 2 / 4) / 5, (1 - 1) / 5])
    np.testing.assert_allclose(found["refer all"], [(2 - 3 / 4) / 5, (2 - 3) / 5])
    assert (found["refer none"] == 0).all()
    assert len(screening.decision_curve(labels, probabilities, n=2)) == 50


def test_bands_of_net_benefit_are_bootstraps():
    rng = np.random.default_rng(5)
    labels = rng.random(400) < 0.3
    probabilities = special.expit(rng.normal(size=400) + 2 * labels - 1.5)
    gain = np.where(labels, 1, -0.25)
    for groups in (None, np.arange(400) // 8):
        found = screening.decision_curve(labels, probabilities, [0.2], groups).iloc[0]
        for rows, low, high in ((gain * (probabilities >= 0.2), "low", "high"),
                                (gain, "all low", "all high")):
            other = metrics.bootstrap(np.mean, rows, groups=groups)
            np.testing.assert_allclose([found[low], found[high]], [other.low, other.high],
                                       atol=0.006)
    # Eight copies of a picture tell no more than one.
    copies = screening.decision_curve(np.repeat(labels, 8), np.repeat(probabilities, 8), [0.2],
                                      np.repeat(np.arange(400), 8)).iloc[0]
    once = screening.decision_curve(labels, probabilities, [0.2]).iloc[0]
    assert copies["low"] == pytest.approx(once["low"])
    with pytest.raises(ValueError, match=r"groups have shape \(3,\)"):
        screening.decision_curve(labels, probabilities, [0.2], [1, 2, 3])


FUNCTIONS = {
    "auc": screening.auc,
    "choose": lambda labels, scores: screening.choose(labels, scores, sensitivity=0.9),
    "measure": lambda labels, scores: screening.measure(labels, scores, 0.5),
    "decision_curve": screening.decision_curve,
    "auc_difference": lambda labels, scores: screening.auc_difference(labels, [0, 1, 2, 3], scores),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1, 2, 1], [0.1, 0.2, 0.3, 0.4], "labels must be one list of booleans"),
        ([[0], [1], [0], [1]], [0.1, 0.2, 0.3, 0.4], "labels must be one list of booleans"),
        ([0, 1, 0, 1], [0.1, 0.2, 0.3], r"have shape \(4,\) and .* \(3,\)"),
        ([0, 1, 0, 1], [[0.1], [0.2], [0.3], [0.4]], r"\(4, 1\); give one score a picture"),
        ([0, 1, 0, 1], [0.1, 0.2, math.nan, 0.4], r"\[2\] is nan; leave out"),
        ([1, 1, 1, 1], [0.1, 0.2, 0.3, 0.4], "4 positive and 0 negative pictures"),
    ],
)
def test_wrong_pictures_are_refused(name, labels, scores, message):
    with pytest.raises(ValueError, match=message):
        FUNCTIONS[name](labels, scores)


def test_decision_curves_need_probabilities_and_areas_two_of_a_class():
    with pytest.raises(ValueError, match="apply a sigmoid to logits"):
        screening.decision_curve([0, 1], [-1.5, 2.0])
    for wrong in ([0.0, 0.5], [1.0], [], 0.5):
        with pytest.raises(ValueError, match="numbers between 0 and 1"):
            screening.decision_curve([0, 1], [0.2, 0.8], wrong)
    with pytest.raises(ValueError, match="at least 2 of each class"):
        screening.auc([1, 0, 0], [3, 2, 1])
