"""Turn the published tables into one CSV each: UTF-8, a header, a column `split`.

Each public function is named by a `prepare:` line of the catalogue and is called by
`common.datasets.load` with the original files {name: path} and an empty folder to write in.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from common.download import DatasetError

ADULT = (
    "age workclass fnlwgt education education_num marital_status occupation relationship race sex "
    "capital_gain capital_loss hours_per_week native_country income"
).split()
TRAINING_SHARE = 0.7  # of the random policy's log, the first days
CAMPAIGNS, POLICIES = ("men", "women"), ("random", "bts")
KEPT = ("timestamp", "item_id", "position", "click", "propensity_score",
        *(f"user_feature_{k}" for k in range(4)))  # fmt: skip


def prepare_adult(originals: dict[str, Path], folder: Path) -> None:
    """Write adult.csv: 32,561 training and 16,281 test rows, missing values empty.

    The test file begins with a comment, and its labels end with a full stop.
    """
    with open(folder / "adult.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*ADULT, "split"])
        for name, split in (("adult.data", "train"), ("adult.test", "test")):
            with open(originals[name], encoding="utf-8", newline="") as source:
                for number, line in enumerate(source, start=1):
                    if not line.strip() or line.startswith("|"):
                        continue
                    fields = [field.strip() for field in line.split(",")]
                    if len(fields) != len(ADULT):
                        raise DatasetError(
                            f"{name}, line {number}: {len(fields)} fields, not {len(ADULT)}"
                        )
                    fields[-1] = fields[-1].removesuffix(".")
                    writer.writerow([*("" if f == "?" else f for f in fields), split])


def prepare_open_bandit(originals: dict[str, Path], folder: Path) -> None:
    """Write open_bandit.csv: impressions of two campaigns under two logging policies.

    Columns: policy, campaign, the log's own, the item's four features, and what the user felt for
    the item shown (`affinity`, of the 34 or 46 columns of affinities the one that matters). Of the
    random policy the first days are for training and the rest for test; the other policy's rows
    stand apart, split "other".

    Beside it what is needed to ask about items that were not shown: items.csv (campaign, item_id
    and the item's features) and affinities.npz ("affinity" float32 [rows, items of the campaign],
    rows as in open_bandit.csv, NaN beyond the campaign's items).
    """
    frames, contexts, affinities = [], [], []
    for campaign in CAMPAIGNS:
        for policy in POLICIES:
            log = pd.read_csv(originals[f"{policy}_{campaign}.csv.gz"])
            items = pd.read_csv(originals[f"{policy}_{campaign}_item_context.csv"], index_col=0)
            affinity = log.filter(regex=r"^user-item_affinity_\d+$").to_numpy(np.float32)
            frame = log[list(KEPT)].copy()
            frame["affinity"] = affinity[np.arange(len(log)), log["item_id"]]
            frame = frame.merge(items, on="item_id", how="left", validate="many_to_one")
            frame.insert(0, "campaign", campaign)
            frame.insert(0, "policy", policy)
            order = np.argsort(frame["timestamp"].to_numpy(), kind="stable")
            frames.append(frame.iloc[order])
            affinities.append(affinity[order])
        contexts.append(items.assign(campaign=campaign))
    table, items = (pd.concat(parts, ignore_index=True) for parts in (frames, contexts))
    for each in (table, items):
        each["item_id"] = each["campaign"] + "-" + each["item_id"].astype(str)
    widest = max(part.shape[1] for part in affinities)
    affinities = [
        np.pad(part, [(0, 0), (0, widest - part.shape[1])], constant_values=np.nan)
        for part in affinities
    ]
    np.savez_compressed(folder / "affinities.npz", affinity=np.concatenate(affinities))
    items.to_csv(folder / "items.csv", index=False)
    rank = table.groupby(["policy", "campaign"]).cumcount()
    size = table.groupby(["policy", "campaign"])["click"].transform("size")
    table["split"] = np.where(rank < TRAINING_SHARE * size, "train", "test")
    table.loc[table["policy"] != "random", "split"] = "other"
    table.to_csv(folder / "open_bandit.csv", index=False)
