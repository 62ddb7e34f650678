"""How the settings were chosen: `python -m recipes.text_cnn.choose linear` or `... networks`.

Accuracy on development rows alone; no test row of a fold is read. In sets without a test part they
are a tenth of each fold's training rows, stratified; in TREC a fold of its training part; SST has a
development part of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

# Linear models, which the candidates share.
KEPT = Path(__file__).resolve().parents[2] / "build" / "choose"
FOLDED, PHRASES = ("mr", "subj", "cr", "trec"), ("sst2", "sst1")
# Of the word vectors and of the word pieces' vectors; ours by default are 32 and 64.
LARGE = {"network": {"dimension": 64, "piece_dimension": 128}}
LARGER = {"network": {"dimension": 128, "piece_dimension": 128}}
LONG = {"linear": "beside", "epochs": 8, "weight_decay": 0.3}
MANY = {"linear": "read", "epochs": 3, "batch_size": 128, "weight_decay": 0.2}
# Candidate: the sets it is tried on, and its settings.
CANDIDATES: dict[str, tuple[tuple[str, ...], dict]] = {
    "read, 4 epochs": ((*FOLDED, *PHRASES), {"linear": "read", "epochs": 4}),
    "beside, 6 epochs": (FOLDED, {"linear": "beside", "epochs": 6}),
    "none, 6 epochs": (FOLDED, {"linear": "none", "epochs": 6}),
    "large, read, 4 epochs, decay 0.3": (
        FOLDED, {"linear": "read", "epochs": 4, "weight_decay": 0.3, **LARGE},
    ),
    "large, beside, 8 epochs, decay 0.3": (FOLDED, {**LONG, **LARGE}),
    "larger, beside, 8 epochs, decay 0.3": (FOLDED, {**LONG, **LARGER}),
    "the same with openings": (FOLDED, {**LONG, **LARGER, "openings": True}),
    "large, read, 3 epochs, decay 0.2, batch 128": (PHRASES, {**MANY, **LARGE}),
    "the same with 200 filters": (
        PHRASES, {**MANY, "network": {**LARGE["network"], "filters": 200}},
    ),
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Print a table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m recipes.text_cnn.choose")
    parser.add_argument("what", choices=("linear", "networks"))
    parser.add_argument("--data", nargs="+", help="sets; else mr and cr, or all six for networks")
    parser.add_argument("--folds", type=int, default=10, help="how many of the ten")
    options = parser.parse_args(arguments)
    linear = options.what == "linear"

    import pandas as pd

    from common import device
    from common.results import environment
    from recipes.text_cnn import data

    device.setup(threads=1, seed=0)
    table: dict[str, pd.Series] = {}
    for name in options.data or (("mr", "cr") if linear else FOLDED + PHRASES):
        corpus = data.load(name)
        found: dict[str, list[float]] = {}
        for fold in development_folds(corpus, options.folds):
            arms = linear_accuracies(corpus, fold) if linear else network_accuracies(corpus, fold)
            for arm, accuracy in arms:
                found.setdefault(arm, []).append(accuracy)
                said = f"{name} fold {fold.number + 1}: {accuracy:.4f} {arm}"
                print(said, file=sys.stderr, flush=True)
        table[name] = pd.Series({arm: 100 * np.mean(values) for arm, values in found.items()})
    frame = pd.concat(table, axis=1, sort=False)
    if linear:
        frame["mean"] = frame.mean(axis=1)
    print(frame.round(2).to_string(na_rep=""))
    print(f"accuracy in %, development rows of up to {options.folds} folds, commit "
          f"{environment()['commit']}")
    return 0


def development_folds(corpus, count: int) -> Iterator:
    """Folds whose `validation` is to be looked at."""
    from sklearn.model_selection import StratifiedKFold

    from recipes.text_cnn import data

    folds = list(data.folds(corpus, folds=10, seed=0, validation_fraction=0.1))
    if len(folds) == 1 and not (corpus.split == "validation").any():  # TREC
        train = np.sort(np.concatenate([folds[0].train, folds[0].validation]))
        parted = StratifiedKFold(10, shuffle=True, random_state=1).split(
            train, corpus.labels[train]
        )
        folds = [
            data.Fold(number, train[rest], train[held], folds[0].test, 0)
            for number, (rest, held) in enumerate(parted)
        ]
    yield from folds[:count]


def linear_accuracies(corpus, fold) -> Iterator[tuple[str, float]]:
    """Every candidate for the linear model, and its accuracy on the development rows."""
    from recipes.text_cnn.ngrams import KINDS, USUAL
    from recipes.text_cnn.tfidf import BAYES_STRENGTH, PLAIN_STRENGTH, Features

    texts, labels = corpus.texts[fold.train], corpus.labels[fold.train]
    held_out, truth = corpus.texts[fold.validation], corpus.labels[fold.validation]
    rows, classes = np.arange(len(texts)), len(corpus.classes)
    plain, bayes = (Features(texts, weighted, kinds=tuple(KINDS)) for weighted in (False, True))

    def accuracy(features, strength, kinds=USUAL):
        model = features.fit(labels, rows, classes, strength, kinds)
        return float((model.predict_proba(held_out).argmax(1) == truth).mean())

    yield "words, tf-idf (the baseline)", accuracy(plain, PLAIN_STRENGTH)
    for strength in (0.3, 1.0, 3.0, 10.0, 30.0):
        yield f"usual kinds, C = {strength:g}", accuracy(bayes, strength)
    yield "words", accuracy(bayes, BAYES_STRENGTH, ["words"])
    yield "words, letters", accuracy(bayes, BAYES_STRENGTH, ["words", "letters"])
    for left_out in USUAL[1:]:
        kinds = [kind for kind in USUAL if kind != left_out]
        yield f"all but {left_out}", accuracy(bayes, BAYES_STRENGTH, kinds)
    yield "with openings", accuracy(bayes, BAYES_STRENGTH, KINDS)


def network_accuracies(corpus, fold) -> Iterator[tuple[str, float]]:
    """Every candidate for the network and the linear model together, one network each."""
    from dataclasses import replace

    from recipes.text_cnn.reproduce import parted
    from recipes.text_cnn.train import train_classifier

    rows = fold.validation
    blind = replace(fold, validation=rows[:0])  # training needs none
    for name, (sets, how) in CANDIDATES.items():
        if corpus.name in sets:
            settings, how = parted(how)
            classifier, _ = train_classifier(
                settings, corpus, blind, None, linear_dir=KEPT, log=None, **how
            )
            right = classifier.probabilities(corpus.texts[rows]).argmax(1) == corpus.labels[rows]
            yield name, float(right.mean())
            if name == next(iter(CANDIDATES)):
                alone = classifier.linear.predict_proba(corpus.texts[rows]).argmax(1)
                yield "the linear model alone", float((alone == corpus.labels[rows]).mean())


if __name__ == "__main__":
    sys.exit(main())
