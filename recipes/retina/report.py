"""What a run found, in numbers and words: the evaluation cells of the notebook.

Training photographs are judged by heads that had not seen them (`learning.Judged`), test ones by
the finished network; both say seven probabilities, as `grader.Grader.network` gives them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler

from common import screening, screening_records
from common.metrics import Interval
from common.records import record
from common.screening import OperatingPoint
from common.screening_records import spread
from common.vision import baselines
from common.vision.head import dealt
from recipes.retina import heads, learning, ordinal
from recipes.retina.data import EDEMA, GRADES, REFERABLE, Eyes
from recipes.retina.learning import Judged, Task

OURS, MOST = "ours", "the commonest grade"
CROSS_VALIDATED = ", cross-validated"
REGRESSION = "regression, cut"


def task_of(rows: pd.DataFrame, features: np.ndarray) -> Task:
    """What the heads learn from: rows of `Eyes.part` and features [n, views, d] or [n, d]."""
    values = features.mean(axis=1) if features.ndim == 3 else features
    return Task(values, rows["grade"].to_numpy(), edema_of(rows), rows["group"].to_numpy(),
                ~rows["doubtful"].to_numpy(bool))  # fmt: skip


def edema_of(rows: pd.DataFrame) -> np.ndarray:
    """Referable macular edema, int [n]: 1, 0, or -1 where it is not known."""
    risk = rows["dme_risk"].to_numpy()
    return np.where(risk < 0, -1, (risk >= EDEMA).astype(int))


def answers_of(judged: Judged) -> np.ndarray:
    """The seven probabilities of every training photograph, held out, float [n, 7]."""
    return _answers(heads.tempered(judged.above, judged.temperature),
                    heads.tempered(judged.edema, judged.edema_temperature))  # fmt: skip


def answers_by(trained: learning.Heads, features: np.ndarray) -> np.ndarray:
    """The same of trained heads, of features [n, views, d]."""
    return _answers(*trained.above(features.mean(axis=1)))


def _answers(over: np.ndarray, edema: np.ndarray) -> np.ndarray:
    return np.column_stack([heads.grades(over), over[:, REFERABLE - 1], edema])


def thresholds(rows: pd.DataFrame, answers: np.ndarray, sensitivity: float, specificity: float
               ) -> dict[str, float]:  # fmt: skip
    """Two operating points for referral, chosen on held-out training photographs.

    Args:
        rows, answers: of the training part, see `answers_of`.
        sensitivity, specificity: see `screening_records.two_points`.
    """
    return screening_records.two_points(*referable(rows, answers), sensitivity, specificity)


def points(rows: pd.DataFrame, answers: np.ndarray, chosen: Mapping[str, float],
           prevalence: float | None) -> dict[str, OperatingPoint]:  # fmt: skip
    """What the thresholds do to other photographs."""
    return screening_records.at(*referable(rows, answers), chosen, prevalence)


def referable(rows: pd.DataFrame, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each photograph is, bool [n], and the probability that it is, float [n]."""
    return rows["grade"].to_numpy() >= REFERABLE, answers[:, len(GRADES)]


def measure(name: str, variant: str, rows: pd.DataFrame, answers: np.ndarray, seeds: list[int],
            held_out: bool = False) -> list[dict]:  # fmt: skip
    """Kappa, accuracy, F-score, areas and calibration of some photographs, as records.

    Kappa is of the grade nearest to the mean (`ordinal.nearest`) and, beside it, of the likeliest
    one; accuracy and F-score are of the likeliest.

    Kappa, F-score and calibration error have bootstrap intervals over patients (or photographs,
    where patients are not known), areas DeLong's.

    Args:
        name: of the data. variant: of the model.
        rows, answers: of the photographs.
        held_out: whether they are training photographs, judged by cross-validation.
    """
    grade, group = rows["grade"].to_numpy(), rows["group"].to_numpy()
    shares = answers[:, : len(GRADES)]
    guess, near = shares.argmax(axis=1), ordinal.nearest(shares)
    (ill, score), edema = referable(rows, answers), edema_of(rows)
    found: dict[str, Interval] = {
        "quadratic kappa": spread(group, ordinal.kappa, grade, near),
        "quadratic kappa of the likeliest grade": spread(group, ordinal.kappa, grade, guess),
        "accuracy": spread(group, lambda a, b: np.mean(a == b), grade, guess),
        "macro F-score": spread(group, _macro_f, grade, guess),
        "AUC of referable": screening.auc(ill, score),
    }
    known = edema >= 0
    if len(np.unique(edema[known])) == 2:
        found["AUC of macular edema"] = screening.auc(edema[known] == 1, answers[known, -1])
    found["calibration error of referable"] = screening_records.calibration(ill, score, group)
    suffix = CROSS_VALIDATED if held_out else ""
    return [record(name, variant, metric + suffix, each, seeds) for metric, each in found.items()]


def _macro_f(grades: np.ndarray, guesses: np.ndarray) -> float:
    return f1_score(grades, guesses, average="macro", zero_division=0)


