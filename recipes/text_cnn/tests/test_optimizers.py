"""Optimizers that visit few rows move the weights as those that visit all."""

import keras
import numpy as np
import pytest

from recipes.text_cnn.optimizers import RowAdadelta

ROWS, READ, STEPS = 50, 8, 60


def moved(optimizer, sparse: bool, after: int = STEPS):
    """A table and a vector after some steps whose gradients are the same every time."""
    import tensorflow as tf

    start = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
    variables = [keras.Variable(start), keras.Variable(start[:, 0])]
    optimizer.build(variables)
    random = np.random.default_rng(1)
    for _ in range(after):
        read = random.integers(0, ROWS, READ)  # with repetitions
        values = random.normal(size=(READ, 4)).astype(np.float32)
        dense = np.zeros_like(start)
        np.add.at(dense, read, values)
        slices = tf.IndexedSlices(tf.constant(values), tf.constant(read), tf.constant([ROWS, 4]))
        optimizer.apply([slices if sparse else tf.constant(dense), dense[:, 0]], variables)
    return [np.asarray(keras.ops.convert_to_numpy(variable)) for variable in variables], start


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's sparse gradients")
def test_rows_unread_for_many_steps_catch_up():
    kind = dict(rho=0.9, epsilon=1e-6)
    (expected, *_), start = moved(keras.optimizers.Adadelta(1.0, **kind), sparse=False)
    (table, vector), _ = moved(RowAdadelta(1.0, **kind), sparse=True)
    assert np.abs(expected - start).max() > 0.01  # the steps are not nothing
    np.testing.assert_allclose(table, expected, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's sparse gradients")
def test_a_dense_gradient_is_kerass_own():
    expected, _ = moved(keras.optimizers.Adadelta(1.0), sparse=False, after=3)
    found, _ = moved(RowAdadelta(1.0), sparse=False, after=3)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
