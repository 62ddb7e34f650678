"""The preparation of the sentence sets: on small texts, and against the mirror's prepared files."""

import csv
import os
from pathlib import Path

import pytest

from common import datasets
from common.datasets import DatasetError
from data_scripts import prepare_text

MIRROR = Path(os.environ.get("RECIPES_MIRROR") or "/nonexistent")
TRAIN = "(3 (2 A) (4 (3 fine\\/good) (2 film)))\n(2 Film)\n(1 (2 A) (1 (2 \\*) (2 film)))\n"
DEV = "(0 (1 Bad) (2 film))\n"


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def trees(tmp_path):
    files = {"trees_train.txt": TRAIN + DEV, "trees_dev.txt": DEV, "trees_test.txt": "(2 Film)\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in files}


def test_parse_tree_gives_children_before_parents():
    assert prepare_text.parse_tree("(3 (2 A) (4 (3 fine\\/good) (2 \\*)))") == [
        ("A", "2"),
        ("fine/good", "3"),
        ("*", "2"),
        ("fine/good *", "4"),
        ("A fine/good *", "3"),
    ]


@pytest.mark.parametrize("line", ["(3 (2 A)", "(3 A))", "A", "", "(", ")"])
def test_broken_trees_are_refused(line):
    with pytest.raises(DatasetError, match="matching brackets"):
        prepare_text.parse_tree(line)


def test_sst1_cuts_dev_off_and_keeps_a_phrase_once(trees, tmp_path):
    prepare_text.prepare_sst1(trees, tmp_path)
    assert rows(tmp_path / "sst1.csv") == [
        ["text", "label", "split", "level"],
        ["A fine/good film", "3", "train", "sentence"],
        ["Film", "2", "train", "sentence"],
        ["A * film", "1", "train", "sentence"],
        ["Bad film", "0", "dev", "sentence"],
        ["Film", "2", "test", "sentence"],
        ["A", "2", "train", "phrase"],
        ["fine/good", "3", "train", "phrase"],
        ["film", "2", "train", "phrase"],
        ["fine/good film", "4", "train", "phrase"],
        ["*", "2", "train", "phrase"],
        ["* film", "1", "train", "phrase"],
    ]


def test_sst2_leaves_neutral_out(trees, tmp_path):
    prepare_text.prepare_sst2(trees, tmp_path)
    assert rows(tmp_path / "sst2.csv")[1:] == [
        ["A fine/good film", "1", "train", "sentence"],
        ["A * film", "0", "train", "sentence"],
        ["Bad film", "0", "dev", "sentence"],
        ["fine/good", "1", "train", "phrase"],
        ["fine/good film", "1", "train", "phrase"],
        ["* film", "0", "train", "phrase"],
    ]


def test_trec_has_its_official_split_and_keeps_line_separators_inside(tmp_path):
    train, test = tmp_path / "TREC.train.all", tmp_path / "TREC.test.all"
    train.write_bytes(b"5 How\x85 far ? \n0 \n")  # 0x85 is an ellipsis here, not a line end
    test.write_bytes(b"3 Who ?")
    prepare_text.prepare_trec({path.name: path for path in (train, test)}, tmp_path)
    assert rows(tmp_path / "trec.csv")[1:] == [
        ["How\u2026 far ?", "5", "train"],
        ["", "0", "train"],
        ["Who ?", "3", "test"],
    ]


def test_line_without_a_label_is_named(tmp_path):
    path = tmp_path / "custrev.all"
    path.write_text("1 good\nno label here\n")
    with pytest.raises(DatasetError, match=r"custrev\.all, row 2: no label"):
        prepare_text.prepare_cr({path.name: path}, tmp_path)


@pytest.mark.skipif(not MIRROR.is_dir(), reason="RECIPES_MIRROR names no folder")
@pytest.mark.parametrize("name", ["mr", "subj", "cr", "trec", "sst1", "sst2"])
def test_prepared_sets_equal_the_mirrors(name, tmp_path, monkeypatch):
    expected = MIRROR / name / f"{name}.csv"
    if not expected.is_file():
        pytest.skip(f"the mirror has no {name}/{name}.csv")
    monkeypatch.setenv("RECIPES_CACHE", str(tmp_path))
    got = rows(datasets.load(name) / f"{name}.csv")
    assert got == rows(expected)
    counts = datasets.entry(name).counts
    assert len(got) - 1 == counts.rows + counts.phrases
