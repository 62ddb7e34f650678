"""The networks: Kim's sentence CNN as the paper writes it, and ours with character n-grams.

Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014.
Everything here is `keras` and `keras.ops` alone, so it runs on TensorFlow, JAX and PyTorch.
Batches as described in `text.py`, with their distinct tokens apart, go in (ours may read evidence
too) and unnormalised class scores (logits) [batch, classes] come out. Number 0 is padding.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

PAPER_VARIANTS = ("rand", "static", "non-static", "multichannel")


def kim_cnn(
    vocabulary_size: int,
    classes: int,
    variant: str = "rand",
    vectors: np.ndarray | None = None,
    dimension: int = 300,
    windows: tuple[int, ...] = (3, 4, 5),
    filters: int = 100,
    dropout: float = 0.5,
    max_norm: float = 3.0,
) -> keras.Model:
    """The sentence CNN of Kim 2014, section 2, Figure 1.

    Args:
        vocabulary_size: word numbers, padding (0) and unknown (1) included.
        classes: number of classes.
        variant: "rand" (vectors learned from nothing), "static" (given and kept), "non-static"
            (given and tuned) or "multichannel" (one of each).
        vectors: float32 [vocabulary_size, dimension]; needed by all variants but "rand".
        dimension: of the word vectors where none are given.
        windows: filter widths h in words.
        filters: feature maps per width.
        dropout: share of the pooled features set to zero (section 2.1, equation 4).
        max_norm: bound s on the L2 norm of each class's weight vector (section 2.1).

    Raises:
        ValueError: an unknown variant, or vectors missing or of another size.
    """
    if variant not in PAPER_VARIANTS:
        raise ValueError(f"variant={variant!r}; choose one of {', '.join(PAPER_VARIANTS)}.")
    if variant != "rand":
        if vectors is None:
            raise ValueError(f"variant={variant!r} starts from word vectors; give `vectors`.")
        if len(vectors) != vocabulary_size:
            raise ValueError(
                f"vectors has {len(vectors)} rows for {vocabulary_size} word numbers; "
                "make it with the same vocabulary."
            )
        dimension = vectors.shape[1]

    def channel(tuned: bool, name: str) -> keras.layers.Layer:
        start = (
            keras.initializers.RandomUniform(-0.25, 0.25)
            if vectors is None
            else keras.initializers.Constant(vectors)
        )
        return keras.layers.Embedding(
            vocabulary_size, dimension, embeddings_initializer=start, trainable=tuned, name=name
        )

    indices = keras.Input((None,), dtype="int32", name="indices")
    words = keras.Input(batch_shape=(None,), dtype="int32", name="token_words")
    there = ops.expand_dims(ops.cast(ops.not_equal(words, 0), "float32"), -1)
    channels = [channel(tuned=variant != "static", name="embedding")(words)]
    if variant == "multichannel":
        channels.append(channel(tuned=False, name="static_embedding")(words))
    # "Each filter is applied to both channels and the results are added" (section 2.2). A
    # convolution is linear, so adding the channels first gives the same sum for half the work.
    word_vectors = (ops.add(*channels) if len(channels) > 1 else channels[0]) * there
    pooled = [
        keras.layers.GlobalMaxPooling1D(name=f"max_over_time_{window}")(
            WordConvolution(filters, window, name=f"window_{window}")(word_vectors, indices)
        )
        for window in windows
    ]
    features = keras.layers.Dropout(dropout, name="dropout")(ops.concatenate(pooled, axis=-1))
    # Axis 0 runs over the features, so the norm bounded is that of each class's weight vector.
    logits = keras.layers.Dense(
        classes,
        kernel_constraint=keras.constraints.MaxNorm(max_norm, axis=0),
        dtype="float32",
        name="logits",
    )(features)
    inputs = {"indices": indices, "token_words": words}
    return keras.Model(inputs, logits, name=f"kim_cnn_{variant.replace('-', '_')}")


@keras.saving.register_keras_serializable(package="text_cnn")
class WordConvolution(keras.layers.Layer):
    """Filters over h words, each distinct word of the batch multiplied once.

    Kim 2014, equation 2: c_i = relu(w . x_{i:i+h-1} + b). The filter w is h filters over one word
    each, w . x_{i:i+h-1} = sum_k w_k . x_{i+k}, and a word says w_k . x wherever it stands. A batch
    of 50 sentences has 600 distinct words at 1,500 places, so this is a third of a convolution's
    work; the result is the same.

    The authors pad both sides, so that every filter sees every word at every place. One zero more
    than theirs gives every filter a window of padding alone: longer padding then changes nothing,
    and a sentence's scores do not depend on the batch it came in.

    Inputs: vectors [distinct tokens, dimension], the first of them zeros, and indices int32 [batch,
    tokens] into them. Output [batch, tokens + h, filters].
    """

    def __init__(self, filters: int, window: int, **keywords):
        super().__init__(**keywords)
        self.filters, self.window = filters, window

    def build(self, vectors_shape, indices_shape=None):
        self.kernel = self.add_weight(
            shape=(self.window, vectors_shape[-1], self.filters),
            initializer="glorot_uniform", name="kernel",
        )  # fmt: skip
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, vectors, indices):
        places = ops.shape(indices)[1] + self.window
        indices = ops.pad(indices, [[0, 0], [self.window, self.window - 1]])
        total = self.bias
        for k in range(self.window):
            said = ops.matmul(vectors, self.kernel[k])
            total = total + ops.take(said, indices[:, k : k + places], axis=0)
        return ops.relu(total)

    def compute_output_shape(self, vectors_shape, indices_shape):
        batch, tokens = indices_shape
        return (batch, None if tokens is None else tokens + self.window, self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "window": self.window}


@keras.saving.register_keras_serializable(package="text_cnn")
class PieceEmbedding(keras.layers.Layer):
    """A token's vector as the mean of its hashed character n-gram vectors.

    Bojanowski et al. 2017, section 3.2 (they sum; the mean keeps short and long words on one
    scale). Inputs: pieces and piece_tokens int32 [pieces], and anything [distinct tokens] that
    counts the tokens. Output [distinct tokens, dimension]; 0 for a token without pieces.
    """

    def __init__(self, buckets: int, dimension: int, scale: float = 0.2, **keywords):
        super().__init__(**keywords)
        self.buckets, self.dimension, self.scale = buckets, dimension, scale

    def build(self, pieces_shape, piece_tokens_shape=None, token_words_shape=None):
        self.table = self.add_weight(
            shape=(self.buckets, self.dimension),
            initializer=keras.initializers.RandomUniform(-self.scale, self.scale),
            name="table",
        )

    def call(self, pieces, piece_tokens, token_words):
        distinct = ops.shape(token_words)[0]
        total = ops.segment_sum(ops.take(self.table, pieces, axis=0), piece_tokens, distinct)
        ones = ops.ones_like(pieces, dtype=self.compute_dtype)
        count = ops.segment_sum(ones, piece_tokens, distinct)
        return total / ops.expand_dims(ops.maximum(count, 1), -1)

    def compute_output_shape(self, pieces_shape, piece_tokens_shape, token_words_shape):
        return (*token_words_shape, self.dimension)

    def get_config(self):
        own = {"buckets": self.buckets, "dimension": self.dimension, "scale": self.scale}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="text_cnn")
class MaskedMeanAndMax(keras.layers.Layer):
    """Pool over the tokens that are there: [maximum ; mean].

    Inputs: features [batch, tokens, filters], all at least 0, and the mask [batch, tokens, 1] of
    1 and 0. Output [batch, 2 * filters]. The maximum is Kim's; the mean says how much of the
    sentence agrees.
    """

    def call(self, features, mask):
        features = features * mask
        mean = ops.sum(features, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1)
        return ops.concatenate([ops.max(features, axis=1), mean], axis=-1)

    def compute_output_shape(self, features_shape, mask_shape=None):
        return (features_shape[0], 2 * features_shape[-1])


def subword_cnn(
    vocabulary_size: int,
    classes: int,
    buckets: int = 20_000,
    dimension: int = 32,
    piece_dimension: int = 64,
    windows: tuple[int, ...] = (1, 2, 3, 4),
    filters: int = 100,
    spatial_dropout: float = 0.5,
    dropout: float = 0.5,
    vectors: np.ndarray | None = None,
    evidence_scale: float | None = None,
    bias: np.ndarray | None = None,
    evidence_dropout: float = 0.2,
) -> keras.Model:
    """Kim's network with a second view of every word: its character n-grams.

    Differences from the paper: word vectors beside the mean of hashed character n-gram vectors,
    whole vector components dropped (spatial dropout), windows of 1 to 4 words, mean pooling beside
    the maximum.

    Args:
        vocabulary_size: word numbers, padding (0) and unknown (1) included.
        classes: number of classes.
        buckets: hash buckets of the character n-grams, as in the `Encoder`.
        dimension: of the word vectors.
        piece_dimension: of the character n-gram vectors; 0 leaves them out.
        windows: filter widths in words; filters: feature maps per width.
        spatial_dropout: share of the vector components dropped for a whole sentence.
        dropout: share of the pooled features dropped.
        vectors: float32 [vocabulary_size, n] of outside word vectors, laid beside ours and tuned.
        evidence_scale: with it the network takes one more input, "evidence" float32 [batch,
            tokens, classes]: what a linear model says of each token. It enters twice. Multiplied
            by this scale it is part of each token's vector, so that the filters see words that
            are known to tell together with those that turn them round; and its sum, the linear
            model's own score, is added to the network's.
        bias: float [classes] from which the biases of the class scores start; None starts from 0.
        evidence_dropout: share of the evidence, each class of each token by itself, that the
            filters do not see in training.
    """
    def flat(name):
        return keras.Input(batch_shape=(None,), dtype="int32", name=name)

    indices = keras.Input((None,), dtype="int32", name="indices")
    words, pieces, piece_tokens = flat("token_words"), flat("pieces"), flat("piece_tokens")
    inputs = {
        "indices": indices, "token_words": words, "pieces": pieces, "piece_tokens": piece_tokens,
    }  # fmt: skip
    mask = ops.expand_dims(ops.cast(ops.not_equal(indices, 0), "float32"), -1)
    uniform = keras.initializers.RandomUniform(-0.1, 0.1)
    views = [
        keras.layers.Embedding(
            vocabulary_size, dimension, embeddings_initializer=uniform, name="word_vectors"
        )(words)
    ]
    if piece_dimension:
        embed = PieceEmbedding(buckets, piece_dimension, name="piece_vectors")
        views.append(embed(pieces, piece_tokens, words))
    if vectors is not None:
        # Brought to the scale of ours, or the larger of the two drowns the other.
        spread = vectors.std() or 1.0
        start = keras.initializers.Constant(vectors * (0.06 / spread))
        views.append(
            keras.layers.Embedding(
                *vectors.shape, embeddings_initializer=start, name="outside_vectors"
            )(words)
        )
    # One vector for each distinct token, then each token of each sentence takes its own.
    distinct = ops.concatenate(views, axis=-1) if len(views) > 1 else views[0]
    matrix = ops.take(distinct, indices, axis=0)
    matrix = keras.layers.SpatialDropout1D(spatial_dropout, name="spatial_dropout")(matrix)
    if evidence_scale is not None:
        inputs["evidence"] = keras.Input((None, classes), dtype="float32", name="evidence")
        scaled = keras.layers.Rescaling(evidence_scale, name="scaled_evidence")(inputs["evidence"])
        kept = keras.layers.Dropout(evidence_dropout, name="evidence_dropout")(scaled)
        matrix = ops.concatenate([matrix, kept], axis=-1)
    matrix = matrix * mask
    pooled = []
    for window in windows:
        convolution = keras.layers.Conv1D(
            filters, window, padding="same", activation="relu", name=f"window_{window}"
        )
        pooled.append(MaskedMeanAndMax(name=f"pool_{window}")(convolution(matrix), mask))
    features = keras.layers.Dropout(dropout, name="dropout")(ops.concatenate(pooled, axis=-1))
    start = "zeros" if bias is None else keras.initializers.Constant(np.asarray(bias).tolist())
    logits = keras.layers.Dense(
        classes, kernel_initializer="zeros", bias_initializer=start, dtype="float32", name="logits"
    )(features)
    if evidence_scale is not None:
        linear = ops.sum(inputs["evidence"], axis=1)
        logits = keras.layers.Add(dtype="float32", name="with_linear")([logits, linear])
    return keras.Model(inputs, logits, name="subword_cnn")
