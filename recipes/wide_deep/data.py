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
from common.validation import DataError, Report
from recipes.wide_deep.columns import (
    Columns,
    check_leaks,
    infer,
    misfits,
)
from recipes.wide_deep.ownfile import FEWEST_ROWS, HELD_OUT, drawn, read_own
from recipes.wide_deep.tabledata import TableData, fingerprint

__all__ = ["TableData", "load"]

SAMPLE_VISITS = 100_000
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
        found = read_own(path, *named, seed)
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
        split[train[drawn(labels, HELD_OUT, seed)]] = "validation"
    left_out = ["split", shape["target"], *shape["leave_out"]]
    return {
        "name": name, "synthetic": False, "report": Report(f"{name} ({entry.title})"),
        "frame": table.drop(columns=left_out), "target_name": shape["target"],
        "passed": tuple(left_out), "subgroups": shape["subgroups"], "item": shape.get("item"),
        "logged": _logged(table, shape["leave_out"]) if shape["leave_out"] else None,
        "classes": classes, "target": table[shape["target"]].map(number).to_numpy(np.int32),
        "split": split, "licence": entry.licence, "citation": entry.citation.strip(),
    }  # fmt: skip


def _logged(table: pd.DataFrame, names) -> pd.DataFrame:
    """What a log says of its policy, and the rows' numbers in the file."""
    return table[list(names)].assign(row=np.arange(len(table)), date=table["timestamp"].str[:10])


def _finished(found: dict, corrections: str, limit: int | None, seed: int) -> TableData:
    """What is the same for all doors: limit, kinds of columns, leaks, fingerprint."""
    frame, split = found["frame"], np.asarray(found["split"], "U10")
    lines = found.pop("lines", np.arange(1, len(frame) + 1))
    if limit is not None:
        kept = _limited(split, found.get("group"), limit, seed)
        for name in ("frame", "truth", "logged"):
            if found.get(name) is not None:
                found[name] = found[name][kept].reset_index(drop=True)
        for name in ("target", "group"):
            if found.get(name) is not None:
                found[name] = found[name][kept]
        frame, split, lines = found["frame"], split[kept], lines[kept]
    train = np.flatnonzero(split == "train")
    _check_parts(found, split)
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


def _check_parts(found: dict, split: np.ndarray) -> None:
    """Refuse parts without rows, or without the classes that must be learned and measured."""
    for part, fewest in (("train", 2), ("test", 2)):
        if not (split == part).any():
            raise DataError(f"{found['name']}: no row is for {part}.")
        counts = np.bincount(found["target"][split == part], minlength=len(found["classes"])) \
            if found["classes"] else np.array([])
        for name, count in zip(found["classes"], counts, strict=True):
            if count < fewest and (part == "train" or len(found["classes"]) == 2):
                raise DataError(
                    f"{found['name']}: {count} {part} row(s) of class {name!r}, at least {fewest} "
                    "are needed. Give more rows, or another split or group column."
                )


def _limited(split, group, limit: int, seed: int) -> np.ndarray:
    """bool [rows]: about `limit` rows of each part; of lists that are ranked whole ones."""
    random, kept = np.random.default_rng(seed), np.zeros(len(split), bool)
    for part in sorted(set(split)):
        rows = np.flatnonzero(split == part)
        if group is None:
            kept[random.permutation(rows)[:limit]] = True
            continue
        names, member = np.unique(group[rows], return_inverse=True)
        order = random.permutation(len(names))
        size = np.cumsum(np.bincount(member)[order])
        chosen = order[: max(1, int(np.searchsorted(size, limit, side="right")))]
        kept[rows[np.isin(member, chosen)]] = True
    return kept


def _check_values(
    frame: pd.DataFrame, lines: np.ndarray, columns: Columns, report: Report, source: str
) -> None:
    """Name the rows where a word stands for a number or no date for a date; they count as empty."""
    for name, kind, rows in misfits(frame, columns):
        for row in rows:
            message = f"{str(frame[name].iloc[row])[:40]!r} in the {kind} column {name!r}"
            report.add(f"no {kind}", message, file=source, row=int(lines[row]), action="kept")
