"""Pictures and grades out of any table or folder: a bad row is reported and the rest goes on."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from common.table import PART_NAMES
from common.validation import DataError, Report
from common.vision.shelf import Lost

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
