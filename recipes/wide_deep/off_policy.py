"""What another policy would have earned, from the log of a random one.

Horvitz and Thompson 1952; for recommendations Saito et al. 2021, section 3. A click counts as often
as the new policy would have shown that item, over how often the log's did. A random log shows every
item, so nothing is left out; few clicks make wide intervals.
"""

from __future__ import annotations

import numpy as np

from common.metrics import Interval, bootstrap


def policy_value(
    rewards: np.ndarray,
    logged: np.ndarray,
    wanted: np.ndarray,
    normalised: bool = True,
    seed: int = 0,
) -> Interval:
    """Expected reward of an impression under a new policy, by inverse propensity.

    Args:
        rewards: [rows], clicks of the log.
        logged: probability with which the log's policy showed the item, [rows], above 0.
        wanted: probability with which the new policy would have, [rows].
        normalised: divide by the sum of the weights instead of the rows (a little biased, far
            less spread).
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
        total = weight.sum() if normalised else len(weight)
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
