"""Published sets of dermatoscopic photographs, and the user's own, as one list of labelled files.

* HAM10000 as published: HAM10000_metadata (CSV with lesion_id, image_id and dx) beside the pictures
  (P. Tschandl et al., Scientific Data 5:180161, 2018);
* the ISIC challenges: a column for each class, as in ISIC2018_Task3_Training_GroundTruth.csv and
  ISIC_2019_Training_GroundTruth.csv, with or without the table beside it that tells of lesions and
  persons (ISIC_2019_Training_Metadata.csv, ISIC2018_Task3_Training_LesionGroupings.csv);
* DermaMNIST, by `common.medmnist`;
* a folder for each class, or any table of paths and labels.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from common import medmnist
from common.table import PART_NAMES, Table, read_table
from common.validation import DataError, Report
from common.vision import listing
from common.vision.listing import Listed
from common.vision.shelf import Lost, Shelf, walked

# What a column may be called, most telling first.
GUESSES = {
    "path": ("path", "image", "image_id", "isic_id", "image_name", "file", "filename", "picture"),
    "label": ("dx", "diagnosis", "label", "class", "target", "benign_malignant"),
    "lesion": ("group", "lesion_id", "lesion"),
    "patient": ("patient_id", "patient"),
    "split": ("split", "part", "set", "subset"),
    "age": ("age", "age_approx"),
    "sex": ("sex", "gender"),
    "place": ("localization", "anatom_site_general_challenge", "anatom_site_general", "anatom_site",
              "site"),
}  # fmt: skip
TOLD = ("lesion", "patient", "age", "sex", "place")  # what a row may say beside path, label, part
# Classes of the challenges and of DermaMNIST, in HAM10000's words.
NAMES = {"mel": "mel", "nv": "nv", "bcc": "bcc", "akiec": "akiec", "ak": "akiec", "bkl": "bkl",
         "df": "df", "vasc": "vasc", "scc": "scc", "unk": ""}  # fmt: skip
DERMAMNIST = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
_TABLE = re.compile(r"labels\.csv|ham10000_metadata(\.csv)?|isic.*groundtruth.*\.csv", re.I)
_BESIDE = re.compile(r"isic.*(metadata|lesiongroupings).*\.csv", re.I)
LEVELS = 3  # folders to go down at most in search of a table


def read(path: str | os.PathLike, *, columns: Mapping[str, str] | None = None,
         cache: str | os.PathLike | None = None) -> Listed:  # fmt: skip
    """A data set's files with their classes and what is told of each.

    Args:
        path: a folder in one of the layouts, a table, or a MedMNIST .npz.
        columns: names of columns by the words of `GUESSES`; the others are guessed.
        cache: see `medmnist.unpack`.

    Returns:
        Rows with "lesion" and "patient" ("" unknown), "age" (float, nan unknown), "sex" and "place"
        beside those of `Listed`.

    Raises:
        DataError: it is of no layout, a column is missing, or fewer than two classes are left.
    """
    path = Path(path).expanduser()
    report = Report(str(path))
    if path.is_file() and path.suffix.lower() == ".npz":
        return _of_medmnist(path, report, cache)
    if path.is_file():
        return _of_table(path, path.parent, report, columns or {})
    inside = list(walked(path, LEVELS))
    tables = [each for each in inside if _TABLE.fullmatch(each.name)]
    if len(tables) > 1:
        named = " and ".join(str(each.relative_to(path)) for each in tables[:3])
        raise DataError(f"{path} holds the tables {named}; give the one that counts as DATA.")
    if tables:
        beside = [each for each in inside if _BESIDE.fullmatch(each.name)]
        return _of_table(tables[0], path, report, columns or {}, beside)
    return _told(_of_folder(path))


def _of_folder(path: Path) -> Listed:
    found = listing.of_folder(path)
    rows = found.rows.assign(split=found.rows["split"].map(lambda part: PART_NAMES.get(part, part)))
    for name in rows.loc[rows["label"] < 0, "path"]:
        found.report.add("row", "is of no class", file=name)
    return Listed(found.classes, rows[rows["label"] >= 0], found.report, path)


def _of_medmnist(path: Path, report: Report, cache) -> Listed:
    rows = medmnist.unpack(path, cache).rename(columns={"number": "line"})
    classes = [str(label) for label in range(int(rows["label"].max()) + 1)]
    if path.stem.partition("_")[0] == "dermamnist" and len(classes) == len(DERMAMNIST):
        classes = list(DERMAMNIST)
        said = "DermaMNIST has photographs of one lesion in several parts; its test figures flatter"
        report.add("leaks", said, file=path, action="kept")
    return _told(Listed(classes, rows, report, path))


def _of_table(path: Path, root: Path, report: Report, columns: Mapping[str, str],
              beside: Sequence[Path] = ()) -> Listed:  # fmt: skip
    table, spelled = read_table(path, report), {}
    places = _places(path, table, columns)
    classes = _one_hot(table, places) if places["label"] is None else None
    if places["path"] is None or (places["label"] is None and not classes):
        missing = "pictures" if places["path"] is None else "classes"
        raise DataError(f"{path} has the columns {', '.join(table.columns)}; which holds the "
                        f'{missing}? Say so: COLUMNS = "path: image, label: dx".')
    shelf, rows, more = Shelf(root), [], _more(beside)
    for line, _, fields in table.records:
        said = {kind: "" if place is None else str(fields[place] or "").strip()
                for kind, place in places.items()}  # fmt: skip
        label = _marked(fields, classes) if classes else NAMES.get(said["label"].lower(),
                                                                  said["label"])  # fmt: skip
        part = PART_NAMES.get(said["split"].lower(), "")
        if problem := _problem(said, label, part):
            report.add("row", problem, file=path, row=line)
            continue
        try:
            picture = shelf.find(said["path"])
        except Lost as lost:
            report.add(lost.kind, str(lost), file=path, row=line)
            continue
        known = more.get(picture.stem.lower(), {})
        rows.append({"path": str(picture), "split": part, "line": line,
                     "label": spelled.setdefault(label.casefold(), label),
                     **{kind: said[kind] or known.get(kind, "") for kind in TOLD}})  # fmt: skip
    rows = _once(rows, path, report)
    names = sorted({row["label"] for row in rows}, key=str.casefold)
    if len(names) < 2:
        raise DataError(f"{path} has {len(names)} class(es) with pictures; at least two are "
                        f"needed. {report.summary()}")
    frame = pd.DataFrame(rows)
    frame["label"] = frame["label"].map(names.index)
    return _told(Listed(names, frame, report, root))


def _more(tables: Sequence[Path]) -> dict[str, dict[str, str]]:
    """What tables beside the one with the classes tell, by the picture's name."""
    found: dict[str, dict[str, str]] = {}
    for path in tables:
        table = read_table(path, Report(str(path)))
        places = _places(path, table, {})
        for _, _, fields in table.records if places["path"] is not None else ():
            said = {kind: str(fields[places[kind]] or "").strip()
                    for kind in ("path", *TOLD) if places[kind] is not None}  # fmt: skip
            name = Path(said.pop("path")).stem.lower()
            found.setdefault(name, {}).update({kind: word for kind, word in said.items() if word})
    return found


