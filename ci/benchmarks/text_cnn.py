"""Training speed of text_cnn against a plain Keras `fit`: `python -m ci.benchmarks.text_cnn`.

The reference is what most people write first: every sentence padded to the longest of the corpus,
embedding 128, filters 3, 4, 5 x 128, batches of 64, Adam, `model.fit` on arrays with Keras's
defaults. Against it, alternating in one process:

* `pipeline`: the same network and settings through this recipe's batches and compiled update;
* `default`: the recipe's own network, one member, without the linear model.

Speed is that of the epochs after the first (which compiles); the wall time of everything stands
beside it. Ratios are taken within each repetition, so a slow minute of the machine hits both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

BATCH, DIMENSION, FILTERS, WINDOWS = 64, 128, 128, (3, 4, 5)


def main(arguments: list[str] | None = None) -> int:
    """Print a table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m ci.benchmarks.text_cnn")
    parser.add_argument("--data", default="mr", help="a published set, or sample")
    parser.add_argument("--limit", type=int, help="sentences at most")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args(arguments)
    if options.repetitions < 1 or options.epochs < 2:
        parser.error("--repetitions must be at least 1 and --epochs at least 2")

    from common import device, metrics, results
    from recipes.text_cnn import data
    from recipes.text_cnn.text import Encoder

    print(device.setup(seed=0))
    corpus = data.load(options.data, limit=options.limit)
    fold = next(data.folds(corpus, folds=1, validation_fraction=0.0))
    encoder = Encoder.fit(corpus.texts[fold.train], minimum_count=1)
    encoded = encoder.encode(corpus.texts)
    found: dict[str, list[tuple[float, float, int]]] = {}
    runners = {"reference": reference, "pipeline": pipeline, "default": default}
    for repetition in range(options.repetitions):
        for name, run in runners.items():
            found.setdefault(name, []).append(
                run(corpus, fold, encoder, encoded, options.epochs, repetition)
            )
            speed, seconds, correct = found[name][-1]
            print(
                f"repetition {repetition + 1}  {name:9}  {speed:7,.0f} sentences/s  "
                f"{seconds:5.1f} s in all  accuracy {correct / len(fold.test):.3f}",
                flush=True,
            )
    print(f"\n{corpus.name}{' (synthetic)' if corpus.synthetic else ''}, {len(fold.train):,} "
          f"training and {len(fold.test):,} test sentences, {options.epochs} epochs, commit "
          f"{results.environment()['commit']}")
    for name, runs in found.items():
        ratios = [a[0] / b[0] for a, b in zip(runs, found["reference"], strict=True)]
        walls = [b[1] / a[1] for a, b in zip(runs, found["reference"], strict=True)]
        # The test rows are the same in every repetition, so the interval is that of one.
        accuracy = metrics.wilson(round(statistics.mean(run[2] for run in runs)), len(fold.test))
        print(
            f"{name:9}  {statistics.median(run[0] for run in runs):7,.0f} sentences/s  "
            f"{statistics.median(ratios):.2f} times the reference ({min(ratios):.2f} to "
            f"{max(ratios):.2f}); {statistics.median(walls):.2f} times with compiling; "
            f"accuracy {accuracy}"
        )
    return 0


def reference(corpus, fold, encoder, encoded, epochs, seed) -> tuple[float, float, int]:
    """Plain Keras: arrays padded to the corpus maximum. Returns speed, seconds, correct answers."""
    import keras
    import numpy as np

    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    longest = int(encoded.lengths.max())
    words = encoded.words[encoded.padded(encoded.tokens, np.arange(len(corpus)), longest)]
    sentences = keras.Input((longest,), dtype="int32", name="words")
    vectors = keras.layers.Embedding(len(encoder), DIMENSION)(sentences)
    model = _network({"words": sentences}, vectors, len(corpus.classes))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    targets = np.eye(len(corpus.classes), dtype="float32")[corpus.labels]
    clock = _Clock()
    train = fold.train
    model.fit(
        {"words": words[train]}, targets[train], batch_size=BATCH, epochs=epochs, verbose=0,
        callbacks=[clock],
    )  # fmt: skip
    predictions = model.predict({"words": words[fold.test]}, batch_size=256, verbose=0).argmax(1)
    correct = int((predictions == corpus.labels[fold.test]).sum())
    return clock.speed(len(train)), time.perf_counter() - started, correct


