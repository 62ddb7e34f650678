"""Label a file of sentences with a trained classifier, headlessly and in constant memory.

    python -m recipes.text_cnn.predict build/runs/text_cnn/real/classifier in.csv out.csv

Rows are read, labelled and written a few thousand at a time, so a file of millions of rows needs
no more memory than one of a thousand. Every row of the input has one row in the output; a row
that cannot be read keeps an empty label and says why.
"""

from __future__ import annotations

import argparse
import codecs
import csv
import gzip
import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from common.validation import DataError

NAMES = ("text", "sentence", "review", "question", "comment", "content", "message", "body")


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
    if not source.is_file():
        raise DataError(f"{source} is no file; give a .csv or .tsv file with a header row.")
    if source.resolve() == target.resolve():
        raise DataError(f"{target} is the input itself; name another output file.")
    header, rows = _rows(source)
    column = _text_column(source, header, text_column)

    # Heavy imports after the cheap checks: a mistyped path is answered at once.
    from recipes.text_cnn.classifier import SentenceClassifier

    classifier = SentenceClassifier.load(model)
    added = ["label", "confidence", *(f"probability_{name}" for name in classifier.classes)]
    taken = set(header) & {*added, "problem"}
    if taken:
        raise DataError(
            f"{source} already has the column(s) {', '.join(sorted(taken))}; rename them first, "
            "the output would hold two of that name."
        )
    started, shown, done, bad = time.perf_counter(), 0.0, 0, 0
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with open(aside, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*header, *added, "problem"])
            while block := list(itertools.islice(rows, size)):
                problems = [_problem(fields, header, column) for fields in block]
                texts = [
                    "" if problem else fields[column]
                    for fields, problem in zip(block, problems, strict=True)
                ]
                table = classifier.probabilities(texts)
                for fields, problem, row in zip(block, problems, table, strict=True):
                    kept = (fields + [""] * len(header))[: len(header)]
                    best = int(row.argmax())
                    results = [classifier.classes[best], *(f"{p:.6f}" for p in (row[best], *row))]
                    writer.writerow([*kept, *([""] * len(added) if problem else results), problem])
                done += len(block)
                bad += sum(map(bool, problems))
                seconds = time.perf_counter() - started
                if seconds - shown > 5:
                    shown = seconds
                    print(f"{done:,} rows, {done / seconds:,.0f} rows/s", file=sys.stderr)
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)
    seconds = time.perf_counter() - started
    unread = f", {bad:,} without a label (see the column 'problem')" if bad else ""
    return f"{target}: {done:,} rows{unread}, {seconds:.1f} s, {done / seconds:,.0f} rows/s"


def _problem(fields: list[str], header: list[str], column: int) -> str:
    if len(fields) != len(header):
        return f"{len(fields)} fields where the header has {len(header)}"
    return "" if fields[column].strip() else "the text is empty"


def _text_column(source: Path, header: list[str], wanted: str | None) -> int:
    if wanted is not None:
        if wanted not in header:
            raise DataError(f"{source} has no column {wanted!r}; it has {', '.join(header)}.")
        return header.index(wanted)
    guesses = [number for number, name in enumerate(header) if name.strip().lower() in NAMES]
    if len(header) == 1:
        return 0
    if len(guesses) != 1:
        raise DataError(
            f"{source} has the columns {', '.join(header)}; say which holds the sentences with "
            "--text-column NAME."
        )
    return guesses[0]


def _rows(source: Path) -> tuple[list[str], Iterator[list[str]]]:
    """The header and a stream of records."""
    encoding = _encoding(source)
    file = _open(source, "rt", encoding=encoding, newline="", errors="replace")
    first = file.readline()
    if not first.strip():
        file.close()
        raise DataError(f"{source} is empty; its first line must name the columns.")
    separator = max(",\t;", key=first.count)
    file.seek(0)
    csv.field_size_limit(2**31 - 1)

    def stream():
        with file:
            yield from (row for row in csv.reader(_without_nul(file), delimiter=separator) if row)

    rows = stream()
    return next(rows), rows


def _without_nul(lines):
    for line in lines:
        yield line.replace("\0", "") if "\0" in line else line


def _open(source: Path, mode: str, **keywords):
    return (gzip.open if source.suffix == ".gz" else open)(source, mode, **keywords)


def _encoding(source: Path) -> str:
    """UTF-16 by its mark, UTF-8 where the whole file decodes, else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _open(source, "rb") as file:
        block = file.read(1 << 20)
        if block[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
        try:
            while block:
                decoder.decode(block)
                block = file.read(1 << 20)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


if __name__ == "__main__":
    sys.exit(main())
