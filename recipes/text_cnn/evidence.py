"""What networks read of the linear model: its evidence about texts that it has not learned from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import sklearn
from sklearn.model_selection import KFold, StratifiedKFold

from common import files
from recipes.text_cnn.linear import LinearNgrams
from recipes.text_cnn.ngrams import USUAL
from recipes.text_cnn.tfidf import BAYES_STRENGTH, Features

MODULES = ("evidence", "linear", "ngrams", "text", "tfidf")  # the code that the files hang on


def linear_model(
    texts,
    labels: np.ndarray,
    classes: int,
    groups: np.ndarray,
    *,
    honest: bool,
    openings: bool = False,
    folder: str | Path | None = None,
) -> tuple[LinearNgrams, np.ndarray | None]:
    """The linear model of some texts, and what networks learn from of it.

    On large sets this takes longer than a network, and what it gives hangs on the texts, their
    labels and the code alone: it is computed once and kept.

    Args:
        texts: sequence of str; labels: int [texts]; classes: how many.
        groups: int [texts], see `Features`.
        honest: also compute the honest evidence.
        openings: read how sentences begin too (`ngrams.openings`).
        folder: where files are kept and looked for; None keeps none.

    Returns:
        The model of all texts, and its `honest_evidence` or None.
    """
    kinds = (*USUAL, "openings") if openings else USUAL
    rest = (kinds, classes, labels.tolist(), groups.tolist(), sklearn.__version__)
    digest = hashlib.sha256(repr(rest).encode())
    for text in texts:
        digest.update(str(text).encode("utf-8", "surrogatepass") + b"\0")
    for name in MODULES:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    kept = Path(folder or "") / digest.hexdigest()[:16]
    at_model, at_evidence = kept.with_suffix(".npz"), kept.with_suffix(".npy")
    model = LinearNgrams.load(at_model) if folder and at_model.is_file() else None
    evidence = np.load(at_evidence) if folder and honest and at_evidence.is_file() else None
    if model is not None and (evidence is not None or not honest):
        return model, evidence
    features = Features(texts, bayes_weights=True, groups=groups, kinds=kinds)
    if model is None:
        model = features.fit(labels, np.arange(len(labels)), classes, BAYES_STRENGTH)
        if folder:
            with files.whole(at_model) as aside:
                model.save(aside)
    if honest:
        evidence = honest_evidence(features, labels, classes)
        if folder:
            with files.whole(at_evidence) as aside:
                np.save(aside, evidence)
    return model, evidence


def honest_evidence(
    features: Features,
    labels: np.ndarray,
    classes: int,
    parts: int = 5,
    seed: int = 0,
) -> np.ndarray:
    """The `evidence` in texts of models that have not seen their labels (cross-fitting).

    Each of `parts` parts of the groups is read by a model fitted on the others. A network that
    learns from such evidence sees the linear model as honest about training rows as it will be
    about new ones.

    Args:
        features: of the texts, with Bayes weights; its groups stay together.
        labels: int [texts]; classes: how many.
        parts: fewer are taken where a class has fewer groups.
        seed: of the division.

    Returns:
        float32 [tokens of all texts, classes].
    """
    _, first, member = np.unique(features.groups, return_index=True, return_inverse=True)
    kinds = labels[first]  # a group goes by the class of its first text
    rarest = int(np.unique(kinds, return_counts=True)[1].min())
    if rarest >= 2:
        splitter = StratifiedKFold(min(parts, rarest), shuffle=True, random_state=seed)
    else:  # a class of one group cannot be on both sides
        splitter = KFold(max(2, min(parts, len(kinds))), shuffle=True, random_state=seed)
    text = np.repeat(np.arange(len(labels)), features.lengths)  # of each token
    result = np.zeros((len(text), classes), np.float32)
    parting = splitter.split(kinds, kinds) if len(kinds) > 1 else []
    for _, held_out in parting:
        held = np.isin(member, held_out)
        if len(np.unique(labels[~held])) > 1:  # else what is left tells nothing of the classes
            model = features.fit(labels, np.flatnonzero(~held), classes, BAYES_STRENGTH)
            result[held[text]] = features.evidence(model, np.flatnonzero(held))
    return result
