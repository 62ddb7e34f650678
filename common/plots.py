"""Pictures in one style: learning curves, confusion, reliability, results with intervals.

Every function returns a figure that is closed for pyplot, so a notebook cell that ends with it
shows it once. Colours are Okabe and Ito's, which colour-blind readers can tell apart; the
background is white on light and dark pages alike.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike
from sklearn.metrics import confusion_matrix

from common import files, metrics

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 110,
    "savefig.dpi": 150,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "lines.linewidth": 1.8,
    "axes.prop_cycle": cycler(color=PALETTE),
}
PERCENT = PercentFormatter(1, decimals=0, symbol=" %")
NUMBERS_UP_TO = 15  # classes; more cells are too small to print in
LABELS_UP_TO = 45


def use_style() -> None:
    """Give every later matplotlib figure the house style."""
    plt.rcParams.update(STYLE)


def _styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    @functools.wraps(function)
    def draw(*arguments: Any, **options: Any) -> Figure:
        with plt.rc_context(STYLE):
            figure = function(*arguments, **options)
            figure.canvas.draw()  # lay out while the style holds
        plt.close(figure)
        return figure

    return draw


@_styled
def history(history: Any, title: str = "Learning curves") -> Figure:
    """One panel a measure over the epochs: training, validation, and the best epoch.

    Args:
        history: of `training.fit`, or a mapping of Keras's names to one number an epoch.
    """
    logs: Mapping[str, Sequence[float]] = getattr(history, "metrics", history)
    best = getattr(history, "best_epoch", None)
    measures = list(dict.fromkeys(name.removeprefix("val_") for name in logs))
    if not measures:
        raise ValueError("history has no epochs; train before drawing it.")
    columns = min(len(measures), 3)
    rows = -(-len(measures) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.4 * columns + 0.6, 3.3 * rows + 0.4),
                                squeeze=False, layout="constrained")
    for axis, measure in zip(axes.flat, measures, strict=False):
        for name, label, style in ((measure, "training", {"color": BLUE}),
                                   (f"val_{measure}", "validation",
                                    {"color": ORANGE, "linestyle": "--"})):
            if name in logs:
                epochs = np.arange(1, len(logs[name]) + 1)
                axis.plot(epochs, logs[name], label=label, marker="o", markersize=4, **style)
        if best:
            axis.axvline(best, color=GREY, linestyle=":", linewidth=1.2, label="best epoch")
        axis.set(title=measure.replace("_", " "), xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.legend()
    for axis in axes.flat[len(measures):]:
        axis.set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


@_styled
def confusion(
    labels: ArrayLike,
    predictions: ArrayLike,
    classes: Sequence[str],
    title: str = "Confusion matrix",
) -> Figure:
    """Which classes are taken for which: share of each true class, and counts where they fit.

    Args:
        labels: class indices, shape (n,). predictions: likewise.
        classes: name of each class; one without examples gets a grey row.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    number = len(classes)
    counts = confusion_matrix(labels, predictions, labels=np.arange(number))
    if counts.sum() != len(labels):
        raise ValueError(f"labels and predictions must be class indices from 0 to {number - 1}.")
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)

    side = float(np.clip(0.62 * number + 2.4, 4.2, 11))
    figure, axis = plt.subplots(figsize=(side + 1.2, side), layout="constrained")
    colours = plt.get_cmap("Blues").with_extremes(bad="#DDDDDD")
    image = axis.imshow(shares, cmap=colours, vmin=0, vmax=1)
    every = -(-number // LABELS_UP_TO)
    names = [_short(str(name), 22) for name in classes]
    ticks = np.arange(0, number, every)
    slanted = max(map(len, names)) * number > 45  # letters side by side that the width holds
    axis.set_xticks(ticks, [names[i] for i in ticks], rotation=50 if slanted else 0,
                    ha="right" if slanted else "center", rotation_mode="anchor")
    axis.set_yticks(ticks, [names[i] for i in ticks])
    if number > 25:
        axis.tick_params(labelsize=8)
    axis.grid(False)
    axis.set(xlabel="predicted class", ylabel="true class")
    if number <= NUMBERS_UP_TO:
        for (row, column), count in np.ndenumerate(counts):
            if totals[row]:
                dark = shares[row, column] > 0.55
                axis.text(column, row, f"{count:,}", ha="center", va="center",
                          fontsize=8 if count > 9999 else 10, color="white" if dark else "black")
    for row in np.flatnonzero(totals == 0):
        if number <= NUMBERS_UP_TO:
            axis.text((number - 1) / 2, row, "no examples", ha="center", va="center", fontsize=9,
                      color="#444444")
    bar = figure.colorbar(image, ax=axis, shrink=0.85, format=PERCENT)
    bar.set_label("share of the true class")
    bar.outline.set_visible(False)
    accuracy = np.trace(counts) / max(len(labels), 1)
    axis.set_title(f"{title}\naccuracy {100 * accuracy:.1f} % of {len(labels):,} examples")
    return figure


@_styled
def reliability(
    labels: ArrayLike,
    probabilities: ArrayLike,
    bins: int = 10,
    title: str = "Reliability",
    positive: str = "class 1",
) -> Figure:
    """Accuracy against confidence with 95 % intervals, and below how many predictions there are.

    Args: see `metrics.reliability`; `positive` names class 1 where probabilities are its own.
    """
    curve = metrics.reliability(labels, probabilities, bins)
    two = np.ndim(probabilities) == 1
    intervals = [metrics.wilson(round(accuracy * count), count)
                 for accuracy, count in zip(curve.accuracy, curve.count, strict=True)]
    errors = [[max(i.value - i.low, 0) for i in intervals],
              [max(i.high - i.value, 0) for i in intervals]]
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(5.2, 5.8), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    top.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="perfect")
    top.errorbar(curve.confidence, curve.accuracy, yerr=errors, color=BLUE, marker="o",
                 markersize=5, capsize=3, label="measured, 95 % interval")
    what = f"share of {positive}" if two else "accuracy"
    top.set(ylim=(-0.02, 1.02), xlim=(-0.02, 1.02), ylabel=what,
            title=f"{title}\nexpected calibration error {100 * curve.error:.1f} %")
    top.legend(loc="upper left")
    confidences = np.asarray(probabilities) if two else np.max(probabilities, axis=1)
    bottom.hist(confidences, bins=np.linspace(0, 1, bins + 1), color=BLUE, alpha=0.75, rwidth=0.92)
    bottom.set(xlabel=f"predicted probability of {positive}" if two else "confidence",
               ylabel="predictions")
    for axis in (top.xaxis, top.yaxis):
        axis.set_major_formatter(PERCENT)
    bottom.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    bottom.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return figure


