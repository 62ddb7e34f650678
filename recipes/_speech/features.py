"""What the recogniser looks at: log-mel energies (default) or cepstra, as layers of the network.

S. Davis and P. Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word
Recognition", IEEE Trans. ASSP 28, 1980. Windows do not reach beyond the samples there are, so that
the same frames come out when a recording arrives in pieces. Bands and scales are librosa's.
"""

from __future__ import annotations

from functools import lru_cache

import keras
import numpy as np
from keras import ops

WINDOW, STEP = 0.025, 0.010  # seconds
FLOOR = 1e-6  # added to energies, for the logarithm: about what 16 bits cannot tell from silence


@lru_cache
def bank(rate: int, transform: int, bands: int, lowest: float) -> np.ndarray:
    """float32 [transform // 2 + 1, bands]: triangles on Slaney's scale, of equal area."""
    import librosa  # it takes seconds to import

    return librosa.filters.mel(sr=rate, n_fft=transform, n_mels=bands, fmin=lowest).T


@keras.saving.register_keras_serializable(package="speech")
class LogMel(keras.layers.Layer):
    """Samples float [n, t] from -1 to 1 -> log energies float32 [n, frames, bands].

    Args:
        rate: samples a second. bands: on the mel scale. lowest: Hz at which they begin.
    """

    def __init__(self, rate: int = 16_000, bands: int = 64, lowest: float = 20.0, **options):
        super().__init__(**{"dtype": "float32", **options})
        self.rate, self.bands, self.lowest = rate, bands, lowest
        self.window, self.step = round(WINDOW * rate), round(STEP * rate)
        self.transform = 1 << (self.window - 1).bit_length()

    def call(self, samples):
        real, imaginary = ops.stft(samples, self.window, self.step, self.transform, center=False)
        power = ops.square(real) + ops.square(imaginary)
        mel = ops.matmul(power, bank(self.rate, self.transform, self.bands, self.lowest))
        return ops.log(mel + FLOOR)

    def compute_output_shape(self, shape):
        frames = None if shape[1] is None else self.frames(shape[1])
        return (shape[0], frames, self.bands)

    def frames(self, samples: int) -> int:
        """How many come of so many samples."""
        return max(0, 1 + (samples - self.transform) // self.step)

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
class Context(keras.layers.Layer):
    """Each frame beside its neighbours, zeros beyond the ends: [n, frames, (left + 1 + right) * d].

    As in A. Hannun et al., "Deep Speech: Scaling up end-to-end speech recognition", arXiv
    1412.5567, section 2, where 5 to 9 frames on each side are taken.
    """

    def __init__(self, left: int = 9, right: int = 9, **options):
        super().__init__(**options)
        self.left, self.right = left, right

    def call(self, frames):
        count = ops.shape(frames)[1]
        wide = ops.pad(frames, [[0, 0], [self.left, self.right], [0, 0]])
        return ops.concatenate([wide[:, k : k + count] for k in range(self.left + 1 + self.right)],
                               axis=-1)  # fmt: skip

    def compute_output_shape(self, shape):
        return (*shape[:-1], shape[-1] * (self.left + 1 + self.right))

    def get_config(self):
        return {**super().get_config(), "left": self.left, "right": self.right}
