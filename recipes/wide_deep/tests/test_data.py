"""Three doors, one kind of table; what is wrong with a file is named."""

import json

import numpy as np
import pandas as pd
import pytest

from common.validation import DataError
from recipes.wide_deep import columns as columns_module
from recipes.wide_deep import data, prepared


def own(tmp_path, rows=200, **changes):
    random = np.random.default_rng(0)
    frame = pd.DataFrame({
        "age": random.integers(18, 80, rows), "city": random.choice(["Ulm", "Bonn"], rows),
        "bought": random.choice(["yes", "no"], rows),
    }).astype(object)  # fmt: skip
    for name, values in changes.items():
        frame[name] = values
    path = tmp_path / "own.csv"
    frame.to_csv(path, index=False)
    return path


def test_the_sample_is_dealt_by_day():
    table = data.load("sample")
    assert table.synthetic and len(table) == 500_000 and table.classes[1] == "installed"
    days = {part: set(table.frame["day"].iloc[table.rows(part)]) for part in ("train", "test")}
    assert max(days["train"]) < min(days["test"])
    assert not set(table.group[table.rows("train")]) & set(table.group[table.rows("test")])
    assert len(table.truth) == len(table) and "installed" not in table.frame
    assert {"user_id", "app"} <= set(table.columns.of("category"))
    assert "synthetic" in str(table.card())


def test_limit_keeps_every_part():
    table = data.load("sample", limit=500)
    assert [len(table.rows(part)) for part in ("train", "validation", "test")] == [500] * 3
    assert len(table.truth) == len(table.group) == len(table) == 1500


def test_a_file_is_dealt_by_class(tmp_path):
    table = data.load(own(tmp_path), target_column="bought")
    assert table.classes == ["no", "yes"] and table.columns.used == ["age", "city"]
    sizes = {part: len(table.rows(part)) for part in ("train", "validation", "test")}
    assert sizes == {"train": 160, "validation": 20, "test": 20}
    again = data.load(tmp_path / "own.csv", target_column="bought")
    assert again.fingerprint == table.fingerprint
    assert (data.load(own(tmp_path), target_column="bought", seed=1).split != table.split).any()


def test_parquet_is_the_same_table(tmp_path):
    path = own(tmp_path)
    frame = pd.read_csv(path)
    frame.to_parquet(tmp_path / "own.parquet")
    one, other = (
        data.load(tmp_path / f"own.{kind}", target_column="bought") for kind in ("csv", "parquet")
    )
    assert one.columns.of("number") == other.columns.of("number") == ["age"]
    np.testing.assert_array_equal(one.target, other.target)
    np.testing.assert_array_equal(one.split, other.split)


def test_json_lines(tmp_path):
    rows = pd.read_csv(own(tmp_path)).to_dict("records")
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert data.load(path, target_column="bought").columns.of("number") == ["age"]


def test_a_numeric_target(tmp_path):
    path = own(tmp_path, price=[f"{x:.2f}" for x in np.random.default_rng(1).normal(size=200)])
    table = data.load(path, target_column="price")
    assert table.classes == [] and table.target.dtype == np.float32
    assert "mean" in str(table.card())


def test_whole_numbers_of_few_values_are_classes_in_order(tmp_path):
    path = own(tmp_path, stars=[str(k % 12) for k in range(200)])
    assert data.load(path, target_column="stars").classes == [str(k) for k in range(12)]


def test_groups_stay_together(tmp_path):
    path = own(tmp_path, visit=np.arange(200) // 4)
    table = data.load(path, target_column="bought", group_column="visit")
    parts = pd.Series(table.split).groupby(table.group).nunique()
    assert (parts == 1).all() and set(table.split) == {"train", "validation", "test"}
    assert "visit" not in table.frame


def test_a_split_column(tmp_path):
    path = own(tmp_path, part=["Train"] * 150 + ["test"] * 50)
    table = data.load(path, target_column="bought", split_column="part")
    assert len(table.rows("test")) == 50 and len(table.rows("validation")) == 15


def test_bad_rows_are_named(tmp_path):
    path = own(tmp_path)
    lines = path.read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ","
    lines[5] = "old," + lines[5].split(",", 1)[1]
    lines[7] = "1,2"
    path.write_text("\n".join([*lines, "30,Ulm,perhaps"]))
    table = data.load(path, target_column="bought")
    said = table.report.summary()
    assert "row 4: 'bought' is empty (dropped)" in said
    assert "row 6: 'old' in the number column 'age'" in said
    assert "row 8: 2 fields, the header has 3" in said
    assert "only 1 rows of class 'perhaps'" in said
    assert len(table) == 198
    with pytest.raises(DataError, match="strict"):
        data.load(path, target_column="bought", strict=True)


def test_leaks_and_useless_columns_are_named(tmp_path):
    bought = pd.read_csv(own(tmp_path))["bought"]
    path = own(tmp_path, bought=bought, paid=np.where(bought == "yes", "1", "0"),
               shop=["here"] * 200, row=np.arange(200))  # fmt: skip
    said = data.load(path, target_column="bought").report.summary()
    assert "column 'paid' alone is right 100.0% of the time" in said
    assert "'shop': the same value everywhere" in said and "row numbers?" in said
    table = data.load(path, target_column="bought", columns="paid: ignore")
    assert "alone" not in table.report.summary() and "paid" not in table.columns.used


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"data": "adlut"}, "Did you mean 'adult'"),
        ({"data": "nowhere.csv"}, "does not exist"),
        ({}, "TARGET_COLUMN = one of 'age', 'city', 'bought'"),
        ({"target_column": "bougth"}, "TARGET_COLUMN='bougth'.*Did you mean 'bought'"),
        ({"target_column": "bought", "split_column": "city"}, "line 2: '.*' in the column 'city'"),
        ({"target_column": "bought", "columns": "agee: number"}, "Did you mean 'age'"),
        ({"target_column": "bought", "columns": "age: ignore, city: ignore"}, "no column is left"),
    ],
)
def test_refusals_say_the_mend(tmp_path, arguments, message):
    path = own(tmp_path)
    with pytest.raises(DataError, match=message):
        data.load(**{"data": path, **arguments})


