"""A folder of recordings that are not in order, to show what is said about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from recipes.speech import prepare
from recipes.speech.audio import RATE
from recipes.speech.data import Corpus

GOOD = 12


def broken(folder: str | Path, corpus: Corpus) -> Path:
    """Some good recordings of a corpus, and one of every kind that cannot be used."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(corpus.part("train").itertuples())
    for number in range(GOOD):
        row = rows[number % len(rows)]
        # A little softer each time, so that few recordings do as well: no two are the same.
        samples = prepare.samples_of(row, RATE) * (1 - 0.02 * number)
        _write(folder / f"good_{number:02d}.wav", samples, row.transcript)
    _write(folder / "silent.wav", np.zeros(RATE), "nobody speaks")
    _write(folder / "short.wav", samples[: RATE // 5], "far too many words for it")
    _write(folder / "digits.wav", samples, "room 42")
    _write(folder / "nothing.wav", samples, "...")
    (folder / "text.wav").write_text("this is no sound")
    (folder / "text.txt").write_text("no sound")
    (folder / "empty.wav").touch()
    (folder / "empty.txt").write_text("no bytes")
    soundfile.write(folder / "alone.wav", samples, RATE)
    _write(folder / "loud.wav", np.clip(30 * samples, -1, 1), row.transcript)
    return folder


def _write(path: Path, samples: np.ndarray, transcript: str) -> None:
    soundfile.write(path, samples, RATE)
    path.with_suffix(".txt").write_text(transcript, encoding="utf-8")
