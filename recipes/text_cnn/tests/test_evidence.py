"""Evidence comes from models that have not seen the rows, and is computed once."""

import numpy as np
import pytest

from recipes.text_cnn import evidence
from recipes.text_cnn.evidence import honest_evidence, linear_model
from recipes.text_cnn.tfidf import Features, fit_linear


def test_honest_evidence_knows_nothing_of_its_own_rows():
    """Labels drawn by lot: a fitted model repeats them, a cross-fitted one cannot."""
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list("abcdefghijklmnop"), 6)) for _ in range(400)]
    labels = random.integers(0, 2, 400)
    own = np.concatenate(
        fit_linear(texts, labels, 2, bayes_weights=True).token_evidence(texts)
    )
    honest = honest_evidence(Features(texts, True), labels, 2)
    assert honest.shape == own.shape == (2400, 2)

    def accuracy(evidence):
        return (evidence.reshape(400, 6, 2).sum(1).argmax(1) == labels).mean()

    assert accuracy(own) > 0.8 and 0.4 < accuracy(honest) < 0.6


@pytest.mark.parametrize("bayes_weights", [False, True])
def test_known_texts_are_read_as_new_ones(bayes_weights):
    texts = ["Not good, not bad", "", "good", "a very very good film", "it isn't good", "x"] * 2
    labels = np.array([0, 1, 1, 1, 0, 0] * 2)
    features = Features(texts, bayes_weights, groups=np.arange(12) % 7)
    model = features.fit(labels, np.arange(0, 12, 2), 2, 3.0)
    rows = np.array([0, 1, 3, 4, 9, 11])
    expected = np.concatenate(model.token_evidence([texts[row] for row in rows]))
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(features.evidence(model, rows), expected, atol=1e-6)


def test_groups_are_not_parted():
    """Every text stands twice with a label drawn by lot: only parting the two betrays it."""
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list("abcdefghijklmnop"), 6)) for _ in range(200)] * 2
    labels = np.tile(random.integers(0, 2, 200), 2)

    def accuracy(groups):
        evidence = honest_evidence(Features(texts, True, groups), labels, 2)
        return (evidence.reshape(400, 6, 2).sum(1).argmax(1) == labels).mean()

    assert accuracy(None) > 0.8 > 0.6 > accuracy(np.tile(np.arange(200), 2))


def test_honest_evidence_is_that_of_a_model_without_the_rows():
    """Classes of unequal size: n-grams that only the held-out text has must not count."""
    texts = ["good film", "fine film", "bad plot", "dull plot", "awful plot", "good zyxwv qrst"]
    labels, rows = np.array([0, 0, 1, 1, 1, 0]), np.arange(5)
    features = Features(texts, bayes_weights=True)
    held_out = features.fit(labels, rows, 2, 3.0).token_evidence([texts[5], "good"])
    np.testing.assert_allclose(held_out[0][0], held_out[1][0], rtol=0.05)


@pytest.mark.parametrize(
    "texts, labels, groups",
    [
        (["good film", "bad film"] * 6 + ["odd"], [0, 1] * 6 + [2], None),
        (["good film"] * 19 + ["bad"], [0] * 19 + [1], None),
        (["good film"] * 9 + ["Good film"], [0] * 9 + [1], [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]),
        (["good", "bad"], [0, 1], None),
        (["good", "Good"], [0, 1], [0, 0]),
    ],
)
def test_cross_fitting_does_with_next_to_nothing(texts, labels, groups):
    groups = None if groups is None else np.array(groups)
    classes = max(labels) + 1
    evidence = honest_evidence(Features(texts, True, groups), np.array(labels), classes)
    assert evidence.shape == (sum(len(text.split()) for text in texts), classes)
    assert np.isfinite(evidence).all()


TEXTS = ["good film", "fine film", "bad plot", "dull plot"] * 3
LABELS, GROUPS = np.array([0, 0, 1, 1] * 3), np.arange(12)


def test_what_is_kept_is_what_was_computed(tmp_path, monkeypatch):
    fresh = linear_model(TEXTS, LABELS, 2, GROUPS, honest=True)
    made = linear_model(TEXTS, LABELS, 2, GROUPS, honest=True, folder=tmp_path)
    monkeypatch.setattr(evidence, "Features", None)  # computing anything would fail
    found = linear_model(TEXTS, LABELS, 2, GROUPS, honest=True, folder=tmp_path)
    for model, honest in (made, found):
        np.testing.assert_array_equal(honest, fresh[1])
        np.testing.assert_array_equal(
            model.predict_proba(["good", "plot"]), fresh[0].predict_proba(["good", "plot"])
        )


def test_the_model_alone_is_kept_and_evidence_added_later(tmp_path, monkeypatch):
    _, honest = linear_model(TEXTS, LABELS, 2, GROUPS, honest=False, folder=tmp_path)
    assert honest is None and [path.suffix for path in tmp_path.iterdir()] == [".npz"]
    _, honest = linear_model(TEXTS, LABELS, 2, GROUPS, honest=True, folder=tmp_path)
    assert honest.shape == (24, 2)
    monkeypatch.setattr(evidence, "Features", None)
    assert linear_model(TEXTS, LABELS, 2, GROUPS, honest=False, folder=tmp_path)[1] is None


@pytest.mark.parametrize(
    "texts, labels, groups",
    [
        (["Good film", *TEXTS[1:]], LABELS, GROUPS),
        (TEXTS, 1 - LABELS, GROUPS),
        (TEXTS, LABELS, GROUPS // 2),
        # The same letters, parted elsewhere.
        (["good", "filmfine film", *TEXTS[2:]], LABELS, GROUPS),
    ],
)
def test_other_texts_labels_or_groups_are_computed_anew(tmp_path, texts, labels, groups):
    linear_model(TEXTS, LABELS, 2, GROUPS, honest=False, folder=tmp_path)
    linear_model(texts, labels, 2, groups, honest=False, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_other_code_is_computed_anew(tmp_path, monkeypatch):
    linear_model(TEXTS, LABELS, 2, GROUPS, honest=False, folder=tmp_path)
    monkeypatch.setattr(evidence, "MODULES", ("linear",))
    linear_model(TEXTS, LABELS, 2, GROUPS, honest=False, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_openings_are_read_on_wish_and_kept_apart(tmp_path):
    plain, _ = linear_model(TEXTS, LABELS, 2, GROUPS, honest=False, folder=tmp_path)
    wished, _ = linear_model(
        TEXTS, LABELS, 2, GROUPS, honest=False, openings=True, folder=tmp_path
    )
    assert "openings" in wished.kinds and "openings" not in plain.kinds
    again, _ = linear_model(TEXTS, LABELS, 2, GROUPS, honest=False, folder=tmp_path)
    assert again.kinds == plain.kinds
