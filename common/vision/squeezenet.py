"""SqueezeNet 1.0 from an .npz of its arrays (Iandola et al. 2016, arXiv 1602.07360, table 1)."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from common.vision.layers import ChannelMeans

MEANS = (104.0, 117.0, 123.0)
POOLED = ("conv1", "fire4", "fire8")  # followed by a maximum over 3 x 3, every second place


def load(file: Path, size: int = 227) -> tuple[keras.Model, keras.Model]:
    """The network up to fire9, and its top.

    Args:
        file: .npz with `conv1/kernel`, `fire2/squeeze1x1/kernel`, ...; kernels [h, w, in, out].
        size: pixels of a side.

    Returns:
        pixels [n, size, size, 3] from 0 to 255 -> maps [n, h, w, 512]; and maps -> logits
        [n, 1000].
    """
    with np.load(file, allow_pickle=False) as arrays:
        weights = {name: arrays[name].astype(np.float32) for name in arrays.files}
    inputs = keras.Input((size, size, 3), name="pixels")
    filled: dict[str, keras.layers.Layer] = {}

    def conv(values, name, padding="same", strides=1):
        kernel = weights[f"{name}/kernel"]
        layer = keras.layers.Conv2D(
            kernel.shape[-1], kernel.shape[:2], strides, padding, activation="relu",
            name=name.replace("/", "_"),
        )  # fmt: skip
        filled[name] = layer
        return layer(values)

    values = conv(ChannelMeans(MEANS)(inputs), "conv1", "valid", 2)
    for number in range(1, 10):
        if number > 1:
            name = f"fire{number}"
            squeezed = conv(values, f"{name}/squeeze1x1")
            values = keras.layers.Concatenate(name=name)(
                [conv(squeezed, f"{name}/expand1x1"), conv(squeezed, f"{name}/expand3x3")]
            )
        if number == 1 or f"fire{number}" in POOLED:
            # Caffe's pooling keeps a last, partial window.
            values = keras.layers.ZeroPadding2D(_rest(values.shape[1]))(values)
            values = keras.layers.MaxPooling2D(3, 2)(values)
    maps = keras.Input(values.shape[1:])
    answers = conv(keras.layers.ZeroPadding2D(1)(maps), "conv10")
    part = keras.Model(inputs, values, name="backbone")
    top = keras.Model(maps, keras.layers.GlobalAveragePooling2D()(answers), name="top")
    for name, layer in filled.items():
        layer.set_weights([weights[f"{name}/kernel"], weights[f"{name}/bias"]])
    return part, top


def _rest(side: int) -> tuple[tuple[int, int], tuple[int, int]]:
    more = (side - 3) % 2
    return (0, more), (0, more)
