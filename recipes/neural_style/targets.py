"""What a picture is to look like: photographs, paintings and masks as targets of the losses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from common.validation import DataError
from recipes.neural_style import losses, tiles
from recipes.neural_style.pictures import fitted, resized
from recipes.neural_style.settings import Settings


@dataclass(frozen=True)
class Wish:
    """What is to be made of what.

    Attributes:
        content: float32 [height, width, 3] from 0 to 1; None makes a texture.
        styles: pictures, float32 from 0 to 1, of any size.
        shares: what each style counts; without masks their mixture is made. Need not sum to 1.
        masks: float32 [height, width] each, of any size: where each style goes; None everywhere.
    """

    content: np.ndarray | None
    styles: list[np.ndarray]
    shares: list[float] | None = None
    masks: list[np.ndarray] | None = None

    def __post_init__(self):
        shares = self.shares
        if not self.styles:
            raise DataError("No style is named: STYLES must name at least one picture.")
        if shares is not None and (len(shares) != len(self.styles) or min(shares) < 0
                                   or sum(shares) <= 0):
            raise DataError(f"{len(shares)} shares {shares} for {len(self.styles)} styles: give "
                            "one each, 0 or more, not all 0.")
        if self.masks is not None and len(self.masks) != len(self.styles):
            raise DataError(f"{len(self.masks)} masks for {len(self.styles)} styles: give each "
                            "style a mask of its own.")

    @property
    def parts(self) -> list[float]:
        """What each style counts, of 1."""
        shares = self.shares or [1.0] * len(self.styles)
        return [share / sum(shares) for share in shares]

    def digest(self) -> list:
        """What a result hangs on."""
        everything = [self.content, *self.styles, *(self.masks or [])]
        return [
            None if each is None else [each.shape, digest(each)] for each in everything
        ] + [self.parts]


def digest(array: np.ndarray) -> str:
    """sha256 of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


@dataclass(frozen=True)
class Seen:
    """A picture's features, or what is wanted of them.

    Attributes:
        means: of each layer.
        features: float32 [1, height, width, filters] of the layers asked for.
        grams: float32 [filters, filters] of the layers asked for.
    """

    means: dict[str, float]
    features: dict[str, np.ndarray]
    grams: dict[str, np.ndarray]


def look_at(
    extractor: keras.Model,
    pixels: np.ndarray,
    features: list[str],
    grams: list[str],
    tile: int | None = None,
) -> Seen:
    """What a network sees, in the memory of one piece where `tile` is given.

    Args:
        extractor: from `features.py`.
        pixels: float32 [height, width, 3]; with pieces both are multiples of the deepest stride.
        features, grams: layers whose features or Gram matrices are wanted.
        tile: longer side of a piece.
    """
    height, width = pixels.shape[:2]
    if tile is None:
        rows, columns, window = [(0, 0, height)], [(0, 0, width)], (height, width)
    else:
        radius, stride = tiles.reach([*features, *grams])
        window = tuple(min(tile // stride * stride, side) for side in (height, width))
        rows, columns = (
            tiles.windows(side, part, radius, stride)
            for side, part in zip((height, width), window, strict=True)
        )
    shapes = extractor.compute_output_shape((1, height, width, 3))
    kept = {name: np.empty(tuple(shapes[name]), np.float32) for name in features}
    sums = dict.fromkeys(grams, 0.0)
    totals = dict.fromkeys([*features, *grams], 0.0)
    for top, *row in rows:
        for left, *column in columns:
            piece = pixels[None, top : top + window[0], left : left + window[1]]
            found = extractor(piece, training=False)
            for name in totals:
                full = shapes[name][1:3]
                down, right = (
                    tiles.shrunk(side, count, *span) for side, count, span in
                    zip((height, width), full, ((top, *row), (left, *column)), strict=True)
                )  # fmt: skip
                own = ops.cast(found[name], "float32")[
                    :, down[1] - down[0] : down[2] - down[0],
                    right[1] - right[0] : right[2] - right[0],
                ]  # fmt: skip
                totals[name] += float(ops.mean(own)) * own.shape[1] * own.shape[2]
                if name in kept:
                    kept[name][:, down[1] : down[2], right[1] : right[2]] = (
                        ops.convert_to_numpy(own)
                    )
                if name in sums:
                    part = ops.convert_to_numpy(losses.gram(own)[0])
                    sums[name] = sums[name] + part * (own.shape[1] * own.shape[2])
    positions = {name: shapes[name][1] * shapes[name][2] for name in totals}
    return Seen(
        {name: total / positions[name] for name, total in totals.items()}, kept,
        {name: total / positions[name] for name, total in sums.items()},
    )  # fmt: skip


def set_targets(model, wish: Wish, how: Settings, temporal: float = 0.0) -> None:
    """Compute once what the picture of this size is to look like.

    Args:
        model: `Objective` or `TiledObjective` of the size; its targets, masks and weights are set.
        wish, how: see there.
        temporal: weight of the temporal loss, whose own targets are not set here.
    """
    height, width = model.size
    content_layers, style_layers = list(model.content_targets), list(model.style_targets)
    tile, stride = None, 1
    if isinstance(model, tiles.TiledObjective):
        tile, stride = how.tile, tiles.reach([*content_layers, *style_layers])[1]
    seen = []
    if wish.content is not None:
        photograph = resized(wish.content, height, width)
        everything = list(dict.fromkeys([*content_layers, *style_layers]))
        seen.append(look_at(model.extractor, photograph, content_layers, everything, tile))
    for style in wish.styles:
        longest = max(32, round(max(height, width) * how.style_scale))
        painting = resized(style, *fitted(style.shape[:2], longest, stride))
        seen.append(look_at(model.extractor, painting, [], list(model.scales), tile))
    scales = {}
    for name, scale in model.scales.items():
        scales[name] = max(float(np.mean([each.means[name] for each in seen])), 1e-6)
        scale.assign(scales[name])
    for name, target in model.content_targets.items():
        target.assign(
            seen[0].features[name] / scales[name] if wish.content is not None
            else np.zeros(target.shape, np.float32)
        )  # fmt: skip
    shares = np.array(wish.parts)
    for name, target in model.style_targets.items():
        matrices = np.stack([each.grams[name] for each in seen[len(seen) - len(shares) :]])
        matrices /= scales[name] ** 2
        if wish.masks is None:
            # The sum of losses to several Gram matrices falls and rises with that to their mean.
            target.assign(np.average(matrices, axis=0, weights=shares)[None].astype(np.float32))
        else:
            target.assign(matrices)
            masks = [resized(mask, *model.shapes[name][:2]) for mask in wish.masks]
            model.masks[name].assign(np.stack(masks))
    if wish.masks is None:
        model.region_shares.assign([1.0])
    else:  # by area, so that every pixel is pulled alike
        areas = np.array([mask.mean() for mask in wish.masks]) * shares
        model.region_shares.assign(areas / areas.sum())
    model.weighting.assign([
        how.content_weight if wish.content is not None else 0.0, how.style_weight, how.smoothness,
        temporal,
    ])  # fmt: skip
