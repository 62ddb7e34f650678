"""Large pictures by pieces: the same losses and the same gradient, in the memory of one piece.

A Gram matrix is a sum over positions, so it is first added up piece by piece, without gradients.
What the style loss wants of it is then a fixed matrix, and each piece's gradient can be had by
itself (the chain rule, not an approximation). Pieces overlap by as much as a feature can see, so
nothing is cut and no seam can show.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from recipes.neural_style.features import VGG_LAYERS
from recipes.neural_style.objective import PARTS, Compiled, Visible, shares_of


def reach(layers: list[str]) -> tuple[int, int]:
    """How many pixels to each side a feature of the deepest layer sees, and its stride."""
    radius, stride = 0, 1
    for name in VGG_LAYERS[: max(VGG_LAYERS.index(name) for name in layers) + 1]:
        block, number = int(name[5]), int(name[-1])
        if number == 1 and block > 1:
            radius += stride  # of the pooling's two pixels one lies beyond
            stride *= 2
        radius += stride
    return radius, stride


def windows(length: int, tile: int, halo: int, stride: int) -> list[tuple[int, int, int]]:
    """Pieces of one side: where each window begins, and what of the side it answers for.

    Args:
        length: of the side, a multiple of `stride`.
        tile: of a window, halo included, a multiple of `stride`.
        halo: pixels that a window must see beyond what it answers for.
        stride: of the deepest layer.

    Returns:
        (begin, first, last) of each window: it is [begin, begin + tile) and answers for [first,
        last); all begin at multiples of `stride` and lie inside the side.

    Raises:
        ValueError: the tile is not larger than twice the halo.
    """
    if tile >= length:
        return [(0, 0, length)]
    halo = -(-halo // stride) * stride
    own = tile - 2 * halo
    if own < stride:
        raise ValueError(f"tile={tile}; these layers see {halo} pixels to each side, so it must be "
                         f"at least {2 * halo + stride}.")
    found, first = [], 0
    while first < length:
        begin = min(max(0, first - halo), length - tile)
        last = length if begin + tile == length else begin + tile - halo
        found.append((begin, first, last))
        first = last
    return found


class Piece(Compiled):
    """One window: how much what it answers for adds to the losses, its picture the only weight."""

    def __init__(self, extractor, height, width, content_layers, style_layers, regions):
        super().__init__(name="piece", dtype="float32")
        self.extractor, self.size, self.regions = extractor, (height, width), regions
        self.content_layers, self.style_layers = content_layers, style_layers
        names = list({**content_layers, **style_layers})
        shapes = {
            name: tuple(spec[1:]) for name, spec in
            extractor.compute_output_shape((1, height, width, 3)).items()
        }  # fmt: skip
        self.make_picture()
        self.scales = {name: self.constant((), f"scale_{name}", "ones") for name in names}
        self.own = {name: self.constant(shapes[name][:2], f"own_{name}") for name in names}
        self.wanted = {
            name: self.constant((1, *shapes[name]), f"content_{name}") for name in content_layers
        }
        self.masks = {
            name: self.constant((regions, *shapes[name][:2]), f"masks_{name}")
            for name in style_layers
        }
        self.pulls = {
            name: self.constant((regions, *shapes[name][-1:] * 2), f"pull_{name}")
            for name in style_layers
        }
        self.factors = {name: self.constant((), f"factor_{name}") for name in content_layers}
        self.last = self.constant((1,), "last")
        self.built = True

    def features(self):
        """float32 features of the window's picture, of mean 1."""
        found = self.extractor(self.picture, training=False)
        return {name: ops.cast(found[name], "float32") / s for name, s in self.scales.items()}

    def sums(self) -> dict:
        """Of each style layer what this window adds to the Gram matrices [regions, N, N]."""
        found = self.features()
        return {name: self._sum(found[name], name) for name in self.style_layers}

    def _sum(self, features, name):
        flat = ops.reshape(features, (-1, features.shape[-1]))
        weights = ops.reshape(self.masks[name] * self.own[name], (self.regions, -1))
        return ops.matmul(ops.transpose(flat)[None] * weights[:, None, :], flat)

    def call(self, _):
        found, total = self.features(), ops.zeros(())
        for name in self.content_layers:
            apart = ops.sum(ops.square(found[name] - self.wanted[name]), axis=-1)[0]
            total = total + ops.sum(apart * self.own[name]) * self.factors[name]
        self.last.assign(total[None])
        for name in self.style_layers:
            total = total + ops.sum(self.pulls[name] * self._sum(found[name], name))
        return total[None, None]


