"""How well a list is ordered: what stands on a page, or is offered to a user."""

from __future__ import annotations

import numpy as np
import pandas as pd


def ranking_metrics(
    groups: np.ndarray, labels: np.ndarray, scores: np.ndarray, items: np.ndarray, k: int = 3
) -> pd.DataFrame:
    """Per group: NDCG@k and hit@k.

    Args:
        groups: which list each row belongs to (a visit, a user), [rows].
        labels: 0 or 1 [rows], what was wanted.
        scores: [rows], by which the list is ordered; ties in the order of the rows.
        items: what stands in each row, for `coverage`.
        k: places that count.

    Returns:
        Data frame with one row a group that holds a wanted row at all, columns "ndcg" (Järvelin
        and Kekäläinen 2002, with gain 1 and discount log2(place + 1)) and "hit" (a wanted row is
        among the first k); and in its `attrs["coverage"]` the share of all items that reach the
        first k of some list.
    """
    if k < 1:
        raise ValueError(f"k={k}; it must be 1 or more.")
    order = np.lexsort((np.arange(len(scores)), -np.asarray(scores, float), groups))
    group, label, item = groups[order], np.asarray(labels)[order], np.asarray(items)[order]
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    place = np.arange(len(group)) - np.repeat(starts, np.diff(np.r_[starts, len(group)]))
    counted = place < k
    gain = label * counted / np.log2(place + 2)
    wanted = np.add.reduceat(label, starts)
    ideal = np.cumsum(1 / np.log2(np.arange(k) + 2))
    table = pd.DataFrame({
        "ndcg": np.add.reduceat(gain, starts) / ideal[np.clip(wanted, 1, k) - 1],
        "hit": np.maximum.reduceat(label * counted, starts),
    }, index=pd.Index(group[starts], name="group"))[wanted > 0]  # fmt: skip
    table.attrs["coverage"] = len(set(item[counted])) / len(set(item))
    return table
