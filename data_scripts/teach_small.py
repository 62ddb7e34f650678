"""Teach the small network of `common/vision/small.py` what MobileNetV2 sees, and write its weights.

A linear map on its features must give those of MobileNetV2, and with them its thousand answers, on
parts of photographs (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network",
2015; features as Romero et al., "FitNets", ICLR 2015).

    python -m data_scripts.teach_small folder_of_photographs     # writes small.npz
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from common.vision.small import SIZE, WEIGHTS, network, save
from data_scripts import sample_transfer

PARTS, BATCH, EPOCHS, LEARNING_RATE, TEMPERATURE = 12, 64, 40, 2e-3, 2.0
DRAWN_SEED = 1  # of drawn pictures that it sees as well; the sample itself has seed 0


class Parts(keras.utils.PyDataset):
    """Parts with what the teacher says of them; order and mirroring by seed and epoch."""

    def __init__(self, parts, features, answers, seed, epoch):
        super().__init__()
        self.arrays, self.seed = (parts, features, answers), (seed, epoch)
        self.order = np.random.default_rng(self.seed).permutation(len(parts))

    def __len__(self):
        return len(self.order) // BATCH

    def __getitem__(self, step):
        rows = np.sort(self.order[step * BATCH : (step + 1) * BATCH])
        parts, features, answers = (array[rows] for array in self.arrays)
        random = np.random.default_rng([*self.seed, step])
        mirrored = random.random(BATCH) < 0.5
        parts = np.where(mirrored[:, None, None, None], parts[:, :, ::-1], parts)
        light = random.uniform(0.7, 1.3, (BATCH, 1, 1, 1)).astype(np.float32)
        pixels = np.clip(parts * light, 0, 255) / np.float32(127.5) - 1
        return pixels, {"features": features.astype(np.float32), "answers": answers}


def parts_of(paths: list[Path], seed: int) -> np.ndarray:
    """uint8 [photographs * PARTS, 224, 224, 3]: squares of 25 to 100 % of the area, by chance."""
    from PIL import Image

    from common import pictures

    found = np.empty((len(paths) * PARTS, 224, 224, 3), np.uint8)
    for number, path in enumerate(paths):
        image, _ = pictures.decode(path, path.read_bytes())
        random = np.random.default_rng([seed, number])
        for k in range(PARTS):
            side = min(image.size) * np.sqrt(random.uniform(0.25, 1))
            left, top = (random.uniform(0, length - side) for length in image.size)
            box = (left, top, left + side, top + side)
            found[number * PARTS + k] = image.resize((224, 224), Image.Resampling.BILINEAR, box)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Teach the small network; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m data_scripts.teach_small")
    parser.add_argument("photographs", type=Path, help="a folder, searched to its depth")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("build/small_network"))
    options = parser.parse_args(arguments)

    from common import device, pictures, training
    from common.vision import backbones

    print(device.setup(seed=options.seed))
    paths = [path for path in sorted(options.photographs.rglob("*"))
             if path.suffix.lower() in pictures.SUFFIXES]  # fmt: skip
    photographs = len(paths)
    # Without their labels: photographs alone teach little of stripes and dots.
    drawn = options.output / "drawn"
    sample_transfer.write(drawn, train=120, test=0, unknown=60, seed=DRAWN_SEED)
    paths += sorted(drawn.rglob("*.jpg"))
    large = parts_of(paths, options.seed)
    teacher = backbones.find("mobilenet_v2")
    pooled = keras.layers.GlobalAveragePooling2D()(teacher.model.output)
    both = keras.Model(teacher.model.input, [pooled, teacher.top(teacher.model.output)])
    features, answers = (np.empty((len(large), width), np.float16) for width in (1280, 1000))
    for begin in range(0, len(large), 256):
        rows = slice(begin, begin + 256)
        features[rows], answers[rows] = both.predict(large[rows].astype(np.float32), verbose=0)
    print(f"{photographs:,} photographs and {len(paths) - photographs:,} drawn pictures, "
          f"{len(large):,} parts; the teacher has looked", flush=True)

    from PIL import Image

    small = np.stack([np.asarray(Image.fromarray(part).resize((SIZE, SIZE), 2)) for part in large])
    del large
    held = np.arange(len(small)) // PARTS % 20 == 0
    keras.config.set_dtype_policy("mixed_bfloat16")  # 1.45 times the pictures a second
    pupil = network()
    spread = float(features.astype(np.float32).std())
    seen = keras.layers.GlobalAveragePooling2D(dtype="float32")(pupil.output)
    top = teacher.top.get_layer("answers")
    top.trainable = False
    told = keras.layers.Dense(features.shape[1], dtype="float32", name="map")(seen)
    lesson = keras.Model(pupil.input, {"features": told, "answers": top(told)})
    steps = int((~held).sum()) // BATCH * options.epochs
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=LEARNING_RATE, warmup_steps=steps // 20
    )
    lesson.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-4),
        loss={"features": _Nearness(spread), "answers": _Agreement()},
    )
    own = (small[~held], features[~held], answers[~held])
    training.fit(
        lesson, lambda epoch: Parts(*own, options.seed, epoch),
        Parts(small[held], features[held], answers[held], options.seed, 10**6),
        epochs=options.epochs, output_dir=options.output, monitor="val_loss", restore_best=False,
        seed=options.seed,
    )  # fmt: skip
    found = lesson.predict(small[held].astype(np.float32) / 127.5 - 1, verbose=0)
    wanted = features[held].astype(np.float32)
    left = ((found["features"] - wanted) ** 2).sum() / ((wanted - wanted.mean(0)) ** 2).sum()
    same = (found["answers"].argmax(1) == answers[held].argmax(1)).mean()
    print(f"Held-out pictures: {1 - left:.1%} of the variance of MobileNetV2's features, the "
          f"same first answer for {same:.1%}.")
    save(pupil)
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size / 2**20:.2f} MB, {pupil.count_params():,} weights")
    return 0


@keras.saving.register_keras_serializable(package="teach_small")
class _Nearness(keras.losses.Loss):
    """Squared distance of features over their own variance."""

    def __init__(self, spread: float):
        super().__init__()
        self.spread = spread

    def call(self, wanted, found):
        return ops.mean(ops.square((found - wanted) / self.spread), axis=-1)

    def get_config(self):
        return {"spread": self.spread}


@keras.saving.register_keras_serializable(package="teach_small")
class _Agreement(keras.losses.Loss):
    """Cross-entropy of softened answers, times the square of the temperature (Hinton 2015)."""

    def call(self, wanted, found):
        wanted = ops.softmax(ops.cast(wanted, "float32") / TEMPERATURE)
        return -ops.sum(wanted * ops.log_softmax(found / TEMPERATURE), axis=-1) * TEMPERATURE**2

    def get_config(self):
        return {}


if __name__ == "__main__":
    sys.exit(main())
