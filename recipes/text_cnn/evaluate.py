"""Measuring: one fold or ten, every arm on the same rows, each fold saved as it is finished.

The arms that one ensemble gives for free are kept beside it, so that the table can show what each
part is worth: one network instead of all, and the linear model that they add to alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from common.training import History
from common.validation import DataError
from recipes.text_cnn.classifier import SentenceClassifier
from recipes.text_cnn.data import Fold, TextData
from recipes.text_cnn.linear import LinearNgrams
from recipes.text_cnn.settings import Settings
from recipes.text_cnn.train import train_ensemble

BASELINE = "tfidf-lr"


@dataclass(frozen=True)
class FoldResult:
    """What one fold gave: test rows, and each arm's probabilities float32 [test rows, classes]."""

    number: int
    test: np.ndarray
    probabilities: dict[str, np.ndarray]
    histories: tuple[History, ...] = ()
    repeated: int = 0  # test texts that also stand in training

    def correct(self, arm: str, labels: np.ndarray) -> np.ndarray:
        """bool [test rows]: does `arm` say what `labels` (int [all rows]) does?"""
        return self.probabilities[arm].argmax(1) == labels[self.test]

    def accuracy(self, arm: str, labels: np.ndarray) -> float:
        """Share of test rows that `arm` gets right."""
        return float(self.correct(arm, labels).mean())

    def save(self, path: Path, key: str) -> None:
        """Write as .npz without pickles, aside first."""
        aside = path.with_name(f".{path.stem}.{os.getpid()}.partial.npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        arms = {f"arm {name}": table for name, table in self.probabilities.items()}
        histories = np.array([history.model_dump_json() for history in self.histories], dtype=str)
        np.savez_compressed(
            aside, number=self.number, test=self.test, repeated=self.repeated, key=key,
            histories=histories, **arms,
        )
        os.replace(aside, path)

    @classmethod
    def load(cls, path: Path, key: str) -> FoldResult:
        """Read what `save` wrote.

        Raises:
            DataError: the file is damaged, or was made with other data or settings.
        """
        start_anew = "Set RESUME = False to start anew, or name another OUTPUT_DIR."
        try:
            with np.load(path, allow_pickle=False) as file:
                if str(file["key"]) != key:
                    raise DataError(f"{path} was made with other data or settings. {start_anew}")
                arms = {name[4:]: file[name] for name in file.files if name.startswith("arm ")}
                histories = tuple(History.model_validate_json(text) for text in file["histories"])
                return cls(
                    int(file["number"]), file["test"], arms, histories, int(file["repeated"])
                )
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path} cannot be read ({error}). {start_anew}") from error


def evaluate_fold(
    settings: Settings,
    data: TextData,
    fold: Fold,
    output_dir: str | Path,
    *,
    members: int = 3,
    linear: bool = True,
    network_share: float | None = None,
    seed: int = 0,
    vectors: str | None = None,
    baseline: bool = True,
    keep: bool = True,
    resume: bool = True,
    tensorboard: bool = False,
    arm: str = "ours",
    log: Callable[[str], None] | None = print,
) -> tuple[FoldResult, SentenceClassifier | None]:
    """Train on a fold and predict its test rows with every arm.

    Args:
        settings: of the networks.
        data, fold: the sentences and their division.
        output_dir: everything goes to `output_dir/fold_<k>`.
        members, linear, network_share, vectors: see `train_ensemble`.
        seed: of the first network.
        baseline: also fit tf-idf + logistic regression.
        keep: save the classifier beside the result.
        resume: take a finished fold from its files and an unfinished one from its checkpoint.
        tensorboard: write event files beside the checkpoints.
        arm: what the classifier's own result is called.
        log: receives progress lines.

    Returns:
        The result, and the classifier (None for a finished fold that was not kept).
    """
    folder = Path(output_dir) / f"fold_{fold.number}"
    path, kept = folder / "result.npz", folder / "classifier"
    parts = [settings.model_dump_json(), members, linear, network_share, seed, vectors]
    parts += [fold.train.sum(), len(fold.validation), baseline, arm]
    key = " ".join(map(str, [data.fingerprint, *parts]))
    if resume and path.is_file():
        result = FoldResult.load(path, key)
        if kept.is_dir() or not keep:
            return result, SentenceClassifier.load(kept) if kept.is_dir() else None
    path.unlink(missing_ok=True)
    classifier, histories = train_ensemble(
        settings, data, fold, folder, members=members, linear=linear, network_share=network_share,
        seed=seed, vectors=vectors, resume=resume, tensorboard=tensorboard, log=log,
    )  # fmt: skip
    texts = data.texts[fold.test]
    scores = classifier.scores(texts)
    words = classifier.linear.predict_proba(texts) if classifier.linear else None
    arms = {arm: classifier.combine(scores.mean(axis=0), words)}
    if members > 1:
        arms["one network"] = classifier.combine(scores[0], words)
    if words is not None:
        arms["linear n-grams"] = words
    if baseline:
        train = fold.train
        plain = LinearNgrams.fit(data.texts[train], data.labels[train], len(data.classes))
        arms[BASELINE] = plain.predict_proba(texts)
    if keep:
        classifier.save(kept)
    result = FoldResult(fold.number, fold.test, arms, tuple(histories), fold.repeated)
    result.save(path, key)
    for checkpoint in folder.glob("member_*/checkpoint"):  # of no more use
        shutil.rmtree(checkpoint)
    return result, classifier


def pooled(results: list[FoldResult], arm: str, labels: np.ndarray) -> np.ndarray:
    """bool [all test rows]: what `arm` got right, fold after fold."""
    return np.concatenate([result.correct(arm, labels) for result in results])
