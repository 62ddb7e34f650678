"""A handful of drawn pictures and a tiny backbone, so that a whole run takes a second."""

import numpy as np
import pytest

from common.vision import features, head
from common.vision.backbones import Backbone, linear_top
from common.vision.tests.conftest import SIZE, WIDTH, network
from data_scripts import sample_transfer
from recipes.transfer import data, familiar
from recipes.transfer.labeller import Labeller


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
