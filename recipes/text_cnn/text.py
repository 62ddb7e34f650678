"""Raw sentences to integers, written once in TensorFlow string operations.

The same graph runs over the training corpus (whole arrays at a time) and inside the exported
model (one request at a time), so a served sentence is read exactly as a training sentence was.

A token becomes one word number and the numbers of its hashed character n-grams, its pieces
(Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information", section 3.2), which
give a vector to words that training never saw. A batch names every distinct token once:

    indices       int32 [sentences, tokens]  which distinct token stands there, padded with 0
    token_words   int32 [distinct]           the word number of each; the first is padding
    pieces        int32 [all pieces]         of all distinct tokens, one after another
    piece_tokens  int32 [all pieces]         the distinct token that each piece belongs to

so that "the" is looked up once a batch and short words have no padded pieces. (Keras counts a
batch's examples by the input that is first in the alphabet: it must have a row for each sentence.)
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

PADDING, UNKNOWN = 0, 1
PIECES_PER_WORD = 60  # all 3- to 5-grams of a word of 21 letters; longer words lose their last ones
LONGEST_SENTENCE = 400  # tokens; what comes after is cut off

# RE2 syntax. Contractions split as in the Penn Treebank, punctuation stands alone, and scripts
# without spaces are read sign by sign.
_REWRITES = (
    (r"[\x{2018}\x{2019}\x{00B4}`]", "'"),
    (r"[\x{201C}\x{201D}]", '"'),
    (r"(?i)(\pL)(n't)\b", r"\1 \2"),
    (r"(?i)(\pL)('(?:s|re|ve|ll|d|m))\b", r"\1 \2"),
    (r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}])", r" \1 "),
    (r"([^\pL\pN\pM\s'\-/_.])", r" \1 "),
    (r"(\.+)(\s|$)", r" \1 \2"),
    (r"(^|\s)'(\pL{3})", r"\1' \2"),  # an opening quote, but not the 's of a split contraction
    (r"(\pL)'(\s|$)", r"\1 ' \2"),
)


def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
    """Split strings into tokens, case kept.

    Args:
        texts: string tensor [sentences], UTF-8.

    Returns:
        Ragged string tensor [sentences, (tokens)], at most `LONGEST_SENTENCE` tokens each.
    """
    for pattern, replacement in _REWRITES:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    return tf.strings.split(texts)[:, :LONGEST_SENTENCE]


def token_lists(texts, lower: bool = True) -> list[list[str]]:
    """The tokens of each text as Python strings, lower-cased unless told otherwise."""
    lists: list[list[str]] = []
    for chunk in chunks(texts):
        tokens = tokenize(chunk)
        if lower:
            tokens = tokens.with_flat_values(tf.strings.lower(tokens.flat_values, encoding="utf-8"))
        flat = [token.decode("utf-8", "replace") for token in tokens.flat_values.numpy().tolist()]
        ends = tokens.row_splits.numpy().tolist()
        lists.extend(flat[a:b] for a, b in zip(ends, ends[1:], strict=False))
    return lists


def character_pieces(tokens: tf.Tensor, buckets: int) -> tf.RaggedTensor:
    """Hash the character 3- to 5-grams of each token, its borders marked with < and >.

    Args:
        tokens: string tensor [tokens].
        buckets: number of hash buckets; bucket 0 is kept for padding.

    Returns:
        Ragged int32 tensor [tokens, (pieces)], at most `PIECES_PER_WORD` each.
    """
    characters = tf.strings.unicode_split(
        tf.strings.join(["<", tokens, ">"]), "UTF-8", errors="replace"
    )
    grams = tf.concat(
        [tf.strings.ngrams(characters, width, separator="") for width in (3, 4, 5)], axis=1
    )[:, :PIECES_PER_WORD]
    hashed = tf.strings.to_hash_bucket_fast(grams.flat_values, buckets - 1) + 1
    return grams.with_flat_values(tf.cast(hashed, tf.int32))


@dataclass(frozen=True)
class Encoded:
    """Sentences as integers, ready for batching.

    Attributes:
        tokens: int32 [all tokens], numbers of distinct tokens, sentence after sentence.
        starts: int64 [sentences + 1], where each sentence begins in `tokens`.
        words: int32 [distinct + 1], the word number of each distinct token; the first is padding.
        pieces: int32 [all pieces], of the distinct tokens, one after another.
        piece_starts: int64 [distinct + 2], where the pieces of each begin; padding has none.
    """

    tokens: np.ndarray
    starts: np.ndarray
    words: np.ndarray
    pieces: np.ndarray
    piece_starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per sentence, int64 [sentences]."""
        return np.diff(self.starts)

    def padded(
        self, values: np.ndarray, rows: np.ndarray, width: int | None = None
    ) -> np.ndarray:
        """What stands beside every token, `values` [all tokens, ...], as a padded batch.

        Args:
            values: one entry for each of `tokens`.
            rows: int [batch], which sentences.
            width: tokens per row; None takes the longest of the batch (at least 1).

        Returns:
            [batch, width, ...], 0 where a sentence has ended.
        """
        lengths = self.lengths[rows]
        width = width or max(1, int(lengths.max(initial=1)))
        place = np.arange(width)
        inside = place < lengths[:, None]
        result = np.zeros((*inside.shape, *values.shape[1:]), values.dtype)
        result[inside] = values[(self.starts[rows][:, None] + place)[inside]]
        return result

    def inputs(
        self, rows: np.ndarray, width: int | None = None, step: int = 1, pieces: bool = True
    ) -> dict[str, np.ndarray]:
        """The batch of some sentences as described at the top of this file.

        Args:
            rows, width: as in `padded`.
            step: the two flat lengths are padded to multiples of it, for backends that compile a
                program for every shape; what is added belongs to the padding token.
            pieces: False leaves `pieces` and `piece_tokens` out, for networks of words alone.
        """
        tokens = self.padded(self.tokens, rows, width)
        distinct, tokens = np.unique(np.append(0, tokens), return_inverse=True)

        def filled(values):
            return np.pad(values, (0, -len(values) % step)).astype(np.int32)

        found = {
            "indices": tokens[1:].reshape(len(rows), -1).astype(np.int32),
            "token_words": filled(self.words[distinct]),
        }
        if not pieces:
            return found
        counts = np.diff(self.piece_starts)[distinct]
        piece_tokens = np.repeat(np.arange(len(distinct)), counts)
        within = np.arange(len(piece_tokens)) - np.repeat(np.cumsum(counts) - counts, counts)
        numbers = self.pieces[self.piece_starts[distinct][piece_tokens] + within]
        return {**found, "pieces": filled(numbers), "piece_tokens": filled(piece_tokens)}

    def token_rows(self, rows: np.ndarray) -> np.ndarray:
        """Where the tokens of some sentences stand in `tokens`, one sentence after another."""
        return np.concatenate(
            [np.arange(0), *(np.arange(self.starts[row], self.starts[row + 1]) for row in rows)]
        )


