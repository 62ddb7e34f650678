"""The three doors to a table: the sample, a published set by name, a user's own file.

`load` turns any of them into one `TableData`. Nothing after this module knows which door it was.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from common import datasets
from common.table import PART_NAMES, read_table
from common.validation import DataError, Report
from recipes.wide_deep.columns import (
    MOSTLY,
    Columns,
    as_numbers,
    check_leaks,
    infer,
    is_missing,
    misfits,
)
from recipes.wide_deep.tabledata import TableData, fingerprint

__all__ = ["TableData", "load"]

HELD_OUT = 0.1  # share of the rows for validation, and for test where there is no test part
FEWEST_ROWS, FEWEST_OF_A_CLASS = 50, 10
MOST_CLASSES = 100  # of a target made of words or whole numbers
SAMPLE_VISITS = 100_000
SPLITS = PART_NAMES | {"other": "other"}
# Columns of the published sets that are no features, and their target.
PUBLISHED = {
    "adult": {"target": "income", "leave_out": (), "subgroups": ("sex", "race", "age")},
    "open_bandit": {"target": "click", "leave_out": ("policy", "propensity_score"),
                    "subgroups": ("campaign", "position"), "item": "item_id"},
}


def load(
    data: str | os.PathLike,
    *,
    target_column: str | None = None,
    split_column: str | None = None,
    group_column: str | None = None,
    item_column: str | None = None,
    columns: str = "",
    strict: bool = False,
    limit: int | None = None,
    seed: int = 0,
) -> TableData:
    """Load a table with a target.

    Args:
        data: "sample" (made here, synthetic), the name of a published set, or the path of a CSV,
            TSV, JSON-lines or Parquet file.
        target_column: a user's column to predict; needed for a user's file.
        split_column: a user's column of train, validation and test; None deals the rows.
        group_column: a user's column that names the visit or user a row belongs to, for ranking;
            rows of one group stay together when they are dealt.
        item_column: a user's column that names what is ranked.
        columns: corrections of what the columns are, "zip: category, note: ignore".
        strict: refuse a user's file if rows would be dropped, instead of going on without them.
        limit: keep at most so many rows of each part, drawn at random.
        seed: of the sample, of a user's split and of the rows that `limit` keeps.

    Raises:
        DataError: the word is no door, or the file cannot be used.
        DatasetError: a published set cannot be had.
        ValueError: `limit` is out of range.
    """
    if limit is not None and limit < FEWEST_ROWS:
        raise ValueError(f"LIMIT={limit} leaves too few rows; give at least {FEWEST_ROWS} or None.")
    published = [name for name in datasets.names() if datasets.entry(name).task == "table"]
    if isinstance(data, str) and data == "sample":
        found = _sample(seed)
    elif isinstance(data, str) and data in published:
        found = _published(data, seed)
    elif isinstance(data, str) and not _is_path(data):
        near = get_close_matches(data.lower(), ["sample", *published], n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"DATA={data!r} is no data set and no file.{hint} The three doors: 'sample' "
            f"(synthetic, no network); a published set ({', '.join(published)}); the path of your "
            "own .csv, .tsv, .jsonl or .parquet file."
        )
    else:
        path = Path(data).expanduser()
        named = (target_column, split_column, group_column, item_column)
        found = _own_file(path, *named, seed)
        found["report"].raise_if_strict(strict and found["report"].dropped > 0)
    return _finished(found, columns, limit, seed)


def _is_path(data: str) -> bool:
    return bool(data.strip()) and (
        Path(data).suffix != "" or os.sep in data or "/" in data or Path(data).exists()
    )


def _sample(seed: int) -> dict:
    from data_scripts.sample_wide_deep import World

    log = World(seed).log(SAMPLE_VISITS)
    frame, day = log.frame, pd.factorize(log.frame["day"], sort=True)[0]
    # The model is asked about days that it has not seen, as an operator would ask it.
    split = np.select([day < 24, day < 27], ["train", "validation"], "test")
    return {
        "name": "sample", "synthetic": True, "report": Report(f"synthetic log, seed {seed}"),
        "frame": frame.drop(columns=["visit", "installed"]), "target_name": "installed",
        "classes": ["not installed", "installed"],
        "target": frame["installed"].to_numpy(np.int32), "split": split,
        "passed": ("visit", "installed"), "subgroups": ("country", "device", "age"),
        "group": frame["visit"].to_numpy(), "item": "app", "truth": log.truth, "citation": "",
        "licence": "none needed: synthetic rows, made by data_scripts/sample_wide_deep.py",
    }  # fmt: skip


def _published(name: str, seed: int) -> dict:
    entry, shape = datasets.entry(name), PUBLISHED[name]
    table = pd.read_csv(datasets.load(name) / f"{name}.csv", dtype=str, keep_default_na=False)
    classes = sorted(set(table[shape["target"]]))
    number = {value: code for code, value in enumerate(classes)}
    split = table["split"].to_numpy("U10")
    if "validation" not in split:
        train = np.flatnonzero(split == "train")
        labels = table[shape["target"]].to_numpy()[train]
        split[train[_share(labels, HELD_OUT, seed)]] = "validation"
    left_out = ["split", shape["target"], *shape["leave_out"]]
    return {
        "name": name, "synthetic": False, "report": Report(f"{name} ({entry.title})"),
        "frame": table.drop(columns=left_out), "target_name": shape["target"],
        "passed": tuple(left_out), "subgroups": shape["subgroups"], "item": shape.get("item"),
        "logged": table[list(shape["leave_out"])] if shape["leave_out"] else None,
        "classes": classes, "target": table[shape["target"]].map(number).to_numpy(np.int32),
        "split": split, "licence": entry.licence, "citation": entry.citation.strip(),
    }  # fmt: skip


def _own_file(
    path: Path,
    target: str | None,
    split: str | None,
    group: str | None,
    item: str | None,
    seed: int,
) -> dict:
    report = Report(str(path))
    frame, lines = _read(path, report)
    names = list(frame.columns)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{path} has the column(s) {', '.join(map(repr, twice))} twice.")
    if target is None:
        raise DataError(
            f"{path}: say which column is to be predicted: TARGET_COLUMN = one of "
            f"{', '.join(map(repr, names[:30]))}."
        )
    for parameter, name in (("TARGET", target), ("SPLIT", split), ("GROUP", group),
                            ("ITEM", item)):
        if name is not None and name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(f"{path}: {parameter}_COLUMN={name!r} is no column.{hint} Columns: "
                            f"{', '.join(names[:30])}.")
    missing = is_missing(frame[target])
    for row in np.flatnonzero(missing):
        report.add("no target", f"{target!r} is empty", file=path, row=int(lines[row]))
    frame, lines = frame[~missing].reset_index(drop=True), lines[~missing]
    values, classes, kept = _target(path, frame[target], lines, report)
    frame, lines = frame[kept].reset_index(drop=True), lines[kept]
    if len(frame) < FEWEST_ROWS:
        raise DataError(f"{path} has {len(frame)} usable rows, at least {FEWEST_ROWS} are needed. "
                        f"{report.summary()}")
    groups = None if group is None else pd.factorize(frame[group])[0]
    if split is None:
        parts = _deal(values if classes else None, groups, len(frame), seed)
    else:
        parts = _parts(path, frame[split], lines, report)
    left_out = [name for name in (target, split, group) if name is not None]
    return {
        "name": path.name, "synthetic": False, "report": report, "citation": "",
        "frame": frame.drop(columns=left_out), "target_name": target, "classes": classes,
        "passed": tuple(left_out),
        "target": values, "split": parts, "group": groups, "item": item,
        "licence": "not stated: the user's own file", "lines": lines,
    }  # fmt: skip


def _read(path: Path, report: Report) -> tuple[pd.DataFrame, np.ndarray]:
    """The table as text (Parquet keeps its types), and the line that each row begins in."""
    if path.suffix.lower() in (".parquet", ".pq"):
        try:
            frame = pd.read_parquet(path)
        except (OSError, ValueError) as error:  # pyarrow's errors are these too
            raise DataError(f"{path} cannot be read as Parquet: {error}. Is it whole?") from error
        return frame.rename(columns=str), np.arange(1, len(frame) + 1)
    table = read_table(path, report)
    fields = [["" if field is None else str(field) for field in r.fields] for r in table.records]
    frame = pd.DataFrame(fields, columns=table.columns, dtype="string")
    return frame, np.array([record.line for record in table.records])


def _target(
    path: Path, said: pd.Series, lines: np.ndarray, report: Report
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Classes or values, the class names (none for values), and which rows can be used."""
    numbers, text = as_numbers(said), said.astype("string").str.strip()
    different = text.nunique()
    if different < 2:
        raise DataError(f"{path}: the target {said.name!r} is the same in every row.")
    numeric = np.isfinite(numbers).mean() >= MOSTLY
    whole = numeric and (numbers[np.isfinite(numbers)] % 1 == 0).all()
    if numeric and not (whole and different <= 20):
        kept = np.isfinite(numbers)
        for row in np.flatnonzero(~kept):
            message = f"{text.iloc[row]!r} where {said.name!r} is a number"
            report.add("target is no number", message, file=path, row=int(lines[row]))
        return numbers[kept].astype(np.float32), [], kept
    if different > MOST_CLASSES:
        raise DataError(
            f"{path}: the target {said.name!r} has {different} different values that are no "
            f"numbers; at most {MOST_CLASSES} classes are possible. Is it the right column?"
        )
    counts = text.value_counts()
    rare = set(counts[counts < FEWEST_OF_A_CLASS].index)
    for row in np.flatnonzero(text.isin(rare)):
        message = f"only {counts[text.iloc[row]]} rows of class {text.iloc[row]!r}, " \
                  f"{FEWEST_OF_A_CLASS} are needed"
        report.add("rare class", message, file=path, row=int(lines[row]))
    kept = ~text.isin(rare).to_numpy(bool)
    classes = sorted(set(counts.index) - rare, key=(lambda n: float(n)) if whole else str.casefold)
    if len(classes) < 2:
        raise DataError(f"{path}: fewer than two classes of {said.name!r} have "
                        f"{FEWEST_OF_A_CLASS} rows.")
    code = {name: number for number, name in enumerate(classes)}
    return text[kept].map(code).to_numpy(np.int32), classes, kept


