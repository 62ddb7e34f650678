"""Recordings as they might have been: faster, higher, louder, in a room, in noise, by telephone.

T. Ko et al., "Audio Augmentation for Speech Recognition", Interspeech 2015 (speed); Hannun et al.,
arXiv 1412.5567, section 4.1 (noise). Everything here works on samples before features are taken;
what is cut out of the features themselves is `batches.Masks`.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from data_scripts.rooms import noise, room
from recipes.speech.audio import late_librosa

CODECS = {"narrow": (8_000, "WAV", "PCM_16"), "telephone": (8_000, "WAV", "ULAW"),
          "gsm": (8_000, "WAV", "GSM610"), "mp3": (16_000, "MP3", "MPEG_LAYER_III"),
          "ogg": (16_000, "OGG", "VORBIS")}  # fmt: skip


def speed(samples: np.ndarray, rate: int, factor: float) -> np.ndarray:
    """Faster by a factor, and higher with it, as a tape."""
    if factor == 1:
        return samples
    return soxr.resample(samples, rate, rate / factor, quality="HQ").astype(np.float32)


def tempo(samples: np.ndarray, rate: int, factor: float) -> np.ndarray:
    """Faster by a factor, at the same pitch (phase vocoder)."""
    return late_librosa().effects.time_stretch(samples, rate=factor).astype(np.float32)


def pitch(samples: np.ndarray, rate: int, semitones: float) -> np.ndarray:
    """Higher by so many semitones, as long as before."""
    factor = 2 ** (semitones / 12)
    longer = tempo(samples, rate, 1 / factor)
    return _of_length(speed(longer, rate, factor), len(samples))


def volume(samples: np.ndarray, rate: int, decibel: float) -> np.ndarray:
    """Louder by so many decibels; what then is beyond full scale is clipped."""
    return np.clip(samples * 10 ** (decibel / 20), -1, 1).astype(np.float32)


def tilt(samples: np.ndarray, rate: int, decibel: float) -> np.ndarray:
    """Brighter by so many decibels an octave (darker below 0), as loud as before.

    Microphones and telephones differ so, and voices too.
    """
    frequency = np.maximum(np.fft.rfftfreq(len(samples), 1 / rate), 100.0) / 1000
    spectrum = np.fft.rfft(samples) * 10 ** (decibel / 20 * np.log2(frequency))
    found = np.fft.irfft(spectrum, len(samples))
    scale = np.sqrt(np.mean(np.square(samples, dtype=np.float64)) / max(np.mean(found**2), 1e-12))
    return np.clip(scale * found, -1, 1).astype(np.float32)


def codec(samples: np.ndarray, rate: int, name: str) -> np.ndarray:
    """Through one of `CODECS` and back."""
    own, kind, subtype = CODECS[name]
    buffer = io.BytesIO()
    narrow = soxr.resample(samples, rate, own, quality="HQ") if own != rate else samples
    soundfile.write(buffer, np.clip(narrow, -1, 1), own, format=kind, subtype=subtype)
    buffer.seek(0)
    back, _ = soundfile.read(buffer, dtype="float32")
    back = soxr.resample(back, own, rate, quality="HQ") if own != rate else back
    return _of_length(back, len(samples))


def _of_length(samples: np.ndarray, count: int) -> np.ndarray:
    found = np.zeros(count, np.float32)
    found[: min(count, len(samples))] = samples[:count]
    return found


# What a line of wishes may name: its function, and the range of its measure that makes sense.
STEPS: dict[str, tuple[Callable, float, float]] = {
    "speed": (speed, 0.5, 2.0), "tempo": (tempo, 0.5, 2.0), "pitch": (pitch, -12, 12),
    "room": (room, 0.05, 3.0), "noise": (noise, -10, 60), "volume": (volume, -60, 60),
    "tilt": (tilt, -12, 12),
}  # fmt: skip
DRAWS = ("room", "noise")
# Of frames, cut out while training, see `batches.Masks`: bands, and seconds.
MASKS = {"bands": (0, 256), "times": (0, 5)}


@dataclass(frozen=True)
class Step:
    """One change: by how much, from and to, and how often.

    Attributes:
        name: of `STEPS`, of `MASKS`, or of `CODECS` (which have no measure).
        least, most: of its measure. chance: share of the recordings that it is done to.
        after: share of the training that goes by before it is done at all.
    """

    name: str
    least: float = 0.0
    most: float = 0.0
    chance: float = 1.0
    after: float = 0.0

    @property
    def limits(self) -> tuple[float, float]:
        """Of its measure."""
        return self.least, self.most

    def begin(self, epochs: int) -> int:
        """With which epoch of so many it begins, the first is 0; it is in the last at least."""
        return min(round(self.after * epochs), epochs - 1)

    def apply(self, samples: np.ndarray, rate: int, random: np.random.Generator) -> np.ndarray:
        """Changed, or as it is."""
        if random.random() >= self.chance:
            return samples
        if self.name in CODECS:
            return codec(samples, rate, self.name)
        function, measure = STEPS[self.name][0], random.uniform(self.least, self.most)
        return function(samples, rate, measure, *([random] if self.name in DRAWS else []))


def parsed(line: str) -> list[Step]:
    """Steps of a line such as "speed 0.9 1.1, noise 5 30 0.5, telephone 0.1 after 0.6".

    Each is a name, the least and the most of its measure (none for a codec), and the share of the
    recordings that it is done to, if that is not all; "after 0.6" leaves it out of the first six
    tenths of the training. They are done in this order; a mask is done last, anew in each epoch.

    Raises:
        ValueError: a name, a number or an order that cannot be, with what would do.
    """
    steps = []
    for part in filter(None, map(str.strip, line.split(","))):
        part, later, after = part.partition(" after ")
        name, *numbers = part.split()
        known = [*STEPS, *CODECS, *MASKS]
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(f"{name!r} is none of {', '.join(known)}.{hint}")
        wanted = (0, 1) if name in CODECS else (2, 3)
        try:
            values, begin = [float(number) for number in numbers], float(after or 0)
        except ValueError:
            values = None
        if values is None or len(values) not in wanted or (later and not after):
            form = "a share" if name in CODECS else "the least, the most, and perhaps a share"
            raise ValueError(f"{part + later + after!r}: beside {name} stand {form}, as numbers, "
                             "and perhaps the word after with a number.")  # fmt: skip
        if not 0 <= begin < 1:
            raise ValueError(f"{part + later + after!r}: after {begin:g} must be a share of the "
                             "training, from 0 and below 1.")  # fmt: skip
        chance = values.pop() if len(values) == wanted[1] else 1.0
        if not 0 < chance <= 1:
            raise ValueError(f"{part!r}: the share {chance:g} must be above 0 and at most 1.")
        if name not in CODECS:
            lowest, highest = MASKS.get(name) or STEPS[name][1:]
            if not lowest <= values[0] <= values[1] <= highest:
                raise ValueError(f"{part!r}: {name} goes from {lowest:g} to {highest:g}, the least "
                                 "first.")  # fmt: skip
        steps.append(Step(name, *values, chance=chance, after=begin))
    return steps


def changed(samples: np.ndarray, rate: int, steps: list[Step], random: np.random.Generator
            ) -> np.ndarray:  # fmt: skip
    """All steps, one after the other, float32."""
    for step in steps:
        samples = step.apply(samples, rate, random)
    return np.asarray(samples, np.float32)
