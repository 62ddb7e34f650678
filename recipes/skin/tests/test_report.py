"""Figures are the usual ones; probabilities are honest; each decision is best at its own figure."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from common.validation import Report
from recipes.skin import report
from recipes.skin.data import Lesions

CLASSES = ["bcc", "mel", "nv"]
SHARES = np.array([0.05, 0.15, 0.8])


def drawn(count=1500, seed=0):
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=SHARES)
    # A Bayes classifier's evidence under equal frequencies: noise on the right class.
    evidence = random.normal(0, 1, (count, 3))
    evidence[np.arange(count), labels] += 1.5
    return labels, 1.5 * evidence  # the log likelihoods of these normals, up to a constant


def lesions_of(labels):
    rows = pd.DataFrame({"label": labels, "group": np.arange(len(labels)), "path": "",
                         "split": "test", "sha256": "", "lesion": ""})  # fmt: skip
    return Lesions("drawn", True, CLASSES, ("bcc", "mel"), rows, Report("drawn"), rows[:0])


@pytest.fixture(scope="module")
def answered():
    labels, evidence = drawn()
    even = np.full(3, 1 / 3)
    return labels, report.shares([evidence], even, SHARES), lesions_of(labels)


def test_probabilities_follow_bayes_and_add_up(answered):
    labels, found, _ = answered
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    for k in range(3):
        assert found[:, k].mean() == pytest.approx(np.mean(labels == k), abs=0.02)


def test_the_temperature_undoes_boasting():
    labels, evidence = drawn()
    even = np.full(3, 1 / 3)
    honest = report.temperature([evidence], even, labels)
    boasting = report.temperature([2.5 * evidence], even, labels)
    assert honest == pytest.approx(1, abs=0.12) and boasting == pytest.approx(2.5, rel=0.12)


def test_members_are_averaged_as_probabilities():
    one, other = np.log([[0.8, 0.1, 0.1]]), np.log([[0.2, 0.7, 0.1]])
    even = np.full(3, 1 / 3)
    np.testing.assert_allclose(report.shares([one, other], even, even), [[0.5, 0.4, 0.1]])


def test_each_decision_is_best_at_its_own_figure(answered):
    labels, found, _ = answered
    plain, even = report.likeliest(found), report.evened(found, SHARES)
    assert np.mean(plain == labels) > np.mean(even == labels) + 0.05
    assert report.balanced(labels, even) > report.balanced(labels, plain) + 0.05
    assert report.balanced(labels, even) == pytest.approx(balanced_accuracy_score(labels, even))


def test_records_hold_the_usual_figures(answered):
    labels, found, lesions = answered
    records = report.measure(lesions, lesions.part("test"), found, SHARES, "ours", [0])
    told = {each["metric"]: each for each in records}
    assert told["accuracy"]["value"] == pytest.approx(np.mean(found.argmax(axis=1) == labels))
    area = roc_auc_score(labels < 2, found[:, :2].sum(axis=1))
    assert told["AUC of malignant"]["value"] == pytest.approx(area)
    recalls = [told[f"recall of {name}, evened"]["value"] for name in CLASSES]
    assert told["balanced accuracy"]["value"] == pytest.approx(np.mean(recalls))
    assert all(each["low"] <= each["value"] <= each["high"] for each in records)


def test_photographs_of_one_lesion_widen_the_intervals(answered):
    labels, found, lesions = answered
    order = np.argsort(labels, kind="stable")
    rows = lesions.rows.iloc[order].assign(group=np.arange(len(labels)) // 5)
    grouped = report.measure(replace(lesions, rows=rows), rows, found[order], SHARES, "ours", [0])
    assert "groups" in next(each["interval"] for each in grouped if each["metric"] == "accuracy")
