"""What people ask about a grader, on a few drawn eyes with a grader by chance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common import screening_plots
from common.vision import backbones
from data_scripts import sample_retina
from recipes.retina import data, look, preprocess, report, review
from recipes.retina.tests.tasks import grader_by_chance

SIZE = 96


@pytest.fixture(scope="module")
def eyes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    sample_retina.write(folder, train=40, test=24)
    return data.load(folder, also=("level",), readers=folder / "readers.csv", log=None)


@pytest.fixture(scope="module")
def grader():
    return grader_by_chance(SIZE)


@pytest.fixture(scope="module")
def answers(eyes):
    """As good as a reader who errs: no network is needed for what is done with answers."""
    grades = eyes.part("test")["grade"].to_numpy()
    shares = np.full((len(grades), 5), 0.1)
    told = np.clip(grades + np.random.default_rng(0).integers(-1, 2, len(grades)), 0, 4)
    shares[np.arange(len(grades)), told] = 0.6
    return np.column_stack([shares, shares[:, 2:].sum(axis=1), shares[:, 3:].sum(axis=1)])


def test_readers_stand_beside_the_network(eyes, answers):
    panel = review.panel(eyes, eyes.part("test"), answers)
    assert len(panel.table()) >= 2
    assert review.panel(replace(eyes, readers=None), eyes.part("test"), answers) is None


def test_subgroups_are_those_that_are_known(eyes, answers):
    table = review.subgroups(eyes.part("test"), answers, 0.4, ["level"])
    assert set(table["variable"]) == {"all", "eye", "level"}
    nameless = eyes.part("test").assign(eye="")
    table = review.subgroups(nameless, answers, 0.4, ["level"])
    assert set(table["variable"]) == {"all", "level"}
    table = review.subgroups(nameless, answers, 0.4, [])
    assert set(table["variable"]) == {"all"} and screening_plots.subgroups(table)


def test_worse_photographs_are_refused_more_often(eyes, grader):
    table = review.ladder(grader, eyes.part("test"), {"light": (1, 0.1, 0)}, log=None)
    refused = table["refused"].tolist()
    assert refused[0] < 0.1 < 0.5 < refused[1] <= refused[2] == 1
    assert np.isfinite(table["AUC of referable"].iloc[0])
    assert np.isnan(table["AUC of referable"].iloc[-1])  # no disc is found in the dark


def test_the_surest_are_of_different_patients(eyes, answers):
    rows = eyes.part("test")
    places = review.surest(rows, answers, 5)
    assert rows["group"].iloc[places].is_unique and len(places) == 5
    assert (np.diff(answers[places, 5]) <= 0).all()
    words = review.said(rows, answers, places)
    assert words[0].startswith(f"grade {rows['grade'].iloc[places[0]]}; referable ")


def test_masks_are_there_where_lesions_were_drawn(eyes, answers):
    rows = eyes.part("test")
    prepared = preprocess.prepare(rows["path"], SIZE, "graham", log=None)
    ill = np.flatnonzero(rows["grade"] >= 2)[:3]
    masked = replace(eyes, masks=Path(eyes.rows["path"].iloc[0]).parents[1] / "masks")
    found = review.masks(masked, rows, ill, prepared, SIZE, 0.95)
    assert found.shape == (3, SIZE, SIZE) and found.any(axis=(1, 2)).all()
    assert review.masks(eyes, rows, ill, prepared, SIZE, 0.95) is None


def test_the_broken_example_is_read_with_words_about_each_file(eyes, tmp_path):
    folder = review.broken_example(eyes, tmp_path)
    found = data.load(folder, log=None)
    words = found.report.summary(30)
    for name in ("cut.jpg", "empty.jpg", "the_same_eye.jpg", "telling.jpg", "unclear"):
        assert name in words, name
    assert "a name" not in words
    assert (found.rows.loc[found.rows["path"].str.contains("a_lawn"), "refused"] != "").all()


def test_last_words(eyes, answers, tmp_path, capsys):
    rows = eyes.part("test")
    records = report.measure(eyes.name, report.OURS, rows, answers, [0])
    records += report.measure(eyes.name, report.OURS, rows, answers, [0], held_out=True)
    backbone = backbones.find("small", SIZE)
    (tmp_path / "metrics.json").write_text("{}")
    review.summary(eyes, {"metrics": records}, tmp_path, 75, backbone)
    said = capsys.readouterr().out
    assert "no medical device" in said and "metrics.json" in said and "picture.png" not in said
    kappa = next(each for each in records if each["metric"] == "quadratic kappa")
    assert f"quadratic kappa {kappa['value']:.2f}" in said
    assert "quadratic kappa" in review.table(records, eyes).to_string()


def test_figures_of_what_is_not_there(eyes):
    """Good photographs alone, none twice: as of a set like IDRiD, or a small one of one's own."""
    assert look.refused(eyes) is not None
    good = replace(eyes, rows=eyes.rows[eyes.rows["refused"] == ""], twins=eyes.twins[:0])
    assert look.refused(good) is None and look.twins(good) is None
    assert look.grades(good) is not None
    few = replace(good, rows=good.rows[good.rows["grade"].isin([0, 2])])
    assert look.grades(few) is not None and "mild" not in str(few.card())
