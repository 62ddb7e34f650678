"""Pictures and grades out of any table or folder: a bad row is reported and the rest goes on."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd

from common import pictures
from common.table import PART_NAMES
from common.validation import DataError, Report

COLUMNS = ("path", "grade", "dme_risk", "patient", "eye", "split", "table", "line")
UNKNOWN = -1  # a grade or risk that nobody told
WORST, WORST_EDEMA = 4, 2
# "None" is no word for grade 0: it is also what a program writes for a grade that is missing.
_WORDS = {
    **dict.fromkeys(("no dr", "nodr", "no diabetic retinopathy", "no retinopathy", "normal",
                     "no apparent retinopathy", "healthy"), 0),
    **{word + end: grade
       for word, grade in {"mild": 1, "moderate": 2, "severe": 3, "proliferative": 4,
                           "proliferate": 4, "pdr": 4}.items()
       for end in ("", " dr", " npdr", " retinopathy", " diabetic retinopathy")},
}  # fmt: skip
_UNTOLD = ("", "-1", "nan", "na", "n/a", "unknown", "ungraded", "ungradable")
_EYES = {"left": "left", "l": "left", "os": "left", "right": "right", "r": "right", "od": "right"}
_TRUST = ("test", "validation", "train", "")  # which of two rows for one picture is kept


def grade_of(text: str) -> int | None:
    """The grade that a cell or a folder's name says.

    Grades are those of the international scale (Wilkinson et al., Ophthalmology 110, 2003): 0 no
    retinopathy, 1 mild, 2 moderate, 3 severe, 4 proliferative.

    Args:
        text: "2", "2.0", "grade 2", "moderate", "No_DR" or "2 - Moderate"; blank, -1 and "unknown"
            for a picture that nobody has graded.

    Returns:
        0 to 4, -1 where it is unknown, None where it says something else.
    """
    plain = text.strip().lower()
    if plain in _UNTOLD:
        return UNKNOWN
    if number := re.fullmatch(r"(?:(?:grade|class|level|dr)[ _-]*)?(\d{1,4})(?:\.0+)?", plain):
        return int(number[1]) if int(number[1]) <= WORST else None
    head, rest = re.fullmatch(r"(\d?)(.*)", plain, re.DOTALL).groups()
    grade = _WORDS.get(re.sub(r"[\W_]+", " ", rest).strip())
    return grade if head in ("", str(grade)) else None


def walked(folder: Path, levels: int | None = None) -> Iterator[Path]:
    """Every file below a folder in the order of names, hidden ones and what macOS adds left out.

    Links to folders are followed, because photographs often lie on another disk; each folder is
    seen once.

    Args:
        levels: of folders to go down at most.
    """
    seen: set[str] = set()
    for place, below, names in os.walk(folder, followlinks=True):
        here, real = Path(place), os.path.realpath(place)
        deep = len(here.relative_to(folder).parts)
        if real in seen or (levels is not None and deep >= levels):
            below.clear()
        else:
            below[:] = sorted(n for n in below if not n.startswith(".") and n != "__MACOSX")
        if real not in seen:
            seen.add(real)
            yield from (here / name for name in sorted(names) if not name.startswith("."))


class Lost(LookupError):
    """A picture that a row names and that is not to be had; `kind` is the finding's."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Shelf:
    """The pictures below a folder, to be found as a published table names them.

    Names are compared without regard to case, and where none has the suffix that the table says,
    any other picture's suffix will do: copies are often stored as PNG or JPEG.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, Path] = {}
        self._names: dict[str, list[Path]] = defaultdict(list)
        for path in walked(folder):
            if path.suffix.lower() in pictures.SUFFIXES:
                self._places[path.relative_to(folder).as_posix().lower()] = path
                self._names[path.name.lower()].append(path)
                self._names[path.stem.lower()].append(path)

    def find(self, name: str) -> Path:
        """The picture of a name or of a path from the folder; it never lies outside.

        Raises:
            Lost: there is none, there are several, or the name leads out of the folder.
        """
        plain = name.replace("\\", "/")
        if PurePosixPath(plain).is_absolute() or PureWindowsPath(name).anchor:
            raise Lost("outside the folder", f"{name} is no path from the folder of the data")
        if ".." in PurePosixPath(plain).parts:
            raise Lost("outside the folder", f"{name} leads out of the folder of the data")
        plain = PurePosixPath(plain).as_posix().lower()
        if plain in self._places:
            return self._places[plain]
        if "/" in plain:
            raise Lost("missing file", f"there is no {name} below {self.folder}")
        stem = PurePosixPath(plain).stem if plain.endswith(pictures.SUFFIXES) else plain
        found = self._names.get(plain) or self._names.get(stem, [])
        if len(found) == 1:
            return found[0]
        if not found:
            raise Lost("missing file", f"there is no picture {name} below {self.folder}")
        some = " and ".join(str(path.relative_to(self.folder)) for path in found[:2])
        raise Lost("several files", f"{name} may be {some}; leave one of them")


class Gathered:
    """Collects rows of one source; what is wrong with a row goes to the report."""

    def __init__(self, source: Path, report: Report) -> None:
        self.source, self.report = source, report
        self._rows: list[dict] = []

    def add(
        self, find: Callable[[str], Path], table: Path | None, line: int, name: str,
        grade: str, dme_risk: str = "", patient: str = "", eye: str = "", split: str = "",
    ) -> bool:  # fmt: skip
        """Take a row as a table writes it, or report what is wrong with it.

        Args:
            find: the file of a name, or `Lost`.
            table, line: where it stands; no table for a picture that a folder holds.
            grade: as for `grade_of`; a picture without one is taken and remarked.

        Returns:
            Whether it was taken.
        """
        place = {"file": table or name, "row": line or None}
        part, told = PART_NAMES.get(split.lower(), ""), grade_of(grade)
        if not name:
            self.report.add("no picture", "the row names no picture", **place)
        elif told is None:
            said = f"{name}: {grade!r} is no grade from 0 to {WORST}"
            self.report.add(f"grade outside 0 to {WORST}", said, **place)
        elif split and not part:
            said = f"{name}: {split!r} is neither train, validation nor test"
            self.report.add("no part", said, **place)
        else:
            try:
                path = find(name)
            except Lost as lost:
                self.report.add(lost.kind, str(lost), **place)
                return False
            if told == UNKNOWN:
                self.report.add("no grade", f"{name} has no grade", **place, action="kept")
            self._rows.append({
                "path": str(path), "grade": told, "dme_risk": self._edema(dme_risk, name, place),
                "patient": patient, "eye": self._eye(eye, name, place), "split": part,
                "table": str(table or ""), "line": line,
            })  # fmt: skip
            return True
        return False

    def frame(self) -> pd.DataFrame:
        """The rows, each picture once.

        Returns:
            `COLUMNS`: path str, grade and dme_risk int64 (-1 unknown), patient str ("" unknown),
            eye "left", "right" or "", split "train", "validation", "test" or "", table str ("" of a
            folder) and line int64 (from 1; 0 of a folder).

        Raises:
            DataError: no row is left.
        """
        rows = self._without_repeats()
        if not rows:
            raise DataError(f"{self.source}: no picture is left. {self.report.summary()}")
        numbers = dict.fromkeys(("grade", "dme_risk", "line"), "int64")
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(numbers)

    def _without_repeats(self) -> list[dict]:
        """Of two grades for one picture neither can be believed; of two alike one is enough."""
        by_path = defaultdict(list)
        for row in self._rows:
            by_path[os.path.abspath(row["path"])].append(row)
        left: set[int] = set()
        for rows in by_path.values():
            told = {row["grade"] for row in rows} - {UNKNOWN}
            kept = min(rows, key=lambda row: (row["grade"] < 0, _TRUST.index(row["split"])))
            left |= set() if len(told) > 1 else {id(kept)}
            for row in rows:
                place = {"file": row["table"] or row["path"], "row": row["line"] or None}
                name = Path(row["path"]).name
                if len(told) > 1:
                    said = f"{name} has the grades {' and '.join(map(str, sorted(told)))}"
                    self.report.add("two grades for one picture", said, **place)
                elif row is not kept:
                    where = f"row {kept['line']}" if kept["line"] else kept["split"]
                    if kept["table"] != row["table"]:
                        where += f" of {Path(kept['table']).name}"
                    self.report.add("duplicate row", f"{name} is that of {where}", **place)
        return [row for row in self._rows if id(row) in left]

    def _edema(self, text: str, name: str, place: dict) -> int:
        told = grade_of(text)
        if told is None or told > WORST_EDEMA:
            said = f"{name}: {text!r} is no risk of macular edema from 0 to {WORST_EDEMA}"
            self.report.add("risk of macular edema", said, **place, action="kept")
            return UNKNOWN
        return told

    def _eye(self, text: str, name: str, place: dict) -> str:
        eye = _EYES.get(text.lower(), "")
        if text and not eye:
            said = f"{name}: {text!r} is neither left nor right"
            self.report.add("eye", said, **place, action="kept")
        return eye
