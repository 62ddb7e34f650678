"""Measuring: one fold or ten, every arm on the same rows, each fold saved as it is finished.

The arms that one training gives for free are kept beside it, so that the table can show what each
part is worth: one network of several, and the linear model alone.
"""

from __future__ import annotations

import shutil
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np
from scipy.special import softmax

from common import checkpoint, files, training
from common.results import environment
from common.training import History
from common.validation import DataError
from recipes.text_cnn.classifier import SentenceClassifier
from recipes.text_cnn.data import Fold, TextData
from recipes.text_cnn.settings import Settings
from recipes.text_cnn.tfidf import fit_linear
from recipes.text_cnn.train import train_classifier
from recipes.text_cnn.vectors import identity

BASELINE = "tfidf-lr"
_MODULES = (
    "batches", "classifier", "data", "evaluate", "evidence", "linear", "model", "ngrams",
    "optimizers", "settings", "text", "textdata", "tfidf", "train", "vectors",
)  # fmt: skip
# What a fold's numbers hang on.
CODE = (
    *(Path(__file__).with_name(f"{name}.py") for name in _MODULES),
    Path(training.__file__), Path(checkpoint.__file__),
)  # fmt: skip


@dataclass(frozen=True)
class FoldResult:
    """What one fold gave.

    Attributes:
        number: of the fold.
        test: test rows.
        probabilities: each arm's, float32 [test rows, classes]; the first is the classifier's own.
        histories: of the networks.
        repeated: test texts that also stand in training.
        seconds: it took, epochs before an interruption included.
        commit: of the code that computed it.
    """

    number: int
    test: np.ndarray
    probabilities: dict[str, np.ndarray]
    histories: tuple[History, ...] = ()
    repeated: int = 0
    seconds: float = 0.0
    commit: str = ""

    @property
    def headline(self) -> str:
        """The name of the classifier's own arm."""
        return next(iter(self.probabilities))

    def correct(self, arm: str, labels: np.ndarray) -> np.ndarray:
        """bool [test rows]: does `arm` say what `labels` (int [all rows]) does?"""
        return self.probabilities[arm].argmax(1) == labels[self.test]

    def accuracy(self, arm: str, labels: np.ndarray) -> float:
        """Share of test rows that `arm` gets right."""
        return float(self.correct(arm, labels).mean())

    def save(self, path: Path) -> None:
        """Write as .npz without pickles."""
        arms = {f"arm {name}": table for name, table in self.probabilities.items()}
        histories = np.array([history.model_dump_json() for history in self.histories], dtype=str)
        with files.whole(path) as aside:
            np.savez_compressed(
                aside, number=self.number, test=self.test, repeated=self.repeated,
                seconds=self.seconds, commit=self.commit, histories=histories, **arms,
            )  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> FoldResult:
        """Read what `save` wrote.

        Raises:
            DataError: the file is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(
                    int(file["number"]),
                    file["test"],
                    {name[4:]: file[name] for name in file.files if name.startswith("arm ")},
                    tuple(History.model_validate_json(text) for text in file["histories"]),
                    int(file["repeated"]),
                    float(file["seconds"]),
                    str(file["commit"]),
                )
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise DataError(
                f"{path} cannot be read ({error}). Set RESUME = False to compute it anew."
            ) from error


def evaluate_fold(
    settings: Settings,
    data: TextData,
    fold: Fold,
    output_dir: str | Path,
    *,
    members: int = 1,
    linear: str = "read",
    openings: bool = False,
    distil: bool = False,
    linear_dir: str | Path | None = None,
    arm: str | None = None,
    seed: int = 0,
    vectors: str | None = None,
    baseline: bool = True,
    keep: bool = True,
    resume: bool = True,
    log: Callable[[str], None] | None = print,
) -> tuple[FoldResult, SentenceClassifier | None]:
    """Train on a fold and predict its test rows with every arm.

    Args:
        settings: of the networks.
        data, fold: the sentences and their division.
        output_dir: everything goes to `output_dir/folds/<key>/fold_<k>`, see `files.work_key`.
        members, linear, openings, distil, vectors: see `train_classifier`.
        linear_dir: where the linear model stands for other arms of the same fold; None keeps it
            until the fold is finished.
        arm: the classifier's name among the arms; None takes the variant's, "ours" for our own.
        seed: of the first network.
        baseline: also fit tf-idf + logistic regression.
        keep: save the classifier beside the result.
        resume: take a finished fold from its files and an unfinished one from its checkpoint.
        log: receives progress lines.

    Returns:
        The result, and the classifier (None for a finished fold that was not kept).
    """
    began = time.time()
    key = files.work_key(
        CODE, backend=keras.backend.backend(), precision=keras.config.dtype_policy().name,
        outside=identity(vectors) if vectors else None, data=data.fingerprint,
        settings=settings.model_dump(), members=members, linear=linear, openings=openings,
        distil=distil, seed=seed, vectors=vectors, baseline=baseline, arm=arm,
        rows=[zlib.crc32(rows.tobytes()) for rows in (fold.train, fold.validation, fold.test)],
    )  # fmt: skip
    folder = Path(output_dir) / "folds" / key / f"fold_{fold.number}"
    path, kept = folder / "result.npz", folder / "classifier"
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    if path.is_file():
        result = FoldResult.load(path)
        if kept.is_dir() or not keep:
            if log:
                log(f"fold {fold.number + 1} is finished: taken from {path}")
            return result, SentenceClassifier.load(kept) if kept.is_dir() else None
    classifier, histories = train_classifier(
        settings, data, fold, folder, members=members, linear=linear, openings=openings,
        distil=distil, linear_dir=linear_dir or folder / "linear", seed=seed, vectors=vectors,
        resume=resume, fingerprint=key, log=log,
    )  # fmt: skip
    texts = data.texts[fold.test]
    scores = classifier.scores(texts)
    own = arm or ("ours" if settings.variant == "subword" else settings.variant)
    arms = {own: softmax(scores.mean(axis=0), axis=1)}
    if len(scores) > 1:
        arms["one network"] = softmax(scores[0], axis=1)
    if classifier.linear:
        arms["linear n-grams"] = classifier.linear.predict_proba(texts)
    if baseline:
        train = fold.train
        plain = fit_linear(data.texts[train], data.labels[train], len(data.classes))
        arms[BASELINE] = plain.predict_proba(texts)
    if keep:
        classifier.save(kept)
    before = sum(sum(history.seconds[: history.resumed_from]) for history in histories)
    result = FoldResult(
        fold.number, fold.test, arms, tuple(histories), fold.repeated,
        time.time() - began + before, environment()["commit"] or "",
    )  # fmt: skip
    result.save(path)
    for spent in [*folder.glob("member_*/checkpoint"), *folder.glob("linear")]:
        shutil.rmtree(spent)
    return result, classifier


def pooled(results: list[FoldResult], arm: str, labels: np.ndarray) -> np.ndarray:
    """bool [all test rows]: what `arm` got right, fold after fold."""
    return np.concatenate([result.correct(arm, labels) for result in results])
