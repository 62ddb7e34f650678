"""The labeller as one TensorFlow graph, decoding and shrinking included."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from recipes.transfer.familiar import NEIGHBOUR, NONE
from recipes.transfer.labeller import Labeller


def module(labeller: Labeller) -> tf.Module:
    """A module whose `label` takes the bytes of pictures, for `common.export.saved_model`."""
    return _Serving(labeller)


class _Serving(tf.Module):
    def __init__(self, labeller: Labeller):
        super().__init__()
        self.eyes, self.size = labeller.backbone.model, labeller.backbone.size
        self.has_maps = labeller.backbone.has_maps
        self.variables_kept = self.eyes.variables
        head = labeller.head
        self.kernel = tf.constant(head.kernel / head.temperature)
        self.bias = tf.constant(head.bias / head.temperature)
        self.names = tf.constant(labeller.classes)
        self.method = labeller.familiarity.method
        self.threshold = np.float32(labeller.familiarity.threshold)
        self.kept = {name: tf.constant(array.astype(np.float32))
                     for name, array in labeller.familiarity.arrays.items()}  # fmt: skip

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="picture")])
    def label(self, picture):
        pixels = tf.map_fn(self.square, picture, fn_output_signature=tf.float32)
        pixels.set_shape([None, self.size, self.size, 3])
        features = (self.features(pixels) + self.features(pixels[:, :, ::-1])) / 2
        logits = features @ self.kernel + self.bias
        probabilities = tf.nn.softmax(logits)
        familiar = self.familiar(features, logits)
        likest = tf.gather(self.names, tf.argmax(logits, axis=1))
        return {
            "label": tf.where(familiar >= self.threshold, likest, NONE), "likest": likest,
            "probabilities": probabilities, "familiar": familiar,
        }  # fmt: skip

    def square(self, content):
        """As `pixels.square`: the middle square, shrunk by triangles, rounded to whole numbers."""
        # Exact, as other decoders are; it reads PNG and BMP as well.
        image = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
        shape = tf.shape(image)
        side = tf.minimum(shape[0], shape[1])
        top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
        image = image[top : top + side, left : left + side]
        image = tf.image.resize(image, [self.size, self.size], antialias=True)
        return tf.round(tf.clip_by_value(image, 0, 255))

    def features(self, pixels):
        maps = self.eyes(pixels, training=False)
        return tf.reduce_mean(maps, axis=[1, 2]) if self.has_maps else maps

    def familiar(self, features, logits):
        """As `Familiarity.score`."""
        if self.method == "probability":
            return tf.reduce_max(tf.nn.softmax(logits), axis=1)
        if self.method == "energy":
            return tf.reduce_logsumexp(logits, axis=1)
        if self.method == "cosine":
            apart = features - self.kept["centre"]
            apart /= tf.norm(apart, axis=1, keepdims=True) + 1e-9
            return tf.reduce_max(apart @ self.kept["directions"], axis=1)
        if self.method == "neighbour":
            units = features / (tf.norm(features, axis=1, keepdims=True) + 1e-9)
            nearness = tf.matmul(units, self.kept["units"], transpose_b=True)
            place = min(NEIGHBOUR, int(self.kept["units"].shape[0]))
            return tf.math.top_k(nearness, place).values[:, -1]
        moved = features @ self.kept["whitening"]
        gaps = moved[:, None] - self.kept["centres"][None]
        return -tf.sqrt(tf.reduce_min(tf.reduce_sum(gaps**2, axis=2), axis=1))
