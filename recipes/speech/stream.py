"""A recording as it arrives: samples in, what is known so far out, the same as of the whole.

The network's state is handed from piece to piece by whoever calls it, so that the same function can
be compiled here, exported for a server, or run on a telephone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from recipes.speech.alphabet import BLANK, SPACE, Alphabet
from recipes.speech.audio import RATE
from recipes.speech.features import STEP, LogMel
from recipes.speech.model import THINNED, Recogniser

PIECE = 32  # frames of 10 ms that are looked at at once


def stepper(model: Recogniser, layer: LogMel, frames: int = PIECE) -> keras.Model:
    """One piece as a function of plain arrays, every shape fixed.

    Its inputs are a list: samples float32 [1, before + frames * step], which begin `layer.before`
    samples ahead of the piece; how many of the frames are of the recording, int32 [1, 1]; and the
    state's arrays. Its outputs are a list: logits float32 [1, frames / 4, classes]; heard float32
    [1, frames / 4, 1]; and the next state's arrays.

    Raises:
        ValueError: the network reads both ways, or frames is no multiple of 4.
    """
    if not model.is_streaming:
        raise ValueError("This network reads recordings both ways; it cannot work piece by piece.")
    if frames % THINNED:
        raise ValueError(f"frames={frames} must be a multiple of {THINNED}.")
    samples = keras.Input((layer.before + frames * layer.step,), batch_size=1, name="samples")
    count = keras.Input((1,), batch_size=1, dtype="int32", name="count")
    state, inputs = [], []
    for place, own in enumerate(model.start(1)):
        given = [keras.Input(each.shape[1:], batch_size=1, dtype=each.dtype,
                             name=f"state_{place}_{number}") for number, each in enumerate(own)]
        state.append(given)
        inputs += given
    places = np.arange(frames, dtype=np.int32)[None, :, None]
    heard = ops.cast(ops.less(places, ops.expand_dims(count, -1)), model.compute_dtype)
    logits, kept, after = model.step(layer.within(samples, plain=True), heard, state)
    outputs = [logits, ops.cast(kept, "float32"), *(each for own in after for each in own)]
    return keras.Model([samples, count, *inputs], outputs, name="step")


@dataclass(frozen=True)
class Step:
    """A stepper in whatever form it runs.

    Attributes:
        run: takes its inputs as arrays, gives its outputs, see `stepper`.
        start: the state before the first piece.
        frames: of a piece. before: samples ahead of it. lag: frames that it looks ahead.
        hop: samples of a frame. classes: letters and the blank.
    """

    run: Callable[[list[np.ndarray]], Sequence[np.ndarray]] = field(repr=False)
    start: list[np.ndarray] = field(repr=False)
    frames: int
    before: int
    lag: int
    hop: int
    classes: int

    @classmethod
    def of(cls, model: Recogniser, layer: LogMel, frames: int = PIECE) -> Step:
        """Compiled by the backend at hand; raises as `stepper`."""
        made = stepper(model, layer, frames)
        start = [np.zeros(each.shape, each.dtype) for each in made.inputs[2:]]
        return cls(made.predict_on_batch, start, frames, layer.before, model.lag, layer.step,
                   model.settings["classes"])  # fmt: skip


class Stream:
    """One recording, piece by piece.

    The work for a piece does not grow with what came before it, but for writing its text.
    """

    def __init__(self, step: Step, alphabet: Alphabet):
        self.step, self.alphabet = step, alphabet
        self.state = step.start
        self.waiting = np.zeros(step.before, np.float32)
        self.is_finished = False
        self._pieces: list[np.ndarray] = []
        self._letters: list[int] = []
        self._last = BLANK

    @property
    def logits(self) -> np.ndarray:
        """Of the frames that are known, float32 [t, classes].

        They are `lag` frames and at most a piece behind what was fed.
        """
        return np.concatenate([np.zeros((0, self.step.classes), np.float32), *self._pieces])

    def feed(self, samples: np.ndarray) -> str:
        """More samples, float from -1 to 1; the text of all that is known by now.

        Raises:
            ValueError: the recording was said to be finished.
        """
        self._refuse_more()
        self.waiting = np.concatenate([self.waiting, np.asarray(samples, np.float32)])
        size = self.step.frames * self.step.hop
        while len(self.waiting) >= self.step.before + size:
            self._piece(self.waiting[: self.step.before + size], self.step.frames)
            self.waiting = self.waiting[size:]
        return self.text

    def finish(self) -> str:
        """No more will come: the text of everything; raises as `feed`."""
        self._refuse_more()
        self.is_finished = True
        size = self.step.before + self.step.frames * self.step.hop
        left = (len(self.waiting) - self.step.before) // self.step.hop
        for count in (left, *[0] * -(-self.step.lag // self.step.frames)):
            piece = np.zeros(size, np.float32)
            piece[: len(self.waiting)] = self.waiting
            self._piece(piece, count)
            self.waiting = np.zeros(0, np.float32)
        return self.text

    @property
    def text(self) -> str:
        """Of what is known by now, the likeliest letter of every frame."""
        return SPACE.join(self.alphabet.decode(self._letters).split())

    def _refuse_more(self) -> None:
        if self.is_finished:
            raise ValueError("This recording is finished; another one needs another Stream.")

    def _piece(self, samples: np.ndarray, count: int) -> None:
        found = self.step.run([samples[None], np.full((1, 1), count, np.int32), *self.state])
        logits, heard, *self.state = found
        known = logits[0][heard[0, :, 0] > 0.5]
        self._pieces.append(known)
        for number in known.argmax(axis=1):
            if number not in (BLANK, self._last):
                self._letters.append(int(number))
            self._last = number


def pace(stream: Stream, samples: np.ndarray) -> dict[str, float]:
    """How a stream keeps up with a recording, float [n], which it is fed piece by piece.

    Returns:
        "real-time factor": seconds of work for one of sound. "latency, s": from a sound to the
        letter that it makes sure of, at most: what the network hears ahead, a piece that must be
        full, and the longest work for one. "longest work for a piece, s": that.
    """
    step = stream.step
    size, spent = step.frames * step.hop, []
    stream.feed(np.zeros(step.before, np.float32))  # the first piece also compiles
    stream.feed(np.zeros(size, np.float32))
    for begin in range(0, len(samples), size):
        began = time.perf_counter()
        stream.feed(samples[begin : begin + size])
        spent.append(time.perf_counter() - began)
    ahead = (step.lag + step.frames) * STEP
    return {"real-time factor": sum(spent) / (len(samples) / RATE),
            "latency, s": ahead + max(spent), "longest work for a piece, s": max(spent)}