def _parts(path: Path, said: pd.Series, lines: np.ndarray, report: Report) -> np.ndarray:
    text = said.astype("string").str.strip().str.casefold()
    unknown = ~text.isin(SPLITS)
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        raise DataError(
            f"{path}, line {lines[row]}: {said.iloc[row]!r} in the column {said.name!r} is none of "
            f"{', '.join(SPLITS)}."
        )
    parts = text.map(SPLITS).to_numpy("U10")
    for part in ("train", "test"):
        if part not in parts:
            raise DataError(f"{path}: no row of the column {said.name!r} says {part!r}.")
    if "validation" not in parts:
        train = np.flatnonzero(parts == "train")
        parts[train[_share(np.zeros(len(train)), HELD_OUT, 0)]] = "validation"
    return parts


def _deal(labels: np.ndarray | None, groups: np.ndarray | None, rows: int, seed: int) -> np.ndarray:
    """80/10/10, the same share of every class; groups stay together and classes are let be."""
    if groups is not None:
        lot = np.random.default_rng(seed).random(groups.max() + 1)[groups]
        return np.select([lot < HELD_OUT, lot < 2 * HELD_OUT], ["test", "validation"], "train")
    parts = np.full(rows, "train", "U10")
    strata = np.zeros(rows) if labels is None else labels
    rest = np.arange(rows)
    for name, share in (("test", HELD_OUT), ("validation", HELD_OUT / (1 - HELD_OUT))):
        chosen = _share(strata[rest], share, seed)
        parts[rest[chosen]] = name
        rest = np.delete(rest, chosen)
    return parts


