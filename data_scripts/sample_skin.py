"""Synthetic dermatoscopic photographs of skin lesions, in the form of HAM10000.

Every lesion is drawn and every reader is simulated; nobody was photographed, examined or asked.
A lesion of one of seven classes (`draw_skin_lesions`) shows that class's criteria, more or less
clearly by its level. Skin tone, light, white balance and artefacts say nothing about the class, and
neither does the level. A lesion stands in the set with one to three photographs, and all of them
in the same part.

    pictures/<image_id>.jpg                300 x 225 pixels, half of HAM10000's
    masks/<image_id>_segmentation.png      uint8, 255 where the lesion is
    masks/<image_id>_criteria.png          uint16, one bit for each kind of structure
    masks/kinds.csv                        which bit is which, and which classes it decides
    labels.csv                             a row for each photograph; the first seven columns are
                                           HAM10000_metadata's; gains are the camera's
    readers.csv                            1 where a simulated reader said malignant, test part only

    python -m data_scripts.sample_skin folder --lesions 240 --seed 0
"""

from __future__ import annotations

import argparse
import csv
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data_scripts import draw_skin, draw_skin_lesions
from data_scripts.draw_skin import TONES, Photograph
from data_scripts.draw_skin_lesions import DECISIVE, LEVELS, MALIGNANT, SEEN, Lesion
from data_scripts.draw_skin_structures import KINDS

# Of each class among lesions. In HAM10000 72 % are nevi, and 1 % each dermatofibromas and angiomas.
SHARES = {"nv": 0.3, "mel": 0.17, "bkl": 0.17, "bcc": 0.12, "akiec": 0.1, "df": 0.07, "vasc": 0.07}
PHOTOGRAPHS = (0.6, 0.28, 0.12)  # chance that a lesion has one, two or three
TONE_SHARES = (0.16, 0.3, 0.24, 0.14, 0.1, 0.06)  # of `TONES`
# Years, mean and spread; columns of HAM10000 that were set by hand to be plausible.
AGES = {"nv": (46, 16), "mel": (60, 15), "bkl": (64, 13), "bcc": (67, 12), "akiec": (66, 11),
        "df": (51, 14), "vasc": (50, 19)}  # fmt: skip
PLACES = {"back": 22, "lower extremity": 20, "trunk": 14, "upper extremity": 11, "abdomen": 10,
          "face": 7, "chest": 4, "foot": 3, "neck": 3, "scalp": 2, "hand": 2, "ear": 1, "acral": 1,
          "genital": 1}  # fmt: skip
OFTENER = {"akiec": {"face": 6, "scalp": 4, "hand": 4}, "bcc": {"face": 4, "neck": 2},
           "bkl": {"face": 3}, "df": {"lower extremity": 3}, "mel": {"back": 1.5}}  # fmt: skip
MISSING = 0.04  # chance that an age, a sex or a localization is not known
# Spread and bias of each simulated reader, best first, where a malignant lesion looks like 1 and a
# benign one like -1, and what looks like more than 0 is called malignant.
READERS = ((0.6, 0.1), (0.65, -0.1), (0.7, 0.3), (0.75, 0), (0.85, 0.2), (0.9, -0.2), (0.95, 0.4),
           (1.05, 0.1), (1.1, -0.3), (1.2, 0.3), (1.35, 0.5), (1.5, 0))  # fmt: skip
FAINTER = {"easy": 0.7, "medium": 1.0, "hard": 1.5}  # spreads grow where criteria are faint
MISLEADING = 0.4  # spread of what a lesion looks like to all readers alike
# The last number of a seed says what it is for; from `PHOTO` on, one for each photograph. None is
# 0: seeds that differ by zeros at the end are the same.
PLAN, PERSON, CASE, PHOTO = 1, 2, 3, 4


@dataclass(frozen=True)
class Case:
    """A lesion, in the skin of somebody.

    Attributes:
        dx: of `CLASSES`.
        level: of `LEVELS`.
        tone: of `TONES`.
        lesion: what was drawn.
        plate: float32 [3, PLATE, PLATE] from 0 to 1, the skin with the lesion.
    """

    dx: str
    level: str
    tone: str
    lesion: Lesion
    plate: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """A photograph of a case and what is known of it.

    Attributes:
        photograph: pixels, field, gains, and so on.
        inside: bool [HEIGHT, WIDTH], where the lesion is seen; the lens border hides what is
            outside it, hairs and bubbles count as if they were not there.
        masks: the same for each of `KINDS`.
    """

    photograph: Photograph
    inside: np.ndarray
    masks: dict[str, np.ndarray]

    def decisive(self, dx: str) -> np.ndarray:
        """Where the structures are that a reader decides for a class by: bool [HEIGHT, WIDTH]."""
        return np.any([self.masks[kind] for kind in DECISIVE[dx]], axis=0)


