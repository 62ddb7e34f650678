"""Published sets of fundus photographs, and the user's own, as one table of paths and grades.

Each published layout is told by the names of its tables and their columns (`published.PUBLISHED`,
with sources); RetinaMNIST comes by `common.medmnist`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from common import medmnist, pictures
from common.table import Table, read_table
from common.validation import DataError, Report
from common.vision.shelf import Lost, Shelf, walked
from recipes.retina import own_layouts
from recipes.retina.gathering import Gathered
from recipes.retina.published import PUBLISHED, Part

_PAIRS = r"(pairs )?messidor 2( pairs)?"
LEVELS = 5  # folders to go down at most in search of a layout's tables
LAYOUTS = {
    "idrid": '"a. IDRiD_Disease Grading_Training Labels.csv" and "a. Training Set"',
    "labels": "labels.csv with the columns image and grade (this project's own form)",
    "eyepacs": "trainLabels.csv with image and level, pictures such as train/10_left.jpeg",
    "aptos": "train.csv with id_code and diagnosis, and train_images",
    "messidor2": "messidor_data.csv with image_id and adjudicated_dr_grade, and IMAGES",
    "deepdrid": "regular-fundus-training.csv with left_eye_DR_Level, and Images",
    "medmnist": "retinamnist.npz, also _64, _128 and _224",
    "folders": "a folder for each grade (0 to 4, or No_DR, Mild, ...), also below train and test",
    "table": "a CSV of paths and grades; give the file, not its folder",
}


def recognise(path: str | os.PathLike) -> str:
    """The layout of a folder or file: one of `LAYOUTS`.

    Raises:
        DataError: none fits, or two do; it lists the known ones and says what is nearly right.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(f"{path} does not exist. Check the path. {known()}")
    if path.is_file():
        return _recognise_file(path)
    files = list(walked(path, LEVELS))
    fits, near = [], []
    for layout, parts in PUBLISHED.items():
        try:
            fits += [layout] if _tables(path, files, layout, parts, Report(str(path))) else []
        except DataError as error:
            near.append(str(error))
    if len(fits) > 1:
        raise DataError(f"{path} holds the layouts {' and '.join(fits)}. Give the folder of one, "
                        "or name the layout.")
    if fits or own_layouts.is_graded(path):
        return fits[0] if fits else "folders"
    inside = sorted({each.relative_to(path).parts[0] for each in files}) or ["nothing"]
    more = f" and {len(inside) - 6} more" if len(inside) > 6 else ""
    raise DataError(f"{path} is of no layout that is known here; it holds "
                    f"{', '.join(inside[:6])}{more}. {' '.join([*near, known()])}")


def known() -> str:
    """The layouts that `read` knows, a line each."""
    return "Known layouts:" + "".join(f"\n  {name}: {how}" for name, how in LAYOUTS.items())


def _recognise_file(path: Path) -> str:
    if path.suffix.lower() == ".npz":
        return "medmnist"
    if path.suffix.lower() in pictures.SUFFIXES:
        raise DataError(f"{path} is one picture, not a set of them. {known()}")
    columns = read_table(path, Report(str(path))).columns
    for layout, parts in PUBLISHED.items():
        ours = [part for part in parts if re.fullmatch(part.table, _plain(path.stem))]
        if layout != "labels" and any(not _missing(part, columns) for part in ours):
            raise DataError(f"{path} is a table of the layout {layout}: give the folder that holds "
                            "it and its pictures, or name the layout 'table'.")
    own_layouts.columns_of(path, columns)
    return "table"


