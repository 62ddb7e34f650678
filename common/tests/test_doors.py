"""The third door is a path; a word that is none is told what is near."""

import pytest

from common import doors
from common.validation import DataError


def test_a_path_is_the_users_own(tmp_path, monkeypatch):
    assert doors.own_path(tmp_path, ("idrid",), "a folder") == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "eyes").mkdir()
    assert doors.own_path("~/eyes", ("idrid",), "a folder") == tmp_path / "eyes"


@pytest.mark.parametrize(("word", "near"), [("idird", "'idrid'"), ("Sampel", "'sample'")])
def test_a_mistyped_word(word, near):
    with pytest.raises(DataError, match=f"Did you mean {near}") as error:
        doors.own_path(word, ("idrid",), "a folder of photographs")
    assert "(idrid)" in str(error.value) and "a folder of photographs" in str(error.value)


def test_a_word_that_is_near_nothing():
    with pytest.raises(DataError) as error:
        doors.own_path("/nowhere/at/all", ("idrid",), "a folder")
    assert "Did you mean" not in str(error.value)
