"""What people ask of a classifier: readers, subgroups, worse photographs, reasons, last words."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from common import pictures, results, screening, screening_tables
from common.screening_tables import Panel
from common.vision import distort
from common.vision.backbones import Backbone
from common.vision.listing import some
from recipes.skin import prepare, report
from recipes.skin.classifier import NOTICE, Classifier
from recipes.skin.data import Lesions
from recipes.skin.report import OURS

# Of each distortion, those that a person sees; in the units of `distort`.
LEVELS = {"size": (128, 64, 32), "blur": (1, 2, 4), "jpeg": (60, 20, 5),
          "colour": (-40, -20, 20, 40)}  # fmt: skip
BANDS = ((0, 30, "under 30"), (30, 45, "30 to 44"), (45, 60, "45 to 59"), (60, 75, "60 to 74"),
         (75, 200, "75 and more"))  # fmt: skip  # years
ENOUGH = 16  # lesions of each kind, for the example of a broken folder
TIMES = 2  # the network's size, to which photographs are brought before they are made worse
# Of the paper: 129,450 photographs to learn from; three classes (benign, malignant, neither).
PAPER = {"Esteva et al. 2017, carcinomas": 0.96, "Esteva et al. 2017, melanomas": 0.94,
         "Esteva et al. 2017, dermoscopy": 0.91}  # fmt: skip


def panel(lesions: Lesions, rows: pd.DataFrame, found: np.ndarray) -> Panel | None:
    """Readers of the test photographs beside the network; None where nobody's calls are given.

    Args:
        rows, found: of the test part, see `report.shares`.
    """
    if lesions.readers is None:
        return None
    calls = lesions.readers.reindex(rows["path"]).reset_index(drop=True).dropna(axis=1, how="all")
    ill, score = report.malignant(lesions, rows, found)
    return screening_tables.readers(ill, calls, 1, score) if len(calls.columns) else None


def subgroups(lesions: Lesions, rows: pd.DataFrame, found: np.ndarray, threshold: float
              ) -> pd.DataFrame:  # fmt: skip
    """The area and both rates by age, sex and place, where they are told."""
    groups, bands = pd.DataFrame(index=rows.index), [name for *_, name in BANDS]
    if rows["age"].notna().any():
        edges = [low for low, *_ in BANDS] + [BANDS[-1][1]]
        groups["age"] = pd.cut(rows["age"], edges, right=False, labels=bands)
    for name in ("sex", "place"):
        told = rows[name].where(~rows[name].isin(["", "unknown"]))
        if told.notna().any():
            often = told.value_counts().index[: screening_tables.GROUPS_UP_TO - 1]
            groups[name] = told.where(told.isin(often) | told.isna(), "another")
    ill, score = report.malignant(lesions, rows, found)
    return screening_tables.subgroups(ill, score, threshold, groups)


def ladder(classifier: Classifier, rows: pd.DataFrame, most: int | None = None,
           levels: dict = LEVELS, log=print) -> pd.DataFrame:  # fmt: skip
    """How the answers fall as photographs get worse before they are prepared.

    Args:
        most: at most so many photographs, every class in its share.
        levels: by the name of the distortion, see `distort.ladder`.

    Returns:
        As `distort.ladder`: "AUC of malignant" and "balanced accuracy" (of what stands out).
    """
    rows = rows if most is None else some(rows, most)
    labels = rows["label"].to_numpy()
    ill = np.isin(np.array(classifier.classes)[labels], classifier.malignant)
    originals = [_of_size(path, TIMES * classifier.size) for path in rows["path"]]

    def score(worse: list[np.ndarray]) -> dict:
        squared = np.stack([prepare.squeezed(each, classifier.size) for each in worse])
        answers = classifier.answers(squared)
        even = report.evened(answers, classifier.wanted)
        return {"AUC of malignant": screening.auc(ill, classifier.of_malignant(answers)),
                "balanced accuracy": report.balanced(labels, even)}  # fmt: skip

    return distort.ladder(score, originals, tuple(levels), levels, log=log)


def _of_size(path: str, side: int) -> np.ndarray:
    """A photograph, its shorter side brought to `side` where it is longer."""
    image, _ = pictures.decode(Path(path), pictures.bytes_of(Path(path)), enough=side)
    scale = side / min(image.size)
    if scale < 1:
        image = image.resize([round(scale * each) for each in image.size], Image.Resampling.BOX)
    return np.asarray(image)


def surest(lesions: Lesions, rows: pd.DataFrame, found: np.ndarray, most: int) -> np.ndarray:
    """Places of malignant test photographs, those called so most surely first, each of another
    lesion."""
    ill, score = report.malignant(lesions, rows, found)
    order = pd.Series(np.argsort(-np.where(ill, score, -1), kind="stable")[: ill.sum()])
    first = ~rows["group"].iloc[order].duplicated().to_numpy()
    return order[first].to_numpy()[:most]


def published(lesions: Lesions) -> dict[str, dict[str, float]]:
    """Figures of the paper to stand beside ours; none beside what was drawn."""
    return {} if lesions.synthetic else {"AUC of malignant": PAPER}


def broken_example(lesions: Lesions, output_dir: str | Path) -> Path | None:
    """A folder of two classes with what people's folders have in them, to show what is said of it.

    None where the data has too few lesions for it.
    """
    folder = Path(output_dir) / "broken_example"
    shutil.rmtree(folder, ignore_errors=True)
    rows = lesions.part("train").drop_duplicates("group")
    bad = lesions.is_malignant(rows["label"])
    if min(bad.sum(), (~bad).sum()) < ENOUGH:
        return None
    for name, which in (("malignant", bad), ("benign", ~bad)):
        inside = folder / name
        inside.mkdir(parents=True)
        for number, path in enumerate(rows.loc[which, "path"].head(ENOUGH), 1):
            shutil.copyfile(path, inside / f"{number}{Path(path).suffix}")
    good, other = (next((folder / name).glob("1.*")) for name in ("malignant", "benign"))
    shutil.copyfile(good, folder / "benign" / f"the_same_lesion{good.suffix}")
    (folder / "benign" / f"cut{good.suffix}").write_bytes(good.read_bytes()[:3000])
    (folder / "benign" / "empty.jpg").touch()
    (folder / "benign" / "notes.txt").write_text("not a picture")
    exif = Image.Exif()
    exif[0x013B] = "a name"
    with Image.open(other) as picture:
        smaller = picture.convert("RGB").resize((400, 300))
        smaller.save(folder / "benign" / "0_telling.jpg", exif=exif)
    return folder


def table(records: list[dict], lesions: Lesions, published: Sequence[dict] = ()) -> pd.DataFrame:
    """The numbers with their intervals."""
    return results.table(records, published, lesions.name, lesions.synthetic)


def verdict(lesions: Lesions, records: list[dict], backbone: Backbone) -> str:
    """The same in words."""
    value = {(record["variant"], record["metric"]): record for record in records}

    def figure(metric: str, variant: str = OURS) -> str:
        found = value[variant, metric]
        return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"

    kind, count = "synthetic " if lesions.synthetic else "", len(lesions.part("test"))
    constant = value[report.MOST, "accuracy"]["value"]
    told, area = [], "AUC of malignant"
    if (report.TOLD, area) in value:
        told = [f"With age, sex and place, where they are told: {figure(area, report.TOLD)}."]
    return "\n".join([
        f"{count:,} {kind}test photographs: balanced accuracy {figure('balanced accuracy')} of "
        f"what stands out, accuracy {figure('accuracy')} of the likeliest class (always the "
        f"commonest: {constant:.3f}).",
        f"Malignant or not: area under the curve {figure(area)}.",
        *told,
        f"With {backbone.said}. {NOTICE}",
    ])


def summary(lesions: Lesions, recorded: dict, output_dir: str | Path, seconds: float,
            backbone: Backbone) -> None:  # fmt: skip
    """The run's last words."""
    results.last_words(lesions.name, verdict(lesions, recorded["metrics"], backbone), output_dir,
                       seconds, {"classifier": "the trained classifier"})  # fmt: skip
