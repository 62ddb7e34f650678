"""A small network for a machine without a network: taught by MobileNetV2, 0.6 million weights.

Seven convolutions, two of them beside a shortcut (He et al., CVPR 2016). Plain convolutions: a
processor trains them five times as quickly as the separable ones of mobile networks.
`data_scripts/teach_small.py` teaches it and writes `small.npz`.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from common import files

WEIGHTS = Path(__file__).with_name("small.npz")
SIZE, WIDTHS, FEATURES = 96, (24, 48, 96, 160), 512


def network(size: int = SIZE) -> keras.Model:
    """pixels [n, size, size, 3] from -1 to 1 -> maps [n, size / 16, size / 16, 512], random."""

    def block(values, width, side=3, strides=1):
        values = keras.layers.Conv2D(width, side, strides, "same", use_bias=False)(values)
        return keras.layers.BatchNormalization(momentum=0.95)(values)

    inputs = keras.Input((size, size, 3))
    values = inputs
    for number, width in enumerate(WIDTHS):
        values = keras.layers.ReLU(name=f"maps_{number}")(block(values, width, strides=2))
        if number > 1:
            values = keras.layers.Add()([values, block(values, width)])
            values = keras.layers.ReLU(name=f"maps_{number}_added")(values)
    last = keras.layers.ReLU(name="maps_last")(block(values, FEATURES, side=1))
    return keras.Model(inputs, last, name="small")


def load(size: int = SIZE) -> keras.Model:
    """`network` with the weights that lie beside this file."""
    model = network(size)
    with np.load(WEIGHTS, allow_pickle=False) as arrays:
        model.set_weights([arrays[f"{k:03}"].astype(np.float32) for k in range(len(arrays.files))])
    return model


def save(model: keras.Model, path: Path = WEIGHTS) -> None:
    """Write the weights: kernels in half precision, the rest as it is."""
    arrays = {f"{k:03}": values.astype(np.float16 if values.ndim > 1 else np.float32)
              for k, values in enumerate(model.get_weights())}  # fmt: skip
    with files.whole(path) as aside:
        np.savez_compressed(aside, **arrays)
