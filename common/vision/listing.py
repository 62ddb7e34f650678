"""Which picture is of which class: from folders, or from a table of paths and labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from common import pictures
from common.table import PART_NAMES, read_table
from common.validation import DataError, Report

UNKNOWN = "unknown"  # the part with pictures of no class
GUESSES = {
    "path": ("path", "file", "filename", "file_name", "image", "image_path", "picture", "photo"),
    "label": ("label", "class", "class_name", "target", "category", "diagnosis"),
    "split": ("split", "part", "set", "subset", "fold"),
}


@dataclass(frozen=True)
class Listed:
    """Files with their classes, none of them looked at yet.

    Attributes:
        classes: names in order.
        rows: "path", "label" (-1 in the part "unknown"), "split" ("" where there are no parts),
            "line" (of a table, else 0), and what a pictures.csv beside the folders adds.
        report: receives what is found.
        source: the folder or the table.
    """

    classes: list[str]
    rows: pd.DataFrame
    report: Report = field(repr=False)
    source: Path = Path()


def of_folder(folder: Path) -> Listed:
    """Pictures below a folder for each class, or below train/, val/, test/ and unknown/ of such.

    Raises:
        DataError: there are no folders of classes, or fewer than two classes.
    """
    report, found = Report(str(folder)), []
    below = _folders(folder)
    parts = [each for each in below if each.name.lower() in PART_NAMES or each.name == UNKNOWN]
    divided = any(part.name != UNKNOWN for part in parts)
    if divided:
        for other in set(below) - set(parts):
            report.add("no part", "the folder is neither train, val, test nor unknown", file=other)
        owners = [(part.name.lower(), inside) for part in parts if part.name != UNKNOWN
                  for inside in _folders(part)]  # fmt: skip
    else:
        owners = [("", inside) for inside in below if inside.name != UNKNOWN]
    names = sorted({inside.name for _, inside in owners}, key=str.casefold)
    if len(names) < 2:
        loose = sum(path.suffix.lower() in pictures.SUFFIXES for path in folder.iterdir())
        there = f" and {loose} pictures beside them" if loose else ""
        raise DataError(
            f"{folder} has {len(names)} folder(s) of classes{there}; at least two are needed: one "
            "folder for each class with its pictures in it, or train/ and test/ with such folders."
        )
    for part, inside in owners:
        for path in _files(inside, report):
            found.append((str(path), names.index(inside.name), part, 0))
    if (folder / UNKNOWN).is_dir():
        found += [(str(path), -1, UNKNOWN, 0) for path in _files(folder / UNKNOWN, report)]
    rows = pd.DataFrame(found, columns=["path", "label", "split", "line"])
    return Listed(names, _with_details(rows, folder), report, folder)


def of_table(path: Path, path_column=None, label_column=None, split_column=None) -> Listed:
    """Pictures named by a CSV, TSV or JSON-lines file; paths are relative to its folder.

    Args:
        path_column, label_column, split_column: their names; None guesses them by common names.

    Raises:
        DataError: the file is no table, or a column cannot be told.
    """
    report = Report(str(path))
    table = read_table(path, report)
    wanted = {"path": path_column, "label": label_column, "split": split_column}
    places = {kind: _column(path, table.columns, kind, name) for kind, name in wanted.items()}
    found, labels = [], []
    for line, _, fields in table.records:
        name, label = (str(fields[places[kind]] or "").strip() for kind in ("path", "label"))
        part = str(fields[places["split"]]).strip().lower() if places["split"] is not None else ""
        problem = ""
        if not name or not label:
            problem = "has no path" if not name else "has no label"
        elif part and part not in PART_NAMES and part != UNKNOWN:
            problem = f"says {part!r}, which is neither train, val, test nor unknown"
        if problem:
            report.add("row", f"the row {problem}", file=path, row=line)
            continue
        found.append((str(path.parent / Path(name).expanduser()), part, line))
        labels.append(label if part != UNKNOWN else None)
    names = sorted({label for label in labels if label is not None}, key=_as_people_count)
    if len(names) < 2:
        raise DataError(f"{path} has {len(names)} class(es) in its column of labels; at least two "
                        f"are needed. {report.summary()}")
    rows = pd.DataFrame(found, columns=["path", "split", "line"])
    rows.insert(1, "label", [names.index(label) if label is not None else -1 for label in labels])
    return Listed(names, rows, report, path)


def some(rows: pd.DataFrame, most: int, label: str = "label") -> pd.DataFrame:
    """Every so manieth row of each class, about so many in all: for what takes long."""
    step = max(1, -(-len(rows) // most))
    return rows[rows.groupby(label).cumcount() % step == 0].reset_index(drop=True)


def _as_people_count(name: str):
    return (0, int(name), "") if name.isdecimal() else (1, 0, name.casefold())


def _column(path: Path, columns: list[str], kind: str, wanted: str | None) -> int | None:
    if wanted is not None:
        if wanted not in columns:
            raise DataError(f"{path} has no column {wanted!r}; it has {', '.join(columns)}.")
        return columns.index(wanted)
    lower = [name.strip().lower() for name in columns]
    guesses = [lower.index(guess) for guess in GUESSES[kind] if guess in lower]
    if guesses:
        return guesses[0]
    if kind == "split":
        return None
    raise DataError(f"{path} has the columns {', '.join(columns)}; which holds the {kind}s? Set "
                    f"{kind.upper()}_COLUMN.")


def _folders(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir(), key=pictures.in_order)
            if each.is_dir() and not each.name.startswith(".")]  # fmt: skip


def _files(folder: Path, report: Report) -> list[Path]:
    """Every file below that is a picture by its name; others are reported, hidden ones not."""
    found = []
    for path in sorted(folder.rglob("*"), key=pictures.in_order_of_path):
        if path.name.startswith(".") or path.is_dir():
            continue
        if path.suffix.lower() in pictures.SUFFIXES:
            found.append(path)
        else:
            report.add("no picture", pictures.unwanted(path), file=path)
    return found


def _with_details(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    path = folder / "pictures.csv"
    if not path.is_file():
        return rows
    told = pd.read_csv(path)
    told["path"] = [str(folder / name) for name in told["path"]]
    return rows.merge(told, on="path", how="left")