def _share(strata: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Ascending places of about `share` of the rows, the same share of every stratum."""
    from sklearn.model_selection import train_test_split

    places = np.arange(len(strata))
    _, chosen = train_test_split(places, test_size=share, random_state=seed, stratify=strata)
    return np.sort(chosen)


def _finished(found: dict, corrections: str, limit: int | None, seed: int) -> TableData:
    """What is the same for all doors: limit, kinds of columns, leaks, fingerprint."""
    frame, split = found["frame"], np.asarray(found["split"], "U10")
    lines = found.pop("lines", np.arange(1, len(frame) + 1))
    if limit is not None:
        random, kept = np.random.default_rng(seed), np.zeros(len(frame), bool)
        for part in set(split):
            rows = np.flatnonzero(split == part)
            kept[random.permutation(rows)[:limit]] = True
        for name in ("frame", "truth", "logged"):
            if found.get(name) is not None:
                found[name] = found[name][kept].reset_index(drop=True)
        for name in ("target", "group"):
            if found.get(name) is not None:
                found[name] = found[name][kept]
        frame, split, lines = found["frame"], split[kept], lines[kept]
    train = np.flatnonzero(split == "train")
    columns = infer(frame.iloc[train]).corrected(corrections)
    _check_values(frame, lines, columns, found["report"], found["name"])
    if not columns.used:
        raise DataError(f"{found['name']}: no column is left to learn from.\n{columns.table()}")
    report, target = found["report"], found["target"]
    for column in columns.columns:
        if column.kind in ("ignore", "text") and column.why != "you said so":
            message = f"column {column.name!r}: {column.why}"
            what = "left out" if column.kind == "ignore" else "hashed"
            report.add(f"column {what}", message, action="kept")
    check_leaks(frame.iloc[train], columns, target[train], report)
    found |= {"split": split, "columns": columns,
              "fingerprint": fingerprint(frame, target, split, found["classes"])}  # fmt: skip
    return TableData(**found)


def _check_values(
    frame: pd.DataFrame, lines: np.ndarray, columns: Columns, report: Report, source: str
) -> None:
    """Name the rows where a word stands for a number or no date for a date; they count as empty."""
    for name, kind, rows in misfits(frame, columns):
        for row in rows:
            message = f"{str(frame[name].iloc[row])[:40]!r} in the {kind} column {name!r}"
            report.add(f"no {kind}", message, file=source, row=int(lines[row]), action="kept")
