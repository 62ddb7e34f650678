"""Wide & deep networks: Cheng et al., "Wide & Deep Learning for Recommender Systems", DLRS 2016.

Everything here is `keras` and `keras.ops` alone. The networks take {"ids": int32 [batch, id
columns], "numbers": float32 [batch, numbers]} of `features.py` and give unnormalised scores
[batch, outputs]: one for two classes or a numeric target, else one for each class.
"""

from __future__ import annotations

from typing import get_args

import keras
import numpy as np
from keras import ops

from recipes.wide_deep.settings import Kind


def wide_deep(
    sizes: list[int],
    embedded: range,
    edges: list[list[float]],
    outputs: int = 1,
    kind: Kind = "wide_deep",
    dimension: int = 8,
    hidden: tuple[int, ...] = (128, 64),
    dropout: float = 0.2,
    start: np.ndarray | None = None,
) -> keras.Model:
    """The joint model, section 3.3, equation 3: P(y|x) = sigma(w_wide [x, phi(x)] + w_deep a + b).

    Args:
        sizes: numbers of each id column; the wide part has a weight for every id.
        embedded: the id columns that the deep part turns into vectors.
        edges: borders of the bins of each number, for the deep part.
        outputs: scores for each row.
        kind: "wide_deep", or one of its halves alone.
        dimension: of the embeddings.
        hidden: widths of the ReLU layers.
        dropout: share of each hidden layer set to zero in training.
        start: float [outputs], the bias before training (the log odds of the classes); None is 0.

    Raises:
        ValueError: an unknown kind, or a deep part with nothing to read.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind={kind!r}; choose one of {', '.join(get_args(Kind))}.")
    ids = keras.Input((len(sizes),), dtype="int32", name="ids")
    numbers = keras.Input((len(edges),), dtype="float32", name="numbers")
    scores = []
    if kind != "deep":
        scores.append(WideSum(sizes, outputs, start, name="wide")(ids))
    if kind != "wide":
        if not len(embedded) and not edges:
            raise ValueError("The deep part has no category and no number to read.")
        views = []
        if len(embedded):
            # One table for all columns: a single lookup, whatever their number.
            first = ops.convert_to_tensor(
                np.cumsum([0, *(sizes[column] for column in embedded)])[:-1].astype("int32")
            )
            table = keras.layers.Embedding(
                sum(sizes[column] for column in embedded), dimension, name="embeddings",
                embeddings_initializer=keras.initializers.RandomNormal(stddev=0.3),
            )
            own = ids[:, embedded.start : embedded.stop] + first
            views.append(ops.reshape(table(own), (-1, len(embedded) * dimension)))
        if edges:
            views.append(PiecewiseLinear(edges, name="piecewise_linear")(numbers))
        features = ops.concatenate(views, axis=-1) if len(views) > 1 else views[0]
        for number, width in enumerate(hidden):
            dense = keras.layers.Dense(width, activation="relu", name=f"hidden_{number}")
            features = keras.layers.Dropout(dropout, name=f"dropout_{number}")(dense(features))
        bias = start if kind == "deep" and start is not None else np.zeros(outputs)
        scores.append(
            keras.layers.Dense(
                outputs, kernel_initializer="zeros", dtype="float32", name="deep_scores",
                bias_initializer=keras.initializers.Constant(np.asarray(bias).tolist()),
            )(features)
        )  # fmt: skip
    total = keras.layers.Add(name="scores")(scores) if len(scores) > 1 else scores[0]
    return keras.Model({"ids": ids, "numbers": numbers}, total, name=kind)


@keras.saving.register_keras_serializable(package="wide_deep")
class WideSum(keras.layers.Layer):
    """A linear model over one-hot features and their crosses (section 3.1): one weight for each id.

    Input: ids int32 [batch, id columns], column k below sizes[k]. Output float32 [batch, outputs].
    """

    def __init__(self, sizes, outputs: int = 1, start=None, **keywords):
        super().__init__(dtype="float32", **{k: v for k, v in keywords.items() if k != "dtype"})
        self.sizes, self.outputs = [int(size) for size in sizes], int(outputs)
        self.start = [0.0] * self.outputs if start is None else np.asarray(start, float).tolist()
        self.offsets = np.cumsum([0, *self.sizes])[:-1].astype("int32")

    def build(self, ids_shape):
        shape = (sum(self.sizes), self.outputs)
        self.table = self.add_weight(shape=shape, initializer="zeros", name="table")
        start = keras.initializers.Constant(self.start)
        self.bias = self.add_weight(shape=(self.outputs,), initializer=start, name="bias")

    def call(self, ids):
        return ops.sum(ops.take(self.table, ids + self.offsets, axis=0), axis=1) + self.bias

    def compute_output_shape(self, ids_shape):
        return (ids_shape[0], self.outputs)

    def get_config(self):
        own = {"sizes": self.sizes, "outputs": self.outputs, "start": self.start}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="wide_deep")
class PiecewiseLinear(keras.layers.Layer):
    """Numbers as how much of each of their bins lies below them.

    Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep
    Learning", NeurIPS 2022, equation 1: for the bin from a to b the value (x - a) / (b - a), held
    between 0 and 1. A network reads a bend at every border from it at once, where a standardised
    number would have to be bent layer by layer.

    Input float32 [batch, numbers]; output [batch, bins of all numbers].
    """

    def __init__(self, edges, **keywords):
        super().__init__(**keywords)
        self.edges = [[float(edge) for edge in borders] for borders in edges]
        pairs = [(k, a, b) for k, borders in enumerate(self.edges)
                 for a, b in zip(borders, borders[1:], strict=False)]  # fmt: skip
        self.which = np.array([k for k, _, _ in pairs], "int32")
        self.low = np.array([a for _, a, _ in pairs], "float32")
        width = np.array([b - a for _, a, b in pairs], "float32")
        self.scale = 1 / np.where(width > 0, width, 1)

    def call(self, numbers):
        inside = (ops.take(numbers, self.which, axis=1) - self.low) * self.scale
        return ops.cast(ops.clip(inside, 0, 1), self.compute_dtype)

    def compute_output_shape(self, numbers_shape):
        return (numbers_shape[0], len(self.which))

    def get_config(self):
        return {**super().get_config(), "edges": self.edges}
