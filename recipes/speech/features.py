"""What the recogniser looks at: log-mel energies (default) or cepstra, as layers of the network.

S. Davis and P. Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word
Recognition", IEEE Trans. ASSP 28, 1980. A frame is known as soon as its step has been heard: its
window lies before the step's end, silence before the first sample, so that the same frames come out
when a recording arrives in pieces. Bands and scales are librosa's.
"""

from __future__ import annotations

from functools import lru_cache

import keras
import numpy as np
from keras import ops

from recipes.speech.audio import late_librosa

WINDOW, STEP = 0.025, 0.010  # seconds
FLOOR = 1e-6  # added to energies, for the logarithm: about what 16 bits cannot tell from silence
LEAST = 0.1  # of the largest deviation of a band: one that changes less is not blown up to 1


@lru_cache
def bank(rate: int, transform: int, bands: int, lowest: float) -> np.ndarray:
    """float32 [transform // 2 + 1, bands]: triangles on Slaney's scale, of equal area."""
    return late_librosa().filters.mel(sr=rate, n_fft=transform, n_mels=bands, fmin=lowest).T


@keras.saving.register_keras_serializable(package="speech")
class LogMel(keras.layers.Layer):
    """Samples float [n, t] from -1 to 1 -> log energies float32 [n, t // step, bands].

    Args:
        rate: samples a second. bands: on the mel scale. lowest: Hz at which they begin.
    """

    def __init__(self, rate: int = 16_000, bands: int = 64, lowest: float = 20.0, **options):
        super().__init__(**{"dtype": "float32", **options})
        self.rate, self.bands, self.lowest = rate, bands, lowest
        self.window, self.step = round(WINDOW * rate), round(STEP * rate)
        self.transform = 1 << (self.window - 1).bit_length()
        self.before = self.transform - self.step  # samples of silence, or of the piece before

    def call(self, samples):
        return self.within(ops.pad(samples, [[0, 0], [self.before, 0]]))

    def within(self, samples, plain: bool = False):
        """Frames of samples that begin `before` samples ahead of the first frame's step.

        Args:
            plain: by matrices in place of the fast Fourier transform, which small computers and
                exchange formats lack; the length must be fixed then.
        """
        transformed = self._by_matrices if plain else self._fast
        real, imaginary = transformed(samples)
        power = ops.square(real) + ops.square(imaginary)
        mel = ops.matmul(power, bank(self.rate, self.transform, self.bands, self.lowest))
        return ops.log(mel + FLOOR)

    def _fast(self, samples):
        return ops.stft(samples, self.window, self.step, self.transform, center=False)

    def _by_matrices(self, samples):
        first = np.arange(0, samples.shape[1] - self.transform + 1, self.step)
        # The window stands in the middle of the transform.
        inside = (self.transform - self.window) // 2 + np.arange(self.window)
        frames = ops.take(samples, (first[:, None] + inside).astype(np.int32), axis=1)
        angles = 2 * np.pi / self.transform * np.outer(inside, np.arange(self.transform // 2 + 1))
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)
        return [ops.matmul(frames, (hann[:, None] * wave(angles)).astype(np.float32))
                for wave in (np.cos, lambda each: -np.sin(each))]  # fmt: skip

    def compute_output_shape(self, shape):
        return (shape[0], None if shape[1] is None else shape[1] // self.step, self.bands)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "bands": self.bands,
                "lowest": self.lowest}  # fmt: skip


@keras.saving.register_keras_serializable(package="speech")
class Cepstra(keras.layers.Layer):
    """Log energies [n, frames, bands] -> cepstral coefficients float32 [n, frames, count].

    The orthonormal cosine transform of decibels, as librosa's.
    """

    def __init__(self, count: int = 26, **options):
        super().__init__(**{"dtype": "float32", **options})
        self.count = count

    def build(self, shape):
        bands = shape[-1]
        if not 1 <= self.count <= bands:
            raise ValueError(f"count={self.count} must be from 1 to the {bands} bands there are.")
        angles = np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(self.count))
        scale = np.sqrt(np.where(np.arange(self.count) == 0, 1, 2) / bands)
        self.matrix = (np.cos(angles) * scale * 10 / np.log(10)).astype(np.float32)

    def call(self, energies):
        return ops.matmul(energies, self.matrix)

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.count)

    def get_config(self):
        return {**super().get_config(), "count": self.count}


@keras.saving.register_keras_serializable(package="speech")
class Standardised(keras.layers.Layer):
    """Each band from the training recordings' mean, in their standard deviations.

    Its two weights are set by `learn`, and are no matter of training.
    """

    def __init__(self, **options):
        super().__init__(**{"dtype": "float32", **options, "trainable": False})

    def build(self, shape):
        self.mean = self.add_weight(name="mean", shape=shape[-1:], initializer="zeros")
        self.deviation = self.add_weight(name="deviation", shape=shape[-1:], initializer="ones")

    def learn(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        """float [bands] each.

        A band that hardly ever changes, such as those above what a telephone transmits, is not
        blown up to the size of the others: that would be nothing but rounding.
        """
        self.mean.assign(mean)
        self.deviation.assign(np.maximum(deviation, max(LEAST * np.max(deviation), 1e-3)))

    def call(self, energies):
        return (ops.cast(energies, "float32") - self.mean) / self.deviation

    def compute_output_shape(self, shape):
        return shape
