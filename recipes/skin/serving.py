"""The classifier as one TensorFlow graph, decoding and squaring included."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from recipes.skin.classifier import Classifier


def module(classifier: Classifier) -> tf.Module:
    """A module whose `classify` takes the bytes of files, for `common.export.saved_model`."""
    return _Serving(classifier)


class _Serving(tf.Module):
    def __init__(self, classifier: Classifier):
        super().__init__()
        self.network, self.size = classifier.network, classifier.size
        self.variables_kept = classifier.network.variables
        self.names = tf.constant(classifier.classes)
        self.bad = tf.constant([float(name in classifier.malignant) for name in classifier.classes])
        self.wanted = tf.constant(classifier.wanted.astype(np.float32))
        self.thresholds = dict(classifier.thresholds)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="photograph")])
    def classify(self, photograph):
        # One after the other: a photograph takes far more memory than it leaves.
        pixels = tf.map_fn(self.squared, photograph, parallel_iterations=1,
                           fn_output_signature=tf.float32)  # fmt: skip
        pixels.set_shape([None, self.size, self.size, 3])
        found = self.network(pixels, training=False)
        malignant = tf.linalg.matvec(found, self.bad)
        answers = {"class": tf.gather(self.names, tf.argmax(found, axis=1)),
                   "stands_out": tf.gather(self.names, tf.argmax(found / self.wanted, axis=1)),
                   "probabilities": found, "malignant": malignant}  # fmt: skip
        for name, threshold in self.thresholds.items():
            answers[f"malignant_{name}"] = malignant >= np.float32(threshold)
        return answers

    def squared(self, content):
        """As `prepare.squeezed`, rounded to whole numbers."""
        # Exact, as other decoders are; it reads PNG as well.
        image = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
        sides = [self.size, self.size]
        shrinks = tf.reduce_min(tf.shape(image)[:2]) > self.size
        image = tf.cond(shrinks, lambda: tf.image.resize(image, sides, "area"),
                        lambda: tf.image.resize(image, sides))  # fmt: skip
        return tf.round(tf.clip_by_value(image, 0, 255))
