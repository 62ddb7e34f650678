"""The finished product: recordings in, text with times out; whole or as they arrive."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from common import files
from common.validation import DataError, saved_state
from recipes.speech import audio, prepare
from recipes.speech.alphabet import Alphabet
from recipes.speech.batches import rounded
from recipes.speech.decode import LETTERS, WORDS, Decoder, Hypothesis, Search, best_path
from recipes.speech.features import LogMel
from recipes.speech.model import Recogniser, spoken
from recipes.speech.ngram import NGram
from recipes.speech.stream import PIECE, Step, Stream

FORMAT = 1  # of a saved transcriber
TOGETHER = 60.0  # seconds of sound that are looked at at once


@dataclass(frozen=True)
class Transcriber:
    """A network, the alphabet it writes in, and the language model that it may ask.

    Attributes:
        model: see `model.Recogniser`. alphabet: of its answers.
        language: n-grams, or None. unit: what it counts, "words" or "letters".
        search: with the weights that were tuned.
        synthetic: whether it learned from synthetic speech.
        hot: words that are expected, with what is added to their log10 probability.
    """

    model: Recogniser = field(repr=False)
    alphabet: Alphabet
    language: NGram | None = field(default=None, repr=False)
    unit: str = WORDS
    search: Search = Search()
    synthetic: bool = False
    hot: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def layer(self) -> LogMel:
        """Makes the frames that the network looks at."""
        return LogMel(audio.RATE, self.model.settings["bands"])

    @cached_property
    def read(self) -> Callable[[np.ndarray], list[Hypothesis]]:
        """Readings of logits, the best first: a beam where there is a language model.

        Raises:
            ValueError: as `Decoder`, of hot words that cannot be expected.
        """
        if self.language is None and not self.hot:
            return lambda logits: [Hypothesis(best_path(logits, self.alphabet), 0.0, 1.0, [])]
        return Decoder(self.alphabet, self.language, self.unit, hot=self.hot).search(self.search)

    def in_float32(self) -> Transcriber:
        """The same, computing in float32: the only precision that every exported form knows."""
        if self.model.compute_dtype == "float32":
            return self
        usual = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float32")
        try:
            model = Recogniser(**self.model.settings)
        finally:
            keras.config.set_dtype_policy(usual)
        for given, own in zip(self.model.weights, model.weights, strict=True):
            own.assign(given)
        return replace(self, model=model)

    def with_hot(self, hot: Mapping[str, float]) -> Transcriber:
        """The same, expecting some words."""
        return replace(self, hot=dict(hot))

    def logits(self, samples: Sequence[np.ndarray]) -> list[np.ndarray]:
        """float32 [t, classes] of each recording, samples float [n] at `audio.RATE`."""
        order = np.argsort([len(each) for each in samples], kind="stable")
        found: list[np.ndarray | None] = [None] * len(samples)
        batch: list[int] = []
        for place in [*order, None]:
            is_full = batch and (place is None or len(samples[place]) * (len(batch) + 1)
                                 > TOGETHER * audio.RATE)  # fmt: skip
            if is_full:
                for each, logits in zip(batch, self._together([samples[k] for k in batch]),
                                        strict=True):  # fmt: skip
                    found[each] = logits
                batch = []
            if place is not None:
                batch.append(int(place))
        return found

    def _together(self, samples: Sequence[np.ndarray]) -> list[np.ndarray]:
        frames = prepare.frames_of(samples, self.layer)
        counts = np.array([len(each) for each in frames], np.int32)
        # At least one frame, so that an empty recording is no empty batch.
        block = np.zeros((len(frames), max(rounded(counts.max()), rounded(1)),
                          self.layer.bands), np.float32)  # fmt: skip
        for row, each in zip(block, frames, strict=True):
            row[: len(each)] = each
        logits = self.model.predict_on_batch({"frames": block, "count": counts})
        return [row[: int(spoken(count))] for row, count in zip(logits, counts, strict=True)]

    def transcribe(self, samples: Sequence[np.ndarray]) -> list[list[Hypothesis]]:
        """Readings of each recording, the best first."""
        return [self.read(logits) for logits in self.logits(samples)]

    def of_file(self, path: str | Path) -> list[Hypothesis]:
        """Readings of a sound file of any form and rate.

        Raises:
            DataError: it cannot be used; the message says why.
        """
        return self.transcribe([audio.read(path).samples])[0]

    def stream(self, frames: int = PIECE) -> Stream:
        """A recording that is about to arrive, in pieces of so many frames of 10 ms.

        Raises:
            ValueError: the network needs whole recordings.
        """
        if frames not in self._steps:
            self._steps[frames] = Step.of(self.model, self.layer, frames)
        return Stream(self._steps[frames], self.alphabet)

    @cached_property
    def _steps(self) -> dict[int, Step]:
        return {}

    def save(self, folder: str | Path) -> Path:
        """Write it into a folder; an older one there is replaced once this one is whole."""
        with files.whole_folder(folder) as aside:
            self.model.save(aside / "network.keras")
            if self.language:
                self.language.write(aside / "language.arpa")
            state = {"format": FORMAT, "letters": self.alphabet.letters,
                     "search": self.search.model_dump(), "synthetic": self.synthetic,
                     "has_language": self.language is not None, "unit": self.unit}  # fmt: skip
            text = json.dumps(state, ensure_ascii=False, indent=1)
            (aside / "transcriber.json").write_text(text, encoding="utf-8")
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path, language: str | Path | None = None) -> Transcriber:
        """Read what `save` wrote.

        Args:
            language: another model in the ARPA form, in place of its own.

        Raises:
            FileNotFoundError: the folder holds no transcriber.
            DataError: it was saved by another version, or the language model cannot be read.
        """
        folder = Path(folder)
        state = saved_state(folder, "transcriber", FORMAT)
        if language is None and state["has_language"]:
            language = folder / "language.arpa"
        model = keras.saving.load_model(folder / "network.keras", compile=False)
        alphabet, counted = Alphabet(state["letters"]), NGram.read(language) if language else None
        if counted and state["unit"] == LETTERS and not counted.vocabulary <= set(alphabet.names):
            raise DataError(f"{language} counts words, and this transcriber needs a model of "
                            "letters.")  # fmt: skip
        return cls(model, alphabet, counted, state["unit"], Search(**state["search"]),
                   state["synthetic"])  # fmt: skip
