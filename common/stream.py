"""A file of rows in, the same rows with answers beside them out, in constant memory."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from common import files
from common.validation import DataError

LONGEST_ROW = 200  # lines; a quote still open after so many was never meant to be closed


def answer_rows(
    source: Path,
    target: Path,
    header: Sequence[str],
    rows: Iterator[list[str] | None],
    added: Sequence[str],
    answer: Callable[[list[list[str]], list[str]], Sequence[Sequence[str]]],
    size: int = 4096,
) -> str:
    """Write `target`: the input's columns, then `added`, then `problem` (empty for a good row).

    Every row of the input has one row in the output; one without an answer says why.

    Args:
        source: the input, for messages.
        header, rows: of `read_rows`.
        added: names of the columns that `answer` gives.
        answer: takes some rows (an unreadable one is all blank) and what is wrong with each so
            far, may add to the latter, and returns the added fields of each row.
        size: rows at a time.

    Returns:
        One line that says how many rows and how fast.

    Raises:
        DataError: the input and the output are one file, or it has a column of an added name.
    """
    if source.resolve() == target.resolve():
        raise DataError(f"{target} is the input itself; name another output file.")
    taken = set(header) & {*added, "problem"}
    if taken:
        raise DataError(
            f"{source} already has the column(s) {', '.join(sorted(taken))}; rename them first, "
            "the output would hold two of that name."
        )
    started, shown, done, bad, width = time.perf_counter(), 0.0, 0, 0, len(header)
    with files.whole(target) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*header, *added, "problem"])
        while block := list(itertools.islice(rows, size)):
            problems = [_problem(fields, width) for fields in block]
            blank = [""] * width
            readable = [blank if p else f for f, p in zip(block, problems, strict=True)]
            answers = answer(readable, problems)
            for fields, problem, found in zip(block, problems, answers, strict=True):
                kept = ((fields or []) + blank)[:width]
                writer.writerow([*kept, *([""] * len(added) if problem else found), problem])
            done += len(block)
            bad += sum(map(bool, problems))
            seconds = time.perf_counter() - started
            if seconds - shown > 5:
                shown = seconds
                print(f"{done:,} rows, {done / seconds:,.0f} rows/s", file=sys.stderr)
    seconds = time.perf_counter() - started
    unread = f", {bad:,} without an answer (see the column 'problem')" if bad else ""
    return f"{target}: {done:,} rows{unread}, {seconds:.1f} s, {done / seconds:,.0f} rows/s"


def _problem(fields: list[str] | None, width: int) -> str:
    if fields is None:
        return "a quote is never closed"
    return "" if len(fields) == width else f"{len(fields)} fields where the header has {width}"


def read_rows(source: Path) -> tuple[list[str], Iterator[list[str] | None]]:
    """The header, and a stream of records; None where a quote is never closed.

    Raises:
        DataError: there is no such file, or it has no header, or is no table.
    """
    if not source.is_file():
        raise DataError(f"{source} is no file; give a .csv or .tsv file with a header row.")
    lines = _lines(source)
    first = next(lines, "")
    if not first.strip():
        raise DataError(f"{source} is empty; its first line must name the columns.")
    if first.startswith("PAR1"):
        raise DataError(f"{source} is a Parquet file; write it as CSV (pandas: to_csv).")
    if first.lstrip().startswith("{"):
        raise DataError(f"{source} looks like JSON lines; give a .csv or .tsv file.")
    separator = max(",\t;|", key=first.count)
    rows = _records(itertools.chain([first], lines), separator)
    header = next(rows)
    if header is None:
        raise DataError(f"{source}, line 1: the header's quote is never closed.")
    return [name.strip() for name in header], rows


def _records(lines: Iterator[str], separator: str) -> Iterator[list[str] | None]:
    waiting: deque[str] = deque()
    end = "\ufffe"  # a noncharacter: no text holds it
    while line := waiting.popleft() if waiting else next(lines, ""):
        if not line.strip("\r\n"):
            continue
        if '"' not in line:
            yield line.rstrip("\r\n").split(separator)
            continue
        taken = [line]
        while True:
            try:
                parsed = list(csv.reader([*taken, end], delimiter=separator))
            except csv.Error:  # a bare carriage return, a field beyond all bounds
                waiting.extendleft(reversed(taken[1:]))
                yield taken[0].rstrip("\r\n").split(separator)
                break
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
