"""A user's own file of texts and labels, made into clean rows.

Column names are given or guessed. A row that cannot be used is dropped and stands in the report
with its line; a file that cannot be used is refused with one `DataError` that says the mend.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from common.table import PART_NAMES, Record, Table, read_table
from common.validation import DataError, Report

# Words that a column's name is made of. "text", "label" and "split" beat all others.
NAMES = {
    "text": set(
        "text texts sentence sentences review reviews question questions content comment comments "
        "message body tweet document phrase utterance description".split()
    ),
    "label": set(
        "label labels class classes category categories target sentiment polarity rating stars "
        "score topic intent".split()
    ),
    "split": {"split", "subset", "partition"},
}
# Words that say a column holds something about the text and not the text itself.
_ABOUT = set("id ids idx index key no number date time url length len user author".split())
SPLITS = PART_NAMES | {"cv": "cv"}
FEW_ROWS = 10  # a class with fewer cannot be in each of ten folds
_LONGEST_LABEL = 40  # characters on average; a guessed label column holds names, not texts
_LOOKED_AT = 2000  # records that a guess by content looks at


@dataclass
class Rows:
    """The usable rows of a file, all lists equally long.

    Attributes:
        texts: not empty, blanks at the ends removed.
        labels: class names; blanks at the ends and Unicode forms made equal.
        splits: "train", "validation", "test" or "cv"; None if the file has no split column.
        lines: where each row begins in the file, from 1.
    """

    texts: list[str]
    labels: list[str]
    splits: list[str] | None
    lines: list[int]


def read(
    path: Path,
    report: Report,
    text_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
) -> Rows:
    """Read a file of labelled texts.

    Args:
        path: .csv, .tsv, .txt (with separators), .jsonl or .ndjson; gzipped or not.
        report: receives what was guessed, mended and dropped.
        text_column, label_column, split_column: column names; None guesses them. A file needs no
            split column.

    Raises:
        DataError: the file cannot be read as labelled texts of at least two classes.
    """
    table = read_table(path, report)
    given = {"text": text_column, "label": label_column, "split": split_column}
    chosen = _choose_columns(path, table, given, report)
    rows = _usable_rows(path, table, chosen, report)
    _check_splits(path, rows, report)
    _check_classes(path, rows, report, table.columns[chosen["label"]])
    return rows


def _choose_columns(
    path: Path, table: Table, given: dict[str, str | None], report: Report
) -> dict[str, int | None]:
    columns = table.columns
    chosen: dict[str, int | None] = {}
    for role, name in given.items():
        if name is None:
            continue
        matches = [i for i, column in enumerate(columns) if column == name.strip()]
        if len(matches) != 1:
            near = get_close_matches(name, columns, n=1)
            hint = f" Did you mean {near[0]!r}?" if near and not matches else ""
            found = "twice" if matches else "not"
            raise DataError(
                f"{path}: {role}_column={name!r} is {found} among the columns.{hint} "
                f"Columns: {_listed(columns)}."
            )
        chosen[role] = matches[0]
    if len(set(chosen.values())) < len(chosen):
        raise DataError(f"{path}: text, label and split must be different columns, not {given}.")
    guessed = []
    for role in ("split", "text", "label"):
        if role in chosen:
            continue
        chosen[role] = _by_name(path, table, role, set(chosen.values()))
        how = "its name"
        if chosen[role] is None and role != "split":
            chosen[role] = _by_content(path, table, role, set(chosen.values()))
            how = "its content"
        if chosen[role] is not None:
            guessed.append(f"{role} is column {columns[chosen[role]]!r} (by {how})")
    if guessed:
        message = "; ".join(guessed)
        report.add("columns guessed", message, file=path, row=1, action="kept")
    return chosen


def candidates(columns: list[str], role: str) -> list[int]:
    """The columns whose name says that they hold the "text", "label" or "split", the best alone."""
    found = []
    for i, column in enumerate(columns):
        words = re.findall(r"[^\W\d_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", column).lower())
        if not set(words) & _ABOUT and set(words) & NAMES[role]:
            found.append((0 if words == [role] else 1 if len(words) == 1 else 2, i))
    return [i for rank, i in found if rank == min(found)[0]]


def _by_name(path: Path, table: Table, role: str, taken: set) -> int | None:
    best = candidates([n if i not in taken else "" for i, n in enumerate(table.columns)], role)
    if len(best) > 1 and (role != "split"):
        raise _ambiguous(path, table, role, best)
    return best[0] if len(best) == 1 else None


def _by_content(path: Path, table: Table, role: str, taken: set) -> int:
    names, head = table.columns, table.records[:_LOOKED_AT]
    values = [[_as_text(record.fields[i]) or "" for record in head] for i in range(len(names))]
    if table.has_header and any(
        re.fullmatch(r"-?[\d.]+", name) or len(name.split()) > 6 or (name and name in values[i])
        for i, name in enumerate(names)
    ):
        raise DataError(
            f"{path}: the first line looks like a row, not like column names ({_listed(names)}). "
            "Put a header line such as text,label before it."
        )
    lengths = [sum(map(len, column)) / len(head) for column in values]
    kinds = [len(set(column)) for column in values]
    free = sorted(set(range(len(names))) - taken, key=lambda i: -lengths[i])
    if role == "text":
        clear = len(free) == 1 or (len(free) > 1 and lengths[free[0]] >= 2 * lengths[free[1]])
        best = free[:1] if clear else free[:2]
    elif len(free) == 1:
        best = free
    else:
        most = max(2, min(100, len(head) // 5))
        best = [i for i in sorted(free) if 2 <= kinds[i] <= most and lengths[i] <= _LONGEST_LABEL]
    if len(best) != 1:
        raise _ambiguous(path, table, role, best)
    return best[0]


def _ambiguous(path: Path, table: Table, role: str, candidates: list[int]) -> DataError:
    among = [table.columns[i] for i in candidates] or table.columns
    doubt = f"could be any of {_listed(among)}" if candidates else "cannot be guessed"
    return DataError(
        f"{path}: the {role} column {doubt}. Name it, such as {role}_column={among[0]!r}. "
        f"Columns: {_listed(table.columns)}."
    )


def _listed(columns: list[str]) -> str:
    shown = ", ".join(repr(name if len(name) < 40 else name[:37] + "...") for name in columns[:20])
    return shown + (f" and {len(columns) - 20} more" if len(columns) > 20 else "")


def _as_text(value: Any) -> str | None:
    """A field as text; None if it is a JSON list or object."""
    if isinstance(value, str):
        # JSON can hold halves of surrogate pairs, which no file or model can take.
        return value.encode("utf-8", "replace").decode("utf-8")
    if value is None or value != value:  # null and NaN
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return None if isinstance(value, (list, dict)) else str(value)


def _usable_rows(path: Path, table: Table, chosen: dict, report: Report) -> Rows:
    text, label, split = chosen["text"], chosen["label"], chosen["split"]
    texts, raw_labels, splits, lines = [], [], [], []
    for record in table.records:
        problem, values = _problem(path, record, text, label, split)
        if problem:
            kind, message = problem
            message = f"{message} (record {record.number})"
            report.add(kind, message, file=path, row=record.line)
            continue
        texts.append(values[0])
        raw_labels.append(values[1])
        splits.append(values[2])
        lines.append(record.line)
    if not texts:
        raise DataError(f"{path} has no usable row. {report.summary()}")
    labels = _clean_labels(path, raw_labels, lines, report)
    return Rows(texts, labels, None if split is None else splits, lines)


def _problem(
    path: Path, record: Record, text: int, label: int, split: int | None
) -> tuple[tuple[str, str] | None, list]:
    """What is wrong with a record (kind, message) or None, and its [text, label, split]."""
    values = [_as_text(record.fields[i]) if i is not None else "" for i in (text, label, split)]
    if None in values:
        return ("not a text", "a JSON list or object where a text or label should be"), values
    values[0], part = values[0].strip(), values[2].strip()
    if not values[0]:
        return ("empty text", "the text is empty"), values
    if not values[1].strip():
        return ("missing label", "the label is empty"), values
    if split is not None:
        if not part:
            return ("missing split", "the split is empty"), values
        if part.lower() not in SPLITS:
            raise DataError(
                f"{path}, line {record.line}: {part!r} is no name of a split. Write train, "
                "validation (or dev, val) and test, or leave the column out."
            )
        values[2] = SPLITS[part.lower()]
    return None, values


def _clean_labels(path: Path, raw: list[str], lines: list[int], report: Report) -> list[str]:
    """Make one name of the spellings of a label that differ only in what nobody sees."""
    rows = Counter(raw)
    first = dict(zip(reversed(raw), reversed(lines), strict=True))
    names = {label: unicodedata.normalize("NFC", " ".join(label.split())) for label in rows}
    if all(re.fullmatch(r"-?\d+(\.0*)?", name) for name in names.values()):
        names = {label: name.partition(".")[0] for label, name in names.items()}  # 1.0 is 1
    for label, name in names.items():
        if label != name:
            message = f"{label!r} ({rows[label]} rows, the first here) is read as {name!r}"
            report.add("label spelling", message, file=path, row=first[label], action="kept")
    labels = [names[label] for label in raw]
    totals = Counter(labels)
    first = dict(zip(reversed(labels), reversed(lines), strict=True))
    alike: dict[str, list[str]] = {}
    for name, _ in totals.most_common():
        alike.setdefault(name.casefold(), []).append(name)
        if name.casefold() in {"nan", "null", "n/a", "na", "none"}:
            message = f"class {name!r} ({totals[name]} rows) looks like a missing value"
            report.add("suspicious label", message, file=path, row=first[name], action="kept")
    for common, *rare in alike.values():
        for name in rare:
            message = (
                f"{name!r} ({totals[name]} rows, the first here) and {common!r} "
                f"({totals[common]} rows) differ only in case and are kept apart"
            )
            report.add("suspicious label", message, file=path, row=first[name], action="kept")
    return labels


def _check_splits(path: Path, rows: Rows, report: Report) -> None:
    """Refuse a split without training or test rows; drop classes that training never sees."""
    if rows.splits is None:
        return
    counts = Counter(rows.splits)
    if set(counts) == {"cv"}:
        return
    if "cv" in counts or not counts["train"] or not counts["test"]:
        found = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise DataError(
            f"{path}: the split column holds {found}. It needs rows for train and for test, or cv "
            "in every row; without the column the rows are split here."
        )
    known = {label for label, part in zip(rows.labels, rows.splits, strict=True) if part == "train"}
    kept = []
    for i, label in enumerate(rows.labels):
        if label in known:
            kept.append(i)
        else:
            message = f"class {label!r} has no row in the training part"
            report.add("class not in train", message, file=path, row=rows.lines[i])
    for field in ("texts", "labels", "splits", "lines"):
        setattr(rows, field, [getattr(rows, field)[i] for i in kept])
    if "test" not in rows.splits:
        raise DataError(f"{path}: no class of the test part occurs in the training part.")


def _check_classes(path: Path, rows: Rows, report: Report, column: str) -> None:
    counts = Counter(rows.labels)
    if len(counts) == 1:
        raise DataError(
            f"{path}: all {len(rows.labels)} usable rows have the one class "
            f"{rows.labels[0]!r}. Two classes or more are needed in column {column!r}."
        )
    if len(counts) > max(20, len(rows.labels) / 2):
        raise DataError(
            f"{path}: column {column!r} has {len(counts)} different values in "
            f"{len(rows.labels)} rows; that is no column of classes. Name another label_column."
        )
    for name, count in counts.items():
        if count < FEW_ROWS:
            lines = [
                line for line, label in zip(rows.lines, rows.labels, strict=True) if label == name
            ]
            message = (
                f"class {name!r} has {count} rows (lines {', '.join(map(str, lines))}), too few to "
                "judge by; merge it with another class or add rows"
            )
            report.add("small class", message, file=path, row=lines[0], action="kept")
