"""The user's own pictures: a folder for each grade, or a table of paths and grades."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from common import pictures
from common.table import PART_NAMES, read_table
from common.validation import DataError, Report
from common.vision.shelf import Lost, walked
from recipes.retina.gathering import UNKNOWN, Gathered, grade_of

# What a column may be called; the first that is there counts. Path and grade must be there.
GUESSES = {
    "path": ("path", "file", "filename", "file_name", "image", "image_path", "image_id",
             "image name", "picture", "photo", "id_code"),
    "grade": ("grade", "dr_grade", "retinopathy grade", "retinopathy_grade", "level", "dr_level",
              "diagnosis", "label", "class"),
    "dme_risk": ("dme_risk", "dme", "edema", "risk of macular edema"),
    "patient": ("patient", "patient_id", "subject", "subject_id"),
    "eye": ("eye", "side", "laterality"),
    "split": ("split", "part", "set", "subset"),
}  # fmt: skip
REQUIRED = ("path", "grade")


def columns_of(
    path: Path, columns: list[str], chosen: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Where a table of the user's has what is needed.

    Args:
        path: of the table, for errors.
        columns: its columns.
        chosen: their names for some words of `GUESSES`; the others are guessed.

    Returns:
        The place of the column for each word that has one.

    Raises:
        DataError: a chosen column is not there, or path or grade cannot be told.
        ValueError: a chosen word is none of `GUESSES`.
    """
    chosen = dict(chosen or {})
    if strange := set(chosen) - set(GUESSES):
        raise ValueError(f"columns={chosen!r}: {', '.join(sorted(strange))} is none of "
                         f"{', '.join(GUESSES)}.")
    plain, places = [name.strip().lower() for name in columns], {}
    for word, guesses in GUESSES.items():
        if word in chosen:
            if chosen[word] not in columns:
                raise DataError(f"{path} has no column {chosen[word]!r}; it has "
                                f"{', '.join(columns)}.")
            places[word] = columns.index(chosen[word])
        elif found := [plain.index(guess) for guess in guesses if guess in plain]:
            places[word] = found[0]
        elif word in REQUIRED:
            raise DataError(f"{path} has no column {word}; it has {', '.join(columns)}. Which "
                            f"holds the {word}s? Set {word.upper()}_COLUMN.")
    return places


def of_table(path: Path, report: Report, chosen: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Pictures named by a CSV, TSV or JSON-lines file; paths are relative to its folder.

    An absolute path is the user's right; one that climbs out of the folder with ".." is remarked.

    Args:
        chosen: as for `columns_of`.

    Returns:
        As `gathering.Gathered.frame`.

    Raises:
        DataError: the file is no table, a column cannot be told, or no row is left.
        ValueError: as `columns_of`.
    """
    table, found = read_table(path, report), Gathered(path, report)
    places = columns_of(path, table.columns, chosen)
    find = _finder(path.parent)
    for line, _, fields in table.records:
        row = {word: _text(fields[place]) for word, place in places.items()}
        name = row.pop("path")
        taken = found.add(find, path, line, name, **row)
        if taken and _climbs_out(path.parent, name):
            said = f"{name} lies outside the folder of the table"
            report.add("outside the folder", said, file=path, row=line, action="kept")
    return found.frame()


def _text(field: object) -> str:
    return "" if field is None else str(field).strip()


def _climbs_out(folder: Path, name: str) -> bool:
    name = name.replace("\\", "/")
    whole = os.path.abspath(os.path.join(folder, name))
    return ".." in Path(name).parts and not Path(whole).is_relative_to(os.path.abspath(folder))


def _finder(folder: Path) -> Callable[[str], Path]:
    """Finds a file by its path from a folder, without its suffix too if need be."""

    def find(name: str) -> Path:
        for written in (name, name.replace("\\", "/")):  # as Windows writes it
            path = folder / os.path.expanduser(written)
            for suffix in ("", *pictures.SUFFIXES):
                if os.path.isfile(f"{path}{suffix}"):
                    return Path(f"{path}{suffix}")
        raise Lost("missing file", f"there is no file {name}")

    return find


def is_graded(folder: Path) -> bool:
    """Whether at least two grades have a folder here, or within folders of parts."""
    owners = {grade_of(inside.name) for _, inside in _owners(folder)}
    return len(owners - {None, UNKNOWN}) >= 2


def of_folders(folder: Path, report: Report) -> pd.DataFrame:
    """Pictures below folders that are named by grades, or train/, val/ and test/ of such.

    "0" to "4", "grade_2", "2_moderate" and words such as "No_DR" and "Moderate" are grades;
    "unknown" holds pictures without one.

    Returns:
        As `gathering.Gathered.frame`.

    Raises:
        DataError: no picture is left.
    """
    found = Gathered(folder, report)
    for part, inside in _owners(folder):
        if grade_of(inside.name) is None:
            said = "the folder's name is no grade (0 to 4, or No_DR, Mild, Moderate, ...)"
            report.add("folder of no grade", said, file=inside)
            continue
        for path in walked(inside):
            if path.suffix.lower() in pictures.SUFFIXES:
                found.add(Path, None, 0, str(path), inside.name, split=part)
            else:
                report.add("no picture", pictures.unwanted(path), file=path)
    return found.frame()


def _owners(folder: Path) -> Iterator[tuple[str, Path]]:
    """The part ("" without parts) and the folder of what should be a grade."""
    below = _folders(folder)
    parts = [each for each in below if each.name.lower() in PART_NAMES]
    for each in below:
        if each in parts:
            yield from ((each.name, inside) for inside in _folders(each))
        else:
            yield "", each


def _folders(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir())
            if each.is_dir() and not each.name.startswith(".")]  # fmt: skip
