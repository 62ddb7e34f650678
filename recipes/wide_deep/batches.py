"""Batches of prepared rows, from memory or from arrays on disk that do not fit into it."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

CHUNK = 64  # batches handed to the pipeline at a time; single ones cost more than their content
BLOCK, WINDOW = 4096, 64  # rows that lie together on disk, and blocks that are mixed


class Batches:
    """Training batches of some rows; call it with the epoch's number.

    Rows in memory are drawn in an order that is anew for every epoch. Of arrays on disk (`mixed`)
    whole blocks of neighbouring rows are read, in an order of their own, and the rows of `WINDOW`
    blocks are mixed: reading single rows all over the disk would take far longer.
    """

    def __init__(
        self,
        inputs: dict[str, np.ndarray],
        target: np.ndarray,
        rows: np.ndarray | None,
        batch_size: int,
        *,
        seed: int = 0,
        mixed: bool = False,
    ):
        """Args:
        inputs: arrays with one entry a row, in memory or `prepared.OnDisk`.
        target: float32 or int32 [rows].
        rows: int, which rows to learn from; None takes all.
        batch_size: rows a batch; the last one of an epoch may be smaller.
        seed: of the order.
        mixed: read in blocks.

        Raises:
            ValueError: no rows, or a batch size below 1.
        """
        self.inputs, self.target, self.batch_size = inputs, target, batch_size
        self.rows, self.seed, self.mixed = rows, seed, mixed
        self.count = len(target) if rows is None else len(rows)
        if self.count == 0:
            raise ValueError("There are no rows to make batches of.")
        if batch_size < 1:
            raise ValueError(f"BATCH_SIZE={batch_size}; it must be 1 or more.")
        self.steps = math.ceil(self.count / batch_size)

    def order(self, epoch: int):
        """Yield the rows of an epoch in pieces; it depends on the seed and the epoch alone."""
        random = np.random.default_rng([self.seed, epoch])
        if not self.mixed:
            rows = np.arange(self.count) if self.rows is None else self.rows
            yield random.permutation(rows)
            return
        blocks = random.permutation(math.ceil(self.count / BLOCK))
        for start in range(0, len(blocks), WINDOW):
            places = [
                np.arange(block * BLOCK, min((block + 1) * BLOCK, self.count))
                for block in np.sort(blocks[start : start + WINDOW])
            ]
            places = np.concatenate(places)
            rows = places if self.rows is None else self.rows[places]
            yield random.permutation(rows)

    def __call__(self, epoch: int) -> tf.data.Dataset:
        """One epoch as (inputs, target) pairs, `self.steps` of them."""
        size, many = self.batch_size, self.batch_size * CHUNK

        def take(rows):
            if self.mixed:  # in the order of the disk, then mixed in memory
                back = np.argsort(np.argsort(rows))
                rows = np.sort(rows)
                inputs = {name: array[rows][back] for name, array in self.inputs.items()}
                return inputs, self.target[rows][back]
            return {name: array[rows] for name, array in self.inputs.items()}, self.target[rows]

        def tree(rows):
            def shaped(array):  # whole batches, or the one that is left over
                return array.reshape(-1, min(size, len(rows)), *array.shape[1:])

            inputs, target = take(rows)
            return {name: shaped(array) for name, array in inputs.items()}, shaped(target)

        def generate():
            left = np.zeros(0, np.int64)
            for rows in self.order(epoch):
                rows = np.concatenate([left, rows])
                whole = len(rows) // many * many
                for start in range(0, whole, many):
                    yield tree(rows[start : start + many])
                left = rows[whole:]
            whole = len(left) // size * size
            for part in (left[:whole], left[whole:]):
                if len(part):
                    yield tree(part)

        inputs = {
            name: tf.TensorSpec([None, None, *array.shape[1:]], array.dtype)
            for name, array in self.inputs.items()
        }
        signature = (inputs, tf.TensorSpec([None, None], self.target.dtype))
        chunks = tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(2)
        batches = chunks.unbatch()
        options = tf.data.Options()
        options.autotune.enabled = False
        batches = batches.apply(tf.data.experimental.assert_cardinality(self.steps))
        return batches.prefetch(8).with_options(options)
