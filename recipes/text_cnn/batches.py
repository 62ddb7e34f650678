"""Length-bucketed batches: sentences of about one length travel together.

The mean sentence has 19 words and the longest 50 or more, so padding everything to the longest
spends most of the arithmetic on zeros. Sentences are sorted by their length plus a little noise,
cut into batches, and the batches are shuffled. The order of epoch k depends on the seed and k
alone, so an interrupted run can go on exactly where it stopped.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf

from recipes.text_cnn.text import Encoded

# Widths, and lengths of the flat arrays, are multiples of these. JAX compiles a program for every
# shape, so few of them are wanted; elsewhere padding is wasted work.
WIDTH_STEP, FLAT_STEP = (8, 512) if keras.backend.backend() == "jax" else (1, 1)


def padded_width(longest: int) -> int:
    """Tokens a row of a batch whose longest sentence has `longest` tokens."""
    return WIDTH_STEP * max(1, math.ceil(longest / WIDTH_STEP))


class Batches:
    """Training batches of some rows of an encoded corpus; call it with the epoch's number."""

    def __init__(
        self,
        encoded: Encoded,
        labels: np.ndarray,
        rows: np.ndarray,
        classes: int,
        batch_size: int,
        *,
        seed: int = 0,
        pieces: bool = True,
        evidence: np.ndarray | None = None,
    ):
        """Args:
        encoded: the corpus.
        labels: int [sentences], or probabilities float32 [sentences, classes] to learn.
        rows: which sentences, int [rows].
        classes: number of classes; the targets are float32 [batch, classes].
        batch_size: sentences a batch; the last one of an epoch may be smaller.
        seed: of the order.
        pieces: False for a network of words alone.
        evidence: float32 [all tokens, classes] for a network that takes what the linear model
            says of each token.

        Raises:
            ValueError: no rows, or a batch size below 1.
        """
        if len(rows) == 0:
            raise ValueError("There are no rows to make batches of.")
        if batch_size < 1:
            raise ValueError(f"BATCH_SIZE={batch_size}; it must be 1 or more.")
        self.encoded, self.labels, self.rows = encoded, labels, np.asarray(rows)
        self.classes, self.batch_size, self.seed = classes, batch_size, seed
        self.pieces, self.evidence = pieces, evidence
        self.steps = math.ceil(len(rows) / batch_size)

    def order(self, epoch: int) -> list[np.ndarray]:
        """The rows of each batch of one epoch."""
        random = np.random.default_rng([self.seed, epoch])
        shuffled = random.permutation(self.rows)
        lengths = self.encoded.lengths[shuffled] + random.uniform(-2, 2, len(shuffled))
        shuffled = shuffled[np.argsort(lengths, kind="stable")]
        size = self.batch_size
        groups = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
        random.shuffle(groups)
        return groups

    def arrays(self, rows: np.ndarray, width: int | None = None) -> dict[str, np.ndarray]:
        """The padded inputs of one batch, as the networks of `model.py` take them."""
        if width is None:
            width = padded_width(int(self.encoded.lengths[rows].max(initial=1)))
        inputs = self.encoded.inputs(rows, width, FLAT_STEP, self.pieces)
        if self.evidence is not None:
            inputs["evidence"] = self.encoded.padded(self.evidence, rows, width)
        return inputs

    def __call__(self, epoch: int) -> tf.data.Dataset:
        """One epoch as (inputs, targets) pairs, `self.steps` of them."""
        identity = np.eye(self.classes, dtype=np.float32)
        hard = self.labels.ndim == 1

        def generate():
            for rows in self.order(epoch):
                labels = self.labels[rows]
                yield self.arrays(rows), identity[labels] if hard else labels

        # With an unknown number of channels Keras takes a convolution for a grouped one, and XLA
        # compiles eight programs for every length of sentence.
        inputs = {
            name: tf.TensorSpec([None, None, *array.shape[2:]][: array.ndim], array.dtype)
            for name, array in self.arrays(self.rows[:1]).items()
        }
        signature = (inputs, tf.TensorSpec([None, self.classes], tf.float32))
        options = tf.data.Options()
        # With autotune the end of every epoch waits five seconds for its threads.
        options.autotune.enabled = False
        batches = tf.data.Dataset.from_generator(generate, output_signature=signature)
        return batches.prefetch(4).with_options(options)


def predict_logits(model, batches: Batches, batch_size: int = 256) -> np.ndarray:
    """Class scores of `batches.rows`, in that order.

    Args:
        model: a network of `model.py`.
        batches: made with the rows to predict; its labels are not looked at.
        batch_size: sentences at a time.

    Returns:
        float32 [rows, classes].
    """
    rows = batches.rows
    result = np.zeros((len(rows), batches.classes), np.float32)
    by_length = np.argsort(batches.encoded.lengths[rows], kind="stable")
    for start in range(0, len(rows), batch_size):
        part = by_length[start : start + batch_size]
        result[part] = model.predict_on_batch(batches.arrays(rows[part]))
    return result
