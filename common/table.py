"""A file of the user's as a table of columns and records: CSV, TSV, semicolons or JSON lines.

Nothing is known here of what the columns mean. What cannot be read is dropped and reported with its
line in the file and its record number (they differ where a quoted field holds line breaks); a
file that is no table is refused with one `DataError` that says what would mend it.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import zlib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from common.validation import DataError, Report

_MAGIC = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"PAR1": "a Parquet file",
}
_BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))
_END = "\ufffe end of the file \ufffe"  # a noncharacter: no text holds it
# What a column that divides the rows may say.
PART_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


class Record(NamedTuple):
    """One row: its first line in the file and its number among the records, both from 1."""

    line: int
    number: int
    fields: list[Any]


class Table(NamedTuple):
    """Column names, and records with one field (str, or any JSON value) for each of them."""

    columns: list[str]
    records: list[Record]
    has_header: bool  # the column names come from a line of their own


def read_table(path: Path, report: Report) -> Table:
    """Read a file as a table.

    Args:
        path: .csv, .tsv, .txt (with separators), .jsonl or .ndjson; gzipped or not.
        report: receives what was mended and dropped.

    Raises:
        DataError: there is no such file, or it is not a table.
    """
    lines = _decode(path, _bytes_of(path), report)
    first = next((line.strip() for line in lines if line.strip()), "")
    if not first:
        raise DataError(f"{path} holds only blank lines.")
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if first.startswith("[") and ".json" in suffixes:
        raise DataError(f"{path} is one JSON array. Write JSON lines: one object a line, no [ ].")
    is_json = suffixes & {".json", ".jsonl", ".ndjson"} or first.startswith('{"')
    table = (_read_json if is_json else _read_delimited)(path, lines, report)
    if not table.records:
        found = f"no usable row. {report.summary()}" if report.counts else "a header but no rows."
        raise DataError(f"{path} has {found}")
    return table


def read_lines(path: Path, report: Report) -> list[str]:
    """Lines of a text without their ends, of whatever encoding; raises as `read_table`."""
    return [line.rstrip("\r\n") for line in _decode(path, _bytes_of(path), report)]


def _bytes_of(path: Path) -> bytes:
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.suffix in {".csv", ".tsv", ".jsonl"})
        found = f" It holds {', '.join(inside[:5])}." if inside else ""
        raise DataError(f"{path} is a folder; name the file itself.{found}")
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, siblings, n=1)
        hint = f"did you mean {path.parent / near[0]}?" if near else "check the path."
        raise DataError(f"{path} does not exist; {hint}")
    try:
        raw = path.read_bytes()
        if raw.startswith(b"\x1f\x8b"):
            raw = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        mend = "Is it whole, and may you read it?"
        raise DataError(f"{path} cannot be read: {error}. {mend}") from error
    if not raw:
        raise DataError(f"{path} is empty (0 bytes).")
    return raw


def _decode(path: Path, raw: bytes, report: Report) -> list[str]:
    """Bytes to lines that keep their ends; undecodable and NUL bytes are dealt with here."""
    for magic, kind in _MAGIC.items():
        if raw.startswith(magic):
            raise DataError(f"{path} is {kind}, not text. Export it as CSV (UTF-8).")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if raw.startswith(mark)), None)
    if encoding is None and len(raw) - len(raw.translate(None, _CONTROLS)) > len(raw) / 20:
        hint = " It may be UTF-16 without its mark." if raw.count(0) > len(raw) / 4 else ""
        raise DataError(f"{path} is a binary file, not text.{hint} Save it as UTF-8 text.")
    try:
        text = raw.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise DataError(
                f"{path} begins as {encoding.upper()} but is damaged at byte {error.start}: "
                f"{error.reason}. Save it again as UTF-8."
            ) from error
        text = _decode_line_by_line(path, raw, report)
    lines = io.StringIO(text, newline="").readlines()
    if "\0" in text:
        for number, line in enumerate(lines):
            if "\0" in line:
                lines[number] = line.replace("\0", "")
                message = f"{line.count(chr(0))} NUL bytes removed"
                report.add("NUL bytes", message, file=path, row=number + 1, action="kept")
    return lines


def _decode_line_by_line(path: Path, raw: bytes, report: Report) -> str:
    """Only the lines that are not UTF-8 are read as Windows-1252, so the others stay right."""
    decoded, odd = [], []
    for number, line in enumerate(raw.splitlines(keepends=True), start=1):
        try:
            decoded.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            odd.append(number)
            try:
                decoded.append(line.decode("cp1252"))
            except UnicodeDecodeError:  # five bytes mean nothing in Windows-1252
                decoded.append(line.decode("latin-1"))
    for number in odd:
        message = "not UTF-8, read as Windows-1252 (Latin-1); save the file as UTF-8"
        report.add("encoding", message, file=path, row=number, action="kept")
    return "".join(decoded)


def _read_delimited(path: Path, lines: list[str], report: Report) -> Table:
    delimiter = _delimiter(path, lines)
    quoting = csv.QUOTE_MINIMAL
    if delimiter == "\t":
        # Many TSV files know no quotes at all; then a lone " is part of the text.
        tabs = {line.count("\t") for line in lines if line.strip()}
        quoting = csv.QUOTE_NONE if len(tabs) == 1 else quoting
    clean = _unquote if quoting == csv.QUOTE_NONE else str
    columns: list[str] = []
    records: list[Record] = []
    number = 0
    for line, last, fields in _records(lines, delimiter, quoting):
        if fields is not None and not any(fields):
            if columns and any(map(str.strip, lines[line - 1 :])):  # not at the end of the file
                report.add("blank line", "nothing in it", file=path, row=line)
            continue
        if not columns:
            if fields is None:
                raise DataError(f"{path}, line {line}: the header's quote is never closed.")
            columns = [clean(name).strip() for name in fields]
            continue
        number += 1
        at = f"(record {number})"
        if fields is None:
            limit = csv.field_size_limit()
            huge = len(lines[line - 1]) > limit
            what = f"a field of over {limit:,} characters" if huge else "a quote is never closed"
            report.add("huge field" if huge else "open quote", f"{what} {at}", file=path, row=line)
            continue
        while len(fields) > len(columns) and not fields[-1]:
            fields.pop()  # a separator at the end of every row
        if len(fields) != len(columns):
            kind = "too many fields" if len(fields) > len(columns) else "too few fields"
            message = f"{len(fields)} fields, the header has {len(columns)} {at}"
            report.add(kind, message, file=path, row=line)
            continue
        if last > line and lines[line - 1].count(delimiter) == len(columns) - 1:
            message = (
                f"lines {line} to {last} are one quoted row; is the first a row of its own? {at}"
            )
            report.add("suspicious quote", message, file=path, row=line, action="kept")
        records.append(Record(line, number, [clean(field) for field in fields]))
    return Table(columns, records, True)


def _delimiter(path: Path, lines: list[str]) -> str:
    """The separator that gives the first rows as many fields as the header, and most of them."""
    best, delimiter = (0.0, 0), ""
    for candidate in "\t;,|":
        head = itertools.islice(_records(lines[:400], candidate, csv.QUOTE_MINIMAL), 50)
        widths = [len(fields) for _, _, fields in head if fields]
        if widths and widths[0] > 1:
            agreement = sum(width == widths[0] for width in widths) / len(widths)
            if (agreement, widths[0]) > best:
                best, delimiter = (agreement, widths[0]), candidate
    if not delimiter:
        raise DataError(
            f"{path} has only one column. A file needs a header line and at least two columns, "
            "separated by comma, semicolon, tab or |."
        )
    return delimiter


def _records(
    lines: list[str], delimiter: str, quoting: int
) -> Iterator[tuple[int, int, list[str] | None]]:
    """Yield (first line from 1, last line, fields); fields is None if a quote is never closed.

    Such a quote swallows everything behind it, so reading begins again on the next line.
    """
    begin = 0
    while begin < len(lines):
        source = map(lines.__getitem__, range(begin, len(lines)))
        reader = csv.reader(itertools.chain(source, [_END]), delimiter=delimiter, quoting=quoting)
        at = begin
        try:
            for fields in reader:
                if fields == [_END]:
                    return
                if begin + reader.line_num > len(lines):
                    break  # the end of the file is inside a quote
                yield at + 1, begin + reader.line_num, fields
                at = begin + reader.line_num
        except csv.Error:  # a field over csv.field_size_limit()
            pass
        yield at + 1, at + 1, None
        begin = at + 1


def _unquote(field: str) -> str:
    """Take quotes off a field of a file that was read as having none."""
    field = field.strip()
    if len(field) > 1 and field[0] == field[-1] == '"':
        inner = field[1:-1].replace('""', "")
        if '"' not in inner:
            return field[1:-1].replace('""', '"')
    return field


def _read_json(path: Path, lines: list[str], report: Report) -> Table:
    found: list[tuple[int, int, dict]] = []
    columns: dict[str, None] = {}
    number = 0
    for line, content in enumerate(lines, start=1):
        if not content.strip():
            continue
        number += 1
        try:
            item = json.loads(content)
            problem = None if isinstance(item, dict) else f"a {type(item).__name__}, not an object"
        except (ValueError, RecursionError) as error:
            problem = f"not JSON: {error}"
        if problem:
            report.add("not JSON", f"{problem} (record {number})", file=path, row=line)
            continue
        columns.update(dict.fromkeys(item))
        found.append((line, number, item))
    names = list(columns)
    records = [Record(at, n, [item.get(name) for name in names]) for at, n, item in found]
    return Table(names, records, False)
