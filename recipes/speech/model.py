"""Networks from log-mel frames to letters, and the loss that needs no alignment.

* `fast` (default): convolutions over time, each band by itself, in residual blocks;
* `deepspeech`: A. Hannun et al., arXiv 1412.5567, section 2: three layers on a frame and its
  neighbours, one recurrent layer, one more layer;
* `deepspeech2`: D. Amodei et al., arXiv 1512.02595, section 3: convolutions, recurrent layers with
  normalisation between them, row convolution;
* `lstm`: nothing but recurrent layers on every frame of 10 ms, to compare with.

The loss is connectionist temporal classification (A. Graves et al., ICML 2006, equations 5 to 16).
While `fast` learns, what its middle layer would say counts too (J. Lee, S. Watanabe, "Intermediate
Loss Regularization for CTC-based Speech Recognition", ICASSP 2021, equation 11).
"""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops

from recipes.speech import layers
from recipes.speech.features import Cepstra, Standardised

MIDDLE = 0.3  # share of the loss that is the middle layer's
THINNED = 4  # frames of 10 ms for one of what a network says
KINDS = ("fast", "deepspeech", "deepspeech2", "lstm")


def stack(kind: str, width: int, blocks: int, kernel: int, right: int, recurrent: str, both: bool,
          dropout: float, seed: int) -> list[layers.Streaming]:  # fmt: skip
    """The layers of a kind of network, without the last."""
    seeds = iter(range(seed, seed + 1000, 2))
    if kind == "fast":
        found = [layers.Thinned(width, 5, dropout, next(seeds)) for _ in range(2)]
        return found + [layers.Separable(kernel, right, 2, dropout, next(seeds))
                        for _ in range(blocks)]  # fmt: skip
    if kind == "deepspeech":
        found = [layers.Context(8, 8, THINNED)]
        found += [layers.Each(width, dropout, next(seeds)) for _ in range(3)]
        return [*found, layers.Recurrent(width, recurrent, both),
                layers.Each(width, dropout, next(seeds))]  # fmt: skip
    if kind == "lstm":
        found = [layers.Recurrent(width, recurrent, both) for _ in range(blocks)]
        return [*found, layers.Context(0, 0, THINNED)]
    found = [layers.Thinned(width, 11, dropout, next(seeds)) for _ in range(2)]
    for _ in range(blocks):
        found += [layers.Evened(), layers.Recurrent(width, recurrent, both)]
    return [*found, *([] if both else [layers.Ahead(right)]), layers.Evened()]


