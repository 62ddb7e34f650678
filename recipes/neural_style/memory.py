"""How much memory a picture will need, before it is begun."""

from __future__ import annotations

import keras
import psutil

from recipes.neural_style.pictures import fitted

# Peak of a process over the float32 or bfloat16 features of all layers: they are kept for the
# gradient, beside them that of a layer or two and what the convolutions work in. Measured from 256
# to 1024 pixels with TensorFlow on a CPU; tests/test_memory.py measures one size again.
FACTORS, BASE_MB = {4: 2.4, 2: 4.0}, 60.0


def estimate_mb(extractor: keras.Model, height: int, width: int) -> float:
    """Memory of one step beyond what the process holds already, in MB (2**20 bytes)."""
    values, shrunk = 0, 1
    for layer in extractor.layers:
        if isinstance(layer, keras.layers.Conv2D):
            values += (height // shrunk) * (width // shrunk) * layer.filters
        elif hasattr(layer, "pool_size"):
            shrunk *= 2
    size = 2 if extractor.layers[-1].compute_dtype in ("bfloat16", "float16") else 4
    return BASE_MB + FACTORS[size] * size * values / 2**20


def available_mb() -> float:
    """Memory that is free now, in MB."""
    return psutil.virtual_memory().available / 2**20


def check(
    extractor: keras.Model,
    shape: tuple[int, int],
    longest: int,
    tile: int | None = None,
    limit_mb: float | None = None,
) -> float:
    """Refuse a size that will not fit.

    Args:
        extractor: from `features.py`.
        shape: height and width of the photograph, for its proportion.
        longest: the longer side wanted.
        tile: longer side of the pieces that it is worked at in; None takes it whole.
        limit_mb: None takes what is free now.

    Returns:
        The estimate in MB.

    Raises:
        MemoryError: names the largest size that fits.
    """
    limit = available_mb() if limit_mb is None else limit_mb
    needed = estimate_mb(extractor, *fitted(shape, longest))
    if tile is not None and longest > tile:
        needed = estimate_mb(extractor, tile, tile)
    if needed > limit:
        fits = longest
        while fits > 64 and estimate_mb(extractor, *fitted(shape, fits)) > limit:
            fits -= 16
        raise MemoryError(
            f"SIZE={longest} needs about {needed:,.0f} MB and {limit:,.0f} MB are free. The "
            f"largest that fits is SIZE={fits}; or set tile, which needs less and takes longer."
        )
    return needed
