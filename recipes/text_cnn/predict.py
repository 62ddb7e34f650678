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
import io
import itertools
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from common import files
from common.validation import DataError
from recipes.text_cnn.reader import candidates

LONGEST_ROW = 200  # lines; a quote still open after so many was never meant to be closed


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
    with files.whole(target) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
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
                kept = ((fields or []) + [""] * len(header))[: len(header)]
                best = int(row.argmax())
                results = [classifier.classes[best], *(f"{p:.6f}" for p in (row[best], *row))]
                writer.writerow([*kept, *([""] * len(added) if problem else results), problem])
            done += len(block)
            bad += sum(map(bool, problems))
            seconds = time.perf_counter() - started
            if seconds - shown > 5:
                shown = seconds
                print(f"{done:,} rows, {done / seconds:,.0f} rows/s", file=sys.stderr)
    seconds = time.perf_counter() - started
    unread = f", {bad:,} without a label (see the column 'problem')" if bad else ""
    return f"{target}: {done:,} rows{unread}, {seconds:.1f} s, {done / seconds:,.0f} rows/s"


def _problem(fields: list[str] | None, header: list[str], column: int) -> str:
    if fields is None:
        return "a quote is never closed"
    if len(fields) != len(header):
        return f"{len(fields)} fields where the header has {len(header)}"
    return "" if fields[column].strip() else "the text is empty"


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


def _rows(source: Path) -> tuple[list[str], Iterator[list[str] | None]]:
    """The header, and a stream of records; None where a quote is never closed."""
    lines = _lines(source)
    first = next(lines, "")
    if not first.strip():
        raise DataError(f"{source} is empty; its first line must name the columns.")
    if first.lstrip().startswith("{"):
        raise DataError(f"{source} looks like JSON lines; give a .csv or .tsv file.")
    separator = max(",\t;", key=first.count)
    rows = _records(itertools.chain([first], lines), separator)
    header = next(rows)
    if header is None:
        raise DataError(f"{source}, line 1: the header's quote is never closed.")
    return header, rows


def _records(lines: Iterator[str], separator: str) -> Iterator[list[str] | None]:
    waiting: deque[str] = deque()
    end = "\ufffe"  # a noncharacter: no text holds it
    while line := waiting.popleft() if waiting else next(lines, ""):
        if not line.strip():
            continue
        if '"' not in line:
            yield line.rstrip("\r\n").split(separator)
            continue
        taken = [line]
        while True:
            parsed = list(csv.reader([*taken, end], delimiter=separator))
            if parsed[-1] == [end]:  # the record ends with these lines
                yield parsed[0]
                break
            more = waiting.popleft() if waiting else next(lines, "")
            if not more or len(taken) == LONGEST_ROW:
                waiting.extendleft(reversed([*taken[1:], more] if more else taken[1:]))
                yield None
                break
            taken.append(more)


def _lines(source: Path) -> Iterator[str]:
    """Lines as text: UTF-16 by its mark, else UTF-8, and Windows-1252 for a line that is not."""
    opener = gzip.open if source.suffix == ".gz" else open
    with opener(source, "rb") as file:
        mark = file.read(2)
        file.seek(0)
        if mark in (b"\xff\xfe", b"\xfe\xff"):
            yield from io.TextIOWrapper(file, "utf-16", errors="replace", newline="\n")
            return
        for number, line in enumerate(file):
            line = line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
            try:
                yield line.replace(b"\0", b"").decode("utf-8")
            except UnicodeDecodeError:
                yield line.replace(b"\0", b"").decode("cp1252", "replace")


if __name__ == "__main__":
    sys.exit(main())
