"""Features with known grades, the table of photographs that goes with them, and a grader."""

import numpy as np
import pandas as pd

from common.vision import backbones
from common.vision.taps import Taps
from recipes.retina.grader import Grader, Preparation
from recipes.retina.learning import Heads, Task


def task(count=120, width=300, seed=0, unknown=0.2):
    """Grades that hang on one direction of many; edema on another."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, width)).astype(np.float32)
    features[:, :40] += 2 * random.normal(size=(count, 1))
    severity = features[:, :40].mean(axis=1) + random.normal(0, 0.3, count)
    grades = np.searchsorted(np.quantile(severity, [0.35, 0.45, 0.7, 0.85]), severity)
    edema = (features[:, width // 15 : width // 5 + 1].mean(axis=1) > 0).astype(int)
    edema[random.random(count) < unknown] = -1
    return Task(features, grades, edema, np.arange(count), np.ones(count, bool))


def rows_of(whole: Task) -> pd.DataFrame:
    """As `data.Eyes.part` gives them."""
    return pd.DataFrame({"grade": whole.grades, "group": whole.groups, "path": "",
                         "dme_risk": np.where(whole.edema > 0, 2, whole.edema),
                         "doubtful": ~whole.trusted})  # fmt: skip


def grader_by_chance(size: int) -> Grader:
    """The small backbone with heads by chance, whose answers lie well apart."""
    taps, random = Taps.of(backbones.find("small", size)), np.random.default_rng(0)
    kernel = random.normal(size=(taps.width, 3 * 5)).astype(np.float32)
    found = Heads("questions", 3, np.zeros(taps.width, np.float32), kernel / taps.width**0.5,
                  random.normal(size=3 * 5).astype(np.float32), 2.0, 2.0)  # fmt: skip
    return Grader.of(Preparation(size), taps, found, {"sensitive": 0.1, "specific": 0.3})
