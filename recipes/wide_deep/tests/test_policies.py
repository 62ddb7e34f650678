"""Asking about items that were not shown, on a small world of its own."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recipes.wide_deep import data, off_policy


class Likes:
    """A predictor that knows: the chance is the affinity, and an item's colour does not matter."""

    class features:  # noqa: N801 - stands for the predictor's attribute
        @staticmethod
        def arrays(frame):
            return {"ids": frame}

    def predict_inputs(self, inputs):
        chance = inputs["ids"]["affinity"].to_numpy(float)
        return np.stack([1 - chance, chance], axis=1)


@pytest.fixture
def bandit(tmp_path, monkeypatch):
    """2,000 impressions of three items; item 2 is clicked by all who feel 0.5 for it."""
    random, rows = np.random.default_rng(0), 2000
    affinity = np.full((rows, 3), 0.1, np.float32)
    affinity[np.arange(rows), random.integers(0, 3, rows)] = 0.5
    shown = random.integers(0, 3, rows)
    felt = affinity[np.arange(rows), shown]
    clicks = (random.random(rows) < felt).astype(np.int32)
    names = [f"men-{k}" for k in range(3)]
    pd.DataFrame({"item_id": names, "campaign": "men", "colour": list("abc")}).to_csv(
        tmp_path / "items.csv", index=False
    )
    np.savez(tmp_path / "affinities.npz", affinity=affinity)
    monkeypatch.setattr(off_policy.datasets, "load", lambda name: tmp_path)
    table = data.load("sample", limit=700)
    frame = pd.DataFrame({
        "campaign": "men", "item_id": np.array(names)[shown],
        "colour": np.array(list("abc"))[shown],
        "affinity": felt.astype(str),
    })  # fmt: skip
    split = np.where(np.arange(rows) < 1500, "test", "other")
    logged = pd.DataFrame({
        "policy": np.where(split == "test", "random", "bts"), "propensity_score": "0.3333333",
        "date": "2020-01-01", "row": np.arange(rows),
    })  # fmt: skip
    return replace(table, frame=frame, target=clicks, split=split, logged=logged), affinity, shown


def test_every_item_is_asked_about(bandit):
    table, affinity, shown = bandit
    rows = np.array([0, 3, 7])
    chances, taken = off_policy.item_chances(table, Likes(), rows)
    np.testing.assert_allclose(chances, affinity[rows], rtol=1e-6)
    np.testing.assert_array_equal(taken, shown[rows])


def test_a_policy_that_knows_earns_more_than_the_log(bandit):
    table = off_policy.compare_policies(bandit[0], Likes())
    values = table["clicks in 1,000 impressions"].astype(float)
    assert values.iloc[0] == pytest.approx(1000 * (0.5 + 0.1 + 0.1) / 3, abs=40)
    assert values.iloc[-1] == pytest.approx(500, abs=60)  # always the item that is felt for
    assert values.iloc[-1] > values.iloc[2] > values.iloc[0]
