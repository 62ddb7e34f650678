"""How the linear model was chosen: `python -m recipes.text_cnn.choose`.

Accuracy on development rows alone: of each of the ten folds of MR and CR, one tenth of the training
rows, stratified. No test row is read.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

SETS = ("mr", "cr")


def main(arguments: list[str] | None = None) -> int:
    """Print a table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m recipes.text_cnn.choose")
    parser.add_argument("--data", nargs="+", default=list(SETS), help="sets to be folded")
    parser.add_argument("--folds", type=int, default=10, help="how many of the ten")
    options = parser.parse_args(arguments)

    import pandas as pd

    from common.results import environment
    from recipes.text_cnn import data

    table: dict[str, dict[str, float]] = {}
    for name in options.data:
        corpus = data.load(name)
        found: dict[str, list[float]] = {}
        for fold in data.folds(corpus, folds=10, seed=0, validation_fraction=0.1):
            if fold.number == options.folds:
                break
            for arm, accuracy in accuracies(corpus, fold).items():
                found.setdefault(arm, []).append(accuracy)
            print(f"{name}: fold {fold.number + 1} done", file=sys.stderr, flush=True)
        table[name] = {arm: 100 * np.mean(values) for arm, values in found.items()}
    frame = pd.DataFrame(table)
    frame["mean"] = frame.mean(axis=1)
    print(frame.round(2).to_string())
    print(f"accuracy in %, development rows of {options.folds} folds, commit "
          f"{environment()['commit']}")
    return 0


def accuracies(corpus, fold) -> dict[str, float]:
    """Accuracy of every candidate on the development rows of one fold."""
    from recipes.text_cnn.linear import BAYES_STRENGTH, PLAIN_STRENGTH, Features
    from recipes.text_cnn.ngrams import KINDS

    texts, labels = corpus.texts[fold.train], corpus.labels[fold.train]
    held_out, truth = corpus.texts[fold.validation], corpus.labels[fold.validation]
    rows, classes = np.arange(len(texts)), len(corpus.classes)
    plain, bayes = (Features(texts, bayes_weights=weighted) for weighted in (False, True))

    def accuracy(features, strength, kinds=None):
        model = features.fit(labels, rows, classes, strength, kinds)
        return float((model.predict_proba(held_out).argmax(1) == truth).mean())

    found = {"words, tf-idf (the baseline)": accuracy(plain, PLAIN_STRENGTH)}
    for strength in (0.3, 1.0, 3.0, 10.0, 30.0):
        found[f"all kinds, C = {strength:g}"] = accuracy(bayes, strength)
    found["words"] = accuracy(bayes, BAYES_STRENGTH, ["words"])
    found["words, letters"] = accuracy(bayes, BAYES_STRENGTH, ["words", "letters"])
    for left_out in list(KINDS)[1:]:
        kinds = [kind for kind in KINDS if kind != left_out]
        found[f"all but {left_out}"] = accuracy(bayes, BAYES_STRENGTH, kinds)
    return found


if __name__ == "__main__":
    sys.exit(main())
