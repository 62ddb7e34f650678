"""Training speed of wide_deep: `python -m ci.benchmarks.wide_deep`.

Four times, alternating in one process, with the same rows, batch size and columns; the first three
with the same network and optimizers too:

* `ours`: integers prepared once and kept by content;
* `strings`: the raw columns, looked up inside the graph for every batch of every epoch;
* `FeatureSpace`: Keras's own preprocessing mapped over the dataset, giving integers as ours does;
* `its guide`: the same with what Keras's guide on structured data does with it, one-hot columns
  side by side and crosses of 64 into a small dense network.

Speed is that of the epochs after the first (which compiles), and beside it how fast the batches
come when nothing is learned from them. Ratios are taken within each repetition, so a slow minute
of the machine hits all of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time


def main(arguments: list[str] | None = None) -> int:
    """Print a table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m ci.benchmarks.wide_deep")
    parser.add_argument("--data", default="sample", help="sample, or a published set")
    parser.add_argument("--rows", type=int, default=60_000, help="training rows at most")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args(arguments)
    if options.repetitions < 1 or options.epochs < 2:
        parser.error("--repetitions must be at least 1 and --epochs at least 2")

    from common import device, results
    from recipes.wide_deep import data, prepared
    from recipes.wide_deep.auc import area
    from recipes.wide_deep.settings import Settings

    print(device.setup(seed=0))
    table = data.load(options.data, limit=options.rows)
    began = time.perf_counter()
    ready = prepared.prepare(table, None)
    once = time.perf_counter() - began
    settings = Settings(epochs=options.epochs, batch_size=options.batch_size)
    found: dict[str, list[tuple[float, float, object]]] = {}
    for repetition in range(options.repetitions):
        for name, make in ARMS.items():
            found.setdefault(name, []).append(train(settings, table, ready, make, repetition))
            speed, reading, _ = found[name][-1]
            print(f"repetition {repetition + 1}  {name:12}  {speed:9,.0f} rows/s in training, "
                  f"{reading:9,.0f} rows/s read alone", flush=True)
    truth = table.target[table.rows("test")] == 1
    print(f"\n{table.name}{' (synthetic)' if table.synthetic else ''}, "
          f"{len(table.rows('train')):,} training rows, {len(ready.features.sizes)} id columns "
          f"({len(ready.features.crosses)} crosses), batches of {options.batch_size}, "
          f"{options.epochs} epochs, commit {results.environment()['commit']}; preparing all "
          f"{len(table):,} rows once took {once:.1f} s")
    for name, runs in found.items():
        said = f"; area {area(truth, runs[0][2])}" if runs[0][2] is not None else ""
        print(f"{name:12}  {_ratios(found['ours'], runs, 0)} in training; "
              f"{_ratios(found['ours'], runs, 1)} read alone{said}")
    return 0


def _ratios(ours, runs, which: int) -> str:
    ratios = [a[which] / b[which] for a, b in zip(ours, runs, strict=True)]
    return (f"{statistics.median(run[which] for run in runs):9,.0f} rows/s, ours "
            f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})")


