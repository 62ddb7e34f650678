"""From features to heads: trained in the span of the training photographs, settings by folds.

With a squared penalty the best directions lie in the span of the training photographs (the
representer theorem), which has hundreds of dimensions where features have thousands. The heads
learn there and are unfolded afterwards: the same answers, in a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from keras import ops
from scipy.optimize import minimize, minimize_scalar
from threadpoolctl import threadpool_limits

from common.vision import gradients
from common.vision.head import dealt
from recipes.retina import heads, ordinal

MEMBERS, STEPS = 10, 200
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
FOLDS, REPEATS = 5, 3
UNKNOWN = -1


@dataclass(frozen=True)
class Task:
    """What the heads learn from.

    Attributes:
        features: float [n, d]. grades: int [n], 0 to 4. edema: int [n], 1, 0 or -1 for unknown.
        groups: int [n]; photographs of one group stay on one side of every fold.
        trusted: bool [n]: whether a photograph is learned from; all are judged.
    """

    features: np.ndarray
    grades: np.ndarray
    edema: np.ndarray
    groups: np.ndarray
    trusted: np.ndarray

    def __len__(self) -> int:
        return len(self.grades)

    def of(self, rows: np.ndarray) -> Task:
        """Some of its photographs."""
        return Task(self.features[rows], self.grades[rows], self.edema[rows], self.groups[rows],
                    self.trusted[rows])  # fmt: skip


@dataclass(frozen=True)
class Heads:
    """Trained heads: logits = (features - mean) @ kernel + bias.

    Attributes:
        kind, members: see `heads.network`.
        mean: float [d]. kernel: float [d, members * (answers + 1)], grades member after member,
            then edema. bias: of the same columns.
        temperature, edema_temperature: see `heads.tempered`.
    """

    kind: str
    members: int
    mean: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray
    temperature: float = 1.0
    edema_temperature: float = 1.0

    def logits(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of grades [n, members, answers] and edema [n, members], of features [n, d]."""
        flat = (features - self.mean) @ self.kernel + self.bias
        cut = self.members * heads.WIDTHS[self.kind]
        return flat[:, :cut].reshape(len(flat), self.members, -1), flat[:, cut:]

    def above(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ensemble's probabilities of "above grade k" [n, K - 1] and of edema [n]."""
        grade, edema = self.logits(features)
        over = heads.above(self.kind, grade).mean(axis=1)
        shares = (1 / (1 + np.exp(-edema))).mean(axis=1)
        return (heads.tempered(over, self.temperature),
                heads.tempered(shares, self.edema_temperature))  # fmt: skip

    def tempered(self, judged: Judged) -> Heads:
        """The same with the temperatures that held-out photographs chose."""
        return replace(self, temperature=judged.temperature,
                       edema_temperature=judged.edema_temperature)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """Every training photograph's answer by heads that had not seen it, nor another of its group.

    Attributes:
        above: float [n, K - 1], the mean over the repeats, not tempered. edema: float [n].
        temperature, edema_temperature: that make them probabilities, chosen on these.
        strength: of the heads.
        scores: `ranked_score` of the grades at each strength that was tried.
    """

    above: np.ndarray
    edema: np.ndarray
    temperature: float
    edema_temperature: float
    strength: float
    scores: dict[float, float] = field(default_factory=dict)

    @property
    def grades(self) -> np.ndarray:
        """Probability of each grade, float [n, K]."""
        return heads.grades(heads.tempered(self.above, self.temperature))


class Learner:
    """Trains ensembles on rows of one task, again and again with one compiled program.

    Args:
        task: its photographs.
        kind: one of `heads.KINDS`.
        members: of the ensemble. One alone counts each photograph once; of several, each counts
            the photographs in other numbers.
        steps: of L-BFGS, at most.

    Raises:
        ValueError: an unknown kind.
    """

    def __init__(self, task: Task, kind: str = "questions", members: int = MEMBERS,
                 steps: int = STEPS):  # fmt: skip
        if kind not in heads.KINDS:
            raise ValueError(f"kind={kind!r} must be one of {', '.join(heads.KINDS)}.")
        self.task, self.kind, self.members, self.steps = task, kind, members, steps

    # Matrices this small are done before several threads have met.
    @threadpool_limits.wrap(limits=1, user_api="blas")
    def fit(self, rows: np.ndarray, strength: float = 30.0, seed: int = 0) -> Heads:
        """Train an ensemble.

        Args:
            rows: int [m], those to learn from; what is not trusted is left out.
            strength: of the fit, as C of a logistic regression on features whose squares add up to
                about 1.
            seed: of how often each member counts each photograph.

        Raises:
            ValueError: no rows.
        """
        task, members = self.task, self.members
        rows = np.asarray(rows)[task.trusted[rows]]
        if not len(rows):
            raise ValueError("rows holds no trusted photograph; give at least one.")
        values = task.features[rows].astype(np.float64)
        mean, spread = values.mean(axis=0), values.std(axis=0)
        spread[spread < 1e-6 * max(spread.max(), 1e-12)] = np.inf  # says nothing; must not blow up
        # C times the squared penalty is the square root of C times the features.
        scale = np.sqrt(strength / values.shape[1]) / spread
        scaled = (values - mean) * scale
        # Of the products of all pairs: a decomposition of the features themselves takes far longer.
        squares, left = np.linalg.eigh(scaled @ scaled.T)
        kept = squares > 1e-10 * squares[-1]
        left, singular = left[:, kept], np.sqrt(squares[kept])
        # As wide as the span of all photographs may be: one program, whatever the rows.
        width = len(task)
        inside = np.zeros((width, width), np.float32)
        inside[rows, : len(singular)] = left * singular
        counts = np.zeros((members, len(task)), np.float32)
        random = np.random.default_rng(seed)
        counts[:, rows] = random.poisson(1.0, (members, len(rows))) if members > 1 else 1
        edema = np.maximum(task.edema, 0)
        given = (inside, task.grades.astype(np.float32), edema.astype(np.float32), counts,
                 counts * (task.edema >= 0).astype(np.float32))  # fmt: skip
        start = np.concatenate([heads.begin(self.kind, members, width),
                                np.zeros((members, width + 1))], axis=1)  # fmt: skip

        def total(flat):
            losses, slopes = gradients.of(objective(self.kind), flat.reshape(start.shape), *given)
            return losses.sum(dtype=np.float64), slopes.ravel().astype(np.float64)

        found = minimize(total, start.ravel(), jac=True, method="L-BFGS-B",
                         options={"maxiter": self.steps}).x  # fmt: skip
        grade, edema = np.split(found.reshape(start.shape), [-width - 1], axis=1)
        kernel, bias, _ = map(ops.convert_to_numpy, heads.directions(self.kind, grade, width))
        kernel = np.concatenate([*kernel, edema[:, :-1].T], axis=1)[: len(singular)]
        bias = np.concatenate([bias.ravel(), edema[:, -1]])
        unfolded = scale[:, None] * (scaled.T @ (left @ (kernel / singular[:, None])))
        return Heads(self.kind, members, mean.astype(np.float32), unfolded.astype(np.float32),
                     bias.astype(np.float32))  # fmt: skip


@cache
def objective(kind: str) -> Callable:
    """What an ensemble makes least: the members' losses and half the squares of their directions.

    Returns:
        (values [members, p] of `heads.directions`, then edema's direction and bias; features
        [n, d]; grades [n]; edema [n], 0 or 1; how often each member counts the photograph's grade
        [members, n], and its edema [members, n]) -> [members].
    """
    loss, binary = heads.LOSSES[kind](), ordinal.CoralLoss()

    def losses(values, features, grades, edema, counts, told):
        members, width = values.shape[0], features.shape[1]
        kernel, bias, penalised = heads.directions(kind, values[:, : -width - 1], width)
        direction = values[:, -width - 1 : -1]
        answers = kernel.shape[2]
        flat = ops.reshape(ops.transpose(kernel, (1, 0, 2)), (width, members * answers))
        logits = ops.reshape(ops.matmul(features, flat), (-1, members, answers)) + bias[None]
        swollen = ops.matmul(features, ops.transpose(direction)) + values[:, -1][None]
        found = []
        for labels, each in ((grades, logits), (edema, swollen[..., None])):
            rows = ops.reshape(each, (-1, each.shape[2]))
            every = loss if labels is grades else binary
            found.append(ops.reshape(every.call(ops.repeat(labels, members), rows), (-1, members)))
        both = ops.sum(found[0] * ops.transpose(counts) + found[1] * ops.transpose(told), axis=0)
        squares = ops.sum(penalised**2, axis=1) + ops.sum(direction**2, axis=1)
        return both + squares / 2

    return losses


def cross_validate(
    task: Task, kind: str = "questions", strengths: tuple[float, ...] = STRENGTHS,
    members: int = MEMBERS, folds: int = FOLDS, repeats: int = REPEATS, steps: int = STEPS,
    seed: int = 0, log: Callable[[str], None] | None = None,
) -> Judged:  # fmt: skip
    """Judge every photograph by heads that have not seen it, and choose the strength by that.

    Args:
        task: see `Task`.
        strengths: to try, by one division into folds; one alone is taken as it is.
        repeats: divisions whose answers are averaged for the strength that is taken.
        steps: see `Learner`.
        log: receives a line a strength.
    """

    learner = Learner(task, kind, members, steps)

    def once(strength: float, number: int) -> tuple[np.ndarray, np.ndarray]:
        over, edema = np.zeros((len(task), heads.CLASSES - 1)), np.zeros(len(task))
        for train, test in dealt(task.grades, task.groups, folds, seed + number):
            found = learner.fit(train, strength, seed + number)
            over[test], edema[test] = found.above(task.features[test])
        return over, edema

    first = {strength: once(strength, 0) for strength in strengths}
    scores = {strength: ranked_score(judged(*answers, task, strength).grades, task.grades)
              for strength, answers in first.items()}  # fmt: skip
    best = min(scores, key=scores.get)
    if log and len(strengths) > 1:
        for strength, score in scores.items():
            log(f"strength {strength:g}: ranked probability score {score:.4f}, held out")
    rounds = [first[best], *(once(best, number) for number in range(1, repeats))]
    over, edema = (np.mean(each, axis=0) for each in zip(*rounds, strict=True))
    return judged(over, edema, task, best, scores)


def judged(over: np.ndarray, edema: np.ndarray, task: Task, strength: float,
           scores: dict[float, float] | None = None) -> Judged:  # fmt: skip
    """Answers about photographs that were held out, with the temperatures that suit them best.

    Args:
        over: float [n, K - 1]. edema: float [n]. task: of the same photographs.
        strength, scores: see `Judged`.
    """
    known = task.edema >= 0
    heat = _temperature(lambda t: log_loss(over, task.grades, t))
    warm = 1.0
    if known.any():
        warm = _temperature(lambda t: _binary_loss(edema[known], task.edema[known], t))
    return Judged(over, edema, heat, warm, strength, scores or {})


def ranked_score(shares: np.ndarray, grades: np.ndarray) -> float:
    """Mean ranked probability score, 0 for sure and right; an error counts by how far off it is.

    The squares of (probability of "above grade k" - whether it is), summed over k (E. Epstein, "A
    Scoring System for Probability Forecasts of Ranked Categories", J. Appl. Meteorology 8, 1969).
    It is least, on average, for honest probabilities, as log loss is, and near to kappa.

    Args:
        shares: probability of each grade, float [n, K]. grades: int [n].
    """
    over = 1 - np.cumsum(shares, axis=1)[:, :-1]
    above = grades[:, None] > np.arange(over.shape[1])
    return float(np.mean(np.sum((over - above) ** 2, axis=1)))


def log_loss(over: np.ndarray, grades: np.ndarray, temperature: float = 1.0) -> float:
    """Mean surprise of the grades in nats, of probabilities of "above grade k" [n, K - 1]."""
    shares = heads.grades(heads.tempered(over, temperature))
    return float(-np.log(np.maximum(shares[np.arange(len(grades)), grades], 1e-6)).mean())


def _binary_loss(shares: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    shares = heads.tempered(shares, temperature)
    return float(-np.log(np.where(labels > 0, shares, 1 - shares)).mean())


def _temperature(loss: Callable[[float], float]) -> float:
    found = minimize_scalar(lambda heat: loss(np.exp(heat)), bounds=np.log((0.2, 5.0)),
                            method="bounded")  # fmt: skip
    return float(np.exp(found.x))
