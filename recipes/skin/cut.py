"""A backbone cut in two: what lies below is computed once, what lies above learns on.

Teaching the last third of a network end to end spends nine tenths of its time below, where nothing
changes. So the maps at the cut are kept for every photograph in several views, and an epoch runs
through the upper part alone. The price: the views are drawn once, and not anew in every epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from common.vision.taps import Taps, inside, pooled
from recipes.skin.colour import Constancy

# A third to half of the depth: what lies above has three quarters of the weights or more.
CUTS = {"inception_v3": "mixed3", "inception_v3_to_mixed8": "mixed3",
        "mobilenet_v2": "block_6_expand_relu", "small": "maps_2_added"}  # fmt: skip
VIEWS = 4  # in which a photograph is judged, see `taps.TURNS`


@dataclass(frozen=True)
class Seen:
    """What the lower part made of photographs.

    Attributes:
        blocks: float16 [some, views, height, width, d] each, maps at the cut, on disk or in memory.
        below: float32 [n, views, d0], features of the layers up to the cut.
        places: int [n, 2], of each photograph the number of its block and its place there.
    """

    blocks: tuple[np.ndarray, ...]
    below: np.ndarray
    places: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> Seen:
        """Of maps [some, views, height, width, d] and features [some, views, d0], in order."""
        maps, below = zip(*parts, strict=True)
        places = [(block, place) for block, each in enumerate(maps) for place in range(len(each))]
        return cls(maps, np.concatenate(below), np.array(places, int).reshape(-1, 2))

    def __len__(self) -> int:
        return len(self.below)

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, views, height, width, d] of the maps of all."""
        return len(self), *self.blocks[0].shape[1:]

    def of(self, rows: np.ndarray) -> Seen:
        """Of some photographs; no maps are copied."""
        return Seen(self.blocks, self.below[rows], self.places[rows])

    def maps(self, rows: np.ndarray, views) -> np.ndarray:
        """Maps float32 [n, height, width, d] of some photographs, a view of each, or one for all.
        """
        found = np.empty((len(rows), *self.shape[2:]), np.float32)
        for where, row, view in zip(found, rows, np.broadcast_to(views, len(rows)), strict=True):
            block, place = self.places[row]
            where[...] = self.blocks[block][place, view]
        return found


@dataclass(frozen=True)
class Cut:
    """A backbone, cut after one of the layers at which it is asked.

    Attributes:
        taps: the backbone with these layers, in the order of depth. at: the name of one of them.
        constancy: what is done to the light before, see `colour.KINDS`.
    """

    taps: Taps
    at: str
    constancy: str = "none"

    @classmethod
    def of(cls, taps: Taps, at: str | None = None, constancy: str = "none") -> Cut:
        """Cut at a layer; None takes that of `CUTS`, or the first of the taps.

        Raises:
            ValueError: it is none of the taps' layers, or the last one.
        """
        at = at or CUTS.get(taps.backbone.name, taps.layers[0])
        if at not in taps.layers[:-1]:
            raise ValueError(f"at={at!r} must be one of {', '.join(taps.layers[:-1]) or 'none'}: a "
                             "layer at which the backbone is asked, with another one above.")
        return cls(taps, at, constancy)

    @cached_property
    def lower(self) -> keras.Model:
        """pixels of one view [n, size, size, 3] -> maps at the cut, features up to it."""
        inputs = keras.Input(self.taps.maps.input_shape[1:], name="pixels")
        maps = self.lower_maps(Constancy(self.constancy)(inputs))
        maps = keras.tree.flatten(maps)
        return keras.Model(inputs, [maps[-1], pooled(maps)], name="lower")

    @cached_property
    def lower_maps(self) -> keras.Model:
        """pixels under white light -> maps of the layers up to the cut."""
        count = self.taps.layers.index(self.at) + 1
        return Taps(self.taps.backbone, self.taps.layers[:count], self.taps.views).maps

    @cached_property
    def upper(self) -> keras.Model:
        """maps at the cut -> features of the layers above; it shares the backbone's weights."""
        inputs = keras.Input(self.upper_maps.input_shape[1:], name="maps")
        # Statistics stay, whatever is trained.
        found = keras.tree.flatten(self.upper_maps(inputs, training=False))
        return keras.Model(inputs, pooled(found), name="upper")

    @cached_property
    def upper_maps(self) -> keras.Model:
        """maps at the cut -> maps of the layers above."""
        network = inside(self.taps.backbone)
        above = self.taps.layers[self.taps.layers.index(self.at) + 1 :]
        return keras.Model(network.get_layer(self.at).output,
                           [network.get_layer(name).output for name in above])  # fmt: skip

    def see(self, views: np.ndarray, batch: int = 16) -> Seen:
        """What the lower part makes of each view, uint8 [n, views, size, size, 3]."""
        shapes = [each.shape[1:] for each in self.lower.outputs]
        maps = np.empty((*views.shape[:2], *shapes[0]), np.float16)
        below = np.empty((*views.shape[:2], *shapes[1]), np.float32)
        flat, kept = views.reshape(-1, *views.shape[2:]), (maps, below)
        flat_kept = [each.reshape(len(flat), *each.shape[2:]) for each in kept]  # no copies
        for begin in range(0, len(flat), batch):
            block = np.zeros((batch, *flat.shape[1:]), np.float32)  # one shape, one program
            rows = flat[begin : begin + batch]
            block[: len(rows)] = rows
            found = map(keras.ops.convert_to_numpy, self.lower.predict_on_batch(block))
            for where, each in zip(flat_kept, found, strict=True):
                where[begin : begin + len(rows)] = each[: len(rows)]
        return Seen.joined([(maps, below)])

    def features(self, seen: Seen, batch: int = 64) -> np.ndarray:
        """Features float32 [n, d] of all layers, the mean of the views."""
        total = seen.below.mean(axis=1)
        above = np.zeros((len(seen), self.upper.output_shape[-1]), np.float32)
        for view in range(seen.shape[1]):
            for begin in range(0, len(seen), batch):
                rows = np.arange(begin, min(begin + batch, len(seen)))
                given = np.zeros((batch, *seen.shape[2:]), np.float32)  # one shape, one program
                given[: len(rows)] = seen.maps(rows, view)
                found = keras.ops.convert_to_numpy(self.upper.predict_on_batch(given))
                above[rows] += found[: len(rows)] / seen.shape[1]
        return np.concatenate([total, above], axis=1)
