"""Dates as written in tables: 2020-04-03, 3.4.2020, 04/03/2020, with or without a time of day.

The clock on the wall counts: an offset such as +02:00 is read over. `graph.py` reads the same
patterns inside a TensorFlow graph.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

_TIME = (
    r"(?:[ T](\d{1,2})(?::\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?)?"
)
# Pattern, and which of its groups are year, month and day; slashes are month first unless said.
ISO = rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){_TIME}", (1, 2, 3)
DOTS = rf"(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}){_TIME}", (3, 2, 1)
SLASHES = rf"(\d{{1,2}})/(\d{{1,2}})/(\d{{4}}){_TIME}", (3, 1, 2)
SLASHES_DAY_FIRST = SLASHES[0], (3, 2, 1)
MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Dates(NamedTuple):
    """Of each row days since 1970 (float64, NaN where no date stands) and parts as text (or NA)."""

    days: np.ndarray
    weekday: pd.Series  # "0" is Monday
    month: pd.Series
    hour: pd.Series


def forms(day_first: bool):
    """The patterns and the places of year, month and day in them."""
    return ISO, DOTS, SLASHES_DAY_FIRST if day_first else SLASHES


def parse(values: pd.Series, day_first: bool = False) -> Dates:
    """Read a column of dates.

    Args:
        values: text, or pandas dates.
        day_first: 03/04/2020 is the third of April.
    """
    if pd.api.types.is_datetime64_any_dtype(values):
        parts = [getattr(values.dt, name) for name in ("year", "month", "day", "hour")]
        fields = np.stack([part.fillna(0).to_numpy(np.int64) for part in parts], axis=1)
    else:
        said = values.astype("string").str.strip()
        fields = np.zeros((len(said), 4), np.int64)
        for pattern, places in forms(day_first):
            found = said.str.extract(f"^{pattern}$")
            hit = found[0].notna().to_numpy(bool)
            numbers = found[hit].fillna("0").to_numpy(dtype=str).astype(np.int64)
            fields[hit] = numbers[:, [place - 1 for place in places] + [3]]
    year, month, day, hour = fields.T
    inside = np.clip(month, 1, 12) - 1
    leap = (month == 2) & (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = np.array(MONTH_LENGTHS)[inside] + leap
    good = (year > 0) & (month == inside + 1) & (day >= 1) & (day <= length) & (hour < 24)
    days = days_from_civil(year, month, day)

    def text(numbers):
        return pd.Series(numbers, index=values.index).astype("string").where(good)

    return Dates(
        np.where(good, days.astype(float), np.nan), text((days + 3) % 7), text(month), text(hour)
    )  # the first of January 1970 was a Thursday


def is_day_first(values: pd.Series) -> bool:
    """Whether some date with slashes makes sense only with the day before the month."""
    found = values.astype("string").str.strip().str.extract(f"^{SLASHES[0]}$")
    first, second = (pd.to_numeric(found[k], errors="coerce") for k in (0, 1))
    return bool((first > 12).any() and not (second > 12).any())


def days_from_civil(year, month, day):
    """Days since 1970 in the Gregorian calendar, of int64 arrays or tensors of true dates."""
    early = (14 - month) // 12  # 1 in January and February: here years begin in March
    year = year - early
    of_year = (153 * (month + 12 * early - 3) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + of_year - 719_468
