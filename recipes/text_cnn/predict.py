"""Label a file of sentences with a trained classifier, headlessly and in constant memory.

    python -m recipes.text_cnn.predict build/runs/text_cnn/real/classifier in.csv out.csv

Rows are read, labelled and written a few thousand at a time, so a file of millions of rows needs
no more memory than one of a thousand. Every row of the input has one row in the output; a row
that cannot be read keeps an empty label and says why.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common.stream import answer_rows, read_rows
from common.validation import DataError
from recipes.text_cnn.reader import candidates


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 for an input that cannot be used, or 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m recipes.text_cnn.predict")
    parser.add_argument("model", type=Path, help="folder 'classifier' of a finished run")
    parser.add_argument("input", type=Path, help=".csv or .tsv with a header row, or .gz of one")
    parser.add_argument("output", type=Path, help="CSV to write")
    parser.add_argument("--text-column", help="which column holds the sentences")
    parser.add_argument("--rows-at-a-time", type=int, default=4096)
    options = parser.parse_args(arguments)
    if options.rows_at_a_time < 1:
        parser.error("--rows-at-a-time must be 1 or more")
    try:
        summary = predict_file(
            options.model, options.input, options.output, options.text_column,
            options.rows_at_a_time,
        )
    except (DataError, FileNotFoundError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(summary)
    return 0


def predict_file(
    model: Path, source: Path, target: Path, text_column: str | None = None, size: int = 4096
) -> str:
    """Label `source` and write `target`; returns a one-line summary.

    The output has the input's columns, then `label`, `confidence` (the label's probability), one
    `probability_<class>` column each, and `problem` (empty for a good row).

    Raises:
        FileNotFoundError: no classifier in `model`.
        DataError: the input is missing, empty, or has no such column.
    """
    header, rows = read_rows(source)
    column = _text_column(source, header, text_column)

    # Heavy imports after the cheap checks: a mistyped path is answered at once.
    from recipes.text_cnn.classifier import SentenceClassifier

    classifier = SentenceClassifier.load(model)
    added = ["label", "confidence", *(f"probability_{name}" for name in classifier.classes)]

    def answer(block: list[list[str]], problems: list[str]) -> list[list[str]]:
        texts = [fields[column] for fields in block]
        for row, text in enumerate(texts):
            if not problems[row] and not text.strip():
                problems[row] = "the text is empty"
        table = classifier.probabilities(texts)
        best = table.argmax(1)
        return [
            [classifier.classes[k], *(f"{p:.6f}" for p in (row[k], *row))]
            for k, row in zip(best, table, strict=True)
        ]

    return answer_rows(source, target, header, rows, added, answer, size)


def _text_column(source: Path, header: list[str], wanted: str | None) -> int:
    if wanted is not None:
        if wanted not in header:
            raise DataError(f"{source} has no column {wanted!r}; it has {', '.join(header)}.")
        return header.index(wanted)
    guesses = [0] if len(header) == 1 else candidates(header, "text")
    if len(guesses) != 1:
        raise DataError(
            f"{source} has the columns {', '.join(header)}; say which holds the sentences with "
            "--text-column NAME."
        )
    return guesses[0]


if __name__ == "__main__":
    sys.exit(main())
