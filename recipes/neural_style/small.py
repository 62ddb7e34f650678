"""A small network that sees as the first three blocks of VGG-19 do, in a twentieth of the weights.

It is taught by VGG-19 itself (Hinton, Vinyals and Dean 2015; features instead of answers, as Romero
et al., "FitNets", ICLR 2015): from each of its layers a linear map must give the features of the
same layer of VGG-19. A Gram matrix of the small one then says what the large one's would.

    python -m recipes.neural_style.small folder_of_photographs     # teaches it, writes small.npz
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from common import files
from recipes.neural_style import fast, features

HERE = Path(__file__).parent
WEIGHTS = HERE / "small.npz"
WIDTHS = (24, 48, 96)  # of the three blocks; VGG-19 has 64, 128, 256
TAUGHT = ("block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2", "block3_conv1",
          "block3_conv2", "block3_conv4")  # fmt: skip
SIZE, BATCH, STEPS, LEARNING_RATE = 128, 8, 3000, 2e-3


def load(layers: list[str], pooling: str = "average") -> keras.Model:
    """The small network with the weights that lie beside this file.

    Args:
        layers: names from "block1_conv1" to "block3_conv4", as in VGG-19.
        pooling: see `features.vgg`; it was taught with "average".
    """
    return features.vgg(layers, features.read_kernels(WEIGHTS), pooling, WIDTHS, "small")


class Lesson(keras.Model):
    """Its output is how badly linear maps of the pupil's features give the teacher's."""

    def __init__(self, teacher: keras.Model, pupil: keras.Model, scales: dict[str, float]):
        super().__init__(name="lesson")
        self.teacher, self.pupil, self.scales = teacher, pupil, scales
        self.maps = {
            name: keras.layers.Conv2D(teacher.output[name].shape[-1], 1, name=f"map_{name}")
            for name in TAUGHT
        }

    def call(self, pictures):
        wanted, found = self.teacher(pictures, training=False), self.pupil(pictures)
        # A network that says nothing has an error of 1 in every layer.
        errors = [
            ops.mean(ops.square(self.maps[name](found[name]) - wanted[name]), axis=(1, 2, 3))
            / self.scales[name]
            for name in TAUGHT
        ]
        return ops.stack(errors, axis=-1)


class Crops(keras.utils.PyDataset):
    """Squares of photographs, turned about and scaled; the same for a seed and an epoch."""

    def __init__(self, photographs: list[np.ndarray], steps: int, seed: int, epoch: int):
        super().__init__()
        self.photographs, self.steps, self.seed = photographs, steps, (seed, epoch)

    def __len__(self):
        return self.steps

    def __getitem__(self, step):
        random = np.random.default_rng([*self.seed, step])
        pictures = np.empty((BATCH, SIZE, SIZE, 3), np.float32)
        for k in range(BATCH):
            part = fast.square(self.photographs, SIZE, 0.5, random)
            # Brighter, darker, more or less colourful, as paintings are.
            part = part.astype(np.float32) / 255
            grey = part.mean(axis=2, keepdims=True)
            part = grey + (part - grey) * random.uniform(0.3, 1.8)
            pictures[k] = np.clip((part - 0.5) * random.uniform(0.6, 1.5)
                                  + random.uniform(0.35, 0.65), 0, 1)  # fmt: skip
        return pictures, np.zeros((BATCH, len(TAUGHT)), np.float32)


def main(arguments: list[str] | None = None) -> int:
    """Teach the small network; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m recipes.neural_style.small")
    parser.add_argument("photographs", type=Path, help="a folder, searched to its depth")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=HERE.parents[1] / "build/small")
    options = parser.parse_args(arguments)

    from common import datasets, device, training

    print(device.setup(seed=options.seed))
    found = fast.photographs(options.photographs, SIZE)
    held, photographs = found[::20], [each for k, each in enumerate(found) if k % 20]
    print(f"{len(photographs):,} photographs to learn from, {len(held)} held out")
    kernels = features.read_kernels(
        datasets.load("vgg19_to_block3") / "vgg19_to_block3_conv4.npz"
    )
    teacher = features.vgg19(list(TAUGHT), kernels)
    pupil = features.vgg(list(TAUGHT), None, "average", WIDTHS, "small")
    pupil.trainable = True
    some = teacher(Crops(photographs, 8, options.seed, 10**6)[0][0], training=False)
    scales = {name: float(ops.mean(ops.var(some[name], axis=(0, 1, 2)))) for name in TAUGHT}
    lesson = Lesson(teacher, pupil, scales)
    lesson(np.zeros((1, SIZE, SIZE, 3), np.float32))
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, options.steps)
    lesson.compile(keras.optimizers.Adam(rate), loss=_mean_of, jit_compile=False)
    epochs = max(1, options.steps // 100)
    training.fit(
        lesson, lambda epoch: Crops(photographs, 100, options.seed, epoch),
        Crops(held, 8, options.seed, 10**6), epochs=epochs, output_dir=options.output,
        monitor="val_loss", restore_best=False, seed=options.seed,
    )  # fmt: skip
    batch = np.concatenate([Crops(held, 8, options.seed, 10**6)[k][0] for k in range(8)])
    errors = ops.convert_to_numpy(lesson(batch)).mean(axis=0)
    for name, error in zip(TAUGHT, errors, strict=True):
        print(f"{name}: {1 - error:.1%} of the variance of VGG-19's features, held out")
    arrays = {
        f"{layer.name}/{kind}": values.astype(np.float16)
        for layer in pupil.layers
        for kind, values in zip(("kernel", "bias"), layer.get_weights(), strict=False)
    }
    with files.whole(WEIGHTS) as aside:
        np.savez_compressed(aside, **arrays)
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size / 2**20:.2f} MB")
    return 0


def _mean_of(zeros, errors):
    return ops.mean(errors, axis=-1) + 0 * ops.mean(zeros, axis=-1)


if __name__ == "__main__":
    sys.exit(main())
