"""How sentences are read: the same way in training and in the exported model."""

import numpy as np
import pytest
import tensorflow as tf

from recipes.text_cnn.text import (
    LONGEST_SENTENCE,
    PIECES_PER_WORD,
    UNKNOWN,
    Encoder,
    character_pieces,
    token_lists,
)

SENTENCES = [
    "It isn't great!!! I can't; they're “so-so” (3.5/5 stars).",
    "naïve café's ÉCOLE, it’s 你好 e-mail me@x.com",
    "",
    "   ",
    "<script>alert('x')</script> & \t a\nb \x00 c",
    "🙂🙂 " * 3,
    "word " * (LONGEST_SENTENCE + 50),
]


def test_contractions_and_punctuation_stand_alone():
    tokens = token_lists(["It isn't great!! 'Fine', they're 3.5 e.g. so-so."])[0]
    assert tokens == [
        "it", "is", "n't", "great", "!", "!", "'", "fine", "'", ",", "they", "'re", "3.5",
        "e.g", ".", "so-so", ".",
    ]  # fmt: skip


def test_text_that_is_tokenized_already_stays_as_it_is():
    line = "it 's so-so , but they do n't care . the film ( 2002 ) is fine !"
    assert token_lists([line])[0] == line.split()


def test_signs_of_scripts_without_spaces_are_tokens():
    assert token_lists(["你好 world"])[0] == ["你", "好", "world"]


def test_the_graph_reads_like_the_corpus():
    encoder = Encoder.fit(SENTENCES, buckets=500)
    encoded = encoder.encode(SENTENCES)
    words, pieces = encoded.padded(np.arange(len(SENTENCES)))
    graph_words, graph_pieces = encoder.graph(tf.constant(SENTENCES))
    np.testing.assert_array_equal(words, graph_words)
    np.testing.assert_array_equal(pieces, graph_pieces)
    assert words.shape[1] == LONGEST_SENTENCE


def test_an_empty_batch_of_text_has_one_padding_token():
    encoder = Encoder(["a"])
    words, pieces = encoder.graph(tf.constant([""]))
    assert words.numpy().tolist() == [[0]]
    assert pieces.shape == (1, 1, PIECES_PER_WORD)
    assert encoder.encode([""]).padded(np.array([0]))[0].tolist() == [[0]]


def test_vocabulary_is_by_count_then_by_name_and_counts_can_be_required():
    texts = ["b b a c", "B a d"]
    assert Encoder.fit(texts).vocabulary == ["b", "a", "c", "d"]
    assert Encoder.fit(texts[::-1]).vocabulary == ["b", "a", "c", "d"]
    assert Encoder.fit(texts, minimum_count=2).vocabulary == ["b", "a"]
    numbers = Encoder.fit(texts, minimum_count=2).word_numbers(tf.constant(["B", "zebra"]))
    assert numbers.numpy().tolist() == [2, UNKNOWN]


def test_pieces_are_the_three_to_five_grams_of_the_marked_word():
    pieces = character_pieces(tf.constant(["ab", "a" * 40]), 1000).numpy()
    # <ab> has the 3-grams <ab, ab> and the 4-gram <ab>.
    assert (pieces[0] > 0).sum() == 3
    assert (pieces[1] > 0).sum() == PIECES_PER_WORD
    assert pieces.max() < 1000
    same = character_pieces(tf.constant(["ab"]), 1000).numpy()
    np.testing.assert_array_equal(same[0], pieces[0])


def test_an_unknown_word_shares_pieces_with_its_kin():
    known, other = character_pieces(tf.constant(["wonderful", "wonderfully"]), 20_000).numpy()
    assert len(set(known[known > 0]) & set(other[other > 0])) >= 10


def test_saved_and_loaded(tmp_path):
    encoder = Encoder.fit(SENTENCES, buckets=77)
    encoder.save(tmp_path / "encoder.json")
    again = Encoder.load(tmp_path / "encoder.json")
    assert again.vocabulary == encoder.vocabulary and again.buckets == 77


def test_a_vocabulary_of_nothing_or_with_doubles_is_refused():
    with pytest.raises(ValueError, match="no token"):
        Encoder.fit(["", " "])
    with pytest.raises(ValueError, match="twice"):
        Encoder(["a", "a"])
