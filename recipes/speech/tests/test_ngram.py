"""The estimate adds up to one, agrees with what was reckoned by hand, and survives its file."""

import math

import numpy as np
import pytest

from common.validation import DataError
from recipes.speech import ngram
from recipes.speech.ngram import BEGIN, END, UNKNOWN, NGram, estimate

TEXT = """the cat sat on the mat
the dog sat on the log
a cat saw the dog
the cat saw a mat
stop
go
go on
stop the dog""".splitlines()
SENTENCES = [line.split() for line in TEXT]


@pytest.fixture(scope="module")
def model():
    return estimate(SENTENCES, 3)


def contexts(model):
    words = sorted(model.vocabulary)
    return [(), (BEGIN,), *((word,) for word in words), (BEGIN, "the"), ("the", "cat"),
            ("on", "the"), ("never", "heard"), ("mat", "mat")]  # fmt: skip


def test_probabilities_after_any_context_add_up_to_one(model):
    every = [*model.vocabulary, END, UNKNOWN]
    for context in contexts(model):
        total = sum(10 ** model.log10(word, context) for word in every)
        assert total == pytest.approx(1, abs=1e-6), context


def test_seen_words_are_likelier_than_unseen_ones(model):
    assert model.log10("mat", ("on", "the")) > model.log10("saw", ("on", "the"))
    assert model.log10("sat", ("the", "cat")) > model.log10("sat", ("the", "mat"))
    assert model.score("the cat sat on the log".split()) > model.score("log the on sat cat".split())


def test_a_bigram_by_hand():
    """Two sentences: "a b" twice and "a c": discounts are the usual ones, there are too few."""
    found = estimate([["a", "b"], ["a", "b"], ["a", "c"]], 2)
    # After how many different words: a 1 (<s>), b 1 (a), c 1 (a), </s> 2 (b, c); five in all.
    once, twice = 0.5, 1.0
    left, even = (3 * once + twice) / 5, 1 / 5  # words: a, b, c, </s>, <unk>
    b = (1 - once) / 5 + left * even
    assert 10 ** found.log10("b", ()) == pytest.approx(b)
    after = (2 - twice) / 3 + (once + twice) / 3 * b
    assert 10 ** found.log10("b", ("a",)) == pytest.approx(after)
    assert 10 ** found.log10("nothing", ()) == pytest.approx(left * even)
    unseen = 0.5 / 1 * 10 ** found.log10("b", ())  # after "c" came only </s>, once
    assert 10 ** found.log10("b", ("c",)) == pytest.approx(unseen)


def test_a_word_counts_after_how_many_others_and_not_how_often():
    """"francisco" is frequent, but only after "san" (Chen and Goodman's example)."""
    text = ["san francisco"] * 30 + [f"{a} house" for a in "the my your our this".split()]
    found = estimate([line.split() for line in text], 2)
    assert found.log10("house", ("green",)) > found.log10("francisco", ("green",))


def test_discounts_are_chen_and_goodmans():
    counts = ngram.Counter({(k,): c for k, c in enumerate([1] * 60 + [2] * 20 + [3] * 9 + [4] * 5)})
    share = 60 / 100
    wanted = (1 - 2 * share * 20 / 60, 2 - 3 * share * 9 / 20, 3 - 4 * share * 5 / 9)
    assert ngram._discounts(counts) == pytest.approx(wanted)
    assert ngram._discounts(ngram.Counter({("a",): 7})) == ngram.USUAL


def test_the_file_holds_the_same(model, tmp_path):
    again = NGram.read(model.write(tmp_path / "lm.arpa"))
    assert again.order == 3 and again.vocabulary == model.vocabulary
    for sentence in SENTENCES:
        assert again.score(sentence) == pytest.approx(model.score(sentence), abs=1e-4)
    text = (tmp_path / "lm.arpa").read_text()
    assert text.startswith("\\data\\\nngram 1=") and text.endswith("\\end\\\n")


@pytest.mark.parametrize(("old", "new", "said"), [
    ("ngram 2=", "ngram 2=9", "promises"), ("\\2-grams:\n", "\\2-grams:\n-1.0 no tabs\n", "line"),
    ("\\data\\", "", ""),
])  # fmt: skip
def test_a_damaged_file_is_named(model, tmp_path, old, new, said):
    path = model.write(tmp_path / "lm.arpa")
    path.write_text(path.read_text().replace(old, new, 1))
    if said:
        with pytest.raises(DataError, match=said):
            NGram.read(path)
    else:
        assert NGram.read(path).order == 3  # the first line is decoration


def test_an_empty_file_is_no_model(tmp_path):
    (tmp_path / "empty.arpa").touch()
    with pytest.raises(DataError, match="holds none"):
        NGram.read(tmp_path / "empty.arpa")


def test_perplexity_of_known_and_unknown_words(model):
    own, unknown = model.perplexity(SENTENCES)
    assert unknown == 0 and own < len(model.vocabulary) / 2
    other, unknown = model.perplexity([["the", "bird", "sat"]])
    assert unknown == pytest.approx(1 / 3) and other > own
    by_hand = 10 ** (-np.mean([model.log10("stop", (BEGIN,)), model.log10(END, (BEGIN, "stop"))]))
    assert model.perplexity([["stop"]])[0] == pytest.approx(by_hand)
    with pytest.raises(ValueError, match="no word"):
        model.perplexity([[]])


def test_letters_will_do(model):
    letters = estimate([list(line.replace(" ", "_")) for line in TEXT], 4)
    assert letters.log10("e", tuple("_th")) > letters.log10("x", tuple("_th"))
    assert math.isfinite(letters.score(list("the_zebra")))


@pytest.mark.parametrize(("sentences", "order", "said"), [
    ([["a"]], 0, "order=0"), ([], 3, "no sentence"), ([[]], 3, "no sentence"),
    ([["a", "<s>"]], 3, "<s> is a mark"),
])  # fmt: skip
def test_wrong_wishes(sentences, order, said):
    with pytest.raises(ValueError, match=said):
        estimate(sentences, order)