def case(dx: str, level: str, random: np.random.Generator, tone: str | None = None,
         leave_out: tuple[str, ...] = ()) -> Case:  # fmt: skip
    """Draw a lesion and the skin around it.

    Args:
        dx: of `CLASSES`.
        level: of `LEVELS`.
        tone: of `TONES`; drawn from `random` if left out.
        leave_out: of `KINDS`; everything else is as it would be with them.

    Raises:
        ValueError: a value that there is not.
    """
    if tone not in (None, *TONES):
        raise ValueError(f"tone={tone!r}: one of {', '.join(map(repr, TONES))}, or None.")
    # Each on its own, so that a change of one leaves the others as they were.
    for_tone, for_skin, for_lesion = random.spawn(3)
    tone = tone or str(for_tone.choice(list(TONES), p=TONE_SHARES))
    lesion = draw_skin_lesions.draw_lesion(dx, level, for_lesion).without(leave_out)
    plate = draw_skin_lesions.paint(draw_skin.draw_skin(tone, for_skin), lesion)
    return Case(dx, level, tone, lesion, plate)


def shoot(case: Case, random: np.random.Generator, artefacts: tuple[str, ...] | None = None,
          gains: tuple[float, float, float] | None = None) -> Drawn:  # fmt: skip
    """Take a photograph of a case.

    Args:
        artefacts: of `draw_skin.ARTEFACTS`; drawn from `random` if left out.
        gains: of red, green and blue; drawn from `random` if left out.

    Raises:
        ValueError: an artefact that there is not.
    """
    taken = draw_skin.photograph(case.plate, random, artefacts, gains)
    masks = {kind: np.zeros(taken.field.shape, bool) for kind in KINDS}
    for kind, cover in case.lesion.covers().items():
        masks[kind] = taken.cut(cover) > SEEN
    return Drawn(taken, taken.cut(case.lesion.inside) > 0.5, masks)


def plan(seed: int, part: int, number: int) -> tuple[str, str, int]:
    """Of a lesion of a set its class, its level, and how many photographs there are of it.

    Args:
        part: 0 for train and 1 for test.
        number: of the lesion in its part, from 0.
    """
    # Steps of the golden ratio give even a small set its share of every class.
    share = (number * 0.6180339887 + seed * 0.377 + 0.25 * part) % 1
    dx = list(SHARES)[int(np.searchsorted(np.cumsum([*SHARES.values()])[:-1], share, "right"))]
    count = np.random.default_rng([seed, part, number, PLAN]).choice([1, 2, 3], p=PHOTOGRAPHS)
    return dx, tuple(LEVELS)[number % len(LEVELS)], int(count)


def one(seed: int, part: int, number: int) -> tuple[Case, list[Drawn]]:
    """A lesion of a set with its photographs, drawn without the others.

    Args:
        part, number: see `plan`.
    """
    dx, level, count = plan(seed, part, number)
    drawn = case(dx, level, np.random.default_rng([seed, part, number, CASE]))
    seeds = [[seed, part, number, PHOTO + photo] for photo in range(count)]
    return drawn, [shoot(drawn, np.random.default_rng(each)) for each in seeds]


def person(dx: str, random: np.random.Generator) -> dict[str, str]:
    """Age in years (a multiple of 5), sex and localization; "" or "unknown" where missing."""
    mean, spread = AGES[dx]
    age = 5 * round(min(max(random.normal(mean, spread), 5), 85) / 5)
    weights = np.array([many * OFTENER.get(dx, {}).get(name, 1) for name, many in PLACES.items()])
    place, sex = random.choice([*PLACES], p=weights / weights.sum()), random.random() < 0.54
    missing = random.random(3) < MISSING
    return {"age": "" if missing[0] else str(age),
            "sex": "unknown" if missing[1] else ("female", "male")[sex],
            "localization": "unknown" if missing[2] else str(place)}  # fmt: skip


def reader_says(malignant: bool, level: str, reader: int, random: np.random.Generator,
                looks: float = 0.0) -> bool:  # fmt: skip
    """Whether a simulated reader calls a lesion malignant.

    Args:
        malignant: whether it is.
        level: of `LEVELS`.
        reader: of `READERS`, from 0 and best first.
        looks: how much more malignant it looks than others of its kind, to every reader.
    """
    spread, bias = READERS[reader]
    seen = (1 if malignant else -1) + bias + FAINTER[level] * (looks + random.normal(0, spread))
    return seen > 0