class Encoder:
    """The vocabulary of a training corpus and the way from strings to integers."""

    def __init__(self, vocabulary: list[str], buckets: int = 20_000):
        """Args:
        vocabulary: lower-cased words; number `i + 2` belongs to `vocabulary[i]`.
        buckets: hash buckets of the character n-grams.

        Raises:
            ValueError: the vocabulary is empty or names a word twice.
        """
        if not vocabulary:
            raise ValueError("The vocabulary is empty: the training texts hold no token.")
        if len(set(vocabulary)) != len(vocabulary):
            raise ValueError("The vocabulary names a word twice; every word needs one number.")
        self.vocabulary, self.buckets = list(vocabulary), int(buckets)
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(self.vocabulary), tf.range(2, len(vocabulary) + 2, dtype=tf.int32)
            ),
            default_value=UNKNOWN,
        )

    @classmethod
    def fit(cls, texts, minimum_count: int = 1, buckets: int = 20_000) -> Encoder:
        """Learn the vocabulary of training texts, most frequent word first."""
        counts = Counter()
        for chunk in chunks(texts):
            lower = tf.strings.lower(tokenize(chunk).flat_values, encoding="utf-8")
            counts.update(lower.numpy().tolist())
        # Equal counts are ordered by the word itself, so that numbers do not depend on the order
        # of the rows.
        kept = sorted(
            (item for item in counts.items() if item[1] >= minimum_count),
            key=lambda item: (-item[1], item[0]),
        )
        words = [word.decode("utf-8", "replace") for word, _ in kept]
        return cls(list(dict.fromkeys(words)), buckets)

    def __len__(self) -> int:
        return len(self.vocabulary) + 2

    def word_numbers(self, tokens: tf.Tensor) -> tf.Tensor:
        """Word numbers int32 of a string tensor of any shape; unknown words give 1."""
        return self._table.lookup(tf.strings.lower(tokens, encoding="utf-8"))

    def graph(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Strings to a batch as described at the top of this file, as a graph for a SavedModel.

        Args:
            texts: string tensor [batch].
        """
        ragged = tokenize(texts)
        distinct, place = tf.unique(ragged.flat_values)
        tokens = ragged.with_flat_values(place + 1).to_tensor()
        # A request of nothing but empty strings still needs one (padding) token per sentence.
        tokens = tf.pad(tokens, [[0, 0], [0, tf.maximum(1 - tf.shape(tokens)[1], 0)]])
        pieces = character_pieces(distinct, self.buckets)
        return {
            "indices": tokens,
            "token_words": tf.pad(self.word_numbers(distinct), [[1, 0]]),
            "pieces": pieces.flat_values,
            "piece_tokens": tf.cast(pieces.value_rowids(), tf.int32) + 1,
        }

    def encode(self, texts) -> Encoded:
        """Encode a corpus; every distinct token is looked up and hashed once.

        Args:
            texts: sequence of str.

        Returns:
            Encoded, with as many rows as texts.
        """
        number: dict[bytes, int] = {}
        tokens, lengths = [], []
        for chunk in chunks(texts):
            ragged = tokenize(chunk)
            lengths.append(ragged.row_lengths().numpy())
            flat = ragged.flat_values.numpy().tolist()
            tokens.append(
                np.fromiter((number.setdefault(t, len(number) + 1) for t in flat), np.int32)
            )
        distinct = tf.constant(list(number) or [b""])
        words = self.word_numbers(distinct).numpy()[: len(number)]
        pieces = character_pieces(distinct, self.buckets)[: len(number)]
        return Encoded(
            tokens=np.concatenate(tokens) if tokens else np.zeros(0, np.int32),
            starts=np.concatenate([[0], np.cumsum(np.concatenate(lengths or [[]]))]).astype(int),
            words=np.concatenate([[PADDING], words]).astype(np.int32),
            pieces=pieces.flat_values.numpy(),
            piece_starts=np.append(0, pieces.row_splits.numpy()),
        )

    def save(self, path: str | Path) -> None:
        """Write the vocabulary and the bucket count as JSON."""
        state = {"buckets": self.buckets, "vocabulary": self.vocabulary}
        Path(path).write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Encoder:
        """Read what `save` wrote."""
        state = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(state["vocabulary"], state["buckets"])


def chunks(texts, size: int = 4096):
    """String tensors of at most `size` texts; lone surrogates cannot be UTF-8 and are replaced."""
    for start in range(0, len(texts), size):
        part = texts[start : start + size]
        yield tf.constant([str(text).encode("utf-8", "replace") for text in part])