def _once(rows: list[dict], path: Path, report: Report) -> list[dict]:
    """Each file once; of one with two classes no row can be believed."""
    classes: dict[str, set[str]] = {}
    for row in rows:
        classes.setdefault(row["path"], set()).add(row["label"])
    kept: dict[str, dict] = {}
    for row in rows:
        several, name = sorted(classes[row["path"]]), Path(row["path"]).name
        if len(several) > 1:
            said = f"{name} is called {' and '.join(several)} by different rows"
            report.add("two labels for one picture", said, file=path, row=row["line"])
        elif row["path"] in kept:
            report.add("row", f"{name} has a row already", file=path, row=row["line"])
        else:
            kept[row["path"]] = row
    return list(kept.values())


def _problem(said: dict, label: str, part: str) -> str:
    if not said["path"]:
        return "the row names no picture"
    if not label:
        return f"{said['path']} has no class, or one that is not known"
    if said["split"] and not part:
        return f"{said['path']}: {said['split']!r} is neither train, validation nor test"
    return ""


def _places(path: Path, table: Table, columns: Mapping[str, str]) -> dict[str, int | None]:
    """By the words of `GUESSES`, the number of the column, None where there is none."""
    lower = [name.strip().lower() for name in table.columns]
    found: dict[str, int | None] = {}
    for kind, guesses in GUESSES.items():
        if kind in columns:
            if columns[kind] not in table.columns:
                raise DataError(f"{path} has no column {columns[kind]!r}; it has "
                                f"{', '.join(table.columns)}.")
            found[kind] = table.columns.index(columns[kind])
        else:
            found[kind] = next((lower.index(guess) for guess in guesses if guess in lower), None)
    return found


def _one_hot(table: Table, places: dict[str, int | None]) -> dict[int, str]:
    """Columns that are classes of the challenges, by their number."""
    return {number: NAMES[name.strip().lower()] for number, name in enumerate(table.columns)
            if name.strip().lower() in NAMES and number not in places.values()}  # fmt: skip


def _marked(fields: list, classes: dict[int, str]) -> str:
    """The one class whose column says 1; "" where none does, or several do."""
    names = [name for number, name in classes.items()
             if str(fields[number] or "").strip() in ("1", "1.0")]  # fmt: skip
    return names[0] if len(names) == 1 else ""


def _told(found: Listed) -> Listed:
    rows = found.rows.copy().reset_index(drop=True)
    for kind in TOLD:
        if kind not in rows:
            rows[kind] = ""
    written = rows["age"].astype(str).str.strip()
    rows["age"] = pd.to_numeric(rows["age"], errors="coerce")
    odd = rows["age"].isna() & ~written.str.lower().isin(["", "nan", "none", "unknown", "na"])
    for index in rows.index[odd]:
        said, line = f"the age {written[index]!r} is no number of years", rows.line[index] or None
        found.report.add("age", said, file=rows.path[index], row=line, action="kept")
    rows["sex"] = rows["sex"].str.lower().replace("unknown", "")
    return Listed(found.classes, rows, found.report, found.source)
