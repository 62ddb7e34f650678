"""Layers that keras has not."""

from __future__ import annotations

import keras
from keras import ops

MEANS = (103.939, 116.779, 123.68)  # of ImageNet's blue, green and red


@keras.saving.register_keras_serializable(package="vision")
class ChannelMeans(keras.layers.Layer):
    """Pixels as Caffe's networks want them: blue, green, red, less each channel's mean.

    From red, green, blue of 0 to 255, shape [n, height, width, 3].
    """

    def __init__(self, means=MEANS, **options):
        super().__init__(**options)
        self.means = tuple(means)

    def call(self, pixels):
        return ops.flip(pixels, axis=-1) - ops.cast(ops.array(self.means), pixels.dtype)

    def get_config(self):
        return {**super().get_config(), "means": self.means}
