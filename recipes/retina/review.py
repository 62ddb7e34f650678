"""What people ask about a grader: readers, subgroups, worse photographs, reasons, last words."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from common import results, screening, screening_tables
from common.metrics import Interval, wilson
from common.screening_tables import Panel
from common.vision import distort
from common.vision.backbones import Backbone
from recipes.retina import explain, learning, look, ordinal, preprocess, quality, report
from recipes.retina.data import GRADES, REFERABLE, Eyes
from recipes.retina.disc import NoDisc
from recipes.retina.grader import NOTICE, Grader
from recipes.retina.learning import Heads, Task
from recipes.retina.normalize import normalized
from recipes.retina.preprocess import Prepared
from recipes.retina.report import CROSS_VALIDATED, OURS
from recipes.retina.tuning import Tuned

NOTHING = Interval(value=np.nan, low=np.nan, high=np.nan, n=0, method="")
REFERABLE_COLUMN = len(GRADES)  # of a network's answers
# Of each distortion, those that a person sees; in the units of `distort`.
LEVELS = {"size": (256, 128, 64), "blur": (1, 2, 4), "jpeg": (60, 20, 5),
          "colour": (-40, -20, 20, 40)}  # fmt: skip
# Area under the curve of the paper's abstract, for scale: other photographs, and 128,175 of them.
PAPER = {"Gulshan et al. 2016, EyePACS-1": 0.991}


def panel(eyes: Eyes, rows: pd.DataFrame, answers: np.ndarray) -> Panel | None:
    """Readers of the test photographs beside the network; None where nobody's grades are given."""
    if eyes.readers is None:
        return None
    grades = eyes.readers.reindex(rows["path"]).reset_index(drop=True)
    graded = grades.dropna(axis=1, how="all")
    ill = rows["grade"].to_numpy() >= REFERABLE
    return screening_tables.readers(ill, graded, REFERABLE, answers[:, REFERABLE_COLUMN])


def subgroups(rows: pd.DataFrame, answers: np.ndarray, threshold: float, also: Sequence[str]
              ) -> pd.DataFrame:  # fmt: skip
    """The area and both rates by eye and by the columns that were asked for."""
    told = {name: rows[name].where(rows[name].astype(str) != "")
            for name in dict.fromkeys(("eye", *also))}  # fmt: skip
    groups = pd.DataFrame({name: each for name, each in told.items() if each.notna().any()},
                          index=rows.index)  # fmt: skip
    return screening_tables.subgroups(rows["grade"].to_numpy() >= REFERABLE,
                                      answers[:, REFERABLE_COLUMN], threshold, groups)


def ladder(grader: Grader, rows: pd.DataFrame, levels: dict = LEVELS, log=print) -> pd.DataFrame:
    """How referral falls as photographs get worse before they are prepared.

    Args:
        levels: by the name of the distortion, see `distort.ladder`.

    Returns:
        As `distort.ladder`: "AUC of referable" and "kappa" over the photographs in which a disc is
        still found (not a number where hardly any is), and "refused": the share that the quality
        check refuses.
    """
    grade = rows["grade"].to_numpy()
    enough = 2 * grader.preparation.size
    originals = [preprocess.pixels_of(Path(path), Path(path).read_bytes(), enough)[0]
                 for path in rows["path"]]  # fmt: skip

    def one(picture: np.ndarray) -> tuple[bool, np.ndarray | None]:
        made = grader.preparation
        try:
            pixels = normalized(picture, made.size, made.leveling, made.share)
        except NoDisc:
            pixels = None
        return quality.check(picture).gradable, pixels

    def score(pictures: list[np.ndarray]) -> dict:
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # OpenCV works outside Python's lock
            found = list(threads.map(one, pictures))
        refused = sum(not gradable for gradable, _ in found)
        places = [number for number, (_, pixels) in enumerate(found) if pixels is not None]
        made = [found[number][1] for number in places]
        told, area, kappa = grade[places], NOTHING, np.nan
        if 2 <= (told >= REFERABLE).sum() <= len(told) - 2:
            answers = grader.answers(np.stack(made))
            area = screening.auc(told >= REFERABLE, answers[:, REFERABLE_COLUMN])
            kappa = ordinal.kappa(told, ordinal.nearest(answers[:, : len(GRADES)]))
        return {"AUC of referable": area, "kappa": kappa,
                "refused": wilson(refused, len(pictures))}  # fmt: skip

    return distort.ladder(score, originals, tuple(levels), levels, keep_black=True, log=log)


def surest(rows: pd.DataFrame, answers: np.ndarray, most: int = 6) -> np.ndarray:
    """Places of the test photographs that are most surely referred, each of another patient."""
    order = pd.Series(np.argsort(-answers[:, REFERABLE_COLUMN], kind="stable"))
    first = ~rows["group"].iloc[order].duplicated().to_numpy()
    return order[first].to_numpy()[:most]


def said(rows: pd.DataFrame, answers: np.ndarray, places: np.ndarray) -> list[str]:
    """Of each photograph: its grade and what the network says."""
    return [f"grade {rows.grade[k]}; referable {answers[k, REFERABLE_COLUMN]:.0%}" for k in places]


