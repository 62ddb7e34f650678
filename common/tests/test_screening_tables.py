"""Readers, subgroups and operating points beside each other, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from common import metrics, screening, screening_tables

LABELS = [1, 1, 1, 1, 0, 0, 0, 0]
SCORES = [9, 8, 6, 3, 7, 4, 2, 1]
# cut          9    8    7    6    4    3    2    1
# sensitivity .25  .5   .5  .75  .75   1    1    1
# specificity  1    1   .75  .75  .5   .5  .25   0


def graded(**columns):
    return pd.DataFrame(columns, index=range(100, 108))  # an index that is not the rows' order


def test_readers_by_hand():
    grades = graded(A=[2, 2, 0, 1, 3, 0, 1, 0], B=[4, 2, 2, 3, 2, 2, 0, 1],
                    C=[2, 1, 0, 2, 0, 1, 1, 0])
    panel = screening_tables.readers(LABELS, grades, 2, SCORES)
    a, b, c = panel.readers
    # A calls the first two positive pictures so, and one negative: below 0.75 at 0.75.
    assert (a.name, a.sensitivity, a.specificity) == ("A", metrics.exact(2, 4), metrics.exact(3, 4))
    assert a.of_model == metrics.exact(3, 4) and a.below_curve
    # Of the positive pictures the model has three, A the first two: one for the model alone.
    assert a.difference == metrics.paired([1, 1, 1, 0], [1, 1, 0, 0])
    # B has all positive pictures at a specificity of 0.5, as the model: on the curve, not below.
    assert (b.sensitivity.value, b.specificity.value) == (1, 0.5)
    assert b.of_model.value == 1 and b.below_curve is False
    # C is never wrong about a negative picture, so the model must not be: 8 is its lowest cut.
    assert (c.sensitivity.value, c.specificity.value, c.of_model.value) == (0.5, 1, 0.5)
    assert c.difference == metrics.paired([1, 1, 0, 0], [1, 0, 0, 1]) and not c.below_curve
    assert panel.share_below == pytest.approx(1 / 3)


def test_the_majority_and_its_ties():
    #                     3 of 3, 2 of 3, 1 of 3, tie of 2, tie of 2, 1 of 1, nobody, 0 of 3
    grades = graded(A=[2, 2, 2, 2, 2, None, None, 0], B=[2, 2, 0, 0, None, None, None, 1],
                    C=[2, 0, 0, None, 0, 2, None, 1])
    panel = screening_tables.readers(LABELS, grades, 2)
    majority = panel.majority
    assert majority.name == "majority"
    assert majority.sensitivity == metrics.exact(3, 4)  # called: 1, 1, no, tie
    assert majority.specificity == metrics.exact(1, 3)  # called: tie, 1, nobody left out, no
    assert majority.of_model is None and majority.below_curve is None
    assert panel.share_below is None


def test_a_reader_is_compared_on_the_pictures_that_he_graded():
    grades = graded(A=[2, 2, None, None, 0, 0, 2, None])
    (reader,) = screening_tables.readers(LABELS, grades, 2, SCORES).readers
    assert reader.sensitivity == metrics.exact(2, 2) and reader.specificity == metrics.exact(2, 3)
    assert reader.of_model == metrics.exact(2, 2)
    assert reader.difference.n == 2


def test_a_model_that_ranks_a_negative_first_catches_nothing_at_full_specificity():
    grades = graded(A=[2, 0, 0, 0, 0, 0, 0, 0])
    scores = [1, 2, 3, 4, 9, 0, 0, 0]
    (reader,) = screening_tables.readers(LABELS, grades, 2, scores).readers
    assert reader.of_model == metrics.exact(0, 4) and not reader.below_curve


def test_readers_as_a_table():
    grades = graded(A=[2, 2, 0, 1, 3, 0, 1, 0], B=[4, 2, 2, None, 2, 2, 0, 1])
    table = screening_tables.readers(LABELS, grades, 2, SCORES).table()
    assert list(table.index) == ["A", "B", "majority"]
    assert list(table["pictures"]) == [8, 7, 8]
    assert table.loc["A", "sensitivity"] == str(metrics.exact(2, 4))
    assert list(table["below the curve"])[:2] == ["yes", "no"]
    assert table.loc["A", "model less reader"].startswith("+0.250 (")
    without = screening_tables.readers(LABELS, grades, 2).table()
    assert list(without) == ["pictures", "sensitivity", "specificity"]


def test_wrong_grades_are_refused():
    right = graded(A=[2, 2, 0, 1, 3, 0, 1, 0])
    for grades, message in (
        (graded(A=["severe"] * 8), "grades must be numbers"),
        (right.head(5), "5 rows and 1 readers for 8 pictures"),
        (pd.DataFrame(index=range(8)), "8 rows and 0 readers"),
        (graded(A=[None] * 4 + [0] * 4), "A graded 0 positive and 4 negative"),
    ):
        with pytest.raises(ValueError, match=message):
            screening_tables.readers(LABELS, grades, 2, SCORES)
    with pytest.raises(ValueError, match="labels have shape"):
        screening_tables.readers(LABELS, right, 2, SCORES[:5])


def test_subgroups_by_hand():
    groups = graded(sex=["m", "f", "m", "f", "m", "f", "m", None],
                    age=pd.cut([30, 30, 70, 70, 30, 30, 70, 70], [0, 60, 90],
                               labels=["up to 60", "above"]))
    groups.index = [0, 1] * 4  # as after a concatenation
    table = screening_tables.subgroups(LABELS, SCORES, 5, groups, least=2)
    assert list(table["variable"]) == ["all", "sex", "sex", "sex", "age", "age"]
    assert list(table["group"]) == ["all pictures", "f", "m", "not known", "up to 60", "above"]
    assert list(table["n"]) == [8, 3, 4, 1, 4, 4]
    assert list(table["positives"]) == [4, 2, 2, 0, 2, 2]
    assert list(table["too small"]) == [False, True, False, True, False, False]
    table = table.set_index("group")
    whole = screening.auc(LABELS, SCORES)
    assert list(table.loc["all pictures", ["auc", "auc low", "auc high"]]) == [
        whole.value, whole.low, whole.high]
    # Men: positive 9 and 6, negative 7 and 2; one pair of four is in the wrong order.
    men = table.loc["m"]
    assert (men["auc"], men["sensitivity"], men["specificity"]) == (0.75, 1, 0.5)
    exact = metrics.exact(1, 2)
    assert (men["specificity low"], men["specificity high"]) == (exact.low, exact.high)
    # Too small is marked, and what can be said is said.
    assert math.isnan(table.loc["f", "auc"]) and table.loc["f", "sensitivity"] == 0.5
    assert math.isnan(table.loc["not known", "sensitivity"])
    assert table.loc["not known", "specificity"] == 1


def test_wrong_groups_are_refused():
    with pytest.raises(ValueError, match="3 rows and labels 8 pictures"):
        screening_tables.subgroups(LABELS, SCORES, 5, pd.DataFrame({"sex": ["f"] * 3}))
    labels, scores = np.arange(90) % 2, np.arange(90)
    with pytest.raises(ValueError, match=r"'age'\] has 90 values; make at most 40 bands"):
        screening_tables.subgroups(labels, scores, 5, pd.DataFrame({"age": np.arange(90) + 0.5}))


def test_points_stand_side_by_side():
    points = {"sensitive": screening.measure(LABELS, SCORES, 3, prevalence=0.1),
              "silent": screening.measure(LABELS, SCORES, 10)}
    table = screening_tables.side_by_side(points)
    assert list(table) == list(points)
    assert table.loc["threshold", "sensitive"] == "3"
    assert table.loc["sensitivity", "sensitive"] == str(metrics.exact(4, 4))
    assert table.loc["positive predictive value, own prevalence", "silent"] == (
        "nothing called positive")
    expected = f"{points['sensitive'].elsewhere.positive:.4f}"
    assert table.loc["positive predictive value, stated prevalence", "sensitive"] == expected
    assert table.loc["stated prevalence", "silent"] == ""
    assert table.loc["false positives", "sensitive"] == "2"
    assert len(screening_tables.side_by_side({"silent": points["silent"]})) == len(table) - 3
    with pytest.raises(ValueError, match="points is empty"):
        screening_tables.side_by_side({})
