"""Raw sentences to integers, written once in TensorFlow string operations.

The same graph runs over the training corpus (whole arrays at a time) and inside the exported
model (one request at a time), so a served sentence is read exactly as a training sentence was.

A token becomes one word number and up to `PIECES_PER_WORD` numbers of hashed character n-grams
(Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information", section 3.2), which
give a vector to words that training never saw.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

PADDING, UNKNOWN = 0, 1
PIECES_PER_WORD = 28  # all 3- to 5-grams of a word of 10 letters; longer words lose their last ones
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
            tokens = tokens.with_flat_values(
                tf.strings.lower(tokens.flat_values, encoding="utf-8")
            )
        flat = [token.decode("utf-8", "replace") for token in tokens.flat_values.numpy().tolist()]
        ends = tokens.row_splits.numpy().tolist()
        lists.extend(flat[a:b] for a, b in zip(ends, ends[1:], strict=False))
    return lists


def character_pieces(tokens: tf.Tensor, buckets: int) -> tf.Tensor:
    """Hash the character 3- to 5-grams of each token, its borders marked with < and >.

    Args:
        tokens: string tensor [tokens].
        buckets: number of hash buckets; bucket 0 is kept for padding.

    Returns:
        int32 tensor [tokens, PIECES_PER_WORD], padded with 0.
    """
    characters = tf.strings.unicode_split(
        tf.strings.join(["<", tokens, ">"]), "UTF-8", errors="replace"
    )
    grams = tf.concat(
        [tf.strings.ngrams(characters, width, separator="") for width in (3, 4, 5)], axis=1
    )[:, :PIECES_PER_WORD]
    hashed = tf.strings.to_hash_bucket_fast(grams.flat_values, buckets - 1) + 1
    ragged = tf.RaggedTensor.from_row_splits(tf.cast(hashed, tf.int32), grams.row_splits)
    return ragged.to_tensor(default_value=0, shape=[None, PIECES_PER_WORD])


@dataclass(frozen=True)
class Encoded:
    """Sentences as integers, ready for batching.

    Attributes:
        tokens: int32 [all tokens], rows of `pieces` (and of `words`), sentence after sentence.
        starts: int64 [sentences + 1], where each sentence begins in `tokens`.
        words: int32 [distinct tokens + 1], the word number of each distinct token.
        pieces: int32 [distinct tokens + 1, PIECES_PER_WORD]; row 0 is padding in both.
    """

    tokens: np.ndarray
    starts: np.ndarray
    words: np.ndarray
    pieces: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per sentence, int64 [sentences]."""
        return np.diff(self.starts)

    def padded(
        self, rows: np.ndarray, width: int | None = None, pieces: bool = True
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Gather sentences as padded arrays.

        Args:
            rows: int [batch], which sentences.
            width: tokens per row; None takes the longest of the batch (at least 1).
            pieces: False spares the work for a network that does not read them.

        Returns:
            words int32 [batch, width] and pieces int32 [batch, width, PIECES_PER_WORD] or None.
        """
        lengths = self.lengths[rows]
        width = width or max(1, int(lengths.max(initial=1)))
        place = np.arange(width)
        inside = place < lengths[:, None]
        position = np.where(inside, self.starts[rows][:, None] + place, 0)
        distinct = np.where(inside, self.tokens[position] if len(self.tokens) else 0, 0)
        return self.words[distinct], self.pieces[distinct] if pieces else None


class Encoder:
    """The vocabulary of a training corpus and the way from strings to integers."""

    def __init__(self, vocabulary: list[str], buckets: int = 50_000):
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
    def fit(cls, texts, minimum_count: int = 1, buckets: int = 50_000) -> Encoder:
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

    def graph(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Strings to the model's two inputs, as a graph that a SavedModel can hold.

        Args:
            texts: string tensor [batch].

        Returns:
            words int32 [batch, tokens] and pieces int32 [batch, tokens, PIECES_PER_WORD].
        """
        tokens = tokenize(texts)
        words = tokens.with_flat_values(self.word_numbers(tokens.flat_values)).to_tensor()
        flat = character_pieces(tokens.flat_values, self.buckets)
        pieces = tf.RaggedTensor.from_row_splits(flat, tokens.row_splits).to_tensor(
            shape=[None, None, PIECES_PER_WORD]
        )
        # A request of nothing but empty strings still needs one (padding) token per sentence.
        missing = tf.maximum(1 - tf.shape(words)[1], 0)
        return (
            tf.pad(words, [[0, 0], [0, missing]]),
            tf.pad(pieces, [[0, 0], [0, missing], [0, 0]]),
        )

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
        pieces = character_pieces(distinct, self.buckets).numpy()[: len(number)]
        return Encoded(
            tokens=np.concatenate(tokens) if tokens else np.zeros(0, np.int32),
            starts=np.concatenate([[0], np.cumsum(np.concatenate(lengths or [[]]))]).astype(int),
            words=np.concatenate([[PADDING], words]).astype(np.int32),
            pieces=np.concatenate([np.zeros((1, PIECES_PER_WORD)), pieces]).astype(np.int32),
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
