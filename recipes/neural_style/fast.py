"""A network that gives a style in one pass, taught once.

Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer", ECCV 2016, with
instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016), and with resizing and a convolution
where the paper has transposed ones, which leave a checkerboard (Odena et al., Distill 2016).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import ops

from common import files, training
from common.history import History
from common.validation import DataError
from recipes.neural_style import losses, pictures, targets
from recipes.neural_style.objective import shares_of
from recipes.neural_style.pictures import fitted, resized
from recipes.neural_style.settings import Settings

CODE = (Path(losses.__file__), Path(__file__))
STRIDE = 4  # the sides of what the network works on are multiples of it


@keras.saving.register_keras_serializable(package="neural_style")
class ReflectionPadding(keras.layers.Layer):
    """The picture's own mirror image around it, so that its border is not dark."""

    def __init__(self, width: int, **keywords):
        super().__init__(**keywords)
        self.width = width

    def call(self, x):
        each = (self.width, self.width)
        return ops.pad(x, ((0, 0), each, each, (0, 0)), mode="reflect")

    def compute_output_shape(self, shape):
        more = 2 * self.width
        height, width = (side + more if side else None for side in shape[1:3])
        return (shape[0], height, width, shape[3])

    def get_config(self):
        return {**super().get_config(), "width": self.width}


