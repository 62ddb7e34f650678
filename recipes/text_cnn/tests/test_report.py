"""The numbers of a run: parameters checked before, intervals and paired tests after."""

import json

import numpy as np
import pytest

from common.results import describe, record
from recipes.text_cnn import config, evaluate, report
from recipes.text_cnn.evaluate import BASELINE, FoldResult
from recipes.text_cnn.settings import Settings

RIGHT = dict(
    DATA="sample", OUTPUT_DIR="out", SEED=0, EPOCHS=None, BATCH_SIZE=None, LIMIT=None, RESUME=True,
    VARIANT="subword", VECTORS=None, MEMBERS=3, LINEAR="read", OPENINGS=False,
    LEARNING_RATE=None, FOLDS=1, TEXT_COLUMN=None, LABEL_COLUMN=None, SPLIT_COLUMN=None,
    STRICT=False, MEMORY="grow", PRECISION="float32",
)  # fmt: skip


def test_the_defaults_are_the_variants_own():
    assert config.Parameters.check(RIGHT).settings == Settings()
    paper = config.Parameters.check({**RIGHT, "VARIANT": "rand"}).settings
    assert (paper.optimizer, paper.learning_rate, paper.batch_size) == ("adadelta", 1.0, 50)
    assert config.Parameters.check({**RIGHT, "EPOCHS": 2}).settings.epochs == 2


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"EPOCHS": 0}, "EPOCHS=0"),
        ({"EPOHCS": 3}, "EPOHCS: no such parameter; did you mean EPOCHS?"),
        ({"VARIANT": "cnn"}, "VARIANT='cnn'"),
        ({"VARIANT": "static"}, "VECTORS: VARIANT='static' starts from word vectors"),
        ({"VARIANT": "rand", "VECTORS": "word2vec_8k"}, "set VECTORS = None"),
        ({"SEED": -1, "FOLDS": 0}, "FOLDS=0"),
    ],
)
def test_a_wrong_parameter_is_named(wrong, message):
    with pytest.raises(ValueError) as error:
        config.Parameters.check({**RIGHT, **wrong})
    assert message in str(error.value) and all(name in str(error.value) for name in wrong)


def test_a_missing_parameter_is_named():
    with pytest.raises(ValueError, match="SEED: missing"):
        config.Parameters.check({name: value for name, value in RIGHT.items() if name != "SEED"})


def test_parameters_are_saved_whole(tmp_path):
    path = config.Parameters.check({**RIGHT, "OUTPUT_DIR": str(tmp_path / "new")}).save()
    assert json.loads(path.read_text())["MEMBERS"] == 3
    assert [found.name for found in path.parent.iterdir()] == ["parameters.json"]


def results_of(corpus, folds: int, ours: float, baseline: float) -> list[FoldResult]:
    """Folds whose arms are right on a given share of the rows."""
    random, found = np.random.default_rng(0), []
    for number, rows in enumerate(np.array_split(np.arange(len(corpus)), folds)):
        arms = {}
        for name, share in (("ours", ours), (BASELINE, baseline)):
            right = random.random(len(rows)) < share
            says = np.where(right, corpus.labels[rows], 1 - corpus.labels[rows])
            arms[name] = np.eye(2, dtype=np.float32)[says] * 0.8 + 0.1
        found.append(FoldResult(number, rows, arms))
    return found


@pytest.mark.parametrize("folds, interval", [(1, "Wilson"), (4, "t over 4 folds")])
def test_measured_numbers_make_a_valid_record(corpus, tmp_path, folds, interval):
    found = results_of(corpus, folds, 0.9, 0.6)
    records = [*report.measure(corpus, found, [7, 8]), *report.gain(corpus, found)]
    run = record(tmp_path, "text_cnn", describe(corpus), report.headline(found), records,
                 {}, 0.0)  # fmt: skip
    ours = run["metrics"][0]
    assert ours["variant"] == "ours" and ours["seeds"] == [7, 8] and ours["n"] == len(corpus)
    assert interval in ours["interval"] and ours["low"] < ours["value"] < ours["high"]
    gains = [m for m in run["metrics"] if m["metric"].startswith("gain")]
    assert len(gains) == (2 if folds > 1 else 1)
    assert all(0 < gain["low"] and "p = " in gain["interval"] for gain in gains)


def test_the_verdict_says_when_a_difference_could_be_luck(corpus):
    assert "could be luck" in report.verdict(corpus, results_of(corpus, 1, 0.8, 0.79))
    assert "could be luck" not in report.verdict(corpus, results_of(corpus, 1, 0.95, 0.6))
    assert "synthetic" in report.verdict(corpus, results_of(corpus, 1, 0.8, 0.8))


def test_pictures_and_tables_are_made(corpus, fold, classifier, tmp_path):
    arms = {"ours": classifier.probabilities(corpus.texts[fold.test])}
    arms[BASELINE] = arms["ours"][::-1].copy()
    found = [FoldResult(0, fold.test, arms)]
    records = report.measure(corpus, found, [0])
    report.picture(records, corpus, found[0], classifier, tmp_path)
    assert (tmp_path / "picture.png").stat().st_size > 5000
    report.padding_picture(np.array([3, 5, 9]), [np.array([3, 5]), np.array([9])])
    assert list(report.table(records, corpus).index) == ["ours", BASELINE]
    errors = report.surest_errors(corpus, found)
    assert (errors["says"] != errors["label"]).all()
    assert set(report.telling_rows(corpus, found[0])) <= set(fold.test)


def test_published_numbers_are_the_papers_table_two():
    rand = {entry["of"]: entry["value"] for entry in report.published("mr")}
    assert rand["Kim CNN-rand"] == 76.1 and rand["Kim CNN-non-static"] == 81.5


def test_a_finished_fold_hangs_on_the_code_that_made_it():
    names = {path.stem for path in evaluate.CODE}
    assert {"ngrams", "linear", "textdata", "train", "checkpoint", "training"} <= names
    assert all(path.is_file() for path in evaluate.CODE)
