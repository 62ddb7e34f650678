"""Why a network says yes: which places spoke for it, and whether such a map is to be trusted.

Where the answer is one number from means of maps and of their squares, it is a sum over places: of
each map there times a number, and of its square times another. So each place's share in it is exact
(Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equation 2). That
map is called "shares" here; Grad-CAM and integrated gradients (`common.vision.gradients`) stand
beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import keras
import numpy as np
import pandas as pd

from common.vision import saliency
from common.vision.saliency import Sanity
from common.vision.taps import pooled

SHARES, GRAD_CAM, INTEGRATED = "shares", "Grad-CAM", "integrated gradients"
SMALLEST = 24  # pixels of a side to which maps of any layer are brought, so that they add up


@dataclass(frozen=True)
class Witness:
    """One question with yes or no for an answer, as a network that also shows its maps.

    Attributes:
        model: float32 [n, size, size, 3] of 0 to 255, prepared -> "logit" [n, 1], and "maps_0",
            "maps_1", ... [n, height, width, d] of each layer.
        centre: float [d], the training photographs' mean features, to which shares are relative.
    """

    model: keras.Model
    centre: np.ndarray

    @classmethod
    def of(cls, maps: keras.Model, direction: np.ndarray, bias: float, centre: np.ndarray
           ) -> Witness:  # fmt: skip
        """The answer `pooled(maps) @ direction + bias`.

        Args:
            maps: pixels -> the maps of several layers. direction, centre: float [d].
        """
        dense = keras.layers.Dense(1, name="direction", dtype="float32")
        inputs = keras.Input(maps.input_shape[1:], name="pixels")
        layers = keras.tree.flatten(maps(inputs))
        found = {f"maps_{k}": each for k, each in enumerate(layers)}
        found["logit"] = dense(pooled(layers))
        model = keras.Model(inputs, found, name="witness")
        dense.set_weights([np.asarray(direction, np.float32)[:, None], np.float32([bias])])
        return cls(model, centre)

    def forgotten(self, seed: int = 0) -> Witness:
        """The same with all its weights re-drawn, see `saliency.randomised`."""
        return Witness(saliency.randomised(self.model, seed), self.centre)

    def shares(self, pictures: np.ndarray) -> np.ndarray:
        """float32 [n, h, w], h and w of the finest layer; the sum of a map is the logit, less that
        of a photograph with the training photographs' mean features.

        Args:
            pictures: uint8 [n, size, size, 3], prepared.
        """
        kernel = self.model.get_layer("direction").get_weights()[0][:, 0]
        found = []
        for picture in pictures:
            seen = self.model.predict_on_batch(picture[None].astype(np.float32))
            layers = [keras.ops.convert_to_numpy(seen[f"maps_{k}"])[0].astype(np.float32)
                      for k in range(len(seen) - 1)]  # fmt: skip
            side = max(SMALLEST, *(each.shape[0] for each in layers))
            whole, place = np.zeros((side, side), np.float32), 0
            for maps in layers:
                height, width, depth = maps.shape
                at = slice(place, place + 2 * depth)
                both = np.concatenate([maps, maps**2], axis=2) - self.centre[at]
                share = both @ kernel[at] / (height * width)
                place = at.stop
                whole += _spread(height, side) @ share @ _spread(width, side).T
            found.append(whole)
        return np.stack(found)

    def grad_cam(self, pictures: np.ndarray) -> np.ndarray:
        """float32 [n, h, w] of the last layer, see `gradients.grad_cam`."""
        last = self.model.output[f"maps_{len(self.model.output) - 2}"]
        maps = keras.Model(self.model.input, last)
        kernel = self.model.get_layer("direction").get_weights()[0][-2 * last.shape[-1] :, 0]
        return saliency.grad_cam(maps, _Pooled(kernel), pictures.astype(np.float32))

    def integrated(self, pictures: np.ndarray, steps: int = 16,
                   inside: np.ndarray | None = None) -> saliency.Attributions:  # fmt: skip
        """Integrated gradients of the logit, from each picture's mean colour.

        Args:
            inside: bool [n, size, size]; the mean is over what is inside, and what lies outside is
                the same on all the way, so that nothing is put down to it.
        """
        within = np.ones(pictures.shape[:3], bool) if inside is None else inside
        logit, found = _Logit(self.model), []  # one callable, one program
        for picture, mask in zip(pictures.astype(np.float32), within, strict=True):
            baseline = np.where(mask[..., None], picture[mask].mean(axis=0), picture)
            found.append(saliency.integrated_gradients(logit, picture[None], baseline, steps))
        return saliency.Attributions(*(np.concatenate([getattr(each, name) for each in found])
                                       for name in ("maps", "change", "gap")))  # fmt: skip

    def maps(self, pictures: np.ndarray, steps: int = 16, inside: np.ndarray | None = None,
             log: Callable | None = None) -> dict[str, np.ndarray]:  # fmt: skip
        """All three, by name; `steps` of 0 leaves integrated gradients out, which take longest.

        Args:
            inside: bool [n, size, size], where something is to be seen; outside maps are 0.
        """
        found = {SHARES: self.shares(pictures), GRAD_CAM: self.grad_cam(pictures)}
        if steps:
            traced = self.integrated(pictures, steps, inside)
            if log:
                missed = np.abs(traced.gap) / np.maximum(np.abs(traced.change), 1e-6)
                log(f"integrated gradients with {steps} steps: they miss {np.median(missed):.0%} "
                    "of the change of the logit (median)")
            # A single pixel says little: what a lesion's pixels add is looked at.
            found[INTEGRATED] = np.stack([cv2.GaussianBlur(each, (0, 0), each.shape[0] / 100)
                                          for each in traced.maps])  # fmt: skip
        if inside is None:
            return found
        within = inside.astype(np.float32)
        return {name: maps * saliency.resized(within, *maps.shape[1:])
                for name, maps in found.items()}  # fmt: skip

def _spread(count: int, side: int) -> np.ndarray:
    """float32 [side, count]: each of `count` cells dealt to the finer ones it covers, sum kept."""
    edges, cells = np.linspace(0, 1, side + 1), np.linspace(0, 1, count + 1)
    ends = np.minimum(edges[1:, None], cells[1:])
    return (np.maximum(ends - np.maximum(edges[:-1, None], cells[:-1]), 0) * count).astype(
        np.float32
    )


class _Logit:
    def __init__(self, model: keras.Model):
        self.model = model

    def __call__(self, pixels):
        return self.model(pixels, training=False)["logit"][:, 0]


class _Pooled:
    """The last layer's part of the logit, as a function of its maps."""

    def __init__(self, kernel: np.ndarray):
        self.kernel = kernel[:, None]

    def __call__(self, maps):
        return keras.ops.matmul(pooled([maps]), self.kernel)[:, 0]