@_styled
def bars_with_intervals(
    measured: Iterable[Mapping[str, Any]],
    published: Iterable[Mapping[str, Any]] = (),
    metric: str = "accuracy",
    title: str | None = None,
    percent: bool = True,
    axis: Axes | None = None,
) -> Figure:
    """Variants with their 95 % intervals, and published numbers as hollow marks below them.

    The scale does not start at zero, so values are points and not bars: only the position counts.

    Args:
        measured: entries as in metrics.json (variant, metric, value, low, high), of one data set.
        published: entries as in recipe.yaml (of, metric, value, unit), of the same set.
        metric: the one to draw; others are left out.
        percent: whether the metric is a fraction to be shown in percent.
        axis: draw there; None makes a figure of fitting size.
    """
    ours = [entry for entry in measured if entry["metric"] == metric]
    papers = [entry for entry in published if entry["metric"] == metric]
    if not ours:
        raise ValueError(f"measured has no entry of the metric {metric!r}.")
    scale = 100 if percent else 1
    rows = [(entry["variant"], entry["value"] * scale,
             [(entry[side] if entry.get(side) is not None else entry["value"]) * scale
              for side in ("low", "high")]) for entry in ours]
    papers = [(paper["of"], paper["value"] * (1 if paper.get("unit") == "percent" else scale))
              for paper in papers]
    names = [textwrap.shorten(name, 60, placeholder="…") for name, *_ in rows]
    names += [textwrap.shorten(f"{name} (published)", 60, placeholder="…") for name, _ in papers]
    names = [textwrap.fill(name, 30) for name in names]
    lines = sum(name.count("\n") + 1 for name in names)
    if axis is None:
        size = (7.5, 0.34 * lines + 0.12 * len(names) + 1.3)
        _, axis = plt.subplots(figsize=size, layout="constrained")
    figure = axis.get_figure(root=True)
    for place, (_, value, (low, high)) in enumerate(rows):
        axis.plot([low, high], [place, place], color=BLUE, linewidth=5, alpha=0.35,
                  solid_capstyle="butt")
        axis.plot(value, place, "o", color=BLUE, markersize=7)
    for place, (_, value) in enumerate(papers, start=len(rows)):
        axis.plot(value, place, "D", color=ORANGE, markersize=7, markerfacecolor="white",
                  markeredgewidth=1.8)
    values = [value for _, value, _ in rows] + [value for _, value in papers]
    right = axis.get_yaxis_transform()
    for place, value in enumerate(values):
        text = f"{value:.1f}" if percent else f"{value:#.4g}"
        axis.text(1.02, place, text, transform=right, va="center", ha="left")
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.margins(x=0.08)
    axis.grid(axis="y", visible=False)
    measure = metric.replace("_", " ")
    axis.set_xlabel(f"{measure}, %" if percent else measure)
    axis.set_title(title or f"{measure} with 95 % intervals")
    return figure


