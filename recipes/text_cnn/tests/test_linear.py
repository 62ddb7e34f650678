"""The linear model is scikit-learn's, in a graph as outside of one."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from recipes.text_cnn.linear import LinearNgrams
from recipes.text_cnn.text import token_lists
from recipes.text_cnn.tfidf import Features, bayes_ratios, fit_linear


def words_and_pairs(text):
    tokens = token_lists([text])[0]
    return tokens + [f"{a} {b}" for a, b in zip(tokens, tokens[1:], strict=False)]


def test_the_baseline_is_tfidf_and_logistic_regression(corpus, fold):
    texts, labels = corpus.texts[fold.train], corpus.labels[fold.train]
    ours = fit_linear(texts, labels, 2)
    theirs = make_pipeline(
        TfidfVectorizer(analyzer=words_and_pairs, sublinear_tf=True),
        LogisticRegression(C=10, max_iter=1000),
    ).fit(texts, labels)
    test = [*corpus.texts[fold.test], "film film film lovely", ""]
    np.testing.assert_allclose(ours.predict_proba(test), theirs.predict_proba(test), atol=1e-4)


def test_bayes_ratio_of_a_small_example_by_hand():
    """Words a, b; class 0 has (a), (a), class 1 has (b): p(a) = 3/4, q(a) = 1/3."""
    present = np.array([[1, 0], [1, 0], [0, 1]], bool)
    ratios = bayes_ratios(present, np.array([0, 0, 1]))
    np.testing.assert_allclose(ratios, [np.log((3 / 4) / (1 / 3)), np.log((2 / 3) / (1 / 4))])


def test_an_ngram_that_stands_nowhere_tells_nothing():
    present = np.array([[1, 0], [1, 0], [1, 0]], bool)
    assert bayes_ratios(present, np.array([0, 0, 1]))[1] == 0


def test_an_ngram_equally_common_in_all_classes_tells_nothing():
    present = np.array([[1, 1, 0], [1, 0, 1]], bool)
    assert bayes_ratios(present, np.array([0, 1]))[0] == pytest.approx(0)


@pytest.mark.parametrize("bayes_weights", [False, True])
def test_saved_and_loaded(corpus, fold, tmp_path, bayes_weights):
    texts = [*corpus.texts[fold.train], "~ a ~ b", "~"]
    labels = [*corpus.labels[fold.train], 0, 1]
    model = fit_linear(texts, np.array(labels), 2, bayes_weights=bayes_weights)
    model.save(tmp_path / "linear.npz")
    again = LinearNgrams.load(tmp_path / "linear.npz")
    test = ["a lovely film", "~ a", "", "unheard"]
    np.testing.assert_array_equal(model.predict_proba(test), again.predict_proba(test))
    assert np.isfinite(model.predict_proba(test)).all()


def test_a_sentence_does_not_depend_on_its_neighbours(corpus, fold):
    texts, labels = corpus.texts[fold.train], corpus.labels[fold.train]
    model = fit_linear(texts, labels, 2, bayes_weights=True)
    together = model.predict_proba(["a lovely film", "dreadful", ""])
    alone = np.concatenate([model.predict_proba([t]) for t in ("a lovely film", "dreadful", "")])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_character_ngrams_reach_words_never_seen(corpus, fold):
    texts, labels = corpus.texts[fold.train], corpus.labels[fold.train]
    model = fit_linear(texts, labels, 2, bayes_weights=True)
    assert model.predict_proba(["superbly"])[0, 1] > 0.6
    plain = fit_linear(texts, labels, 2)
    assert plain.predict_proba(["superbly"])[0, 1] == plain.predict_proba([""])[0, 1]


def test_a_class_without_rows_is_never_proposed():
    texts, labels = ["good film", "bad film", "fine film"] * 5, np.array([0, 1, 3] * 5)
    probabilities = fit_linear(texts, labels, 4).predict_proba(["good film", "what"])
    assert probabilities.shape == (2, 4) and (probabilities[:, 2] < 1e-6).all()
    assert probabilities[0].argmax() == 0


@pytest.mark.parametrize("bayes_weights", [False, True])
def test_evidence_adds_up_to_the_answer(corpus, fold, bayes_weights):
    texts, labels = corpus.texts[fold.train], corpus.labels[fold.train]
    model = fit_linear(texts, labels, 2, bayes_weights=bayes_weights)
    test = ["a lovely lovely film was not dull .", "", "unheard", "🙂 it's"]
    found = model.token_evidence(test)
    assert [len(each) for each in found] == [8, 0, 1, 3]
    scores = np.array([each.sum(0) for each in found]) + model.bias
    np.testing.assert_allclose(softmax(scores, axis=1), model.predict_proba(test), atol=1e-5)


def test_an_ngram_is_shared_by_its_first_and_last_token():
    texts = ["very good", "very bad"] * 5
    model = fit_linear(texts, np.array([1, 0] * 5), 2)
    kind = dict(zip(model.terms.tolist(), model.weights * model.scales[:, None], strict=True))
    length = np.sqrt(sum(model.scales[model.terms == t][0] ** 2 for t in
                         (b"very", b"good", b"very good")))  # fmt: skip
    pair = kind[b"very good"] / length
    very, good = model.token_evidence(["very good"])[0]
    np.testing.assert_allclose(very, kind[b"very"] / length + pair / 2, atol=1e-6)
    np.testing.assert_allclose(good, kind[b"good"] / length + pair / 2, atol=1e-6)


def test_ngrams_of_one_group_alone_are_left_out_but_for_words():
    texts = ["a bright idea", "bright idea", "bright lights"]
    features = Features(texts, True, groups=np.array([0, 0, 1]))
    terms = features.terms["letters"].tolist()
    assert b"~\tbrig" in terms and b"~\tidea" not in terms
    assert b"~\tidea" in Features(texts, True).terms["letters"].tolist()
    assert b"idea" in features.terms["words"].tolist()
