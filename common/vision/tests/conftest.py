"""A handful of patterned pictures and a tiny backbone, so that a whole run takes a second."""

import hashlib

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.vision import features, head
from common.vision.backbones import Backbone, linear_top

SIZE, WIDTH, EACH = 48, 12, 9


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Features and samples go to a folder of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECIPES_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def network(seed=0):
    """Two convolutions of random filters that tell stripes from dots a little."""
    inputs = keras.Input((SIZE, SIZE, 3))
    kernels = keras.initializers.RandomNormal(0, 0.3, seed=seed)
    maps = keras.layers.Rescaling(1 / 255)(inputs)
    for filters in (WIDTH, WIDTH):
        maps = keras.layers.Conv2D(filters, 5, 2, "same", activation="relu",
                                   kernel_initializer=kernels)(maps)  # fmt: skip
        maps = keras.layers.BatchNormalization()(maps)
    return keras.Model(inputs, maps, name="backbone")


@pytest.fixture(scope="session")
def backbone():
    model = network()
    random = np.random.default_rng(1)
    names = tuple(f"thing {k}" for k in range(7))
    top = linear_top(random.normal(size=(WIDTH, 7)), np.zeros(7), model.output_shape[1:])
    return Backbone("tiny", "a tiny random network", "tiny", SIZE, model, names,
                    tuple(f"n{k}" for k in range(7)), top)  # fmt: skip


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """Stripes along, stripes across and noise: "path", "label", "sha256", "group"."""
    folder, random, found = tmp_path_factory.mktemp("patterns"), np.random.default_rng(0), []
    for k in range(3 * EACH):
        label, phase = k % 3, random.uniform(0, 6)
        wave = 127 + 90 * np.sin(np.arange(60) / 2 + phase)
        picture = random.normal(0, 12, (60, 60, 3))
        picture += [wave[:, None, None], wave[None, :, None], random.normal(127, 60, (60, 60, 1))][
            label
        ]
        path = folder / f"{k}.png"
        Image.fromarray(np.uint8(np.clip(picture, 0, 255))).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found.append((str(path), label, digest, k))
    return pd.DataFrame(found, columns=["path", "label", "sha256", "group"])


@pytest.fixture(scope="session")
def seen(backbone, rows):
    return features.compute(backbone, rows["path"])


@pytest.fixture(scope="session")
def trained(seen, rows):
    return head.fit(seen, rows["label"].to_numpy(), classes=3)
