"""What is wrong with labelled pictures: unreadable ones, look-alikes, contradictions, too few."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from common.validation import DataError
from common.vision import inspect_pictures
from common.vision.listing import UNKNOWN, Listed


def readable(found: Listed) -> pd.DataFrame:
    """The rows whose picture can be read, with what `inspect_pictures.inspect` says of each.

    Every other one is reported as dropped, tiny and repaired ones as kept.

    Raises:
        DataError: none is left.
    """
    seen = inspect_pictures.inspect(found.rows["path"])
    report = found.report
    for row, problem, notes, width, height in zip(
        found.rows.itertuples(), seen["problem"], seen["notes"], seen["width"], seen["height"],
        strict=True,
    ):  # fmt: skip
        place = {"file": row.path, "row": row.line or None}
        if problem:
            report.add("cannot be read", problem, **place)
        elif min(width, height) < inspect_pictures.TINY and width:
            report.add("tiny", f"{width} x {height} pixels", **place, action="kept")
        for note in notes:
            report.add("read with care", note, **place, action="kept")
    good = (seen["problem"] == "").to_numpy()
    if not good.any():
        raise DataError(f"{found.source}: no picture can be read. {report.summary()}")
    rows = pd.concat([found.rows, seen.drop(columns=["problem", "notes"])], axis=1)
    return rows[good].reset_index(drop=True)


def alike(rows: pd.DataFrame, found: Listed, sure: Callable[[str, str], bool] | None = None
          ) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Find look-alikes, drop training pictures that look like test pictures, name contradictions.

    A copy of the same picture within one class and part is dropped; of one picture with two labels
    neither can be believed, and both are dropped from training.

    Args:
        sure: takes two paths and says whether it is one picture indeed, where all pictures have one
            layout and the coarse comparison sees too little.

    Returns:
        The rows left, with "group", without "bits" and "thumbnail"; and the pairs: "first",
        "second", their classes and parts, and "what" was done.
    """
    bits, looks = rows["bits"].to_numpy(np.uint64), np.stack(rows["thumbnail"])
    pairs = list(inspect_pictures.near_pairs(bits, looks))
    if sure is not None:
        path = rows["path"].to_numpy()
        pairs = [(i, j) for i, j in pairs if sure(path[i], path[j])]
    rows = rows.drop(columns=["bits", "thumbnail"])
    rows["group"] = inspect_pictures.groups_of(len(rows), pairs)
    label, split, digest = (rows[name].to_numpy() for name in ("label", "split", "sha256"))
    dropped, table = np.zeros(len(rows), bool), []
    for i, j in pairs:
        what = ""
        if label[i] != label[j] and -1 not in (label[i], label[j]):
            gone = [k for k in (i, j) if split[k] != "test"]
            what = "two labels for one picture"
        elif {split[i], split[j]} == {"train", "test"}:
            gone, what = [i if split[i] == "train" else j], "in training and in test"
        elif digest[i] == digest[j] and split[i] == split[j]:
            gone, what = [j], "the same file twice"
        else:
            gone = []
        for k in gone:
            other = j if k == i else i
            if not dropped[k]:
                said = f"{what}: as {_place(rows.path[other], found.source)}"
                found.report.add(what, said, file=rows.path[k], row=rows.line[k] or None)
            dropped[k] = True
        names = [found.classes[label[k]] if label[k] >= 0 else UNKNOWN for k in (i, j)]
        table.append((rows.path[i], rows.path[j], *names, split[i], split[j], what))
    both = ("first", "second")
    columns = [f"{which}{what}" for what in ("", " class", " part") for which in both]
    columns = [*columns, "what"]
    return rows[~dropped].reset_index(drop=True), pd.DataFrame(table, columns=columns)


def enough(rows: pd.DataFrame, found: Listed, name: str) -> pd.DataFrame:
    """Refuse data in which a class has nothing to learn from.

    Raises:
        DataError: it names the classes.
    """
    counts = rows.loc[rows["split"] == "train", "label"].value_counts()
    few = [each for k, each in enumerate(found.classes) if counts.get(k, 0) < 2]
    if few:
        raise DataError(
            f"{name}: {', '.join(few[:5])} {'has' if len(few) == 1 else 'have'} fewer than two "
            f"pictures to learn from. Add pictures, or remove the class. {found.report.summary()}"
        )
    return rows


def _place(path: str, source: Path) -> str:
    folder = source if source.is_dir() else source.parent
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path
