"""Speed of transfer against how it is often written: `python -m ci.benchmarks.transfer`.

Three comparisons, each alternating in one process, ratios taken within each repetition:

* features of photographs: *plain* reads a file with OpenCV, resizes it and calls `predict` on it,
  one by one; *ours* decodes in threads ahead of batches through one compiled program. One view
  each, MobileNetV2 of 224 pixels, random weights (speed does not hang on them).
* ten epochs of training the head: *plain* runs every picture through the frozen backbone in every
  epoch, as `backbone.trainable = False; model.fit` does; *ours* computes features once and trains
  the same layer on them. Ours is counted with and without computing the features.
* training steps of AlexNet, as in `alexnet.ipynb`'s preset `real`: both networks in float32, the
  modern one first, and in mixed precision.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

SIZE, BATCH, EPOCHS = 224, 32, 10
ALEXNET = {"size": 32, "width": 0.25}


def main(arguments: list[str] | None = None) -> int:
    """Print both tables; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m ci.benchmarks.transfer")
    parser.add_argument("--data", default="hymenoptera", help="a published set, or sample")
    parser.add_argument("--pictures", type=int, default=96, help="for the first comparison")
    parser.add_argument("--training", type=int, default=1000,
                        help="at most so many pictures for the second one")
    parser.add_argument("--size", type=int, default=SIZE, help="pixels of a side")
    parser.add_argument("--steps", type=int, default=40, help="of AlexNet, for the third one")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args(arguments)
    counts = (options.repetitions, options.pictures, options.training, options.steps)
    if min(counts) < 1 or options.size < 32:
        parser.error("counts must be at least 1, --size at least 32")

    import keras

    from common import device, results
    from recipes.transfer import data

    print(device.setup(seed=0))
    rows = data.load(options.data).part("train")
    eyes = keras.applications.MobileNetV2(
        input_shape=(options.size, options.size, 3), include_top=False, weights=None, pooling="avg"
    )
    commit = results.environment()["commit"]
    paths = (rows["path"].tolist() * (1 + options.pictures // len(rows)))[: options.pictures]
    compare(f"{len(paths)} photographs of {options.data}, {options.size} pixels, commit {commit}",
            "pictures/s", {"plain": lambda: plain_features(eyes, paths),
                           "ours": lambda: our_features(eyes, paths)},
            len(paths), options.repetitions)  # fmt: skip
    some = rows.sample(min(options.training, len(rows)), random_state=0)
    pictures = (some["path"].tolist(), some["label"].to_numpy())
    seen = our_features(eyes, pictures[0])
    compare(
        f"{EPOCHS} epochs of training a head on {len(some)} photographs, commit {commit}",
        "epochs/s", {"plain": lambda: plain_training(eyes, *pictures),
                     "ours, features computed too": lambda: our_training(eyes, *pictures),
                     "ours, features cached": lambda: our_training(eyes, *pictures, seen)},
        EPOCHS, options.repetitions,
    )  # fmt: skip
    arms = {f"{kind}, {precision}": alexnet_steps(kind, precision, options.steps)
            for precision in ("float32", "mixed_bfloat16") for kind in ("modern", "paper")}
    compare(f"{options.steps} steps of AlexNet, batches of {BATCH}, {ALEXNET['size']} pixels, "
            f"width {ALEXNET['width']}, commit {commit}", "pictures/s", arms,
            options.steps * BATCH, options.repetitions)  # fmt: skip
    return 0


def compare(title: str, unit: str, arms: dict, count: int, repetitions: int) -> None:
    """Run every arm in turn, several times, and print speeds and ratios to the first."""
    spent: dict[str, list[float]] = {name: [] for name in arms}
    for run in arms.values():  # compiling is not what is compared
        run()
    for repetition in range(repetitions):
        for name, run in arms.items():
            began = time.perf_counter()
            run()
            spent[name].append(time.perf_counter() - began)
            print(f"repetition {repetition + 1}  {name}  {spent[name][-1]:.2f} s", flush=True)
    reference, first = next(iter(spent.items()))
    print(f"\n{title}")
    for name, seconds in spent.items():
        ratios = [a / b for a, b in zip(first, seconds, strict=True)]
        print(f"{name:28} {count / statistics.median(seconds):9.1f} {unit}, "
              f"{statistics.median(ratios):.2f} times as quick as {reference} "
              f"({min(ratios):.2f} to {max(ratios):.2f})")
    print()


def plain_features(eyes, paths):
    """One file after the other through `predict`."""
    import cv2
    import numpy as np

    size, found = eyes.input_shape[1], []
    for path in paths:
        picture = cv2.resize(cv2.imread(path)[..., ::-1], (size, size))
        found.append(eyes.predict(picture[None] / 127.5 - 1, verbose=0)[0])
    return np.stack(found)


def our_features(eyes, paths):
    """The recipe's stream of batches, one view."""
    import numpy as np

    from common.vision import pixels

    blocks = pixels.stream(paths, eyes.input_shape[1], BATCH)
    found = [np.asarray(eyes.predict_on_batch(block / np.float32(127.5) - 1)) for block in blocks]
    return np.concatenate(found)[: len(paths)]


def plain_training(eyes, paths, labels):
    """A frozen backbone and a Dense layer, `fit` on pictures."""
    import keras
    import numpy as np

    from common.vision import pixels

    pictures = pixels.load(paths, eyes.input_shape[1]) / np.float32(127.5) - 1
    eyes.trainable = False
    inputs = keras.Input(eyes.input_shape[1:])
    logits = keras.layers.Dense(int(labels.max()) + 1)(eyes(inputs, training=False))
    _fit(keras.Model(inputs, logits), pictures, labels)


def our_training(eyes, paths, labels, seen=None):
    """The same layer on features that were computed once."""
    import keras

    seen = our_features(eyes, paths) if seen is None else seen
    model = keras.Sequential([keras.Input(seen.shape[1:]),
                              keras.layers.Dense(int(labels.max()) + 1)])  # fmt: skip
    _fit(model, seen, labels)


def alexnet_steps(kind: str, precision: str, steps: int):
    """A function that trains so many steps on one batch of noise."""
    import keras
    import numpy as np

    from recipes.transfer import scratch

    random = np.random.default_rng(0)
    pictures = random.uniform(0, 255, (BATCH, ALEXNET["size"], ALEXNET["size"], 3))
    batch = pictures.astype(np.float32), random.integers(0, 10, BATCH)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = scratch.KINDS[kind].network(10, **ALEXNET)
    finally:
        keras.config.set_dtype_policy(before)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(scratch.KINDS[kind].optimizer(steps, 100, learning_rate=1e-3), loss)
    return lambda: [model.train_on_batch(*batch) for _ in range(steps)]


def _fit(model, inputs, labels):
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    model.fit(inputs, labels, batch_size=BATCH, epochs=EPOCHS, verbose=0)


if __name__ == "__main__":
    sys.exit(main())
