"""Kinds of columns are guessed as a person would, and every guess can be corrected."""

import numpy as np
import pandas as pd
import pytest

from common.validation import DataError, Report
from recipes.wide_deep import config
from recipes.wide_deep.columns import as_numbers, check_leaks, infer, is_missing

ROWS = 200
RANDOM = np.random.default_rng(0)


def kind(values, name="x"):
    frame = pd.DataFrame({name: values})
    return infer(frame).columns[0].kind


@pytest.mark.parametrize(
    "values, expected",
    [
        ([f"{x:.2f}" for x in RANDOM.normal(size=ROWS)], "number"),
        ([str(x) for x in RANDOM.integers(18, 80, ROWS)], "number"),
        ([f"1,{x:03d}" for x in RANDOM.integers(0, 999, ROWS)], "number"),
        (["1.5", "?", "2.5", "", "7"] * 40, "number"),
        (list(RANDOM.choice(["red", "green"], ROWS)), "category"),
        (["0", "1"] * 100, "category"),
        ([True, False] * 100, "category"),
        ([f"{x:05d}" for x in RANDOM.integers(0, 99999, ROWS)], "category"),
        (["2020-01-05", "2021-11-30 10:20", ""] * 60, "date"),
        (["5.1.2020", "30.11.2021"] * 60, "date"),
        (list(pd.date_range("2020-01-01", periods=ROWS)), "date"),
        ([f"the soup number {x} was rather good today" for x in range(ROWS)], "text"),
        ([f"user{x}" for x in range(ROWS)], "ignore"),
        ([str(x) for x in range(ROWS)], "ignore"),
        (["same"] * ROWS, "ignore"),
        (["", "?", "NA", None] * 50, "ignore"),
        (["12 kg", "7 kg", "9 kg"] * 50, "category"),
    ],
)
def test_kinds(values, expected):
    assert kind(values) == expected


@pytest.mark.parametrize("name", ["item_id", "id", "User_ID"])
def test_numbers_that_name_things_are_categories(name):
    assert kind([str(x) for x in RANDOM.integers(0, 50, ROWS)], name) == "category"


def test_a_column_left_out_is_no_feature():
    frame = pd.DataFrame({"a": ["x", "y"] * 9, "bought": ["0", "1"] * 9})
    assert infer(frame, leave_out=["bought"]).used == ["a"]


def test_numbers_and_what_is_none():
    found = as_numbers(pd.Series(["1,234.5", "1,5", " 7 ", "-3e2", "x", None, "inf", "12 kg"]))
    np.testing.assert_array_equal(
        found, [1234.5, np.nan, 7, -300, np.nan, np.nan, np.nan, np.nan]
    )
    np.testing.assert_array_equal(as_numbers(pd.Series([1, 2], dtype="Int64")), [1.0, 2.0])



def test_what_counts_as_missing():
    found = is_missing(pd.Series(["?", " NA", "none", "", None, "0", "nano"]))
    assert found.tolist() == [True] * 5 + [False] * 2


def test_corrections():
    frame = pd.DataFrame({"zip": ["1", "2", "3"] * 9, "note: b": ["x", "y", "z"] * 9})
    columns = infer(frame).corrected("zip: category, note: b: ignore")
    assert columns.of("category") == ["zip"] and columns.of("ignore") == ["note: b"]
    assert columns.table().loc["zip", "why"] == "you said so"
    assert infer(frame).corrected("") == infer(frame)


def test_names_with_commas_stand_in_quotes():
    frame = pd.DataFrame({"pay, monthly": ["1", "2", "3"] * 9, "a x b": ["x", "y", "z"] * 9})
    columns = infer(frame).corrected('"pay, monthly": category,"a x b" : ignore')
    assert columns.of("category") == ["pay, monthly"] and columns.of("ignore") == ["a x b"]
    assert config.crosses('"pay, monthly" x "a x b", c×d') == [
        ("pay, monthly", "a x b"), ("c", "d"),
    ]  # fmt: skip


def test_a_day_first_is_seen_before_the_user_calls_the_column_a_date():
    said = ["31/01/2024", "01/02/2024", "soon", "later"] * 30
    columns = infer(pd.DataFrame({"when": said}))
    assert columns.of("category") == ["when"]
    assert columns.corrected("when: date").day_first("when")


@pytest.mark.parametrize(
    "line, message",
    [
        ("zipp: category", "no column 'zipp'.*Did you mean 'zip'"),
        ("zip: colour", "'zip: colour' is not understood.*number, category"),
        ("zip", "'zip' is not understood"),
    ],
)
def test_wrong_corrections_say_what_would_do(line, message):
    frame = pd.DataFrame({"zip": ["1", "2", "3"] * 9})
    with pytest.raises(DataError, match=message):
        infer(frame).corrected(line)


def test_a_column_made_of_the_target_is_named():
    target = RANDOM.integers(0, 2, 1000)
    frame = pd.DataFrame({
        "colour": RANDOM.choice(["red", "green"], 1000),
        "paid": np.where(target, "yes", "no"),
        "amount": np.where(target, 10 + RANDOM.random(1000), RANDOM.random(1000)).astype(str),
        "age": RANDOM.integers(18, 80, 1000).astype(str),
    })  # fmt: skip
    report = Report("table")
    assert check_leaks(frame, infer(frame), target, report) == ["paid", "amount"]
    assert "paid: ignore" in report.summary()
    values = target + RANDOM.normal(size=1000)
    frame["doubled"] = (2 * values).astype(str)
    assert check_leaks(frame, infer(frame), values, Report("table")) == ["doubled"]


def test_a_rare_class_is_no_leak():
    """99.5 % of the rows are of one class: saying it always is right 99.5 % of the time."""
    target = (RANDOM.random(2000) < 0.005).astype(int)
    frame = pd.DataFrame({"colour": RANDOM.choice(["red", "green"], 2000)})
    assert check_leaks(frame, infer(frame), target, Report("table")) == []
