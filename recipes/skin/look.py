"""Pictures of lesions: what is in the data, who looks like whom, what the lamp did."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from common import pictures, plots
from recipes.skin import changes as changes_of
from recipes.skin import colour, explain
from recipes.skin.data import NAMES, Lesions
from recipes.skin.person import Person

WIDTH, HEIGHT = 320, 240  # of photographs as they are shown


def read(path: str) -> np.ndarray:
    """A file's photograph as people see it, uint8 [240, at most 320, 3]."""
    image, _ = pictures.decode(Path(path), pictures.bytes_of(Path(path)), enough=HEIGHT)
    pixels = np.asarray(image)
    width = min(WIDTH, round(HEIGHT * pixels.shape[1] / pixels.shape[0]))
    return cv2.resize(pixels, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def classes(lesions: Lesions, split: str = "train", each: int = 4, seed: int = 0) -> Figure:
    """Some photographs of every class, a row for each class, each of another lesion."""
    rows, shown = lesions.part(split), []
    order = rows.iloc[np.random.default_rng(seed).permutation(len(rows))].drop_duplicates("group")
    blank = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    for label, name in enumerate(lesions.classes):
        some = order.loc[order["label"] == label, "path"].head(each)
        said = [name + (", malignant" if name in lesions.malignant else ""), NAMES.get(name, "")]
        drawn = [read(path) for path in some] + [blank] * (each - len(some))
        shown += [(said[k] if k < len(said) else "", pixels) for k, pixels in enumerate(drawn)]
    title = f"{lesions.name}, {split}" + (" (synthetic)" if lesions.synthetic else "")
    return plots.sheet(shown, columns=each, title=title)


def twins(lesions: Lesions, most: int = 6) -> Figure | None:
    """Look-alikes beside each other, those with two classes first; None without any."""
    what = lesions.alike["what"].astype(str)
    order = what.str.contains("two").sort_values(ascending=False, kind="stable").index
    shown = []
    for row in lesions.alike.loc[order].head(most).itertuples(index=False):
        for path, name, part in ((row[0], row[2], row[4]), (row[1], row[3], row[5])):
            shown.append((f"{Path(path).stem}, {part}: {name}", read(path)))
    return plots.sheet(shown, columns=4, title="One photograph twice") if shown else None


def lamps(squared: np.ndarray) -> Figure:
    """The same photographs as they came, and as under white light by each method."""
    shown = [(kind.replace("_", " "), explain.white(picture[None], kind)[0])
             for picture in squared for kind in colour.KINDS]  # fmt: skip
    return plots.sheet(shown, columns=len(colour.KINDS), title="What is done to the light")


def changes(squared: np.ndarray, digests: list[str], count: int = 5) -> Figure:
    """Photographs, each beside some of the copies that are learned from."""
    drawn, shown = changes_of.drawn(squared, digests, count), []
    for picture, copies in zip(squared, drawn, strict=True):
        shown += [("as it is", picture), *(("changed", copy) for copy in copies)]
    return plots.sheet(shown, columns=count + 1, title="What is learned from")


def said(lesions: Lesions, rows: pd.DataFrame, found: np.ndarray, places: np.ndarray) -> list[str]:
    """Of each photograph: what it shows and what is said of it.

    Args:
        found: probabilities [n, classes].
    """
    bad = found[:, lesions.is_malignant(np.arange(len(lesions.classes)))].sum(axis=1)
    return [f"{lesions.classes[rows.label[k]]}; malignant {bad[k]:.0%}" for k in places]


def person(known: Person, classes: list[str], title: str) -> Figure:
    """How many times as often as on the whole each class has what is told."""
    names, values = zip(*[(f"{question}: {answer}", row) for question, table in known.tables.items()
                          for answer, row in zip(table.index, table.to_numpy(), strict=True)],
                        strict=True)  # fmt: skip
    figure, axes = plots.plt.subplots(figsize=(7.5, 1.6 + 0.26 * len(names)), layout="constrained")
    edge = np.log(4)
    shown = axes.imshow(np.array(values), cmap="PuOr_r", vmin=-edge, vmax=edge, aspect="auto")
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(len(classes)), classes)
    axes.grid(visible=False)
    axes.set_title(title)
    times = FuncFormatter(lambda value, _: f"{np.exp(value):.3g}")
    bar = figure.colorbar(shown, ticks=np.log([1 / 4, 1 / 2, 1, 2, 4]), extend="both", format=times)
    bar.set_label("times as often as on the whole")
    plots.plt.close(figure)
    return figure
