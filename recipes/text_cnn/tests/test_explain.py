"""The explanation is exact, and shows markup instead of running it."""

import numpy as np
import pytest
from scipy.special import softmax

from recipes.text_cnn.classifier import SentenceClassifier
from recipes.text_cnn.explain import FilterView, coloured_html, explain
from recipes.text_cnn.model import kim_cnn

TEXTS = [
    "a lovely film .",
    "dreadful",
    "",
    "the plot was dull and the film was superb , superb !",
    "Zyxwv <b>",
]


@pytest.fixture(scope="module")
def kim(networks_alone):
    """The paper's network with biases that let padding speak."""
    model = kim_cnn(len(networks_alone.encoder), 2, "rand", dimension=8, filters=6)
    random = np.random.default_rng(0)
    for layer in model.layers:
        if hasattr(layer, "bias"):
            layer.bias.assign(random.normal(size=layer.bias.shape))
    return SentenceClassifier(networks_alone.classes, networks_alone.encoder, [model])


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", ["classifier", "beside", "networks_alone", "kim"])
def test_word_shares_add_up_to_the_answer(request, text, kind):
    classifier = request.getfixturevalue(kind)
    found = explain(classifier, text)
    np.testing.assert_allclose(
        softmax(found.scores.sum(0) + found.bias), classifier.probabilities([text])[0], atol=1e-4
    )


@pytest.mark.parametrize("kind", ["classifier", "networks_alone"])
def test_the_telling_word_gets_the_largest_share(request, kind):
    found = explain(request.getfixturevalue(kind), "The film was Superb .")
    assert found.tokens[(found.scores[:, 1] - found.scores[:, 0]).argmax()] == "Superb"
    gram, label, strength = found.fired[0]
    assert "superb" in gram and label == 1 and strength > 0


@pytest.mark.parametrize("kind", ["classifier", "networks_alone"])
def test_filters_are_listed_with_what_they_look_for(request, kind, corpus, fold):
    classifier = request.getfixturevalue(kind)
    view = FilterView(classifier.members[0], classifier.encoder, classifier.linear)
    table = view.strongest_ngrams(corpus.texts[fold.test], corpus.classes, filters=5)
    assert len(table) == 5 and table["pull"].is_monotonic_decreasing
    telling = {"good", "lovely", "superb", "charming", "bad", "awful", "dull", "dreadful"}
    assert telling & set(table["n-grams"][0].split())


@pytest.mark.parametrize("kind", ["classifier", "networks_alone"])
def test_many_sentences_are_looked_at_as_each_alone(request, kind, corpus, fold):
    classifier = request.getfixturevalue(kind)
    view = FilterView(classifier.members[0], classifier.encoder, classifier.linear)
    texts = [*corpus.texts[fold.test[:9]], "", "good"]
    for text, (tokens, responses, _) in zip(texts, view.all_activations(texts), strict=True):
        own, expected, _ = view.activations(text)
        assert tokens == own
        for one, other in zip(responses, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_markup_in_a_sentence_is_escaped(classifier):
    text = '<script>alert(1)</script> " onmouseover=x <img src=x>'
    html = coloured_html(explain(classifier, text), 1, ["a", "<i>b</i>"])
    assert "<script" not in html and "<img" not in html and "<i>" not in html
    assert "&lt;" in html and "&lt;i&gt;b&lt;/i&gt;" in html
