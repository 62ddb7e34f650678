"""What another policy would have earned, from the log of a random one (Open Bandit).

Horvitz and Thompson 1952; for recommendations Saito et al. 2021, section 3. A click counts as often
as the new policy would have shown that item, over how often the log's did. A random log shows every
item, so nothing is left out; few clicks make wide intervals.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from common import datasets
from common.metrics import Interval, bootstrap, wilson
from recipes.wide_deep.predictor import TablePredictor
from recipes.wide_deep.tabledata import TableData

SHARPNESS = (1.0, 3.0, 10.0)  # powers of the predicted odds
AT_A_TIME = 500  # impressions; each is asked about with every item


def policy_value(
    rewards: np.ndarray,
    logged: np.ndarray,
    wanted: np.ndarray,
    seed: int = 0,
) -> Interval:
    """Expected reward of an impression under a new policy, by self-normalised inverse propensity.

    The weights' sum takes the place of the number of rows (Swaminathan and Joachims 2015): a
    little biased, far less spread.

    Args:
        rewards: [rows], clicks of the log.
        logged: probability with which the log's policy showed the item, [rows], above 0.
        wanted: probability with which the new policy would have, [rows].
        seed: of the bootstrap.

    Raises:
        ValueError: a logged probability is 0 or below or above 1, or a wanted one outside 0 to 1.
    """
    rewards, logged, wanted = (np.asarray(array, float) for array in (rewards, logged, wanted))
    if not ((logged > 0) & (logged <= 1)).all():
        row = int(np.flatnonzero(~((logged > 0) & (logged <= 1)))[0])
        raise ValueError(f"row {row}: the log's probability is {logged[row]}; it must be above 0.")
    if not ((wanted >= 0) & (wanted <= 1)).all():
        row = int(np.flatnonzero(~((wanted >= 0) & (wanted <= 1)))[0])
        raise ValueError(f"row {row}: the new policy's probability is {wanted[row]}.")
    weights = wanted / logged

    def value(reward, weight):
        total = weight.sum()
        return float((reward * weight).sum() / total) if total else 0.0

    return bootstrap(value, rewards, weights, seed=seed)


def softmax_policy(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Probability of each item, [rows, items]: the higher its score, the more often.

    Raises:
        ValueError: `temperature` is not above 0.
    """
    if temperature <= 0:
        raise ValueError(f"temperature={temperature}; it must be above 0.")
    scaled = (scores - scores.max(axis=1, keepdims=True)) / temperature
    likely = np.exp(scaled)
    return likely / likely.sum(axis=1, keepdims=True)


def compare_policies(data: TableData, predictor: TablePredictor, seed: int = 0) -> pd.DataFrame:
    """Clicks an impression under the log's policies and under ours, on the test rows.

    Ours shows an item of the campaign in proportion to its predicted odds of a click, raised to a
    power: 0 would be the random policy, a large one always shows the best.

    Args:
        data: Open Bandit.
        predictor: trained on the random policy's earlier rows.
        seed: of the bootstrap.

    Returns:
        A row a policy: the value with its 95 % interval, and how many impressions of the log speak
        for it (effective sample size, Kish 1965). All are of the test rows' days.
    """
    test = np.flatnonzero(data.split == "test")
    clicks, logged = (data.target == 1).astype(float), data.logged
    shown = logged["propensity_score"].to_numpy(float)[test]
    rows = []
    same_days = logged["date"].isin(set(logged["date"].iloc[test]))
    for policy, part in (("random", "test"), ("bts", "other")):
        own = np.flatnonzero((logged["policy"] == policy) & (data.split == part) & same_days)
        name = "random (the log)" if policy == "random" else "Thompson sampling (its own log)"
        rows.append((name, wilson(int(clicks[own].sum()), len(own)), len(own)))
    chances, taken = item_chances(data, predictor, test)
    odds = np.log(np.clip(chances, 1e-9, 1)) - np.log1p(-np.clip(chances, 0, 1 - 1e-9))
    for power in SHARPNESS:
        wanted = softmax_policy(odds, 1 / power)[np.arange(len(test)), taken]
        weights = wanted / shown
        rows.append((
            f"ours, odds to the power of {power:g}",
            policy_value(clicks[test], shown, wanted, seed=seed),
            weights.sum() ** 2 / (weights**2).sum(),
        ))  # fmt: skip
    return pd.DataFrame({
        "policy": [name for name, _, _ in rows],
        "clicks in 1,000 impressions": [f"{1000 * each.value:.1f}" for _, each, _ in rows],
        "95 % interval": [f"{1000 * e.low:.1f} to {1000 * e.high:.1f}" for _, e, _ in rows],
        "impressions that speak for it": [f"{size:,.0f}" for _, _, size in rows],
    }).set_index("policy")  # fmt: skip


def item_chances(
    data: TableData, predictor: TablePredictor, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted chance of a click for every item of an impression's campaign.

    Returns:
        float64 [rows, items], 0 beyond the campaign's items; and int [rows], which of them was
        shown.
    """
    folder = datasets.load("open_bandit")
    items = pd.read_csv(folder / "items.csv", dtype=str, keep_default_na=False)
    with np.load(folder / "affinities.npz", allow_pickle=False) as file:
        affinity = file["affinity"][data.logged["row"].to_numpy()[rows]]
    chances = np.zeros((len(rows), affinity.shape[1]))
    taken = np.zeros(len(rows), int)
    for campaign, own in items.groupby("campaign", sort=False):
        of_campaign = np.flatnonzero((data.frame["campaign"].iloc[rows] == campaign).to_numpy())
        number = {name: place for place, name in enumerate(own["item_id"])}
        names = data.frame["item_id"].iloc[rows[of_campaign]]
        taken[of_campaign] = names.map(number).to_numpy()
        features = own.drop(columns="campaign").reset_index(drop=True)
        for start in range(0, len(of_campaign), AT_A_TIME):
            places = of_campaign[start : start + AT_A_TIME]
            asked = data.frame.iloc[np.repeat(rows[places], len(own))].reset_index(drop=True)
            for name in features:
                asked[name] = np.tile(features[name].to_numpy(), len(places))
            asked["affinity"] = affinity[places, : len(own)].ravel()
            said = predictor.predict_inputs(predictor.features.arrays(asked))[:, 1]
            chances[places, : len(own)] = said.reshape(len(places), len(own))
    return chances, taken
