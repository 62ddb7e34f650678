"""Areas, rankings and policy values against a library, a simulation or a sum by hand."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score

from common.metrics import bootstrap
from recipes.wide_deep.auc import area, paired_areas, share_of_the_way
from recipes.wide_deep.off_policy import policy_value, softmax_policy
from recipes.wide_deep.ranking import ranking_metrics


def scored(rows=400, seed=0):
    random = np.random.default_rng(seed)
    labels = random.random(rows) < 0.3
    signal = labels + random.normal(size=rows)
    return labels, signal.round(1), (signal + random.normal(size=rows)).round(1)  # with ties


def test_the_area_is_that_of_scikit_learn():
    labels, one, _ = scored()
    found = area(labels, one)
    assert found.value == pytest.approx(roc_auc_score(labels, one), abs=1e-12)
    assert found.low < found.value < found.high < 1
    assert found.high < area(labels, labels).low < 1  # a perfect score is no certainty
    few = area(np.array([1, 1, 1, 0, 0, 0, 0, 0]), np.arange(8)[::-1])
    assert (few.value, few.high) == (1, 1) and few.low < 0.5


def test_intervals_hold_the_truth_as_often_as_they_say():
    truth = roc_auc_score(*scored(200_000)[:2])
    held = [area(*scored(300, seed)[:2]) for seed in range(400)]
    share = np.mean([each.low <= truth <= each.high for each in held])
    assert 0.92 <= share <= 0.98


def test_paired_areas_know_that_both_saw_the_same_rows():
    labels, one, other = scored()
    test = paired_areas(labels, one, other)
    assert test.difference == pytest.approx(
        roc_auc_score(labels, one) - roc_auc_score(labels, other)
    )
    random = np.random.default_rng(1)
    differences = []
    for _ in range(500):
        rows = random.integers(0, len(labels), len(labels))
        differences.append(roc_auc_score(labels[rows], one[rows])
                           - roc_auc_score(labels[rows], other[rows]))  # fmt: skip
    assert (test.high - test.low) / 3.92 == pytest.approx(np.std(differences), rel=0.15)
    assert test.p < 0.01 and paired_areas(labels, one, one).p == 1.0


def test_one_class_has_no_area():
    with pytest.raises(ValueError, match="0 rows of one class and 5"):
        area(np.zeros(5), np.arange(5))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_rankings_are_those_of_scikit_learn(k):
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, (50, 5)), random.normal(size=(50, 5))
    labels[0] = 0
    rows = random.permutation(250)
    found = ranking_metrics(np.repeat(np.arange(50), 5)[rows], labels.ravel()[rows],
                            scores.ravel()[rows], np.tile(np.arange(5), 50)[rows], k)  # fmt: skip
    some = labels.any(axis=1)
    assert len(found) == some.sum()
    assert found["ndcg"].mean() == pytest.approx(ndcg_score(labels[some], scores[some], k=k))
    best = np.argsort(-scores, axis=1)
    hit = np.take_along_axis(labels, best, axis=1)[some][:, :k].any(axis=1)
    np.testing.assert_array_equal(found["hit"], hit)
    assert found.attrs["coverage"] == 1.0


def test_lists_of_one_and_coverage():
    found = ranking_metrics(np.array([1, 2, 2]), np.array([1, 0, 1]), np.array([0.1, 0.9, 0.5]),
                            np.array(["a", "b", "c"]), k=1)  # fmt: skip
    assert found["ndcg"].tolist() == [1, 0]
    assert found.attrs["coverage"] == pytest.approx(2 / 3)


def test_the_value_of_a_policy_is_found_from_a_random_log():
    random = np.random.default_rng(0)
    earns = np.array([0.1, 0.2, 0.6])  # a click's probability for each item
    shown = random.integers(0, 3, 20_000)
    clicks = random.random(20_000) < earns[shown]
    policy = np.array([0.1, 0.2, 0.7])
    found = policy_value(clicks, np.full(20_000, 1 / 3), policy[shown])
    assert found.low < policy @ earns < found.high and found.high - found.low < 0.05


def test_impossible_probabilities_name_the_row():
    with pytest.raises(ValueError, match="row 1: the log's probability is 0.0"):
        policy_value([0, 1], [0.5, 0.0], [0.5, 0.5])
    with pytest.raises(ValueError, match="row 0: the new policy's"):
        policy_value([0, 1], [0.5, 0.5], [1.5, 0.5])


def test_a_colder_policy_is_surer():
    scores = np.array([[0.0, 1.0, 2.0]])
    warm, cold = softmax_policy(scores, 1.0), softmax_policy(scores, 0.1)
    assert warm.sum() == pytest.approx(1) and cold[0, 2] > warm[0, 2] > 1 / 3
    with pytest.raises(ValueError, match="temperature=0"):
        softmax_policy(scores, 0)


def test_the_share_of_the_way_holds_the_truth_as_often_as_it_says():
    """Scores with a known ceiling; the best ones are measured on the same rows."""

    def sample(rows, seed):
        random = np.random.default_rng(seed)
        best = random.normal(size=rows)
        labels = random.random(rows) < 1 / (1 + np.exp(-2 * best))
        return labels, best + 0.5 * random.normal(size=rows), best

    truth = share_of_the_way(*sample(400_000, 999)).value
    found = [share_of_the_way(*sample(500, seed)) for seed in range(300)]
    held = np.mean([each.low <= truth <= each.high for each in found])
    assert 0.91 < held < 0.98
    labels, _, best = sample(500, 0)
    assert share_of_the_way(labels, best, best).value == 1


def visits(groups=60, size=6, seed=0):
    """Rows whose labels and scores lean the same way within a group."""
    random = np.random.default_rng(seed)
    lean = np.repeat(random.normal(size=groups), size)
    labels = random.random(groups * size) < 1 / (1 + np.exp(1 - 2 * lean))
    scores = labels + 2 * lean + random.normal(size=groups * size)
    other = scores + random.normal(size=groups * size)
    return labels, scores, other, np.repeat(np.arange(groups), size)


def test_rows_of_one_visit_are_no_independent_rows():
    truth = roc_auc_score(*visits(40_000)[:2])
    held = {"rows": [], "visits": []}
    for seed in range(400):
        labels, scores, _, group = visits(seed=seed)
        for name, groups in (("rows", None), ("visits", group)):
            found = area(labels, scores, groups)
            held[name].append(found.low <= truth <= found.high)
    assert 0.91 <= np.mean(held["visits"]) <= 0.98
    assert np.mean(held["rows"]) < np.mean(held["visits"]) - 0.03
    assert area(*visits()[:2], visits()[3]).method == "Obuchowski over 60 groups 95 %"


def test_every_row_a_group_is_nearly_delong():
    labels, one, other = scored()
    alone = np.arange(len(labels))
    for function in (paired_areas, share_of_the_way):
        apart, together = function(labels, one, other), function(labels, one, other, alone)
        assert together.high - together.low == pytest.approx(apart.high - apart.low, rel=0.01)
    with pytest.raises(ValueError, match="at least two groups"):
        area(labels, one, np.zeros(len(labels)))


def test_paired_areas_of_groups_are_those_of_resampled_groups():
    labels, one, other, group = visits(200, seed=3)
    test = paired_areas(labels, one, other, group)
    resampled = bootstrap(lambda y, a, b: roc_auc_score(y, a) - roc_auc_score(y, b), labels, one,
                          other, groups=group, n=500)  # fmt: skip
    assert test.difference == pytest.approx(resampled.value)
    assert test.high - test.low == pytest.approx(resampled.high - resampled.low, rel=0.15)
