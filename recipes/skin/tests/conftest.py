"""What tests of this folder share: a cache of their own, and one small run that was taught."""

from dataclasses import dataclass

import numpy as np
import pytest

from common.vision import backbones
from common.vision.taps import Taps
from common.vision.tests.conftest import own_cache
from data_scripts import sample_skin
from recipes.skin import data, report, seeing, train
from recipes.skin.classifier import Classifier, network
from recipes.skin.cut import Cut, Seen
from recipes.skin.data import Lesions

__all__ = ["own_cache"]
SIZE = 64


def fresh(views=2, constancy="shades_of_grey"):
    return Cut.of(Taps.of(backbones.find("small", SIZE), views=views), constancy=constancy)


@dataclass
class Run:
    """Drawn lesions, what was seen of them, two members, and the product."""

    lesions: Lesions
    seen: dict[str, Seen]
    members: list[train.Taught]
    wanted: np.ndarray
    product: Classifier


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    made = tmp_path_factory.mktemp("drawn")
    sample_skin.write(made, lesions=150, test=60)
    return made


@pytest.fixture(scope="session")
def run(drawn, own_cache):
    lesions = data.load(drawn, readers=drawn / "readers.csv")
    rows = {part: lesions.part(part) for part in data.PARTS}
    seen = {part: seeing.of_files(fresh(), table["path"], table["sha256"],
                                  3 if part == "train" else 0, log=None)
            for part, table in rows.items()}  # fmt: skip
    labels = {part: table["label"].to_numpy() for part, table in rows.items()}
    members = [train.teach(fresh(), seen["train"], labels["train"], seen["validation"],
                           labels["validation"], 7, None, epochs=2, seed=seed, log=None)
               for seed in (0, 1)]  # fmt: skip
    wanted = np.bincount(labels["train"], minlength=7) / len(labels["train"])
    found = report.shares([each.logits(seen["validation"]) for each in members],
                          members[0].frequencies, wanted)  # fmt: skip
    chosen = report.thresholds(lesions, rows["validation"], found, 0.8, 0.8)
    product = Classifier(network(fresh, members, wanted, 1.3), lesions.classes, lesions.malignant,
                         wanted, chosen, "drawn")  # fmt: skip
    return Run(lesions, seen, members, wanted, product)
