"""What stands between a mouth and a microphone: a room, and noise. Samples float from -1 to 1."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve


def noise(samples: np.ndarray, rate: int, decibel: float, random: np.random.Generator
          ) -> np.ndarray:  # fmt: skip
    """With noise so many decibels below it, its spectrum falling by a random power of frequency.

    A fall of 0 is white, of 1 pink, of 2 brown.
    """
    count, fall = len(samples), random.uniform(0, 2)
    spectrum = np.fft.rfft(random.normal(size=count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / rate), 50.0)
    made = np.fft.irfft(spectrum * frequency ** (-fall / 2), count)
    return mixed(samples, made, decibel)


def mixed(samples: np.ndarray, other: np.ndarray, decibel: float) -> np.ndarray:
    """Another sound under one, by the ratio of powers; it is repeated or cut to its length."""
    other = np.resize(other, len(samples)).astype(np.float64)
    power, own = np.mean(other**2), np.mean(np.square(samples, dtype=np.float64))
    scale = np.sqrt(own / max(power, 1e-12)) * 10 ** (-decibel / 20)
    return np.clip(samples + scale * other, -1, 1).astype(np.float32)


def room(samples: np.ndarray, rate: int, seconds: float, random: np.random.Generator
         ) -> np.ndarray:  # fmt: skip
    """In a room where a sound takes so long to fall by 60 decibels, as loud as before.

    The room is noise that decays after the first sound (J. Moorer, "About This Reverberation
    Business", Computer Music Journal 3, 1979).
    """
    time = np.arange(max(2, int(seconds * rate))) / rate
    tail = random.normal(size=len(time)) * 10 ** (-3 * time / seconds)
    tail[: int(0.005 * rate)] = 0  # the walls are not at the mouth
    tail *= np.sqrt(random.uniform(0.1, 0.6) / max(np.sum(tail**2), 1e-12))
    tail[0] = 1
    heard = fftconvolve(samples, tail)[: len(samples)]
    scale = np.sqrt(np.mean(np.square(samples, dtype=np.float64)) / max(np.mean(heard**2), 1e-12))
    return np.clip(scale * heard, -1, 1).astype(np.float32)
