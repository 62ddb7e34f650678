"""The layer that is trained: from features to classes, every choice made by cross-validation.

Multinomial logistic regression on standardised features (the "linear probe"). Its strength of
regularisation is the one with the least log loss on pictures that were held out; the held-out
answers then also say how far its probabilities can be believed (Guo et al., "On Calibration of
Modern Neural Networks", ICML 2017) and which labels look wrong (Northcutt et al., "Confident
Learning", JAIR 2021).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

FOLDS = 5
STRENGTHS = tuple(10.0 ** np.arange(-4, 1))  # C of scikit-learn, weakest features first
ITERATIONS = 500


@dataclass(frozen=True)
class Head:
    """One matrix, and what its training pictures said of it.

    Attributes:
        kernel: float32 [d, classes]. bias: float32 [classes].
        temperature: what logits are divided by before their softmax.
        strength: C of the regularisation.
        held_out: logits of every training picture by a head that had not seen it (nor its
            look-alikes), float32 [n, classes], before the temperature.
        losses: log loss of held-out pictures for each strength tried.
    """

    kernel: np.ndarray
    bias: np.ndarray
    temperature: float = 1.0
    strength: float = 1.0
    held_out: np.ndarray = field(default=None, repr=False)
    losses: dict[float, float] = field(default_factory=dict, repr=False)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """float32 [n, classes] of features [n, d] or [n, views, d], before the temperature."""
        if features.ndim == 3:  # of a linear head, the mean answer is that of the mean
            features = features.mean(axis=1)
        return features @ self.kernel + self.bias

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """float [n, classes] of logits."""
        return softmax(logits / self.temperature, axis=1)


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    classes: int | None = None,
    balanced: bool = False,
    strengths: tuple[float, ...] = STRENGTHS,
    folds: int = FOLDS,
    seed: int = 0,
    log: Callable[[str], None] | None = None,
) -> Head:
    """Train a head.

    Args:
        features: float [n, d] or [n, views, d].
        labels: class indices [n]; each class at least twice.
        groups: pictures of one group stay on one side of every fold; None: each is its own.
        classes: how many there are; None counts them.
        balanced: every class counts the same, however many pictures it has.
        strengths: of regularisation to try; one alone is taken as it is.
        folds: of the cross-validation; fewer where the smallest class has fewer pictures.
        seed: of the folds.
        log: receives a line a strength.

    Raises:
        ValueError: a class has fewer than two pictures.
    """
    values = features.mean(axis=1) if features.ndim == 3 else features
    count = classes or int(labels.max()) + 1
    fewest = int(np.bincount(labels, minlength=count).min())
    if fewest < 2:
        raise ValueError(f"a class has {fewest} picture(s); each needs at least 2 to learn from.")
    parts = list(dealt(labels, groups, min(folds, fewest), seed))
    held_out = {strength: np.zeros((len(labels), count), np.float32) for strength in strengths}
    for train, test in parts:
        for strength, (kernel, bias) in _path(
            values[train], labels[train], count, balanced, strengths
        ):
            held_out[strength][test] = values[test] @ kernel + bias
    losses, heats = {}, {}
    for strength, logits in held_out.items():
        heats[strength] = temperature_of(logits, labels)
        losses[strength] = log_loss(logits / heats[strength], labels)
        if log:
            right = (logits.argmax(axis=1) == labels).mean()
            log(f"strength {strength:g}: log loss {losses[strength]:.4f}, {right:.1%} right, "
                "held out")
    best = min(losses, key=losses.get)
    # From weak to strong, so that each begins near its end.
    *_, (_, (kernel, bias)) = _path(
        values, labels, count, balanced, [s for s in strengths if s <= best]
    )
    head = Head(kernel, bias, heats[best], best, held_out[best], losses)
    return replace(head, kernel=kernel.astype(np.float32), bias=bias.astype(np.float32))


def one(
    features: np.ndarray, labels: np.ndarray, count: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [d, count] and bias [count] at one strength, without cross-validation."""
    ((_, found),) = _path(features, labels, count, False, (strength,))
    return found


def dealt(labels: np.ndarray, groups: np.ndarray | None, folds: int, seed: int):
    """Pairs (training rows, held-out rows), the classes' shares kept, groups on one side."""
    if groups is None or len(np.unique(groups)) == len(groups):
        return StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return dealer.split(labels, labels, groups)


def _path(values, labels, count, balanced, strengths):
    """(strength, (kernel, bias)) for each, in the features' own scale."""
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread[spread < 1e-6 * max(spread.max(), 1e-12)] = 1  # says nothing, and must not blow up
    scaled = ((values - mean) / spread).astype(np.float64)
    model = LogisticRegression(
        max_iter=ITERATIONS, warm_start=True, class_weight="balanced" if balanced else None
    )
    for strength in strengths:
        model.set_params(C=float(strength))
        with warnings.catch_warnings():  # near enough: the next strength is compared by its loss
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(scaled, labels)
        kernel, bias = np.zeros((values.shape[1], count)), np.full(count, -1e3)
        if len(model.classes_) == 2:  # scikit-learn gives the second's lead over the first
            for name, half in zip(model.classes_, (-0.5, 0.5), strict=True):
                kernel[:, name], bias[name] = half * model.coef_[0], half * model.intercept_[0]
        else:
            kernel[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
        kernel = kernel / spread[:, None]
        yield strength, (kernel, bias - mean @ kernel)


def log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean surprise in nats: -log of the probability of the true class."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def temperature_of(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the least log loss (Guo et al. 2017, section 4.2), 0.05 to 20."""
    found = minimize_scalar(
        lambda heat: log_loss(logits / np.exp(heat), labels), bounds=np.log((0.05, 20)),
        method="bounded",
    )  # fmt: skip
    return float(np.exp(found.x))


def doubtful(head: Head, labels: np.ndarray) -> np.ndarray:
    """Rows whose label is probably wrong, the least believed first.

    Held out, another class reaches its own usual confidence there (the mean probability of that
    class over the pictures that carry its label), and it is the likeliest of those (Northcutt et
    al. 2021, section 3.1).
    """
    table = head.probabilities(head.held_out)
    usual = np.array([table[labels == k, k].mean() for k in range(table.shape[1])])
    reached = np.where(table >= usual, table, -1)
    guess = reached.argmax(axis=1)
    rows = np.flatnonzero((reached.max(axis=1) > 0) & (guess != labels))
    return rows[np.argsort(table[rows, labels[rows]])]
