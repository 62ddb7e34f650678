"""Which network sees: VGG-19 where it can be had, else the small one that lies in this folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import keras

from common import datasets
from common.download import patience, sha256_of
from common.validation import DataError
from recipes.neural_style import features, small
from recipes.neural_style.settings import Settings

NAMES = ("auto", "vgg19", "vgg19_to_block3", "small", "random_filters")
KERAS_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
# Gatys 2016, section 3; and the same idea where the network ends after its third block.
WHOLE = ({"block4_conv2": 1.0}, {f"block{k}_conv1": 1.0 for k in range(1, 6)})
TO_BLOCK3 = (
    {"block3_conv2": 1.0},
    {"block1_conv1": 1.0, "block2_conv1": 1.0, "block3_conv1": 1.0, "block3_conv4": 1.0},
)
FILTERS = ({"scale3": 1.0}, {f"scale{k}": 1.0 for k in range(1, 6)})


@dataclass(frozen=True)
class Network:
    """A network that is at hand.

    Attributes:
        name: one of `NAMES`, or the file's name.
        said: in a sentence, where it is from.
        key: what its features hang on.
        content_layers, style_layers: that suit it, each with its share.
        file: of its weights; None for those that Keras fetches and for random ones.
    """

    name: str
    said: str
    key: str
    content_layers: dict[str, float]
    style_layers: dict[str, float]
    file: Path | None = None

    def fill(self, settings: Settings) -> Settings:
        """The settings with this network's own layers where they name none.

        Raises:
            DataError: they name a layer that it has not.
        """
        asked = {layer: kind for kind in ("content_layers", "style_layers")
                 for layer in getattr(settings, kind)}  # fmt: skip
        for layer, kind in asked.items():
            if layer in self.layers:
                continue
            near = get_close_matches(layer, self.layers, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise DataError(f"{kind}: {self.name} has no {layer}.{hint} It has "
                            f"{', '.join(self.layers)}.")
        return settings.model_copy(update={
            "content_layers": settings.content_layers or self.content_layers,
            "style_layers": settings.style_layers or self.style_layers,
        })  # fmt: skip

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of all its layers."""
        if self.name == "random_filters":
            return tuple(self.style_layers)
        last = max(features.VGG_LAYERS.index(name) for name in self.style_layers)
        return features.VGG_LAYERS[: last + 1]

    def extractor(self, layers: list[str], pooling: str = "average") -> keras.Model:
        """From pictures to the features of these layers; see `features.vgg`."""
        if self.name == "random_filters":
            return features.random_filters()
        if self.name == "small":
            return small.load(layers, pooling)
        return features.vgg19(layers, _kernels(self.file or _fetched(), self.key), pooling)


def find(weights: str) -> Network:
    """The network that a WEIGHTS parameter names.

    Args:
        weights: "vgg19" (the whole one; fetched by Keras the first time, 80 MB),
            "vgg19_to_block3" (its first three blocks, from the mirror), "small" (in this folder, no
            network), "random_filters" (without any training, to compare with), the path of a file
            of VGG-19's weights; or "auto": the best of these that is here already, without asking a
            network.

    Raises:
        DataError: an unknown name or file.
    """
    if weights == "auto":
        if cached().is_file():
            weights = "vgg19"
        elif datasets.state("vgg19_to_block3") in ("cached", "in mirror"):
            weights = "vgg19_to_block3"
        else:
            weights = "small"
    if weights == "vgg19":
        return Network("vgg19", "VGG-19, taught on ImageNet", "vgg19", *WHOLE)
    if weights == "vgg19_to_block3":
        file = datasets.load(weights) / datasets.entry(weights).files[0].name
        return Network(weights, "the first three blocks of VGG-19, taught on ImageNet",
                       sha256_of(file), *TO_BLOCK3, file)  # fmt: skip
    if weights == "small":
        return Network("small", "the small network of this folder, taught by VGG-19: "
                       'WEIGHTS = "vgg19" gives finer pictures and fetches 80 MB',
                       sha256_of(small.WEIGHTS), *TO_BLOCK3, small.WEIGHTS)  # fmt: skip
    if weights == "random_filters":
        return Network(weights, "random filters at five scales, never taught", weights, *FILTERS)
    path = Path(weights).expanduser()
    if not path.is_file():
        near = get_close_matches(weights, NAMES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near and os.sep not in weights else ""
        raise DataError(f"WEIGHTS={weights!r} is no file and none of {', '.join(NAMES)}.{hint}")
    deep = "block5_conv1/kernel" in features.read_kernels(path)
    return Network(path.name, f"weights of VGG-19 from {path.name}", sha256_of(path),
                   *(WHOLE if deep else TO_BLOCK3), path)  # fmt: skip


@lru_cache(maxsize=1)
def _kernels(file: Path, key: str) -> dict:
    """A file's weights, read once for all extractors; `key` changes with its content."""
    return features.read_kernels(file)


def cached() -> Path:
    """Where Keras keeps VGG-19's weights once they were fetched."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "models" / KERAS_FILE


def _fetched() -> Path:
    if not cached().is_file():
        try:
            with patience():
                keras.applications.VGG19(include_top=False, weights="imagenet")
        except Exception as error:  # Keras raises a bare Exception
            raise DataError(
                f"VGG-19 cannot be fetched ({error}). Put {KERAS_FILE} into "
                f"{cached().parent}, give its path as WEIGHTS, or take WEIGHTS = \"small\"."
            ) from error
    return cached()
