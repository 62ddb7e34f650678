"""The three doors to photographs of skin lesions: the sample, a published set, the user's own.

`load` turns any of them into one `Lesions`; nothing after this module knows which door it was.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from common import datasets, doors, files, pictures, privacy
from common.card import DataCard
from common.table import read_table
from common.validation import DataError, Report
from common.vision import check
from common.vision.head import dealt
from common.vision.inspect_pictures import groups_of
from recipes.skin import layouts, twins

PUBLISHED = ("ham10000",)
NAMES = {"akiec": "actinic keratosis, Bowen's disease", "bcc": "basal cell carcinoma",
         "bkl": "benign keratosis", "df": "dermatofibroma", "mel": "melanoma",
         "nv": "melanocytic nevus", "vasc": "vascular lesion",
         "scc": "squamous cell carcinoma"}  # fmt: skip
# akiec has carcinoma in situ among it; scc is a class of the ISIC challenges.
MALIGNANT = ("mel", "bcc", "akiec", "scc", "malignant", "melanoma", "basal cell carcinoma",
             "squamous cell carcinoma", "actinic keratosis")  # fmt: skip
BENIGN = ("nv", "bkl", "df", "vasc", "benign", "nevus", "naevus", "melanocytic nevus",
          "seborrheic keratosis", "benign keratosis", "dermatofibroma", "vascular lesion")
LEAST = 2  # malignant and benign photographs in each part, for areas and thresholds
PARTS = ("train", "validation", "test")
APART = 5  # of data without a part for validation or for test, one of so many is set apart


@dataclass(frozen=True)
class Lesions:
    """Labelled photographs of skin lesions.

    Attributes:
        name: "sample", the catalogue's name, or the name of the user's folder or file.
        synthetic: True where they were drawn by this project.
        classes: names, in the order of the labels. malignant: those of them that are.
        rows: a row a photograph: "path", "label", "split" (one of `PARTS`), "group" (the same for
            photographs of one lesion, of one patient where known, and for look-alikes), "lesion",
            "patient", "age", "sex", "place" (as told), "sha256", "width", "height".
        report: what was dropped and remarked.
        alike: pairs of look-alikes with what was done about them.
        readers: 1 where a person called a test photograph malignant, index "path"; or None.
        masks: folder of the sample's masks, or None.
        licence, citation: of the photographs.
    """

    name: str
    synthetic: bool
    classes: list[str]
    malignant: tuple[str, ...]
    rows: pd.DataFrame = field(repr=False)
    report: Report = field(repr=False)
    alike: pd.DataFrame = field(repr=False)
    readers: pd.DataFrame | None = field(default=None, repr=False)
    masks: Path | None = field(default=None, repr=False)
    licence: str = ""
    citation: str = ""

    def part(self, split: str) -> pd.DataFrame:
        """The rows of one of `PARTS`."""
        return self.rows[self.rows["split"] == split].reset_index(drop=True)

    def is_malignant(self, labels: np.ndarray) -> np.ndarray:
        """bool [n] of labels [n]."""
        bad = np.array([name in self.malignant for name in self.classes])
        return bad[np.asarray(labels)]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def fingerprint(self) -> str:
        """sha256 over every photograph's bytes, label and part."""
        lines = self.rows[["sha256", "label", "split"]].astype(str).agg(" ".join, axis=1)
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def card(self) -> DataCard:
        """Photographs of each class in each part, lesions, and terms."""
        words = [f"{name}: {NAMES[name]}" if name in NAMES else name for name in self.classes]
        named = self.rows["label"].map(lambda k: words[k])
        counts = pd.crosstab(named, self.rows["split"]).rename_axis("class")
        order = [part for part in PARTS if part in counts]
        told = (self.rows["lesion"] != "").any()
        facts = {
            "malignant": ", ".join(self.malignant),
            "malignant share": f"{self.is_malignant(self.rows['label']).mean():.0%}",
            "lesions": f"{self.rows['group'].nunique():,}" if told else "not known",
            "look-alikes": f"{len(self.alike):,} pairs",
            "licence": self.licence,
        }  # fmt: skip
        if self.citation:
            facts["cite"] = self.citation
        title = self.name + (" (synthetic, drawn by this project)" if self.synthetic else "")
        return DataCard(title, counts[order].astype(int), facts)


