"""More pictures out of those there are: shifted, mirrored, in another light; ten views at the end.

Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012, section 4.1. The layers are `keras` and `keras.ops` alone, change pictures in training
only, and draw from Keras's own generators, whose states a checkpoint holds: a training that is
continued sees what an unbroken one would have seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops


@dataclass(frozen=True)
class Colours:
    """How the pixels of a set of pictures are spread over red, green and blue.

    Attributes:
        mean: of red, green, blue, in levels from 0 to 255.
        deviation: standard deviation of each, in levels.
        axes: eigenvectors of their covariance, one a row, that of the largest variance first.
        variances: eigenvalues, in the same order, of pixels from 0 to 1.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]
    variances: tuple[float, ...]


# ImageNet's training pictures, as fb.resnet.torch (Gross and Wilber 2016, datasets/imagenet.lua)
# has them.
IMAGENET = Colours(
    mean=(123.675, 116.28, 103.53),
    deviation=(58.395, 57.12, 57.375),
    axes=((-0.5675, -0.5808, -0.5836), (0.7192, -0.0045, -0.6948), (0.4009, -0.8140, 0.4203)),
    variances=(0.2175, 0.0188, 0.0045),
)


def colour_axes(pictures: Iterable[np.ndarray]) -> Colours:
    """Principal axes of the colours of the training pictures, for `ColourNoise` and the networks.

    Args:
        pictures: each [height, width, 3] from 0 to 255, of any sizes; an array
            [pictures, height, width, 3] will do.

    Raises:
        ValueError: there is no picture, or one that has not three channels.
    """
    count, total, products = 0, np.zeros(3), np.zeros((3, 3))
    for picture in pictures:
        if np.ndim(picture) != 3 or picture.shape[-1] != 3:
            raise ValueError(f"pictures: one of shape {np.shape(picture)}; give red, green and "
                             "blue, [height, width, 3].")
        pixels = picture.reshape(-1, 3).astype("float64")
        count, total = count + len(pixels), total + pixels.sum(axis=0)
        products += pixels.T @ pixels
    if not count:
        raise ValueError("pictures is empty; give the training pictures.")
    mean = total / count
    covariance = products / count - np.outer(mean, mean)
    variances, vectors = np.linalg.eigh(covariance)
    return Colours(
        mean=tuple(mean.tolist()),
        deviation=tuple(np.sqrt(np.diag(covariance).clip(0)).tolist()),
        axes=tuple(tuple(axis) for axis in vectors.T[::-1].tolist()),
        variances=tuple((variances[::-1].clip(0) / 255**2).tolist()),
    )


@keras.saving.register_keras_serializable(package="transfer")
class ColourNoise(keras.layers.Layer):
    """Another light on each picture, section 4.1.

    To every pixel of a picture [p1, p2, p3] [a1 l1, a2 l2, a3 l3]^T is added, with p the axes, l
    the variances along them and a ~ N(0, deviation), drawn for the picture. The paper does not
    say in which unit l is; in levels of 255 the first would be 255 times a pixel's. Here, as in
    fb.resnet.torch, pixels from 0 to 1 are meant: on ImageNet 0.1 moves the light by 3 levels.

    Pictures [batch, height, width, 3] from 0 to 255 go in and come out, not clipped. Without
    training they pass as they are.

    Args:
        axes, variances: of `Colours`.
        deviation: standard deviation of a; the paper's is 0.1.
        seed: of the draws; None takes one from Keras's global seed.

    Raises:
        ValueError: a parameter is wrong.
    """

    def __init__(self, axes, variances, deviation: float = 0.1, seed: int | None = None,
                 **keywords):
        if np.shape(axes) != (3, 3) or np.shape(variances) != (3,):
            raise ValueError(f"axes and variances have shapes {np.shape(axes)} and "
                             f"{np.shape(variances)}; give (3, 3) and (3,), as colour_axes does.")
        if not deviation >= 0:
            raise ValueError(f"deviation={deviation!r}: write a number of at least 0.")
        super().__init__(**keywords)
        self.axes, self.variances = np.asarray(axes).tolist(), np.asarray(variances).tolist()
        self.deviation, self.seed = deviation, seed
        self.generator = keras.random.SeedGenerator(seed)
        self.directions = (255 * np.diag(variances) @ np.asarray(axes)).astype("float32")

    def call(self, pictures, training=None):
        if not training or not self.deviation:
            return pictures
        shape = (ops.shape(pictures)[0], 3)
        drawn = keras.random.normal(shape, stddev=self.deviation, seed=self.generator)
        light = ops.cast(ops.matmul(drawn, self.directions), pictures.dtype)
        return pictures + light[:, None, None, :]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"axes": self.axes, "variances": self.variances, "deviation": self.deviation,
               "seed": self.seed}  # fmt: skip
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="transfer")
class CropAndMirror(keras.layers.Layer):
    """A window at a random place of each picture, every other one mirrored; section 4.1.

    The paper cuts 224 pixels out of 256. A small picture has none to spare: there `padding` pixels
    are mirrored outward on each side first, 4 for one of 32. Without training the window is
    the middle one. (`keras.layers.RandomCrop` takes one place for the whole batch.)

    Pictures [batch, height, width, channels] go in, [batch, size, size, channels] come out.

    Args:
        size: pixels a side of the window.
        padding: pixels that a window may stand out on each side.
        mirror: whether half of the pictures are mirrored, left to right.
        seed: of the draws; None takes one from Keras's global seed.

    Raises:
        ValueError: a parameter is wrong, or the pictures are smaller than the window.
    """

    def __init__(self, size: int, padding: int = 0, mirror: bool = True, seed: int | None = None,
                 **keywords):
        for name, value, least in (("size", size, 1), ("padding", padding, 0)):
            if not (isinstance(value, int) and value >= least):
                raise ValueError(f"{name}={value!r}: write a whole number of at least {least}.")
        super().__init__(**keywords)
        self.size, self.padding, self.mirror, self.seed = size, padding, mirror, seed
        self.generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        _fits(self.size, self.padding, *input_shape[1:3])

    def call(self, pictures, training=None):
        count, (height, width) = ops.shape(pictures)[0], pictures.shape[1:3]
        if not training:
            top, left = (height - self.size) // 2, (width - self.size) // 2
            return pictures[:, top : top + self.size, left : left + self.size]

        def places(side: int):
            """Rows or columns that each picture's window reads, [batch, size]."""
            room = side + 2 * self.padding - self.size
            first = keras.random.randint((count, 1), -self.padding, room - self.padding + 1,
                                         seed=self.generator)  # fmt: skip
            return first + ops.arange(self.size, dtype="int32")

        rows, columns = places(height), places(width)
        if self.mirror:
            turned = keras.random.randint((count, 1), 0, 2, seed=self.generator) > 0
            columns = ops.where(turned, ops.flip(columns, axis=1), columns)
        rows, columns = _reflected(rows, height), _reflected(columns, width)
        # One gather shifts, mirrors and pads: a number for each pixel of the whole batch.
        start = ops.reshape(ops.arange(count, dtype="int32") * (height * width), (-1, 1, 1))
        numbers = start + rows[:, :, None] * width + columns[:, None, :]
        pixels = ops.reshape(pictures, (-1, pictures.shape[-1]))
        return ops.take(pixels, numbers, axis=0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, input_shape[-1])

    def get_config(self):
        own = {"size": self.size, "padding": self.padding, "mirror": self.mirror,
               "seed": self.seed}  # fmt: skip
        return {**super().get_config(), **own}


