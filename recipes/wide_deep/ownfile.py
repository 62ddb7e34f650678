"""A user's own table: read, its target understood, its rows dealt into parts.

A row that cannot be used is dropped and stands in the report with its line; a file that cannot be
used is refused with one `DataError` that says the mend.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from common.table import PART_NAMES, read_table
from common.validation import DataError, Report
from recipes.wide_deep.columns import MOSTLY, as_numbers, is_missing

HELD_OUT = 0.1  # share of the rows for validation, and for test where there is no test part
FEWEST_ROWS, FEWEST_OF_A_CLASS = 50, 10
MOST_CLASSES = 100  # of a target made of words or whole numbers
SPLITS = PART_NAMES | {"other": "other"}


def read_own(
    path: Path,
    target: str | None,
    split: str | None,
    group: str | None,
    item: str | None,
    seed: int,
) -> dict:
    """Read a file of the user's.

    Args:
        path: of the file; target, split, group, item: its columns, see `data.load`.
        seed: of the parts that rows are dealt into.

    Returns:
        Fields of `TableData`, and "lines": the line of the file that each row begins in.

    Raises:
        DataError: the file cannot be used.
    """
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
    if item is not None and item in (target, split, group):
        raise DataError(f"{path}: ITEM_COLUMN={item!r} is also the target, split or group column.")
    missing = is_missing(frame[target])
    for row in np.flatnonzero(missing):
        report.add("no target", f"{target!r} is empty", file=path, row=int(lines[row]))
    frame, lines = frame[~missing].reset_index(drop=True), lines[~missing]
    values, classes, kept = _target(path, frame[target], lines, report)
    frame, lines = frame[kept].reset_index(drop=True), lines[kept]
    if len(frame) < FEWEST_ROWS:
        raise DataError(f"{path} has {len(frame)} usable rows, at least {FEWEST_ROWS} are needed. "
                        f"{report.summary()}")
    groups = None if group is None else _groups(path, frame[group], lines, report)
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


def _groups(path: Path, said: pd.Series, lines: np.ndarray, report: Report) -> np.ndarray:
    """Numbers from 0; a row without a group is one of its own."""
    groups = pd.factorize(said.mask(is_missing(said)))[0]
    alone = np.flatnonzero(groups < 0)
    for row in alone:
        report.add("no group", f"{said.name!r} is empty: a group of its own", file=path,
                   row=int(lines[row]), action="kept")  # fmt: skip
    groups[alone] = groups.max() + 1 + np.arange(len(alone))
    return groups


def _read(path: Path, report: Report) -> tuple[pd.DataFrame, np.ndarray]:
    """The table as text (Parquet keeps its types), and the line that each row begins in."""
    if path.suffix.lower() in (".parquet", ".pq"):
        try:
            frame = pd.read_parquet(path)
        except (OSError, ValueError) as error:  # pyarrow's errors are these too
            raise DataError(f"{path} cannot be read as Parquet: {error}. Is it whole?") from error
        if any(name is not None for name in frame.index.names):
            frame = frame.reset_index()  # a column that pandas has put aside
        frame = frame.rename(columns=str)
        for name in frame.columns:
            kinds = frame[name].dropna().map(type).unique() if frame[name].dtype == object else []
            if any(not issubclass(kind, (str, int, float, bool)) for kind in kinds):
                report.add("column left out", f"column {name!r} holds lists or objects",
                           action="kept")  # fmt: skip
                frame = frame.drop(columns=name)
        return frame, np.arange(1, len(frame) + 1)
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
    classes = sorted(set(counts.index) - rare, key=str.casefold)
    numbers = as_numbers(pd.Series(classes, dtype="string"))
    if np.isfinite(numbers).all():
        classes = [classes[place] for place in np.argsort(numbers, kind="stable")]
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
        parts[train[drawn(np.zeros(len(train)), HELD_OUT, 0)]] = "validation"
    return parts


def _deal(labels: np.ndarray | None, groups: np.ndarray | None, rows: int, seed: int) -> np.ndarray:
    """80/10/10, the same share of every class; groups stay together and classes are let be."""
    if groups is not None:
        count = int(groups.max()) + 1
        if count < 3:
            raise DataError(f"GROUP_COLUMN holds {count} group(s); three or more are needed, for "
                            "a group stays together in one part.")
        order = np.random.default_rng(seed).permutation(count)
        held = np.cumsum(np.bincount(groups)[order])  # rows of so many groups
        test = min(int(np.searchsorted(held, HELD_OUT * rows)) + 1, count - 2)
        both = min(max(int(np.searchsorted(held, 2 * HELD_OUT * rows)), test) + 1, count - 1)
        part = np.full(count, "train", "U10")
        part[order[test:both]], part[order[:test]] = "validation", "test"
        return part[groups]
    parts = np.full(rows, "train", "U10")
    strata = np.zeros(rows) if labels is None else labels
    rest = np.arange(rows)
    for name, share in (("test", HELD_OUT), ("validation", HELD_OUT / (1 - HELD_OUT))):
        chosen = drawn(strata[rest], share, seed)
        parts[rest[chosen]] = name
        rest = np.delete(rest, chosen)
    return parts


def drawn(strata: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Ascending places of about `share` of the rows, the same share of every stratum."""
    from sklearn.model_selection import train_test_split

    places = np.arange(len(strata))
    _, chosen = train_test_split(places, test_size=share, random_state=seed, stratify=strata)
    return np.sort(chosen)
