"""Measuring: one fold or ten, every arm on the same rows, each fold saved as it is finished.

The arms that one ensemble gives for free are kept beside it, so that the table can show what each
part is worth: one network, the average of all, with the logistic regression's vote, and that
regression alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from common.validation import DataError
from recipes.text_cnn.batches import Batches, predict_logits
from recipes.text_cnn.data import Fold, TextData
from recipes.text_cnn.linear import LinearNgrams
from recipes.text_cnn.text import Encoder
from recipes.text_cnn.train import Settings, train_ensemble, train_network

BASELINE = "tfidf-lr"


@dataclass(frozen=True)
class FoldResult:
    """What one fold gave: test rows, and each arm's probabilities float32 [test rows, classes]."""

    number: int
    test: np.ndarray
    probabilities: dict[str, np.ndarray]

    def accuracy(self, arm: str, labels: np.ndarray) -> float:
        """Share of test rows that `arm` labels as `labels` (int [all rows]) does."""
        return float(np.mean(self.probabilities[arm].argmax(1) == labels[self.test]))

    def save(self, path: Path, key: str) -> None:
        """Write as .npz without pickles, aside first."""
        aside = path.with_name(f".{path.name}.{os.getpid()}.partial.npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        arms = {f"arm {name}": table for name, table in self.probabilities.items()}
        np.savez_compressed(aside, number=self.number, test=self.test, key=key, **arms)
        os.replace(aside, path)

    @classmethod
    def load(cls, path: Path, key: str) -> FoldResult:
        """Read what `save` wrote.

        Raises:
            DataError: the file was made with other data or settings.
        """
        with np.load(path, allow_pickle=False) as file:
            if str(file["key"]) != key:
                raise DataError(
                    f"{path} was made with other data or settings than asked for now. Set "
                    "RESUME = False to start anew, or name another OUTPUT_DIR."
                )
            arms = {n[4:]: file[n] for n in file.files if n.startswith("arm ")}
            return cls(int(file["number"]), file["test"], arms)


def evaluate_fold(
    settings: Settings,
    data: TextData,
    fold: Fold,
    output_dir: Path,
    *,
    members: int = 3,
    linear_share: float = 0.5,
    seed: int = 0,
    vectors: Callable[[Encoder], np.ndarray | None] = lambda encoder: None,
    baseline: bool = True,
    resume: bool = True,
    log: Callable[[str], None] | None = print,
):
    """Train on a fold and predict its test rows with every arm.

    Args:
        settings: of the networks; for a variant of the paper one network is trained.
        data, fold: the sentences and their division.
        output_dir: checkpoints and the fold's result go to `output_dir/fold_<k>`.
        members, linear_share: see `train_ensemble`; a paper variant is one network alone.
        seed: of the first network.
        vectors: gives the word vectors for a vocabulary, or None.
        baseline: also fit tf-idf + logistic regression.
        resume: take a finished fold from its file and an unfinished one from its checkpoint.
        log: receives progress lines.

    Returns:
        The FoldResult, and the trained classifier with its histories, both None where the fold
        was taken from its file.
    """
    folder = Path(output_dir) / f"fold_{fold.number}"
    key = f"{data.fingerprint} {settings.model_dump_json()} {members} {linear_share} {seed}"
    path = folder / "result.npz"
    if resume and path.is_file():
        return FoldResult.load(path, key), None, None
    classes = len(data.classes)
    test_texts = data.texts[fold.test]
    arms: dict[str, np.ndarray] = {}
    if settings.variant == "subword":
        classifier, histories = train_ensemble(
            settings, data, fold, folder, members=members, linear_share=linear_share, seed=seed,
            resume=resume, log=log,
        )
        votes = classifier.votes(test_texts)
        arms["one network"] = votes[0]
        arms["networks averaged"] = np.mean(votes, axis=0)
        arms["ours"] = arms["networks averaged"]
        if classifier.linear:
            arms["linear n-grams"] = classifier.linear.predict_proba(test_texts)
            arms["ours"] = classifier.combine(votes, arms["linear n-grams"])
    else:
        classifier, histories, arms = None, None, {}
        encoder = Encoder.fit(data.texts[fold.train], settings.minimum_count, settings.buckets)
        encoded = encoder.encode(data.texts)
        network, history = train_network(
            settings, encoder, encoded, data.labels, fold.train, fold.validation, classes, folder,
            seed=seed, vectors=vectors(encoder), resume=resume, fingerprint=data.fingerprint,
            log=log,
        )
        batches = Batches(encoded, data.labels, fold.test, classes, 256, pieces=False)
        logits = predict_logits(network, batches)
        arms[settings.variant] = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    if baseline:
        linear = LinearNgrams.fit(data.texts[fold.train], data.labels[fold.train], classes)
        arms[BASELINE] = linear.predict_proba(test_texts)
    result = FoldResult(fold.number, fold.test, arms)
    result.save(path, key)
    return result, classifier, histories
