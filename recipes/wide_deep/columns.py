"""What each column of a table is: guessed from its content, shown for correction, checked.

A table comes in as a data frame of strings (or of numbers, from Parquet). `infer` says of every
column whether it is a number, a category, a date, free text or nothing to learn from, and why;
`Columns` holds the answer, which the user may correct by a line: "zip: category, note: text".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Literal, get_args

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from common.validation import DataError, Report
from recipes.wide_deep import dates

Kind = Literal["number", "category", "date", "text", "ignore"]
MISSING = ("", "?", "na", "n/a", "nan", "null", "none")  # in any case, blanks removed
FEW_VALUES = 12  # a whole-number column with no more different values may be a code
MOSTLY = 0.95  # of the values must be numbers or dates for the column to be one
_LOOKED_AT = 20_000  # rows that a guess looks at
_TEXT_WORDS, _TEXT_DIFFERENT = 4, 0.5  # words on average, share of values that differ


class Column(BaseModel):
    """One column: its name, what it is, and what says so."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    why: str
    day_first: bool = False  # of dates with slashes


class Columns(BaseModel):
    """The columns that a model may read, in the order of the table."""

    model_config = ConfigDict(frozen=True)

    columns: tuple[Column, ...]

    def of(self, *kinds: Kind) -> list[str]:
        """Names of the columns of some kinds."""
        return [column.name for column in self.columns if column.kind in kinds]

    def day_first(self, name: str) -> bool:
        """How dates with slashes are read in a column."""
        return next(column.day_first for column in self.columns if column.name == name)

    @property
    def used(self) -> list[str]:
        """Names of all columns that the model reads."""
        return self.of("number", "category", "date", "text")

    def table(self) -> pd.DataFrame:
        """The columns for the notebook: name, kind, why."""
        return pd.DataFrame([column.model_dump() for column in self.columns]).set_index("name")

    def corrected(self, line: str) -> Columns:
        """The same with the user's word for some: 'zip: category, "pay, monthly": number'.

        Raises:
            DataError: a column or kind that does not exist, with the nearest one that does.
        """
        said: dict[str, str] = {}
        names = [column.name for column in self.columns]
        for part in split_names(line, ","):
            name, kind = [*split_names(part, ":(?=[^:]*$)"), "", ""][:2]
            if kind not in get_args(Kind):
                raise DataError(
                    f"COLUMNS: {part!r} is not understood. Write \"name: kind\" with one of "
                    f"{', '.join(get_args(Kind))}, separated by commas."
                )
            if name not in names:
                near = get_close_matches(name, names, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise DataError(f"COLUMNS: there is no column {name!r}.{hint} There are: "
                                f"{', '.join(names)}.")
            said[name] = kind
        return Columns(columns=tuple(
            column.model_copy(update={"kind": said[column.name], "why": "you said so"})
            if column.name in said else column
            for column in self.columns
        ))  # fmt: skip


def split_names(line: str, between: str) -> list[str]:
    """The names in a line, which may stand in double quotes to hold what else parts them.

    Args:
        line: such as 'zip: category, "pay, monthly": number'.
        between: regular expression of what parts them.
    """
    parts = re.split(f'(?:{between})(?=(?:[^"]*"[^"]*")*[^"]*$)', line)
    return [re.sub(r'^"([^"]*)"$', r"\1", part.strip()) for part in parts if part.strip()]


def is_missing(values: pd.Series) -> np.ndarray:
    """bool [rows]: nothing stands there."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values.isna().to_numpy()
    said = values.astype("string").str.strip().str.casefold()
    return (said.isna() | said.isin(MISSING)).to_numpy(dtype=bool)


def as_numbers(values: pd.Series) -> np.ndarray:
    """float64 [rows], NaN where nothing or no number stands; 1,234.5 is one, 12 kg is not.

    Nor is a number that float32 cannot hold, because the networks could not read it.
    """
    if pd.api.types.is_numeric_dtype(values):
        return _finite(values.to_numpy(np.float64, na_value=np.nan))
    said = values.astype("string").str.strip()
    # Thousands separators only where they part groups of three, so that 1,5 is no 15.
    grouped = said.str.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?").fillna(False)
    said = said.mask(grouped, said.str.replace(",", ""))
    return _finite(pd.to_numeric(said, errors="coerce").to_numpy(np.float64, na_value=np.nan))


def _finite(numbers: np.ndarray) -> np.ndarray:
    return np.where(np.abs(numbers) <= np.finfo(np.float32).max, numbers, np.nan)


def infer(frame: pd.DataFrame, leave_out: Iterable[str] = ()) -> Columns:
    """Say what each column is, from the training rows alone.

    Args:
        frame: the table; `leave_out` names columns that are not features (target, split).
    """
    # From all over the table: the first rows of a sorted one are alike, and so are every hundredth
    # of one in which five places follow each other.
    some = frame
    if len(frame) > _LOOKED_AT:
        chosen = np.random.default_rng(0).choice(len(frame), _LOOKED_AT, replace=False)
        some = frame.iloc[np.sort(chosen)]
    found = []
    for name in frame.columns:
        if name not in set(leave_out):
            kind, why = _kind(some[name], name)
            day_first = False
            if pd.api.types.is_string_dtype(frame[name]):
                # Of the others too, for the user may say that they are dates.
                day_first = dates.is_day_first((frame if kind == "date" else some)[name])
            if day_first and kind == "date":
                why += ", the day first"
            found.append(Column(name=name, kind=kind, why=why, day_first=day_first))
    return Columns(columns=tuple(found))


def _kind(values: pd.Series, name: str) -> tuple[Kind, str]:
    if not name.strip():
        return "ignore", "it has no name: row numbers?"
    there = values[~is_missing(values)]
    different = there.nunique()
    if different == 0:
        return "ignore", "nothing stands in it"
    if different == 1:
        return "ignore", f"the same value everywhere: {there.iloc[0]!r}"
    if pd.api.types.is_datetime64_any_dtype(there):
        return "date", "dates"
    numbers = as_numbers(there)
    if pd.api.types.is_bool_dtype(there):
        return "category", "true or false"
    if np.isfinite(numbers).mean() >= MOSTLY:
        return _numeric(there, numbers, different)
    said = there.astype("string").str.strip()
    read = max((dates.parse(there, day_first).days for day_first in (False, True)),
               key=lambda days: np.isfinite(days).sum())  # fmt: skip
    if np.isfinite(read).mean() >= MOSTLY:
        return "date", f"dates such as {there.iloc[0]!r}"
    words = said.str.split().str.len().mean()
    if words >= _TEXT_WORDS and different > _TEXT_DIFFERENT * len(there):
        return "text", f"{words:.0f} words on average, {different:,} different values"
    if different == len(there) and len(there) > 50:
        return "ignore", "every row has a value of its own: nothing repeats"
    return "category", f"{different:,} different values"


def _numeric(there: pd.Series, numbers: np.ndarray, different: int) -> tuple[Kind, str]:
    whole = numbers[np.isfinite(numbers)]
    if not (whole == np.round(whole)).all():
        return "number", "numbers with fractions"
    padded = there.astype("string").str.match(r"0\d").fillna(False)
    if padded.mean() > 0.01:
        return "category", "codes with leading zeros"
    name = str(there.name).casefold()
    if name == "id" or name.endswith(("_id", " id", "id_hash")) or name.startswith("id_"):
        if different == len(there) and len(there) > 50:
            return "ignore", "every row has a number of its own"
        return "category", f"its name says that it names things; {different:,} of them"
    if different <= 2:
        return "category", f"two values: {' and '.join(map(str, sorted(set(there))))}"
    if different == len(there) > 50 and (np.diff(whole) > 0).all():
        return "ignore", "whole numbers that rise from row to row: row numbers?"
    few = " (few: a category?)" if different <= FEW_VALUES else ""
    return "number", f"whole numbers, {different:,} different ones{few}"


def misfits(frame: pd.DataFrame, columns: Columns) -> Iterator[tuple[str, Kind, np.ndarray]]:
    """Where a word stands in a number column or no date in a date column: name, kind, rows."""
    for column in columns.columns:
        values = frame.get(column.name)
        if column.kind == "number":
            known = ~np.isnan(as_numbers(values))
        elif column.kind == "date":
            known = ~np.isnan(dates.parse(values, column.day_first).days)
        else:
            continue
        yield column.name, column.kind, np.flatnonzero(~known & ~is_missing(values))


def check_leaks(
    frame: pd.DataFrame, columns: Columns, target: np.ndarray, report: Report
) -> list[str]:
    """Name every single column that predicts the target nearly alone; it may have been made of it.

    Args:
        frame, columns: the training rows.
        target: int class numbers or float values [rows].
        report: receives a finding for each.

    Returns:
        Their names. Half of the rows say what each value means, the other half are guessed by it.
    """
    numeric = target.dtype.kind == "f"
    half = np.random.default_rng(0).permutation(len(frame)) < len(frame) // 2
    suspects = []
    for name in columns.used:
        codes = pd.factorize(_binned(frame[name], columns, name))[0]
        told = pd.DataFrame({"code": codes, "target": target})
        learned = told[half].groupby("code")["target"]
        guess = (learned.mean() if numeric else learned.agg(lambda t: t.mode().iloc[0]))
        said = told["code"][~half].map(guess)
        truth = told["target"][~half]
        known = said.notna()
        if known.mean() < 0.5:  # values that hardly repeat
            continue
        if numeric:
            spread = float(((truth - truth.mean()) ** 2).sum()) or 1.0
            share = 1 - float(((truth - said)[known] ** 2).sum()) / spread
            enough, what = share > 0.99, f"explains {share:.1%} of the target's variance"
        else:
            right = float((said == truth)[known].mean())
            most = float(truth.value_counts(normalize=True).iloc[0])
            enough = right > 0.99 and right - most > 0.5 * (1 - most)
            what = f"is right {right:.1%} of the time"
        if enough:
            suspects.append(name)
            report.add(
                "leaking column",
                f"column {name!r} alone {what}; was it known before the target? "
                f'If not: COLUMNS = "{name}: ignore"',
                action="kept",
            )
    return suspects


def _binned(values: pd.Series, columns: Columns, name: str) -> pd.Series:
    if name in columns.of("number"):
        numbers = pd.Series(as_numbers(values))
        return pd.qcut(numbers.rank(method="dense"), 200, labels=False, duplicates="drop")
    if name in columns.of("date"):
        return pd.Series(dates.parse(values, columns.day_first(name)).days).astype("string")
    return values.astype("string")
