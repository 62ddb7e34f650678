"""A small table of three columns that tell of the target, and every arm trained on it once."""

import numpy as np
import pandas as pd
import pytest

from recipes.wide_deep import data, prepared
from recipes.wide_deep.evaluate import evaluate
from recipes.wide_deep.settings import Settings

SMALL = Settings(epochs=3, batch_size=32, hidden=(16,), dimension=4, learning_rate=0.01)
KINDS = ("two", "three", "value")


def write_table(path, kind="two", rows=900):
    """age, city, job, day; `paid` is yes or no, low, middle or high, or a number."""
    random = np.random.default_rng(4)
    frame = pd.DataFrame({
        "age": random.integers(18, 80, rows), "home city": random.choice(["Ulm", "Bonn"], rows),
        "job": random.choice(["cook", "clerk", "smith"], rows),
        "day": random.choice(["2020-01-03", "2020-02-04", "2021-03-05"], rows),
    })  # fmt: skip
    score = frame["age"] / 20 + 2 * (frame["home city"] == "Ulm")
    score += 2 * ((frame["home city"] == "Ulm") & (frame["job"] == "cook"))
    score = (score + 0.3 * random.normal(size=rows)).to_numpy()
    if kind == "value":
        frame["paid"] = (100 * score).round(2)
    else:
        cuts = [3.2] if kind == "two" else [2.8, 4.0]
        names = ["no", "yes"] if kind == "two" else ["low", "middle", "top <b>"]
        frame["paid"] = np.array(names)[np.digitize(score, cuts)]
    frame["note to self"] = [f"row {k}" for k in range(rows)]
    frame.to_csv(path, index=False)
    return path


class Trained:
    """A table, its features, every arm's answers and the headline's predictor."""

    def __init__(self, folder, kind):
        self.path = write_table(folder / f"{kind}.csv", kind)
        self.table = data.load(self.path, target_column="paid")
        pairs = [("home city", "job")]
        self.ready = prepared.prepare(self.table, folder / "prepared", cross=pairs)
        self.folder = folder
        self.found, self.predictor = evaluate(SMALL, self.table, self.ready, folder, log=None)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """By kind of target."""
    return {kind: Trained(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}