class TiledObjective:
    """What `Objective` is, for pictures that do not fit: the same losses, piece by piece."""

    def __init__(
        self,
        extractor: keras.Model,
        height: int,
        width: int,
        content_layers: dict[str, float],
        style_layers: dict[str, float],
        regions: int = 0,
        tile: int = 512,
    ):
        """Args:
        extractor, content_layers, style_layers, regions: see `Objective`.
        height, width: of the picture, multiples of the deepest layer's stride.
        tile: longer side of a window, what it sees beyond its own part included.

        Raises:
            ValueError: a side that is no multiple of the stride, or a tile that is too small.
        """
        regions = max(regions, 1)
        radius, stride = reach([*content_layers, *style_layers])
        if height % stride or width % stride:
            raise ValueError(f"{height} x {width} pixels; each must be a multiple of {stride}.")
        window = tuple(min(tile // stride * stride, side) for side in (height, width))
        self.rows, self.columns = (
            windows(side, part, radius, stride)
            for side, part in zip((height, width), window, strict=True)
        )
        self.extractor, self.size, self.regions = extractor, (height, width), regions
        self.content_layers, self.style_layers = shares_of(content_layers), shares_of(style_layers)
        names = list({**self.content_layers, **self.style_layers})
        self.shapes = {
            name: tuple(spec[1:]) for name, spec in
            extractor.compute_output_shape((1, height, width, 3)).items()
        }  # fmt: skip
        self.piece = Piece(extractor, *window, self.content_layers, self.style_layers, regions)
        self.scales = self.piece.scales
        self.content_targets = {n: Held((1, *self.shapes[n])) for n in self.content_layers}
        self.style_targets = {
            n: Held((regions, *self.shapes[n][-1:] * 2)) for n in self.style_layers
        }
        self.masks = {n: Held((regions, *self.shapes[n][:2]), 1.0) for n in self.style_layers}
        self.region_shares, self.weighting = Held((regions,)), Held((len(PARTS),))
        self.picture = Held((1, height, width, 3))
        self.names, self.found = names, dict.fromkeys(PARTS, 0.0)
        self.optimizer, self.gradient = None, np.zeros(self.picture.shape, np.float32)

    def start(self, optimizer: str, learning_rate: float = 0.0, jit: bool | str = "auto") -> None:
        """See `Compiled.start`."""
        self.piece.start("gradient", jit=jit)
        if optimizer == "adam":
            self.weight = keras.Variable(self.picture.value)
            self.weight.constraint = Visible()  # the optimizer sees to it after each step
            self.optimizer = keras.optimizers.Adam(learning_rate, beta_1=0.9, beta_2=0.99)
            self.optimizer.build([self.weight])
        else:
            self.optimizer = self.piece.optimizer

    def step(self) -> float:
        """One step of the optimizer, or the gradient alone; the loss before it."""
        total = self._measure()
        if isinstance(self.optimizer, keras.optimizers.Adam):
            self.weight.assign(self.picture.value)
            self.optimizer.apply([ops.convert_to_tensor(self.gradient)], [self.weight])
            self.picture.assign(ops.convert_to_numpy(self.weight))
        return total

    def parts(self) -> dict[str, float]:
        """The losses of the last step, by name, not weighted."""
        return self.found

    def measured(self, pixels: np.ndarray) -> dict[str, float]:
        """See `Objective.measured`."""
        own, self.picture.value = self.picture.value, pixels[None].astype(np.float32)
        self.piece.start("gradient", jit=False)
        self._measure()
        self.picture.value = own
        return self.found

    def _windows(self):
        """Each window, with its picture and what it answers for already in the piece."""
        for top, first_row, last_row in self.rows:
            for left, first_column, last_column in self.columns:
                height, width = self.piece.size
                place = np.s_[:, top : top + height, left : left + width]
                self.piece.picture.assign(self.picture.value[place])
                for name in self.names:
                    full, own = self.shapes[name][:2], np.zeros(self.piece.own[name].shape)
                    rows, columns = (
                        shrunk(side, count, *span) for side, count, span in zip(
                            self.size, full,
                            ((top, first_row, last_row), (left, first_column, last_column)),
                            strict=True,
                        )
                    )  # fmt: skip
                    own[rows[1] - rows[0] : rows[2] - rows[0],
                        columns[1] - columns[0] : columns[2] - columns[0]] = 1  # fmt: skip
                    self.piece.own[name].assign(own)
                    inside = np.s_[:, rows[0] : rows[0] + own.shape[0],
                                   columns[0] : columns[0] + own.shape[1]]  # fmt: skip
                    if name in self.style_layers:
                        self.piece.masks[name].assign(self.masks[name].value[inside])
                    if name in self.content_layers:
                        self.piece.wanted[name].assign(self.content_targets[name].value[inside])
                yield place

    def _measure(self) -> float:
        """The loss; the gradient is put into `gradient`."""
        piece, weighting = self.piece, self.weighting.value
        sums = {name: 0.0 for name in self.style_layers}
        for _ in self._windows():
            for name, each in piece.sums().items():
                sums[name] = sums[name] + ops.convert_to_numpy(each)
        style = 0.0
        for name, share in self.style_layers.items():
            areas = np.maximum(self.masks[name].value.sum(axis=(1, 2)), 1e-6)[:, None, None]
            apart = sums[name] / areas - self.style_targets[name].value
            factor = share * self.region_shares.value[:, None, None] / (4 * apart.shape[-1] ** 2)
            style += float(np.sum(factor * apart**2))
            piece.pulls[name].assign(weighting[1] * 2 * factor * apart / areas)
        content, self.gradient = 0.0, np.zeros_like(self.gradient)
        per_entry = {n: weighting[0] / np.prod(self.shapes[n]) for n in self.content_layers}
        for name, each in per_entry.items():
            piece.factors[name].assign(each * self.content_layers[name])
        for place in self._windows():
            piece.step()
            self.gradient[place] += piece.gradient
            content += float(ops.convert_to_numpy(piece.last)[0])
        smooth, slope = _variation(self.picture.value)
        self.gradient += weighting[2] * slope
        content = content / weighting[0] if weighting[0] else 0.0
        self.found = dict(zip(PARTS, (content, style, smooth, 0.0), strict=True))
        return float(np.dot(list(self.found.values()), weighting))


class Held:
    """An array that is assigned to as a Keras variable is; it stays in the host's memory."""

    def __init__(self, shape: tuple[int, ...], fill: float = 0.0):
        self.shape, self.value = shape, np.full(shape, fill, np.float32)

    def assign(self, value) -> None:
        """Put other numbers of the same shape."""
        value = ops.convert_to_numpy(value).astype(np.float32)
        if value.shape != tuple(self.shape):
            raise ValueError(f"an array of {value.shape} for one of {tuple(self.shape)}")
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return self.value if dtype is None else self.value.astype(dtype)


def shrunk(side: int, count: int, begin: int, first: int, last: int) -> tuple[int, int, int]:
    """The same places in a layer that has `count` positions for `side` pixels."""
    stride = side // count
    return begin // stride, first // stride, count if last == side else last // stride


def _variation(picture: np.ndarray) -> tuple[float, np.ndarray]:
    """`losses.total_variation` and its gradient."""
    down, right = np.diff(picture, axis=1), np.diff(picture, axis=2)
    slope = np.zeros_like(picture)
    for step, axis in ((down, 1), (right, 2)):
        pull = 2 * step / step.size
        slope += np.concatenate([np.zeros_like(pull.take([0], axis)), pull], axis)
        slope -= np.concatenate([pull, np.zeros_like(pull.take([0], axis))], axis)
    return float(np.mean(down**2) + np.mean(right**2)), slope
