"""The networks whose features are compared: VGG-19, or what stands in for it without a download."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import ops

from common.validation import DataError

# Simonyan and Zisserman 2015, table 1, column E: convolutions of each block and their filters.
CONVOLUTIONS, FILTERS = (2, 2, 4, 4, 4), (64, 128, 256, 512, 512)
MEAN_BGR = (103.939, 116.779, 123.68)  # of ImageNet's pixels, 0 to 255
VGG_LAYERS = tuple(
    f"block{block}_conv{number}"
    for block, count in enumerate(CONVOLUTIONS, start=1)
    for number in range(1, count + 1)
)


@keras.saving.register_keras_serializable(package="neural_style")
class CaffePixels(keras.layers.Layer):
    """Red, green and blue from 0 to 1 as VGG was taught: blue, green, red, less ImageNet's mean."""

    def __init__(self, **keywords):
        super().__init__(dtype="float32", **{k: v for k, v in keywords.items() if k != "dtype"})

    def call(self, pictures):
        return ops.flip(pictures, axis=-1) * 255.0 - ops.convert_to_tensor(MEAN_BGR, "float32")

    def compute_output_shape(self, shape):
        return shape


def vgg19(
    layers: list[str], kernels: dict[str, np.ndarray] | None, pooling: str = "average"
) -> keras.Model:
    """VGG-19 up to the deepest layer asked for, as it stood in the papers; see `vgg`."""
    return vgg(layers, kernels, pooling, FILTERS, "vgg19")


def vgg(
    layers: list[str],
    kernels: dict[str, np.ndarray] | None,
    pooling: str,
    filters: tuple[int, ...],
    name: str,
) -> keras.Model:
    """A network with VGG-19's layers up to the deepest one asked for.

    Args:
        layers: names such as "block3_conv2".
        kernels: "block1_conv1/kernel" [3, 3, in, out], "block1_conv1/bias" [out] and so on;
            None draws them at random (He et al. 2015).
        pooling: "average" (Gatys 2016, section 2: a little nicer) or "max".
        filters: of each block.
        name: of the network.

    Returns:
        Model from pictures [batch, height, width, 3], 0 to 1, to a dictionary of features after
        their ReLU, [batch, height / 2^block, width / 2^block, filters].

    Raises:
        ValueError: an unknown layer or pooling.
        DataError: the kernels end before the deepest layer.
    """
    unknown = [name for name in layers if name not in VGG_LAYERS]
    if unknown or not layers:
        raise ValueError(f"VGG-19 has no layer {', '.join(unknown) or '(none asked for)'}; it has "
                         f"{', '.join(VGG_LAYERS)}.")
    if pooling not in ("average", "max"):
        raise ValueError(f'pooling={pooling!r}; choose "average" or "max".')
    last = max(VGG_LAYERS.index(name) for name in layers)
    pool = keras.layers.AveragePooling2D if pooling == "average" else keras.layers.MaxPooling2D
    pictures = keras.Input((None, None, 3), name="pictures")
    x, found = CaffePixels(name="pixels")(pictures), {}
    for layer in VGG_LAYERS[: last + 1]:
        block, number = int(layer[5]), int(layer[-1])
        if number == 1 and block > 1:
            x = pool(2, name=f"block{block - 1}_pool")(x)
        x = keras.layers.Conv2D(
            filters[block - 1], 3, padding="same", activation="relu",
            kernel_initializer="he_normal", name=layer,
        )(x)  # fmt: skip
        found[layer] = x
    model = keras.Model(pictures, {layer: found[layer] for layer in layers}, name=name)
    if kernels is not None:
        for layer in VGG_LAYERS[: last + 1]:
            if f"{layer}/kernel" not in kernels:
                there = [key.removesuffix("/kernel") for key in kernels if key.endswith("/kernel")]
                raise DataError(
                    f"The weights of {name} at hand end before {layer}: they have "
                    f"{', '.join(there)}."
                )
            model.get_layer(layer).set_weights(
                [kernels[f"{layer}/kernel"], kernels[f"{layer}/bias"]]
            )
    model.trainable = False
    return model


def read_kernels(path: str | Path) -> dict[str, np.ndarray]:
    """VGG-19's weights from a file: a Keras .h5 of the network without its top, or an .npz.

    Raises:
        DataError: not such a file; it names the file and says what would do.
    """
    path = Path(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                kernels = {name: file[name] for name in file.files}
        else:
            network = keras.applications.VGG19(include_top=False, weights=str(path))
            kernels = {
                f"{layer.name}/{kind}": values
                for layer in network.layers
                for kind, values in zip(("kernel", "bias"), layer.get_weights(), strict=False)
            }
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} holds no weights of VGG-19 ({error}). Give Keras's "
            "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5, or an .npz of arrays such as "
            "block1_conv1/kernel and block1_conv1/bias."
        ) from error
    if "block1_conv1/kernel" not in kernels:
        raise DataError(f"{path} has no array block1_conv1/kernel.")
    return kernels




def random_filters(
    scales: int = 5, filters: int = 64, size: int = 7, seed: int = 0
) -> keras.Model:
    """Random filters over a pyramid of the picture, one layer and no training.

    After Ustyuzhaninov, Brendel, Gatys and Bethge, "Texture Synthesis Using Shallow Convolutional
    Networks with Random Filters", 2016; their filters grow up to 55 x 55 pixels, here the picture
    shrinks instead, which costs a hundredth.

    Args:
        scales: halvings of the picture.
        filters: of each scale.
        size: of each filter in pixels.
        seed: of the filters.

    Returns:
        Model from pictures [batch, height, width, 3], 0 to 1, to {"scale1": [batch, height, width,
        filters], "scale2": half of that, ...}.
    """
    pictures = keras.Input((None, None, 3), name="pictures")
    x, found = pictures - 0.5, {}
    for scale in range(1, scales + 1):
        kernel = keras.initializers.HeNormal(seed=1000 * seed + scale)
        layer = keras.layers.Conv2D(
            filters, size, padding="same", activation="relu", kernel_initializer=kernel,
            name=f"scale{scale}",
        )  # fmt: skip
        found[f"scale{scale}"] = layer(x)
        x = keras.layers.AveragePooling2D(2, padding="same", name=f"halve{scale}")(x)
    model = keras.Model(pictures, found, name="random_filters")
    model.trainable = False
    return model
