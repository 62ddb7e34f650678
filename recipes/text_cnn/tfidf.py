"""Tf-idf of n-grams, and the logistic regression over them.

Our own weights every n-gram also by how much it tells of a class: the naive Bayes log-count ratio
of Wang and Manning, "Baselines and Bigrams", ACL 2012, section 2.3. scikit-learn fits the weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from recipes.text_cnn.linear import AT_A_TIME, LinearNgrams
from recipes.text_cnn.ngrams import KINDS, USUAL, lowered
from recipes.text_cnn.text import chunks

PLAIN_STRENGTH, BAYES_STRENGTH = 10.0, 3.0  # scikit-learn's C of the baseline, and of ours


class Features:
    """Tf-idf of every text, computed once; the Bayes weights follow the rows learned from.

    Args:
        texts: sequence of str.
        bayes_weights: True weights n-grams and takes `kinds` of them, False words and pairs alone.
        groups: int [texts] of texts that belong together (a sentence and its phrases); an n-gram
            of one group alone says nothing about another. None: each text by itself.
        kinds: of `ngrams.KINDS`.
    """

    def __init__(
        self,
        texts,
        bayes_weights: bool,
        groups: np.ndarray | None = None,
        kinds: Sequence[str] = USUAL,
    ):
        self.groups = np.arange(len(texts)) if groups is None else np.asarray(groups)
        self.bayes_weights = bayes_weights
        tokens = [lowered(chunk) for chunk in chunks(texts, AT_A_TIME)]
        self.lengths = np.concatenate([part.row_lengths().numpy() for part in tokens])
        self.matrices, self.terms, self.idf, self.places = {}, {}, {}, {}
        for kind in kinds if bayes_weights else ("words",):
            counts, terms, places = _counts(tokens, kind)
            if kind != "words":  # of the many others those in one group alone are left out
                often = _spread(counts, self.groups) > 1
                kept = often[counts.indices]
                places = places[:, kept[places[0]]]
                places[0] = (np.cumsum(kept) - 1)[places[0]]
                left = (
                    counts.data[kept],
                    (np.cumsum(often) - 1)[counts.indices[kept]],
                    np.concatenate([[0], np.cumsum(kept)])[counts.indptr],
                )
                counts = sparse.csr_array(left, shape=(len(texts), int(often.sum())))
                terms = terms[often]
            if len(terms):
                tfidf = TfidfTransformer(sublinear_tf=True, norm=None)
                self.matrices[kind] = sparse.csr_array(tfidf.fit_transform(counts))
                self.terms[kind], self.idf[kind] = terms, tfidf.idf_.astype(np.float32)
                self.places[kind] = places

    def fit(
        self,
        labels: np.ndarray,
        rows: np.ndarray,
        classes: int,
        strength: float,
        kinds: Iterable[str] | None = None,
    ) -> LinearNgrams:
        """A model that has learned from some rows, of all kinds of n-grams here or of some."""
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

    def evidence(self, model: LinearNgrams, rows: np.ndarray) -> np.ndarray:
        """What `model.evidence` says of these texts, from the n-grams that are known already.

        Args:
            model: of `fit`.
            rows: int, ascending.

        Returns:
            float32 [tokens of these texts, classes].
        """
        wanted = np.zeros(len(self.lengths), bool)
        wanted[rows] = True
        tokens, classes = int(self.lengths.sum()), len(model.bias)
        total = np.zeros((tokens, classes), np.float32)
        begin = 0
        for kind in model.kinds:
            matrix, (entry, first, last) = self.matrices[kind], self.places[kind]
            own = slice(begin, begin + len(self.terms[kind]))
            begin = own.stop
            ratio = model.scales[own] / self.idf[kind]
            text = np.repeat(np.arange(len(wanted)), np.diff(matrix.indptr))
            value = matrix.data * ratio[matrix.indices]
            length = np.sqrt(np.bincount(text, value**2, minlength=len(wanted)))
            value *= KINDS[kind][1] / np.maximum(length, 1e-12)[text]
            value /= np.bincount(entry, minlength=len(value))  # in equal shares
            here = wanted[text][entry]
            entry, first, last = entry[here], first[here], last[here]
            for label in range(classes):
                half = value[entry] * model.weights[own, label][matrix.indices[entry]] / 2
                for end in (first, last):
                    total[:, label] += np.bincount(end, half, minlength=tokens)
        return total[np.repeat(wanted, self.lengths)]


def fit_linear(
    texts, labels: np.ndarray, classes: int, *, bayes_weights: bool = False
) -> LinearNgrams:
    """Fit on texts and int labels [texts] in 0 .. classes - 1.

    Args:
        bayes_weights: weight n-grams by their naive Bayes ratio and read the usual kinds (ours);
            False is plain tf-idf of words and pairs (the baseline).

    Raises:
        ValueError: fewer than two classes occur in `labels`.
    """
    strength = BAYES_STRENGTH if bayes_weights else PLAIN_STRENGTH
    return Features(texts, bayes_weights).fit(labels, np.arange(len(texts)), classes, strength)


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


def _counts(
    parts: list[tf.RaggedTensor], kind: str
) -> tuple[sparse.csr_array, np.ndarray, np.ndarray]:
    """The n-grams of a kind in each text, from the lower-cased tokens in some parts.

    Returns:
        How often each stands in each text, sparse [texts, n-grams]; the n-grams as bytes; and
        where they stand, int32 [3, places]: the entry of the sparse array and the first and last
        token (counted over all texts).
    """
    number: dict[bytes, int] = {}
    data, indices, sizes, places = [], [], [], []
    entries, before = 0, 0
    for tokens in parts:
        found = KINDS[kind][0](tokens)
        distinct, place = tf.unique(found.grams)
        numbers = (number.setdefault(gram, len(number)) for gram in distinct.numpy().tolist())
        column = np.fromiter(numbers, np.int64)[place.numpy()]
        row = tf.gather(tokens.value_rowids(), found.first).numpy()
        width = len(number) or 1
        key, entry, count = np.unique(row * width + column, return_inverse=True, return_counts=True)
        data.append(count.astype(np.float32))
        indices.append((key % width).astype(np.int32))
        sizes.append(np.bincount(key // width, minlength=int(tokens.nrows())))
        ends = found.first.numpy(), found.last.numpy()
        places.append(np.stack([entry + entries, *(end + before for end in ends)]).astype(np.int32))
        entries += len(key)
        before += len(tokens.flat_values)
    starts = np.cumsum([0, *np.concatenate(sizes)])
    shape = (len(starts) - 1, len(number))
    whole = (np.concatenate(data), np.concatenate(indices), starts)
    counts = sparse.csr_array(whole, shape=shape)
    terms = np.array(list(number), dtype=object)
    return counts, terms, np.concatenate(places, axis=1)


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
