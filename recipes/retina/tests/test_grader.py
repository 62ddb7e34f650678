"""The product: an answer or a reason for every file, the same after it was saved and loaded."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.validation import DataError
from recipes.retina import predict
from recipes.retina.data import GRADES
from recipes.retina.grader import NOTICE, Grader
from recipes.retina.tests import spoil
from recipes.retina.tests.drawn import fundus, save
from recipes.retina.tests.tasks import grader_by_chance

SIZE = 96


@pytest.fixture(scope="module")
def grader():
    return grader_by_chance(SIZE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two eyes, one of them in the dark; and what has no answer."""
    made = tmp_path_factory.mktemp("eyes")
    big = fundus(height=540, width=600, x=300, y=270, radius=256)
    save(made / "a.png", fundus())
    save(made / "b" / "dark.png", spoil.lit(0.1)(big))
    save(made / "black.png", np.zeros((90, 90, 3), np.uint8))
    (made / "cut.png").write_bytes((made / "a.png").read_bytes()[:3000])
    (made / "empty.jpg").touch()
    (made / "notes.txt").write_text("no picture")
    (made / ".hidden").write_text("not looked at")
    return made


@pytest.fixture(scope="module")
def table(grader, folder):
    names = ["a.png", "b/dark.png", "black.png", "cut.png", "empty.jpg", "notes.txt"]
    return grader.grade([folder / name for name in names])


def test_every_file_has_an_answer_or_a_reason(table):
    has = table["problem"] == ""
    assert has.tolist() == [True, True, False, False, False, False]
    assert table.loc[has, "grade"].between(0, 4).all() and table.loc[~has, "grade"].isna().all()
    assert set(table.loc[has, "refer, sensitive"]) <= {"yes", "no"}
    assert (table.loc[~has, ["refer, sensitive", "refer, specific"]] == "").all(axis=None)
    assert table["quality"].iloc[0] == "" and "dark" in table["quality"].iloc[1]


def test_the_answer_follows_from_the_probabilities(grader, table):
    row = table.iloc[0]
    shares = row[[f"probability of {name}" for name in GRADES]].astype(float).to_numpy()
    assert shares.sum() == pytest.approx(1, abs=1e-5) and row["grade"] == shares.argmax()
    assert row["mean grade"] == pytest.approx(shares @ np.arange(5), abs=1e-5)
    referable = row["probability of referable"]
    assert referable == pytest.approx(shares[2:].sum(), abs=1e-5)
    for name, threshold in grader.thresholds.items():
        assert (row[f"refer, {name}"] == "yes") == (referable >= threshold)


def test_answers_do_not_hang_on_the_company(grader, folder):
    """One alone, and in a batch that is not full."""
    pictures = np.random.default_rng(0).integers(0, 256, (11, SIZE, SIZE, 3), np.uint8)
    together = grader.answers(pictures)
    np.testing.assert_allclose(grader.answers(pictures[9:10])[0], together[9], atol=1e-5)
    assert grader.answers(pictures[:0]).shape == (0, 7)


def test_saved_and_loaded_it_says_the_same(grader, folder, table, tmp_path):
    grader.save(tmp_path / "grader")
    loaded = Grader.load(tmp_path / "grader")
    assert loaded.thresholds == grader.thresholds and loaded.preparation == grader.preparation
    again = loaded.grade(table["file"])
    pd.testing.assert_frame_equal(again, table, atol=1e-5)
    state = json.loads((tmp_path / "grader" / "grader.json").read_text())
    assert state["notice"] == NOTICE


def test_without_edema_nothing_is_said_of_it(grader, folder):
    from dataclasses import replace

    found = replace(grader, has_edema=False).grade([folder / "a.png"])
    assert "probability of edema" not in found and "probability of referable" in found


def test_what_is_no_grader(grader, tmp_path):
    with pytest.raises(FileNotFoundError, match="grader"):
        Grader.load(tmp_path)
    grader.save(tmp_path / "old")
    state = json.loads((tmp_path / "old" / "grader.json").read_text())
    (tmp_path / "old" / "grader.json").write_text(json.dumps({**state, "format": 0}))
    with pytest.raises(DataError, match="version"):
        Grader.load(tmp_path / "old")


def test_from_the_command_line(grader, folder, tmp_path, capsys):
    grader.save(tmp_path / "grader")
    target = tmp_path / "out.csv"
    assert predict.main([str(tmp_path / "grader"), str(folder), str(target)]) == 0
    said, found = capsys.readouterr().out, pd.read_csv(target)
    assert found["file"].tolist() == ["a.png", "b/dark.png", "black.png", "cut.png", "empty.jpg",
                                      "notes.txt"]  # fmt: skip
    assert found["problem"].notna().sum() == 4 and found["grade"].notna().sum() == 2
    assert "6 files" in said and "'problem'): 4" in said and "'quality'): 1" in said
    assert NOTICE in said
    assert predict.main([str(tmp_path / "grader"), str(folder / "none"), str(target)]) == 1
    assert predict.main([str(tmp_path), str(folder), str(target)]) == 1
    assert "does not exist" in capsys.readouterr().err


def test_turned_photographs_are_set_upright(grader, folder, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(folder / "a.png") as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    found = grader.grade([folder / "a.png", tmp_path / "turned.png"])
    np.testing.assert_allclose(found["probability of referable"].iloc[1],
                               found["probability of referable"].iloc[0], atol=1e-4)  # fmt: skip
