"""Pictures of eyes: what is in the data, what was done to them, what spoke for a referral."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from common import pictures, plots
from recipes.retina import disc, normalize, preprocess
from recipes.retina.data import GRADES, Eyes

SHOWN = 256  # pixels of a side


def read(path: str, size: int = SHOWN) -> np.ndarray:
    """A file's photograph with the disc in the middle, uint8 [size, size, 3]; without one whole."""
    try:
        return preprocess.of_file(path, size)[0]
    except disc.NoDisc:
        image, _ = pictures.decode(Path(path), Path(path).read_bytes(), enough=size)
        return np.asarray(image.resize((size, size)))


def grades(eyes: Eyes, split: str = "train", each: int = 3, seed: int = 0) -> Figure:
    """Some photographs of every grade, a column for each grade."""
    rows, shown = eyes.part(split), []
    order = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    present = sorted(rows["grade"].unique())
    for number in range(each):
        for grade in present:
            some = order[order["grade"] == grade]
            if number < len(some):
                shown.append((f"{grade} {GRADES[grade]}", read(some.iloc[number].path)))
            else:
                shown.append(("", np.full((SHOWN, SHOWN, 3), 255, np.uint8)))
    title = f"{eyes.name}, {split}" + (" (synthetic)" if eyes.synthetic else "")
    return plots.sheet(shown, columns=len(present), title=title)


def refused(eyes: Eyes, most: int = 8) -> Figure | None:
    """Photographs that the quality check refused, with why; None where there are none."""
    rows = eyes.rows[eyes.rows["refused"] != ""]
    if rows.empty:
        return None
    order = rows.assign(kind=rows["refused"].str.partition(":")[0])
    order = order.assign(turn=order.groupby("kind").cumcount()).sort_values("turn", kind="stable")
    shown = [(row.kind, read(row.path)) for row in order.head(most).itertuples()]
    return plots.sheet(shown, columns=4, title="Cannot be graded")


def twins(eyes: Eyes, most: int = 4) -> Figure | None:
    """Photographs of one eye beside each other, different grades first; None without any."""
    order = eyes.twins["what"].str.contains("two").sort_values(ascending=False, kind="stable").index
    shown = []
    for row in eyes.twins.loc[order].head(most).itertuples(index=False):
        for path, grade, part in ((row[0], row[3], row[5]), (row[1], row[4], row[6])):
            shown.append((f"{Path(path).stem}, {part}: grade {grade}", read(path)))
    title = "One eye, two photographs"
    return plots.sheet(shown, columns=4, title=title) if shown else None


def leveled(paths: list[str], size: int = 384) -> Figure:
    """The same photographs as they are, and levelled in each way."""
    shown = []
    for path in paths:
        image, _ = pictures.decode(Path(path), Path(path).read_bytes(), enough=2 * size)
        shown.append(("as it came", np.asarray(image)))
        for leveling in normalize.LEVELINGS:
            name = "cropped" if leveling == "none" else f"levelled: {leveling}"
            shown.append((name, preprocess.of_file(path, size, leveling)[0]))
    columns = 1 + len(normalize.LEVELINGS)
    return plots.sheet(shown, columns=columns, title="What is done to a photograph")
