"""Predict a file of rows with a trained model, headlessly and in constant memory.

    python -m recipes.wide_deep.predict build/runs/wide_deep/real/predictor in.csv out.csv

The columns may stand in any order. A file with a missing, an unknown or a misspelt column is
refused; a row with a word where a number or a date belongs keeps an empty answer and says why.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common.stream import answer_rows, read_rows
from common.validation import DataError


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 for an input that cannot be used, or 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m recipes.wide_deep.predict")
    parser.add_argument("model", type=Path, help="folder 'predictor' of a finished run")
    parser.add_argument("input", type=Path, help=".csv or .tsv with a header row, or .gz of one")
    parser.add_argument("output", type=Path, help="CSV to write")
    parser.add_argument("--keep", nargs="+", default=[], metavar="COLUMN",
                        help="further columns of the input, such as its own row numbers")
    parser.add_argument("--rows-at-a-time", type=int, default=8192)
    options = parser.parse_args(arguments)
    if options.rows_at_a_time < 1:
        parser.error("--rows-at-a-time must be 1 or more")
    try:
        print(predict_file(
            options.model, options.input, options.output, options.keep, options.rows_at_a_time
        ))  # fmt: skip
    except (DataError, FileNotFoundError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def predict_file(
    model: Path, source: Path, target: Path, keep: list[str] | None = None, size: int = 8192
) -> str:
    """Answer every row of `source` in `target`; returns a one-line summary.

    The output has the input's columns, then `predicted` and, for classes, one
    `probability_<class>` column each, then `problem` (empty for a good row).

    Raises:
        FileNotFoundError: no predictor in `model`.
        DataError: the input is missing or empty, or its columns are not the model's.
    """
    header, rows = read_rows(source)

    # Heavy imports after the cheap checks: a mistyped path is answered at once.
    import pandas as pd

    from recipes.wide_deep.predictor import TablePredictor

    predictor = TablePredictor.load(model)
    absent = [name for name in keep or [] if name not in header]
    if absent:
        raise DataError(f"{source} has no column {', '.join(map(repr, absent))} to keep.")
    try:
        predictor.check_columns([name for name in header if name not in (keep or [])])
    except DataError as error:
        raise DataError(f"{source}: {error} Columns to pass through: --keep NAME ...") from None
    added = ["predicted", *(f"probability_{name}" for name in predictor.classes)]

    def answer(block: list[list[str]], problems: list[str]) -> list[list[str]]:
        frame = pd.DataFrame(block, columns=header, dtype="string")
        for row, problem in enumerate(predictor.problems(frame)):
            problems[row] = problems[row] or problem
        inputs = predictor.features.arrays(frame)
        found = predictor.predict_inputs(inputs)
        if not predictor.classes:
            return [[f"{value:.7g}"] for value in found]
        names = [predictor.classes[k] for k in found.argmax(1)]
        return [[name, *(f"{p:.6f}" for p in row)] for name, row in zip(names, found, strict=True)]

    return answer_rows(source, target, header, rows, added, answer, size)


if __name__ == "__main__":
    sys.exit(main())
