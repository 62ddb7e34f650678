"""The three doors to labelled pictures: the sample, a published set by name, folders or a CSV.

`load` turns any of them into one `Pictures`; nothing after this module knows which door it was.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from common import datasets, doors, files
from common.card import DataCard
from common.table import PART_NAMES
from common.validation import DataError, Report
from common.vision import check, listing
from common.vision.head import dealt

PUBLISHED = ("hymenoptera", "imagenette", "cifar10")
DRAWN = 60  # training pictures of each class in the sample
TEST_PARTS = 5  # of data without parts of its own, one is for test


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures.

    Attributes:
        name: "sample", the catalogue's name, or the name of the user's folder or file.
        synthetic: True where they were drawn by this project.
        classes: names, in the order of the labels.
        rows: a row a picture: "path", "label" (-1 in the part "unknown"), "split" ("train", "test"
            or "unknown": of no class), "group" (the same for pictures that look the same),
            "sha256", "width", "height"; and what the data itself says of it (the sample's "level",
            "x", ...).
        report: what was dropped and remarked.
        alike: pairs of look-alikes with what was done about them.
        licence, citation: of the pictures.
    """

    name: str
    synthetic: bool
    classes: list[str]
    rows: pd.DataFrame = field(repr=False)
    report: Report = field(repr=False)
    alike: pd.DataFrame = field(repr=False)
    licence: str = ""
    citation: str = ""

    def part(self, split: str) -> pd.DataFrame:
        """The rows of "train", "test" or "unknown"."""
        return self.rows[self.rows["split"] == split].reset_index(drop=True)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def fingerprint(self) -> str:
        """sha256 over every picture's bytes, label and part."""
        lines = self.rows[["sha256", "label", "split"]].astype(str).agg(" ".join, axis=1)
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def card(self) -> DataCard:
        """Pictures of each class in each part, sizes and terms."""
        labels = self.rows["label"].map(lambda k: self.classes[k] if k >= 0 else "of no class")
        counts = pd.crosstab(labels, self.rows["split"]).rename_axis("class")
        order = [part for part in ("train", "test", "unknown") if part in counts]
        counts = counts.reindex(index=[*self.classes, "of no class"], columns=order).dropna()
        sides = self.rows[["width", "height"]].min(axis=1)
        facts = {
            "shorter side": f"{sides.min()} to {sides.max()} pixels, half of them above "
                            f"{sides.median():.0f}",
            "look-alikes": f"{len(self.alike):,} pairs",
            "licence": self.licence,
        }  # fmt: skip
        if self.citation:
            facts["cite"] = self.citation
        title = self.name + (" (synthetic, drawn by this project)" if self.synthetic else "")
        return DataCard(title, counts.astype(int), facts)


def load(
    data: str | os.PathLike,
    *,
    path_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    strict: bool = False,
    limit: int | None = None,
    drawn: int = DRAWN,
    seed: int = 0,
) -> Pictures:
    """Labelled pictures through one of the three doors.

    Args:
        data: "sample" (drawn here, synthetic); the name of a published set; or a path: a folder
            with a folder for each class, or with the parts train, (val,) test and (unknown,) and
            the classes below them; or a CSV of paths and labels.
        path_column, label_column, split_column: of a CSV; None guesses them.
        strict: refuse the user's data if anything in it must be dropped.
        limit: keep about so many pictures, the same share of every class and part.
        drawn: training pictures of each class in the sample; a network that learns from nothing
            needs more than a head on a taught one.
        seed: of the division of data without parts, and of what `limit` keeps.

    Returns:
        Pictures. Without a part for test, a fifth is set apart, look-alikes on one side. With val
        and test, val is for training too (choices are made by cross-validation); val alone is test.
        Training pictures that look like a test picture are dropped.

    Raises:
        DataError: the word is no door, or the data cannot be used.
        DatasetError: a published set cannot be had.
        ValueError: `limit` is out of range.
    """
    if data == "sample":
        licence = "none needed: drawn by data_scripts/sample_transfer.py"
        name = "sample" if drawn == DRAWN else f"sample, {drawn} a class"
        found = _checked(listing.of_folder(sample(drawn)), name, True, licence, "", seed)
        return _limited(found, limit, seed)
    if data in PUBLISHED:
        entry = datasets.entry(data)
        found = listing.of_folder(datasets.load(data))
        found = replace(found, classes=[_without_id(name) for name in found.classes])
        found = _checked(found, data, False, entry.licence, entry.citation.strip(), seed)
        return _limited(found, limit, seed)
    path = doors.own_path(data, PUBLISHED, "a folder with a folder of pictures for each class, or "
                          "a CSV of paths and labels")  # fmt: skip
    if path.is_dir():
        found = listing.of_folder(path)
    else:
        found = listing.of_table(path, path_column, label_column, split_column)
    found = _checked(found, path.name, False, "not stated: the user's own", "", seed)
    found.report.raise_if_strict(strict and found.report.dropped > 0)
    return _limited(found, limit, seed)