def train(settings, table, ready, make, seed):
    """Rows a second in training after the first epoch, rows a second of the batches alone, and the
    test rows' scores (None: other features)."""
    import keras

    from recipes.wide_deep.train import build, predict_scores

    keras.utils.set_random_seed(seed)
    rows = table.rows("train")
    steps, marks = -(-len(rows) // settings.batch_size), []
    features, dataset, comparable = make(settings, table, ready, rows, seed)
    if make is guide:
        model = features
    else:
        model = build(settings, features, table.target[rows], 2, steps * settings.epochs)

    class Clock(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            marks.append(time.perf_counter())

    for epoch in range(settings.epochs):
        model.fit(dataset(epoch), epochs=1, verbose=0, callbacks=[Clock()])
    speed = len(rows) * (len(marks) - 1) / (marks[-1] - marks[0])
    began = time.perf_counter()
    for _ in dataset(settings.epochs):
        pass
    reading = len(rows) / (time.perf_counter() - began)
    if not comparable:
        return speed, reading, None
    test = {name: array[table.rows("test")] for name, array in ready.inputs.items()}
    return speed, reading, predict_scores(model, test)[:, 0]


def ours(settings, table, ready, rows, seed):
    """This recipe's batches."""
    from recipes.wide_deep.batches import Batches

    target = table.target.astype("float32")
    batches = Batches(ready.inputs, target, rows, settings.batch_size, seed=seed)
    return ready.features, batches, True


def strings(settings, table, ready, rows, seed):
    """Raw columns through lookup tables, bins and crosses in the graph, batch by batch."""
    import tensorflow as tf

    from recipes.wide_deep.graph import FeatureGraph, example

    graph = FeatureGraph(ready.features)
    raw = example(ready.features, table.frame.iloc[rows])

    def epoch(number):
        pairs = tf.data.Dataset.from_tensor_slices((raw, table.target[rows].astype("float32")))
        batches = pairs.shuffle(len(rows), seed=seed + number).batch(settings.batch_size)
        found = batches.map(lambda x, y: (graph(x), y), num_parallel_calls=tf.data.AUTOTUNE)
        return found.prefetch(tf.data.AUTOTUNE)

    return ready.features, epoch, True


def feature_space(settings, table, ready, rows, seed):
    """keras.utils.FeatureSpace with the same columns, bins and crosses, mapped over the dataset."""
    import keras
    import numpy as np
    import tensorflow as tf

    features = ready.features
    raw, kinds, ids = _declared(table, ready, rows, "int")
    pairs = [
        keras.utils.FeatureSpace.cross(
            (ids[cross.first], ids[cross.second]), crossing_dim=cross.size, output_mode="int"
        )
        for cross in features.crosses
    ]
    used = {name: raw[name] for name in kinds}
    space = keras.utils.FeatureSpace(kinds, crosses=pairs, output_mode="dict")
    target = table.target[rows].astype("float32")
    plain = tf.data.Dataset.from_tensor_slices(used)
    space.adapt(plain.batch(1024))
    names = [*ids, *("_X_".join((ids[c.first], ids[c.second])) for c in features.crosses)]
    values = np.stack([_filled(used[f"{n.name}_bin"]) for n in features.numbers], 1)

    def row(x, numbers, y):
        said = space(x)
        columns = [tf.cast(tf.reshape(said[name], [-1, 1]), tf.int32) for name in names]
        clipped = tf.minimum(tf.concat(columns, axis=1), np.array(features.sizes) - 1)
        return {"ids": clipped, "numbers": numbers}, y

    def epoch(number):
        everything = tf.data.Dataset.from_tensor_slices((used, values, target))
        batches = everything.shuffle(len(rows), seed=seed + number).batch(settings.batch_size)
        found = batches.map(row, num_parallel_calls=tf.data.AUTOTUNE)
        return found.prefetch(tf.data.AUTOTUNE)

    return features, epoch, False


def _declared(table, ready, rows, mode: str):
    """Raw columns, FeatureSpace's word for each, and their names."""
    import keras

    from recipes.wide_deep.graph import example

    features = ready.features
    raw, kinds, ids = example(features, table.frame.iloc[rows]), {}, []
    for number in features.numbers:
        name = f"{number.name}_bin"
        raw[name] = raw[number.name] if number.source == "number" else _days(table, number, rows)
        kinds[name] = keras.utils.FeatureSpace.float_discretized(
            num_bins=max(2, len(number.edges) - 1), output_mode=mode
        )
        ids.append(name)
    for category in features.categories:
        name = f"{category.name}_{category.source}"
        raw[name] = _said(table, category, rows)
        kinds[name] = keras.utils.FeatureSpace.string_categorical(
            max_tokens=category.size, output_mode=mode, num_oov_indices=1
        )
        ids.append(name)
    return raw, kinds, ids


def guide(settings, table, ready, rows, seed):
    """As in Keras's guide "Structured data classification with FeatureSpace"."""
    import keras
    import tensorflow as tf

    raw, kinds, ids = _declared(table, ready, rows, "one_hot")
    crosses = [
        keras.utils.FeatureSpace.cross((ids[cross.first], ids[cross.second]), crossing_dim=64)
        for cross in ready.features.crosses
    ]
    used = {name: raw[name] for name in kinds}
    space = keras.utils.FeatureSpace(kinds, crosses=crosses, output_mode="concat")
    space.adapt(tf.data.Dataset.from_tensor_slices(used).batch(1024))
    encoded = space.get_encoded_features()
    hidden = keras.layers.Dense(32, activation="relu")(encoded)
    output = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.5)(hidden))
    model = keras.Model(encoded, output)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    target = table.target[rows].astype("float32")

    def epoch(number):
        everything = tf.data.Dataset.from_tensor_slices((used, target))
        batches = everything.shuffle(len(rows), seed=seed + number).batch(settings.batch_size)
        found = batches.map(lambda x, y: (space(x), y), num_parallel_calls=tf.data.AUTOTUNE)
        return found.prefetch(tf.data.AUTOTUNE)

    return model, epoch, False


def _days(table, number, rows):
    from recipes.wide_deep import dates

    return dates.parse(table.frame[number.name].iloc[rows]).days.astype("float32")


def _said(table, category, rows):
    from recipes.wide_deep import dates
    from recipes.wide_deep.features import strings

    column = table.frame[category.name].iloc[rows]
    if category.source == "category":
        return strings(column).fillna("").to_numpy(dtype=str)
    return getattr(dates.parse(column), category.source).fillna("").to_numpy(dtype=str)


def _filled(values):
    import numpy as np

    values = np.asarray(values, np.float32)
    return np.where(np.isnan(values), np.nanmedian(values), values)


ARMS = {"ours": ours, "strings": strings, "FeatureSpace": feature_space, "its guide": guide}

if __name__ == "__main__":
    sys.exit(main())
