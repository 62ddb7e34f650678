"""The three doors to graded fundus photographs: the sample, a published set, the user's own.

`load` turns any of them into one `Eyes`; nothing after this module knows which door it was.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from common import datasets, doors, files, pictures, privacy
from common.card import DataCard
from common.table import read_table
from common.validation import DataError, Report
from common.vision.head import dealt
from common.vision.inspect_pictures import groups_of
from recipes.retina import layouts, preprocess, quality, twins

PUBLISHED = ("idrid",)
GRADES = ("none", "mild", "moderate", "severe", "proliferative")
REFERABLE = 2  # the least grade that is referred (Gulshan et al., JAMA 2016: moderate and worse)
EDEMA = 2  # the risk that is referred: hard exudates within a disc diameter of the macula
TEST_PARTS = 5  # of data without parts of its own, one is for test
LEVELS = ("easy", "medium", "hard")  # of the sample's photographs
LEAST = 5  # pictures of each class that a set needs for every fold to have some


@dataclass(frozen=True)
class Eyes:
    """Graded fundus photographs.

    Attributes:
        name: "sample", the catalogue's name, or the name of the user's folder or file.
        synthetic: True where they were drawn by this project.
        rows: a row a photograph: "path", "sha256", "grade" (0 to 4, -1 unknown), "dme_risk" (0 to
            2, -1 unknown), "patient", "eye", "split" ("train" or "test"), "group" (the same for
            the eyes of a patient and for photographs of one eye), "refused" (why it cannot be
            graded, "" where it can), "doubtful" (two grades for one eye: not learned from), "table"
            and "line" (where its grade stands), and the columns that were asked for.
        report: what was dropped and remarked.
        twins: photographs of one eye, see `twins.table`.
        readers: what people said of test photographs, index "path", a column a reader; or None.
        masks: folder of the sample's masks of lesions, or None.
        licence, citation: of the photographs.
    """

    name: str
    synthetic: bool
    rows: pd.DataFrame = field(repr=False)
    report: Report = field(repr=False)
    twins: pd.DataFrame = field(repr=False)
    readers: pd.DataFrame | None = field(default=None, repr=False)
    masks: Path | None = field(default=None, repr=False)
    licence: str = ""
    citation: str = ""

    def part(self, split: str) -> pd.DataFrame:
        """The photographs of "train" or "test" that have a grade and can be graded."""
        usable = (self.rows["refused"] == "") & (self.rows["grade"] >= 0)
        return self.rows[usable & (self.rows["split"] == split)].reset_index(drop=True)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def fingerprint(self) -> str:
        """sha256 over every photograph's bytes, grade, risk and part."""
        columns = ["sha256", "grade", "dme_risk", "split"]
        lines = self.rows[columns].astype(str).agg(" ".join, axis=1)
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def card(self) -> DataCard:
        """Photographs of each grade in each part, what was left out, and terms."""
        usable = pd.concat([self.part("train"), self.part("test")])
        names = usable["grade"].map(lambda grade: f"{grade} {GRADES[grade]}")
        counts = pd.crosstab(names, usable["split"]).rename_axis("grade")
        order = [part for part in ("train", "test") if part in counts]
        patients = self.rows.loc[self.rows["patient"] != "", "patient"].nunique()
        told = int((usable["dme_risk"] >= 0).sum())
        facts = {
            "referable (moderate or worse)": f"{(usable['grade'] >= REFERABLE).mean():.0%}",
            "risk of macular edema": f"known for {told:,}" if told else "not known",
            "patients": f"{patients:,}" if patients else "not known",
            "cannot be graded": f"{(self.rows['refused'] != '').sum():,} photographs",
            "one eye twice": f"{len(self.twins):,} pairs, "
                             f"{self.twins['what'].str.contains('two').sum():,} with two grades",
            "licence": self.licence,
        }  # fmt: skip
        if self.citation:
            facts["cite"] = self.citation
        title = self.name + (" (synthetic, drawn by this project)" if self.synthetic else "")
        return DataCard(title, counts[order].astype(int), facts)


