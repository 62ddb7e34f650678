"""How much memory a picture will need, before it is begun."""

from __future__ import annotations

import keras
import psutil

from recipes.neural_style.features import VGG_LAYERS
from recipes.neural_style.pictures import fitted

# Of the features of all layers, in float32: they are kept for the gradient, and beside them the
# gradient of a layer or two and what the convolutions work in. Measured, see tests and README.
FACTOR, BASE_MB = 2.6, 250.0


def estimate_mb(extractor: keras.Model, height: int, width: int) -> float:
    """Memory of one step beyond what the process holds already, in MB (2**20 bytes)."""
    values = 0
    for layer in extractor.layers:
        if layer.name in VGG_LAYERS:
            shrunk = 2 ** (int(layer.name[5]) - 1)
            values += (height // shrunk) * (width // shrunk) * layer.filters
    size = 2 if extractor.layers[-1].compute_dtype in ("bfloat16", "float16") else 4
    return BASE_MB + FACTOR * size * values / 2**20


def available_mb() -> float:
    """Memory that is free now, in MB."""
    return psutil.virtual_memory().available / 2**20


def check(
    extractor: keras.Model, shape: tuple[int, int], longest: int, limit_mb: float | None = None
) -> float:
    """Refuse a size that will not fit.

    Args:
        extractor: from `features.py`.
        shape: height and width of the photograph, for its proportion.
        longest: the longer side wanted.
        limit_mb: None takes what is free now.

    Returns:
        The estimate in MB.

    Raises:
        MemoryError: names the largest size that fits.
    """
    limit = available_mb() if limit_mb is None else limit_mb
    needed = estimate_mb(extractor, *fitted(shape, longest))
    if needed > limit:
        fits = longest
        while fits > 64 and estimate_mb(extractor, *fitted(shape, fits)) > limit:
            fits -= 16
        raise MemoryError(
            f"SIZE={longest} needs about {needed:,.0f} MB and {limit:,.0f} MB are free. The "
            f"largest that fits is SIZE={fits}; or set TILE, which needs less and takes longer."
        )
    return needed
