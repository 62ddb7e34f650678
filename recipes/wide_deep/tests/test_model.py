"""The networks keep what the paper and their docstrings say."""

from typing import get_args

import keras
import numpy as np
import pytest

from recipes.wide_deep.model import PiecewiseLinear, WideSum, wide_deep
from recipes.wide_deep.settings import Kind

KINDS = get_args(Kind)

SIZES, EDGES = [3, 4, 5, 8], [[0.0, 1.0, 3.0], [5.0, 6.0]]


def inputs(rows: int = 7):
    random = np.random.default_rng(0)
    ids = np.stack([random.integers(0, size, rows) for size in SIZES], axis=1).astype("int32")
    return {"ids": ids, "numbers": random.normal(size=(rows, 2)).astype("float32")}


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outputs", [1, 3])
def test_before_training_every_row_has_the_starting_scores(kind, outputs):
    start = np.linspace(-1, 1, outputs)
    model = wide_deep(SIZES, range(1, 3), EDGES, outputs, kind, start=start)
    np.testing.assert_allclose(numpy(model(inputs())), np.tile(start, (7, 1)), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_is_the_same_network(kind, tmp_path):
    model = wide_deep(SIZES, range(1, 3), EDGES, 2, kind)
    for weight in model.weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(numpy(again(inputs())), numpy(model(inputs())), atol=1e-6)


def test_the_wide_part_is_a_sum_of_one_weight_for_each_id():
    layer = WideSum(SIZES, 2)
    ids = inputs()["ids"]
    layer(ids)
    table = np.random.default_rng(2).normal(size=(sum(SIZES), 2))
    layer.table.assign(table)
    parts = np.split(table, np.cumsum(SIZES)[:-1])
    expected = sum(part[ids[:, k]] for k, part in enumerate(parts))
    np.testing.assert_allclose(numpy(layer(ids)), expected, rtol=1e-5)


def test_numbers_fill_their_bins_from_below():
    """Equation 1: 2 lies above [0, 1] and halfway in [1, 3]."""
    layer = PiecewiseLinear(EDGES)
    found = numpy(layer(np.array([[2.0, 5.25], [-1.0, 9.0], [3.0, 5.0]], "float32")))
    np.testing.assert_allclose(found, [[1, 0.5, 0.25], [0, 0, 1], [1, 1, 0]])


def test_the_joint_model_is_the_sum_of_its_halves():
    model = wide_deep(SIZES, range(1, 3), EDGES)
    for weight in model.weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    halves = keras.Model(
        model.inputs, [model.get_layer("wide").output, model.get_layer("deep_scores").output]
    )
    wide, deep = halves(inputs())
    np.testing.assert_allclose(numpy(model(inputs())), numpy(wide) + numpy(deep), rtol=1e-5)


def test_tables_of_categories_or_of_numbers_alone():
    ids = inputs()["ids"]
    only = wide_deep(SIZES, range(0, 4), [])
    assert numpy(only({"ids": ids, "numbers": np.zeros((7, 0), "float32")})).shape == (7, 1)
    assert numpy(wide_deep(SIZES, range(0), EDGES)(inputs())).shape == (7, 1)


def test_bad_requests_name_the_parameter():
    with pytest.raises(ValueError, match="kind='wider'; choose one of wide_deep, wide, deep"):
        wide_deep(SIZES, range(1, 3), EDGES, kind="wider")
    with pytest.raises(ValueError, match="no category and no number"):
        wide_deep(SIZES, range(0), [], kind="deep")