def cropped(rows: pd.DataFrame, places: np.ndarray, size: int) -> np.ndarray:
    """Photographs as people see them, in the form in which maps lie, uint8 [n, size, size, 3]."""
    return np.stack([look.read(rows.path[k], size) for k in places])


def masks(eyes: Eyes, rows: pd.DataFrame, places: np.ndarray, prepared: Prepared, size: int,
          share: float) -> np.ndarray | None:  # fmt: skip
    """Where the sample's lesions are, bool [n, size, size]; None for other data."""
    if eyes.masks is None:
        return None
    discs = [prepared.discs[k] for k in places]
    return explain.lesions(eyes.masks, rows.iloc[places], size, discs, share)


def regraded(grader: Grader, tuned: Tuned, task: Task, pictures: np.ndarray, kind: str,
             strength: float, rates: tuple[float, float], rows: pd.DataFrame,
             seed: int) -> tuple[Grader, Task, Heads]:  # fmt: skip
    """The grader on the tuned backbone, its thresholds chosen on the fifth that it has not seen.

    Returns:
        It, the task with what the tuned backbone sees, and the heads.
    """
    seen = replace(task, features=tuned.taps.compute(pictures).mean(axis=1))
    held = tuned.validation
    others = np.setdiff1d(np.arange(len(task)), held)
    learner = learning.Learner(seen, kind)
    over, edema = learner.fit(others, strength, seed).above(seen.features[held])
    judged = learning.judged(over, edema, seen.of(held), strength)
    chosen = report.thresholds(rows.iloc[held], report.answers_of(judged), *rates)
    trained = learner.fit(np.arange(len(task)), strength, seed).tempered(judged)
    made = Grader.of(grader.preparation, tuned.taps, trained, chosen, grader.has_edema)
    return made, seen, trained


def published(eyes: Eyes) -> dict[str, dict[str, float]]:
    """Figures of the paper to stand beside ours; none beside what was drawn."""
    return {} if eyes.synthetic else {"AUC of referable": PAPER}


def broken_example(eyes: Eyes, output_dir: str | Path) -> Path:
    """A folder of grades with what people's folders have in them, to show what is said of it."""
    folder = Path(output_dir) / "broken_example"
    shutil.rmtree(folder, ignore_errors=True)
    rows = eyes.part("train")
    for grade in (0, 2):
        for number, path in enumerate(rows.loc[rows["grade"] == grade, "path"].head(8)):
            inside = folder / str(grade)
            inside.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, inside / f"{number}.jpg")
    good = folder / "0" / "0.jpg"
    shutil.copyfile(good, folder / "2" / "the_same_eye.jpg")
    (folder / "2" / "cut.jpg").write_bytes(good.read_bytes()[:3000])
    (folder / "2" / "empty.jpg").touch()
    (folder / "2" / "notes.txt").write_text("not a picture")
    Image.new("RGB", (300, 300), (120, 160, 90)).save(folder / "0" / "a_lawn.png")
    exif = Image.Exif()
    exif[0x013B] = "a name"
    with Image.open(good) as picture:
        picture.resize((400, 400)).save(folder / "0" / "telling.jpg", exif=exif)
    (folder / "unclear").mkdir()
    shutil.copyfile(good, folder / "unclear" / "x.jpg")
    return folder


def table(records: list[dict], eyes: Eyes, published: Sequence[dict] = ()) -> pd.DataFrame:
    """The numbers with their intervals."""
    return results.table(records, published, eyes.name, eyes.synthetic)


def verdict(eyes: Eyes, records: list[dict], backbone: Backbone) -> str:
    """The same in words."""
    value = {(record["variant"], record["metric"]): record for record in records}

    def figure(metric: str, digits: int = 2) -> str:
        found = value[OURS, metric]
        return (f"{found['value']:.{digits}f} ({found['low']:.{digits}f} to "
                f"{found['high']:.{digits}f})")

    kind = "synthetic " if eyes.synthetic else ""
    count = len(eyes.part("test"))
    lines = [
        f"{count:,} {kind}test photographs: quadratic kappa {figure('quadratic kappa')}, accuracy "
        f"{figure('accuracy')}, area under the curve of referable {figure('AUC of referable', 3)}.",
        f"{len(eyes.part('train')):,} training photographs, held out: kappa "
        f"{figure('quadratic kappa' + CROSS_VALIDATED)}, accuracy "
        f"{figure('accuracy' + CROSS_VALIDATED)}, area "
        f"{figure('AUC of referable' + CROSS_VALIDATED, 3)}.",
        f"With {backbone.said}. {NOTICE}",
    ]
    return "\n".join(lines)


def summary(eyes: Eyes, recorded: dict, output_dir: str | Path, seconds: float,
            backbone: Backbone) -> None:  # fmt: skip
    """The run's last words."""
    results.last_words(eyes.name, verdict(eyes, recorded["metrics"], backbone), output_dir, seconds,
                       {"grader": "the trained grader"})  # fmt: skip
