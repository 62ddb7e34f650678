"""Name every picture of a folder with a trained labeller, headlessly.

    python -m recipes.transfer.predict build/runs/transfer/retrain/real/labeller folder/ out.csv

Every file of the folder has one row in the output; one that is no picture, or a broken one, has an
empty label and says why. Exit code 0 even then: what cannot be read is told, not fatal.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from common.validation import DataError

BLOCK = 512  # pictures at a time


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 for an input that cannot be used, or 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m recipes.transfer.predict")
    parser.add_argument("model", type=Path, help="folder 'labeller' of a finished run")
    parser.add_argument("input", type=Path, help="a picture, or a folder, searched to its depth")
    parser.add_argument("output", type=Path, help="CSV to write")
    options = parser.parse_args(arguments)
    try:
        print(predict(options.model, options.input, options.output))
    except (DataError, FileNotFoundError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def predict(model: Path, source: Path, target: Path) -> str:
    """Label `source` and write `target`; returns a summary in words.

    The output's columns: file, label, probability, likest (the class it would be, where the label
    is "none of these"), familiar (a score, below the labeller's threshold for none of these),
    probability_<class> for each, and problem.

    Raises:
        FileNotFoundError: no labeller in `model`.
        DataError: the input is missing or holds no file.
    """
    import pandas as pd

    from common import files

    if source.is_dir():
        paths = [path for path in sorted(source.rglob("*"))
                 if not path.is_dir() and not path.name.startswith(".")]  # fmt: skip
    else:
        paths = [source]
    if not source.exists() or not paths:
        there = "is empty" if source.exists() else "does not exist"
        raise DataError(f"{source} {there}. Give a picture, or a folder with pictures.")

    # Heavy imports after the cheap checks: a mistyped path is answered at once.
    from recipes.transfer.familiar import NONE
    from recipes.transfer.labeller import Labeller

    labeller, began, parts = Labeller.load(model), time.perf_counter(), []
    for first in range(0, len(paths), BLOCK):
        parts.append(labeller.label(paths[first : first + BLOCK]))
        done = min(first + BLOCK, len(paths))
        if done < len(paths):
            print(f"{done:,} of {len(paths):,} files", file=sys.stderr)
    found = pd.concat(parts, ignore_index=True)
    folder = source if source.is_dir() else source.parent
    found["file"] = [os.path.relpath(path, folder) for path in paths]
    with files.whole(target) as aside:
        found.to_csv(aside, index=False, float_format="%.6g")
    seconds = time.perf_counter() - began
    bad, none = (found["problem"] != "").sum(), (found["label"] == NONE).sum()
    counts = found.loc[~found["label"].isin(["", NONE]), "label"].value_counts()
    named = ", ".join(f"{count:,} {name}" for name, count in counts.head(10).items()) or "none"
    return (f"{target}: {len(found):,} files in {seconds:.1f} s. Named: {named}. {NONE}: {none:,}. "
            f"Without an answer (see the column 'problem'): {bad:,}.")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
