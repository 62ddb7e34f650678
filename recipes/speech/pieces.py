"""Long recordings: cut where nobody speaks, written down with times (JSON, SubRip)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from recipes.speech.audio import late_librosa
from recipes.speech.decode import Word

QUIET = 35.0  # decibels below loud speech: nobody speaks as softly as that
ABOVE = 8.0  # decibels above the noise of the room: from there on somebody may speak
PAUSE = 0.3  # seconds: a shorter silence does not cut
MARGIN = 0.15  # seconds that are kept on both sides
LONGEST = 20.0  # seconds of one piece
LINE = 42  # letters of a subtitle's line, as broadcasters have them


class Said(NamedTuple):
    """A piece with its text; times in seconds of the whole recording."""

    begin: float
    end: float
    text: str
    confidence: float
    words: list[Word]


def cut(samples: np.ndarray, rate: int, longest: float = LONGEST) -> list[tuple[int, int]]:
    """Where somebody speaks: first sample and the one after the last, in order.

    A piece that is longer than `longest` seconds is cut again where it is softest.
    """
    if not len(samples):
        return []
    librosa, frame = late_librosa(), {"frame_length": 512, "hop_length": 160}
    level = _level(librosa.feature.rms(y=samples, **frame)[0])
    spoken = librosa.effects.split(samples, top_db=0, ref=level, **frame)
    joined: list[list[int]] = []
    for begin, end in spoken.tolist():
        if joined and begin - joined[-1][1] < PAUSE * rate:
            joined[-1][1] = end
        else:
            joined.append([begin, end])
    margin, found = int(MARGIN * rate), []
    for begin, end in joined:
        found += _shorter(samples, max(0, begin - margin), min(len(samples), end + margin), rate,
                          longest)  # fmt: skip
    return found


def _level(loudness: np.ndarray) -> float:
    """From which loudness on somebody speaks; one bang must not make all the rest silence."""
    floor, loud, most = np.quantile(loudness, [0.05, 0.95, 1])
    above = min(floor * 10 ** (ABOVE / 20), most * 10 ** (-2 * ABOVE / 20))
    return max(loud * 10 ** (-QUIET / 20), above, 1e-6)


def _shorter(samples: np.ndarray, begin: int, end: int, rate: int, longest: float):
    if end - begin <= longest * rate:
        return [(begin, end)]
    # Softest tenth of a second within the middle half, so that both parts are much shorter.
    width, quarter = rate // 10, (end - begin) // 4
    energy = np.cumsum(np.square(samples[begin + quarter : end - quarter], dtype=np.float64))
    softest = begin + quarter + int(np.argmin(energy[width:] - energy[:-width])) + width // 2
    return [*_shorter(samples, begin, softest, rate, longest),
            *_shorter(samples, softest, end, rate, longest)]  # fmt: skip


def as_json(said: Iterable[Said]) -> list[dict]:
    """Plain values."""
    return [{"begin": round(each.begin, 3), "end": round(each.end, 3), "text": each.text,
             "confidence": round(each.confidence, 4),
             "words": [{"word": word.text, "begin": round(each.begin + word.begin, 3),
                        "end": round(each.begin + word.end, 3),
                        "confidence": round(word.confidence, 4)} for word in each.words]}
            for each in said]  # fmt: skip


def as_srt(said: Iterable[Said]) -> str:
    """Subtitles in the SubRip form; a piece without a word gives none."""
    blocks = []
    for each in said:
        for begin, end, text in _lines(each):
            number = len(blocks) + 1
            blocks.append(f"{number}\n{_clock(begin)} --> {_clock(end)}\n{text}\n")
    return "\n".join(blocks)


def _lines(said: Said) -> Iterable[tuple[float, float, str]]:
    """Of about `LINE` letters where the times of words are known."""
    if not said.words:
        if said.text:
            yield said.begin, said.end, said.text
        return
    held: list[Word] = []
    for word in said.words:
        if held and sum(len(each.text) + 1 for each in held) + len(word.text) > LINE:
            yield _line(said, held)
            held = []
        held.append(word)
    yield _line(said, held)


def _line(said: Said, words: list[Word]) -> tuple[float, float, str]:
    return (said.begin + words[0].begin, said.begin + words[-1].end,
            " ".join(word.text for word in words))  # fmt: skip


def _clock(seconds: float) -> str:
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d},{rest % 1000:03d}"
