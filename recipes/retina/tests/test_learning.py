"""Heads learn what a logistic regression would, judge nobody they have seen, and add up."""

import keras
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from recipes.retina import heads, learning
from recipes.retina.learning import Learner, Task
from recipes.retina.tests.tasks import task


@pytest.fixture(scope="module")
def whole():
    return task()


def test_one_member_is_a_logistic_regression_for_each_question(whole):
    rows = np.arange(len(whole))
    found = Learner(whole, members=1, steps=600).fit(rows, 3.0)
    values = whole.features.astype(float)
    scaled = (values - values.mean(0)) / (values.std(0) * np.sqrt(values.shape[1]))
    over, edema = found.above(whole.features)
    for k in (0, 1, 3):
        other = LogisticRegression(C=3.0, max_iter=5000, tol=1e-8).fit(scaled, whole.grades > k)
        own = found.logits(whole.features)[0][:, 0, k]
        np.testing.assert_allclose(own, other.decision_function(scaled), atol=0.03)
    known = whole.edema >= 0
    strength = 3.0  # of unknown ones there is no loss, and the penalty stays
    other = LogisticRegression(C=strength, max_iter=5000, tol=1e-8)
    other.fit(scaled[known], whole.edema[known])
    np.testing.assert_allclose(edema, other.predict_proba(scaled)[:, 1], atol=0.02)


def test_cumulative_logits_are_the_proportional_odds_model():
    """Against the likelihood as McCullagh writes it, made largest without a gradient."""
    few = task(count=80, width=3, unknown=0)
    found = Learner(few, "cumulative", 1, 500).fit(np.arange(80), 3.0)
    values = few.features.astype(float)
    scaled = np.sqrt(3.0 / 3) * (values - values.mean(0)) / values.std(0)

    def surprise(flat):
        over = 1 / (1 + np.exp(np.sort(flat[3:]) - (scaled @ flat[:3])[:, None]))
        shares = heads.grades(over)[np.arange(80), few.grades]
        return -np.log(np.maximum(shares, 1e-12)).sum() + (flat[:3] ** 2).sum() / 2

    best = minimize(surprise, np.r_[np.zeros(3), -1.5, -0.5, 0.5, 1.5], method="BFGS").x
    wanted = (scaled @ best[:3])[:, None] - np.sort(best[3:])
    np.testing.assert_allclose(found.logits(few.features)[0][:, 0], wanted, atol=0.02)


@pytest.mark.parametrize("kind", heads.KINDS)
def test_every_kind_learns_and_its_answers_add_up(whole, kind):
    found = Learner(whole, kind, 3, 150).fit(np.arange(len(whole)))
    over, edema = found.above(whole.features)
    assert over.shape == (len(whole), 4) and (np.diff(over, axis=1) <= 1e-9).all()
    shares = heads.grades(over)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert (shares.argmax(axis=1) == whole.grades).mean() > 0.6 and 0 < edema.min()
    with_layer = keras.ops.convert_to_numpy(layered(found)(whole.features))
    np.testing.assert_allclose(with_layer[:, :5], shares, atol=1e-4)
    np.testing.assert_allclose(with_layer[:, 5], over[:, 1], atol=1e-4)
    np.testing.assert_allclose(with_layer[:, 6], edema, atol=1e-4)


def layered(found):
    """The heads as one Keras model, as it is exported."""
    inputs = keras.Input((found.kernel.shape[0],))
    dense = keras.layers.Dense(found.kernel.shape[1])
    outputs = heads.Answers(found.kind, found.members, found.temperature,
                            found.edema_temperature)(dense(inputs))  # fmt: skip
    model = keras.Model(inputs, outputs)
    dense.set_weights([found.kernel, found.bias - found.mean @ found.kernel])
    return model


def test_members_differ_and_hang_on_the_seed(whole):
    rows = np.arange(len(whole))
    learner = Learner(whole, members=3, steps=60)
    first, again, other = (learner.fit(rows, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_allclose(first.kernel, again.kernel, atol=1e-5)
    assert np.abs(first.kernel - other.kernel).max() > 1e-3
    grade, _ = first.logits(whole.features)
    assert np.abs(grade[:, 0] - grade[:, 1]).max() > 0.05


def test_who_is_not_trusted_teaches_nothing(whole):
    wrong = whole.grades.copy()
    wrong[:30] = 4 - wrong[:30]
    trusted = np.arange(len(whole)) >= 30
    kept = Task(whole.features, wrong, whole.edema, whole.groups, trusted)
    found = Learner(kept, members=1, steps=100).fit(np.arange(len(whole)))
    alone = Learner(whole, members=1, steps=100).fit(np.arange(30, len(whole)))
    np.testing.assert_allclose(found.kernel, alone.kernel, atol=1e-4)
    with pytest.raises(ValueError, match="no trusted"):
        Learner(kept, members=1, steps=1).fit(np.arange(30))


def test_nobody_is_judged_by_heads_that_have_seen_a_twin():
    """Labels by chance, each photograph twice: apart, twins would give them away."""
    random = np.random.default_rng(3)
    once = random.normal(size=(60, 400)).astype(np.float32)
    grades = np.repeat(random.integers(0, 5, 60), 2)
    features, groups = np.repeat(once, 2, axis=0), np.repeat(np.arange(60), 2)
    chance = Task(features, grades, (grades > 2).astype(int), groups, np.ones(120, bool))
    wish = {"strengths": (30.0,), "members": 1, "repeats": 1, "folds": 4, "steps": 150}
    together = learning.cross_validate(chance, **wish)
    apart = learning.cross_validate(
        Task(features, grades, chance.edema, np.arange(120), chance.trusted), **wish
    )
    right = [(each.grades.argmax(axis=1) == grades).mean() for each in (together, apart)]
    assert right[0] < 0.35 and right[1] > 0.5


def test_the_strength_with_the_least_score_is_taken(whole):
    said = []
    found = learning.cross_validate(whole, strengths=(0.01, 3.0), members=1, repeats=1, folds=3,
                                    steps=150, log=said.append)  # fmt: skip
    assert found.strength == min(found.scores, key=found.scores.get) == 3.0 and len(said) == 2
    assert 0.2 <= found.temperature <= 5 and found.above.shape == (len(whole), 4)


def test_ranked_score_counts_how_far_off_an_error_is():
    sure = np.eye(5)[[0, 1, 3]]
    assert learning.ranked_score(sure, np.array([0, 1, 3])) == 0
    assert learning.ranked_score(sure, np.array([1, 2, 4])) == pytest.approx(1)
    assert learning.ranked_score(sure, np.array([2, 3, 1])) == pytest.approx(2)
    even = np.full((1, 5), 0.2)  # (0.8 - 1)**2 + (0.6 - 1)**2 + 0.4**2 + 0.2**2
    assert learning.ranked_score(even, np.array([2])) == pytest.approx(0.4)


def test_temperature_keeps_the_order():
    shares = np.array([0.1, 0.4, 0.8])
    cooler = heads.tempered(shares, 2.0)
    assert (np.diff(cooler) > 0).all() and cooler[0] > 0.1 and cooler[2] < 0.8
    np.testing.assert_allclose(heads.tempered(shares, 1.0), shares, atol=1e-6)


def test_unknown_kinds():
    with pytest.raises(ValueError, match="kind='ordinal' must be one of questions"):
        Learner(task(), "ordinal")
