"""Features mean the same in a data frame and in a graph, and nothing of unseen rows."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from common.validation import DataError
from recipes.wide_deep import features as module
from recipes.wide_deep.columns import infer
from recipes.wide_deep.features import WORDS, Features
from recipes.wide_deep.fitting import fit
from recipes.wide_deep.graph import FeatureGraph, signature

ROWS = 3000


def table(seed=0, rows=ROWS):
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    gain = np.where(random.random(rows) < 0.7, 0, random.integers(1000, 9000, rows))
    city, job = random.choice(["Ulm", "Bonn", "Kiel"], rows), random.choice(["a", "b"], rows)
    score = (age > 40) + (gain > 3000) + 2.0 * ((city == "Ulm") == (job == "a"))
    frame = pd.DataFrame({
        "age": np.where(random.random(rows) < 0.1, "?", age.astype(str)),
        "gain": gain.astype(str), "city": city, "job": job,
        "day": pd.to_datetime("2020-01-01") + pd.to_timedelta(random.integers(0, 900, rows), "D"),
        "note": random.choice(["good Soup, warm", "a slow cold day at the very end"], rows),
    })  # fmt: skip
    frame["day"] = frame["day"].dt.strftime("%Y-%m-%d")
    return frame, (score + random.normal(size=rows) > 2).astype(int)


@pytest.fixture(scope="module")
def fitted():
    frame, target = table()
    columns = infer(frame).corrected("note: text")
    return frame, target, fit(frame, columns, target)


def test_arrays_fit_their_sizes(fitted):
    frame, _, features = fitted
    found = features.arrays(frame)
    assert found["ids"].shape == (ROWS, len(features.sizes)) and found["ids"].dtype == np.int32
    assert (found["ids"].min(0) >= 0).all() and (found["ids"].max(0) < features.sizes).all()
    assert found["numbers"].shape == (ROWS, len(features.numbers))
    assert np.isfinite(found["numbers"]).all()
    assert len(features.names()) == len(features.sizes)


def test_missing_numbers_are_id_0_and_the_median(fitted):
    frame, _, features = fitted
    found, gone = features.arrays(frame), (frame["age"] == "?").to_numpy()
    assert (found["ids"][gone, 0] == 0).all() and (found["ids"][~gone, 0] > 0).all()
    median = np.median(frame["age"][~gone].astype(float))
    assert (found["numbers"][gone, 0] == median).all()


def test_bins_of_a_column_of_zeros_lie_where_the_target_changes(fitted):
    cuts = fitted[2].numbers[1].edges[1:-1]
    assert any(2500 < cut < 3500 for cut in cuts)


def test_the_pair_that_matters_is_crossed(fitted):
    frame, _, features = fitted
    assert "city × job" in features.names()
    pair = features.crosses[features.names().index("city × job") - len(features.names())]
    assert len(pair.keys) == 6 and pair.counts.sum() == ROWS


def test_new_values_are_id_0(fitted):
    frame, _, features = fitted
    new = frame.head(3).assign(city=["Rome", "", "Ulm"], age=["1e9", "-5", "30"])
    found = features.arrays(new)
    place = features.names().index("city")
    assert found["ids"][:2, place].tolist() == [0, 0] and found["ids"][2, place] > 0
    pair = features.names().index("city × job")
    assert found["ids"][:2, pair].tolist() == [0, 0]
    top = features.numbers[0].size - 1
    assert found["ids"][:2, 0].tolist() == [top, 1]


def test_an_absent_column_is_named(fitted):
    frame, _, features = fitted
    with pytest.raises(DataError, match="no column 'city', 'job'"):
        features.arrays(frame.drop(columns=["city", "job"]))


def test_named_crosses(fitted):
    frame, target, _ = fitted
    features = fit(frame, infer(frame), target, cross=[("city", "age")])
    assert [name for name in features.names() if "×" in name] == ["city × age"]
    assert fit(frame, infer(frame), target, cross="none").crosses == []
    with pytest.raises(DataError, match="'town' is no feature.*city"):
        fit(frame, infer(frame), target, cross=[("town", "age")])


def test_rare_values_share_id_0(fitted):
    frame, target, _ = fitted
    city = frame["city"].mask(np.arange(ROWS) < 3, "Hamm")
    features = fit(frame.assign(city=city), infer(frame), target, minimum_count=4)
    assert "Hamm" not in next(f for f in features.categories if f.name == "city").values


def test_too_many_pairs_are_hashed(fitted):
    frame, target, _ = fitted
    features = fit(frame, infer(frame), target, cross=[("city", "age")], buckets=7)
    cross = features.crosses[0]
    assert cross.hashed and cross.size == 8
    ids = features.arrays(frame)["ids"][:, -1]
    assert set(ids) <= set(range(8)) and len(set(ids)) > 4


@pytest.mark.parametrize("buckets", [100_000, 7])
def test_the_graph_says_the_same(fitted, buckets):
    frame, target, _ = fitted
    columns = infer(frame).corrected("note: text")
    features = fit(frame, columns, target, buckets=buckets)
    odd = frame.head(8).copy()
    odd["day"] = ["3.4.2020", "2020-04-03 10:20", "04/03/2020", "", "no", "2021-12-31",
                  "2024-02-29T23:59:59", "1999-1-1"]  # fmt: skip
    odd["city"] = ["Ulm ", "?", "", "NA", "Rome", "Bonn", "Kiel", "n/a"]
    odd["note"] = ["", "!!!", "Ünder-Ground 7", "a " * 40, "x", "y", "good soup", "Good Soup"]
    everything = pd.concat([frame, odd])
    expected = features.arrays(everything)
    raw = {}
    for name, spec in signature(features).items():
        if spec.dtype == tf.float32:
            raw[name] = tf.constant(module.as_numbers(everything[name]), tf.float32)
        else:
            raw[name] = tf.constant(everything[name].astype(str).to_list())
    found = FeatureGraph(features)(raw)
    np.testing.assert_array_equal(found["ids"].numpy(), expected["ids"])
    np.testing.assert_allclose(found["numbers"].numpy(), expected["numbers"])


def test_files(fitted, tmp_path):
    frame, _, features = fitted
    features.save(tmp_path / "features.npz")
    loaded = Features.load(tmp_path / "features.npz")
    for name, array in features.arrays(frame).items():
        np.testing.assert_array_equal(loaded.arrays(frame)[name], array)
    assert loaded.names() == features.names()


def test_words_are_hashed(fitted):
    frame, _, features = fitted
    place = features.names().index("note, word 1")
    ids = features.arrays(frame)["ids"][:, place : place + WORDS]
    assert set((ids > 0).sum(1)) == {3, 8}


def test_value_names(fitted):
    features = fitted[2]
    assert features.value_names(0)[0] == "missing"
    city = features.names().index("city")
    assert set(features.value_names(city)) == {"missing or new", "Ulm", "Bonn", "Kiel"}
    assert all(len(features.value_names(k)) == features.sizes[k] for k in range(4))
