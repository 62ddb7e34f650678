"""Tf-idf and logistic regression: the baseline, and a member of our ensemble that can be exported.

Wang and Manning, "Baselines and Bigrams", ACL 2012, showed how strong such models are on these
very sets. scikit-learn fits the weights; `LinearNgrams.graph` computes the same probabilities
inside a TensorFlow graph, so that a SavedModel holds the whole ensemble.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from recipes.text_cnn.text import chunks, tokenize


def ngrams(texts: tf.Tensor, characters: bool) -> tf.RaggedTensor:
    """Lower-cased words and word pairs, and on wish the character 2- to 5-grams of each word.

    Character n-grams carry a leading "~", which no word has (the tokenizer sets it apart), and
    pairs a space, so the three kinds never meet.

    Returns:
        Ragged string tensor [sentences, (n-grams)], with repetitions.
    """
    tokens = tokenize(texts)
    tokens = tokens.with_flat_values(tf.strings.lower(tokens.flat_values, encoding="utf-8"))
    kinds = [tokens, tf.strings.ngrams(tokens, 2, separator=" ")]
    if characters:
        marked = tf.strings.join(["<", tokens.flat_values, ">"])
        letters = tf.strings.unicode_split(marked, "UTF-8", errors="replace")
        grams = tf.concat(
            [tf.strings.ngrams(letters, width, separator="") for width in (2, 3, 4, 5)], axis=1
        )
        grams = grams.with_flat_values(tf.strings.join(["~", grams.flat_values]))
        per_sentence = tf.RaggedTensor.from_row_splits(grams, tokens.row_splits)
        kinds.append(per_sentence.merge_dims(1, 2))
    return tf.concat(kinds, axis=1)


def _as_lists(texts, characters: bool) -> list[list[bytes]]:
    lists: list[list[bytes]] = []
    for chunk in chunks(texts):
        lists.extend(ngrams(chunk, characters).to_list())
    return lists


def _same(item):
    return item


class LinearNgrams:
    """Logistic regression over tf-idf weighted n-grams, the same in scikit-learn and in a graph."""

    def __init__(self, terms: np.ndarray, idf: np.ndarray, weights: np.ndarray, bias: np.ndarray,
                 characters: bool):
        """Args:
        terms: bytes [features], the n-grams; idf: float32 [features].
        weights: float32 [features, classes]; bias: float32 [classes].
        characters: whether character n-grams are among the terms.
        """
        self.terms, self.idf, self.weights, self.bias = terms, idf, weights, bias
        self.characters = characters
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(terms.tolist()), tf.range(len(terms), dtype=tf.int64)
            ),
            default_value=-1,
        )

    @classmethod
    def fit(cls, texts, labels: np.ndarray, classes: int, characters: bool = False,
            inverse_regularisation: float = 10.0) -> LinearNgrams:
        """Fit on texts and int labels [texts] in 0 .. classes - 1.

        Args:
            characters: add character n-grams (those seen in two sentences or more).
            inverse_regularisation: scikit-learn's C.

        Raises:
            ValueError: fewer than two classes occur in `labels`.
        """
        lists = _as_lists(texts, characters)
        vectorizer = TfidfVectorizer(
            analyzer=_same, sublinear_tf=True, dtype=np.float32, min_df=1
        )
        matrix = vectorizer.fit_transform(lists)
        terms = np.array(vectorizer.get_feature_names_out(), dtype=object)
        if characters:
            seen = np.asarray((matrix > 0).sum(axis=0)).ravel()
            single = np.array([term.startswith(b"~") for term in terms]) & (seen < 2)
            terms, kept = terms[~single], np.flatnonzero(~single)
            matrix = matrix[:, kept]
        else:
            kept = np.arange(len(terms))
        matrix = _unit_rows(matrix)
        model = LogisticRegression(C=inverse_regularisation, max_iter=1000).fit(matrix, labels)
        weights = np.zeros((len(terms), classes), np.float32)
        bias = np.full(classes, -30.0, np.float32)  # a class without rows is never proposed
        if len(model.classes_) == 2:  # scikit-learn keeps one column for two classes
            weights[:, model.classes_[1]], bias[model.classes_] = model.coef_[0], 0
            bias[model.classes_[1]] = model.intercept_[0]
        else:
            weights[:, model.classes_] = model.coef_.T
            bias[model.classes_] = model.intercept_
        return cls(terms, vectorizer.idf_[kept].astype(np.float32), weights, bias, characters)

    def graph(self, texts: tf.Tensor) -> tf.Tensor:
        """Probabilities float32 [sentences, classes] of a string tensor [sentences]."""
        grams = ngrams(texts, self.characters)
        sentences = tf.cast(grams.nrows(), tf.int64)
        found = self._table.lookup(grams.flat_values)
        known = found >= 0
        features = tf.constant(len(self.terms), tf.int64)
        key = tf.boolean_mask(grams.value_rowids() * features + found, known)
        # Count each n-gram once a sentence: (1 + log count) * idf, rows brought to length 1.
        unique, _, count = tf.unique_with_counts(key)
        row, column = unique // features, unique % features
        value = (1 + tf.math.log(tf.cast(count, tf.float32))) * tf.gather(self.idf, column)
        length = tf.sqrt(tf.math.unsorted_segment_sum(value * value, row, sentences))
        score = tf.math.unsorted_segment_sum(
            value[:, None] * tf.gather(self.weights, column), row, sentences
        )
        return tf.nn.softmax(score / tf.maximum(length, 1e-12)[:, None] + self.bias)

    def predict_proba(self, texts) -> np.ndarray:
        """Probabilities float32 [texts, classes] of a sequence of str."""
        parts = [self.graph(chunk).numpy() for chunk in chunks(texts)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.bias)), np.float32)

    def save(self, path: str | Path) -> None:
        """Write as .npz without pickles; n-grams as one UTF-8 block with their lengths."""
        np.savez_compressed(
            path,
            letters=np.frombuffer(b"".join(self.terms), np.uint8),
            lengths=np.array([len(term) for term in self.terms]),
            idf=self.idf, weights=self.weights, bias=self.bias, characters=self.characters,
        )

    @classmethod
    def load(cls, path: str | Path) -> LinearNgrams:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            ends = np.concatenate([[0], np.cumsum(file["lengths"])])
            block = file["letters"].tobytes()
            terms = [block[a:b] for a, b in zip(ends, ends[1:], strict=False)]
            return cls(
                np.array(terms, dtype=object), file["idf"], file["weights"], file["bias"],
                bool(file["characters"]),
            )


def _unit_rows(matrix):
    """Rows of length 1 again, after terms were left out; empty rows stay zero."""
    from sklearn.preprocessing import normalize

    return normalize(matrix, copy=False)
