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
    rows = np.arange(len(SENTENCES))
    ours, graph = encoded.inputs(rows), encoder.graph(tf.constant(SENTENCES))
    assert ours["indices"].shape == graph["indices"].shape == (len(rows), LONGEST_SENTENCE)
    for batch in (ours, graph):
        np.testing.assert_array_equal(
            np.array(batch["token_words"])[batch["indices"]],
            encoded.words[encoded.padded(encoded.tokens, rows)],
        )
    for row, column in np.argwhere(np.array(ours["indices"]) > 0)[:60]:
        a, b = (
            np.array(batch["pieces"])[batch["piece_tokens"] == batch["indices"][row, column]]
            for batch in (ours, graph)
        )
        np.testing.assert_array_equal(a, b)


def test_a_batch_names_every_distinct_token_once():
    encoder = Encoder(["the", "cat"], buckets=100)
    encoded = encoder.encode(["unread", "the cat the dog", "The"])
    batch = encoded.inputs(np.array([1, 2]), step=8)
    assert batch["indices"].tolist() == [[1, 2, 1, 3], [4, 0, 0, 0]]
    # Padding, the, cat, dog (unknown), The; then what fills up to 8.
    assert batch["token_words"].tolist() == [0, 2, 3, 1, 2, 0, 0, 0]
    assert len(batch["pieces"]) % 8 == 0
    # <cat> has five letters: three 3-grams, two 4-grams, one 5-gram.
    assert (batch["piece_tokens"] == 2).sum() == 6
    assert not batch["pieces"][batch["piece_tokens"] == 0].any()


def test_an_empty_batch_of_text_has_one_padding_token():
    encoder = Encoder(["a"])
    for batch in (encoder.graph(tf.constant([""])), encoder.encode([""]).inputs(np.array([0]))):
        assert np.array(batch["indices"]).tolist() == [[0]]
        assert np.array(batch["token_words"]).tolist() == [0]
        assert len(batch["pieces"]) == len(batch["piece_tokens"]) == 0


def test_vocabulary_is_by_count_then_by_name_and_counts_can_be_required():
    texts = ["b b a c", "B a d"]
    assert Encoder.fit(texts).vocabulary == ["b", "a", "c", "d"]
    assert Encoder.fit(texts[::-1]).vocabulary == ["b", "a", "c", "d"]
    assert Encoder.fit(texts, minimum_count=2).vocabulary == ["b", "a"]
    numbers = Encoder.fit(texts, minimum_count=2).word_numbers(tf.constant(["B", "zebra"]))
    assert numbers.numpy().tolist() == [2, UNKNOWN]


def test_pieces_are_the_three_to_five_grams_of_the_marked_word():
    pieces = character_pieces(tf.constant(["ab", "a" * 40]), 1000)
    # <ab> has the 3-grams <ab, ab> and the 4-gram <ab>.
    assert pieces.row_lengths().numpy().tolist() == [3, PIECES_PER_WORD]
    assert 0 < pieces.flat_values.numpy().min() and pieces.flat_values.numpy().max() < 1000
    same = character_pieces(tf.constant(["ab"]), 1000)
    np.testing.assert_array_equal(same[0], pieces[0])


def test_an_unknown_word_shares_pieces_with_its_kin():
    known, other = character_pieces(tf.constant(["wonderful", "wonderfully"]), 20_000).to_list()
    assert len(set(known) & set(other)) >= 10


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
