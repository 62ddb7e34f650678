"""The explanation is exact, and shows markup instead of running it."""

import keras
import numpy as np
import pytest

from recipes.text_cnn.batches import Batches
from recipes.text_cnn.explain import Explainer, coloured_html
from recipes.text_cnn.model import kim_cnn

TEXTS = ["a lovely film .", "dreadful", "", "the plot was dull and the film was superb !"]


def scores(model, encoder, text):
    pieces = any(tensor.name == "pieces" for tensor in model.inputs)
    prior = np.zeros((1, 2), np.float32) if pieces else None
    batches = Batches(
        encoder.encode([text]), np.zeros(1, int), np.arange(1), 2, 1, pieces=pieces, prior=prior
    )
    return keras.ops.convert_to_numpy(model(batches.arrays(np.arange(1))))[0]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", ["subword", "kim"])
def test_word_shares_add_up_to_the_score(classifier, text, kind):
    model = classifier.members[0]
    if kind == "kim":
        model = kim_cnn(len(classifier.encoder), 2, "rand", dimension=8, filters=6)
        random = np.random.default_rng(0)
        for layer in model.layers:
            if hasattr(layer, "bias"):
                layer.bias.assign(random.normal(size=layer.bias.shape))
    found = Explainer(model, classifier.encoder).explain(text)
    np.testing.assert_allclose(
        found.scores.sum(0) + found.bias, scores(model, classifier.encoder, text), atol=1e-4
    )


def test_the_telling_word_gets_the_largest_share(classifier):
    explainer = Explainer(classifier.members[0], classifier.encoder)
    found = explainer.explain("the film was superb .")
    assert found.tokens[(found.scores[:, 1] - found.scores[:, 0]).argmax()] == "superb"
    gram, label, strength = found.fired[0]
    assert "superb" in gram and label == 1 and strength > 0


def test_filters_are_listed_with_what_they_look_for(classifier, corpus, fold):
    explainer = Explainer(classifier.members[0], classifier.encoder)
    table = explainer.strongest_ngrams(corpus.texts[fold.test], corpus.classes, filters=5)
    assert len(table) == 5 and table["pull"].is_monotonic_decreasing
    assert any(word in table["n-grams"][0] for word in ("good lovely superb charming bad awful "
                                                        "dull dreadful").split())


def test_markup_in_a_sentence_is_escaped(classifier):
    explainer = Explainer(classifier.members[0], classifier.encoder)
    text = "<script>alert(1)</script> \" onmouseover=x <img src=x>"
    html = coloured_html(explainer.explain(text), 1, ["a", "<i>b</i>"])
    assert "<script" not in html and "<img" not in html and "<i>" not in html
    assert "&lt;" in html and "&lt;i&gt;b&lt;/i&gt;" in html
