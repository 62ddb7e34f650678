"""How well "none of these" is told: pictures of no class, scores, and what they amount to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from common import metrics, pictures
from common.records import record, share
from common.validation import DataError
from common.vision import features
from common.vision.inspect_pictures import inspect
from recipes.transfer.data import PUBLISHED, Pictures, load
from recipes.transfer.familiar import METHODS, learn, measured
from recipes.transfer.labeller import Labeller


def methods(
    data: Pictures, labeller: Labeller, train: np.ndarray, known: np.ndarray,
    unknown: pd.DataFrame, kept: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """How well every method tells pictures of no class, by the area under the ROC curve.

    Args:
        labeller: its head is used, with its held-out logits.
        train, known: features [n, 2, d] of the training and the test pictures.
        unknown: rows of pictures of no class, see `rows_of`.

    Returns:
        A row for each method: the area, and shares at the threshold that keeps so many training
        pictures.
    """
    rows = {}
    labels, groups = (data.part("train")[name].to_numpy() for name in ("label", "group"))
    for method in METHODS:
        sense = learn(method, labeller.head, train.mean(axis=1), labels, groups, kept=kept)
        familiar, strange = scores(replace(labeller, familiarity=sense), known, unknown)
        rows[method] = measured(sense, familiar, strange)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def measure(
    data: Pictures, variant: str, labeller: Labeller, unknown: pd.DataFrame, seeds: list[int]
) -> list[dict]:
    """`records` of a labeller on the test part and rows of pictures of no class."""
    known = features.of_rows(labeller.backbone, data.part("test"), log=None)
    pair = scores(labeller, known, unknown)
    return records(data, variant, *pair, labeller.familiarity.threshold, seeds)


def records(data, variant, known, unknown, threshold, seeds) -> list[dict]:
    """The area under the ROC curve, and the shares kept and refused at a threshold, as records.

    Args:
        known, unknown: scores, float [n] each.
    """
    truth = np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    area = metrics.bootstrap(roc_auc_score, truth, np.r_[known, unknown], n=500)
    return [record(data.name, variant, "auc of none of these", area, seeds),
            share(data.name, variant, "known kept", known >= threshold, seeds),
            share(data.name, variant, "unknown refused", unknown < threshold, seeds)]  # fmt: skip


def scores(
    labeller: Labeller, known: np.ndarray, unknown: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """How familiar features [n, 2, d] and rows of pictures are to a labeller, float [n] each."""
    heat = labeller.head.temperature
    return tuple(
        labeller.familiarity.score(each.mean(axis=1), labeller.head.logits(each) / heat)
        for each in (known, features.of_rows(labeller.backbone, unknown, log=None))
    )


def rows_of(data: Pictures, given: str | None, seed: int = 0) -> pd.DataFrame:
    """Pictures of no class: "path" and "sha256" of each.

    Args:
        given: a folder of them, or the name of a published set whose test part is taken. None
            takes the data's own part "unknown", or the drawn pictures of the sample.

    Raises:
        DataError: nothing that can be read there.
    """
    if given is None:
        own = data.part("unknown")
        return own if len(own) else load("sample", seed=seed).part("unknown")
    if given in PUBLISHED:
        return load(given, seed=seed).part("test")
    folder = Path(given).expanduser()
    paths = [str(path) for path in sorted(folder.rglob("*"))
             if path.suffix.lower() in pictures.SUFFIXES]  # fmt: skip
    rows = inspect(paths).assign(path=paths) if paths else pd.DataFrame({"problem": []})
    rows = rows[rows["problem"] == ""].reset_index(drop=True)
    if len(rows) < 2:
        raise DataError(f"UNKNOWN={given!r} holds {len(rows)} picture(s) that can be read; give a "
                        f"folder with more, or a published set ({', '.join(PUBLISHED)}).")
    return rows
