"""Logistic regression over n-grams: the baseline, and what our networks read.

The baseline is tf-idf of words and word pairs. Our own weights every n-gram also by how much it
tells of a class (the naive Bayes log-count ratio of Wang and Manning, "Baselines and Bigrams", ACL
2012, section 2.3) and takes all kinds of `ngrams.py`. scikit-learn fits the weights;
`LinearNgrams.evidence` computes the same inside a TensorFlow graph, so that a SavedModel holds the
whole classifier.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy import sparse
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from recipes.text_cnn.ngrams import KINDS, lowered
from recipes.text_cnn.text import chunks

AT_A_TIME = 512  # texts whose n-grams are held in memory; long texts have ten thousand each
PLAIN_STRENGTH, BAYES_STRENGTH = 10.0, 3.0  # scikit-learn's C of the baseline, and of ours


class LinearNgrams:
    """Logistic regression over weighted n-grams, the same in scikit-learn and in a graph."""

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
        # Traced once: run operation by operation it takes half as long again.
        self._compiled = tf.function(
            self.evidence, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        )

    @classmethod
    def fit(
        cls,
        texts,
        labels: np.ndarray,
        classes: int,
        *,
        bayes_weights: bool = False,
    ) -> LinearNgrams:
        """Fit on texts and int labels [texts] in 0 .. classes - 1.

        Args:
            bayes_weights: weight n-grams by their naive Bayes ratio and read all kinds (ours);
                False is plain tf-idf of words and pairs (the baseline).

        Raises:
            ValueError: fewer than two classes occur in `labels`.
        """
        strength = BAYES_STRENGTH if bayes_weights else PLAIN_STRENGTH
        return Features(texts, bayes_weights).fit(labels, np.arange(len(texts)), classes, strength)

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
        for chunk in chunks(texts, AT_A_TIME):
            ragged = self._compiled(chunk)
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


def bayes_ratios(present: sparse.spmatrix, labels: np.ndarray) -> np.ndarray:
    """How much each n-gram tells: the largest absolute log-count ratio over the classes.

    Wang and Manning 2012, equation 1: with p the smoothed share of an n-gram among all n-grams of
    a class and q that among the others, r = log(p / q). For two classes |r| is theirs; for more,
    each class stands against the rest and the largest counts.

    Args:
        present: bool sparse [sentences, features]; labels: int [sentences].

    Returns:
        float32 [features], at least 0, and 0 for an n-gram that stands nowhere.
    """
    present = sparse.csr_array(present).astype(np.float64)
    every = np.asarray(present.sum(axis=0)).ravel()
    largest = np.zeros(present.shape[1])
    for label in np.unique(labels):
        own = np.asarray(present[labels == label].sum(axis=0)).ravel()
        p, q = own + 1, every - own + 1
        largest = np.maximum(largest, np.abs(np.log((p / p.sum()) / (q / q.sum()))))
    largest[every == 0] = 0  # nothing is known of it: it must not count in a sentence's length
    return largest.astype(np.float32)


class Features:
    """Tf-idf of every text, computed once; the Bayes weights follow the rows learned from.

    Args:
        texts: sequence of str.
        bayes_weights: True takes all kinds of n-grams, False words and pairs alone.
        groups: int [texts] of texts that belong together (a sentence and its phrases); an n-gram
            of one group alone says nothing about another. None: each text by itself.
    """

    def __init__(self, texts, bayes_weights: bool, groups: np.ndarray | None = None):
        self.groups = np.arange(len(texts)) if groups is None else np.asarray(groups)
        self.bayes_weights = bayes_weights
        self.matrices, self.terms, self.idf = {}, {}, {}
        for kind in KINDS if bayes_weights else ("words",):
            counts, terms = _counts(texts, kind)
            if kind != "words":  # of the many others those in one group alone are left out
                often = _spread(counts, self.groups) > 1
                counts, terms = counts[:, often], terms[often]
            if len(terms):
                tfidf = TfidfTransformer(sublinear_tf=True, norm=None)
                self.matrices[kind] = sparse.csr_array(tfidf.fit_transform(counts))
                self.terms[kind], self.idf[kind] = terms, tfidf.idf_.astype(np.float32)

    def fit(
        self,
        labels: np.ndarray,
        rows: np.ndarray,
        classes: int,
        strength: float,
        kinds: Iterable[str] | None = None,
    ) -> LinearNgrams:
        """A model that has learned from some rows, of all kinds of n-grams or of some."""
        kinds = [kind for kind in kinds or self.terms if kind in self.terms]
        blocks, scales = [], []
        for kind in kinds:
            matrix, scale = self.matrices[kind][rows], self.idf[kind]
            if self.bayes_weights:
                ratio = bayes_ratios(matrix > 0, labels[rows])
                matrix, scale = matrix @ sparse.diags_array(ratio), scale * ratio
            blocks.append(normalize(matrix.tocsr()) * np.float32(KINDS[kind][1]))
            scales.append(scale)
        weights, bias = _logistic_regression(
            _beside(blocks), labels[rows], classes, strength
        )
        terms = np.concatenate([self.terms[kind] for kind in kinds])
        return LinearNgrams(
            kinds, terms, np.concatenate(scales).astype(np.float32), weights, bias
        )


def _spread(counts: sparse.csr_array, groups: np.ndarray) -> np.ndarray:
    """In how many groups each n-gram stands, int [n-grams]."""
    _, group = np.unique(groups, return_inverse=True)
    ones = np.ones(len(group), np.float32)
    together = sparse.csr_array((ones, (group, np.arange(len(group)))))
    return np.bincount((together @ counts).indices, minlength=counts.shape[1])


def _beside(blocks: list) -> sparse.csr_array:
    """Columns side by side; the list is emptied, so that not all is held twice."""
    matrix = sparse.hstack(blocks, format="csr")
    blocks.clear()
    return matrix


def _counts(texts, kind: str) -> tuple[sparse.csr_array, np.ndarray]:
    """How often each n-gram of a kind stands in each text, and the n-grams as bytes."""
    number: dict[bytes, int] = {}
    parts = []
    for chunk in chunks(texts, AT_A_TIME):
        tokens = lowered(chunk)
        found = KINDS[kind][0](tokens)
        distinct, place = tf.unique(found.grams)
        numbers = (number.setdefault(gram, len(number)) for gram in distinct.numpy().tolist())
        column = np.fromiter(numbers, np.int32)[place.numpy()]
        row = tf.gather(tokens.value_rowids(), found.first).numpy().astype(np.int32)
        ones = np.ones(len(row), np.float32)
        shape = (len(chunk), len(number))
        parts.append(sparse.coo_array((ones, (row, column)), shape=shape).tocsr())  # adds up
    for part in parts:
        part.resize(part.shape[0], len(number))
    return sparse.vstack(parts, format="csr"), np.array(list(number), dtype=object)


def _logistic_regression(matrix, labels: np.ndarray, classes: int, strength: float):
    """Weights float32 [features, classes] and bias float32 [classes] for a softmax."""
    # The solver's vector steps are short: a second BLAS thread only waits, and where another
    # process wants the core it waits long.
    with threadpool_limits(1, user_api="blas"):
        model = LogisticRegression(C=strength, max_iter=1000).fit(matrix, labels)
    present = model.classes_
    weights = np.zeros((matrix.shape[1], classes), np.float32)
    bias = np.full(classes, -30.0, np.float32)  # a class without rows is never proposed
    if len(present) == 2:  # scikit-learn keeps one column for two classes
        weights[:, present[1]] = model.coef_[0]
        bias[present] = 0, model.intercept_[0]
    else:
        weights[:, present] = model.coef_.T
        bias[present] = model.intercept_
    # A softmax does not see what all classes have in common; without it, evidence reads "for" (> 0)
    # or "against" (< 0) a class.
    return weights - weights.mean(axis=1, keepdims=True), bias
