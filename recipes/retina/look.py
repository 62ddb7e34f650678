"""Pictures of eyes: what is in the data, what was done to them, what spoke for a referral."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from common import pictures, plots
from common.vision.explain import overlay
from recipes.retina import disc, normalize, preprocess
from recipes.retina.data import GRADES, Eyes

SHOWN = 256  # pixels of a side
GREEN = (90, 255, 120)
PEAKS = 99.5  # percent of a map's places below which its colours differ


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


def reasons(photographs: np.ndarray, maps: Mapping[str, np.ndarray], names: list[str],
            masks: np.ndarray | None = None, title: str = "") -> Figure:  # fmt: skip
    """Photographs, where known their lesions, and what spoke for a referral by each kind of map.

    Args:
        photographs: uint8 [n, size, size, 3] to draw on. maps: float [n, h, w] by name.
        names: what each is and what was said of it. masks: bool [n, size, size] of lesions.
    """
    columns = 1 + (masks is not None) + len(maps)
    figure, axes = plt.subplots(len(photographs), columns, squeeze=False, layout="constrained",
                                figsize=(2.5 * columns, 2.6 * len(photographs) + 0.5))  # fmt: skip
    for line, (row, photograph) in enumerate(zip(axes, photographs, strict=True)):
        drawn = [(names[line], photograph)]
        if masks is not None:
            drawn.append(("its lesions", outlined(photograph, masks[line])))
        drawn += [(name, overlay(photograph, _without_peaks(found[line])))
                  for name, found in maps.items()]  # fmt: skip
        for axis, (name, pixels) in zip(row, drawn, strict=True):
            axis.imshow(pixels, interpolation="lanczos")
            axis.axis("off")
            axis.set_title(name, fontsize=9, loc="center")
    if title:
        figure.suptitle(title, fontweight="bold", x=0.01, ha="left")
    plt.close(figure)
    return figure


def _without_peaks(found: np.ndarray) -> np.ndarray:
    """A map in which the few warmest places do not outshine all others."""
    return np.minimum(found, np.percentile(found, PEAKS))


def outlined(photograph: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photograph with green lines round what is in the mask."""
    found = photograph.copy()
    wider = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    lines, _ = cv2.findContours(wider, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(found, lines, -1, GREEN, 1, cv2.LINE_AA)


def learning_curve(table: pd.DataFrame, published: Mapping[str, float] | None = None,
                   title: str = "More photographs") -> Figure:  # fmt: skip
    """Figures on the test part against how many photographs were learned from.

    Args:
        table: of `report.learning_curve`. published: areas under the curve by the paper's name,
            drawn as hollow marks at the right edge.
    """
    with plt.rc_context({"font.size": 10.5}):
        figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
        for axis, metric in zip(axes, ("kappa", "AUC of referable"), strict=True):
            axis.plot(table["photographs"], table[metric], "o-", label="ours, mean over draws")
            axis.fill_between(table["photographs"], table[f"{metric} least"],
                              table[f"{metric} most"], alpha=0.2, label="least to most")
            for name, value in (published or {}).items() if metric.startswith("AUC") else ():
                axis.axhline(value, linestyle=":", color="grey", label=f"{name}: {value:.3f}")
            axis.set(xscale="log", xlabel="training photographs", ylabel=metric, title=metric)
            axis.set_xticks(table["photographs"], [f"{n:,}" for n in table["photographs"]])
            axis.minorticks_off()
            axis.legend(fontsize=9)
        figure.suptitle(title, fontweight="bold", x=0.01, ha="left")
        plt.close(figure)
    return figure
