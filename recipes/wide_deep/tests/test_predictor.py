"""The finished product: the same answers from memory, from disk and from a SavedModel."""

import csv
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from common import export
from common.validation import DataError
from recipes.wide_deep import data, prepared
from recipes.wide_deep.features import Features
from recipes.wide_deep.graph import signature
from recipes.wide_deep.predict import main
from recipes.wide_deep.predictor import TablePredictor
from recipes.wide_deep.tests.conftest import KINDS, SMALL
from recipes.wide_deep.train import build


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_predictor_says_the_same(trained, kind, tmp_path):
    one = trained[kind]
    rows = one.table.frame.iloc[one.found.rows]
    said = one.predictor.predict(rows)
    np.testing.assert_allclose(said, one.found.answers["wide & deep"], rtol=1e-4, atol=1e-5)
    again = TablePredictor.load(one.predictor.save(tmp_path / "predictor"))
    np.testing.assert_allclose(again.predict(rows[rows.columns[::-1]]), said, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_saved_model_takes_raw_columns_by_name(trained, kind, tmp_path):
    one = trained[kind]
    frame = one.table.frame.iloc[one.found.rows[:40]].copy()
    frame.iloc[0] = ["", "Rome", "", "", ""]  # missing and new values
    said = one.predictor.predict(frame)
    check = {"probabilities": said} if one.table.classes else {"value": said}
    folder = export.saved_model(
        tmp_path / "export", one.predictor.module(), "predict", one.predictor.example(frame),
        check, 1e-5 if one.table.classes else 1e-2,
    )  # fmt: skip
    served = tf.saved_model.load(str(folder)).signatures["predict"]
    names = set(served.structured_input_signature[1])
    assert names == {"age", "home_city", "job", "day"}
    with pytest.raises(TypeError, match="job"):
        served(age=tf.constant([1.0]), home_city=tf.constant(["Ulm"]), day=tf.constant([""]))


def test_columns_whose_names_meet_in_a_saved_model_stay_apart(trained):
    features = trained["two"].predictor.features
    twins = [replace(features.categories[0], name=name) for name in ("a b", "a-b", "A b", "1")]
    names = [spec.name for spec in signature(Features([], twins, [])).values()]
    assert len({name.casefold() for name in names}) == 4 and names[3] == "column_1"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"job": "jobs"}, r"'job' is missing \(is it 'jobs'\?\)"),
        ({"job": None}, "'job' is missing"),
        ({"extra": "x"}, "'extra' was not there in training"),
    ],
)
def test_wrong_columns_are_refused_by_name(trained, change, message):
    one = trained["two"]
    frame = one.table.frame.head(3).copy()
    for name, new in change.items():
        if new is None:
            frame = frame.drop(columns=name)
        elif name in frame:
            frame = frame.rename(columns={name: new})
        else:
            frame[name] = new
    with pytest.raises(DataError, match=message):
        one.predictor.predict(frame)


def test_a_column_that_stands_twice_is_refused(trained):
    with pytest.raises(DataError, match="'job' stands there twice"):
        trained["two"].predictor.check_columns(["age", "home city", "job", "day", "job"])


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    return trained["two"].predictor.save(tmp_path_factory.mktemp("model") / "predictor")


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_file_gains_answers_and_bad_rows_say_why(model, trained, tmp_path, capsys):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(
        "nr;job;age;home city;day\n1;cook;70;Ulm;2020-01-03\n2;cook;old;Ulm;2020-01-03\n"
        "3;clerk;;Rome;\n4;clerk;20;Bonn;someday\n5;clerk\n"
    )
    assert main([str(model), str(source), str(target), "--keep", "nr"]) == 0
    rows = rows_of(target)
    assert [row["predicted"] for row in rows] == ["yes", "", rows[2]["predicted"], "", ""]
    assert rows[2]["predicted"] and float(rows[0]["probability_yes"]) > 0.9
    assert rows[1]["problem"] == "age: 'old' is no number"
    assert rows[3]["problem"] == "day: 'someday' is no date"
    assert "2 fields" in rows[4]["problem"] and [row["nr"] for row in rows] == list("12345")
    assert "5 rows, 3 without an answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    "header, message",
    [
        ("nr,job,age,home city,day", "'nr' was not there in training.*--keep"),
        ("jop,age,home city,day", r"'job' is missing \(is it 'jop'\?\)"),
        ("job,age,home city,day,problem", "already has the column"),
        ("", "is empty"),
    ],
)
def test_a_file_of_other_columns_is_one_clear_error(model, tmp_path, capsys, header, message):
    source = tmp_path / "in.csv"
    source.write_text(f"{header}\n" + ",".join("1" for _ in header.split(",")) * bool(header))
    arguments = [str(model), str(source), str(tmp_path / "out.csv")]
    if "problem" in header:
        arguments += ["--keep", "problem"]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert re.search(message, error) and error.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_the_targets_column_may_come_along(model, trained, tmp_path):
    assert main([str(model), str(trained["two"].path), str(tmp_path / "out.csv")]) == 0
    rows = rows_of(tmp_path / "out.csv")
    assert np.mean([row["paid"] == row["predicted"] for row in rows]) > 0.85


