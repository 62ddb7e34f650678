"""Batches hold every row once, and the joint training does what the paper says of it."""

import keras
import numpy as np
import pandas as pd
import pytest

from recipes.wide_deep import batches as module
from recipes.wide_deep.batches import Batches
from recipes.wide_deep.columns import infer
from recipes.wide_deep.fitting import fit
from recipes.wide_deep.settings import Settings
from recipes.wide_deep.train import build, predict_scores, train_network

ROWS = 1500
SMALL = {"epochs": 3, "batch_size": 32, "hidden": (16,), "dimension": 4, "dropout": 0.0}


def table(kind="two classes", rows=ROWS):
    random = np.random.default_rng(0)
    frame = pd.DataFrame({
        "age": random.integers(18, 80, rows).astype(str),
        "city": random.choice(["Ulm", "Bonn", "Kiel"], rows),
        "job": random.choice(["a", "b", "c"], rows),
    })  # fmt: skip
    score = frame["age"].astype(float) / 20 + 2 * (frame["city"] == "Ulm")
    score = (score + 0.3 * random.normal(size=rows)).to_numpy()
    if kind == "values":
        return frame, ((score - score.mean()) / score.std()).astype(np.float32), 0
    cuts = {"two classes": [3.0], "three classes": [2.5, 3.5]}[kind]
    return frame, np.digitize(score, cuts).astype(np.int32), len(cuts) + 1


def prepared(kind="two classes"):
    frame, target, classes = table(kind)
    features = fit(frame, infer(frame), target)
    return features, features.arrays(frame), target, classes


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("subset", [False, True])
def test_an_epoch_holds_every_row_once(mixed, subset, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 50)
    monkeypatch.setattr(module, "WINDOW", 4)
    monkeypatch.setattr(module, "CHUNK", 3)
    count = 1003
    inputs = {"ids": np.arange(2 * count, dtype=np.int32).reshape(count, 2)}
    rows = np.arange(0, count, 3) if subset else None
    made = Batches(inputs, np.arange(count, dtype=np.int32), rows, 16, mixed=mixed)
    epochs = [list(made(epoch)) for epoch in (0, 1, 0)]
    assert len(epochs[0]) == made.steps == len(made(0))
    seen = [np.concatenate([y.numpy() for _, y in epoch]) for epoch in epochs]
    wanted = np.arange(count) if rows is None else rows
    for order in seen:
        np.testing.assert_array_equal(np.sort(order), wanted)
    np.testing.assert_array_equal(seen[0], seen[2])
    assert (seen[0] != seen[1]).any()
    for x, y in epochs[0]:
        np.testing.assert_array_equal(x["ids"].numpy()[:, 0], 2 * y.numpy())


@pytest.mark.parametrize("kind", ["two classes", "three classes", "values"])
@pytest.mark.parametrize("part", ["wide_deep", "wide", "deep"])
def test_every_part_learns(kind, part):
    features, inputs, target, classes = prepared(kind)
    train, rest = np.arange(1000), np.arange(1000, ROWS)
    model, history = train_network(
        Settings(kind=part, learning_rate=0.01, **SMALL), features, inputs, target, classes,
        train, rest, None, log=None,
    )  # fmt: skip
    scores = predict_scores(model, {name: array[rest] for name, array in inputs.items()})
    if kind == "values":
        assert 1 - np.mean((scores[:, 0] - target[rest]) ** 2) / target[rest].var() > 0.7
    else:
        said = scores[:, 0] > 0 if classes == 2 else scores.argmax(1)
        assert (said == target[rest]).mean() > np.bincount(target).max() / ROWS + 0.15
    assert history.epochs == 3


def test_each_half_has_its_own_optimizer():
    features, inputs, target, classes = prepared()
    model = build(Settings(**SMALL), features, target, classes, steps=10)
    model.train_on_batch({k: v[:32] for k, v in inputs.items()}, target[:32].astype("float32"))
    kinds = {type(inner).__name__ for inner in model.optimizer.optimizers}
    assert kinds == {"RowFtrl", "AdamW"}
    owner = {
        variable.path: type(model.optimizer._optimizer_map(variable)).__name__
        for variable in model.trainable_variables
    }
    wide = {path for path, name in owner.items() if name == "RowFtrl"}
    assert wide == {"wide/table", "wide/bias"}


def test_l1_leaves_the_wide_part_few_weights():
    """Section 3.1 trains it with FTRL and L1 so that most crosses cost nothing when served."""
    features, inputs, target, classes = prepared()
    rows, used = np.arange(ROWS), []
    for strength in (0.0, 5.0):
        model, _ = train_network(
            Settings(kind="wide", wide_l1=strength, **SMALL), features, inputs, target, classes,
            rows, rows[:0], None, log=None,
        )  # fmt: skip
        used.append(int((np.array(model.get_layer("wide").table) != 0).sum()))
    assert used[1] < used[0] / 2


def test_a_continued_run_ends_as_an_unbroken_one(tmp_path):
    features, inputs, target, classes = prepared()
    rows = np.arange(ROWS)
    common = (features, inputs, target, classes, rows, rows[:0])
    whole, _ = train_network(Settings(**SMALL), *common, tmp_path / "whole", log=None)
    half = Settings(**SMALL)
    stopped = []

    def log(line):
        if "epoch 2/3" in line:
            stopped.append(line)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_network(half, *common, tmp_path / "broken", log=log)
    again, history = train_network(half, *common, tmp_path / "broken", log=None)
    assert stopped and history.resumed_from == 2
    for one, other in zip(whole.weights, again.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
        )
