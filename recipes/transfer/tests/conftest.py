"""A handful of drawn pictures and a tiny backbone, so that a whole run takes a second."""

import keras
import numpy as np
import pytest

from data_scripts import sample_transfer
from recipes.transfer import data, familiar, features, head
from recipes.transfer.backbones import Backbone, linear_top
from recipes.transfer.labeller import Labeller

SIZE, WIDTH = 48, 12


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Features and samples go to a folder of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECIPES_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("drawn")
    sample_transfer.write(found, train=9, test=6, unknown=4)
    return found


@pytest.fixture(scope="session")
def drawn(folder):
    return data.load(folder)


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
def seen(backbone, drawn):
    rows = drawn.part("train")
    return features.compute(backbone, rows["path"])


@pytest.fixture(scope="session")
def trained(seen, drawn):
    return head.fit(seen, drawn.part("train")["label"].to_numpy(), classes=len(drawn.classes))


@pytest.fixture(scope="session")
def labeller(backbone, trained, seen, drawn):
    labels = drawn.part("train")["label"].to_numpy()
    sense = familiar.learn("neighbour", trained, seen.mean(axis=1), labels)
    return Labeller(backbone, trained, drawn.classes, sense)
