"""Synthetic fundus photographs with diabetic retinopathy, of a grade that is known.

Every eye is drawn and every reader is simulated; nobody was photographed or asked. The lesions are
drawn by the grade, the grade follows from what was drawn (`draw_lesions.grade_of`), and how hard it
is to see stands in labels.csv: the level says the lesions' contrast. Artefacts, pigment, camera and
side say nothing about the grade. Some photographs are ungradable, some stand in the set twice.

    train/*.jpg, test/*.jpg   512 x 512 pixels
    masks/<name>.png          uint8, one bit for each kind of lesion; masks/kinds.csv says which
    labels.csv                a row for each photograph; positions and diameters in pixels
    readers.csv               what eight simulated readers said of each test photograph
    duplicates.csv            photographs that stand in the set twice, with grades that differ

    python -m data_scripts.sample_retina folder
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from data_scripts import draw_fundus, draw_lesions
from data_scripts.draw_fundus import SIZE, Canvas, Eye, Look, cloud
from data_scripts.draw_lesions import KINDS, Counts, edema_of, grade_of

GRADES = ("none", "mild", "moderate", "severe", "proliferative")
SHARES = (0.32, 0.12, 0.28, 0.14, 0.14)  # of each grade, among patients
LEVELS = {"easy": 1.0, "medium": 0.7, "hard": 0.45}  # contrast of the lesions
EYES = ("right", "left")
UNGRADABLE = ("blurred", "dark", "overexposed", "no_eye")
UNGRADABLE_EVERY = 15  # one photograph in so many
SAME_GRADE = 0.7  # chance that a patient's eyes have the same grade; they differ by 1 otherwise
# Spread and bias of each simulated reader, in grades; the spread grows where lesions are faint.
READERS = ((0.25, 0), (0.32, 0.05), (0.38, -0.1), (0.42, 0.1), (0.5, 0), (0.55, -0.2),
           (0.62, 0.2), (0.75, 0))  # fmt: skip
FAINTER = {"easy": 0.6, "medium": 1.0, "hard": 1.6}
# A reader's impression is cut here: the mildest grade is the one that is missed most, as found by
# Krause et al., Grader variability and the importance of reference standards, Ophthalmology 2018.
CUTS = (0.6, 1.4, 2.5, 3.5)


@dataclass(frozen=True)
class Drawn:
    """A photograph and what is known of it.

    Attributes:
        pixels: uint8 [SIZE, SIZE, 3], red, green, blue.
        field: bool [SIZE, SIZE], the field of view.
        masks: bool [SIZE, SIZE] for each of `KINDS`.
        counts: of lesions.
        grade, edema: from 0 to 4 and from 0 to 2; None where the photograph is ungradable, and
            then masks and counts are empty, too.
        level: of `LEVELS`.
        eye: of `EYES`.
        ungradable: of `UNGRADABLE`, or "".
        disc, fovea: x and y, in pixels, whether they are seen or not.
        disc_diameter: in pixels.
        artefacts: their names; none of them hides the grade.
        quality: of the JPEG file that it is meant to be, from 1 to 100.
    """

    pixels: np.ndarray
    field: np.ndarray
    masks: dict[str, np.ndarray]
    counts: Counts
    grade: int | None
    edema: int | None
    level: str
    eye: str
    ungradable: str
    disc: tuple[float, float]
    fovea: tuple[float, float]
    disc_diameter: float
    artefacts: tuple[str, ...]
    quality: int


def wanted(grade: int, random: np.random.Generator) -> dict:
    """What to draw for a grade: a plan for `draw_lesions.draw_lesions`.

    Raises:
        ValueError: a grade that is not from 0 to 4.
    """
    if grade not in range(len(GRADES)):
        raise ValueError(f"grade={grade!r}: a whole number from 0 (none) to 4 (proliferative).")

    def some(chance: float, low: int, high: int) -> int:
        return int(random.integers(low, high + 1)) if random.random() < chance else 0

    plan = {"microaneurysms": some(grade > 0, 2, 7)}
    # New vessels may grow in a retina that shows little else.
    behind = grade if grade < 4 else int(random.integers(1, 4))
    if behind >= 2:
        most = 5 if behind == 2 else 13
        plan = {"microaneurysms": some(1, 3, 7 * behind),
                "haemorrhages": [some(0.8, 1, most) for _ in range(4)],
                "hard_exudates": some(0.65, 1, 4), "cotton_wool_spots": some(0.4, 1, 4),
                "venous_beading": [2] if random.random() < 0.12 else []}  # fmt: skip
        if not (any(plan["haemorrhages"]) or plan["hard_exudates"]):
            plan["haemorrhages"] = [3, 0, 0, 1]
    if behind == 3:
        rules = random.random(3) < 0.4
        rules[random.integers(3)] = True
        if rules[0]:
            plan["haemorrhages"] = random.integers(21, 27, 4).tolist()
        if rules[1]:  # large veins run through the two quadrants between disc and fovea
            plan["venous_beading"] = [2, 3, *random.permutation(2)[: random.integers(3)].tolist()]
        if rules[2]:
            plan["irma"] = random.permutation(4)[: random.integers(1, 4)].tolist()
    if grade == 4:
        plan["new_vessels"] = some(0.75, 1, 3)
        plan["preretinal_haemorrhage"] = some(0.35 if plan["new_vessels"] else 1, 1, 2)
    return {kind: what for kind, what in plan.items() if what not in (0, [], [0] * 4)}


def draw(grade: int, level: str, random: np.random.Generator, eye: str = "right",
         look: Look | None = None, ungradable: str = "", leave_out: tuple[str, ...] = ()
         ) -> Drawn:  # fmt: skip
    """One photograph.

    Args:
        grade: from 0 to 4.
        level: of `LEVELS`.
        eye: of `EYES`.
        look: the camera and the pigment; drawn from `random` if left out.
        ungradable: of `UNGRADABLE`, or "".
        leave_out: of `KINDS`; everything else is as it would be with them, down to the noise, and
            the grade is what is left.

    Raises:
        ValueError: a value that there is not.
    """
    for name, value, values in (("level", level, tuple(LEVELS)), ("eye", eye, EYES),
                                ("ungradable", ungradable, ("", *UNGRADABLE))):  # fmt: skip
        if value not in values:
            raise ValueError(f"{name}={value!r}: one of {', '.join(map(repr, values))}.")
    # Each on its own, so that a change of one leaves the others as they were.
    for_look, for_eye, for_plan, for_lesions, for_camera = random.spawn(5)
    healthy = draw_fundus.draw_eye(look or draw_fundus.look(for_look), eye, for_eye)
    lesions = draw_lesions.draw_lesions(healthy, wanted(grade, for_plan), for_lesions)
    lesions = lesions.without(leave_out)
    pixels = draw_lesions.paint(healthy, lesions, LEVELS[level], for_camera)
    pixels, artefacts, quality = _photograph(pixels, healthy, ungradable, for_camera)
    field, disc = healthy.field > 0.5, healthy.look.disc
    if ungradable:  # what lies behind it cannot be known from it
        lesions = lesions.without(KINDS)
    masks = {kind: np.zeros((SIZE, SIZE), bool) for kind in KINDS}
    for kind, cover in lesions.covers.items():
        masks[kind] = field & (cover > draw_lesions.SEEN)
    grades = (grade_of(lesions.counts), edema_of(masks["hard_exudates"], healthy.fovea, disc))
    return Drawn(pixels, field, masks, lesions.counts, *((None, None) if ungradable else grades),
                 level, eye, ungradable, healthy.disc, healthy.fovea, disc, artefacts,
                 quality)  # fmt: skip


def _photograph(pixels: np.ndarray, eye: Eye, ungradable: str, random
                ) -> tuple[np.ndarray, tuple[str, ...], int]:  # fmt: skip
    """Light the eye and take its picture: uint8 pixels, names of artefacts, JPEG quality."""
    x = (np.arange(SIZE, dtype=np.float32) - SIZE / 2) / np.float32(eye.look.radius)
    y = x[:, None]
    artefacts = []
    if ungradable == "no_eye":
        pixels = draw_fundus.lid(random)
    side = random.uniform(0, 2 * np.pi)
    along = x * np.float32(np.cos(side)) + y * np.float32(np.sin(side))
    light = 1.06 - random.uniform(0.12, 0.42) * (x * x + y * y) + random.uniform(0, 0.16) * along
    pixels = pixels * (light * random.uniform(0.65, 1.08))[..., None]
    if random.random() < 0.3:
        artefacts.append("haze")
        veil = random.uniform(0.06, 0.2) * (1 + 0.25 * cloud(3, random))
        pixels += veil[..., None] * (eye.look.colour**0.5 - pixels)
    if random.random() < 0.35:
        artefacts.append("flare")
        rim = np.exp((np.hypot(x, y) - 1) / random.uniform(0.03, 0.12)) * np.clip(along, 0, 1) ** 2
        warm, cold = (1.0, 0.55, 0.2), (0.6, 0.75, 0.8)
        tint = np.array(warm if random.random() < 0.5 else cold, np.float32)
        pixels += (random.uniform(0.3, 0.8) * rim)[..., None] * tint
    if random.random() < 0.35:
        artefacts.append("dust")
        canvas = Canvas()
        for spot_x, spot_y in random.uniform(0.15, 0.85, (int(random.integers(1, 7)), 2)) * SIZE:
            canvas.line(np.array([[spot_x, spot_y, 5], [spot_x + 1, spot_y, 5]]))
        pixels *= 1 - 0.3 * canvas.cover(random.uniform(1.2, 3))[..., None]
    blur = random.uniform(0.35, 1.0)
    if random.random() < 0.2:
        artefacts.append("defocus")
        blur = random.uniform(1.1, 1.7)
    if ungradable == "blurred":
        blur = random.uniform(9, 14)
    pixels = cv2.GaussianBlur(pixels, (0, 0), blur)
    if ungradable == "dark":
        pixels *= random.uniform(0.06, 0.13)
    elif ungradable == "overexposed":
        pixels = 1 - 0.1 * np.exp(-4 * cv2.GaussianBlur(pixels, (0, 0), 4))
    quality = int(random.integers(75, 96))
    if random.random() < 0.2:
        artefacts.append("jpeg")
        quality = int(random.integers(40, 65))
    pixels += random.uniform(0.006, 0.016) * random.standard_normal((SIZE, SIZE, 1), np.float32)
    pixels *= eye.field[..., None]
    return np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8), tuple(artefacts), quality


def one(seed: int, part: int, number: int) -> tuple[Drawn, int]:
    """A photograph of a set, drawn without the others, and its patient's number in its part.

    Args:
        part: 0 for train and 1 for test.
        number: from 0; two after each other are a patient's right and left eye.
    """
    patient, random = number // 2, np.random.default_rng([seed, part, number])
    # A fourth number that is not 0: seeds that differ by zeros at the end are the same.
    shared = np.random.default_rng([seed, part, patient, 1])
    # Steps of the golden ratio give even a small set its share of every grade.
    share = (patient * 0.6180339887 + seed * 0.377 + 0.25 * part) % 1
    grade = int(np.searchsorted(np.cumsum(SHARES)[:-1], share, side="right"))
    if number % 2 and random.random() > SAME_GRADE:
        grade = int(np.clip(grade + random.choice([-1, 1]), 0, len(GRADES) - 1))
    reason = UNGRADABLE[number // UNGRADABLE_EVERY % len(UNGRADABLE)]
    if number % UNGRADABLE_EVERY != UNGRADABLE_EVERY // 2:
        reason = ""
    level = tuple(LEVELS)[number % len(LEVELS)]
    return draw(grade, level, random, EYES[number % 2], draw_fundus.look(shared), reason), patient


def reader_says(grade: int | None, level: str, reader: int, random: np.random.Generator
                ) -> int | None:  # fmt: skip
    """What a simulated reader says of a photograph: a grade, or None where it is ungradable.

    Args:
        grade: the true one, or None.
        level: of `LEVELS`.
        reader: of `READERS`, from 0 and best first.
    """
    if grade is None:
        return None if random.random() < 0.9 else int(random.integers(len(GRADES)))
    spread, bias = READERS[reader]
    seen = random.normal(grade + bias, spread * FAINTER[level])
    return int(np.searchsorted(CUTS, seen))


def _row(drawn: Drawn, split: str, patient: str) -> dict:
    """A row of labels.csv but for the photograph's name."""
    counts = asdict(drawn.counts)
    counts["haemorrhages"] = " ".join(map(str, counts["haemorrhages"]))
    (disc_x, disc_y), (fovea_x, fovea_y) = drawn.disc, drawn.fovea
    places = {"disc_x": disc_x, "disc_y": disc_y, "disc_diameter": drawn.disc_diameter,
              "fovea_x": fovea_x, "fovea_y": fovea_y}  # fmt: skip
    return {"grade": drawn.grade, "dme_risk": drawn.edema, "patient": patient, "eye": drawn.eye,
            "split": split, "level": drawn.level, "ungradable": drawn.ungradable,
            "artefacts": " ".join(drawn.artefacts), "source": "synthetic",
            **{name: f"{value:.1f}" for name, value in places.items()}, **counts}  # fmt: skip


