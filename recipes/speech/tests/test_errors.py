"""Errors are counted as jiwer counts them, and told where they lie."""

import jiwer
import pandas as pd
import pytest

from recipes.speech import errors

SAID = ["go on", "stop the dog", "yes", "a b c d"]
WRITTEN = ["go on", "stop a dog now", "", "a c d"]


@pytest.fixture
def table():
    return errors.of_each(SAID, WRITTEN)


def test_rates_are_jiwers(table):
    assert table["word errors"].tolist() == [0, 2, 1, 1]
    speakers = ["one", "one", "two", "three"]
    for unit, function in (("word", jiwer.wer), ("letter", jiwer.cer)):
        found = errors.rate(table, unit, speakers)
        assert found.value == pytest.approx(function(SAID, WRITTEN))
        assert 0 <= found.low <= found.value <= found.high and "over 3 groups" in found.method
    assert "groups" not in errors.rate(table, "word", ["one"] * 4).method


def test_errors_by_group(table):
    found = errors.by(table, pd.Series(["x", "x", "y", "y"]))
    assert found.index.tolist() == ["x", "y"] and found["utterances"].tolist() == [2, 2]
    assert found.loc["y", "wer"] == pytest.approx(2 / 5)
    lengths = errors.by(table, pd.cut(table["words"], [0, 1, 3, 9]))
    assert lengths["words"].tolist() == [1, 5, 4]


def test_the_commonest_errors(table):
    found = errors.confusions(table)
    pairs = set(zip(found["said"], found["written"], strict=True))
    assert pairs == {("the", "a"), ("·", "now"), ("yes", "·"), ("b", "·")}
    assert errors.confusions(errors.of_each(["a"], ["a"])).empty


def test_what_is_shown_is_both_texts_and_no_markup():
    page = errors.coloured("stop <the> dog", "stop a dog now")
    assert page.count("<tr>") == 2 and "&lt;the&gt;" in page and "<the>" not in page
    assert errors.COLOURS["insert"] in page and errors.COLOURS["substitute"] in page
    assert errors.COLOURS["delete"] not in page
    assert errors.COLOURS["delete"] in errors.coloured("yes", "")