def sample(drawn: int = DRAWN) -> Path:
    """The sample's folder, with so many training pictures a class; drawn the first time."""
    from data_scripts import sample_transfer

    folder = datasets.cache_folder() / "samples"
    folder /= f"transfer-{files.work_key([sample_transfer.__file__], drawn=drawn)}"
    if not folder.is_dir():
        with files.whole_folder(folder) as aside:
            sample_transfer.write(aside, train=drawn)
    return folder


def _without_id(name: str) -> str:
    """ImageNet's folders are called n02102040_english_springer."""
    head, _, rest = name.partition("_")
    return rest.replace("_", " ") if head[:1] == "n" and head[1:].isdigit() and rest else name


def _checked(found: listing.Listed, name, synthetic, licence, citation, seed) -> Pictures:
    rows = check.readable(found)
    rows["split"] = _parts(rows["split"].to_numpy(object))
    rows, alike = check.alike(rows, found)
    if not (rows["split"] == "test").any():
        rows = _set_apart(rows, name, seed)
        alike["what"] = alike["what"].replace("", "kept on one side")
    rows = check.enough(rows, found, name)
    return Pictures(name, synthetic, found.classes, rows, found.report, alike, licence, citation)


def _parts(written: np.ndarray) -> np.ndarray:
    """train, test and unknown, as said at `load`."""
    parts = np.array([PART_NAMES.get(part, part) for part in written], object)
    parts[parts == "validation"] = "train" if (parts == "test").any() else "test"
    return parts


def _set_apart(rows: pd.DataFrame, name: str, seed: int) -> pd.DataFrame:
    known = np.flatnonzero(rows["split"] != "unknown")
    labels, groups = (rows[column].to_numpy()[known] for column in ("label", "group"))
    fewest = int(np.bincount(labels).min())
    if fewest < TEST_PARTS:
        raise DataError(
            f"{name}: a class has {fewest} picture(s); to set a part aside for test, each needs at "
            f"least {TEST_PARTS}. Add some, or give parts of your own (folders train and test)."
        )
    _, test = next(iter(dealt(labels, groups, TEST_PARTS, seed)))
    split = rows["split"].to_numpy(object).copy()
    split[known], split[known[test]] = "train", "test"
    return rows.assign(split=split)


def _limited(data: Pictures, limit: int | None, seed: int) -> Pictures:
    if limit is None or limit >= len(data):
        return data
    strata = data.rows.groupby(["split", "label"])
    if limit < 2 * strata.ngroups:
        raise ValueError(f"limit={limit} is too small: {data.name} has {strata.ngroups} "
                         "combinations of class and part, and each must keep 2 pictures.")
    share, random = limit / len(data), np.random.default_rng(seed)
    kept = [random.permutation(rows)[: max(2, round(share * len(rows)))]
            for rows in strata.indices.values()]  # fmt: skip
    return replace(data, rows=data.rows.iloc[np.sort(np.concatenate(kept))].reset_index(drop=True))
