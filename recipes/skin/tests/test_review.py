"""Readers, subgroups, worse photographs, learning curve, figures and last words of a small run."""

from dataclasses import replace

import numpy as np
import pytest

from common import plots, screening_plots
from common.vision.listing import some
from recipes.skin import data, explain, look, prepare, report, review
from recipes.skin.tests.conftest import SIZE, fresh


@pytest.fixture(scope="module")
def found(run):
    logits = [each.logits(run.seen["test"]) for each in run.members]
    return report.shares(logits, run.members[0].frequencies, run.wanted)


def test_readers_stand_beside_the_network(run, found):
    test = run.lesions.part("test")
    panel = review.panel(run.lesions, test, found)
    assert len(panel.readers) == run.lesions.readers.shape[1]
    assert review.panel(replace(run.lesions, readers=None), test, found) is None


def test_subgroups_are_those_that_are_told(run, found):
    test = run.lesions.part("test")
    table = review.subgroups(run.lesions, test, found, 0.5)
    assert set(table["variable"]) == {"all", "age", "sex", "place"}
    ages = table.loc[table["variable"] == "age"]
    assert ages["n"].sum() == len(test) and "75 and more" in set(ages["group"])
    assert screening_plots.subgroups(table)
    nameless = test.assign(age=np.nan, sex="", place="unknown")
    assert set(review.subgroups(run.lesions, nameless, found, 0.5)["variable"]) == {"all"}


def test_worse_photographs_have_worse_figures_at_last(run):
    table = review.ladder(run.product, run.lesions.part("test"), 40, {"blur": (30,)}, log=None)
    assert list(table["distortion"]) == ["blur", "blur"]
    assert np.isfinite(table[["AUC of malignant", "balanced accuracy"]].to_numpy()).all()


def test_some_of_every_class(run):
    test = run.lesions.part("test")
    few = some(test, 30)
    assert set(few["label"]) == set(test["label"]) and len(few) <= 30 + 7
    assert len(some(test, 10_000)) == len(test)


def test_the_learning_curve_ends_with_all(run):
    whole = run.members[0].logits(run.seen["test"])
    curve = report.learning_curve(run.lesions, fresh, run.seen, (40, 80, 9999), whole=whole,
                                  epochs=1)  # fmt: skip
    assert curve["photographs"].tolist() == [40, 80, len(run.lesions.part("train"))]
    assert curve["AUC of malignant"].between(0, 1).all()
    assert plots.more_data(curve, "photographs", review.published(replace(run.lesions,
                                                                          synthetic=False)))


def test_fewer_photographs_are_whole_lesions_of_every_class(run):
    rows = run.lesions.part("train")
    chosen = report._fewer(rows["label"].to_numpy(), rows["group"].to_numpy(), 60, 0)
    assert set(rows["label"].iloc[chosen]) == set(range(7)) and 50 <= len(chosen) <= 70
    assert len(np.unique(chosen)) == len(chosen)


def test_the_surest_are_malignant_and_of_different_lesions(run, found):
    test = run.lesions.part("test")
    places = review.surest(run.lesions, test, found, 5)
    assert run.lesions.is_malignant(test["label"].iloc[places]).all()
    assert test["group"].iloc[places].is_unique
    _, score = report.malignant(run.lesions, test, found)
    assert (np.diff(score[places]) <= 0).all()
    assert "malignant" in look.said(run.lesions, test, found, places)[0]


def test_figures_are_drawn(run):
    assert look.classes(run.lesions) and look.twins(run.lesions) is None
    squared = prepare.prepared(run.lesions.part("test")["path"].head(2).tolist(), SIZE)
    assert look.lamps(squared) and look.changes(squared, ["ab", "cd"], 2)
    assert explain.white(squared, "none").tolist() == squared.tolist()


def test_the_broken_example_is_told_apart(run, tmp_path):
    folder = review.broken_example(run.lesions, tmp_path)
    words = data.load(folder).report.summary(30)
    for name in ("cut.jpg", "empty.jpg", "the_same_lesion.jpg", "telling.jpg", "notes.txt"):
        assert name in words, name
    assert "a name" not in words and "two labels for one picture" in words


def test_the_verdict_names_what_it_is_of(run, found):
    test = run.lesions.part("test")
    records = report.measure(run.lesions, test, found, run.wanted, report.OURS, [0])
    records += report.measure_baselines(run.lesions, [])
    said = review.verdict(replace(run.lesions, synthetic=True), records, fresh().taps.backbone)
    assert "synthetic test photographs" in said and "no medical device" in said
    assert not review.published(replace(run.lesions, synthetic=True))
