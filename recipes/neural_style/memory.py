"""How much memory a picture will need, before it is begun."""

from __future__ import annotations

import keras
import numpy as np
import psutil

from recipes.neural_style import tiles
from recipes.neural_style.pictures import fitted
from recipes.neural_style.settings import Settings

# Peak of a process over the float32 or bfloat16 features of all layers: they are kept for the
# gradient, beside them that of a layer or two and what the convolutions work in. Measured from 256
# to 1024 pixels with TensorFlow on a CPU; tests/test_memory.py measures one size again.
FACTORS, BASE_MB = {4: 2.4, 2: 4.0}, 60.0
MB = 2**20
TILE_STEP = 32  # pixels
LOOKED_AT = 0.6  # of the memory of a step


def estimate_mb(extractor: keras.Model, how: Settings, height: int, width: int) -> float:
    """Memory of one step beyond what the process holds already, in MB (2**20 bytes).

    Args:
        extractor: from `features.py`.
        how: whose tile and content layers count.
        height, width: of the picture.
    """
    if how.tile is None or max(height, width) <= how.tile:
        # A painting larger than the picture is only looked at, without a gradient.
        style = [round(side * how.style_scale) for side in (height, width)]
        looked_at = LOOKED_AT * _at_once_mb(extractor, *style)
        return max(_at_once_mb(extractor, height, width), looked_at)
    # The whole picture with its gradient and its optimizer, and the content layers' targets.
    shapes = extractor.compute_output_shape((1, height, width, 3))
    kept = 3 * sum(int(np.prod(shapes[name])) for name in how.content_layers)
    kept += 12 * height * width * 3
    return _at_once_mb(extractor, min(how.tile, height), min(how.tile, width)) + 4 * kept / MB


def _at_once_mb(extractor, height, width) -> float:
    values, shrunk = 0, 1
    for layer in extractor.layers:
        if isinstance(layer, keras.layers.Conv2D):
            values += (height // shrunk) * (width // shrunk) * layer.filters
        elif hasattr(layer, "pool_size"):
            shrunk *= 2
    size = 2 if extractor.layers[-1].compute_dtype in ("bfloat16", "float16") else 4
    return BASE_MB + FACTORS[size] * size * values / MB


def available_mb() -> float:
    """Memory that is free now, in MB."""
    return psutil.virtual_memory().available / MB


def within_budget(extractor: keras.Model, how: Settings, shape: tuple[int, int]) -> Settings:
    """The settings with the largest tile that keeps to their budget; without one as they are.

    Args:
        extractor: from `features.py`.
        how: the settings, with their content layers.
        shape: height and width of the photograph.

    Raises:
        MemoryError: no tile is small enough.
    """
    if how.budget_mb is None or how.tile is not None:
        return how
    size = fitted(shape, how.size)
    if estimate_mb(extractor, how, *size) <= how.budget_mb:
        return how
    radius, stride = tiles.reach([*how.content_layers, *how.style_layers])
    smallest = 2 * -(-radius // stride) * stride + stride
    smallest = -(-max(smallest, 64) // TILE_STEP) * TILE_STEP
    pieces = how.model_copy(update={"tile": smallest})
    for tile in range(max(how.size // TILE_STEP * TILE_STEP, smallest), smallest - 1, -TILE_STEP):
        pieces = how.model_copy(update={"tile": tile})
        if estimate_mb(extractor, pieces, *size) <= how.budget_mb:
            return pieces
    needed = estimate_mb(extractor, pieces, *size)
    raise MemoryError(
        f"budget_mb={how.budget_mb} does not do for SIZE={how.size}: pieces of {smallest} "
        f"pixels need about {needed:,.0f} MB. Set a smaller SIZE or a larger budget."
    )


def check(
    extractor: keras.Model, how: Settings, shape: tuple[int, int], limit_mb: float | None = None
) -> float:
    """Refuse a size that will not fit.

    Args:
        extractor: from `features.py`.
        how: the settings, with their content layers.
        shape: height and width of the photograph, for its proportion.
        limit_mb: None takes what is free now.

    Returns:
        The estimate in MB.

    Raises:
        MemoryError: names the largest size that fits.
    """
    limit = available_mb() if limit_mb is None else limit_mb
    needed = estimate_mb(extractor, how, *fitted(shape, how.size))
    if needed > limit:
        fits = how.size
        while fits > 64 and estimate_mb(extractor, how, *fitted(shape, fits)) > limit:
            fits -= 16
        pieces = "a smaller tile" if how.tile else 'MORE = "budget_mb: ..."'
        raise MemoryError(
            f"SIZE={how.size} needs about {needed:,.0f} MB and {limit:,.0f} MB are free. The "
            f"largest that fits is SIZE={fits}; or set {pieces}, which needs less and takes longer."
        )
    return needed