def read(
    path: str | os.PathLike, report: Report, layout: str | None = None, *,
    columns: Mapping[str, str] | None = None, cache: str | os.PathLike | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Pictures and grades of a folder or file in any of the layouts.

    A row that cannot be used (grade outside 0 to 4, missing file, two grades for one picture, a
    duplicate, ungradable) is left out and reported with its table and line.

    Args:
        path: a folder, a table or a .npz file.
        report: receives what is found; being strict is the caller's part.
        layout: one of `LAYOUTS`; None recognises it.
        columns: of a table of the user's, as for `own_layouts.columns_of`; None guesses them.
        cache: folder for the pictures of MedMNIST; None for the cache of all data sets.

    Returns:
        A row for each picture, in the order of the tables: path (str), grade (int64, 0 to 4, -1
        unknown), dme_risk (int64, IDRiD's risk of macular edema: 0 no hard exudates, 1 farther than
        a disc diameter from the macula, 2 within; -1 unknown; Messidor-2 tells only 2 from the
        rest, which is 0 here), patient (str, "" unknown), eye ("left", "right" or ""), split
        ("train", "validation", "test" or ""), table (str, "" for folders) and line (int64, of the
        table, from 1; for MedMNIST the number in its part; 0 for folders).

    Raises:
        DataError: the layout is not to be told or not whole, or no row is left.
        ValueError: no such layout, or columns for another layout than "table".
    """
    path = Path(path).expanduser()
    if layout is None:
        layout = "table" if columns and path.is_file() else recognise(path)
    if layout not in LAYOUTS:
        raise ValueError(f"layout={layout!r} is none of {', '.join(LAYOUTS)}.")
    if columns and layout != "table":
        raise ValueError(f"columns={dict(columns)!r} are for a table; {path} is read as {layout}.")
    if not path.exists() or path.is_dir() == (layout in ("medmnist", "table")):
        raise DataError(f"{path} cannot be read as {layout}: {LAYOUTS[layout]}.")
    if layout == "table":
        return own_layouts.of_table(path, report, columns)
    if layout == "folders":
        return own_layouts.of_folders(path, report)
    if layout == "medmnist":
        return _of_medmnist(path, report, cache)
    return _published(path, report, layout)


def _published(root: Path, report: Report, layout: str) -> pd.DataFrame:
    files, found = list(walked(root, LEVELS)), Gathered(root, report)
    tables = _tables(root, files, layout, PUBLISHED[layout], report)
    if not tables:
        raise DataError(f"{root} holds no table of the layout {layout}: {LAYOUTS[layout]}.")
    folders = {above for each in files if each.suffix.lower() in pictures.SUFFIXES
               for above in each.parents if above.is_relative_to(root)}  # fmt: skip
    for part, path, table in tables:
        _read_part(part, path, table, Shelf(_folder(root, path, part.folder, folders)), found)
    rows = found.frame()
    if layout == "messidor2":
        return _with_pairs(rows, files, report)
    for each in files if layout == "deepdrid" else ():
        if each.name == "Challenge1_labels.xlsx" and not each.with_suffix(".csv").exists():
            said = "holds the test part's grades; save it as CSV beside it to have that part too"
            report.add("workbook", said, file=each, action="kept")
    return rows


def _tables(
    root: Path, files: list[Path], layout: str, parts: tuple[Part, ...], report: Report
) -> list[tuple[Part, Path, Table]]:
    """The tables of a layout that are there; DataError where none of them has the columns."""
    found, wrong = [], []
    for part in parts:
        fitting = [each for each in files if each.suffix.lower() == ".csv"
                   and re.fullmatch(part.table, _plain(each.stem))
                   and (layout != "labels" or each.parent == root)]  # fmt: skip
        if len(fitting) > 1:
            some = " and ".join(str(each.relative_to(root)) for each in fitting[:2])
            raise DataError(f"{root} holds {some}; give the folder of one of them.")
        for path in fitting:
            try:
                table = read_table(path, report)
            except DataError as error:
                wrong.append((path, str(error)))
                continue
            if missing := _missing(part, table.columns):
                there = ", ".join(filter(None, table.columns))
                wrong.append((path, f"{path.name} has no column {missing}; it has {there}."))
            else:
                found.append((part, path, table))
    if wrong and not found:
        raise DataError(" ".join(said for _, said in wrong))
    for path, said in wrong:
        report.add("table passed over", said, file=path, action="kept")
    return found


def _missing(part: Part, columns: list[str]) -> str:
    """The first column that a table lacks for a part, or nothing."""
    there = {name.strip().lower() for name in columns}
    lacking = [" or ".join(names) for names in part.columns.values() if there.isdisjoint(names)]
    return lacking[0] if lacking else ""


def _read_part(part: Part, path: Path, table: Table, shelf: Shelf, found: Gathered) -> None:
    plain, report, rows = [name.strip().lower() for name in table.columns], found.report, []
    places = {word: plain.index(name) for word, names in (part.columns | part.extra).items()
              for name in names[::-1] if name in plain}  # fmt: skip
    for line, _, fields in table.records:
        row = {word: fields[place].strip() for word, place in places.items()}
        row = {"split": part.split} | part.told(row)
        if reason := row.pop("ungradable", ""):
            report.add("ungradable", f"{row['name']}: {reason}", file=path, row=line)
        else:
            rows.append((line, row))
    if rows and not any(_is_on(shelf, row["name"]) for _, row in rows):
        said = f"none of its {len(rows):,} pictures is below {shelf.folder}"
        report.add("no pictures", said, file=path)
        return
    for line, row in rows:
        remark = row.pop("remark", "")
        if found.add(shelf.find, path, line, **row) and remark:
            report.add("eye", f"{row['name']}: {remark}", file=path, row=line, action="kept")


def _is_on(shelf: Shelf, name: str) -> bool:
    try:
        return bool(shelf.find(name))
    except Lost:
        return False


def _folder(root: Path, table: Path, pattern: str, folders: set[Path]) -> Path:
    """The folder with a name of that pattern that is nearest to the table, else the root."""

    def far(folder: Path) -> tuple:
        common = Path(os.path.commonpath([folder, table.parent]))
        return -len(common.parts), len(folder.parts), folder.name

    fitting = [each for each in folders if pattern and re.fullmatch(pattern, _plain(each.name))]
    return min(fitting, key=far, default=root)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name.lower()).strip()


def _with_pairs(rows: pd.DataFrame, files: list[Path], report: Report) -> pd.DataFrame:
    """Patients and eyes of Messidor-2 from messidor-2.csv, whose columns are left and right."""
    eyes: dict[str, tuple[str, str]] = {}
    for path in (each for each in files if re.fullmatch(_PAIRS, _plain(each.stem))):
        if path.suffix.lower() == ".csv":
            table = read_table(path, report)
            for _, number, fields in table.records:
                for eye, name in zip(table.columns, fields, strict=True):
                    if eye.lower() in ("left", "right"):
                        eyes[Path(name.strip()).stem.lower()] = (f"pair {number}", eye.lower())
    told = [eyes.get(Path(path).stem.lower(), ("", "")) for path in rows["path"]]
    alone = sum(not patient for patient, _ in told)
    if alone:
        said = f"{alone:,} pictures are in no pair of messidor-2.csv; their patients are not known"
        report.add("no pair", said, action="kept")
    return rows.assign(patient=[patient for patient, _ in told], eye=[eye for _, eye in told])


def _of_medmnist(path: Path, report: Report, cache: str | os.PathLike | None) -> pd.DataFrame:
    other = re.match(r"[a-z]+mnist(3d)?", path.stem.lower())
    if other and other[0] != "retinamnist":
        raise DataError(f"{path} is {other[0]}; the grades are in retinamnist.npz.")
    found = Gathered(path, report)
    for row in medmnist.unpack(path, cache).itertuples():
        found.add(Path, path, row.number, row.path, str(row.label), split=row.split)
    return found.frame()