def test_a_target_without_use_is_refused(tmp_path):
    with pytest.raises(DataError, match="the same in every row"):
        data.load(own(tmp_path, bought="yes"), target_column="bought")
    with pytest.raises(DataError, match="200 different values that are no"):
        data.load(own(tmp_path, name=[f"u{k}" for k in range(200)]), target_column="name")
    with pytest.raises(DataError, match="30 usable rows"):
        data.load(own(tmp_path, rows=30), target_column="bought")


def test_a_limit_too_small():
    with pytest.raises(ValueError, match="LIMIT=3"):
        data.load("sample", limit=3)


@pytest.mark.parametrize(
    "values, classes",
    [
        (["True", "False"] * 100, ["False", "True"]),
        (["0", "1", "2", "10"] * 50, ["0", "1", "2", "10"]),
        (["0", "1"] * 90 + ["unknown"] * 20, ["0", "1", "unknown"]),
        (["1,000", "2,000"] * 100, ["1,000", "2,000"]),
    ],
)
def test_targets_of_many_kinds(tmp_path, values, classes):
    assert data.load(own(tmp_path, bought=values), target_column="bought").classes == classes


def test_parquet_of_many_kinds(tmp_path):
    frame = pd.read_csv(own(tmp_path))
    frame["flag"] = np.where(np.arange(200) % 3, 1.0, np.nan)
    frame["flag"] = frame["flag"].mask(np.arange(200) % 2 == 0, 0.0)
    frame["gain"] = np.where(np.arange(200) < 3, np.inf, np.arange(200) + 0.5)
    frame["tags"] = [["a", "b"]] * 200
    frame["bought"] = frame["bought"] == "yes"
    frame["key"] = [f"k{k % 9}" for k in range(200)]
    path = tmp_path / "own.parquet"
    frame.set_index("key").to_parquet(path)
    table = data.load(path, target_column="bought")
    said = table.report.summary()
    assert "'tags' holds lists" in said and "'inf' in the number column 'gain'" in said
    assert "key" in table.frame and "tags" not in table.frame and table.classes == ["False", "True"]
    ready = prepared.prepare(table, None, minimum_count=1)
    assert ready.features.single_ids(table.frame).max() > 0 and np.isfinite(
        ready.inputs["numbers"]
    ).all()
    flag = next(f for f in ready.features.categories if f.name == "flag")
    assert set(flag.values) == {"0", "1"}  # and not "0.0"


def test_a_sorted_table_is_looked_at_all_over(tmp_path, monkeypatch):
    monkeypatch.setattr(columns_module, "_LOOKED_AT", 50)
    path = own(tmp_path, shop=["here"] * 150 + ["there"] * 50)
    assert "shop" in data.load(path, target_column="bought").columns.used
    path = own(tmp_path, place=[str(k % 5) for k in range(200)])
    for looked_at in (20, 32, 40, 50, 80):  # none of them falls in with the five places
        monkeypatch.setattr(columns_module, "_LOOKED_AT", looked_at)
        assert "place" in data.load(path, target_column="bought").columns.used


def test_groups_stay_together_and_every_part_has_some(tmp_path):
    who = [f"g{k % 4}" for k in range(196)] + [""] * 4
    for seed in range(6):
        table = data.load(own(tmp_path, who=who), target_column="bought", group_column="who",
                          seed=seed)  # fmt: skip
        parts = pd.Series(table.split).groupby(table.group).nunique()
        assert (parts == 1).all() and set(table.split) == {"train", "validation", "test"}
        assert len(set(table.group)) == 8  # a row without a group is one of its own
    with pytest.raises(DataError, match="three or more"):
        data.load(own(tmp_path, who=["a", "b"] * 100), target_column="bought", group_column="who")
    with pytest.raises(DataError, match="ITEM_COLUMN='who'"):
        data.load(own(tmp_path, who=who), target_column="bought", group_column="who",
                  item_column="who")  # fmt: skip


def test_a_limit_keeps_whole_visits():
    table = data.load("sample", limit=500)
    assert set(np.bincount(np.unique(table.group, return_inverse=True)[1])) == {5}


def test_parts_that_cannot_be_measured_are_refused(tmp_path):
    bought = ["yes"] * 12 + ["no"] * 188
    split = ["train"] * 100 + ["test"] * 100
    with pytest.raises(DataError, match="0 test row.s. of class 'yes'"):
        data.load(own(tmp_path, bought=bought, part=split), target_column="bought",
                  split_column="part")  # fmt: skip
