"""The quick FTRL is Keras's own but for rounding."""

import keras
import numpy as np
import pytest

from recipes.wide_deep.optimizers import RowFtrl

ROWS = 50


def trained(optimizer, outputs, dense):
    """A table's weights after some steps that read few rows, some of them twice.

    `dense` reads them by a product with counts: Keras squares the gradients of a row's repetitions
    one by one where it looks rows up, which is not what FTRL means.
    """
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(1)
    if dense:
        model = keras.Sequential([
            keras.Input((ROWS,)),
            keras.layers.Dense(outputs, use_bias=False, kernel_initializer="zeros"),
        ])
    else:
        ids = keras.Input((4,), dtype="int32")
        table = keras.layers.Embedding(ROWS, outputs, embeddings_initializer="zeros")
        model = keras.Model(ids, keras.ops.sum(table(ids), axis=1))
    model.compile(optimizer, "mse", jit_compile=False)
    for _ in range(30):
        # The last ten rows are never read.
        rows = random.integers(0, ROWS - 10, (8, 4)).astype("int32")
        counts = np.stack([np.bincount(row, minlength=ROWS) for row in rows]).astype("float32")
        model.train_on_batch(
            counts if dense else rows, random.normal(size=(8, outputs)).astype("float32")
        )
    return keras.ops.convert_to_numpy(model.trainable_variables[0])


@pytest.mark.parametrize("l1", [0.0, 0.3])
@pytest.mark.parametrize("outputs", [1, 3])
def test_it_is_kerass_own(l1, outputs):
    settings = {"learning_rate": 0.3, "l1_regularization_strength": l1}
    plain = trained(keras.optimizers.Ftrl(**settings), outputs, dense=True)
    ours = trained(RowFtrl(**settings), outputs, dense=False)
    np.testing.assert_allclose(ours, plain, rtol=2e-4, atol=2e-6)
    assert (ours[-10:] == 0).all() and (ours[:-10] != 0).mean() > (0.2 if l1 else 0.9)
    assert l1 == 0 or (ours[:-10] == 0).mean() > 0.1
