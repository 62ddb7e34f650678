"""Whether a map of what an answer hangs on can be believed: localisation, chance, sanity.

A map that looks right proves nothing. It is held against masks of what should count, with what
chance would reach, and against the maps of a network that has forgotten what it learnt. A saliency
map that fails the model-randomisation test is called out.

Everywhere maps are float [n, height, width], masks bool [n, height, width] of any size, and results
of a picture float64 [n], NaN where its mask is empty. What is of a wrong kind or shape raises a
ValueError that names the parameter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import ndimage, stats

from common import metrics
from common.vision.gradients import Attributions, grad_cam, integrated_gradients

__all__ = ["Attributions", "Sanity", "at_middle", "by_chance", "grad_cam", "integrated_gradients",
           "mass_inside", "overlap", "pointing_game", "randomised", "resized", "sanity",
           "similarity"]  # the maps too, so that they come from one place with their tests
LIMIT = 0.5  # rank correlation from which on two maps count as alike


@dataclass(frozen=True)
class Sanity:
    """Whether maps depend on what the network has learnt; prints as a sentence.

    Attributes:
        similarity: float64 [n], see `similarity`.
        mean: of the similarities, with its bootstrap interval.
        limit: what the interval has to stay below.
    """

    similarity: np.ndarray
    mean: metrics.Interval
    limit: float = LIMIT

    @property
    def passes(self) -> bool:
        """Whether the whole interval of the mean lies below the limit."""
        return self.mean.high < self.limit

    def __str__(self) -> str:
        found = (f"with weights re-drawn, the maps keep a rank correlation of {self.mean:.2f} with "
                 f"the network's own, over {len(self.similarity)} pictures (limit {self.limit:g})")
        if self.passes:
            return f"Passes the model-randomisation test: {found}."
        if self.mean.value < self.limit:
            return (f"Not shown to pass the model-randomisation test: {found}; the interval "
                    "reaches the limit, so look at more pictures.")
        return (f"FAILS the model-randomisation test: {found}. These maps show the picture more "
                "than what the network has learnt; do not take them for its reasons.")


def resized(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    """float32 [n, height, width] with signs and order kept, for ranking places.

    (`explain.enlarged`, for looking, cuts what overshoots, so that several places are warmest.)
    """
    shrinks = height <= maps.shape[1] and width <= maps.shape[2]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([cv2.resize(np.asarray(each, np.float32), (width, height), interpolation=method)
                     for each in maps])  # fmt: skip


def pointing_game(maps: np.ndarray, masks: np.ndarray, slack: float = 0) -> np.ndarray:
    """Whether the middle of the warmest place lies in the mask, 0 or 1.

    The pointing game of Zhang et al., "Top-down Neural Attention by Excitation Backprop" (ECCV
    2016), section 4.1; they allow a slack of 15 pixels. Where several places are equally warm, the
    share of them that hit, so that a map that says nothing scores as chance does.

    Args:
        slack: how far beside the mask still counts, in its pixels.
    """
    masks, filled = _checked_masks(masks, maps)
    rows, columns = (((np.arange(count) + 0.5) * side / count).astype(int)
                     for count, side in zip(maps.shape[1:], masks.shape[1:], strict=True))
    at_places = _wider(masks, slack)[:, rows][:, :, columns]
    warmest = maps == maps.max(axis=(1, 2), keepdims=True)
    hits = (warmest & at_places).sum(axis=(1, 2)) / warmest.sum(axis=(1, 2))
    return np.where(filled, hits, np.nan)


def overlap(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Intersection over union of the mask and as many of the warmest pixels.

    Of pixels that are equally warm where the count is reached, each counts for its share: a map
    that says nothing scores as chance does.
    """
    masks, _ = _checked_masks(masks, maps)
    return _intersection(_caught(maps, masks), masks)


