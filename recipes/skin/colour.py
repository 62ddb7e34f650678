"""Colour constancy: one skin under two lamps becomes one picture.

The light's colour is estimated from the photograph and divided out. Shades of grey (G. Finlayson
and E. Trezzi, "Shades of Gray and Colour Constancy", Color Imaging Conference 2004) takes the
Minkowski mean of order p of each channel for it: p = 1 is the grey world, an infinite p takes the
brightest value for white. p = 6 is what the paper recommends, and what C. Barata, M. E. Celebi and
J. S. Marques found good for dermatoscopy ("Improving Dermoscopy Image Classification Using Color
Constancy", IEEE J. Biomedical and Health Informatics 19, 2015).
"""

from __future__ import annotations

import keras
from keras import ops

KINDS = {"none": None, "grey_world": 1.0, "shades_of_grey": 6.0}
MOST = 3.0  # a channel is never made brighter than so many times; a blue picture stays blue


@keras.saving.register_keras_serializable(package="skin")
class Constancy(keras.layers.Layer):
    """Pictures as under white light: float [n, height, width, 3] of 0 to 255 to the same, rounded.

    The light's own brightness stays: the mean of its channels is what they are brought to.

    Args:
        kind: one of `KINDS`; "none" gives pictures back as they are.

    Raises:
        ValueError: an unknown kind.
    """

    def __init__(self, kind: str = "shades_of_grey", **options):
        super().__init__(**{"dtype": "float32", **options})
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} must be one of {', '.join(KINDS)}.")
        self.kind = kind

    def call(self, pictures):
        order = KINDS[self.kind]
        if order is None:
            return pictures
        values = ops.cast(pictures, "float32")
        light = ops.mean((values / 255) ** order, axis=(1, 2), keepdims=True) ** (1 / order)
        light = ops.maximum(light, 1e-3)
        gain = ops.minimum(ops.mean(light, axis=3, keepdims=True) / light, MOST)
        return ops.clip(ops.round(values * gain), 0, 255)

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}