def load(
    data: str | os.PathLike, *, columns: dict[str, str] | None = None,
    malignant: tuple[str, ...] = MALIGNANT, readers: str | os.PathLike | None = None,
    strict: bool = False, limit: int | None = None, seed: int = 0,
) -> Lesions:  # fmt: skip
    """Labelled photographs through one of the three doors.

    Args:
        data: "sample" (drawn here, synthetic), "ham10000", or a path, see `layouts.read`.
        columns: see `layouts.read`.
        malignant: names of classes that are. Unless given, those that are known to be; then every
            class must be known to be one or the other.
        readers: a CSV with a column "image" (or "image_id") and one for each person: 1 for
            malignant, 0 for benign or blank; the sample has its own.
        strict: refuse the user's data if anything in it must be dropped.
        limit: keep about so many photographs, whole lesions, the same share of every part.
        seed: of the division of data without parts, and of what `limit` keeps.

    Raises:
        DataError: the word is no door, or the data cannot be used.
        DatasetError: a published set cannot be had.
        ValueError: `limit` is out of range.
    """
    licence, citation, masks, own = "not stated: the user's own", "", None, False
    if data == "sample":
        source, name = sample(), "sample"
        readers, masks = source / "readers.csv", source / "masks"
        licence = "none needed: drawn by data_scripts/sample_skin.py"
    elif data in PUBLISHED:
        source, name, entry = datasets.load(data), str(data), datasets.entry(data)
        licence, citation = entry.licence, entry.citation.strip()
    else:
        source, own = doors.own_path(data, PUBLISHED, "a folder with a folder of photographs "
                                        "for each class, a table of paths and classes, or a set "
                                        "as it was published"), True  # fmt: skip
        name = source.name
    listed = layouts.read(source, columns=columns)
    bad = _malignant(listed.classes, malignant, name)
    rows = check.readable(listed)
    if own:
        _remark_private(rows, listed.report)
    rows["split"] = rows["split"].replace("", "train")
    rows, alike = check.alike(rows, listed, twins.same)
    rows = _grouped(rows, listed.report)
    for part in ("test", "validation"):
        if not (rows["split"] == part).any():
            rows = _set_apart(rows, part, name, seed)
    rows = check.enough(rows, listed, name)
    _both_kinds(rows, [each in bad for each in listed.classes], name)
    if own and not (rows[["lesion", "patient"]] != "").any(axis=None):
        said = "no lesions are told: photographs of one lesion may lie in several parts"
        listed.report.add("lesions", said, file=source, action="kept")
    part_of = dict(zip(rows["path"], rows["split"], strict=True))
    for which in ("first", "second"):  # where they are now
        alike[f"{which} part"] = alike[which].map(part_of).fillna("dropped")
    listed.report.raise_if_strict(own and strict and listed.report.dropped > 0)
    told = None if readers is None else _readers(Path(readers), rows, listed.report)
    found = Lesions(name, data == "sample", listed.classes, bad, rows, listed.report, alike, told,
                    masks, licence, citation)  # fmt: skip
    return _limited(found, limit, seed)


