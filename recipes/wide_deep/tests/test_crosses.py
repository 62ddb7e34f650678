"""Proposed crosses are those that were put into the data, and none where there are none."""

import numpy as np
import pytest

from recipes.wide_deep.crosses import one_hot, propose

ROWS, SIZES = 6000, [3, 4, 5, 2]


def table(seed=0):
    random = np.random.default_rng(seed)
    return random, np.stack([random.integers(0, size, ROWS) for size in SIZES], axis=1)


def test_one_hot():
    matrix = one_hot(np.array([[0, 1], [2, 0]]), [3, 2]).toarray()
    np.testing.assert_array_equal(matrix, [[1, 0, 0, 0, 1], [0, 0, 1, 1, 0]])


@pytest.mark.parametrize("kind", ["two classes", "three classes", "values"])
def test_the_pair_that_matters_is_found(kind):
    random, ids = table()
    odd = (ids[:, 1] + ids[:, 2]) % 2  # neither column tells anything alone
    score = 0.5 * ids[:, 0] + 1.5 * odd + random.normal(size=ROWS)
    cuts = {"two classes": [1.5], "three classes": [1.0, 2.0]}
    target = score if kind == "values" else np.digitize(score, cuts[kind])
    pairs = propose(ids, SIZES, target, count=5)
    assert (pairs[0].first, pairs[0].second) == (1, 2)
    assert len(pairs) == 1


def test_sums_need_no_crosses():
    random, ids = table()
    score = ids @ [0.5, 0.3, -0.2, 1.0] + random.logistic(size=ROWS)
    assert propose(ids, SIZES, (score > 1).astype(int), count=5) == []
    assert propose(ids, SIZES, score, count=5) == []


def test_a_class_of_one_row_says_nothing():
    random, ids = table()
    target = (ids[:, 0] + random.normal(size=ROWS) > 1).astype(int)
    target[0] = 2
    assert propose(ids, SIZES, target, count=5) == []
    assert propose(ids, SIZES, (target == 2).astype(int), count=5) == []


def test_no_more_than_asked():
    random, ids = table()
    target = ((ids[:, 0] * ids[:, 1] + ids[:, 2] * ids[:, 3]) % 2).astype(int)
    assert len(propose(ids, SIZES, target, count=1)) == 1
