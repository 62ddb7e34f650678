"""Folders of grades and tables of the user's own, whatever they call their columns and grades."""

import pytest

from common.validation import DataError
from recipes.retina import layouts
from recipes.retina.gathering import grade_of
from recipes.retina.tests.trees import brief, read, said, tree


@pytest.mark.parametrize("names", [("0", "1", "4"), ("No_DR", "Mild", "Proliferate_DR"),
                                   ("grade_0", "1_mild", "4 - proliferative")])  # fmt: skip
def test_folders_of_grades(tmp_path, names):
    root = tree(tmp_path, {f"{names[0]}/notes.txt": ["x"]}, [
        f"{names[0]}/a.png", f"{names[1]}/deeper/b.jpg", f"{names[2]}/a.png", "unknown/c.png",
        "other/d.png"])  # fmt: skip
    assert layouts.recognise(root) == "folders"
    rows, report = read(root)
    assert sorted(brief(rows, "grade", "split", "line")) == [
        ("a", 0, "", 0), ("a", 4, "", 0), ("b", 1, "", 0), ("c", -1, "", 0)]  # fmt: skip
    assert "other" in said(report, "folder of no grade")[0] and report.dropped == 2
    assert "c.png has no grade" in said(report, "no grade")[0]
    assert "notes.txt" in said(report, "no picture")[0]


def test_links_are_followed_and_hidden_files_are_not_pictures(tmp_path):
    tree(tmp_path / "disk", {}, ["a.png", "._a.png", ".b.png"])
    root = tree(tmp_path / "set", {}, ["1/c.png", "__MACOSX/2/d.png"])
    (root / "0").mkdir()
    (root / "0" / "linked").symlink_to(tmp_path / "disk", target_is_directory=True)
    (root / "0" / "loop").symlink_to(root / "0", target_is_directory=True)
    assert sorted(brief(read(root, layout="folders")[0], "grade")) == [("a", 0), ("c", 1)]


def test_folders_of_parts(tmp_path):
    root = tree(tmp_path, {}, ["train/0/a.png", "train/2/b.png", "val/0/c.png", "Test/2/d.png"])
    assert layouts.recognise(root) == "folders"
    rows, report = read(root)
    assert sorted(brief(rows, "grade", "split")) == [
        ("a", 0, "train"), ("b", 2, "train"), ("c", 0, "validation"), ("d", 2, "test")]  # fmt: skip
    assert not report


def test_a_table_of_the_users_own(tmp_path):
    tree(tmp_path, {}, ["elsewhere/far.png", "out.png", "back.png", "set/a.png", "set/b.jpeg",
                        "set/deep/c.png"])  # fmt: skip
    lines = [
        "File;DR_Grade;Patient;Side;Set", "a.png;0;p;OD;training", "b;moderate;p;OS;val",
        r"deep\c.png;3.0;q;;test", f"{tmp_path}/elsewhere/far.png;4;;upper;test",
        "../out.png;1;;;train", "nowhere.png;1;;;train", "a.png;2,5;;;train",
        r"..\back.png;1;;;train", "~odd.png;1;;;train"]  # fmt: skip
    table = tree(tmp_path / "set", {"mine.csv": lines}) / "mine.csv"
    assert layouts.recognise(table) == "table"
    rows, report = read(table)
    assert brief(rows, "grade", "patient", "eye", "split", "line") == [
        ("a", 0, "p", "right", "train", 2), ("b", 2, "p", "left", "validation", 3),
        ("c", 3, "q", "", "test", 4), ("far", 4, "", "", "test", 5), ("out", 1, "", "", "train", 6),
        ("back", 1, "", "", "train", 9),
    ]  # fmt: skip
    outside, missing = said(report, "outside the folder"), said(report, "missing file")
    assert len(outside) == 2 and "row 6" in outside[0] and "row 9" in outside[1]
    assert len(missing) == 2 and "row 7" in missing[0] and "row 10" in missing[1]
    assert "row 8" in said(report, "grade outside 0 to 4")[0]
    assert "'upper'" in said(report, "eye")[0] and report.dropped == 3


def test_columns_can_be_named(tmp_path):
    lines = ["photo_name,icdr,grade", "a.png,4,1"]
    table = tree(tmp_path, {"mine.csv": lines}, ["a.png"]) / "mine.csv"
    with pytest.raises(DataError, match="no column path; it has photo_name, icdr.*PATH_COLUMN"):
        layouts.recognise(table)
    chosen = {"path": "photo_name", "grade": "icdr"}
    assert brief(read(table, columns=chosen)[0], "grade") == [("a", 4)]
    with pytest.raises(DataError, match="no column 'nope'"):
        read(table, columns=chosen | {"eye": "nope"})
    with pytest.raises(ValueError, match="'age'|age is none of"):
        read(table, columns=chosen | {"age": "icdr"})
    with pytest.raises(ValueError, match="are for a table"):
        read(tmp_path, layout="labels", columns=chosen)


@pytest.mark.parametrize(("text", "grade"), [
    ("0", 0), ("4.0", 4), (" 2 ", 2), ("Grade 3", 3), ("No_DR", 0), ("No DR", 0), ("PDR", 4),
    ("Severe NPDR", 3), ("3 - Severe", 3), ("", -1), ("-1", -1), ("unknown", -1),
    ("5", None), ("2.5", None), ("None", None), ("1 - Severe", None), ("non-proliferative", None),
    ("-2", None), ("22", None), ("severe?!x", None),
])  # fmt: skip
def test_grades_in_words(text, grade):
    assert grade_of(text) == grade
