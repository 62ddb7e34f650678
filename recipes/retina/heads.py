"""The heads: five grades and macular edema, read off features by an ensemble at once.

The grade is asked for as in the paper, by binary questions (Gulshan et al., JAMA 2016, Methods:
"moderate or worse", "severe or worse", ...), here all four of them: above 0? above 1? above 2?
above 3? Each has a direction of its own (Frank and Hall, "A simple approach to ordinal
classification", ECML 2001), where CORAL and cumulative logits (`ordinal`) have one for all.
Referable retinopathy, grade 2 and worse, is the second question; macular edema is one more.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from recipes.retina.ordinal import CoralLoss, CumulativeLoss

KINDS = ("questions", "coral", "cumulative", "softmax")
CLASSES = 5
WIDTHS = {"questions": CLASSES - 1, "coral": CLASSES - 1, "cumulative": CLASSES - 1,
          "softmax": CLASSES}  # fmt: skip


def directions(kind: str, values, width: int):
    """The parameters of ensembles as matrices.

    Args:
        kind: one of `KINDS`.
        values: [members, p], those of a member in a row: the directions, then the biases. CORAL
            and cumulative logits have one direction; the thresholds of cumulative logits are in
            order by their form, the first one and then softplus of each step.
        width: d of the features.

    Returns:
        kernel [members, d, answers], bias [members, answers]; the penalised part of `values`.
    """
    answers = WIDTHS[kind]
    if kind in ("questions", "softmax"):
        inside, bias = values[:, : width * answers], values[:, width * answers :]
        return ops.reshape(inside, (-1, width, answers)), bias, inside
    inside, levels = values[:, :width], values[:, width:]
    if kind == "cumulative":
        levels = ops.cumsum(ops.concatenate([levels[:, :1], ops.softplus(levels[:, 1:])], axis=1),
                            axis=1)  # fmt: skip
    return ops.repeat(inside[..., None], answers, axis=2), -levels, inside


def begin(kind: str, members: int, width: int) -> np.ndarray:
    """Where training begins, `values` of `directions`: zeros, and thresholds a unit apart."""
    if kind in ("questions", "softmax"):
        return np.zeros((members, (width + 1) * WIDTHS[kind]))
    levels = np.arange(CLASSES - 1) - (CLASSES - 2) / 2
    if kind == "cumulative":
        levels[1:] = np.log(np.expm1(1.0))
    return np.tile(np.concatenate([np.zeros(width), levels]), (members, 1))


class SoftmaxLoss(keras.losses.Loss):
    """Cross-entropy; labels int [n], logits [n, K]."""

    def call(self, labels, logits):
        right = ops.one_hot(ops.cast(ops.reshape(labels, (-1,)), "int32"), logits.shape[-1])
        return -ops.sum(ops.cast(right, logits.dtype) * ops.log_softmax(logits, axis=-1), axis=-1)


# The four questions are judged alike, whether they share a direction or not.
LOSSES = {"questions": CoralLoss, "coral": CoralLoss, "cumulative": CumulativeLoss,
          "softmax": SoftmaxLoss}  # fmt: skip


class OfMembers(keras.losses.Loss):
    """The sum of the members' losses, each over the photographs that it counts.

    Takes float [n, 1 + members]: the label, then how often each member counts the photograph; and
    logits [n, members, answers]. A label that is not known has a count of 0.
    """

    def __init__(self, one: keras.losses.Loss, **options):
        super().__init__(**options)
        self.one = one

    def call(self, labels, logits):
        counts = labels[:, 1:]
        told = ops.maximum(labels[:, 0], 0)
        losses = [self.one.call(told, logits[:, k]) for k in range(logits.shape[1])]
        return ops.sum(counts * ops.stack(losses, axis=1), axis=1)


def above(kind: str, logits: np.ndarray) -> np.ndarray:
    """Probability of "above grade k", float [..., K - 1], descending, of logits of a kind."""
    logits = np.asarray(logits, float)
    if kind == "softmax":
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return 1 - np.cumsum(shares, axis=-1)[..., :-1]
    # Separate questions, and CORAL's thresholds, may be out of order.
    return np.minimum.accumulate(1 / (1 + np.exp(-logits)), axis=-1)


def grades(above_each: np.ndarray) -> np.ndarray:
    """Probability of each grade, float [..., K], of that of "above grade k" [..., K - 1]."""
    edges = np.concatenate([np.ones_like(above_each[..., :1]), above_each,
                            np.zeros_like(above_each[..., :1])], axis=-1)  # fmt: skip
    return edges[..., :-1] - edges[..., 1:]


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Each with its log odds divided by the temperature (Guo et al., ICML 2017); order is kept."""
    odds = np.log(np.clip(probabilities, 1e-7, 1 - 1e-7)) - np.log1p(
        -np.clip(probabilities, 1e-7, 1 - 1e-7)
    )
    return 1 / (1 + np.exp(-odds / temperature))


@keras.saving.register_keras_serializable(package="retina")
class Answers(keras.layers.Layer):
    """All members' logits -> the ensemble's answer, as `above`, `tempered` and `grades` say it.

    float [n, members * (answers + 1)], grades first, member after member, then edema -> float
    [n, K + 2]: the probability of each grade, of referable retinopathy, of macular edema.
    """

    def __init__(self, kind: str, members: int, temperature: float = 1.0,
                 edema_temperature: float = 1.0, **options):  # fmt: skip
        super().__init__(**options)
        self.kind, self.members = kind, members
        self.temperature, self.edema_temperature = temperature, edema_temperature

    def call(self, logits):
        # Without padding and running sums, which LiteRT's whole numbers have not.
        width = WIDTHS[self.kind]
        grade = ops.reshape(logits[:, : self.members * width], (-1, self.members, width))
        if self.kind == "softmax":
            later = np.tri(CLASSES, CLASSES - 1, -1, dtype=np.float32)
            each = ops.matmul(ops.softmax(grade, axis=-1), later)
        else:
            columns = [ops.sigmoid(grade[..., :1])]
            for k in range(1, width):
                columns.append(ops.minimum(columns[-1], ops.sigmoid(grade[..., k : k + 1])))
            each = ops.concatenate(columns, axis=-1)
        over = self._tempered(ops.mean(each, axis=1), self.temperature)
        edema = ops.mean(ops.sigmoid(logits[:, self.members * width :]), axis=1, keepdims=True)
        edema = self._tempered(edema, self.edema_temperature)
        return ops.concatenate(
            [1 - over[:, :1], over[:, :-1] - over[:, 1:], over[:, -1:], over[:, 1:2], edema],
            axis=-1,
        )

    @staticmethod
    def _tempered(values, temperature):
        values = ops.clip(values, 1e-7, 1 - 1e-7)
        return ops.sigmoid((ops.log(values) - ops.log1p(-values)) / temperature)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], CLASSES + 2)

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "members": self.members,
                "temperature": self.temperature,
                "edema_temperature": self.edema_temperature}  # fmt: skip