def load(
    data: str | os.PathLike,
    *,
    layout: str | None = None,
    columns: dict[str, str] | None = None,
    also: tuple[str, ...] = (),
    readers: str | os.PathLike | None = None,
    strict: bool = False,
    limit: int | None = None,
    seed: int = 0,
    log=print,
) -> Eyes:
    """Graded photographs through one of the three doors.

    Args:
        data: "sample" (drawn here, synthetic), "idrid", or a path: a folder in one of the layouts
            of `layouts.LAYOUTS`, or a table of paths and grades.
        layout, columns: see `layouts.read`.
        also: further columns of the tables to keep, such as a camera or an age group.
        readers: a CSV with a column "image" and one for each person, of grades from 0 to 4 or
            blank; the sample has its own.
        strict: refuse the user's data if anything in it must be dropped.
        limit: keep about so many photographs, whole patients, the same share of every part.
        seed: of the division of data without parts, and of what `limit` keeps.
        log: receives what is being done, or None.

    Returns:
        Eyes. "validation" joins "train": whatever is chosen is chosen by cross-validation. Without
        a part for test, a fifth of the patients is set apart. A training photograph of an eye
        that is in the test part is dropped.

    Raises:
        DataError: the word is no door, or the data cannot be used.
        DatasetError: a published set cannot be had.
        ValueError: `limit` is out of range.
    """
    report, licence, citation, masks, own = Report(str(data)), "", "", None, False
    if data == "sample":
        source, name = sample(), "sample"
        readers, masks = source / "readers.csv", source / "masks"
        also = tuple(dict.fromkeys(("level", "ungradable", *also)))
        licence = "none needed: drawn by data_scripts/sample_retina.py"
    elif data in PUBLISHED:
        source, name, entry = datasets.load(data), str(data), datasets.entry(data)
        licence, citation = entry.licence, entry.citation.strip()
    else:
        what = f"a folder of graded photographs or a table of paths and grades. {layouts.known()}"
        source, own = doors.own_path(data, PUBLISHED, what), True
        name, licence = source.name, "not stated: the user's own"
    rows = layouts.read(source, report, layout, columns=columns)
    rows = _with_columns(rows, also, report)
    if data == "sample":
        rows["level"] = pd.Categorical(rows["level"], LEVELS, ordered=True)
    rows = _looked_at(rows, report, own)
    rows["split"] = _parts(rows["split"].to_numpy(object))
    rows["refused"] = [each.reason for each in quality.checked(rows["path"], rows["sha256"], log)]
    for row in rows[rows["refused"] != ""].itertuples():
        report.add("cannot be graded", row.refused, **_place(row))
    rows, pairs = _paired(rows, report, log)
    if not (rows["split"] == "test").any():
        rows = _set_apart(rows, name, seed)
    _require_enough(rows, name, report)
    report.raise_if_strict(own and strict and report.dropped > 0)
    told = None if readers is None else _readers(Path(readers), rows, source)
    found = Eyes(name, data == "sample", rows, report, pairs, told, masks, licence, citation)
    return _limited(found, limit, seed)


def sample() -> Path:
    """The sample's folder; drawn the first time, in half a minute."""
    from data_scripts import draw_fundus, draw_lesions, sample_retina

    code = [module.__file__ for module in (sample_retina, draw_fundus, draw_lesions)]
    folder = datasets.cache_folder() / "samples" / f"retina-{files.work_key(code)}"
    if not folder.is_dir():
        with files.whole_folder(folder) as aside:
            sample_retina.write(aside)
    return folder


def _looked_at(rows: pd.DataFrame, report: Report, own: bool) -> pd.DataFrame:
    """With "sha256"; a file that cannot be read is dropped, one that tells of a person remarked."""

    def look(path: str) -> tuple[str, list[str], str]:
        try:
            data = pictures.bytes_of(Path(path))
            return hashlib.sha256(data).hexdigest(), privacy.exif_of(data) if own else [], ""
        except (DataError, OSError) as error:
            return "", [], str(error).removeprefix(f"{path} ")

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        seen = list(pool.map(look, rows["path"]))
    for row, (_, told, problem) in zip(rows.itertuples(), seen, strict=True):
        if problem:
            report.add("cannot be read", problem, **_place(row))
        elif told:
            said = f"tells of more than an eye: {', '.join(told[:4])}"
            report.add("private", said, **_place(row), action="kept")
    good = np.array([not problem for *_, problem in seen])
    if not good.any():
        raise DataError(f"No picture can be read. {report.summary()}")
    return rows.assign(sha256=[digest for digest, *_ in seen])[good].reset_index(drop=True)


def _place(row) -> dict:
    return {"file": row.path, "row": row.line or None}


def _with_columns(rows: pd.DataFrame, also: tuple[str, ...], report: Report) -> pd.DataFrame:
    """The rows with further columns of their tables, as text."""
    if not also:
        return rows
    told: dict[tuple[str, int], list] = {}
    for path in rows["table"].unique():
        table = read_table(Path(path), Report(path)) if path else None
        missing = [name for name in also if table is None or name not in table.columns]
        if missing:
            raise DataError(f"{path or report.source} has no column {missing[0]!r}; it has "
                            f"{', '.join(table.columns) if table else 'none'}.")
        places = [table.columns.index(name) for name in also]
        told |= {(path, line): [fields[k] for k in places] for line, _, fields in table.records}
    values = [told[row.table, row.line] for row in rows.itertuples()]
    return rows.assign(**{name: [row[k] for row in values] for k, name in enumerate(also)})


def _parts(written: np.ndarray) -> np.ndarray:
    """train and test, as said at `load`."""
    parts = np.where(written == "", "train", written)
    other = "train" if (parts == "test").any() else "test"
    return np.where(parts == "validation", other, parts)


