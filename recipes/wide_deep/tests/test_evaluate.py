"""Arms answer the same rows, are kept, and their figures are those of the libraries."""

import json
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss, r2_score, roc_auc_score

from common.results import Run, describe, record
from common.validation import DataError
from recipes.wide_deep import config, data, evaluate, look, prepared, report
from recipes.wide_deep.settings import Settings
from recipes.wide_deep.tests.conftest import KINDS, SMALL

RIGHT = dict(
    DATA="sample", OUTPUT_DIR="out", SEED=0, EPOCHS=None, BATCH_SIZE=None, LIMIT=None, RESUME=True,
    KIND="wide_deep", CROSSES="auto", MINIMUM_COUNT=5, WIDE_L1=0.0, COMPARE=True,
    TARGET_COLUMN=None, SPLIT_COLUMN=None, GROUP_COLUMN=None, ITEM_COLUMN=None, COLUMNS="",
    STRICT=False, MEMORY="grow", PRECISION="float32",
)  # fmt: skip


def test_parameters_become_settings():
    run = config.Parameters.check({**RIGHT, "EPOCHS": 3, "CROSSES": "a x b c, d × e"})
    assert run.settings == Settings(epochs=3)
    assert run.features["cross"] == [("a", "b c"), ("d", "e")]


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"KIND": "wide and deep"}, "KIND='wide and deep'"),
        ({"CROSSES": "a x b x c"}, "'a x b x c' is no pair"),
        ({"CROSSES": "auto, a x b"}, "'auto' is no pair"),
        ({"WIDE_L": 1.0}, "WIDE_L: no such parameter; did you mean WIDE_L1?"),
        ({"MINIMUM_COUNT": 0}, "MINIMUM_COUNT=0"),
    ],
)
def test_a_wrong_parameter_is_named(wrong, message):
    with pytest.raises(ValueError) as error:
        config.Parameters.check({**RIGHT, **wrong})
    assert message in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_arm_learns_and_the_figures_are_the_libraries(trained, kind):
    one = trained[kind]
    truth = one.table.target[one.found.rows]
    assert set(one.found.answers) == {
        evaluate.JOINT, evaluate.FEW, evaluate.WIDE, evaluate.DEEP, evaluate.APART,
        evaluate.LINEAR, evaluate.TREES,
    }  # fmt: skip
    for arm, said in one.found.answers.items():
        figures = report.figures(one.table, one.found, arm)
        if kind == "value":
            assert figures["r2"].value == pytest.approx(r2_score(truth, said), abs=1e-6)
            assert figures["r2"].value > 0.7, arm
            continue
        assert figures["log loss"].value == pytest.approx(log_loss(truth, said), abs=1e-3)
        largest = np.bincount(truth).max() / len(truth)
        assert figures["accuracy"].value > largest + 0.15, (arm, largest)
        if kind == "two":
            expected = roc_auc_score(truth, said[:, 1])
            assert figures["auc"].value == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(
        one.found.answers[evaluate.APART],
        (one.found.answers[evaluate.WIDE] + one.found.answers[evaluate.DEEP]) / 2,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_records_are_sound(trained, kind, tmp_path):
    one = trained[kind]
    measured = report.measure(one.table, one.found, [0]) + report.gain(one.table, one.found)
    run = record(tmp_path, "wide_deep", describe(one.table),
                 report.headline(one.table, one.found), measured, {}, time.time())  # fmt: skip
    Run.model_validate(run)
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["headline"]["variant"] == evaluate.JOINT
    shown = report.table(measured, one.table)
    assert list(shown.index) == list(one.found.answers)
    assert report.verdict(measured, one.table, one.found).count("against") == 6
    report.picture(measured, one.table, one.found, tmp_path)
    assert (tmp_path / "picture.png").stat().st_size > 5000
    folder = report.export_predictor(one.predictor, one.table, run, tmp_path, one.found.rows[:9])
    card = (folder.parent / "README.md").read_text()
    assert "`home_city`: string [rows] (home city)" in card


@pytest.mark.parametrize("kind", KINDS)
def test_groups_widen_what_each_row_alone_would_say(trained, kind):
    """Every row stands there four times, so nothing is known that was not known before."""
    one = trained[kind]
    four = replace(one.table, group=np.arange(len(one.table)))
    found = replace(one.found, rows=np.tile(one.found.rows, 4))
    found.answers = {
        arm: np.concatenate([said] * 4) for arm, said in one.found.answers.items()
    }
    for measure in (report.figures, lambda *given: {"gain": report._paired(*given)}):
        alone = measure(one.table, one.found, evaluate.TREES)
        counted, grouped = (
            measure(table, found, evaluate.TREES) for table in (replace(four, group=None), four)
        )
        for name in alone:
            if " at " in name:
                continue
            width, narrow, kept = (
                each[name].high - each[name].low for each in (alone, counted, grouped)
            )
            assert kept == pytest.approx(width, rel=0.2), name
            assert narrow == pytest.approx(width / 2, rel=0.2), name


def test_an_arm_that_loses_has_a_negative_gain(trained):
    one = trained["two"]
    swapped = evaluate.Found(one.found.rows)
    swapped.answers = {"worse": 1 - one.found.answers[evaluate.JOINT], **one.found.answers}
    gains = {r["metric"]: r for r in report.gain(one.table, swapped)}
    assert gains["gain over wide & deep"]["high"] < 0


def test_finished_arms_are_taken_and_damaged_ones_named(trained, monkeypatch):
    one = trained["two"]
    monkeypatch.setattr(evaluate, "train_network", None)  # training anything would fail
    again, predictor = evaluate.evaluate(SMALL, one.table, one.ready, one.folder, log=None)
    for arm, said in one.found.answers.items():
        np.testing.assert_array_equal(again.answers[arm], said)
    assert again.histories.keys() == one.found.histories.keys()
    with pytest.raises(TypeError):
        evaluate.evaluate(SMALL, one.table, one.ready, one.folder, seed=1, log=None)


def test_a_damaged_arm_is_named(trained, tmp_path):
    one = trained["two"]
    shutil.copytree(one.folder / "arms", tmp_path / "arms")
    next(tmp_path.rglob("wide_alone/answers.npz")).write_bytes(b"PK")
    with pytest.raises(DataError, match="wide_alone.*RESUME = False"):
        evaluate.evaluate(SMALL, one.table, one.ready, tmp_path, log=None)


def test_l1_leaves_the_joint_models_wide_part_small(trained):
    sizes = trained["two"].found.sizes
    assert sizes[evaluate.FEW][1] < sizes[evaluate.JOINT][1]
    assert sizes[evaluate.DEEP][1] == 0


def test_the_samples_slices_and_rankings(tmp_path):
    table = data.load("sample", limit=3000)
    ready = prepared.prepare(table, None)
    found, _ = evaluate.evaluate(SMALL, table, ready, tmp_path, compare=False, log=None)
    table_of_slices = report.slices(table, found)
    assert table_of_slices.loc["rows"].str.replace(",", "").astype(int).gt(0).all()
    figures = report.figures(table, found, found.headline)
    assert {"share of the way to the best", "ndcg at 3", "coverage at 3"} <= set(figures)
    perfect = table.truth["probability"].to_numpy()[found.rows]
    found.answers = {"truth": np.stack([1 - perfect, perfect], axis=1)}
    share = report.figures(table, found, "truth")["share of the way to the best"]
    assert share.value == pytest.approx(1)
    assert report.slices(replace(table, truth=None), found) is None


# --- looking ----------------------------------------------------------------------------------


def test_subgroups_count_what_they_say(trained, monkeypatch):
    one = trained["two"]
    monkeypatch.setattr(look, "FEWEST", 2)
    table = look.subgroups(one.table, one.found, ["home city", "age"])
    ulm = table[table["group"] == "Ulm"].iloc[0]
    rows = one.found.rows[one.table.frame["home city"].iloc[one.found.rows] == "Ulm"]
    assert ulm["rows"] == len(rows)
    assert ulm["is “yes”"] == pytest.approx((one.table.target[rows] == 1).mean())
    assert any(group.startswith("up to") for group in table["group"])
    look.subgroup_picture(table)
    with pytest.raises(ValueError, match="no column 'town'"):
        look.subgroups(one.table, one.found, ["town"])


@pytest.mark.parametrize("kind", KINDS)
def test_what_tells_nothing_is_worth_nothing(trained, kind):
    one = trained[kind]
    table = look.importance(one.predictor, one.table, one.found.rows)
    assert table.index[0] in ("age", "home city") and abs(table.loc["day", "loss"]) < 0.03
    assert table.loc["age", "loss"] > 0.05
    look.importance_picture(table, "area")


def test_crosses_and_neighbours_name_values(trained):
    one = trained["two"]
    table = look.crosses(one.predictor)
    assert (table["weight"].abs().diff().dropna() <= 0).all()
    frame = one.table.frame.iloc[one.table.rows("train")]
    for row in table.itertuples():
        first, second = row.cross.split(" × ")
        values = row.values.split(" × ")
        held = (frame[first] == values[0]) & (frame[second] == values[1])
        assert held.sum() == row[-1] > 0
    assert table.loc[0, "values"] == "Ulm × cook" and table.loc[0, "weight"] > 0
    near = look.neighbours(one.predictor, "job", count=5)
    assert set(near.index) == {"cook", "clerk", "smith"} and near.shape[1] == 2
    assert "cook" not in " ".join(near.loc["cook"])
    with pytest.raises(ValueError, match="'age' has no embedding"):
        look.neighbours(one.predictor, "age")
