"""Every kind of n-gram finds what its name says, within a sentence."""

import numpy as np
import pytest
import tensorflow as tf

from recipes.text_cnn import ngrams


def found(kind, *texts):
    grams, first, last = ngrams.KINDS[kind][0](ngrams.lowered(tf.constant(texts)))
    assert len(grams) == len(first) == len(last)
    names = [gram.decode().split("\t")[-1] for gram in grams.numpy()]
    return list(zip(names, first.numpy().tolist(), last.numpy().tolist(), strict=True))


def test_words_and_pairs():
    assert found("words", "A b", "", "c", "d e f") == [
        ("a", 0, 0), ("b", 1, 1), ("c", 2, 2), ("d", 3, 3), ("e", 4, 4), ("f", 5, 5),
        ("a b", 0, 1), ("d e", 3, 4), ("e f", 4, 5),
    ]  # fmt: skip


def test_gaps():
    assert found("gaps", "a b", "c d e f") == [("c e", 2, 4), ("d f", 3, 5)]


def test_openings():
    assert found("openings", "How many a b c", "", "x") == [
        ("how", 0, 0), ("x", 5, 5), ("how many", 0, 1), ("how many a", 0, 2),
        ("how many a b", 0, 3), ("how many", 0, 1), ("how a", 0, 2), ("how b", 0, 3),
        ("how c", 0, 4),
        ("many a", 1, 2), ("many b", 1, 3), ("many c", 1, 4),
    ]  # fmt: skip
    assert "openings" not in ngrams.USUAL and set(ngrams.USUAL) < set(ngrams.KINDS)


def test_letters_know_where_a_word_begins_and_ends():
    assert [gram for gram, _, _ in found("letters", "ab")] == [
        "<a", "ab", "b>", "<ab", "ab>", "<ab>",
    ]  # fmt: skip
    assert {first for _, first, _ in found("letters", "a", "b c")} == {0, 1, 2}


def test_crossing_ngrams_name_their_first_and_last_token():
    assert found("crossing", "x", "ab c") == [("ab c", 1, 2), ("b c ", 1, 2), ("ab c ", 1, 2)]
    # The blank after a word is that word's.
    assert ("abc ", 0, 0) in found("crossing", "abc")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("not good", [("good", 0, 1)]),
        ("it isn't very good", [("very", 2, 3), ("good", 2, 4)]),
        ("not good , bad", [("good", 0, 1)]),
        ("not good but bad", [("good", 0, 1)]),
        ("never a b c d e f", [(x, 0, k + 1) for k, x in enumerate("abcde")]),
        ("not never good", [("never", 0, 1), ("good", 1, 2)]),
        ("good", []),
        ("not", []),
        ("", []),
    ],
)
def test_negation_reaches_to_the_end_of_its_clause(text, expected):
    assert sorted(found("negated", text)) == sorted(expected)


def test_negation_stays_in_its_sentence():
    assert found("negated", "not", "good") == []


def test_kinds_never_meet():
    text = tf.constant(["~ a not the ~ b ! _ a ^ lot of"])
    tokens = ngrams.lowered(text)
    seen = [set(find(tokens)[0].numpy().tolist()) for find, _ in ngrams.KINDS.values()]
    assert sum(map(len, seen)) == len(set.union(*seen))


@pytest.mark.parametrize("kind", ngrams.KINDS)
@pytest.mark.parametrize("texts", [[], [""], ["", " "], ["\U0001f642"]])
def test_nothing_to_see_is_no_error(kind, texts):
    tokens = ngrams.lowered(tf.constant(texts, tf.string))
    grams, first, last = ngrams.KINDS[kind][0](tokens)
    assert len(grams) == len(first) == len(last)
    assert not len(first) or np.max(last) < len(tokens.flat_values)