def compare_kinds(task: Task, kinds: Sequence[str] = heads.KINDS, seed: int = 0, log=print,
                  **settings) -> pd.DataFrame:  # fmt: skip
    """Ways of asking for the grade, each judged by the same cross-validation.

    "regression, cut" is ridge regression on the number of the grade, cut where kappa is highest.

    Args:
        settings: of `learning.cross_validate`.

    Returns:
        By kind: "kappa", "accuracy", "AUC of referable", and "strength".
    """
    table = {}
    for kind in kinds:
        judged = learning.cross_validate(task, kind, seed=seed, **settings)
        table[kind] = _scores(task, judged.grades, judged.above[:, REFERABLE - 1], judged.strength)
        if log:
            log(f"{kind}: kappa {table[kind][0]:.3f}, accuracy {table[kind][1]:.3f}, held out")
    numbers = np.zeros(len(task))
    for train, test in dealt(task.grades, task.groups, learning.FOLDS, seed):
        train = train[task.trusted[train]]
        scale = StandardScaler().fit(task.features[train])
        ridge = Ridge(alpha=task.features.shape[1] / 10.0)
        ridge.fit(scale.transform(task.features[train]), task.grades[train])
        numbers[test] = ridge.predict(scale.transform(task.features[test]))
    guess = np.zeros(len(task), int)
    for train, test in dealt(task.grades, task.groups, learning.FOLDS, seed):
        cuts = ordinal.cut_points(numbers[train], task.grades[train], heads.CLASSES)
        guess[test] = ordinal.cut(numbers[test], cuts)
    table[REGRESSION] = _scores(task, np.eye(heads.CLASSES)[guess], numbers, 10.0)
    columns = ["kappa", "accuracy", "AUC of referable", "strength"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns).rename_axis("kind")


def _scores(task: Task, shares: np.ndarray, suspicion: np.ndarray, strength: float) -> tuple:
    area = screening.auc(task.grades >= REFERABLE, suspicion).value
    return (ordinal.kappa(task.grades, ordinal.nearest(shares)),
            float(np.mean(shares.argmax(axis=1) == task.grades)), area, strength)  # fmt: skip


# Figures of a learning curve, and what they are called among the records.
CURVES = {"kappa": "quadratic kappa", "AUC of referable": "AUC of referable"}


def learning_curve(task: Task, tested: np.ndarray, rows: pd.DataFrame, strength: float,
                   sizes: Sequence[int] = (40, 80, 160, 320), draws: int = 3, **settings
                   ) -> pd.DataFrame:  # fmt: skip
    """Figures on the test part of heads that learned from fewer patients: mean, least, most.

    Args:
        task: of the training part. tested: features [m, d] of the test part. rows: of it.
        sizes: photographs to learn from; those that are too many are left out.
        draws: of each size. settings: of `learning.Learner`.

    Returns:
        "photographs", then "kappa" and "AUC of referable", each with " least" and " most".
    """
    learner, found = learning.Learner(task, **settings), []
    grade = rows["grade"].to_numpy()
    everything = int(task.trusted.sum())
    for size in [*(size for size in sizes if size < 0.8 * everything), everything]:
        scores = []
        for draw in range(draws if size < everything else 1):
            random = np.random.default_rng([draw, size])
            order = random.permutation(np.unique(task.groups))
            rank = np.argsort(order)[np.searchsorted(np.sort(order), task.groups)]
            chosen = np.argsort(rank, kind="stable")
            chosen = chosen[task.trusted[chosen]][:size]
            over, _ = learner.fit(chosen, strength, draw).above(tested)
            guess = ordinal.nearest(heads.grades(over))
            area = screening.auc(grade >= REFERABLE, over[:, REFERABLE - 1]).value
            scores.append((ordinal.kappa(grade, guess), area))
        columns = [(np.mean(each), min(each), max(each)) for each in zip(*scores, strict=True)]
        found.append((size, *columns[0], *columns[1]))
    names = [f"{what}{which}" for what in ("kappa", "AUC of referable")
             for which in ("", " least", " most")]  # fmt: skip
    return pd.DataFrame(found, columns=["photographs", *names])


def measure_baselines(eyes: Eyes, seeds: list[int]) -> list[dict]:
    """Kappa and accuracy on the test part of what would be embarrassing to lose to."""
    train, test = eyes.part("train"), eyes.part("test")
    grades, truth, group = train["grade"].to_numpy(), test["grade"].to_numpy(), test["group"]
    found = baselines.predictions(train["path"], grades, test["path"])
    found[MOST] = np.full(len(test), np.bincount(grades).argmax())
    figures = {"quadratic kappa": ordinal.kappa, "accuracy": lambda a, b: np.mean(a == b)}
    return [record(eyes.name, name, metric, spread(group.to_numpy(), function, truth, guess), seeds)
            for name, guess in found.items() for metric, function in figures.items()]  # fmt: skip
