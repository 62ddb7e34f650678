"""A backbone cut in two: what lies below is computed once, what lies above learns on.

Teaching the last third of a network end to end spends nine tenths of its time below, where nothing
changes. So the maps at the cut are kept for every photograph in several views, and an epoch runs
through the upper part alone. The price: a photograph is changed in no other way than these views.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from common.history import duration
from common.vision.taps import TURNS, Taps, inside, pooled

# Half of the depth and a little more: what lies above has three quarters of the weights.
CUTS = {"inception_v3": "mixed5", "inception_v3_to_mixed8": "mixed5",
        "mobilenet_v2": "block_6_expand_relu", "small": "maps_2_added"}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What the lower part made of photographs.

    Attributes:
        maps: float16 [n, views, height, width, d], at the cut.
        below: float32 [n, views, d0], features of the layers up to the cut.
    """

    maps: np.ndarray
    below: np.ndarray

    def __len__(self) -> int:
        return len(self.below)


@dataclass(frozen=True)
class Cut:
    """A backbone, cut after one of the layers at which it is asked.

    Attributes:
        taps: the backbone with these layers, in the order of depth. at: the name of one of them.
    """

    taps: Taps
    at: str

    @classmethod
    def of(cls, taps: Taps, at: str | None = None) -> Cut:
        """Cut at a layer; None takes that of `CUTS`, or the first of the taps.

        Raises:
            ValueError: it is none of the taps' layers, or the last one.
        """
        at = at or CUTS.get(taps.backbone.name, taps.layers[0])
        if at not in taps.layers[:-1]:
            raise ValueError(f"at={at!r} must be one of {', '.join(taps.layers[:-1]) or 'none'}: a "
                             "layer at which the backbone is asked, with another one above.")
        return cls(taps, at)

    @cached_property
    def lower(self) -> keras.Model:
        """pixels of one view [n, size, size, 3] -> maps at the cut, features up to it."""
        count = self.taps.layers.index(self.at) + 1
        maps = Taps(self.taps.backbone, self.taps.layers[:count], self.taps.views).maps
        return keras.Model(maps.input, [maps.outputs[-1], pooled(maps.outputs)], name="lower")

    @cached_property
    def upper(self) -> keras.Model:
        """maps at the cut -> features of the layers above; it shares the backbone's weights."""
        network = inside(self.taps.backbone)
        above = self.taps.layers[self.taps.layers.index(self.at) + 1 :]
        maps = keras.Model(network.get_layer(self.at).output,
                           [network.get_layer(name).output for name in above])  # fmt: skip
        inputs = keras.Input(maps.input_shape[1:], name="maps")
        # Statistics stay, whatever is trained.
        found = keras.tree.flatten(maps(inputs, training=False))
        return keras.Model(inputs, pooled(found), name="upper")

    def see(self, pictures: np.ndarray, batch: int = 16,
            log: Callable[[str], None] | None = None) -> Seen:  # fmt: skip
        """What the lower part makes of uint8 pictures [n, size, size, 3], in each view.

        Args:
            log: receives how much is done and how long the rest will take, every few seconds.
        """
        views, shapes = self.taps.views, [each.shape[1:] for each in self.lower.outputs]
        maps = np.empty((len(pictures), views, *shapes[0]), np.float16)
        below = np.empty((len(pictures), views, *shapes[1]), np.float32)
        began = said = time.perf_counter()
        for begin in range(0, len(pictures), batch):
            block = np.zeros((batch, *pictures.shape[1:]), np.float32)  # one shape, one program
            rows = pictures[begin : begin + batch]
            block[: len(rows)] = rows
            for view, (down, across) in enumerate(TURNS[:views]):
                turned = np.ascontiguousarray(block[:, ::down, ::across])
                found = map(keras.ops.convert_to_numpy, self.lower.predict_on_batch(turned))
                for kept, each in zip((maps, below), found, strict=True):
                    kept[begin : begin + len(rows), view] = each[: len(rows)]
            done, now = begin + len(rows), time.perf_counter()
            if log and now - said > 5:
                said, pace = now, (now - began) / done
                log(f"{done:,} of {len(pictures):,} photographs, {1 / pace:,.1f} a second, "
                    f"{duration(pace * (len(pictures) - done))} left")
        return Seen(maps, below)

    def features(self, seen: Seen, batch: int = 64) -> np.ndarray:
        """Features float32 [n, d] of all layers, the mean of the views."""
        total = seen.below.mean(axis=1)
        above = np.zeros((len(seen), self.upper.output_shape[-1]), np.float32)
        for view in range(seen.maps.shape[1]):
            for begin in range(0, len(seen), batch):
                rows = slice(begin, begin + batch)
                given = np.zeros((batch, *seen.maps.shape[2:]), np.float32)
                given[: len(seen.maps[rows])] = seen.maps[rows, view]
                found = keras.ops.convert_to_numpy(self.upper.predict_on_batch(given))
                above[rows] += found[: len(above[rows])] / seen.maps.shape[1]
        return np.concatenate([total, above], axis=1)