def write(folder: str | Path, train: int = 200, test: int = 80, seed: int = 0, copies: int = 3
          ) -> None:  # fmt: skip
    """Write photographs, masks, labels.csv, readers.csv and duplicates.csv.

    Args:
        train, test: photographs; two of each patient.
        copies: more photographs in train that are exact copies with another grade and another
            patient, as published sets have them; the last is a copy of a test photograph.

    Raises:
        ValueError: no photograph for train, a number below 0, or more copies than train // 2.
    """
    for name, value, least, most in (("train", train, 1, np.inf), ("test", test, 0, np.inf),
                                     ("seed", seed, 0, np.inf),
                                     ("copies", copies, 0, train // 2)):  # fmt: skip
        if not least <= value <= most:
            raise ValueError(f"{name}={value!r}: a whole number from {least} to {most}.")
    folder, rows, answers = Path(folder), {}, []
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    for part, (split, count) in enumerate({"train": train, "test": test}.items()):
        (folder / split).mkdir(exist_ok=True)
        # NumPy and OpenCV leave Python's lock; each eye has a seed of its own.
        with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            made = pool.map(lambda k, part=part, split=split: _shoot(folder, seed, part, split, k),
                            range(count))  # fmt: skip
            for name, row, calls in made:
                rows[name] = row
                if split == "test":
                    answers.append([name, *calls])
    made = _copy_some(folder, rows, copies, train, seed)
    _table(folder / "duplicates.csv", ["image", "copy", "grade", "copy_grade"], made)
    labels = [{"image": name, **row} for name, row in rows.items()]
    _table(folder / "labels.csv", list(labels[0]), [list(row.values()) for row in labels])
    readers = [f"simulated_reader_{k + 1}" for k in range(len(READERS))]
    _table(folder / "readers.csv", ["image", *readers], answers)
    _table(folder / "masks" / "kinds.csv", ["bit", "kind"], [*enumerate(KINDS)])


def _shoot(folder: Path, seed: int, part: int, split: str, number: int
           ) -> tuple[str, dict, list[int]]:  # fmt: skip
    """Draw and save one photograph with its mask: its name, its row, and what readers say."""
    drawn, patient = one(seed, part, number)
    name = f"{split}/{split}_{number:04}.jpg"
    Image.fromarray(drawn.pixels).save(folder / name, quality=drawn.quality,
                                       comment=b"synthetic: drawn, not photographed")
    bits = sum(drawn.masks[kind].astype(np.uint8) << k for k, kind in enumerate(KINDS))
    Image.fromarray(bits).save(_mask(folder, name))
    random = np.random.default_rng([seed, 2, number])
    calls = [reader_says(drawn.grade, drawn.level, reader, random)
             for reader in range(len(READERS))]  # fmt: skip
    return name, _row(drawn, split, f"{split}_{patient:04}"), calls


def _mask(folder: Path, name: str) -> Path:
    return folder / "masks" / f"{Path(name).stem}.png"


def _copy_some(folder: Path, rows: dict[str, dict], copies: int, train: int, seed: int) -> list:
    """Copy files and rows under new names; return rows of duplicates.csv."""
    random, made = np.random.default_rng([seed, 3]), []
    gradable = {split: [name for name, row in rows.items()
                        if row["split"] == split and row["grade"] is not None]
                for split in ("train", "test")}  # fmt: skip
    chosen = random.permutation(gradable["train"])[:copies].tolist()
    if copies and gradable["test"]:  # a leak
        chosen[copies - 1 :] = [str(random.choice(gradable["test"]))]
    for number, name in enumerate(chosen, start=train):
        copy, row = f"train/train_{number:04}.jpg", rows[name]
        wrong = int((row["grade"] + random.integers(1, len(GRADES))) % len(GRADES))
        shutil.copyfile(folder / name, folder / copy)
        shutil.copyfile(_mask(folder, name), _mask(folder, copy))
        rows[copy] = row | {"grade": wrong, "split": "train", "patient": f"train_{number:04}"}
        made.append([name, copy, row["grade"], wrong])
    return made


def _table(path: Path, names: list[str], rows: list) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def main(arguments: list[str] | None = None) -> int:
    """Write the sample into a folder."""
    parser = argparse.ArgumentParser(prog="python -m data_scripts.sample_retina")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=200)
    parser.add_argument("--test", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    write(options.folder, options.train, options.test, options.seed)
    print(f"{options.folder}: {options.train} + {options.test} fundus photographs, synthetic")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
