"""AlexNet, as the paper writes it and as one would write it today, at any size of picture.

Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012. Everything here is `keras` and `keras.ops` alone, so it runs on TensorFlow, JAX and
PyTorch. Pictures float [batch, size, size, 3], red, green, blue from 0 to 255, go in and
unnormalised class scores (logits) float32 [batch, classes] come out.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import keras
import numpy as np
import pandas as pd
from keras import ops

from recipes.transfer.augment import IMAGENET, Colours

# What `without` may name, and what is there when it is gone.
PAPER_PARTS = {
    "conv2": "no second convolution",
    "conv3": "no third convolution",
    "conv4": "no fourth convolution",
    "conv5": "no fifth convolution",
    "dense6": "no first layer of 4096 units",
    "dense7": "no second layer of 4096 units",
    "dropout": "all units, all the time (section 4.2)",
    "groups": "every filter sees every map (section 3.2)",
    "lrn": "no response normalisation (section 3.3)",
    "overlap": "the maximum of 2 x 2 places instead of 3 x 3 (section 3.4)",
    "pool": "every second place is taken as it is, without a maximum",
    "relu": "tanh (section 3.1)",
}
_OF_THE_PAPER_ALONE = ("dense6", "dense7", "groups", "lrn")
MODERN_PARTS = {name: said for name, said in PAPER_PARTS.items()
                if name not in _OF_THE_PAPER_ALONE}  # fmt: skip
MODERN_PARTS["batch_norm"] = "no batch normalisation; biases instead"
FILTERS, UNITS = (96, 256, 384, 384, 256), 4096  # section 3.5
# How many values a unit reads in the paper's network, and the layers whose biases begin as 1.
PAPER_READS = {"conv1": 363, "conv2": 1200, "conv3": 2304, "conv4": 1728, "conv5": 1728,
               "dense6": 9216, "dense7": 4096, "logits": 4096}  # fmt: skip
BIAS_OF_ONE = ("conv2", "conv4", "conv5", "dense6", "dense7")
SMALLEST = 15  # pixels a side: three poolings leave 7, 3 and 1
# conv1 for pictures up to so many pixels a side: kernel, stride, padding.
FIRST_WINDOWS = ((64, 5, 1, "same"), (128, 7, 2, "same"), (math.inf, 11, 4, "valid"))


def paper(
    classes: int,
    size: int = 227,
    width: float = 1.0,
    without: Collection[str] = frozenset(),
    colours: Colours | None = None,
) -> keras.Model:
    """AlexNet as section 3.5 and Figure 2 have it, begun as section 5 says.

    The paper speaks of pictures of 224 pixels; its 55 x 55 first maps need 227. Smaller ones
    would be gone before the last convolution, so the first layer hangs on the size: 11 x 11 every
    4 pixels above 128 pixels (the paper's), 7 x 7 every 2 from 65 to 128, 5 x 5 at every pixel up
    to 64. Maps of 55, 27, 13 and 6 places a side become 32, 15, 7 and 3 at 32 pixels.

    Weights begin as N(0, 0.01 sqrt(r / s)), where a unit of the paper's layer reads r values and
    one of this layer s: the sums begin with the same spread. (With N(0, 0.01) a network of width
    0.25 for 32 pixels still guessed after ten epochs.) At 227 pixels and width 1 that is the
    paper's N(0, 0.01). Biases begin as 1 in conv2, conv4, conv5, dense6 and dense7 and as 0
    elsewhere. Weight decay is the optimizer's, see `schedule.paper_optimizer`.

    Args:
        classes: number of classes.
        size: pixels a side, at least 15.
        width: share of the paper's filters and units, above 0.
        without: parts to leave out, of `PAPER_PARTS`; section 7 says what depth is worth.
        colours: of the training pictures, whose mean is subtracted; None takes ImageNet's.

    Raises:
        ValueError: a parameter is wrong; the message names it and says the mend.
    """
    without = _check(classes, size, width, without, PAPER_PARTS)
    filters, units = _scaled(width)
    activation = "tanh" if "relu" in without else "relu"

    def start(name: str, read: int) -> dict:
        """Initialisation of a layer whose units read so many values."""
        deviation = 0.01 * (PAPER_READS[name] / read) ** 0.5
        return {"kernel_initializer": keras.initializers.RandomNormal(stddev=deviation),
                "bias_initializer": keras.initializers.Constant(name in BIAS_OF_ONE)}  # fmt: skip

    inputs = keras.Input((size, size, 3), name="pictures")
    mean = (colours or IMAGENET).mean
    maps = keras.layers.Rescaling(1.0, [-value for value in mean], name="minus_mean")(inputs)
    for number, count in enumerate(filters, start=1):
        name = f"conv{number}"
        if name not in without:
            groups = 2 if number in (2, 4, 5) and "groups" not in without else 1
            window = _window(number, size)
            read = window["kernel_size"] ** 2 * maps.shape[-1] // groups
            maps = GroupedConvolution(
                count, **window, groups=groups, activation=activation, **start(name, read),
                name=name,
            )(maps)  # fmt: skip
            if number <= 2 and "lrn" not in without:
                maps = LocalResponseNormalization(name=f"lrn{number}")(maps)
        maps = _pooled(maps, number, without)
    features = keras.layers.Flatten(name="flatten")(maps)
    for number in (6, 7):
        name = f"dense{number}"
        if name not in without:
            begun = start(name, features.shape[-1])
            features = keras.layers.Dense(units, activation, name=name, **begun)(features)
            if "dropout" not in without:
                features = keras.layers.Dropout(0.5, name=f"dropout{number}")(features)
    begun = start("logits", features.shape[-1])
    logits = keras.layers.Dense(classes, dtype="float32", name="logits", **begun)(features)
    return keras.Model(inputs, logits, name="alexnet")


def modern(
    classes: int,
    size: int = 227,
    width: float = 1.0,
    without: Collection[str] = frozenset(),
    colours: Colours | None = None,
    dropout: float = 0.5,
) -> keras.Model:
    """The same five convolutions and three poolings with what has been learned since.

    Batch normalisation instead of response normalisation (Ioffe and Szegedy 2015), pixels of unit
    spread and He's initialisation (He et al. 2015), no groups, which served two small cards, and
    the mean over all places instead of the two layers of 4096 units (Lin et al. 2014).

    Args:
        classes, size, width: as in `paper`.
        without: parts to leave out, of `MODERN_PARTS`.
        colours: of the training pictures, whose mean and deviation bring pixels to mean 0 and
            spread 1; None takes ImageNet's.
        dropout: share of the features that are set to zero before the class scores.

    Raises:
        ValueError: a parameter is wrong; the message names it and says the mend.
    """
    without = _check(classes, size, width, without, MODERN_PARTS)
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout={dropout!r}: write a share of at least 0 and below 1.")
    normed = "batch_norm" not in without
    activation = "tanh" if "relu" in without else "relu"
    colours = colours or IMAGENET
    scale = [1 / deviation for deviation in colours.deviation]
    offset = [-mean * one for mean, one in zip(colours.mean, scale, strict=True)]

    inputs = keras.Input((size, size, 3), name="pictures")
    maps = keras.layers.Rescaling(scale, offset, name="standardised")(inputs)
    for number, count in enumerate(_scaled(width)[0], start=1):
        name = f"conv{number}"
        if name not in without:
            maps = keras.layers.Conv2D(
                count, **_window(number, size), use_bias=not normed,
                kernel_initializer=keras.initializers.HeNormal(), name=name,
            )(maps)  # fmt: skip
            if normed:
                # Small sets have few steps; Keras's momentum of 0.99 would lag behind them.
                norm = keras.layers.BatchNormalization(momentum=0.9, name=f"norm{number}")
                maps = norm(maps)
            maps = keras.layers.Activation(activation, name=f"{activation}{number}")(maps)
        maps = _pooled(maps, number, without)
    # On a few thousand pictures the mean is no worse than the two wide layers, which would hold
    # nine tenths of the parameters.
    features = keras.layers.GlobalAveragePooling2D(name="mean")(maps)
    if "dropout" not in without:
        features = keras.layers.Dropout(dropout, name="dropout")(features)
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(features)
    return keras.Model(inputs, logits, name="alexnet_modern")


@keras.saving.register_keras_serializable(package="transfer")
class LocalResponseNormalization(keras.layers.Layer):
    """A unit's response against those of its neighbours at the same place, section 3.3.

    b_i = a_i / (k + alpha * sum over j from i - n/2 to i + n/2 of a_j^2) ^ beta. Here alpha
    multiplies the sum as in the paper; Caffe and PyTorch divide it by n first, so theirs of
    1e-4 is the paper's 2e-5.

    Maps [..., channels] of any floating dtype go in and come out.

    Args:
        k, n, alpha, beta: as in the paper; n, the number of neighbours, is odd.

    Raises:
        ValueError: n is not a positive odd number.
    """

    def __init__(self, k: float = 2.0, n: int = 5, alpha: float = 1e-4, beta: float = 0.75,
                 **keywords):
        if not (isinstance(n, int) and n >= 1 and n % 2):
            raise ValueError(f"n={n!r}: write an odd number of neighbours, such as 5.")
        super().__init__(**keywords)
        self.k, self.n, self.alpha, self.beta = k, n, alpha, beta

    def build(self, input_shape):
        # A product with a band of ones sums the neighbours. With its gradient it takes a sixth of
        # the time of five shifted slices on TensorFlow, and no more than they on JAX (two cores).
        channel = np.arange(input_shape[-1])
        self.band = (abs(channel[:, None] - channel) <= self.n // 2).astype("float32")

    def call(self, maps):
        # Squares of unscaled pixels' responses pass float16's 65,504.
        exact = ops.cast(maps, "float32")
        around = self.k + self.alpha * ops.matmul(ops.square(exact), self.band)
        if self.beta == 0.75:  # two roots: 40 % of a power's time on TensorFlow
            root = ops.rsqrt(around)
            factor = root * ops.sqrt(root)
        else:
            factor = ops.power(around, -self.beta)
        return ops.cast(exact * factor, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"k": self.k, "n": self.n, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="transfer")
class GroupedConvolution(keras.layers.Conv2D):
    """`Conv2D` whose groups are convolutions of their own, laid side by side.

    The weights and the result are Keras's own. TensorFlow and JAX train Keras's groups on a CPU
    as well, but more than ten times as slowly; on PyTorch, Keras's are taken.
    """

    def convolution_op(self, inputs, kernel):
        if self.groups == 1 or keras.backend.backend() == "torch":
            return super().convolution_op(inputs, kernel)
        convolve = super().convolution_op
        pairs = zip(ops.split(inputs, self.groups, axis=-1),
                    ops.split(kernel, self.groups, axis=-1), strict=True)  # fmt: skip
        return ops.concatenate([convolve(*pair) for pair in pairs], axis=-1)


def layer_table(model: keras.Model) -> pd.DataFrame:
    """What each layer costs: a row for each that has weights or changes the shape, and a total.

    For networks whose layers follow one another, as those above.

    Columns: layer, output (shape without the batch), parameters, share_of_parameters,
    multiply_adds (millions a picture, of convolutions and fully connected layers; the rest is
    small), share_of_work. Shares are between 0 and 1.
    """
    rows, before = [], None
    for layer in model.layers:
        shape = tuple(layer.output.shape[1:])
        parameters, work = layer.count_params(), 0
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            # Each weight is used once at each place.
            work = math.prod(layer.kernel.shape) * math.prod(shape[:-1])
        if parameters or shape != before:
            rows.append((layer.name, " x ".join(map(str, shape)), parameters, work / 1e6))
        before = shape
    table = pd.DataFrame(rows, columns=["layer", "output", "parameters", "multiply_adds"])
    total = table[["parameters", "multiply_adds"]].sum()
    table.loc[len(table)] = ["total", "", int(total.parameters), total.multiply_adds]
    table.insert(3, "share_of_parameters", table.parameters / total.parameters)
    table["share_of_work"] = table.multiply_adds / total.multiply_adds
    return table


def _window(number: int, size: int) -> dict:
    """Kernel, stride and padding of a convolution, by its number from 1."""
    kernel, stride, padding = (5, 1, "same") if number == 2 else (3, 1, "same")
    if number == 1:
        kernel, stride, padding = next(rest for side, *rest in FIRST_WINDOWS if size <= side)
    return {"kernel_size": kernel, "strides": stride, "padding": padding}


def _pooled(maps, number: int, without: frozenset[str]):
    """The pooling after the first, second and fifth convolution: 3 x 3 at every second place."""
    if number not in (1, 2, 5):
        return maps
    window = 1 if "pool" in without else 2 if "overlap" in without else 3
    return keras.layers.MaxPooling2D(window, 2, name=f"pool{number}")(maps)


def _scaled(width: float) -> tuple[list[int], int]:
    """Filters and units at a width; even, for the two groups."""
    even = [max(2, 2 * round(count * width / 2)) for count in (*FILTERS, UNITS)]
    return even[:-1], even[-1]


def _check(classes, size, width, without, parts) -> frozenset[str]:
    for name, value, least in (("classes", classes, 2), ("size", size, SMALLEST)):
        if not (isinstance(value, int) and value >= least):
            raise ValueError(f"{name}={value!r}: write a whole number of at least {least}.")
    if not (isinstance(width, int | float) and 0 < width <= 8):
        raise ValueError(f"width={width!r}: write a share above 0 such as 0.25; 1 is the paper's.")
    without = frozenset([without] if isinstance(without, str) else without)
    if unknown := sorted(without - set(parts)):
        raise ValueError(f"without={', '.join(unknown)}: no such part to leave out; choose from "
                         f"{', '.join(sorted(parts))}.")
    return without