def _malignant(classes: list[str], wanted: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Those of the classes that are."""

    def plain(word: str) -> str:
        spaced = word.strip().lower().replace("_", " ").replace("-", " ")
        return layouts.NAMES.get(spaced) or spaced

    known, asked = {plain(each) for each in classes}, {plain(each) for each in wanted}
    there = f"{name} has the classes {', '.join(classes)}"
    if wanted != MALIGNANT and (strange := [each for each in wanted if plain(each) not in known]):
        raise DataError(f"{there}; MALIGNANT names {', '.join(strange)}, which is none of them.")
    bad = tuple(each for each in classes if plain(each) in asked)
    unknown = [each for each in classes if plain(each) not in (*asked, *BENIGN)]
    if wanted == MALIGNANT and unknown or not 0 < len(bad) < len(classes):
        of_these = f" Of {', '.join(unknown)} it is not known." if unknown and bad else ""
        raise DataError(f"{there}; which of them are malignant?{of_these} Say so: MALIGNANT = "
                        '"mel, bcc". At least one must be, and one must not.')  # fmt: skip
    return bad


def _both_kinds(rows: pd.DataFrame, bad: list[bool], name: str) -> None:
    for part in PARTS:
        ill = np.array(bad)[rows.loc[rows["split"] == part, "label"]]
        if min(ill.sum(), (~ill).sum()) < LEAST:
            raise DataError(f"{name}: the part {part} has {ill.sum()} malignant and {(~ill).sum()} "
                            f"benign photographs; at least {LEAST} of each are needed. Add some, "
                            "or give parts of your own (folders train, val and test, or a column "
                            "split).")


def sample() -> Path:
    """The sample's folder; drawn the first time."""
    from data_scripts import draw_skin, draw_skin_lesions, draw_skin_structures, sample_skin

    modules = (sample_skin, draw_skin, draw_skin_lesions, draw_skin_structures)
    key = files.work_key([module.__file__ for module in modules])
    folder = datasets.cache_folder() / "samples" / f"skin-{key}"
    if not folder.is_dir():
        with files.whole_folder(folder) as aside:
            sample_skin.write(aside)
    return folder


def _remark_private(rows: pd.DataFrame, report: Report) -> None:
    for row in rows.itertuples():
        if told := privacy.exif_of(pictures.bytes_of(Path(row.path))):
            said = f"tells of more than a lesion: {', '.join(told[:4])}"
            report.add("private", said, file=row.path, row=row.line or None, action="kept")


def _grouped(rows: pd.DataFrame, report: Report) -> pd.DataFrame:
    """Lesions and look-alikes as one group, and no group in two parts: test keeps it."""
    same = []
    for key in ("group", "lesion", "patient"):
        told = rows if key == "group" else rows[rows[key] != ""]
        for places in told.groupby(key).indices.values():
            numbers = told.index[places]
            same += [(int(numbers[0]), int(other)) for other in numbers[1:]]
    rows = rows.assign(group=groups_of(len(rows), same))
    rank = rows["split"].map({"test": 0, "validation": 1, "train": 2})
    first = rank.groupby(rows["group"]).transform("min")
    for row in rows[rank > first].itertuples():
        said = f"shows a lesion or a patient of the part {PARTS[2 - first[row.Index]]}"
        report.add("one lesion in two parts", said, file=row.path, row=row.line or None)
    return rows[rank == first].reset_index(drop=True)


def _set_apart(rows: pd.DataFrame, part: str, name: str, seed: int) -> pd.DataFrame:
    known = np.flatnonzero(rows["split"] == "train")
    labels, groups = (rows[column].to_numpy()[known] for column in ("label", "group"))
    fewest = int(np.bincount(labels, minlength=rows["label"].max() + 1).min())
    if fewest < APART:
        raise DataError(f"{name}: a class has {fewest} photograph(s) to learn from; to set a part "
                        f"aside for {part}, each needs at least {APART}. Add some, or give parts "
                        "of your own (folders train, val and test, or a column split).")
    _, chosen = next(iter(dealt(labels, groups, APART, seed)))
    split = rows["split"].to_numpy(object).copy()
    split[known[chosen]] = part
    return rows.assign(split=split)


def _readers(path: Path, rows: pd.DataFrame, report: Report) -> pd.DataFrame:
    table = read_table(path, Report(str(path)))
    column = next((name for name in ("image", "image_id") if name in table.columns), None)
    if column is None or len(table.columns) < 2:
        raise DataError(f"{path} needs a column 'image' and a column for each reader; it has "
                        f"{', '.join(table.columns)}.")
    frame = pd.DataFrame([fields for _, _, fields in table.records], columns=table.columns)
    frame.index = _named(frame.pop(column), rows["path"], path, report)
    wrong = frame.stack()
    wrong = wrong[~wrong.isin(["", "0", "1"])]
    if len(wrong):
        raise DataError(f"{path}: {wrong.index[0][1]} says {wrong.iloc[0]!r}; write 1 for "
                        "malignant, 0 for benign, or leave it blank.")
    return frame[frame.index != ""].apply(pd.to_numeric).rename_axis("path")


def _named(images: pd.Series, paths: pd.Series, table: Path, report: Report) -> list[str]:
    """The path that each image means, by its name or its folder and name; "" for none."""
    means: dict[str, list[str]] = {}
    for each in paths:
        where = Path(each)
        for key in (where.stem, f"{where.parent.name}/{where.stem}"):
            means.setdefault(key.lower(), []).append(each)
    found: list[str] = []
    for image in images:
        where = Path(str(image))
        key = f"{where.parent.name}/{where.stem}".lower()
        fitting = means.get(key) or means.get(where.stem.lower(), [])
        if len(fitting) > 1:
            raise DataError(f"{table}: {image} may be {' or '.join(fitting[:2])}; write the folder "
                            "before the name.")
        if fitting and fitting[0] in found:
            raise DataError(f"{table} has two rows for {image}; leave one.")
        found += fitting or [""]
    if missing := [str(image) for image, path in zip(images, found, strict=True) if not path]:
        said = f"{len(missing)} images are not among the photographs, {missing[0]} for one"
        report.add("readers", said, file=table, action="kept")
    return found


def _limited(lesions: Lesions, limit: int | None, seed: int) -> Lesions:
    if limit is None or limit >= len(lesions):
        return lesions
    if limit < 20 * len(lesions.classes):
        raise ValueError(f"limit={limit} is too small for {len(lesions.classes)} classes; write at "
                         f"least {20 * len(lesions.classes)}, or None for all.")
    random, kept = np.random.default_rng(seed), []
    for _, rows in lesions.rows.groupby(["split", "label"]):
        wanted, taken = limit * len(rows) / len(lesions), 0
        members = rows.groupby("group").indices
        for group in random.permutation(list(members)):
            if taken < wanted:
                kept += rows.index[members[group]].tolist()
                taken += len(members[group])
    return replace(lesions, rows=lesions.rows.loc[sorted(kept)].reset_index(drop=True))
