"""What a run found, in numbers: classes as they come, classes alike, and malignant or not.

Two decisions are made of one answer. The *likeliest* class is right most often; the class that
stands out most from its share in training (*evened*) is right most often when every class counts
the same. Each figure says which one it is of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.metrics import f1_score

from common import screening, screening_records
from common.records import record
from common.screening_records import spread
from common.vision import baselines
from recipes.skin import train
from recipes.skin.cut import Cut, Seen
from recipes.skin.data import Lesions

OURS, TOLD, MOST = "ours", "ours, and the person", "the commonest class"
CURVES = {name: name for name in ("balanced accuracy", "AUC of malignant")}


def shares(logits: Sequence[np.ndarray], frequencies: np.ndarray, wanted: np.ndarray,
           temperature: float = 1.0) -> np.ndarray:  # fmt: skip
    """An ensemble's probability of each class, float [n, classes].

    Args:
        logits: of each member [n, classes]. frequencies: that they learned with, see `train`.
        wanted: shares of the classes where the answer is for.
    """
    each = [train.priors(one / temperature, frequencies, wanted) for one in logits]
    return np.exp(logsumexp(each, axis=0) - np.log(len(each)))


def temperature(logits: Sequence[np.ndarray], frequencies: np.ndarray, labels: np.ndarray) -> float:
    """What makes the probabilities honest on photographs that nothing was learned from."""
    wanted = np.bincount(labels, minlength=logits[0].shape[1]) + 0.5
    wanted = wanted / wanted.sum()

    def loss(heat: float) -> float:
        found = shares(logits, frequencies, wanted, np.exp(heat))
        return -np.log(np.maximum(found[np.arange(len(labels)), labels], 1e-9)).mean()

    return float(np.exp(minimize_scalar(loss, bounds=np.log((0.2, 5.0)), method="bounded").x))


def likeliest(found: np.ndarray) -> np.ndarray:
    """Int [n] of probabilities [n, classes]."""
    return found.argmax(axis=1)


def evened(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Int [n]: the class that stands out most from its share; `wanted` as in `shares`."""
    return (found / wanted).argmax(axis=1)