def test_the_command_works_in_a_process_of_its_own(model, trained, tmp_path):
    command = [sys.executable, "-m", "recipes.wide_deep.predict"]
    subprocess.run([*command, model, trained["two"].path, tmp_path / "out.csv"], check=True)


def test_missing_and_outdated_predictors_are_named(tmp_path, model):
    with pytest.raises(FileNotFoundError, match="holds no predictor"):
        TablePredictor.load(tmp_path)
    state = model / "predictor.json"
    (tmp_path / "predictor.json").write_text(
        state.read_text().replace('"format": 1', '"format": 0')
    )
    with pytest.raises(DataError, match="another version"):
        TablePredictor.load(tmp_path)


def test_odd_values_mean_the_same_in_a_saved_model(trained):
    one = trained["two"]
    frame = one.table.frame.head(12).copy().astype(object)
    frame["age"] = ["1,234", " 12 ", "nan", "1e400", "?", "x", "1.0", "-5", "1e39", "", "7", "30"]
    frame["home city"] = ["Ulm ", "?", "NA", "none", "Rome", "Bonn"] * 2
    frame["day"] = ["3.1.2020", "2020-01-03T23:30:00-05:00", "01/03/2020", "2019-02-30", "5:30",
                    "2020-01-03 11:00 PM"] * 2  # fmt: skip
    served = one.predictor.module().predict
    inputs = one.predictor.example(frame)
    found = served(**{name: tf.constant(value) for name, value in inputs.items()})
    np.testing.assert_allclose(found["probabilities"], one.predictor.predict(frame), atol=1e-5)
    raw = inputs | {"day": frame["day"].to_numpy(object)}
    raw["home_city"] = frame["home city"].to_numpy(object)
    found = served(**{name: tf.constant(value) for name, value in raw.items()})
    np.testing.assert_allclose(found["probabilities"], one.predictor.predict(frame), atol=1e-5)


def test_whole_numbers_with_gaps_are_the_same_everywhere(tmp_path):
    """Parquet and pandas turn 18 into 18.0 where a neighbour is missing."""
    random = np.random.default_rng(0)
    item = random.choice([18.0, 19.0, np.nan], 400)
    frame = pd.DataFrame({"item_id": item, "bought": np.where(item == 18, "yes", "no")})
    frame.to_parquet(tmp_path / "own.parquet")
    table = data.load(tmp_path / "own.parquet", target_column="bought")
    ready = prepared.prepare(table, None)
    network = build(SMALL, ready.features, table.target, 2, 1)
    predictor = TablePredictor(table.columns, ready.features, [network], "bought", table.classes)
    assert predictor.example(table.frame)["item_id"].tolist()[:3] == [
        "" if np.isnan(value) else f"{value:.0f}" for value in item[:3]
    ]
    ids = [predictor.features.arrays(pd.DataFrame({"item_id": [said]}))["ids"][0, 0]
           for said in (18.0, "18", "18.0", 18)]  # fmt: skip
    assert len(set(ids)) == 1 and ids[0] > 0