@_styled
def sheet(
    made: Mapping[str, np.ndarray] | Sequence[tuple[str, np.ndarray]], columns: int | None = None,
    title: str = "", width: float = 10.0,
) -> Figure:
    """Pictures beside each other, each under its name.

    Args:
        made: [height, width, 3] by name, of any sizes; floats from 0 to 1, or uint8. Pairs of name
            and picture where several have one name.
        columns: in a row; None leaves no gap where that can be had.
        width: of the whole in inches.
    """
    made = list(made.items()) if isinstance(made, Mapping) else list(made)
    if columns is None:
        columns = next((each for each in (4, 3, 5) if len(made) % each == 0), 4)
    columns = min(columns, len(made))
    shapes = [each.shape[0] / each.shape[1] for _, each in made]
    tall = [width / columns * min(1.4, max(shapes[k : k + columns])) + 0.35
            for k in range(0, len(shapes), columns)]  # fmt: skip
    figure, axes = plt.subplots(
        len(tall), columns, figsize=(width, sum(tall) + (0.4 if title else 0)),
        height_ratios=tall, layout="constrained", squeeze=False,
    )  # fmt: skip
    for axis in axes.flat:
        axis.axis("off")
    for axis, (name, pixels) in zip(axes.flat, made, strict=False):
        if pixels.dtype != np.uint8:
            pixels = np.clip(pixels, 0, 1)
        axis.imshow(pixels, interpolation="lanczos")
        axis.set_title(name.replace("_", " "), fontsize=10, loc="center")
    if title:
        figure.suptitle(title)
    return figure


@_styled
def more_data(
    table: pd.DataFrame, counted: str, published: Mapping[str, Mapping[str, float]] | None = None,
    title: str = "More data",
) -> Figure:  # fmt: skip
    """Figures on the test part against how much was learned from.

    Args:
        table: a column `counted` with the amounts, and for each figure its mean and the least and
            most of several draws: "<figure>", "<figure> least", "<figure> most".
        published: by figure, values for scale by whose they are; drawn as dotted lines.
    """
    names = [name.removesuffix(" least") for name in table if name.endswith(" least")]
    figure, axes = plt.subplots(1, len(names), figsize=(5 * len(names), 3.8), squeeze=False,
                                layout="constrained")  # fmt: skip
    for axis, name in zip(axes[0], names, strict=True):
        axis.plot(table[counted], table[name], "o-", label="ours, mean over draws")
        axis.fill_between(table[counted], table[f"{name} least"], table[f"{name} most"],
                          alpha=0.2, label="least to most")  # fmt: skip
        for number, (whose, value) in enumerate((published or {}).get(name, {}).items()):
            axis.axhline(value, linestyle=(0, (1, 1 + number)), color=GREY, linewidth=1.3,
                         label=f"{whose}: {value:.3f}")  # fmt: skip
        axis.set(xscale="log", xlabel=f"training {counted}", ylabel=name, title=name)
        amounts = table[counted].tolist()
        # Of two that would touch, the larger one is named.
        crowded = [b < 1.45 * a for a, b in zip(amounts, amounts[1:], strict=False)] + [False]
        axis.set_xticks(amounts, ["" if each else f"{amount:,}"
                                  for amount, each in zip(amounts, crowded, strict=True)])
        axis.minorticks_off()
        axis.legend(fontsize=9)
    figure.suptitle(title)
    return figure


def picture(figure: Figure, output_dir: str | Path) -> Figure:
    """The same figure, also as OUTPUT_DIR/picture.png, where the gallery looks for it."""
    with files.whole(Path(output_dir) / "picture.png") as aside:
        figure.savefig(aside, dpi=110, format="png")
    return figure


def _short(text: str, width: int) -> str:
    """Cut the middle out of a long name: its end often tells classes apart."""
    if len(text) <= width:
        return text
    return f"{text[: width - width // 3 - 1]}…{text[-(width // 3):]}"
