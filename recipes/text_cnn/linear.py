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
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from recipes.text_cnn.text import chunks, token_lists, tokenize

BAYES_STRENGTH = 5.0  # scikit-learn's C of the model with Bayes weights


def lowered(texts: tf.Tensor) -> tf.RaggedTensor:
    """Lower-cased tokens, ragged string tensor [sentences, (tokens)]."""
    tokens = tokenize(texts)
    return tokens.with_flat_values(tf.strings.lower(tokens.flat_values, encoding="utf-8"))


def word_ngrams(tokens: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """All words, then all pairs of neighbours of one sentence, with repetitions.

    Returns:
        Strings [n-grams], and the numbers of their first and last tokens among all tokens.
    """
    flat = tokens.flat_values
    number = tf.range(tf.size(flat, tf.int64))
    sentence = tokens.value_rowids()
    first = tf.boolean_mask(number[:-1], sentence[:-1] == sentence[1:])
    pairs = tf.strings.join([tf.gather(flat, first), tf.gather(flat, first + 1)], separator=" ")
    return (
        tf.concat([flat, pairs], axis=0),
        tf.concat([number, first], axis=0),
        tf.concat([number, first + 1], axis=0),
    )


def character_ngrams(tokens: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The character 2- to 5-grams of each word between < and >, returned as by `word_ngrams`.

    They carry a leading "~", which no word has (the tokenizer sets it apart), so that the two
    kinds never meet.
    """
    marked = tf.strings.join(["<", tokens.flat_values, ">"])
    letters = tf.strings.unicode_split(marked, "UTF-8", errors="replace")
    grams = tf.concat(
        [tf.strings.ngrams(letters, width, separator="") for width in (2, 3, 4, 5)], axis=1
    )
    word = grams.value_rowids()
    return tf.strings.join(["~", grams.flat_values]), word, word


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
                Bayes weights (chosen on development rows).

        Raises:
            ValueError: fewer than two classes occur in `labels`.
        """
        strength = inverse_regularisation or (BAYES_STRENGTH if bayes_weights else 10.0)
        return _Features(texts, bayes_weights).fit(labels, np.arange(len(texts)), classes, strength)

    def evidence(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """What each token says for each class, inside a graph.

        Every n-gram hands its part of the class scores in equal shares to the tokens that it
        covers, so the sum over a sentence plus `bias` is what the softmax is taken of.

        Args:
            texts: string tensor [sentences].

        Returns:
            Ragged float32 tensor [sentences, (tokens), classes].
        """
        tokens = lowered(texts)
        kinds = [word_ngrams(tokens)]
        if self.words < len(self.terms):
            kinds.append(character_ngrams(tokens))
        total = tf.zeros([tf.size(tokens.flat_values), len(self.bias)])
        for grams, first, last in kinds:
            found = self._table.lookup(grams)
            known = found >= 0
            column, first, last = (tf.boolean_mask(x, known) for x in (found, first, last))
            row = tf.gather(tokens.value_rowids(), first)
            # Count each n-gram once a sentence, then bring the sentence to length 1.
            key, place, count = tf.unique_with_counts(row * len(self.terms) + column)
            row, column = key // len(self.terms), key % len(self.terms)
            value = (1 + tf.math.log(tf.cast(count, tf.float32))) * tf.gather(self.scales, column)
            length = tf.sqrt(tf.math.unsorted_segment_sum(value * value, row, tokens.nrows()))
            value /= tf.maximum(tf.gather(length, row), 1e-12) * tf.cast(count, tf.float32)
            each = tf.gather(value[:, None] * tf.gather(self.weights, column), place) / 2
            for end in (first, last):  # the two halves meet again where an n-gram covers one token
                total = tf.tensor_scatter_nd_add(total, end[:, None], each)
        return tokens.with_flat_values(total)

    def graph(self, texts: tf.Tensor) -> tf.Tensor:
        """Probabilities float32 [sentences, classes] of a string tensor [sentences]."""
        return tf.nn.softmax(tf.reduce_sum(self.evidence(texts), axis=1) + self.bias)

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

    def token_evidence(self, texts) -> list[np.ndarray]:
        """`evidence` of a sequence of str: one float32 [tokens, classes] a text."""
        found = []
        for chunk in chunks(texts):
            ragged = self.evidence(chunk)
            found += np.split(ragged.flat_values.numpy(), ragged.row_splits.numpy()[1:-1])
        return found

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
                np.array(terms, dtype=object),
                file["scales"],
                file["weights"],
                file["bias"],
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
    """The `evidence` of a model with Bayes weights in texts that it has not learned from.

    Each of `parts` parts of the texts is read by a model fitted on the others. A network that
    learns from such evidence sees the linear model as honest about training rows as it will be
    about new ones.

    Args:
        texts, labels, classes: as in `LinearNgrams.fit`.
        parts: fewer are taken where a class has fewer rows.
        seed: of the division.

    Returns:
        float32 [tokens of all texts, classes].
    """
    features = _Features(texts, bayes_weights=True)
    rarest = int(np.unique(labels, return_counts=True)[1].min())
    if rarest >= 2:
        splitter = StratifiedKFold(min(parts, rarest), shuffle=True, random_state=seed)
    else:  # a class of one row cannot be on both sides
        splitter = KFold(min(parts, len(labels)), shuffle=True, random_state=seed)
    result: list[np.ndarray] = [None] * len(labels)
    for train, rest in splitter.split(labels, labels):
        model = features.fit(labels, train, classes, BAYES_STRENGTH)
        for row, found in zip(rest, model.token_evidence([texts[k] for k in rest]), strict=True):
            result[row] = found
    return np.concatenate(result)


class _Features:
    """Tf-idf of every text, computed once; the Bayes weights follow the rows learned from."""

    def __init__(self, texts, bayes_weights: bool):
        self.bayes_weights = bayes_weights
        self.matrices, self.terms, self.idf = [], [], []
        for characters in (False, True) if bayes_weights else (False,):
            lists: list[list[bytes]] = []
            for chunk in chunks(texts):
                tokens = lowered(chunk)
                grams, first, _ = (character_ngrams if characters else word_ngrams)(tokens)
                rows = tf.gather(tokens.value_rowids(), first).numpy()
                order = np.argsort(rows, kind="stable")
                ends = np.searchsorted(rows[order], np.arange(1, len(chunk)))
                lists.extend(part.tolist() for part in np.split(grams.numpy()[order], ends))
            vectorizer = TfidfVectorizer(
                analyzer=_same, sublinear_tf=True, norm=None, dtype=np.float32,
                min_df=2 if characters else 1,
            )  # fmt: skip
            self.matrices.append(vectorizer.fit_transform(lists).tocsr())
            self.terms.append(np.array(vectorizer.get_feature_names_out(), dtype=object))
            self.idf.append(vectorizer.idf_.astype(np.float32))

    def fit(self, labels: np.ndarray, rows: np.ndarray, classes: int, strength: float):
        """A `LinearNgrams` that has learned from some rows."""
        blocks, scales = [], []
        for matrix, idf in zip(self.matrices, self.idf, strict=True):
            if self.bayes_weights:
                ratio = bayes_ratios(matrix[rows] > 0, labels[rows])
                matrix, idf = matrix @ sparse.diags_array(ratio), idf * ratio
            blocks.append(normalize(matrix.tocsr()[rows]))
            scales.append(idf)
        weights, bias = _logistic_regression(
            sparse.hstack(blocks, format="csr"), labels[rows], classes, strength
        )
        scales = np.concatenate(scales).astype(np.float32)
        return LinearNgrams(
            np.concatenate(self.terms), scales, weights, bias, words=len(self.terms[0])
        )


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


def _same(item):
    return item
