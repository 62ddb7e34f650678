"""Dates are read alike in a data frame, in a SavedModel's graph, and by the calendar."""

import datetime

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from recipes.wide_deep import dates
from recipes.wide_deep.columns import infer
from recipes.wide_deep.graph import _dates

SAID = [
    "2020-04-03", "3.4.2020", "04/03/2020", "13/03/2020", "2020-04-03 10:20", "1999-1-1",
    "2024-02-29T23:59:59", "2020-01-03T23:30:00-05:00", "2020-01-03 05:00:00.25Z", "9999-12-31",
    "2019-02-29", "2019-04-31", "1900-02-29", "2000-02-29", "0000-01-01", "2020-13-01",
    "2020-01-03 11:00 PM", "2020-01-01 24:00", "5:30", "now", "today", "", "no", "1.13.2020",
]  # fmt: skip


@pytest.mark.parametrize("day_first", [False, True])
def test_frame_and_graph_agree(day_first):
    frame = dates.parse(pd.Series(SAID), day_first)
    graph = {name: array.numpy() for name, array in _dates(tf.constant(SAID), day_first).items()}
    np.testing.assert_array_equal(frame.days.astype(np.float32), graph["days"])
    for name in ("weekday", "month", "hour"):
        said = [value.decode() for value in graph[name]]
        assert getattr(frame, name).fillna("").tolist() == said


def test_what_is_a_date():
    days = dates.parse(pd.Series(SAID)).days
    assert [said for said, day in zip(SAID, days, strict=True) if np.isnan(day)] == [
        "13/03/2020", "2019-02-29", "2019-04-31", "1900-02-29", "0000-01-01", "2020-13-01",
        "2020-01-03 11:00 PM", "2020-01-01 24:00", "5:30", "now", "today", "", "no", "1.13.2020",
    ]  # fmt: skip


def test_days_are_the_calendars():
    random = np.random.default_rng(0)
    known = [datetime.date.fromordinal(int(n)) for n in random.integers(1, 3_650_000, 500)]
    found = dates.parse(pd.Series([day.isoformat() for day in known]))
    first = datetime.date(1970, 1, 1).toordinal()
    assert found.days.tolist() == [day.toordinal() - first for day in known]
    assert found.weekday.tolist() == [str(day.weekday()) for day in known]


def test_pandas_dates_are_the_clock_on_the_wall():
    plain = pd.Series(pd.to_datetime(["2020-01-03 23:30", None, "2021-07-01 00:10"]))
    expected = dates.parse(plain.dt.strftime("%Y-%m-%d %H:%M"))
    for values in (plain, plain.dt.tz_localize("America/New_York")):
        found = dates.parse(values)
        np.testing.assert_array_equal(found.days, expected.days)
        assert found.hour.tolist()[::2] == ["23", "0"] and pd.isna(found.hour[1])


def test_days_before_months_are_found_out():
    every = pd.date_range("2020-01-01", periods=600)
    for form, first in (("%d/%m/%Y", True), ("%m/%d/%Y", False)):
        column = infer(pd.DataFrame({"day": every.strftime(form)})).columns[0]
        assert (column.kind, column.day_first) == ("date", first)
        found = dates.parse(pd.Series(every.strftime(form)), column.day_first).days
        assert (np.diff(found) == 1).all()
