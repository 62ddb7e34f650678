"""Logistic regression over n-grams: the baseline, and what our networks read.

The baseline is tf-idf of words and word pairs; ours takes all kinds of `ngrams.py`. The weights are
fitted in `tfidf.py`; here the model reads sentences inside a TensorFlow graph, so that a SavedModel
holds the whole classifier.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy.special import softmax

from recipes.text_cnn.ngrams import KINDS, lowered
from recipes.text_cnn.text import chunks

AT_A_TIME = 512  # texts whose n-grams are held in memory; long texts have ten thousand each
WORTH_TRACING = 10_000  # texts


class LinearNgrams:
    """Logistic regression over weighted n-grams: `tfidf.fit_linear` makes one."""

    def __init__(
        self,
        kinds: list[str],
        terms: np.ndarray,
        scales: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray,
    ):
        """Args:
        kinds: names in `ngrams.KINDS`, of which the terms are.
        terms: bytes [features], the n-grams.
        scales: float32 [features], by which 1 + log(count) is multiplied.
        weights: float32 [features, classes]; bias: float32 [classes].
        """
        self.kinds = list(kinds)
        self.terms, self.scales, self.weights, self.bias = terms, scales, weights, bias
        # Variables, because a graph would hold a copy of an array for each place that reads it.
        self.variables = [tf.Variable(table, trainable=False) for table in (scales, weights)]
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(terms.tolist()), tf.range(len(terms), dtype=tf.int64)
            ),
            default_value=-1,
        )
        self._read = 0  # texts so far
        self._compiled = tf.function(
            self.evidence, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        )

    def parts(self, tokens: tf.RaggedTensor) -> list[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
        """What every known n-gram adds to the class scores, inside a graph.

        Args:
            tokens: of `lowered`.

        Returns:
            For each kind the numbers of the first and the last token, int64 [n-grams], and
            float32 [n-grams, classes].
        """
        result = []
        scales, weights = self.variables
        features = tf.constant(len(self.terms), tf.int64)
        for kind in self.kinds:
            find, weight = KINDS[kind]
            grams, first, last = find(tokens)
            column = self._table.lookup(grams)
            known = column >= 0
            column, first, last = (tf.boolean_mask(x, known) for x in (column, first, last))
            # Count each n-gram once a sentence, then bring the sentence to length 1.
            row = tf.gather(tokens.value_rowids(), first)
            key, place, count = tf.unique_with_counts(row * features + column)
            row, column, count = key // features, key % features, tf.cast(count, tf.float32)
            value = (1 + tf.math.log(count)) * tf.gather(scales, column)
            length = tf.sqrt(tf.math.unsorted_segment_sum(value * value, row, tokens.nrows()))
            value *= weight / tf.maximum(tf.gather(length, row), 1e-12)
            # In equal shares to its occurrences.
            score = (value / count)[:, None] * tf.gather(weights, column)
            result.append((first, last, tf.gather(score, place)))
        return result

    def evidence(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """What each token says for each class, inside a graph.

        Every n-gram hands half of what it adds to its first token and half to its last, so the
        sum over a sentence plus `bias` is what the softmax is taken of.

        Args:
            texts: string tensor [sentences].

        Returns:
            Ragged float32 tensor [sentences, (tokens), classes].
        """
        tokens = lowered(texts)
        total = tf.zeros([tf.size(tokens.flat_values), len(self.bias)])
        for first, last, added in self.parts(tokens):
            for end in (first, last):
                total = tf.tensor_scatter_nd_add(total, end[:, None], added / 2)
        return tokens.with_flat_values(total)

    def token_evidence(self, texts) -> list[np.ndarray]:
        """`evidence` of a sequence of str: one float32 [tokens, classes] a text."""
        found = []
        self._read += len(texts)
        # Traced it takes two thirds of the time, but tracing takes as long as some thousand texts.
        evidence = self._compiled if self._read > WORTH_TRACING else self.evidence
        for chunk in chunks(texts, AT_A_TIME):
            ragged = evidence(chunk)
            found += np.split(ragged.flat_values.numpy(), ragged.row_splits.numpy()[1:-1])
        return found

    def predict_proba(self, texts) -> np.ndarray:
        """Probabilities float32 [texts, classes] of a sequence of str."""
        scores = [evidence.sum(axis=0) + self.bias for evidence in self.token_evidence(texts)]
        return softmax(np.reshape(scores, (-1, len(self.bias))), axis=1).astype(np.float32)

    def save(self, path: str | Path) -> None:
        """Write as .npz without pickles; n-grams as one block of bytes with their lengths."""
        np.savez_compressed(
            path,
            kinds=np.array(self.kinds),
            letters=np.frombuffer(b"".join(self.terms), np.uint8),
            lengths=np.array([len(term) for term in self.terms]),
            scales=self.scales,
            weights=self.weights,
            bias=self.bias,
        )

    @classmethod
    def load(cls, path: str | Path) -> LinearNgrams:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            ends = np.concatenate([[0], np.cumsum(file["lengths"])])
            block = file["letters"].tobytes()
            terms = [block[a:b] for a, b in zip(ends, ends[1:], strict=False)]
            return cls(
                file["kinds"].tolist(), np.array(terms, dtype=object), file["scales"],
                file["weights"], file["bias"],
            )  # fmt: skip