def write(folder: str | Path, lesions: int = 240, test: int = 80, seed: int = 0) -> None:
    """Write pictures, masks, labels.csv, readers.csv and README.txt.

    Args:
        lesions, test: how many lesions there are to train and to test with; 1.5 times as many
            photographs, about.

    Raises:
        ValueError: no lesion to train with, or a number below 0.
    """
    for name, value, least in (("lesions", lesions, 1), ("test", test, 0), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name}={value!r}: a whole number from {least}.")
    folder, rows, answers = Path(folder), [], []
    for name in ("pictures", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for part, (split, total) in enumerate({"train": lesions, "test": test}.items()):
        # NumPy and OpenCV leave Python's lock; each lesion has a seed of its own.
        with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            made = pool.map(lambda k, part=part, split=split: _shoot(folder, seed, part, split, k),
                            range(total))  # fmt: skip
            for row, calls in (each for photographs in made for each in photographs):
                rows.append(row)
                if split == "test":
                    answers.append([row["image_id"], *calls])
    _table(folder / "labels.csv", [*rows[0]], [[*row.values()] for row in rows])
    readers = [f"simulated_reader_{k + 1}" for k in range(len(READERS))]
    _table(folder / "readers.csv", ["image_id", *readers], answers)
    decides = [" ".join(dx for dx, kinds in DECISIVE.items() if kind in kinds) for kind in KINDS]
    _table(folder / "masks" / "kinds.csv", ["bit", "kind", "decides"],
           [*zip(range(len(KINDS)), KINDS, decides, strict=True)])  # fmt: skip
    (folder / "README.txt").write_text(_README, encoding="utf-8")


def _shoot(folder: Path, seed: int, part: int, split: str, number: int
           ) -> list[tuple[dict, list[int]]]:  # fmt: skip
    """Draw a lesion and save its photographs: of each, its row and what readers say."""
    drawn, shots = one(seed, part, number)
    random = np.random.default_rng([seed, part, number, PERSON])
    about, looks = person(drawn.dx, random), random.normal(0, MISLEADING)
    lesion_id, found = f"{split}_{number:05}", []
    for photo, shot in enumerate(shots):
        image_id = f"{lesion_id}_{photo}"
        _save(folder, image_id, shot)
        row = {"lesion_id": lesion_id, "image_id": image_id, "dx": drawn.dx,
               "dx_type": "synthetic", **about, "split": split,
               **_row(drawn, shot.photograph)}  # fmt: skip
        calls = [int(reader_says(drawn.dx in MALIGNANT, drawn.level, reader, random, looks))
                 for reader in range(len(READERS))]  # fmt: skip
        found.append((row, calls))
    return found


_README = """SYNTHETIC. Not one of these pictures is a photograph, and nobody had these lesions.

The pictures were drawn by data_scripts/sample_skin.py with the published criteria of dermatoscopy;
ages, sexes and localizations were drawn by lot; the readers are simulated. The set shows how a
recipe works. It says nothing about skin, about patients or about physicians, and a network that
was trained on it must not be used on anybody.
"""


def _save(folder: Path, image_id: str, shot: Drawn) -> None:
    Image.fromarray(shot.photograph.pixels).save(
        folder / "pictures" / f"{image_id}.jpg", quality=shot.photograph.quality,
        comment=b"synthetic: drawn, not photographed")  # fmt: skip
    bits = sum(shot.masks[kind].astype(np.uint16) << bit for bit, kind in enumerate(KINDS))
    Image.fromarray(shot.inside.astype(np.uint8) * 255).save(
        folder / "masks" / f"{image_id}_segmentation.png")  # fmt: skip
    Image.fromarray(bits).save(folder / "masks" / f"{image_id}_criteria.png")


def _row(drawn: Case, taken: Photograph) -> dict:
    red, green, blue = (f"{gain:.4f}" for gain in taken.gains)
    return {"level": drawn.level, "skin_tone": drawn.tone, "gain_red": red, "gain_green": green,
            "gain_blue": blue, "exposure": f"{taken.exposure:.4f}",
            "artefacts": " ".join(taken.artefacts)}  # fmt: skip


def _table(path: Path, names: list[str], rows: list) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def main(arguments: list[str] | None = None) -> int:
    """Write the sample into a folder."""
    parser = argparse.ArgumentParser(prog="python -m data_scripts.sample_skin")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lesions", type=int, default=240)
    parser.add_argument("--test", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    write(options.folder, options.lesions, options.test, options.seed)
    print(f"{options.folder}: {options.lesions} + {options.test} lesions, synthetic")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