def mass_inside(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Share of what speaks for the answer that lies in the mask.

    A place of the map is taken as even inside; it is not smoothed, which would spill over the
    mask's edge. A map that is positive nowhere counts as even throughout.
    """
    masks, filled = _checked_masks(masks, maps)
    warm = np.maximum(maps, 0).astype(np.float64)
    warm[warm.max(axis=(1, 2)) == 0] = 1
    parts = np.stack([cv2.resize(each.astype(np.float64), maps.shape[:0:-1],
                                 interpolation=cv2.INTER_AREA) for each in masks])  # fmt: skip
    return np.where(filled, (warm * parts).sum(axis=(1, 2)) / warm.sum(axis=(1, 2)), np.nan)


def by_chance(masks: np.ndarray, slack: float = 0) -> pd.DataFrame:
    """What maps that know nothing reach: "pointing", "overlap" and "mass", a row a picture.

    Pointing at a random pixel, choosing random pixels, and spreading the mass evenly; all follow
    from the mask's share of the area.
    """
    masks, filled = _checked_masks(masks)
    share = np.where(filled, masks.mean(axis=(1, 2)), np.nan)
    wide = np.where(filled, _wider(masks, slack).mean(axis=(1, 2)), np.nan)
    return pd.DataFrame({"pointing": wide, "overlap": share / (2 - share), "mass": share})


def at_middle(masks: np.ndarray, slack: float = 0) -> pd.DataFrame:
    """The same for who always means the middle of the picture; photographers do.

    Pointing at it, and a disc around it as large as the mask, with all the mass in it.
    """
    masks, filled = _checked_masks(masks)
    height, width = masks.shape[1:]
    away = np.hypot((np.arange(height) + 0.5 - height / 2)[:, None], np.arange(width) + 0.5
                    - width / 2)  # fmt: skip
    hits = _wider(masks, slack)[:, height // 2, width // 2]
    inside = _caught(np.broadcast_to(-away, masks.shape), masks)
    with np.errstate(invalid="ignore"):
        mass = inside / masks.sum(axis=(1, 2))
    return pd.DataFrame({"pointing": np.where(filled, hits, np.nan),
                         "overlap": _intersection(inside, masks), "mass": mass})


def randomised(model: keras.Model, seed: int = 0, share: float = 1.0) -> keras.Model:
    """A copy that has forgotten: weights re-drawn from the top down; the model stays as it is.

    The model-randomisation test of Adebayo et al., "Sanity Checks for Saliency Maps" (NeurIPS
    2018), section 4. Each array's own values are dealt anew, so that its scale and distribution
    stay, those of batch normalisation too. With the same seed a larger share has the smaller
    one's layers alike, so that growing shares are the paper's cascade.

    Args:
        model: of Keras's functional kind, or a Sequential one; models inside it are taken apart.
        share: of the layers that have weights, above 0 and at most 1, counted from the answer down.

    Raises:
        ValueError: share outside that, or weights that dealing cannot change.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share={share!r}: give a fraction above 0 and at most 1.")
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    layers = list(dict.fromkeys(_with_weights(copy)))[::-1]  # one that is used twice counts once
    random, changed = np.random.default_rng(seed), False
    for layer in layers[: math.ceil(share * len(layers))]:
        own = layer.get_weights()
        dealt = [random.permutation(each.ravel()).reshape(each.shape) for each in own]
        changed = changed or any((new != old).any() for new, old in zip(dealt, own, strict=True))
        layer.set_weights(dealt)
    if not changed:
        raise ValueError("model has no weights that dealing them anew would change; hand in one "
                         "that was trained.")
    return copy


def similarity(
    maps: np.ndarray, maps_of_randomised: np.ndarray, where: np.ndarray | None = None
) -> np.ndarray:
    """Spearman's rank correlation of each picture's two maps, of absolute values.

    Adebayo et al. 2018, section 4. A constant map has no ranks: one of the network itself counts as
    1, as it shows nothing that could depend on weights, and one of the randomised network as 0.

    Args:
        where: bool, shaped like the maps: places that count. Leave out those that are equal to
            the baseline of integrated gradients, say: they are 0 for every network, and alike.
    """
    places = np.ones(np.shape(maps), bool) if where is None else np.asarray(where, dtype=bool)
    for name, each in (("maps_of_randomised", maps_of_randomised), ("where", places)):
        if np.ndim(maps) != 3 or np.shape(each) != np.shape(maps):
            raise ValueError(f"maps have shape {np.shape(maps)} and {name} {np.shape(each)}; give "
                             "[n, height, width] of the same pictures for both.")
        if not np.isfinite(each).all() or not np.isfinite(maps).all():
            raise ValueError(f"maps or {name} have places that are no finite numbers.")
    found = np.empty(len(maps))
    for k, inside in enumerate(places):
        if inside.sum() < 2:
            raise ValueError(f"where[{k}] leaves {inside.sum()} places; at least 2 are needed.")
        one, other = np.abs(maps[k][inside]), np.abs(maps_of_randomised[k][inside])
        flat = np.ptp(one) == 0, np.ptp(other) == 0
        found[k] = float(flat[0]) if any(flat) else stats.spearmanr(one, other).statistic
    return found


def sanity(
    maps: np.ndarray,
    maps_of_randomised: np.ndarray,
    *,
    where: np.ndarray | None = None,
    limit: float = LIMIT,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> Sanity:
    """The verdict of the model-randomisation test; see `randomised` and `similarity`.

    Args:
        maps: of the network. maps_of_randomised: of the same pictures, classes and method by a
            network that was `randomised`.
        limit: what the mean similarity has to stay below, its 95 % interval included.
        groups: one label a picture (patient), see `metrics.bootstrap`.
        seed: of the bootstrap.
    """
    found = similarity(maps, maps_of_randomised, where)
    if len(found) < 2:
        raise ValueError(f"maps of {len(found)} picture(s); an interval needs at least 2.")
    return Sanity(found, metrics.bootstrap(np.mean, found, groups=groups, seed=seed), limit)


def _with_weights(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _with_weights(layer)
        elif layer.weights and not isinstance(layer, keras.layers.Normalization):  # not learnt
            yield layer


def _wider(masks: np.ndarray, slack: float) -> np.ndarray:
    """Masks and what lies at most so many pixels beside them."""
    if not slack >= 0:
        raise ValueError(f"slack={slack!r}: give a number of pixels, 0 or more.")
    if not slack:
        return masks
    return np.stack([ndimage.distance_transform_edt(~mask) <= slack if mask.any() else mask
                     for mask in masks])  # fmt: skip


def _caught(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Pixels of the mask among as many warmest ones, float64 [n]."""
    if maps.shape != masks.shape:
        maps = resized(maps, *masks.shape[1:])
    found = np.zeros(len(masks))
    for k, (warmth, mask) in enumerate(zip(maps, masks, strict=True)):
        count = int(mask.sum())
        if count:
            edge = np.partition(warmth.ravel(), -count)[-count]
            above, level = warmth > edge, warmth == edge
            share = (count - above.sum()) / level.sum()
            found[k] = (above & mask).sum() + share * (level & mask).sum()
    return found


def _intersection(inside: np.ndarray, masks: np.ndarray) -> np.ndarray:
    size = masks.sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):  # of an empty mask: 0 / 0
        return inside / (2 * size - inside)


def _checked_masks(masks, maps=None) -> tuple[np.ndarray, np.ndarray]:
    """Masks, and which are not empty."""
    masks = np.asarray(masks)
    if masks.ndim != 3 or masks.dtype != bool:
        raise ValueError(f"masks have shape {masks.shape} and type {masks.dtype}; give bool "
                         "[n, height, width] (masks > 0, say).")
    if maps is not None:
        if np.ndim(maps) != 3 or len(maps) != len(masks):
            raise ValueError(f"maps have shape {np.shape(maps)} for masks of {masks.shape}; give "
                             "[n, height, width] of the same pictures.")
        if not np.isfinite(maps).all():
            raise ValueError("maps have places that are no finite numbers.")
    return masks, masks.any(axis=(1, 2))