@keras.saving.register_keras_serializable(package="speech")
class Recogniser(keras.Model):
    """Log-mel frames -> logits of letters, number 0 the blank.

    Args:
        classes: letters and the blank. bands: of a frame. kind: of `KINDS`.
        width: units. blocks: layers or blocks of them. kernel: frames (of 40 ms) that a block of
            `fast` sees. right: those of them that lie ahead (`deepspeech2`: that its last layer
            looks ahead). recurrent: "lstm", "gru" or "simple". both: recurrent layers read both
            ways, and the network needs the whole recording.
        cepstra: coefficients in place of the bands; 0 none.

    Raises:
        ValueError: no such kind.
    """

    def __init__(self, classes: int, bands: int = 64, kind: str = "fast", width: int = 256,
                 blocks: int = 6, kernel: int = 15, right: int = 7, recurrent: str = "lstm",
                 both: bool = False, cepstra: int = 0, dropout: float = 0.1, seed: int = 0,
                 **options):  # fmt: skip
        super().__init__(**{"autocast": False, **options})
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} is none of {', '.join(KINDS)}.")
        self.settings = dict(classes=classes, bands=bands, kind=kind, width=width, blocks=blocks,
                             kernel=kernel, right=right, recurrent=recurrent, both=both,
                             cepstra=cepstra, dropout=dropout, seed=seed)  # fmt: skip
        self.standardised = Standardised()
        self.cepstra = Cepstra(cepstra) if cepstra else None
        self.stack = self.layers_of()
        level = keras.layers.LayerNormalization if kind == "fast" else keras.layers.Identity
        self.level = level()
        self.answers = keras.layers.Dense(classes, dtype="float32")
        self({"frames": np.zeros((1, 4 * THINNED, bands), np.float32),
              "count": np.full(1, 4 * THINNED, np.int32)})  # fmt: skip

    def layers_of(self) -> list[layers.Streaming]:
        """Untaught ones, without the last; for other networks to have others."""
        wanted = dict(self.settings)
        for name in ("classes", "bands", "cepstra"):
            del wanted[name]
        return stack(**wanted)

    def build(self, shape=None):
        """Its layers are built by the first call."""

    def call(self, inputs, training=None):
        """{"frames": float [n, t, bands], "count": int [n]} -> logits float32 [n, t / 4, classes].

        t must be a multiple of 4; frames from `count` on are no part of the recording. While it
        learns, `fast` gives a pair: these, and the middle layer's.
        """
        frames, heard, middle = self.seen(inputs["frames"]), self.heard(inputs), None
        for place, layer in enumerate(self.stack):
            frames, heard = layer(frames, heard)
            if training and self.middle == place:
                middle = self.said(frames)
        return self.said(frames) if middle is None else (self.said(frames), middle)

    def said(self, frames):
        """Logits of what a layer gives."""
        return self.answers(self.level(frames))

    @property
    def middle(self) -> int | None:
        """Number of the layer whose answers count while it learns; None: none does."""
        blocks = self.settings["blocks"]
        if self.settings["kind"] != "fast" or blocks < 2:
            return None
        return len(self.stack) - 1 - blocks // 2

    def learn_scale(self, blocks: Iterable[np.ndarray]) -> None:
        """Standardise by these frames, float [any number, bands] each."""
        count, total, squares = 0, 0.0, 0.0
        for block in blocks:
            values = np.asarray(block, np.float32)
            if self.cepstra:
                values = ops.convert_to_numpy(self.cepstra(values))
            count += len(values)
            total = total + values.sum(axis=0, dtype=np.float64)
            squares = squares + np.square(values, dtype=np.float64).sum(axis=0)
        mean = total / count
        self.standardised.learn(mean, np.sqrt(np.maximum(squares / count - mean**2, 0)))

    def seen(self, frames):
        """What the first layer is given."""
        frames = self.standardised(self.cepstra(frames) if self.cepstra else frames)
        return ops.cast(frames, self.compute_dtype)

    def heard(self, inputs):
        """1 for frames of the recording, [n, t, 1]."""
        places = ops.arange(ops.shape(inputs["frames"])[1], dtype="int32")
        is_heard = places[None, :, None] < ops.cast(inputs["count"], "int32")[:, None, None]
        return ops.cast(is_heard, self.compute_dtype)

    def start(self, count: int = 1) -> list:
        """The state of every layer before the first piece of so many recordings."""
        width, found = self.settings["cepstra"] or self.settings["bands"], []
        for layer in self.stack:
            found.append(layer.start(count, width))
            width = layer.width_of(width)
        return found

    def step(self, frames, heard, state):
        """A piece of a multiple of 4 frames: logits, heard [n, t / 4, 1], and the next state.

        What comes out lags `lag` frames behind; what is not heard is to be left out.
        """
        frames, next_state = self.seen(frames), []
        for layer, own in zip(self.stack, state, strict=True):
            frames, heard, own = layer.step(frames, heard, own)
            next_state.append(own)
        return self.said(frames), heard, next_state

    @property
    def lag(self) -> int:
        """Frames of 10 ms that it looks ahead."""
        found, stride = 0, 1
        for layer in self.stack:
            found += layer.right * stride
            stride *= layer.stride
        return found

    @property
    def is_streaming(self) -> bool:
        """Whether it can work piece by piece."""
        return not any(getattr(layer, "both", False) for layer in self.stack)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The mean over the utterances of -log P(letters | frames); y: int [n, l], 0 beyond."""
        letters = ops.sum(ops.cast(ops.not_equal(y, 0), "int32"), axis=1)
        said = spoken(x["count"])
        last, *others = keras.tree.flatten(y_pred)
        loss = ops.mean(ops.ctc_loss(y, last, letters, said, mask_index=0))
        for other in others:
            middle = ops.mean(ops.ctc_loss(y, other, letters, said, mask_index=0))
            loss = (1 - MIDDLE) * loss + MIDDLE * middle
        return loss

    def get_config(self):
        return {**super().get_config(), **self.settings}


def spoken(count):
    """How many frames of logits come of so many frames: every fourth, and one for a rest."""
    return (ops.cast(count, "int32") + THINNED - 1) // THINNED
