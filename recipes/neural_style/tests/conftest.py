"""A tiny network and small pictures, so that a whole run takes a second."""

import numpy as np
import pytest

from data_scripts import sample_neural_style
from recipes.neural_style import features, pictures
from recipes.neural_style.settings import Settings

LAYERS = ["block1_conv1", "block2_conv1", "block2_conv2"]


@pytest.fixture(scope="session")
def extractor():
    """Random, and the same on every backend."""
    random, kernels = np.random.default_rng(0), {}
    for layer, (inside, outside) in zip(
        features.VGG_LAYERS, ((3, 6), (6, 6), (6, 8), (8, 8)), strict=False
    ):
        spread = (2 / (9 * inside)) ** 0.5
        kernels[f"{layer}/kernel"] = random.normal(scale=spread, size=(3, 3, inside, outside))
        kernels[f"{layer}/bias"] = np.zeros(outside)
    return features.vgg(LAYERS, kernels, "average", (6, 8), "tiny")


@pytest.fixture(scope="session")
def tiny():
    return Settings(size=64, scales=1, steps=12, content_layers={"block2_conv2": 1.0},
                    style_layers={"block1_conv1": 1.0, "block2_conv1": 1.0})  # fmt: skip


@pytest.fixture(scope="session")
def content():
    return pictures.resized(sample_neural_style.photograph("china") / np.float32(255), 48, 64)


@pytest.fixture(scope="session")
def styles():
    return [sample_neural_style.painting(name, 64) / np.float32(255)
            for name in ("woodcut", "brushwork")]  # fmt: skip
