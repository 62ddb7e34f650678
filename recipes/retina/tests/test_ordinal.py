"""Ordered grades: losses by their definitions, thresholds in order, cut points that help."""

import keras
import numpy as np
import pytest

from common.vision import gradients
from recipes.retina import heads, ordinal

RANDOM = np.random.default_rng(0)
GRADES = np.array([0, 1, 2, 3, 4, 2])
LOGITS = np.sort(RANDOM.normal(0, 2, (6, 4)))[:, ::-1].astype("float32")  # falling in k


def values(tensor):
    return keras.ops.convert_to_numpy(tensor)


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, float)))


def test_coral_is_the_sum_of_four_questions():
    above = GRADES[:, None] > np.arange(4)
    p = sigmoid(LOGITS)
    wanted = -(np.where(above, np.log(p), np.log(1 - p))).sum(axis=1)
    loss = ordinal.CoralLoss(reduction="none")
    np.testing.assert_allclose(values(loss(GRADES, LOGITS)), wanted, rtol=1e-5)


def test_cumulative_is_the_probability_of_the_grade():
    table = heads.grades(heads.above("coral", LOGITS))
    wanted = -np.log(table[np.arange(6), GRADES])
    loss = ordinal.CumulativeLoss(reduction="none")
    np.testing.assert_allclose(values(loss(GRADES, LOGITS)), wanted, rtol=1e-4)


def test_probabilities():
    table = heads.grades(heads.above("coral", LOGITS))
    np.testing.assert_allclose(table.sum(axis=1), 1)
    np.testing.assert_allclose(table[:, 0], 1 - sigmoid(LOGITS[:, 0]))
    crossed = heads.grades(heads.above("coral", np.array([[0.0, 1.0, -1.0]])))
    assert (crossed >= 0).all() and crossed[0, 1] == 0


@pytest.mark.parametrize("kind", ["coral", "cumulative"])
def test_thresholds_begin_a_unit_apart(kind):
    kernel, bias, penalised = heads.directions(kind, heads.begin(kind, 2, 3), 3)
    assert values(kernel).shape == (2, 3, 4) and not values(penalised).any()
    np.testing.assert_allclose(values(bias), -np.tile(np.arange(4) - 1.5, (2, 1)), atol=1e-6)


def test_cumulative_thresholds_stay_in_order():
    start = heads.begin("cumulative", 50, 3) + np.random.default_rng(1).normal(0, 2, (50, 7))
    kernel, bias, _ = heads.directions("cumulative", start, 3)
    assert (np.diff(values(bias), axis=1) < 0).all()
    assert (np.ptp(values(kernel), axis=2) == 0).all()  # one direction for all


def test_extreme_logits_have_a_finite_loss_and_gradient():
    extreme = np.array([[60.0, 59.9, -80, -90]], "float32")
    for loss in (ordinal.CoralLoss(), ordinal.CumulativeLoss()):
        def of_logits(logits, grades, loss=loss):
            return loss.call(grades, logits)

        found, slopes = gradients.of(of_logits, np.repeat(extreme, 5, axis=0), np.arange(5))
        assert np.isfinite(found).all() and np.isfinite(slopes).all()


def test_cut_points_find_the_true_ones_and_beat_rounding():
    scores = RANDOM.normal(2, 1.5, 500)
    grades = np.searchsorted([0.2, 0.9, 3.0, 3.4], scores + RANDOM.normal(0, 0.1, 500))
    points = ordinal.cut_points(scores, grades, 5)
    assert (np.diff(points) >= 0).all()
    np.testing.assert_allclose(points, [0.2, 0.9, 3.0, 3.4], atol=0.3)
    rounded = ordinal.cut(scores, np.arange(4) + 0.5)
    found = ordinal.kappa(grades, ordinal.cut(scores, points))
    assert found > 0.95 and found > ordinal.kappa(grades, rounded) + 0.01


def test_cut():
    assert ordinal.cut(np.array([-9, 0.5, 1.0, 1.1, 9]), np.array([0.5, 1.0])).tolist() == [
        0, 0, 1, 2, 2]  # fmt: skip


def test_kappa():
    assert ordinal.kappa(GRADES, GRADES) == 1
    assert ordinal.kappa(np.array([0, 0, 4, 4]), np.array([1, 1, 3, 3])) == pytest.approx(0.8)
    assert ordinal.kappa(np.zeros(3, int), np.zeros(3, int)) == 0


@pytest.mark.parametrize("scores", [np.zeros(6), np.arange(5)])
def test_wrong_scores(scores):
    with pytest.raises(ValueError, match="at least two of them different"):
        ordinal.cut_points(scores, GRADES, 5)


def test_the_nearest_grade_costs_least_by_squares():
    shares = np.random.default_rng(0).dirichlet(np.full(5, 0.4), 300)
    near, likeliest = ordinal.nearest(shares), shares.argmax(axis=1)
    costs = ((np.arange(5)[:, None] - np.arange(5)) ** 2 @ shares.T).T
    np.testing.assert_array_equal(near, costs.argmin(axis=1))
    assert (near != likeliest).mean() > 0.1
    assert ordinal.nearest(np.array([[0.45, 0, 0, 0, 0.55]])).tolist() == [2]
