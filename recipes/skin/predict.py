"""Classify every photograph of a folder with a trained classifier, headlessly. For study only.

    python -m recipes.skin.predict build/runs/skin/real/classifier folder/ out.csv

Every file has one row in the output; one that cannot be read has no class and says why under
"problem". Whatever a photograph shows, the answer is as of a lesion seen through a dermatoscope.
"""

from __future__ import annotations

import sys
from pathlib import Path

from common.vision import answer_files

BLOCK = 64  # photographs at a time: their pixels are held


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 for an input that cannot be used, or 2 for a wrong command."""
    what = "folder 'classifier' of a finished run"
    return answer_files.main("python -m recipes.skin.predict", what, predict, arguments)


def predict(model: Path, source: Path, target: Path) -> str:
    """Classify `source` and write `target`; returns a summary in words.

    The output's columns are those of `classifier.Classifier.classify`.

    Raises:
        FileNotFoundError: no classifier in `model`.
        DataError: the input is missing or holds no file, or the classifier is another version's.
    """
    paths = answer_files.files_of(source)
    # Heavy imports after the cheap checks: a mistyped path is answered at once.
    from recipes.skin.classifier import NOTICE, Classifier

    classifier = Classifier.load(model)
    found, words = answer_files.write(source, target, paths, classifier.classify, BLOCK)
    counts = found.loc[found["class"] != "", "class"].value_counts()
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"
    called = ", ".join(f"{name}: {(found[f'malignant, {name}'] == 'yes').sum():,}"
                       for name in classifier.thresholds)  # fmt: skip
    return f"{words} Likeliest classes: {said}. Called malignant at the point {called}. {NOTICE}"


if __name__ == "__main__":
    sys.exit(main())
