"""Ways to see a sentence as n-grams, in TensorFlow string operations.

Each takes lower-cased tokens and returns `Found`: the n-grams of all sentences with their first and
last token. A prefix ending in a tab, which no token holds, keeps the kinds apart. The kinds beyond
words and pairs were chosen on development rows of MR and CR (`choose.py`). Openings help with
questions, whose first words say what is asked for, and harm elsewhere: they are taken on wish.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from recipes.text_cnn.text import tokenize

# English; in another language there are simply no such n-grams.
NEGATIONS = "not|n't|no|never|nothing|nor|neither|without|hardly|barely|lacks?|cannot"
CLAUSE_ENDS = r"[.,;:!?()]|but|and"
REACH = 5  # tokens after a negation that it may turn round


class Found(NamedTuple):
    """N-grams, string [n-grams], and the int64 numbers of their first and last tokens."""

    grams: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor


def lowered(texts: tf.Tensor) -> tf.RaggedTensor:
    """Lower-cased tokens, ragged string tensor [sentences, (tokens)]."""
    tokens = tokenize(texts)
    return tokens.with_flat_values(tf.strings.lower(tokens.flat_values, encoding="utf-8"))


def words(tokens: tf.RaggedTensor) -> Found:
    """All words, then all pairs of neighbours."""
    number = tf.range(tf.size(tokens.flat_values, tf.int64))
    pairs = _pairs(tokens, 1, prefix="")
    return Found(
        tf.concat([tokens.flat_values, pairs.grams], axis=0),
        tf.concat([number, pairs.first], axis=0),
        tf.concat([number, pairs.last], axis=0),
    )


def gaps(tokens: tf.RaggedTensor) -> Found:
    """Two words with any one between them."""
    return _pairs(tokens, 2, prefix="_\t")


def letters(tokens: tf.RaggedTensor) -> Found:
    """The character 2- to 5-grams of each word between < and >."""
    marked = tf.strings.join(["<", tokens.flat_values, ">"])
    return _characters(_split(marked), (2, 3, 4, 5), "~\t")


def crossing(tokens: tf.RaggedTensor) -> Found:
    """The character 4- to 6-grams of the sentence, across its words."""
    split = _split(tf.strings.join([tokens.flat_values, " "]))
    owner = split.value_rowids()
    sentences = tf.RaggedTensor.from_nested_row_splits(
        split.flat_values, [tokens.row_splits, split.row_splits]
    )
    return _characters(sentences.merge_dims(1, 2), (4, 5, 6), "^\t", owner)


def negated(tokens: tf.RaggedTensor) -> Found:
    """Words up to `REACH` tokens after a negation in the same clause (Das and Chen 2001)."""
    flat, sentence = tokens.flat_values, tokens.value_rowids()
    number = tf.range(tf.size(flat, tf.int64))
    negation = tf.strings.regex_full_match(flat, NEGATIONS)
    end = tf.strings.regex_full_match(flat, CLAUSE_ENDS)
    nearest, closed = -tf.ones_like(number), end
    for distance in range(1, REACH + 1):
        before = tf.maximum(number - distance, 0)
        same = (number >= distance) & (tf.gather(sentence, before) == sentence)
        hit = tf.gather(negation, before) & same & ~closed & (nearest < 0)
        nearest = tf.where(hit, before, nearest)
        closed |= tf.gather(end, before)
    last = tf.boolean_mask(number, nearest >= 0)
    first = tf.boolean_mask(nearest, nearest >= 0)
    return Found(tf.strings.join(["!\t", tf.gather(flat, last)]), first, last)


def openings(tokens: tf.RaggedTensor) -> Found:
    """A sentence's first one to four words as one, and each of its first two with every later one.

    They tell what a question asks for: "how many ...", "what ... city ...".
    """
    flat = tokens.flat_values
    number = tf.range(tf.size(flat, tf.int64))
    place = number - tf.gather(tokens.row_starts(), tokens.value_rowids())
    parts = []
    for k in range(4):
        last = tf.boolean_mask(number, place == k)
        run = tf.strings.join([tf.gather(flat, last - back) for back in range(k, -1, -1)], " ")
        parts.append(Found(tf.strings.join(["|\t", run]), last - k, last))
    for k in range(2):
        last = tf.boolean_mask(number, place > k)
        first = last - tf.boolean_mask(place, place > k) + k
        pair = [f"|{k}\t", tf.gather(flat, first), " ", tf.gather(flat, last)]
        parts.append(Found(tf.strings.join(pair), first, last))
    return Found(*(tf.concat(column, axis=0) for column in zip(*parts, strict=True)))


# Each kind is brought to length 1 and then to this weight.
KINDS: dict[str, tuple[Callable[[tf.RaggedTensor], Found], float]] = {
    "words": (words, 1.0),
    "letters": (letters, 1.0),
    "negated": (negated, 1.0),
    "gaps": (gaps, 0.5),
    "crossing": (crossing, 0.5),
    "openings": (openings, 1.0),
}
USUAL = ("words", "letters", "negated", "gaps", "crossing")


def _pairs(tokens: tf.RaggedTensor, reach: int, prefix: str) -> Found:
    """Two words of a sentence, the second `reach` tokens after the first."""
    flat, sentence = tokens.flat_values, tokens.value_rowids()
    first = tf.range(tf.maximum(tf.size(flat, tf.int64) - reach, 0))
    same = tf.gather(sentence, first) == tf.gather(sentence, first + reach)
    first = tf.boolean_mask(first, same)
    grams = tf.strings.join([tf.gather(flat, first), tf.gather(flat, first + reach)], separator=" ")
    return Found(tf.strings.join([prefix, grams]), first, first + reach)


def _split(texts: tf.Tensor) -> tf.RaggedTensor:
    return tf.strings.unicode_split(texts, "UTF-8", errors="replace")


def _characters(rows: tf.RaggedTensor, widths, prefix: str, owner=None) -> Found:
    """Character n-grams within each row; `owner` [characters] is their token, else the row is."""
    grams, first, last = [], [], []
    for width in widths:
        found = tf.strings.ngrams(rows, width, separator="")
        row = found.value_rowids()
        grams.append(tf.strings.join([prefix, found.flat_values]))
        if owner is None:
            first.append(row)
            last.append(row)
            continue
        within = tf.range(tf.size(row, tf.int64)) - tf.gather(found.row_starts(), row)
        start = tf.gather(rows.row_starts(), row) + within
        first.append(tf.gather(owner, start))
        last.append(tf.gather(owner, start + width - 1))
    return Found(*(tf.concat(parts, axis=0) for parts in (grams, first, last)))