def _paired(rows: pd.DataFrame, report: Report, log) -> tuple[pd.DataFrame, pd.DataFrame]:
    """With "group" and "doubtful", without training eyes that are test eyes; and the pairs."""
    good = np.flatnonzero(rows["refused"] == "")
    small = preprocess.prepare(rows["path"].iloc[good].tolist(), twins.SIZE, twins.LEVELING,
                               digests=rows["sha256"].iloc[good].tolist(), log=None)  # fmt: skip
    seen = good[small.kept]
    rows.loc[np.setdiff1d(good, seen), "refused"] = "could not be prepared"
    found = [(int(seen[i]), int(seen[j]), like)
             for i, j, like in twins.pairs(twins.looks(small.pixels))]  # fmt: skip
    table = twins.table(rows, found)
    patient, split, grade = (rows[name].to_numpy() for name in ("patient", "split", "grade"))
    same = [(i, j) for i, j, _ in found]
    for _, places in rows[patient != ""].groupby("patient").indices.items():
        numbers = np.flatnonzero(patient != "")[places]
        same += [(int(numbers[0]), int(other)) for other in numbers[1:]]
    doubtful, dropped = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for i, j, _ in found:
        if grade[i] != grade[j] and min(grade[i], grade[j]) >= 0:
            doubtful[[i, j]] = True
        leaks = [k for k in (i, j) if split[k] == "train"] if split[i] != split[j] else []
        for k, other in ((i, j), (j, i)):
            row, twin = rows.iloc[k], Path(rows.path[other]).name
            if k in leaks:
                report.add("an eye of the test part", f"shows the eye of {twin}", **_place(row))
                dropped[k] = True
            elif doubtful[k] and grade[i] != grade[j]:
                said = f"has the grade {grade[k]}; {twin}, the same eye, has {grade[other]}"
                report.add("one eye, two grades", said, **_place(row), action="kept")
    rows = rows.assign(group=groups_of(len(rows), same), doubtful=doubtful)
    if log and len(table):
        log(f"{len(table):,} pairs of photographs show one eye")
    return rows[~dropped].reset_index(drop=True), table


def _set_apart(rows: pd.DataFrame, name: str, seed: int) -> pd.DataFrame:
    known = np.flatnonzero((rows["grade"] >= 0) & (rows["refused"] == ""))
    grades, groups = (rows[column].to_numpy()[known] for column in ("grade", "group"))
    counts = np.bincount(grades)
    if len(known) < 2 * TEST_PARTS or counts[counts > 0].min() < 2:
        raise DataError(f"{name}: {len(known)} graded photographs, too few to set a part aside for "
                        "test; give more, or parts of your own (a column split).")
    _, test = next(iter(dealt(grades, groups, TEST_PARTS, seed)))
    chosen = set(groups[test])
    return rows.assign(split=np.where(rows["group"].isin(chosen), "test", "train"))


def _require_enough(rows: pd.DataFrame, name: str, report: Report) -> None:
    usable = rows[(rows["refused"] == "") & (rows["grade"] >= 0) & (rows["split"] == "train")]
    for what, yes in (("referable", usable["grade"] >= REFERABLE),
                      ("not referable", usable["grade"] < REFERABLE)):  # fmt: skip
        if yes.sum() < LEAST:
            raise DataError(f"{name}: {yes.sum()} gradable training photograph(s) {what} (grades "
                            f"{REFERABLE} and above are); at least {LEAST} are needed. "
                            f"{report.summary()}")


def _readers(path: Path, rows: pd.DataFrame, source: Path) -> pd.DataFrame:
    table = read_table(path, Report(str(path)))
    if "image" not in table.columns or len(table.columns) < 2:
        raise DataError(f"{path} needs a column 'image' and a column for each reader; it has "
                        f"{', '.join(table.columns)}.")
    frame = pd.DataFrame([fields for _, _, fields in table.records], columns=table.columns)
    by_name = {Path(each).stem.lower(): each for each in rows["path"]}
    frame.index = [by_name.get(Path(name).stem.lower(), "") for name in frame.pop("image")]
    grades = frame.apply(pd.to_numeric, errors="coerce")
    said = frame.where(frame.ne("")).stack().dropna()
    value = pd.to_numeric(said, errors="coerce")
    wrong = said[value.isna() | (value < 0) | (value >= len(GRADES))]
    if len(wrong):
        raise DataError(f"{path}: {wrong.index[0][1]} says {wrong.iloc[0]!r}, which is no grade "
                        f"from 0 to {len(GRADES) - 1}; leave it blank where nobody graded.")
    return grades[grades.index != ""].rename_axis("path")


def _limited(eyes: Eyes, limit: int | None, seed: int) -> Eyes:
    if limit is None or limit >= len(eyes):
        return eyes
    if limit < 20:
        raise ValueError(f"limit={limit} is too small; write at least 20, or None for all.")
    random, kept = np.random.default_rng(seed), []
    for _, rows in eyes.rows.groupby("split"):
        wanted, taken = limit * len(rows) / len(eyes), 0
        members = rows.groupby("group").indices
        for group in random.permutation(list(members)):
            if taken < wanted:
                kept += rows.index[members[group]].tolist()
                taken += len(members[group])
    return replace(eyes, rows=eyes.rows.loc[sorted(kept)].reset_index(drop=True))
