"""Name every picture of a folder with a trained labeller, headlessly.

    python -m recipes.transfer.predict build/runs/transfer/retrain/real/labeller folder/ out.csv

Every file of the folder has one row in the output; one that is no picture, or a broken one, has an
empty label and says why. Exit code 0 even then: what cannot be read is told, not fatal.
"""

from __future__ import annotations

import sys
from pathlib import Path

from common.vision import answer_files


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 for an input that cannot be used, or 2 for a wrong command."""
    return answer_files.main("python -m recipes.transfer.predict",
                             "folder 'labeller' of a finished run", predict, arguments)  # fmt: skip


def predict(model: Path, source: Path, target: Path) -> str:
    """Label `source` and write `target`; returns a summary in words.

    The output's columns: file, label, probability, likest (the class it would be, where the label
    is "none of these"), familiar (a score, below the labeller's threshold for none of these),
    probability_<class> for each, and problem.

    Raises:
        FileNotFoundError: no labeller in `model`.
        DataError: the input is missing or holds no file.
    """
    paths = answer_files.files_of(source)
    # Heavy imports after the cheap checks: a mistyped path is answered at once.
    from recipes.transfer.familiar import NONE
    from recipes.transfer.labeller import Labeller

    found, words = answer_files.write(source, target, paths, Labeller.load(model).label)
    none = (found["label"] == NONE).sum()
    counts = found.loc[~found["label"].isin(["", NONE]), "label"].value_counts()
    named = ", ".join(f"{count:,} {name}" for name, count in counts.head(10).items()) or "none"
    return f"{words} Named: {named}. {NONE}: {none:,}."


if __name__ == "__main__":
    sys.exit(main())