def augmented(
    model: keras.Model,
    side: int | None = None,
    padding: int = 0,
    mirror: bool = True,
    colours: Colours | None = None,
    seed: int = 0,
) -> keras.Model:
    """The network to train: `model` behind the layers above. It shares the weights of `model`.

    Train this one; save, predict with and count `model`.

    Args:
        model: takes pictures [batch, size, size, 3] from 0 to 255.
        side: pixels a side of the pictures that come, from which windows are cut; None: `size`.
        padding, mirror: of `CropAndMirror`.
        colours: of the training pictures, for `ColourNoise`; None leaves the light as it is.
        seed: of all draws.
    """
    size = model.input_shape[1]
    side = side or size
    inputs = keras.Input((side, side, 3), name="pictures")
    # Whole levels of 255 and small noise on them need float32 also where the network has less.
    options = {"seed": seed, "dtype": "float32"}
    pictures = CropAndMirror(size, padding, mirror, name="crop", **options)(inputs)
    if colours is not None:
        noise = ColourNoise(colours.axes, colours.variances, name="light", **options)
        pictures = noise(pictures)
    return keras.Model(inputs, model(pictures), name=f"{model.name}_augmented")


def ten_crops(pictures: np.ndarray, size: int, padding: int = 0) -> np.ndarray:
    """The four corners and the middle of each picture, and their mirror images; section 4.1.

    Args:
        pictures: [pictures, height, width, channels].
        size: pixels a side of a crop.
        padding: pixels mirrored outward on each side first.

    Returns:
        [pictures, 10, size, size, channels], of the same dtype: top left, top right, bottom left,
        bottom right, middle; then the same five mirrored.

    Raises:
        ValueError: the pictures are too small.
    """
    _fits(size, padding, *pictures.shape[1:3])
    pad = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    pictures = np.pad(pictures, pad, mode="reflect")
    bottom, right = pictures.shape[1] - size, pictures.shape[2] - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [pictures[:, top : top + size, left : left + size] for top, left in corners]
    crops += [crop[:, :, ::-1] for crop in crops]
    return np.stack(crops, axis=1)


def ten_crop_probabilities(
    model: keras.Model, pictures: np.ndarray, padding: int = 0, batch_size: int = 32
) -> np.ndarray:
    """Probabilities [pictures, classes], the mean of those of ten crops; section 4.1.

    Args:
        model: from pictures [batch, size, size, 3] to logits.
        pictures: [pictures, height, width, 3] from 0 to 255.
        padding: of `ten_crops`.
        batch_size: pictures at a time, each ten crops.
    """
    size, parts = model.input_shape[1], []
    for start in range(0, len(pictures), batch_size):
        block = pictures[start : start + batch_size]
        full = np.zeros((batch_size, *pictures.shape[1:]), pictures.dtype)
        full[: len(block)] = block  # one shape, one compiled program
        crops = ten_crops(full, size, padding)
        logits = model.predict_on_batch(crops.reshape(-1, *crops.shape[2:]))
        shares = ops.convert_to_numpy(ops.softmax(ops.cast(logits, "float32")))
        parts.append(shares.reshape(len(crops), 10, -1).mean(axis=1)[: len(block)])
    return np.concatenate(parts)


def _reflected(places, side: int):
    """Places outside a row of `side` pixels, mirrored back into it; the edge is not repeated."""
    return (side - 1) - ops.abs((side - 1) - ops.abs(places))


def _fits(size: int, padding: int, height: int | None, width: int | None) -> None:
    if height is None or width is None:
        raise ValueError("pictures come without a height or width; give keras.Input both.")
    if min(height, width) < size:
        raise ValueError(f"size={size}, but the pictures are {height} x {width}; write at most "
                         f"{min(height, width)}, or make the pictures larger.")
    if padding >= min(height, width):
        raise ValueError(f"padding={padding}: write less than the {min(height, width)} pixels "
                         "that there are.")
