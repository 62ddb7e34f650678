"""Sound files as the recogniser takes them: one channel, one rate, samples from -1 to 1."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr

from common.validation import DataError

RATE = 16_000  # samples a second
SILENT = 1e-3  # of full scale: what never gets louder is silence
FULL = 0.999  # of full scale: from there a sample is clipped
CLIPPED = 0.01  # share of such samples from which on it is remarked
SHORTEST = 0.05  # seconds
LONGEST = 3600.0  # seconds that are decoded at once; a header may promise anything
_KINDS = {b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"%PDF": "a PDF",
          b"PK\x03\x04": "a zip archive", b"\x1aE\xdf\xa3": "a film"}  # fmt: skip


@dataclass(frozen=True)
class Sound:
    """What is heard in a file.

    Attributes:
        samples: float32 [n] at the rate that was asked for, from -1 to 1.
        seconds: how long it is.
        notes: what was done to it or is remarkable, in words.
    """

    samples: np.ndarray = field(repr=False)
    seconds: float
    notes: list[str]


def read(path: str | Path, rate: int = RATE, begin: float = math.nan, end: float = math.nan
         ) -> Sound:  # fmt: skip
    """A file, or the segment of it between two times in seconds.

    Several channels become their mean; another rate is resampled (soxr, high quality).

    Raises:
        DataError: it is no sound, is cut off before its first sample, is silent, too short, holds
            what is no number, or the segment lies outside; it says which file and the mend.
    """
    path = Path(path)
    content = _head(path)
    try:
        with soundfile.SoundFile(path) as file:
            own, promised, channels = file.samplerate, file.frames, file.channels
            first, last = _segment(path, begin, end, own, promised)
            if (last - first) / own > LONGEST:
                raise DataError(f"{path} lasts {(last - first) / own / 3600:.1f} hours; split it "
                                f"into pieces of at most {LONGEST / 3600:.0f}.")  # fmt: skip
            file.seek(first)
            values = file.read(last - first, dtype="float32", always_2d=True)
            subtype = file.subtype
    except DataError:
        raise
    except (soundfile.LibsndfileError, RuntimeError, OSError, TypeError, ValueError) as error:
        what = next((kind for magic, kind in _KINDS.items() if content.startswith(magic)), None)
        why = f"it is {what}" if what else str(error).rstrip(".").rpartition(": ")[2]
        raise DataError(f"{path} cannot be read as sound ({why}). Convert it to WAV or FLAC, or "
                        "leave it out.") from None  # fmt: skip
    notes = []
    if len(values) < last - first or _is_cut(content, path):
        notes.append(f"cut off; {len(values) / own:.2f} seconds are left")
    if not np.isfinite(values).all():
        raise DataError(f"{path} holds samples that are no numbers. Export it again.")
    if channels > 1:
        notes.append(f"the mean of its {channels} channels")
    if subtype in ("PCM_U8", "PCM_S8"):
        notes.append("8 bits a sample")
    samples = values.mean(axis=1)
    peak = float(np.abs(samples).max(initial=0))
    if peak > 1:
        notes.append(f"louder than full scale, {peak:.1f} times; made softer")
        samples = samples / peak
    if np.mean(np.abs(samples) >= FULL) > CLIPPED:
        notes.append(f"clipped: {np.mean(np.abs(samples) >= FULL):.0%} of its samples")
    if len(samples) / own < SHORTEST:
        raise DataError(f"{path} lasts {len(samples) / own:.3f} seconds; at least {SHORTEST} are "
                        "needed.")  # fmt: skip
    if peak < SILENT:
        raise DataError(f"{path} is silent: it never gets louder than {peak:.5f} of full scale. "
                        "Record it again, or leave it out.")  # fmt: skip
    if own != rate:
        notes.append(f"resampled from {own:,} samples a second")
        samples = soxr.resample(samples, own, rate, quality="HQ")
    return Sound(np.ascontiguousarray(samples, np.float32), len(samples) / rate, notes)


def late_librosa():
    """librosa, which takes seconds to import, and warns of a progress bar that nobody asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import librosa
        import librosa.effects
    return librosa


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(16)
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}.") from None
    if not content:
        raise DataError(f"{path} is empty (0 bytes). Copy it again.")
    return content


def _is_cut(head: bytes, path: Path) -> bool:
    """Whether a WAV promises more bytes than it has; a writer that streams promises none."""
    promised = int.from_bytes(head[4:8], "little")
    return head[:4] == b"RIFF" and path.stat().st_size < promised + 8 < 2**31


def _segment(path: Path, begin: float, end: float, rate: int, frames: int) -> tuple[int, int]:
    """First sample and the one after the last."""
    first = 0 if math.isnan(begin) else round(begin * rate)
    last = frames if math.isnan(end) else round(end * rate)
    if not 0 <= first < last or first >= frames:
        if math.isnan(begin) and math.isnan(end):
            raise DataError(f"{path} holds no sample. Record or copy it again.")
        raise DataError(f"{path}: the segment from {begin:g} to {end:g} seconds is none of its "
                        f"{frames / rate:.2f} seconds.")  # fmt: skip
    return first, min(last, frames)
