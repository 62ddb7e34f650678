"""Published sets of fundus photographs: how their tables are called and what a row of each says.

* idrid: P. Porwal et al., "Indian Diabetic Retinopathy Image Dataset (IDRiD)", Data 3(3):25, 2018;
  https://doi.org/10.21227/H25W98
* eyepacs: https://www.kaggle.com/c/diabetic-retinopathy-detection (2015)
* aptos: https://www.kaggle.com/c/aptos2019-blindness-detection (2019); the grades of its test
  photographs were never published, and they are not read
* messidor2: pictures of https://www.adcis.net/en/third-party/messidor2/ with the grades of
  https://www.kaggle.com/datasets/google-brain/messidor2-dr-grades (J. Krause et al., "Grader
  variability and the importance of reference standards", Ophthalmology 125(8), 2018)
* deepdrid: R. Liu et al., "DeepDRiD", Patterns 3(6):100512, 2022;
  https://github.com/deepdrdoc/DeepDRiD (the regular photographs, not the ultra-widefield ones)
* labels: this project's own form
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """One table of a published layout.

    Attributes:
        table, folder: patterns for its name and for that of the folder with its pictures, in lower
            case, every mark a blank. Where there is no such folder, the whole tree is searched.
        columns: for each word the names that the column may have; all words must be there.
        extra: the same for words that may be there.
        split: of its rows.
        told: makes a row's words those of `Gathered.add`, or "ungradable" and "remark" with why.
    """

    table: str
    folder: str
    columns: Mapping[str, tuple[str, ...]]
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: str = ""
    told: Callable[[dict[str, str]], dict[str, str]] = dict


_USAGES = {"public": "validation", "private": "test"}  # the two leaderboards of the contest


def _of_two_eyes(row: dict[str, str]) -> dict[str, str]:
    """EyePACS: 10_left is of patient 10; the solution's rows were public or private."""
    usage = row.pop("usage", None)
    patient, _, eye = row["name"].rpartition("_")
    parts = {} if usage is None else {"split": _USAGES.get(usage.lower(), usage)}
    return row | {"patient": patient, "eye": eye} | parts


def _of_messidor(row: dict[str, str]) -> dict[str, str]:
    if row.pop("gradable") not in ("1", "1.0"):
        return row | {"ungradable": "the readers found it ungradable"}
    # Here 1 means hard exudates within a disc diameter of the macula, which is IDRiD's 2.
    risk = {"0": "0", "0.0": "0", "1": "2", "1.0": "2"}.get(row.get("dme_risk", ""), "")
    return row | {"dme_risk": risk}


def _of_deepdrid(row: dict[str, str]) -> dict[str, str]:
    """1_l2 is the second photograph of patient 1's left eye; the grade stands in its column."""
    grades = {eye: row.pop(eye, "") for eye in ("left", "right")}
    named = re.search(r"_([lr])\d*$", row["name"].lower())
    eye = {"l": "left", "r": "right"}[named[1]] if named else ""
    filled = [each for each, grade in grades.items() if grade]
    if len(filled) == 1 and filled[0] != eye:  # so for patients 56 and 77
        row["remark"] = f"named as the {eye or 'unknown'} eye, graded as the {filled[0]} one"
        eye = filled[0]
    row |= {"eye": eye, "patient": row.get("patient") or row["name"].partition("_")[0]}
    row.setdefault("grade", grades.get(eye, ""))
    return row | ({"ungradable": "the readers gave it 5"} if row["grade"] == "5" else {})


_DEEPDRID = {"name": ("image_id",), "patient": ("patient_id",),
             "left": ("left_eye_dr_level",), "right": ("right_eye_dr_level",)}  # fmt: skip
_IDRID = {"name": ("image name",), "grade": ("retinopathy grade",)}
_EDEMA = {"dme_risk": ("risk of macular edema",)}
_EYEPACS = {"name": ("image",), "grade": ("level",)}
PUBLISHED: dict[str, tuple[Part, ...]] = {
    "idrid": (
        Part("(a )?idrid disease grading training labels", "(a )?training set", _IDRID, _EDEMA,
             "train"),
        Part("(b )?idrid disease grading testing labels", "(b )?testing set", _IDRID, _EDEMA,
             "test"),
    ),
    "labels": (
        Part("labels", "", {"name": ("image",), "grade": ("grade",)},
             {word: (word,) for word in ("dme_risk", "patient", "eye", "split")}),
    ),
    "eyepacs": (
        Part("trainlabels", ".*train.*", _EYEPACS, split="train", told=_of_two_eyes),
        Part("retinopathy solution", ".*test.*", _EYEPACS, {"usage": ("usage",)}, "test",
             _of_two_eyes),
    ),
    "aptos": (
        Part("train", "train images", {"name": ("id_code",), "grade": ("diagnosis",)},
             split="train"),
    ),
    "messidor2": (
        Part("messidor.*(data|grades)", "images",
             {"name": ("image_id", "id_code"), "grade": ("adjudicated_dr_grade", "diagnosis"),
              "gradable": ("adjudicated_gradable",)},
             {"dme_risk": ("adjudicated_dme",)}, told=_of_messidor),
    ),
    "deepdrid": (
        Part("regular fundus training", "images", _DEEPDRID, split="train", told=_of_deepdrid),
        Part("regular fundus validation", "images", _DEEPDRID, split="validation",
             told=_of_deepdrid),
        Part("challenge1 labels", "images",
             {"name": ("image_id",), "grade": ("dr_levels", "dr_level")}, split="test",
             told=_of_deepdrid),
    ),
}  # fmt: skip
