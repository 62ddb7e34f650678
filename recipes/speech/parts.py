"""Which utterances are learned from and which are tested with, where the data does not say it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from common.validation import DataError

PARTS = ("train", "validation", "test")
APART = {"validation": 0.1, "test": 0.15}  # of the speakers, of data without that part


def set_apart(rows: pd.DataFrame, part: str, name: str, seed: int) -> pd.DataFrame:
    """Some speakers of the training part to another one; some utterances where none is known."""
    known = np.flatnonzero(rows["split"] == "train")
    told = rows["speaker"].to_numpy(object)[known]
    # Who is not told speaks for himself alone.
    groups = np.where(told == "", [f"\0{place}" for place in known], told)
    if len(set(told) - {""}) < 3:
        groups = np.arange(len(known))
    if len(known) < 10:
        raise DataError(f"{name} has {len(known)} utterance(s) to learn from, and none for {part}. "
                        "Give at least 10, or parts of your own (folders train, dev, test).")
    # Shares are of speakers, and one of them may have spoken nearly everything.
    chosen = known
    for again in range(20):
        divide = GroupShuffleSplit(1, test_size=APART[part], random_state=seed + 1000 * again)
        drawn = next(divide.split(known, groups=groups))[1]
        chosen = min(chosen, drawn, key=len)
        if len(drawn) <= 2 * APART[part] * len(known):
            chosen = drawn
            break
    split = rows["split"].to_numpy(object).copy()
    split[known[chosen]] = part
    return rows.assign(split=split)


def first_look(rows: pd.DataFrame, limit: int | None, seed: int) -> pd.DataFrame:
    """Somewhat more than `limit` rows, the same share of every part: others need not be heard."""
    wanted = None if limit is None else max(2 * limit, limit + 50)
    if wanted is None or wanted >= len(rows):
        return rows
    kept = []
    for split in rows["split"].unique():
        inside = np.flatnonzero(rows["split"] == split)
        count = max(1, round(wanted / len(rows) * len(inside)))
        kept += np.random.default_rng((seed, 2)).permutation(inside)[:count].tolist()
    return rows.iloc[sorted(kept)].reset_index(drop=True)


def limited(rows: pd.DataFrame, limit: int | None, seed: int) -> pd.DataFrame:
    """About `limit` rows, the same share of every part; all for None."""
    if limit is None or limit >= len(rows):
        return rows
    share, kept = limit / len(rows), []
    for split in PARTS:
        inside = np.flatnonzero(rows["split"] == split)
        count = max(1, round(share * len(inside)))
        kept += np.random.default_rng(seed).permutation(inside)[:count].tolist()
    return rows.iloc[sorted(kept)].reset_index(drop=True)