def localisation(found: Mapping[str, np.ndarray], masks: np.ndarray, slack: float = 0
                 ) -> pd.DataFrame:  # fmt: skip
    """How well maps find lesions: means over the photographs that have some.

    Args:
        found: maps [n, h, w] by name. masks: bool [n, size, size]. slack: see
            `saliency.pointing_game`.

    Returns:
        A row for each map, then "by chance" and "the middle"; "pointing", "overlap", "mass"
        (see `saliency`), and "photographs".
    """
    filled = masks.any(axis=(1, 2))
    table = {name: {"pointing": np.nanmean(saliency.pointing_game(each, masks, slack)),
                    "overlap": np.nanmean(saliency.overlap(each, masks)),
                    "mass": np.nanmean(saliency.mass_inside(each, masks))}
             for name, each in found.items()}  # fmt: skip
    table["by chance"] = saliency.by_chance(masks, slack).mean().to_dict()
    table["the middle"] = saliency.at_middle(masks, slack).mean().to_dict()
    frame = pd.DataFrame.from_dict(table, orient="index").rename_axis("map")
    return frame.assign(photographs=int(filled.sum()))


def sanity(witness: Witness, found: Mapping[str, np.ndarray], pictures: np.ndarray,
           groups: Sequence, inside: np.ndarray | None = None, steps: int = 16, seed: int = 0
           ) -> dict[str, Sanity]:  # fmt: skip
    """Whether each kind of map hangs on what was learned, on the places inside.

    Args:
        found, pictures, inside, steps: see `Witness.maps`. groups: of each picture, for intervals.
    """
    blank = witness.forgotten(seed).maps(pictures, steps if INTEGRATED in found else 0, inside)
    verdicts = {}
    for name, maps in found.items():
        where = None
        if inside is not None:
            where = saliency.resized(inside.astype(np.float32), *maps.shape[1:]) > 0.5
        verdicts[name] = saliency.sanity(maps, blank[name], where=where, groups=groups, seed=seed)
    return verdicts
