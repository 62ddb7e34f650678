"""The three doors, the folds, limits and what is reported of duplicates and leakage."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common import datasets
from common.validation import DataError, Report
from recipes.text_cnn import data as text_data
from recipes.text_cnn.textdata import assemble

COUNTS = {
    "mr": {"cv": [5331, 5331]},
    "subj": {"cv": [5000, 5000]},
    "cr": {"cv": [1368, 2407]},
    "trec": {"train": [1162, 1250, 86, 1223, 835, 896], "test": [138, 94, 9, 65, 81, 113]},
}


def write(tmp_path, texts, labels, name="own.csv", **columns) -> Path:
    path = tmp_path / name
    pd.DataFrame({"text": texts, "label": labels, **columns}).to_csv(path, index=False)
    return path


@pytest.fixture
def own(tmp_path):
    texts = [f"sentence number {i}" for i in range(300)]
    return text_data.load(write(tmp_path, texts, ["no", "yes", "perhaps"] * 100))


@pytest.fixture
def treebank(tmp_path, monkeypatch):
    """A published set with phrases and an official split, as `common.datasets` prepares it."""
    rows = [(f"Sentence {i} .", i % 2, ("train", "dev", "test")[i % 3]) for i in range(120)]
    rows = [(*row, "sentence") for row in rows]
    rows += [(f"phrase {i}", i % 2, "train", "phrase") for i in range(200)]
    frame = pd.DataFrame(rows, columns=["text", "label", "split", "level"])
    frame.loc[[0, 3], "text"] = ["", "sentence  1 ."]  # empty; also stands in dev as row 1
    frame.to_csv(tmp_path / "sst2.csv", index=False)
    monkeypatch.setattr(datasets, "load", lambda name: tmp_path)
    return text_data.load("sst2")


def check(data, fold):
    """What must hold of every fold."""
    parts = [fold.train, fold.validation, fold.test]
    joined = np.concatenate(parts)
    assert len(np.unique(joined)) == len(joined) == len(data)
    assert all((np.diff(part) > 0).all() for part in parts)
    for part in parts[1:]:
        assert not data.is_phrase[part].any()


# --- doors


def test_sample_is_called_synthetic_and_knows_its_bayes_accuracy():
    data = text_data.load("sample", seed=3)
    assert data.synthetic and data.bayes_accuracy == pytest.approx(0.97)
    assert data.classes == ["negative", "positive"] and len(data) == 4000
    assert "sample (synthetic)" in str(data.card()) and "97.0%" in str(data.card())
    (fold,) = text_data.folds(data)
    assert [len(fold.train), len(fold.validation), len(fold.test)] == [2800, 400, 800]
    check(data, fold)
    assert data.fingerprint == text_data.load("sample", seed=3).fingerprint
    assert data.fingerprint != text_data.load("sample", seed=4).fingerprint


@pytest.mark.parametrize("word, near", [("mrr", "mr"), ("SST2", "sst2"), ("smaple", "sample")])
def test_an_unknown_word_names_the_nearest_set_and_the_doors(word, near):
    with pytest.raises(DataError) as caught:
        text_data.load(word)
    message = str(caught.value)
    assert f"Did you mean {near!r}?" in message
    assert "'sample'" in message and "mr, subj, cr, trec, sst1, sst2" in message
    assert "word2vec_8k" not in message  # in the catalogue, but not texts


@pytest.mark.parametrize("word", ["qqqqqqq", "", "word2vec_8k"])
def test_a_word_like_nothing_still_gets_the_doors(word):
    with pytest.raises(DataError, match="three doors"):
        text_data.load(word)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        text_data.load(str(tmp_path / "none.csv"))
    with pytest.raises(DataError, match="does not exist"):
        text_data.load("none.csv")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    if not Path(os.environ.get(datasets.MIRROR_VARIABLE) or "/no/such/folder").is_dir():
        pytest.skip("RECIPES_MIRROR names no folder with the published sets")
    monkeypatch.setenv(datasets.CACHE_VARIABLE, str(tmp_path))


@pytest.mark.parametrize("name", COUNTS)
def test_published_counts(name, mirror):
    data = text_data.load(name)
    for part, counts in COUNTS[name].items():
        assert np.bincount(data.labels[data.split == part]).tolist() == counts
    assert sum(map(sum, COUNTS[name].values())) == len(data)
    assert all(isinstance(text, str) for text in data.texts)
    assert data.licence and data.citation and not data.synthetic
    empty = 4 if name == "cr" else 0
    assert (data.texts == "").sum() == empty == data.report.counts["empty text"]
    assert data.report.counts["leakage"] == (11 if name == "trec" else 0)
    folds = list(text_data.folds(data))
    assert len(folds) == (1 if name == "trec" else 10)
    if name != "trec":
        assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(data)))
        (first,) = text_data.folds(data, folds=1)
        assert (first.test == folds[0].test).all() and (first.train == folds[0].train).all()
    check(data, folds[0])


@pytest.mark.parametrize(
    "name, sizes, phrases",
    [("sst1", [8544, 1101, 2210], 150_740), ("sst2", [6920, 872, 1821], 70_705)],
)
def test_published_counts_of_the_treebank(name, sizes, phrases, mirror):
    data = text_data.load(name)
    (fold,) = text_data.folds(data)
    assert [len(fold.train), len(fold.validation), len(fold.test)] == [
        sizes[0] + phrases,
        *sizes[1:],
    ]
    check(data, fold)
    assert data.card().counts.sum().to_list() == sizes and data.is_phrase.sum() == phrases


def test_phrases_serve_only_for_training(treebank):
    assert treebank.classes == ["negative", "positive"]
    assert treebank.is_phrase.sum() == 200
    (fold,) = text_data.folds(treebank)
    assert [len(fold.train), len(fold.validation), len(fold.test)] == [240, 40, 40]
    check(treebank, fold)
    card = treebank.card()
    assert card.counts.loc["positive"].to_dict() == {"train": 20, "validation": 20, "test": 20}
    assert card.facts["phrases, training only"] == "200"
    assert card.facts["validation texts also in train, exact"] == "0"
    assert card.facts["validation texts also in train, but for case and spaces"] == "1"
    assert treebank.report.counts["leakage"] == 1 and treebank.report.counts["empty text"] == 1


def test_phrases_without_an_own_validation_part_are_refused(treebank):
    treebank.split[treebank.split == "validation"] = "train"
    with pytest.raises(DataError, match="validation part of their own"):
        list(text_data.folds(treebank))


# --- a user's file


def test_own_file_is_split_by_class(own):
    (fold,) = text_data.folds(own)
    assert [len(fold.train), len(fold.validation), len(fold.test)] == [240, 30, 30]
    check(own, fold)
    assert own.classes == ["no", "perhaps", "yes"]
    for part in (fold.train, fold.validation, fold.test):
        assert np.ptp(np.bincount(own.labels[part], minlength=3)) == 0
    assert "the user's own" in own.licence and not own.synthetic


def test_numeric_classes_are_ordered_as_numbers(tmp_path):
    texts = [f"text {i}" for i in range(60)]
    data = text_data.load(write(tmp_path, texts, [10, 9, -1] * 20))
    assert data.classes == ["-1", "9", "10"]
    assert [data.classes[i] for i in data.labels[:3]] == ["10", "9", "-1"]


def test_equal_texts_stay_on_one_side_and_are_reported(tmp_path):
    texts = [f"text {i // 4}" if i % 2 else f"TEXT  {i // 4}" for i in range(400)]
    labels = ["a", "a", "b", "b"] * 100
    data = text_data.load(write(tmp_path, texts, labels))
    assert data.report.counts["duplicate text"] == 100
    assert data.report.counts["conflicting labels"] == 200
    conflict = data.report.first("conflicting labels")[0]
    assert conflict.row == 4 and "line 2, 'b' here and 'a' there" in conflict.message
    assert not data.report.counts["leakage"]
    (fold,) = text_data.folds(data)
    assert fold.repeated == 0 and len(fold.test) == 40
    check(data, fold)


def test_leakage_across_a_given_split_is_reported(tmp_path):
    texts = [f"text {i}" for i in range(40)]
    texts[35] = "TEXT 3"
    parts = ["train"] * 30 + ["test"] * 10
    path = write(tmp_path, texts, ["a", "b"] * 20, split=parts)
    data = text_data.load(path)
    (leak,) = data.report.first("leakage")
    assert leak.row == 37 and "line 5" in leak.message
    (fold,) = text_data.folds(data, validation_fraction=0.2)
    assert [len(fold.train), len(fold.validation), len(fold.test)] == [24, 6, 10]
    check(data, fold)


def test_strict_refuses_what_is_otherwise_dropped(tmp_path):
    path = write(tmp_path, [f"text {i}" for i in range(40)] + [""], ["a", "b"] * 20 + ["a"])
    assert len(text_data.load(path)) == 40
    with pytest.raises(DataError, match="42"):
        text_data.load(path, strict=True)


def test_strict_takes_a_clean_file_with_guessed_columns(tmp_path):
    path = write(tmp_path, [f"text {i}" for i in range(40)], ["a", "b"] * 20)
    assert len(text_data.load(path, strict=True)) == 40


def test_too_few_texts_to_hold_some_out(tmp_path):
    with pytest.raises(DataError, match="19 different texts, too few"):
        text_data.load(write(tmp_path, [f"t{i}" for i in range(19)], ["a"] * 10 + ["b"] * 9))


def test_a_rare_class_is_always_trained(tmp_path):
    texts = [f"text {i}" for i in range(200)]
    data = text_data.load(write(tmp_path, texts, ["a"] * 198 + ["b", "b"]))
    (fold,) = text_data.folds(data)
    assert (data.labels[fold.train] == 1).sum() == 2
    assert data.report.counts["small class"] == 1


def test_a_class_that_only_repeats_texts_of_another_is_trained(tmp_path):
    texts = [f"text {i % 100}" for i in range(200)]
    path = write(tmp_path, texts, ["a"] * 100 + ["a"] * 99 + ["b"])
    for seed in range(30):
        data = text_data.load(path, seed=seed)
        (fold,) = text_data.folds(data)
        assert 1 in data.labels[fold.train] and len(fold.test) >= 18 and fold.repeated == 0


def test_class_names_cannot_smuggle_markup_into_the_card(tmp_path):
    texts = [f"text {i}" for i in range(40)]
    card = text_data.load(write(tmp_path, texts, ["<b>x", "a|b"] * 20)).card()
    assert "&lt;b&gt;x" in card._repr_markdown_() and "a\\|b" in str(card)


# --- folds and limits


def cross_validated(tmp_path, labels):
    texts = [f"text {i}" for i in range(len(labels))]
    return text_data.load(write(tmp_path, texts, labels, split=["cv"] * len(labels)))


def test_folds_are_stratified_and_depend_on_the_seed_only(tmp_path):
    data = cross_validated(tmp_path, ["a"] * 100 + ["b"] * 50)
    dealt = list(text_data.folds(data, folds=5, seed=1))
    assert [fold.number for fold in dealt] == [0, 1, 2, 3, 4]
    for fold in dealt:
        check(data, fold)
        assert np.bincount(data.labels[fold.test]).tolist() == [20, 10]
        assert np.bincount(data.labels[fold.validation]).tolist() == [8, 4]
    again = list(text_data.folds(data, folds=5, seed=1))
    assert all((a.train == b.train).all() for a, b in zip(dealt, again, strict=True))
    other = next(text_data.folds(data, folds=5, seed=2))
    assert not np.array_equal(other.test, dealt[0].test)
    (whole,) = text_data.folds(data, folds=1, validation_fraction=0)
    assert len(whole.validation) == 0 and len(whole.test) == 15


def test_a_class_smaller_than_the_folds_is_named(tmp_path):
    data = cross_validated(tmp_path, ["a"] * 50 + ["rare"] * 4)
    with pytest.raises(DataError, match="class 'rare' has 4 rows, fewer than the 10 folds"):
        next(text_data.folds(data))
    assert len(list(text_data.folds(data, folds=4))) == 4


@pytest.mark.parametrize(
    "wrong", [{"folds": 0}, {"validation_fraction": 0.7}, {"validation_fraction": -0.1}]
)
def test_wrong_parameters_are_named(own, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        next(text_data.folds(own, **wrong))


def test_limit_keeps_every_class_and_part(tmp_path):
    texts = [f"text {i}" for i in range(1000)]
    labels = ["a"] * 900 + ["b"] * 96 + ["c"] * 4
    parts = (["train", "test"] * 500)[:1000]
    path = write(tmp_path, texts, labels, split=parts)
    small = text_data.load(path, limit=100, seed=5)
    assert len(small) == 100
    assert np.bincount(small.labels).tolist() == pytest.approx([89, 9, 2], abs=1)
    for part in ("train", "test"):
        assert set(small.labels[small.split == part]) == {0, 1, 2}
    assert small.fingerprint == text_data.load(path, limit=100, seed=5).fingerprint
    assert small.fingerprint != text_data.load(path, limit=100, seed=6).fingerprint
    assert len(text_data.load(path, limit=5000)) == 1000
    with pytest.raises(ValueError, match="limit=5 is too small: own.csv has 6"):
        text_data.load(path, limit=5)


def test_limit_takes_the_same_share_of_phrases(treebank):
    small = text_data.load("sst2", limit=60)
    assert (~small.is_phrase).sum() == 60 and small.is_phrase.sum() == 100


def test_phrases_stay_with_their_sentence_and_equal_texts_together():
    texts = ["A very good film", "a plot", "very good", "good", "plot", "a  PLOT", "elsewhere"]
    phrase = np.array([False, False, True, True, True, True, True])
    corpus = assemble(
        texts, np.zeros(7, int), ["train"] * 7, Report("toy"), name="toy", synthetic=True,
        classes=["a"], licence="", citation="", is_phrase=phrase,
    )  # fmt: skip
    group = corpus.groups()
    assert group[0] == group[2] == group[3] and group[1] == group[4] == group[5]
    assert len({group[0], group[1], group[6]}) == 3
