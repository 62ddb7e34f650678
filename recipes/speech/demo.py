"""Speak into a browser and read along: `python -m recipes.speech.demo <folder>/transcriber`.

From a notebook: `demo.page(transcriber).launch()`. The microphone is the browser's; it asks first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr

from common.validation import DataError
from recipes.speech import audio, pieces
from recipes.speech.audio import RATE
from recipes.speech.stream import Stream
from recipes.speech.transcriber import Transcriber

EVERY = 0.5  # seconds of sound that a browser sends at once


class Listening:
    """One recording from a browser: pieces of any rate and number of channels in, text out."""

    def __init__(self, transcriber: Transcriber, rate: int):
        self.transcriber, self.rate = transcriber, rate
        self.resample = soxr.ResampleStream(rate, RATE, 1, dtype="float32")
        self.stream: Stream | None = None
        self.pieces: list[np.ndarray] = []
        if transcriber.model.is_streaming:
            self.stream = transcriber.stream()

    def hear(self, samples: np.ndarray) -> str:
        """More samples, int16 or float [n] or [n, channels]; the text so far.

        A network that needs whole recordings gives none before `finish`.
        """
        return self._take(self.resample.resample_chunk(mono(samples)))

    def finish(self) -> str:
        """The recording is over: its text, read with the language model."""
        self._take(self.resample.resample_chunk(np.zeros(0, np.float32), last=True))
        if not self.stream:
            whole = np.concatenate([np.zeros(0, np.float32), *self.pieces])
            return self.transcriber.transcribe([whole])[0][0].text
        self.stream.finish()
        return self.transcriber.read(self.stream.logits)[0].text

    def _take(self, samples: np.ndarray) -> str:
        if self.stream:
            return self.stream.feed(samples)
        self.pieces.append(samples)
        return ""


def mono(samples: np.ndarray) -> np.ndarray:
    """float32 [n] from -1 to 1, of whole numbers or floats, one channel or many."""
    found = np.asarray(samples)
    if np.issubdtype(found.dtype, np.integer):
        found = found / -float(np.iinfo(found.dtype).min)
    found = found.astype(np.float32)
    return found.mean(axis=1) if found.ndim == 2 else found


def heard(piece: tuple[int, np.ndarray] | None, listening: Listening | None,
          transcriber: Transcriber) -> tuple[str, Listening | None]:  # fmt: skip
    """What the page shows once a piece (rate, samples) has come, and what it keeps."""
    if piece is None:
        return "", listening
    rate, samples = piece
    if listening is None or listening.rate != rate:
        listening = Listening(transcriber, rate)
    return listening.hear(samples), listening


def page(transcriber: Transcriber):
    """A Gradio page: the microphone while one speaks, and files; `.launch()` opens it."""
    import gradio

    def stopped(listening: Listening | None):
        return (listening.finish() if listening else ""), None

    def read(path: str | None) -> str:
        if not path:
            return ""
        try:
            samples = audio.read(path).samples
        except DataError as error:
            raise gradio.Error(str(error)) from None
        found = [samples[begin:end] for begin, end in pieces.cut(samples, RATE)]
        return " ".join(each[0].text for each in transcriber.transcribe(found))

    with gradio.Blocks(title="Speech recognition", analytics_enabled=False) as made:
        gradio.Markdown("# Speak, or give a recording\nThe text comes while you speak; at the end "
                        "it is read again with the language model. The network knows the words "
                        "that it was taught, and no others.")  # fmt: skip
        state = gradio.State(None)
        microphone = gradio.Audio(sources=["microphone"], type="numpy", streaming=True,
                                  label="microphone")  # fmt: skip
        said = gradio.Textbox(label="what was heard")
        microphone.stream(lambda piece, kept: heard(piece, kept, transcriber),
                          [microphone, state], [said, state], stream_every=EVERY)  # fmt: skip
        microphone.stop_recording(stopped, [state], [said, state])
        recording = gradio.Audio(sources=["upload"], type="filepath", label="a recording")
        text = gradio.Textbox(label="what it says")
        recording.change(read, [recording], [text])
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module; exit code 1 where the folder holds no transcriber."""
    parser = argparse.ArgumentParser(prog="python -m recipes.speech.demo")
    parser.add_argument("model", type=Path, help="folder 'transcriber' of a finished run")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in; their "
                        "browsers give no microphone without https")  # fmt: skip
    parser.add_argument("--port", type=int, default=7860)
    options = parser.parse_args(arguments)
    try:
        made = page(Transcriber.load(options.model))
    except (DataError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    made.launch(server_name=options.host, server_port=options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
