"""Logistic regression over n-grams: the baseline, and a member of our ensemble.

The baseline is tf-idf of words and word pairs. The member weights every n-gram also by how much it
tells of a class (the naive Bayes log-count ratio of Wang and Manning, "Baselines and Bigrams", ACL
2012, section 2.3) and reads character n-grams too. scikit-learn fits the weights;
`LinearNgrams.graph` computes the same probabilities inside a TensorFlow graph, so that a
SavedModel holds the whole ensemble.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy import sparse
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import normalize

from recipes.text_cnn.text import chunks, token_lists, tokenize


def ngrams(texts: tf.Tensor, characters: bool) -> tf.RaggedTensor:
    """Lower-cased words and word pairs, or the character 2- to 5-grams of each word.

    Character n-grams carry a leading "~", which no word has (the tokenizer sets it apart), so that
    the two kinds never meet.

    Returns:
        Ragged string tensor [sentences, (n-grams)], with repetitions.
    """
    tokens = tokenize(texts)
    tokens = tokens.with_flat_values(tf.strings.lower(tokens.flat_values, encoding="utf-8"))
    if not characters:
        return tf.concat([tokens, tf.strings.ngrams(tokens, 2, separator=" ")], axis=1)
    marked = tf.strings.join(["<", tokens.flat_values, ">"])
    letters = tf.strings.unicode_split(marked, "UTF-8", errors="replace")
    grams = tf.concat(
        [tf.strings.ngrams(letters, width, separator="") for width in (2, 3, 4, 5)], axis=1
    )
    grams = grams.with_flat_values(tf.strings.join(["~", grams.flat_values]))
    return tf.RaggedTensor.from_row_splits(grams, tokens.row_splits).merge_dims(1, 2)


class LinearNgrams:
    """Logistic regression over weighted n-grams, the same in scikit-learn and in a graph."""

    def __init__(
        self,
        terms: np.ndarray,
        scales: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray,
        words: int,
    ):
        """Args:
        terms: bytes [features], the n-grams; the first `words` of them are words and pairs.
        scales: float32 [features], by which 1 + log(count) is multiplied.
        weights: float32 [features, classes]; bias: float32 [classes].
        """
        self.terms, self.scales, self.weights, self.bias = terms, scales, weights, bias
        self.words = int(words)
        self._rows: dict[bytes, int] | None = None
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(terms.tolist()), tf.range(len(terms), dtype=tf.int64)
            ),
            default_value=-1,
        )

    @classmethod
    def fit(
        cls,
        texts,
        labels: np.ndarray,
        classes: int,
        *,
        bayes_weights: bool = False,
        inverse_regularisation: float | None = None,
    ) -> LinearNgrams:
        """Fit on texts and int labels [texts] in 0 .. classes - 1.

        Args:
            bayes_weights: weight n-grams by their naive Bayes ratio and read character n-grams
                too (our member); False is plain tf-idf of words and pairs (the baseline).
            inverse_regularisation: scikit-learn's C; None takes 10 for plain tf-idf, 5 with
                Bayes weights.

        Raises:
            ValueError: fewer than two classes occur in `labels`.
        """
        features = _Features(texts, bayes_weights)
        matrix, scales = features.weighted(labels, np.arange(len(texts)))
        strength = inverse_regularisation or (5.0 if bayes_weights else 10.0)
        weights, bias = _logistic_regression(matrix, labels, classes, strength)
        return cls(
            np.concatenate(features.terms), scales, weights, bias, words=len(features.terms[0])
        )

    def graph(self, texts: tf.Tensor) -> tf.Tensor:
        """Probabilities float32 [sentences, classes] of a string tensor [sentences]."""
        kinds = [ngrams(texts, characters=False)]
        if self.words < len(self.terms):
            kinds.append(ngrams(texts, characters=True))
        grams = tf.concat(kinds, axis=1)
        sentences = tf.cast(grams.nrows(), tf.int64)
        found = self._table.lookup(grams.flat_values)
        features = tf.constant(len(self.terms), tf.int64)
        key = tf.boolean_mask(grams.value_rowids() * features + found, found >= 0)
        # Count each n-gram once a sentence, then bring each block of a sentence to length 1.
        unique, _, count = tf.unique_with_counts(key)
        row, column = unique // features, unique % features
        value = (1 + tf.math.log(tf.cast(count, tf.float32))) * tf.gather(self.scales, column)
        place = 2 * row + tf.cast(column >= self.words, tf.int64)
        length = tf.sqrt(tf.math.unsorted_segment_sum(value * value, place, 2 * sentences))
        value /= tf.maximum(tf.gather(length, place), 1e-12)
        score = tf.math.unsorted_segment_sum(
            value[:, None] * tf.gather(self.weights, column), row, sentences
        )
        return tf.nn.softmax(score + self.bias)

    def contributions(self, text: str) -> tuple[list[tuple[str, range, np.ndarray]], np.ndarray]:
        """What each n-gram of one sentence adds to the class scores.

        Returns:
            (n-gram, numbers of the words it covers, float [classes]) for every occurrence, and the
            bias [classes]. All of them together are the scores before the softmax.
        """
        if self._rows is None:
            self._rows = {term: row for row, term in enumerate(self.terms.tolist())}
        tokens = token_lists([text])[0]
        places = [(token, range(k, k + 1)) for k, token in enumerate(tokens)]
        places += [
            (f"{a} {b}", range(k, k + 2))
            for k, (a, b) in enumerate(zip(tokens, tokens[1:], strict=False))
        ]
        blocks = [places, []]
        for k, token in enumerate(tokens):
            marked = f"<{token}>"
            blocks[1] += [
                ("~" + marked[start : start + width], range(k, k + 1))
                for width in (2, 3, 4, 5)
                for start in range(len(marked) - width + 1)
            ]
        found = []
        for block in blocks if self.words < len(self.terms) else blocks[:1]:
            rows = [(self._rows.get(gram.encode()), gram, span) for gram, span in block]
            rows = [row for row in rows if row[0] is not None]
            count = Counter(row for row, _, _ in rows)
            value = {row: (1 + np.log(n)) * self.scales[row] for row, n in count.items()}
            length = np.sqrt(sum(v * v for v in value.values())) or 1.0
            found += [
                (gram, span, value[row] / length / count[row] * self.weights[row])
                for row, gram, span in rows
            ]
        return found, self.bias

    def predict_proba(self, texts) -> np.ndarray:
        """Probabilities float32 [texts, classes] of a sequence of str."""
        parts = [self.graph(chunk).numpy() for chunk in chunks(texts)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.bias)), np.float32)

    def save(self, path: str | Path) -> None:
        """Write as .npz without pickles; n-grams as one block of bytes with their lengths."""
        np.savez_compressed(
            path,
            letters=np.frombuffer(b"".join(self.terms), np.uint8),
            lengths=np.array([len(term) for term in self.terms]),
            scales=self.scales,
            weights=self.weights,
            bias=self.bias,
            words=self.words,
        )

    @classmethod
    def load(cls, path: str | Path) -> LinearNgrams:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            ends = np.concatenate([[0], np.cumsum(file["lengths"])])
            block = file["letters"].tobytes()
            terms = [block[a:b] for a, b in zip(ends, ends[1:], strict=False)]
            return cls(
                np.array(terms, dtype=object), file["scales"], file["weights"], file["bias"],
                int(file["words"]),
            )


def bayes_ratios(present: sparse.spmatrix, labels: np.ndarray) -> np.ndarray:
    """How much each n-gram tells: the largest absolute log-count ratio over the classes.

    Wang and Manning 2012, equation 1: with p the smoothed share of an n-gram among all n-grams of
    a class and q that among the others, r = log(p / q). For two classes |r| is theirs; for more,
    each class stands against the rest and the largest counts.

    Args:
        present: bool sparse [sentences, features]; labels: int [sentences].

    Returns:
        float32 [features], at least 0.
    """
    present = sparse.csr_array(present).astype(np.float64)
    every = np.asarray(present.sum(axis=0)).ravel()
    largest = np.zeros(present.shape[1])
    for label in np.unique(labels):
        own = np.asarray(present[labels == label].sum(axis=0)).ravel()
        p, q = own + 1, every - own + 1
        largest = np.maximum(largest, np.abs(np.log((p / p.sum()) / (q / q.sum()))))
    return largest.astype(np.float32)


def cross_fitted(
    texts, labels: np.ndarray, classes: int, parts: int = 5, seed: int = 0
) -> np.ndarray:
    """What `LinearNgrams.fit(..., bayes_weights=True)` says of texts that it has not learned from.

    Each of `parts` parts of the texts is predicted by a model fitted on the others. A network that
    learns from such predictions sees the linear model as honest about training rows as it will be
    about new ones.

    Args:
        texts, labels, classes: as in `fit`.
        parts: fewer are taken where a class has fewer rows.
        seed: of the division.

    Returns:
        Probabilities float32 [texts, classes].
    """
    features = _Features(texts, bayes_weights=True)
    rarest = int(np.unique(labels, return_counts=True)[1].min())
    if rarest >= 2:
        splitter = StratifiedKFold(min(parts, rarest), shuffle=True, random_state=seed)
    else:  # a class of one row cannot be on both sides
        splitter = KFold(min(parts, len(labels)), shuffle=True, random_state=seed)
    result = np.zeros((len(labels), classes), np.float32)
    for train, rest in splitter.split(labels, labels):
        matrix, _ = features.weighted(labels, train)
        weights, bias = _logistic_regression(matrix[train], labels[train], classes, 5.0)
        result[rest] = softmax(matrix[rest] @ weights + bias, axis=1)
    return result


class _Features:
    """Tf-idf of every text, computed once; the Bayes weights follow the rows learned from."""

    def __init__(self, texts, bayes_weights: bool):
        self.bayes_weights = bayes_weights
        self.matrices, self.terms, self.idf = [], [], []
        for characters in (False, True) if bayes_weights else (False,):
            lists: list[list[bytes]] = []
            for chunk in chunks(texts):
                lists.extend(ngrams(chunk, characters).to_list())
            vectorizer = TfidfVectorizer(
                analyzer=_same, sublinear_tf=True, norm=None, dtype=np.float32,
                min_df=2 if characters else 1,
            )  # fmt: skip
            self.matrices.append(vectorizer.fit_transform(lists).tocsr())
            self.terms.append(np.array(vectorizer.get_feature_names_out(), dtype=object))
            self.idf.append(vectorizer.idf_.astype(np.float32))

    def weighted(self, labels: np.ndarray, rows: np.ndarray):
        """All rows, weighted by the labels of `rows`: sparse [texts, features], and the scales."""
        blocks, scales = [], []
        for matrix, idf in zip(self.matrices, self.idf, strict=True):
            if self.bayes_weights:
                ratio = bayes_ratios(matrix[rows] > 0, labels[rows])
                matrix, idf = matrix @ sparse.diags_array(ratio), idf * ratio
            blocks.append(normalize(matrix.tocsr()))
            scales.append(idf)
        return sparse.hstack(blocks, format="csr"), np.concatenate(scales).astype(np.float32)


def _logistic_regression(matrix, labels: np.ndarray, classes: int, strength: float):
    """Weights float32 [features, classes] and bias float32 [classes] for a softmax."""
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
    return weights, bias


def _same(item):
    return item
