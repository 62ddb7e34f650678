"""Layers that give the same numbers for a recording as a whole and for its pieces, one by one.

Each takes frames [n, t, d] and `heard` [n, t, 1], 1 where a frame is of the recording and 0 beyond
its ends, and gives both again. As a whole (`call`) a layer sees zeros beyond the ends. Piece by
piece (`step`) it keeps the last frames it has seen, its state, and what it gives lags behind by the
frames that it looks ahead; what comes out before the recording's first frame is not `heard`, so
that the next layer sees zeros there too.
"""

from __future__ import annotations

import keras
from keras import ops

CLIP = 20.0  # of rectified linear units, Hannun et al., arXiv 1412.5567, section 2


class Streaming(keras.layers.Layer):
    """A layer that looks `left` frames back and `right` frames ahead."""

    left = right = 0
    stride = 1  # of the frames given, one in so many is kept; `right` is a multiple of it
    supports_masking = True  # recurrent layers attach Keras's own; `heard` says it already

    def call(self, frames, heard):
        """A whole recording."""
        beyond = [[0, 0], [self.left, self.right], [0, 0]]
        return self.within(ops.pad(self.silenced(frames, heard), beyond), ops.pad(heard, beyond))

    def width_of(self, width: int) -> int:
        """Of its frames, when it is given frames of a width."""
        return getattr(self, "width", width)

    def start(self, count: int, width: int) -> list:
        """The state before the first piece of so many recordings with frames [width]."""
        reach = self.left + self.right
        if not reach:
            return []
        return [ops.zeros((count, reach, width), self.compute_dtype),
                ops.zeros((count, reach, 1), self.compute_dtype)]  # fmt: skip

    def step(self, frames, heard, state):
        """A piece: frames, heard and the next state."""
        kept = (self.silenced(frames, heard), heard)
        if not state:
            return *self.within(*kept), state
        joined = [ops.concatenate(pair, axis=1) for pair in zip(state, kept, strict=True)]
        reach = self.left + self.right
        next_state = [each[:, ops.shape(each)[1] - reach :] for each in joined]
        return *self.within(*joined), next_state

    def silenced(self, frames, heard):
        """Zeros where nothing is heard."""
        return ops.cast(frames, self.compute_dtype) * ops.cast(heard, self.compute_dtype)

    def middle(self, joined):
        """Of frames with neighbours on both sides, those that the outcome is of."""
        return joined[:, self.left : ops.shape(joined)[1] - self.right]

    def within(self, frames, heard):
        """The outcome of frames with their neighbours on both sides."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="speech")
class Context(Streaming):
    """Every so many frames one beside its neighbours: [n, t / stride, (left + 1 + right) * d].

    As in Hannun et al., section 2, where 5 to 9 frames on each side are taken, and section 3.3 with
    strides.
    """

    def __init__(self, left: int = 8, right: int = 8, stride: int = 1, **options):
        super().__init__(**options)
        if right % stride:
            raise ValueError(f"right={right} must be a multiple of stride={stride}.")
        self.left, self.right, self.stride = left, right, stride

    def width_of(self, width):
        return width * (self.left + 1 + self.right)

    def within(self, frames, heard):
        count = ops.shape(frames)[1] - self.left - self.right
        beside = [frames[:, k : k + count : self.stride]
                  for k in range(self.left + 1 + self.right)]  # fmt: skip
        return ops.concatenate(beside, axis=-1), self.middle(heard)[:, :: self.stride]

    def get_config(self):
        return {**super().get_config(), "left": self.left, "right": self.right,
                "stride": self.stride}  # fmt: skip


@keras.saving.register_keras_serializable(package="speech")
class Thinned(Streaming):
    """A convolution that keeps every second frame; t must be even."""

    def __init__(self, width: int, kernel: int = 5, dropout: float = 0.0, seed: int | None = None,
                 **options):  # fmt: skip
        super().__init__(**options)
        self.width, self.kernel, self.rate, self.seed = width, kernel, dropout, seed
        self.stride, self.left = 2, kernel - 2
        self.convolve = keras.layers.Conv1D(width, kernel, strides=2, activation="silu",
                                            dtype=self.dtype_policy)  # fmt: skip
        self.drop = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, frames_shape, heard_shape=None):
        self.convolve.build((None, None, frames_shape[-1]))

    def within(self, frames, heard):
        return self.drop(self.convolve(frames)), heard[:, self.left :: 2]

    def get_config(self):
        return {**super().get_config(), "width": self.width, "kernel": self.kernel,
                "dropout": self.rate, "seed": self.seed}  # fmt: skip


@keras.saving.register_keras_serializable(package="speech")
class Separable(Streaming):
    """Each band over time, then all bands of a frame, and beside it what was there before.

    V. Pratap et al., "Scaling Up Online Speech Recognition Using ConvNets", Interspeech 2020, have
    blocks of this kind, with as little look-ahead; the normalisation comes first here.
    """

    def __init__(self, kernel: int = 15, right: int = 7, expand: int = 2, dropout: float = 0.1,
                 seed: int | None = None, **options):  # fmt: skip
        super().__init__(**options)
        self.kernel, self.right, self.left = kernel, right, kernel - 1 - right
        self.expand, self.rate, self.seed = expand, dropout, seed
        if not 0 <= right < kernel:
            raise ValueError(f"right={right} must be from 0 to kernel - 1 = {kernel - 1}.")

    def build(self, frames_shape, heard_shape=None):
        width, policy = frames_shape[-1], self.dtype_policy
        layers = keras.layers
        self.norms = [layers.LayerNormalization(dtype=policy) for _ in range(2)]
        self.over_time = layers.DepthwiseConv1D(self.kernel, dtype=policy)
        self.over_bands = layers.Dense(width, dtype=policy)
        self.wide = layers.Dense(self.expand * width, activation="silu", dtype=policy)
        self.narrow = layers.Dense(width, dtype=policy)
        self.drops = [layers.Dropout(self.rate, seed=None if self.seed is None else self.seed + k,
                                     dtype=policy) for k in range(2)]  # fmt: skip
        for layer in (*self.norms, self.over_time, self.over_bands, self.wide):
            layer.build((None, None, width))
        self.narrow.build((None, None, self.expand * width))

    def within(self, frames, heard):
        normed = self.silenced(self.norms[0](frames), heard)
        found = self.over_bands(ops.silu(self.over_time(normed)))
        frames = self.middle(frames) + self.drops[0](found)
        found = self.narrow(self.wide(self.norms[1](frames)))
        return frames + self.drops[1](found), self.middle(heard)

    def get_config(self):
        return {**super().get_config(), "kernel": self.kernel, "right": self.right,
                "expand": self.expand, "dropout": self.rate, "seed": self.seed}  # fmt: skip


@keras.saving.register_keras_serializable(package="speech")
class Each(Streaming):
    """Frames one by one: a matrix and rectified units that stop at 20 (Hannun, equation 1)."""

    def __init__(self, width: int, dropout: float = 0.0, seed: int | None = None, **options):
        super().__init__(**options)
        self.width, self.rate, self.seed = width, dropout, seed
        self.matrix = keras.layers.Dense(width, dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, frames_shape, heard_shape=None):
        self.matrix.build(frames_shape)

    def within(self, frames, heard):
        return self.drop(ops.clip(self.matrix(frames), 0.0, CLIP)), heard

    def get_config(self):
        return {**super().get_config(), "width": self.width, "dropout": self.rate,
                "seed": self.seed}  # fmt: skip


@keras.saving.register_keras_serializable(package="speech")
class Evened(Streaming):
    """Each band with mean 0 and deviation 1 over all frames of the batch that are heard.

    Amodei et al., section 3.2 (sequence-wise batch normalisation).
    """

    def build(self, frames_shape, heard_shape=None):
        self.norm = keras.layers.BatchNormalization(dtype=self.dtype_policy)
        self.norm.build(frames_shape)

    def call(self, frames, heard, training=None):
        return self.norm(frames, training=training, mask=ops.squeeze(heard, -1) > 0), heard

    def within(self, frames, heard):
        return self.norm(frames, training=False), heard


@keras.saving.register_keras_serializable(package="speech")
class Ahead(Streaming):
    """Each band as a weighted sum of this frame and the next ones.

    D. Amodei et al., "Deep Speech 2", arXiv 1512.02595, section 3.7 (row convolution).
    """

    def __init__(self, right: int = 19, **options):
        super().__init__(**options)
        self.right = right

    def build(self, frames_shape, heard_shape=None):
        self.weigh = keras.layers.DepthwiseConv1D(self.right + 1, dtype=self.dtype_policy)
        self.weigh.build((None, None, frames_shape[-1]))

    def within(self, frames, heard):
        return ops.clip(self.weigh(frames), 0.0, CLIP), self.middle(heard)

    def get_config(self):
        return {**super().get_config(), "right": self.right}


@keras.saving.register_keras_serializable(package="speech")
class Recurrent(Streaming):
    """A recurrent layer over time: forward, or both ways summed (Hannun, equations 2 to 4).

    Args:
        kind: "lstm", "gru", or "simple" (the paper's own, with clipped rectified units).
        both: also from the end; such a layer needs the whole recording.
    """

    KINDS = ("lstm", "gru", "simple")

    def __init__(self, width: int, kind: str = "lstm", both: bool = False, **options):
        super().__init__(**options)
        if kind not in self.KINDS:
            raise ValueError(f"kind={kind!r} is none of {', '.join(self.KINDS)}.")
        self.width, self.kind, self.both = width, kind, both

    def _one(self, backwards: bool):
        given = dict(return_sequences=True, return_state=True, go_backwards=backwards,
                     dtype=self.dtype_policy)  # fmt: skip
        if self.kind == "lstm":
            return keras.layers.LSTM(self.width, **given)
        if self.kind == "gru":
            return keras.layers.GRU(self.width, **given)
        return keras.layers.SimpleRNN(self.width, activation=_clipped, **given)

    def build(self, frames_shape, heard_shape=None):
        self.ways = [self._one(backwards) for backwards in (False, True)[: 1 + self.both]]
        for way in self.ways:
            way.build(frames_shape)

    def call(self, frames, heard):
        mask = ops.squeeze(heard, -1) > 0
        frames = self.silenced(frames, heard)
        found = self.ways[0](frames, mask=mask)[0]
        if self.both:
            found = found + ops.flip(self.ways[1](frames, mask=mask)[0], axis=1)
        return found, heard

    def start(self, count: int, width: int) -> list:
        return [ops.zeros((count, self.width), self.compute_dtype)
                for _ in range(2 if self.kind == "lstm" else 1)]  # fmt: skip

    def step(self, frames, heard, state):
        if self.both:
            raise ValueError("A layer that reads both ways cannot work piece by piece.")
        way, usual = self.ways[0], getattr(self.ways[0], "use_cudnn", None)
        if usual is not None:  # Nvidia's kernels take no mask that begins with nothing
            way.use_cudnn = False
        found, *state = way(self.silenced(frames, heard), initial_state=state,
                            mask=ops.squeeze(heard, -1) > 0)  # fmt: skip
        if usual is not None:
            way.use_cudnn = usual
        return found, heard, state

    def get_config(self):
        return {**super().get_config(), "width": self.width, "kind": self.kind, "both": self.both}


@keras.saving.register_keras_serializable(package="speech")
def _clipped(values):
    return ops.clip(values, 0.0, CLIP)
