"""A handful of drawn pictures and a tiny backbone, so that a whole run takes a second."""

import pytest

from common.vision import features, head
from common.vision.tests.conftest import backbone, own_cache
from data_scripts import sample_transfer
from recipes.transfer import data, familiar
from recipes.transfer.labeller import Labeller

__all__ = ["backbone", "own_cache"]  # fixtures of the tests of common/vision


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("drawn")
    sample_transfer.write(found, train=9, test=6, unknown=4)
    return found


@pytest.fixture(scope="session")
def drawn(folder):
    return data.load(folder)


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