def transformer(filters: int = 32, residual: int = 5) -> keras.Model:
    """The network, from pictures [batch, height, width, 3] to the same, 0 to 1.

    Args:
        filters: of the first layer; the paper has 32. 16 is four times as quick.
        residual: blocks in the middle; the paper has 5.
    """

    def convolution(x, count, size, stride=1, activation="relu", name=""):
        x = ReflectionPadding(size // 2, name=f"{name}_padding")(x)
        x = keras.layers.Conv2D(count, size, stride, name=name, use_bias=False)(x)
        # Groups of one channel: instance normalisation.
        x = keras.layers.GroupNormalization(-1, epsilon=1e-5, name=f"{name}_normal")(x)
        return keras.layers.Activation(activation, name=f"{name}_{activation}")(x)

    x = photographs = keras.Input((None, None, 3), name="photographs")
    x = convolution(x, filters, 9, name="wide")
    for k in (1, 2):
        x = convolution(x, filters * 2**k, 3, 2, name=f"down_{k}")
    for k in range(residual):
        kept = x
        x = convolution(x, filters * 4, 3, name=f"residual_{k}a")
        x = convolution(x, filters * 4, 3, activation="linear", name=f"residual_{k}b")
        x = keras.layers.Add(name=f"residual_{k}")([kept, x])
    for k in (1, 0):
        x = keras.layers.UpSampling2D(2, name=f"larger_{k}")(x)
        x = convolution(x, filters * 2**k, 3, name=f"up_{k}")
    x = ReflectionPadding(4, name="last_padding")(x)
    x = keras.layers.Conv2D(3, 9, activation="sigmoid", dtype="float32", name="paint")(x)
    return keras.Model(photographs, x, name="transformer")


def photographs(folder: str | Path, side: int) -> list[np.ndarray]:
    """Every picture of a folder and its folders, uint8, the shorter side at most twice `side`.

    Raises:
        DataError: none that can be read, or none of at least `side` pixels.
    """
    found = []
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() not in pictures.SUFFIXES or not path.is_file():
            continue
        try:
            pixels = pictures.read(path).pixels
        except DataError as error:
            print(f"left out: {error}")
            continue
        height, width = pixels.shape[:2]
        if min(height, width) >= side:
            shrunk = min(1.0, 2 * side / min(height, width))
            pixels = resized(pixels, round(height * shrunk), round(width * shrunk))
            found.append(pictures.as_bytes(pixels))
    if not found:
        raise DataError(f"{folder} holds no picture of at least {side} x {side} pixels.")
    return found


class Lesson(keras.Model):
    """The transformer under the losses; its output is the loss of each photograph (equation 5)."""

    def __init__(self, network: keras.Model, extractor: keras.Model, style: np.ndarray,
                 how: Settings):
        super().__init__(name="lesson")
        self.network, self.extractor, self.how = network, extractor, how
        self.content_layers = shares_of(how.content_layers)
        self.style_layers = shares_of(how.style_layers)
        size = fitted(style.shape[:2], round(how.size * how.style_scale))
        seen = extractor(resized(style, *size)[None], training=False)
        self.scales, self.targets = {}, {}
        for name in {**self.content_layers, **self.style_layers}:
            found = ops.cast(seen[name], "float32")
            self.scales[name] = max(float(ops.mean(found)), 1e-6)
            if name in self.style_layers:
                self.targets[name] = ops.convert_to_numpy(losses.gram(found / self.scales[name]))

    def features(self, seen) -> dict:
        return {name: ops.cast(seen[name], "float32") / s for name, s in self.scales.items()}

    def call(self, photographs, training=False):
        made = self.network(photographs, training=training)
        own = self.features(self.extractor(made, training=False))
        wanted = self.features(self.extractor(photographs, training=False))
        total = 0.0
        for name, share in self.content_layers.items():
            apart = ops.mean(ops.square(own[name] - wanted[name]), axis=(1, 2, 3))
            total = total + self.how.content_weight * share * apart
        for name, share in self.style_layers.items():
            apart = ops.square(losses.gram(own[name]) - ops.convert_to_tensor(self.targets[name]))
            filters = apart.shape[-1]
            apart = ops.sum(apart, axis=(1, 2)) / (4 * filters**2)
            total = total + self.how.style_weight * share * apart
        rough = sum(
            ops.mean(ops.square(made[:, 1:] - made[:, :-1]), axis=(1, 2, 3))
            if axis == 1 else ops.mean(ops.square(made[:, :, 1:] - made[:, :, :-1]), axis=(1, 2, 3))
            for axis in (1, 2)
        )
        return (total + self.how.smoothness * rough)[:, None]


def square(
    photographs: list[np.ndarray], size: int, smallest: float, random: np.random.Generator
) -> np.ndarray:  # fmt: skip
    """A square of one of the photographs, perhaps mirrored, [size, size, 3] of their dtype.

    Args:
        smallest: side of what is cut out, as a share of the photograph's shorter side.
    """
    photograph = photographs[random.integers(len(photographs))]
    side = int(random.uniform(smallest, 1.0) * min(photograph.shape[:2]))
    top, left = (random.integers(0, full - side + 1) for full in photograph.shape[:2])
    part = photograph[top : top + side, left : left + side][:, :: random.choice([-1, 1])]
    return cv2.resize(np.ascontiguousarray(part), (size, size), interpolation=cv2.INTER_AREA)


class Squares(keras.utils.PyDataset):
    """Squares of photographs; which ones depends on the seed and the epoch alone."""

    def __init__(self, photographs: list[np.ndarray], size: int, batch: int, steps: int, seed: int,
                 epoch: int):
        super().__init__()
        self.photographs, self.size, self.batch = photographs, size, batch
        self.steps, self.seed = steps, (seed, epoch)

    def __len__(self):
        return self.steps

    def __getitem__(self, step):
        random = np.random.default_rng([*self.seed, step])
        found = np.empty((self.batch, self.size, self.size, 3), np.float32)
        for k in range(self.batch):
            part = square(self.photographs, self.size, 0.6, random)
            found[k] = part / np.float32(255) if part.dtype == np.uint8 else part
        return found, np.zeros((self.batch, 1), np.float32)


def teach(
    network: keras.Model,
    extractor: keras.Model,
    photographs: list[np.ndarray],
    style: np.ndarray,
    how: Settings,
    output_dir: str | Path | None,
    *,
    epochs: int,
    steps: int = 100,
    batch: int = 4,
    seed: int = 0,
    learning_rate: float = 1e-3,
    resume: bool = True,
    log: Callable[[str], None] | None = print,
) -> History:
    """Teach a transformer one style on photographs.

    Args:
        network: from `transformer`; its weights are changed.
        extractor: from `features.py`, with the layers that the settings name.
        photographs: uint8 or float32 [height, width, 3], of any sizes.
        style: float32 [height, width, 3], 0 to 1.
        how: layers and weights; `how.size` is the side of the squares, a multiple of 4.
        output_dir: of checkpoints, each lesson's in a folder named by all that it hangs on; None
            keeps none.
        epochs: of `steps` steps of `batch` squares each.
        seed: of their choice.
        learning_rate: of Adam; falls to zero.
        resume: go on from a checkpoint.
        log: receives a line an epoch.
    """
    if output_dir is not None:
        everything = [style, *photographs, *extractor.get_weights()]
        key = files.work_key(
            CODE, digests=[targets.digest(each) for each in everything], how=how.model_dump(),
            network=[list(each.shape) for each in network.weights], batch=batch, steps=steps,
            epochs=epochs, seed=seed, rate=learning_rate, extractor=extractor.name,
        )  # fmt: skip
        output_dir = Path(output_dir) / key
    lesson = Lesson(network, extractor, style, how)
    lesson(np.zeros((1, how.size, how.size, 3), np.float32))
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps)
    lesson.compile(keras.optimizers.Adam(rate), loss=_mean)
    return training.fit(
        lesson, lambda epoch: Squares(photographs, how.size, batch, steps, seed, epoch),
        epochs=epochs, output_dir=output_dir, resume=resume, seed=seed, log=log,
        restore_best=False, settings=how.model_dump(),
    )  # fmt: skip


def apply(network: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """A picture in the network's style, float32 [height, width, 3] of the same size."""
    height, width = pixels.shape[:2]
    down, right = -height % STRIDE, -width % STRIDE
    padded = np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="edge")
    made = ops.convert_to_numpy(network(padded[None], training=False))[0]
    return made[:height, :width]


def _mean(zeros, values):
    return ops.mean(values, axis=-1) + 0 * ops.mean(zeros, axis=-1)
