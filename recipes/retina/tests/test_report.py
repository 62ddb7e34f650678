"""Figures of a run: held-out answers are probabilities, points keep their rates, curves rise."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from common import screening_records
from recipes.retina import learning, report
from recipes.retina.tests.tasks import rows_of, task

QUICK = {"members": 1, "repeats": 1, "folds": 3, "steps": 100}


@pytest.fixture(scope="module")
def whole():
    return task()


@pytest.fixture(scope="module")
def answers(whole):
    judged = learning.cross_validate(whole, strengths=(3.0,), **QUICK)
    return report.answers_of(judged)


def test_answers_are_probabilities_of_grades_referable_and_edema(whole, answers):
    assert answers.shape == (len(whole), 7)
    np.testing.assert_allclose(answers[:, :5].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(answers[:, 5], answers[:, 2:5].sum(axis=1), atol=1e-6)
    assert ((answers >= 0) & (answers <= 1)).all()


def test_rows_and_features_become_a_task(whole):
    rows = rows_of(whole)
    rows.loc[3, "doubtful"] = True
    views = np.stack([whole.features - 1, whole.features + 1], axis=1)
    made = report.task_of(rows, views)
    np.testing.assert_allclose(made.features, whole.features, atol=1e-5)
    assert np.array_equal(made.edema, whole.edema) and not made.trusted[3] and made.trusted[4]


def test_edema_is_known_or_not():
    rows = rows_of(task(count=60))
    rows.loc[:2, "dme_risk"] = [0, 1, 2]
    assert report.edema_of(rows)[:3].tolist() == [0, 0, 1]
    assert set(report.edema_of(rows)) == {-1, 0, 1}


def test_measured_figures_are_the_usual_ones(whole, answers):
    rows = rows_of(whole)
    records = report.measure("drawn", "ours", rows, answers, [0], held_out=True)
    found = {each["metric"]: each for each in records}
    guess, suffix = answers[:, :5].argmax(axis=1), report.CROSS_VALIDATED
    near = np.rint(answers[:, :5] @ np.arange(5))
    for name, said in (("", near), (" of the likeliest grade", guess)):
        kappa = cohen_kappa_score(whole.grades, said, weights="quadratic")
        assert found[f"quadratic kappa{name}{suffix}"]["value"] == pytest.approx(kappa)
    area = roc_auc_score(whole.grades >= 2, answers[:, 5])
    assert found["AUC of referable" + suffix]["value"] == pytest.approx(area)
    assert found["accuracy" + suffix]["value"] == pytest.approx((guess == whole.grades).mean())
    assert found["AUC of macular edema" + suffix]["n"] == (whole.edema >= 0).sum()
    assert all(each["low"] <= each["value"] <= each["high"] for each in found.values())


def test_without_any_known_edema_there_is_no_figure_for_it(whole, answers):
    rows = rows_of(whole).assign(dme_risk=-1)
    metrics = [each["metric"] for each in report.measure("drawn", "ours", rows, answers, [0])]
    assert "AUC of referable" in metrics and "AUC of macular edema" not in metrics


def test_thresholds_keep_their_rates_where_they_were_chosen(whole, answers):
    rows = rows_of(whole)
    chosen = report.thresholds(rows, answers, 0.95, 0.9)
    points = report.points(rows, answers, chosen, 0.1)
    assert points["sensitive"].sensitivity.value >= 0.95
    assert points["specific"].specificity.value >= 0.9
    records = screening_records.of_points("drawn", report.OURS, points, [0])
    names = {each["variant"] for each in records}
    assert names == {"ours, sensitive point", "ours, specific point"}
    with pytest.raises(ValueError, match="sensitivity"):
        report.thresholds(rows, np.zeros_like(answers), 0.95, 0.9)


def test_every_way_of_asking_has_a_row_and_beats_chance(whole):
    table = report.compare_kinds(whole, ("questions", "softmax"), strengths=(3.0,), log=None,
                                 **QUICK)  # fmt: skip
    assert list(table.index) == ["questions", "softmax", report.REGRESSION]
    assert (table["kappa"] > 0.4).all() and (table["AUC of referable"] > 0.8).all()


def test_more_photographs_teach_more(whole):
    other = task(seed=5)
    curve = report.learning_curve(whole, other.features, rows_of(other), 3.0, sizes=(15, 40, 900),
                                  draws=2, members=1, steps=100)  # fmt: skip
    assert curve["photographs"].tolist() == [15, 40, 120]
    assert curve["kappa"].iloc[-1] > curve["kappa"].iloc[0]
    assert (curve["kappa least"] <= curve["kappa"]).all()
    assert (curve["kappa"] <= curve["kappa most"]).all()


def test_a_learning_curve_takes_whole_patients():
    """Two photographs of each: an odd size cuts one patient at most."""
    seen = []

    class Recorded(learning.Learner):
        def fit(self, rows, strength=30.0, seed=0):
            seen.append(np.asarray(rows))
            return super().fit(rows, strength, seed)

    pairs = task()
    pairs = learning.Task(pairs.features, pairs.grades, pairs.edema, np.repeat(np.arange(60), 2),
                          pairs.trusted)  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "Learner", Recorded)
        report.learning_curve(pairs, pairs.features, rows_of(pairs), 3.0, sizes=(21,), draws=1,
                              members=1, steps=10)  # fmt: skip
    assert len(seen[0]) == 21 and len(np.unique(pairs.groups[seen[0]])) == 11
