"""Rates have the values that the docstrings say, and the weight decay is the paper's rule."""

import keras
import numpy as np
import pytest

from recipes.transfer.schedule import DecayedSGD, modern_optimizer, paper_optimizer

RANDOM = np.random.default_rng(0)


def as_tensor(values):
    return keras.ops.convert_to_tensor(values, dtype="float32")


def rate(optimizer, step):
    optimizer.build([keras.Variable(np.zeros(1))])
    optimizer.iterations.assign(step)
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def test_the_rate_is_divided_by_ten_three_times():
    optimizer = paper_optimizer(10, 20, learning_rate=0.01, shares=(0.5, 0.75, 0.9))
    expected = {0: 1e-2, 99: 1e-2, 100: 1e-3, 149: 1e-3, 150: 1e-4, 179: 1e-4, 180: 1e-5, 999: 1e-5}
    found = {step: rate(optimizer, step) for step in expected}
    assert found == pytest.approx(expected, rel=1e-5)
    assert optimizer.momentum == 0.9 and optimizer.decay == 5e-4 and not optimizer.nesterov
    assert rate(paper_optimizer(10, 20, shares=()), 199) == pytest.approx(0.01)


@pytest.mark.parametrize("kind, peak", [("sgd", 0.05), ("adamw", 0.002)])
def test_the_modern_rate_rises_in_a_line_and_falls_along_a_cosine(kind, peak):
    optimizer = modern_optimizer(10, 20, kind, warmup=0.1)
    assert rate(optimizer, 0) == pytest.approx(peak / 21, rel=1e-5)
    rises = [rate(optimizer, step) for step in range(21)]
    np.testing.assert_allclose(np.diff(rises), peak / 21, rtol=1e-4)
    assert rises[-1] == pytest.approx(peak, rel=1e-5)
    assert rate(optimizer, 20 + 90) == pytest.approx(peak / 2, rel=1e-5)
    assert rate(optimizer, 20 + 45) == pytest.approx(peak * (1 + np.cos(np.pi / 4)) / 2, rel=1e-5)
    assert rate(optimizer, 200) == pytest.approx(0, abs=1e-8)
    flat = modern_optimizer(10, 20, kind, learning_rate=0.3, warmup=0)
    assert rate(flat, 0) == pytest.approx(0.3) and rate(flat, 100) == pytest.approx(0.15)


def test_an_update_is_the_rule_of_section_5():
    start, gradients = RANDOM.normal(size=(3, 2)), RANDOM.normal(size=(4, 3, 2))
    weights, bias = (keras.Variable(values, dtype="float32") for values in (start, start[0]))
    optimizer = DecayedSGD(0.1, 0.9, decay=0.05)
    expected, expected_bias, v, v_bias = start, start[0], 0, 0
    for gradient in gradients:
        optimizer.apply([as_tensor(gradient), as_tensor(gradient[0])], [weights, bias])
        v = 0.9 * v - 0.05 * 0.1 * expected - 0.1 * gradient
        v_bias = 0.9 * v_bias - 0.1 * gradient[0]  # of biases the rule does not speak
        expected, expected_bias = expected + v, expected_bias + v_bias
    np.testing.assert_allclose(np.array(weights), expected, rtol=1e-5)
    np.testing.assert_allclose(np.array(bias), expected_bias, rtol=1e-5)


def test_decay_of_keras_is_weaker_than_the_paper():
    """Why there is an own optimizer: under momentum 0.9, and no gradient, ten times weaker."""
    fallen = {}
    ours = DecayedSGD(0.1, 0.9, decay=0.01)
    theirs = keras.optimizers.SGD(0.1, 0.9, weight_decay=0.01)
    for name, optimizer in (("paper", ours), ("keras", theirs)):
        weights = keras.Variable(np.ones((2, 2)))
        for _ in range(150):
            optimizer.apply([as_tensor(np.zeros((2, 2)))], [weights])
        fallen[name] = -np.log(np.array(weights)[0, 0])
    assert 8.5 < fallen["paper"] / fallen["keras"] < 11


def test_adamw_leaves_biases_and_batch_normalisation_alone():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2),
                              keras.layers.BatchNormalization()])  # fmt: skip
    for weight in model.trainable_variables:
        weight.assign(np.ones(weight.shape))
    optimizer = modern_optimizer(10, 10, "adamw", learning_rate=0.1, decay=0.5, warmup=0)
    zeros = [as_tensor(np.zeros(weight.shape)) for weight in model.trainable_variables]
    optimizer.apply(zeros, model.trainable_variables)
    found = {weight.name: float(np.array(weight).flat[0]) for weight in model.trainable_variables}
    assert found == pytest.approx({"kernel": 0.95, "bias": 1, "gamma": 1, "beta": 1})


@pytest.mark.parametrize("make", [
    lambda: paper_optimizer(5, 4), lambda: modern_optimizer(5, 4),
    lambda: modern_optimizer(5, 4, "adamw"),
])  # fmt: skip
def test_an_optimizer_of_the_saved_settings_has_the_same_rates(make):
    optimizer = make()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    for step in range(20):
        assert rate(again, step) == rate(optimizer, step)
    assert getattr(again, "decay", None) == getattr(optimizer, "decay", None)


def test_bad_requests_name_the_parameter():
    for make in (paper_optimizer, modern_optimizer):
        with pytest.raises(ValueError, match="epochs=0: write a whole number of at least 1"):
            make(10, 0)
        with pytest.raises(ValueError, match="steps_per_epoch=1.5: write a whole number"):
            make(1.5, 10)
        with pytest.raises(ValueError, match="learning_rate=0: write a number above 0"):
            make(10, 10, learning_rate=0)
        with pytest.raises(ValueError, match="decay=-1: write a number of at least 0"):
            make(10, 10, decay=-1)
    for shares in ((0.9, 0.5), (0.5, 1.0), (0.5, 0.5)):
        with pytest.raises(ValueError, match="shares=.*: write ascending numbers between 0 and 1"):
            paper_optimizer(10, 10, shares=shares)
    with pytest.raises(ValueError, match="kind='adam': write one of sgd, adamw"):
        modern_optimizer(10, 10, "adam")
    with pytest.raises(ValueError, match="warmup=1: write a share of at least 0 and below 1"):
        modern_optimizer(10, 10, warmup=1)
    with pytest.raises(ValueError, match="weight_decay is Keras's"):
        DecayedSGD(weight_decay=0.1)