def malignant(lesions: Lesions, rows: pd.DataFrame, found: np.ndarray
              ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Whether each photograph's lesion is, bool [n], and the probability that it is, float [n]."""
    bad = lesions.is_malignant(np.arange(len(lesions.classes)))
    return lesions.is_malignant(rows["label"].to_numpy()), found[:, bad].sum(axis=1)


def measure(lesions: Lesions, rows: pd.DataFrame, found: np.ndarray, wanted: np.ndarray,
            variant: str, seeds: list[int]) -> list[dict]:  # fmt: skip
    """Accuracy, balanced accuracy, F-score, the area of malignant, calibration, as records.

    Args:
        rows, found, wanted: of the photographs, see `shares`.
    """
    label, group = rows["label"].to_numpy(), rows["group"].to_numpy()
    ill, score = malignant(lesions, rows, found)
    plain, even = likeliest(found), evened(found, wanted)
    figures = {
        "accuracy": spread(group, lambda a, b: np.mean(a == b), label, plain),
        "balanced accuracy": spread(group, balanced, label, even),
        "macro F-score": spread(group, _macro_f, label, plain),
        "AUC of malignant": screening.auc(ill, score),
        "calibration error of malignant": screening_records.calibration(ill, score, group),
    }
    records = [record(lesions.name, variant, name, each, seeds) for name, each in figures.items()]
    for k, name in enumerate(lesions.classes):
        inside = label == k
        if len(np.unique(group[inside])) > 1:
            recall = spread(group[inside], np.mean, (even == label)[inside].astype(float))
            what = f"recall of {name}, evened"
            records.append(record(lesions.name, variant, what, recall, seeds))
    return records


def balanced(labels: np.ndarray, answers: np.ndarray) -> float:
    """Mean over the classes that occur of the share that is right."""
    return float(np.mean([np.mean(answers[labels == k] == k) for k in np.unique(labels)]))


def _macro_f(labels: np.ndarray, answers: np.ndarray) -> float:
    return f1_score(labels, answers, average="macro", zero_division=0)


def measure_baselines(lesions: Lesions, seeds: list[int]) -> list[dict]:
    """Both accuracies on the test part of what it would be embarrassing to lose to."""
    known, test = lesions.part("train"), lesions.part("test")
    labels, truth = known["label"].to_numpy(), test["label"].to_numpy()
    found = baselines.predictions(known["path"], labels, test["path"])
    found[MOST] = np.full(len(test), np.bincount(labels).argmax())
    figures = {"accuracy": lambda a, b: np.mean(a == b), "balanced accuracy": balanced}
    group = test["group"].to_numpy()
    return [record(lesions.name, name, metric, spread(group, function, truth, guess), seeds)
            for name, guess in found.items() for metric, function in figures.items()]  # fmt: skip


def thresholds(lesions: Lesions, rows: pd.DataFrame, found: np.ndarray, sensitivity: float,
               specificity: float) -> dict[str, float]:  # fmt: skip
    """Two operating points for "malignant", chosen on the validation part.

    Args:
        rows, found: of it, see `shares`.
        sensitivity, specificity: see `screening_records.two_points`.
    """
    return screening_records.two_points(*malignant(lesions, rows, found), sensitivity, specificity)


def learning_curve(lesions: Lesions, fresh: Callable[[], Cut], seen: Mapping[str, Seen],
                   sizes: Sequence[int] | None = None, *, whole: np.ndarray, epochs: int,
                   draws: int = 1, log=None) -> pd.DataFrame:  # fmt: skip
    """Figures on the test part of single members that learned from fewer lesions.

    Args:
        fresh: gives a cut of an untaught backbone. seen: of each part.
        sizes: photographs to learn from; those that are too many are left out. None: a sixth and
            half of all.
        whole: logits [m, classes] on the test part of a member that learned from all.
        epochs: of each; with few photographs up to twice as many, so that it takes steps.

    Returns:
        "photographs", then the figures of `CURVES`, each with " least" and " most".
    """
    train_rows, test = lesions.part("train"), lesions.part("test")
    labels, groups = train_rows["label"].to_numpy(), train_rows["group"].to_numpy()
    held, count = lesions.part("validation")["label"].to_numpy(), len(lesions.classes)
    wanted = np.bincount(labels, minlength=count) / len(labels)
    sizes, table = sizes or [len(labels) // part for part in (6, 2)], []
    for size in [size for size in sizes if size < 0.8 * len(labels)]:
        figures = []
        for draw in range(draws):
            rows = _fewer(labels, groups, size, draw)
            more = min(2.0, (len(labels) / size) ** 0.5)
            taught = train.teach(
                fresh(), seen["train"].of(rows), labels[rows], seen["validation"], held, count,
                None, epochs=round(epochs * more), seed=draw, log=log,
            )  # fmt: skip
            figures.append(_curve_figures(lesions, test, taught.logits(seen["test"]), wanted,
                                          taught.frequencies))  # fmt: skip
        table.append((size, figures))
    table.append((len(labels), [_curve_figures(lesions, test, whole, wanted,
                                               train.frequencies(labels, count))]))  # fmt: skip
    ways = {"": np.mean, " least": min, " most": max}
    return pd.DataFrame([
        {"photographs": size, **{name + which: way([each[name] for each in figures])
                                 for name in CURVES for which, way in ways.items()}}
        for size, figures in table
    ])  # fmt: skip


def _curve_figures(lesions: Lesions, rows: pd.DataFrame, logits: np.ndarray, wanted: np.ndarray,
                   frequencies: np.ndarray) -> dict[str, float]:  # fmt: skip
    found = shares([logits], frequencies, wanted)
    ill, score = malignant(lesions, rows, found)
    return {"balanced accuracy": balanced(rows["label"].to_numpy(), evened(found, wanted)),
            "AUC of malignant": screening.auc(ill, score).value}  # fmt: skip


def _fewer(labels: np.ndarray, groups: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Rows of about so many photographs: whole groups, every class in its share, none empty."""
    random, kept = np.random.default_rng((seed, size)), []
    for label in np.unique(labels):
        inside = np.flatnonzero(labels == label)
        order = random.permutation(np.unique(groups[inside]))
        rank = np.argsort(order)[np.searchsorted(np.sort(order), groups[inside])]
        wanted = max(2, round(size * len(inside) / len(labels)))
        kept.append(inside[np.argsort(rank, kind="stable")][:wanted])
    return np.sort(np.concatenate(kept))
