"""Networks that see: from pixels to the maps of their last layer, and where their weights are from.

A backbone takes pixels from 0 to 255 and prepares them itself. Its maps, averaged over the picture,
are the features that a head reads (Donahue et al., "DeCAF", ICML 2014); where the network has
ImageNet's thousand classes, its own head comes with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from common import datasets
from common.download import DatasetError, patience, sha256_of
from common.validation import DataError
from common.vision import small, squeezenet
from common.vision.layers import ChannelMeans

NAMES = ("auto", "mobilenet_v2", "inception_v3", "inception_v3_to_mixed8", "mobilenet_025_128",
         "squeezenet", "small")  # fmt: skip
MAPS_BATCH = 8
INDEX = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
# Pixels and preparation of the families of keras.applications; the longest beginning counts.
FAMILIES = {
    "ConvNeXt": (224, None), "DenseNet": (224, "torch"), "EfficientNet": (224, None),
    "InceptionResNet": (299, "tf"), "Inception": (299, "tf"), "MobileNet": (224, "tf"),
    "MobileNetV3": (224, None), "NASNet": (224, "tf"), "NASNetLarge": (331, "tf"),
    "ResNet50": (224, "caffe"), "ResNet101": (224, "caffe"), "ResNet152": (224, "caffe"),
    "ResNet50V2": (224, "tf"), "ResNet101V2": (224, "tf"), "ResNet152V2": (224, "tf"),
    "VGG": (224, "caffe"), "Xception": (299, "tf"),
    **{f"EfficientNetB{k}": (size, None)
       for k, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))},
    **{f"EfficientNetV2{k}": (size, None) for k, size in
       {"B1": 240, "B2": 260, "B3": 300, "S": 384, "M": 480, "L": 480}.items()},
}  # fmt: skip


@dataclass(frozen=True)
class Backbone:
    """A network that is at hand.

    Attributes:
        name: as asked for, "auto" resolved.
        said: in a sentence, where its weights are from.
        key: what its features hang on.
        size: pixels of a side.
        model: float32 [n, size, size, 3] of pixels 0 to 255 -> maps [n, height, width, d], or
            features [n, d] of a network that shows no maps.
        classes: its own classes, "" where it has none; as ImageNet's names with their WordNet ids.
        top: maps -> logits [n, classes], if it has classes.
        linear: whether `top` is the mean of the maps through one matrix, so that each place's
            share in an answer can be told.
    """

    name: str
    said: str
    key: str
    size: int
    model: keras.Model
    classes: tuple[str, ...] = ()
    wordnet: tuple[str, ...] = ()
    top: keras.Model | None = field(default=None, repr=False)
    linear: bool = True

    @property
    def has_maps(self) -> bool:
        """Whether it shows where in the picture a feature lies."""
        return len(self.model.output_shape) == 4

    @cached_property
    def views(self) -> keras.Model:
        """pixels -> features [n, 2, d]: of picture and mirror image, averaged over places."""
        inputs = keras.Input((self.size, self.size, 3), name="pixels")
        seen = [self.model(view) for view in (inputs, keras.ops.flip(inputs, axis=2))]
        if self.has_maps:
            seen = [keras.layers.GlobalAveragePooling2D(dtype="float32")(maps) for maps in seen]
        return keras.Model(inputs, keras.ops.stack(seen, axis=1), name="views")

    def maps(self, pictures: np.ndarray) -> np.ndarray:
        """Its last maps, float32 [n, height, width, d], of uint8 pictures [n, size, size, 3]."""
        found = []
        for begin in range(0, len(pictures), MAPS_BATCH):
            block = pictures[begin : begin + MAPS_BATCH].astype(np.float32)
            full = np.zeros((MAPS_BATCH, *block.shape[1:]), np.float32)  # one shape, one program
            full[: len(block)] = block
            seen = keras.ops.convert_to_numpy(self.model.predict_on_batch(full))
            found.append(seen[: len(block)].astype(np.float32))
        return np.concatenate(found)


def find(name: str = "auto", size: int | None = None) -> Backbone:
    """The network that a BACKBONE parameter names.

    Args:
        name: one of `NAMES`; a network of keras.applications ("ResNet50V2", fetched the first
            time); the folder of a SavedModel, or its address on TensorFlow Hub or Kaggle; or
            "auto": MobileNetV2 where its weights are at hand, else the small network of this
            folder, without asking a network.
        size: pixels of a side; None takes the one that the network was taught with.

    Raises:
        DataError: an unknown name, or weights that cannot be had.
    """
    if name == "auto":
        here = _keras_file("MobileNetV2").is_file() or _in_mirror("mobilenet_v2")
        name = "mobilenet_v2" if here else "small"
    builders: dict[str, Callable[[int | None], Backbone]] = {
        "mobilenet_v2": _mobilenet_v2, "inception_v3": _inception_v3,
        "inception_v3_to_mixed8": _to_mixed8, "mobilenet_025_128": _mobilenet_025,
        "squeezenet": _squeezenet, "small": _small,
    }  # fmt: skip
    if name in builders:
        return builders[name](size)
    if hasattr(keras.applications, name) and name[0].isupper():
        return _application(name, size, None)
    if "://" in name or (Path(name).expanduser() / "saved_model.pb").is_file():
        from common.vision import hub  # needs TensorFlow

        model, said, key = hub.backbone(name, size or 224)
        return Backbone(name, said, key, size or 224, model)
    known = [*NAMES, *(each for each in dir(keras.applications) if each[0].isupper())]
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near and os.sep not in name else ""
    raise DataError(f"BACKBONE={name!r} is none of {', '.join(NAMES)}, no network of "
                    f"keras.applications and no folder with a saved_model.pb.{hint}")


def _small(size):
    size = size or small.SIZE
    return Backbone("small", "the small network of this project, taught by MobileNetV2 on "
                    "photographs and drawn pictures: others see more, but need a download",
                    sha256_of(small.WEIGHTS), size,
                    _prepared(small.load(size), size, "tf"))  # fmt: skip


def _mobilenet_v2(size):
    file = _keras_file("MobileNetV2")
    if not file.is_file() and _in_mirror("mobilenet_v2"):
        file = _mirrored("mobilenet_v2")
        return _application("MobileNetV2", size, file, "mobilenet_v2",
                            "MobileNetV2, taught on ImageNet (Google's 8-bit weights, re-packed)")
    return _application("MobileNetV2", size, None, "mobilenet_v2")


def _inception_v3(size):
    return _application("InceptionV3", size, None, "inception_v3")


def _to_mixed8(size):
    file, size = _mirrored("inception_v3_to_mixed8"), size or 299
    whole = keras.applications.InceptionV3(weights=None, include_top=False,
                                           input_shape=(size, size, 3))  # fmt: skip
    part = keras.Model(whole.input, whole.get_layer("mixed8").output)
    part.load_weights(file)
    return Backbone("inception_v3_to_mixed8", "Inception-v3 up to its layer mixed8, taught on "
                    "ImageNet; the layers behind could not be had",
                    sha256_of(file), size, _prepared(part, size, "tf"))  # fmt: skip


def _mobilenet_025(size):
    file = _mirrored("mobilenet_025_128")
    return _application("MobileNet", size or 128, file, "mobilenet_025_128",
                        "MobileNet 0.25, taught on ImageNet at 128 pixels", alpha=0.25)


def _squeezenet(size):
    file, size = _mirrored("squeezenet"), size or 227
    part, top = squeezenet.load(file, size)
    names, ids = imagenet_classes()
    return Backbone("squeezenet", "SqueezeNet 1.0, taught on ImageNet and pruned to a third",
                    sha256_of(file), size, part, names, ids, top, linear=False)  # fmt: skip


def _application(name, size, file, called=None, said=None, **options) -> Backbone:
    """A network of keras.applications with its top, weights of `file` or fetched by Keras."""
    family = max((each for each in FAMILIES if name.startswith(each)), key=len, default=None)
    if family is None:
        raise DataError(f"BACKBONE={name!r}: keras.applications has it, but how it wants its "
                        "pixels is not known here. Add it to FAMILIES in backbones.py.")
    native, mode = FAMILIES[family]
    size = size or native
    build = getattr(keras.applications, name)
    try:
        with patience():
            whole = build(input_shape=(size, size, 3), weights=str(file) if file else "imagenet",
                          classifier_activation=None, **options)  # fmt: skip
    except Exception as error:  # Keras raises a bare Exception where it cannot fetch
        raise DataError(
            f"{name} cannot be had ({error}). Put its weights into {_keras_file(name).parent}, "
            "name a folder with them in RECIPES_MIRROR, or take BACKBONE = \"small\"."
        ) from error
    weights = file or _keras_file(name)
    maps, kernel, bias = _taken_apart(whole)
    part = _prepared(keras.Model(whole.input, maps), size, mode)
    names, ids, top = (), (), None
    if kernel is not None:
        with suppress(DataError):  # without their names the answers say nothing
            names, ids = imagenet_classes()
            top = linear_top(kernel, bias, maps.shape[1:])
    key = sha256_of(weights) if weights.is_file() else name
    return Backbone(called or name, said or f"{name}, taught on ImageNet", key, size, part,
                    names, ids, top)  # fmt: skip


def _taken_apart(whole: keras.Model):
    """The maps before the global mean, and the matrix behind it; None for another kind of top."""
    pools = [k for k, layer in enumerate(whole.layers)
             if isinstance(layer, keras.layers.GlobalAveragePooling2D)]  # fmt: skip
    if not pools:  # VGG: two layers on all positions
        last = next(layer for layer in reversed(whole.layers) if len(layer.output.shape) == 4)
        return last.output, None, None
    behind = [layer for layer in whole.layers[pools[-1] + 1 :] if layer.weights]
    maps = whole.layers[pools[-1]].input
    if len(behind) != 1:  # a layer between mean and answer
        return maps, None, None
    kernel, bias = behind[0].get_weights()
    return maps, kernel.reshape(-1, kernel.shape[-1]), bias


def linear_top(kernel: np.ndarray, bias: np.ndarray, shape: tuple) -> keras.Model:
    """Mean over the picture, then one matrix: maps [n, *shape] or features [n, d] -> logits.

    Args:
        kernel: float [d, classes]. bias: float [classes].
        shape: of one picture's maps (height, width, d), or (d,).
    """
    inputs = keras.Input(shape)
    pooled = keras.layers.GlobalAveragePooling2D()(inputs) if len(shape) == 3 else inputs
    dense = keras.layers.Dense(kernel.shape[1], name="answers", dtype="float32")
    model = keras.Model(inputs, dense(pooled), name="top")
    dense.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
    return model


def _prepared(network: keras.Model, size: int, mode: str | None) -> keras.Model:
    """The same network from pixels of 0 to 255."""
    inputs = keras.Input((size, size, 3), name="pixels")
    values = inputs
    if mode == "tf":
        values = keras.layers.Rescaling(1 / 127.5, -1)(values)
    elif mode == "torch":
        spread = np.array([0.229, 0.224, 0.225])
        values = keras.layers.Normalization(
            mean=255 * np.array([0.485, 0.456, 0.406]), variance=(255 * spread) ** 2
        )(values)
    elif mode == "caffe":
        values = ChannelMeans()(values)
    return keras.Model(inputs, network(values), name="backbone")


def imagenet_classes() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """ImageNet's thousand names ("English springer") and WordNet ids ("n02102040").

    In the order of Keras's networks.

    Raises:
        DataError: neither a mirror nor Keras has the file.
    """
    try:
        folder = datasets.load("imagenet_names")
        found = json.loads((folder / "imagenet_class_index.json").read_text(encoding="utf-8"))
    except DatasetError:
        try:
            with patience():
                path = keras.utils.get_file(
                    "imagenet_class_index.json", INDEX, cache_subdir="models",
                    file_hash="c2c37ea517e94d9795004a39431a14cb",
                )  # fmt: skip
        except Exception as error:
            raise DataError(f"The names of ImageNet's classes cannot be had ({error}).") from error
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    names, ids = [], []
    for number, name in (found[str(k)] for k in range(1000)):
        name = name.replace("_", " ")
        # A crane is a bird and a machine.
        names.append(f"{name} ({number})" if name in names else name)
        ids.append(number)
    return tuple(names), tuple(ids)


def _in_mirror(name: str) -> bool:
    return datasets.state(name) in ("cached", "in mirror")


def _mirrored(name: str) -> Path:
    try:
        return datasets.load(name) / datasets.entry(name).files[0].name
    except DatasetError as error:
        raise DataError(str(error)) from error


def _keras_file(name: str) -> Path:
    """Where Keras keeps a network's weights with their top once they were fetched."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    begin = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=[0-9])", "_", name).lower()
    names = {"MobileNetV2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
             "InceptionV3": "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"}  # fmt: skip
    if name in names:
        return home / names[name]
    found = sorted(home.glob(f"*{begin.replace('_', '*')}*.h5")) if home.is_dir() else []
    found = [path for path in found if "notop" not in path.name]
    return found[0] if found else home / f"{name}.h5"


def digest(model: keras.Model) -> str:
    """A key of a network that was taught here: sixteen digits over its weights."""
    found = hashlib.sha256()
    for weight in model.get_weights():
        found.update(np.ascontiguousarray(weight).tobytes())
    return found.hexdigest()[:16]
