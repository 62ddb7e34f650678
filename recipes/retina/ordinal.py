"""Grades in an order: five classes of which a neighbour is a smaller mistake than a stranger.

Three ways to respect the order, beside a plain softmax, which does not:

* "coral": K - 1 questions "is the grade above k?" that share one direction and differ in their
  biases (Cao, Mirjalili and Raschka, "Rank consistent ordinal regression for neural networks",
  Pattern Recognition Letters 140, 2020; equations 2 to 5);
* "cumulative": the proportional-odds model, one direction and K - 1 ordered thresholds, whose
  likelihood is that of the grade itself (McCullagh, "Regression models for ordinal data", JRSS B
  42, 1980; section 2);
* "regression": a number, cut into grades at points that are chosen on pictures that were held out.

Losses are `keras` and `keras.ops` alone; the directions and thresholds are `heads.directions`.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="retina")
class CoralLoss(keras.losses.Loss):
    """Cross-entropy summed over the K - 1 questions (Cao et al. 2020, equation 4).

    Labels int [n] and logits float [n, K - 1] of "above grade k" go in.
    """

    def call(self, labels, logits):
        above = _above(labels, logits)
        # -log sigmoid(z) for yes, -log(1 - sigmoid(z)) = -log sigmoid(z) + z for no.
        return ops.sum(ops.softplus(-logits) + (1 - above) * logits, axis=-1)

    def get_config(self):
        return {"name": self.name, "reduction": self.reduction}


@keras.saving.register_keras_serializable(package="retina")
class CumulativeLoss(keras.losses.Loss):
    """-log of the probability of the grade itself (McCullagh 1980).

    P(y = k) = sigmoid(z_k) - sigmoid(z_(k+1)), with z_0 infinite and z_K minus infinite. Labels
    int [n] and logits float [n, K - 1] that fall with k go in.
    """

    def call(self, labels, logits):
        labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
        count = logits.shape[-1]
        row = ops.one_hot(labels, count + 1, dtype=logits.dtype)
        upper = ops.sum(row[:, 1:] * logits, axis=-1)  # of "above k - 1"
        lower = ops.sum(row[:, :-1] * logits, axis=-1)  # of "above k"
        first, last = row[:, 0], row[:, -1]
        gap = ops.where(first + last > 0, ops.ones_like(upper), upper - lower)
        # log(sigmoid(a) - sigmoid(b)) = -softplus(-a) - softplus(b) + log(1 - exp(b - a)).
        inner = -ops.softplus(-upper) - ops.softplus(lower) + ops.log(-ops.expm1(-gap) + 1e-12)
        found = ops.where(first > 0, -ops.softplus(lower), inner)
        return -ops.where(last > 0, -ops.softplus(-upper), found)

    def get_config(self):
        return {"name": self.name, "reduction": self.reduction}


def _above(labels, logits):
    """float [n, K - 1]: whether the grade is above 0, 1, ..."""
    labels = ops.reshape(ops.cast(labels, logits.dtype), (-1, 1))
    return ops.cast(labels > ops.arange(logits.shape[-1], dtype=logits.dtype), logits.dtype)


def cut(scores: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Grades int [n] of numbers [n]: how many of the ascending points [K - 1] lie below each."""
    return np.searchsorted(points, scores, side="left")


def cut_points(scores: np.ndarray, grades: np.ndarray, classes: int, rounds: int = 10
               ) -> np.ndarray:  # fmt: skip
    """Points that cut numbers into grades with the highest quadratic kappa, ascending [K - 1].

    One point after the other goes to its best place between two neighbouring numbers, until none
    moves. Choose them on pictures from which the numbers were not learned.

    Args:
        scores: float [n]. grades: int [n], 0 to K - 1. classes: K.
        rounds: at most so many times around.

    Raises:
        ValueError: lengths differ, or there are fewer than two different numbers.
    """
    scores, grades = np.asarray(scores, float), np.asarray(grades)
    if scores.shape != grades.shape or len(np.unique(scores)) < 2:
        raise ValueError(f"scores has shape {scores.shape}, grades {grades.shape}; give as many, "
                         "at least two of them different.")
    values = np.unique(scores)
    between = (values[1:] + values[:-1]) / 2
    places = np.unique(np.quantile(between, np.linspace(0, 1, min(len(between), 100))))
    # Begin where the shares of the grades are right.
    shares = np.cumsum(np.bincount(grades, minlength=classes))[:-1] / len(grades)
    points = np.quantile(scores, shares)
    best = kappa(grades, cut(scores, points))
    for _ in range(rounds):
        before = best
        for k in range(classes - 1):
            low = points[k - 1] if k else -np.inf
            high = points[k + 1] if k + 1 < classes - 1 else np.inf
            for place in places[(places >= low) & (places <= high)]:
                tried = points.copy()
                tried[k] = place
                found = kappa(grades, cut(scores, tried))
                if found > best:
                    best, points = found, tried
        if best == before:
            break
    return points


def nearest(shares: np.ndarray) -> np.ndarray:
    """The grade nearest to the mean of the grades, int [n], by their probabilities [n, grades].

    Quadratic kappa counts an error by its square, and the mean has the least expected square. The
    likeliest grade, which is right most often, is another one where two grades apart are likely.
    """
    return np.rint(shares @ np.arange(shares.shape[1])).astype(int)


def kappa(grades: np.ndarray, answers: np.ndarray) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968): 1 perfect, 0 as by chance.

    The mean square of what lies between grade and answer, by that between two drawn apart. (scikit-
    learn's takes fifty times as long, which counts where it is asked a thousand times.) One grade
    alone on both sides, which leaves chance and truth alike, counts as 0.
    """
    grades, answers = np.asarray(grades, float), np.asarray(answers, float)
    by_chance = grades.var() + answers.var() + (grades.mean() - answers.mean()) ** 2
    return float(1 - np.mean((grades - answers) ** 2) / by_chance) if by_chance else 0.0