def pipeline(corpus, fold, encoder, encoded, epochs, seed) -> tuple[float, float, int]:
    """The reference's network and settings through this recipe's batches and compiled update."""
    import keras
    import numpy as np

    from common import training
    from recipes.text_cnn.batches import Batches
    from recipes.text_cnn.optimizers import FusedAdamW

    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    classes = len(corpus.classes)
    train, test = (
        Batches(encoded, corpus.labels, rows, classes, size, seed=seed, pieces=False)
        for rows, size in ((fold.train, BATCH), (fold.test, 256))
    )
    indices = keras.Input((None,), dtype="int32", name="indices")
    tokens = keras.Input(batch_shape=(None,), dtype="int32", name="token_words")
    distinct = keras.layers.Embedding(len(encoder), DIMENSION)(tokens)
    # A batch may hold nothing but sentences shorter than a window.
    padded = keras.ops.pad(indices, [[0, 0], [0, max(WINDOWS) - 1]])
    vectors = keras.ops.take(distinct, padded, axis=0)
    model = _network({"indices": indices, "token_words": tokens}, vectors, classes)
    model.compile(
        FusedAdamW(weight_decay=0.0), "categorical_crossentropy", metrics=["accuracy"],
        jit_compile=False,
    )  # fmt: skip
    history = training.fit(
        model, train, epochs=epochs, steps_per_epoch=train.steps, output_dir=None, seed=seed,
        log=None,
    )  # fmt: skip
    correct = 0
    for rows in test.order(0):
        says = np.asarray(model.predict_on_batch(test.arrays(rows))).argmax(1)
        correct += int((says == corpus.labels[rows]).sum())
    seconds = history.seconds[1:]
    return len(fold.train) * len(seconds) / sum(seconds), time.perf_counter() - started, correct


def _network(inputs: dict, vectors, classes: int):
    """Filters 3, 4, 5 x 128 over vectors of 128, maximum over time, dropout, softmax."""
    import keras

    pooled = [
        keras.layers.GlobalMaxPooling1D()(
            keras.layers.Conv1D(FILTERS, window, activation="relu")(vectors)
        )
        for window in WINDOWS
    ]
    features = keras.layers.Dropout(0.5)(keras.layers.concatenate(pooled))
    output = keras.layers.Dense(classes, activation="softmax")(features)
    return keras.Model(inputs, output)


def default(corpus, fold, encoder, encoded, epochs, seed) -> tuple[float, float, int]:
    """The recipe's default network, with its own vocabulary."""
    from recipes.text_cnn.settings import Settings
    from recipes.text_cnn.text import Encoder

    settings = Settings(epochs=epochs, batch_size=BATCH)
    encoder = Encoder.fit(corpus.texts[fold.train], settings.minimum_count, settings.buckets)
    return _ours(settings, corpus, fold, encoder, encoder.encode(corpus.texts), seed)


def _ours(settings, corpus, fold, encoder, encoded, seed) -> tuple[float, float, int]:
    from recipes.text_cnn.batches import Batches, predict_logits
    from recipes.text_cnn.train import train_network

    started = time.perf_counter()
    classes = len(corpus.classes)
    model, history = train_network(
        settings, encoder, encoded, corpus.labels, fold.train, fold.train[:0], classes, None,
        seed=seed, log=None,
    )  # fmt: skip
    test = Batches(
        encoded, corpus.labels, fold.test, classes, 256, pieces=settings.variant == "subword"
    )
    predictions = predict_logits(model, test).argmax(1)
    correct = int((predictions == corpus.labels[fold.test]).sum())
    seconds = history.seconds[1:]
    return len(fold.train) * len(seconds) / sum(seconds), time.perf_counter() - started, correct


def _Clock():
    """A Keras callback that times the epochs after the first."""
    import keras

    class Clock(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.marks = []

        def on_epoch_end(self, epoch, logs=None):
            self.marks.append(time.perf_counter())

        def speed(self, examples: int) -> float:
            return examples * (len(self.marks) - 1) / (self.marks[-1] - self.marks[0])

    return Clock()


if __name__ == "__main__":
    sys.exit(main())
