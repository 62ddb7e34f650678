"""What a backbone sees on its way: the maps of several layers, pooled into one row of features.

Lesions of a few pixels are gone from the last maps of a network that was taught to name dogs and
cars; earlier layers still see them. The mean over the places says how much of something there is,
the mean of the squares whether it is in few places; both are sums over places, so that what each
place adds to a linear head is exact.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from common import files
from common.history import duration
from common.validation import DataError
from common.vision import features
from common.vision.backbones import Backbone

# Of a third of the depth and deeper; others give their last maps alone.
LAYERS = {
    "inception_v3": ("mixed3", "mixed5", "mixed6", "mixed7", "mixed8", "mixed10"),
    "inception_v3_to_mixed8": ("mixed3", "mixed5", "mixed6", "mixed7", "mixed8"),
    "mobilenet_v2": ("block_6_expand_relu", "block_13_expand_relu", "out_relu"),
    "small": ("maps_2_added", "maps_3_added", "maps_last"),
}
# As many of them as a backbone has, in this order: the picture, mirrored, upside down, both.
TURNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
CODE = (__file__, features.__file__)


@keras.saving.register_keras_serializable(package="vision")
class Turned(keras.layers.Layer):
    """Pictures [n, height, width, d], upside down if `down` is -1, mirrored if `across` is -1."""

    def __init__(self, down: int = 1, across: int = 1, **options):
        super().__init__(**options)
        self.down, self.across = down, across

    def call(self, pictures):
        axes = [axis for axis, way in ((1, self.down), (2, self.across)) if way < 0]
        return keras.ops.flip(pictures, axis=axes) if axes else pictures

    def get_config(self):
        return {**super().get_config(), "down": self.down, "across": self.across}


@dataclass(frozen=True)
class Taps:
    """A backbone with the layers at which it is asked.

    Attributes:
        backbone: from `backbones.find`.
        layers: names of layers of its network, their maps [n, height, width, d] each.
        views: how many of `TURNS` a picture is seen in.
    """

    backbone: Backbone
    layers: tuple[str, ...]
    views: int = 2

    @classmethod
    def of(cls, backbone: Backbone, layers: Sequence[str] | None = None, views: int = 2) -> Taps:
        """The backbone at the given layers; None takes those of `LAYERS`.

        Raises:
            DataError: the network has no layer of a name.
            ValueError: it shows no maps, or views is not from 1 to 4.
        """
        if not backbone.has_maps:
            raise ValueError(f"{backbone.name} gives features without places; take another.")
        if views not in range(1, len(TURNS) + 1):
            raise ValueError(f"views={views!r} must be a whole number from 1 to {len(TURNS)}.")
        network = inside(backbone)
        names = [layer.name for layer in network.layers]
        chosen = tuple(layers or LAYERS.get(backbone.name, names[-1:]))
        for name in chosen:
            if name not in names:
                maps = [layer.name for layer in network.layers if len(layer.output.shape) == 4]
                raise DataError(f"{backbone.name} has no layer {name!r}; of its layers with maps "
                                f"the last are {', '.join(maps[-8:])}.")
        return cls(backbone, chosen, views)

    @cached_property
    def maps(self) -> keras.Model:
        """pixels of 0 to 255 [n, size, size, 3] -> the maps of each layer, a list."""
        network, own = inside(self.backbone), self.backbone.model
        outputs = [network.get_layer(name).output for name in self.layers]
        tapped = keras.Model(network.input, outputs)
        if network is own:
            return tapped
        values = inputs = keras.Input(own.input_shape[1:], name="pixels")
        for layer in own.layers[1:-1]:
            values = layer(values)
        return keras.Model(inputs, tapped(values), name="taps")

    @cached_property
    def pooled(self) -> keras.Model:
        """pixels of one view [n, size, size, 3] -> features float32 [n, d], layer by layer."""
        return keras.Model(self.maps.input, pooled(self.maps.outputs), name="pooled")

    @cached_property
    def features(self) -> keras.Model:
        """pixels [n, size, size, 3] -> features float32 [n, d], the mean of its views."""
        inputs = keras.Input(self.maps.input_shape[1:], name="pixels")
        seen = [self.pooled(Turned(down, across)(inputs))
                for down, across in TURNS[: self.views]]  # fmt: skip
        whole = keras.layers.Average(dtype="float32")(seen) if len(seen) > 1 else seen[0]
        return keras.Model(inputs, whole, name="features")

    @property
    def width(self) -> int:
        """d of the features."""
        return int(self.pooled.output_shape[-1])

    def compute(self, pictures: np.ndarray, batch: int = 8, log: Callable[[str], None] | None = None
                ) -> np.ndarray:  # fmt: skip
        """Features float32 [n, views, d] of uint8 pictures [n, size, size, 3].

        Args:
            log: receives how much is done and how long the rest will take, every few seconds.
        """
        found = np.empty((len(pictures), self.views, self.width), np.float32)
        began = said = time.perf_counter()
        for begin in range(0, len(pictures), batch):
            block = np.zeros((batch, *pictures.shape[1:]), np.float32)  # one shape, one program
            rows = pictures[begin : begin + batch]
            block[: len(rows)] = rows
            for view, (down, across) in enumerate(TURNS[: self.views]):
                turned = np.ascontiguousarray(block[:, ::down, ::across])
                seen = keras.ops.convert_to_numpy(self.pooled.predict_on_batch(turned))
                found[begin : begin + len(rows), view] = seen[: len(rows)]
            done, now = begin + len(rows), time.perf_counter()
            if log and now - said > 5:
                said, pace = now, (now - began) / done
                log(f"{done:,} of {len(pictures):,} pictures, {1 / pace:,.1f} a second, "
                    f"{duration(pace * (len(pictures) - done))} left")
        return found

    def cached(self, pictures: np.ndarray, digests: Sequence[str], prepared: str,
               log: Callable[[str], None] | None = print) -> np.ndarray:  # fmt: skip
        """`compute`, but what was seen before is taken from the cache.

        Args:
            digests: of each picture's file.
            prepared: a key of what was done to the files before.
        """
        key = files.work_key(CODE, prepared=prepared, layers=self.layers, views=self.views,
                             **features.traits(self.backbone))  # fmt: skip
        return features.remembered(
            key, digests, lambda places: self.compute(pictures[places], log=log), log
        )


def pooled(layers: Sequence) -> keras.KerasTensor:
    """Mean and mean square over the places of each layer's maps, one after the other, [n, d]."""
    found = []
    for maps in layers:
        exact = keras.ops.cast(maps, "float32")
        found += [keras.ops.mean(exact, axis=(1, 2)),
                  keras.ops.mean(keras.ops.square(exact), axis=(1, 2))]  # fmt: skip
    return keras.ops.concatenate(found, axis=-1)


def inside(backbone: Backbone) -> keras.Model:
    """The network itself, without the layers that bring pixels into the form it takes."""
    last = backbone.model.layers[-1]
    return last if isinstance(last, keras.Model) else backbone.model
