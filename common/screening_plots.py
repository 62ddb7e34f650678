"""Pictures of `common.screening`, in the style of `common.plots`.

Curves with operating points and readers are as in Gulshan et al. (JAMA 316, 2016, figure 2) and
Esteva et al. (Nature 542, 2017, figure 3). Every function returns a figure that is closed for
pyplot.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike
from sklearn.metrics import roc_curve

from common.metrics import Interval
from common.plots import GREY, PALETTE, PERCENT, _styled
from common.screening import OperatingPoint, auc
from common.screening import predictive_values as values_at
from common.screening_tables import Panel

DARK = "#333333"  # readers and operating points: of no model's colour
MARKS = "Ds^vPX"


@_styled
def roc(
    labels: ArrayLike,
    scores: Mapping[str, ArrayLike],
    points: Mapping[str, OperatingPoint] | None = None,
    panel: Panel | None = None,
    corner: tuple[float, float] | None = (0.3, 0.7),
    title: str = "Receiver operating characteristic",
) -> Figure:
    """Curves of one or several models, and their upper left corner enlarged.

    Args:
        labels: booleans or 0 and 1, shape (n,). scores: by name of the model, each shape (n,).
        points: of `screening.measure` by name, drawn with their exact intervals.
        panel: of `screening_tables.readers`: a hollow circle a reader, a star for the vote.
        corner: the enlarged part goes to this share of false positives and down to this
            sensitivity, fractions; None leaves it out.

    Raises:
        ValueError: no scores, or as `screening.auc`.
    """
    if not scores:
        raise ValueError("scores is empty; give the scores of a model by its name.")
    curves = []
    for name, values in scores.items():
        area = auc(labels, values)  # first: its errors are the clearer ones
        alarms, caught, _ = roc_curve(np.asarray(labels), np.asarray(values))
        curves.append((alarms, caught, f"{name}, AUC {area}"))
    parts = 1 if corner is None else 2
    figure, axes = plt.subplots(1, parts, figsize=(5.2 * parts, 5.1), squeeze=False,
                                layout="constrained")
    for axis in axes.flat:
        axis.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2)
        for (alarms, caught, name), colour in zip(curves, itertools.cycle(PALETTE)):
            axis.plot(alarms, caught, color=colour, label=name)
        if panel:
            _draw_readers(axis, panel)
        for (name, point), mark in zip((points or {}).items(), itertools.cycle(MARKS)):
            _draw_point(axis, point, mark, name)
        axis.set(xlabel="1 − specificity", ylabel="sensitivity", aspect="equal")
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter(PERCENT)
    axes[0, 0].set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), title=title)
    if corner is not None:
        right, bottom = corner
        pad = 0.02 * max(right, 1 - bottom)
        axes[0, 1].set(xlim=(-pad, right), ylim=(bottom, 1 + pad), aspect="auto",
                       title="Upper left corner")
        axes[0, 1].set_box_aspect(1)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=1 if parts == 1 else 2)
    return figure


@_styled
def decision_curve(curves: Mapping[str, pd.DataFrame], title: str = "Decision curve") -> Figure:
    """Net benefit against the threshold probability, of models, of all and of none, with bands.

    Args:
        curves: of `screening.decision_curve` on the same pictures, by name of the model.

    Raises:
        ValueError: no curve.
    """
    if not curves:
        raise ValueError("curves is empty; give a table of screening.decision_curve by name.")
    figure, axis = plt.subplots(figsize=(7.2, 4.8), layout="constrained")
    first = next(iter(curves.values()))
    names = [(first, "refer all", "all low", "all high", "refer everybody", DARK, "--")]
    names += [(curve, "model", "low", "high", name, colour, "-") for (name, curve), colour
              in zip(curves.items(), itertools.cycle(PALETTE))]
    for curve, value, low, high, name, colour, line in names:
        axis.plot(curve["threshold"], curve[value], line, color=colour, label=name)
        axis.fill_between(curve["threshold"], curve[low], curve[high], color=colour, alpha=0.18,
                          linewidth=0)
    axis.axhline(0, color=GREY, linestyle=":", label="refer nobody")
    top = max(curve["high"].max() for curve in curves.values())
    # Referring everybody falls without end: what is far below nobody's benefit needs no room.
    lowest = min(curve["low"].min() for curve in curves.values())
    axis.set(ylim=(min(max(lowest, -top), 0) - 0.12 * top, 1.08 * top), title=title,
             xlabel="probability of disease from which a referral is worth it",
             ylabel="net benefit,\ntrue positives a picture")
    axis.xaxis.set_major_formatter(PERCENT)
    axis.margins(x=0)
    figure.legend(loc="outside lower left", ncols=2)
    return figure


@_styled
def predictive_values(
    points: Mapping[str, OperatingPoint],
    prevalences: ArrayLike | None = None,
    title: str = "Predictive values",
) -> Figure:
    """Positive and negative predictive value against the prevalence, by Bayes' rule, with bands.

    A filled mark is at the pictures' own prevalence, a hollow one at the stated prevalence.

    Args:
        points: of `screening.measure`, by name.
        prevalences: fractions between 0 and 1; None goes from 0.005 to 0.5.

    Raises:
        ValueError: no point, or a prevalence that is not between 0 and 1.
    """
    if not points:
        raise ValueError("points is empty; give operating points of screening.measure by name.")
    places = np.geomspace(0.005, 0.5, 60) if prevalences is None else np.asarray(prevalences)
    swept = [[values_at(point, float(place)) for place in places] for point in points.values()]
    spots = [*places, *(values.prevalence for point in points.values()
                        for values in (point.predictive, point.elsewhere) if values)]
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    for axis, side in zip(axes, ("positive", "negative"), strict=True):
        for (name, point), curve, colour in zip(points.items(), swept, itertools.cycle(PALETTE)):
            curve = _bounds([getattr(values, side) for values in curve])
            axis.plot(places, curve[0], color=colour, label=name)
            axis.fill_between(places, curve[1], curve[2], color=colour, alpha=0.18, linewidth=0)
            for values, face in ((point.predictive, colour), (point.elsewhere, "white")):
                if values is not None:
                    value, low, high = _bounds([getattr(values, side)])[:, 0]
                    axis.errorbar(values.prevalence, value, [[value - low], [high - value]],
                                  fmt="o", color=colour, markerfacecolor=face, capsize=3)
        axis.set(xscale="log", xlim=(0.87 * min(spots), max(spots) / 0.87), xlabel="prevalence",
                 title=f"{side.title()} predictive value")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    axes[0].plot([], [], "o", color=GREY, label="at the pictures' own prevalence")
    if any(point.elsewhere for point in points.values()):
        axes[0].plot([], [], "o", color=GREY, markerfacecolor="white",
                     label="at the stated prevalence")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


@_styled
def subgroups(table: pd.DataFrame, title: str = "Subgroups") -> Figure:
    """Forest plot of area, sensitivity and specificity; too small groups are grey and hollow.

    Args:
        table: of `screening_tables.subgroups`. The dotted line is the value of its first row,
            all pictures.
    """
    figures = {"auc": "area under the curve", "sensitivity": "sensitivity",
               "specificity": "specificity"}
    new = table["variable"] != table["variable"].shift(fill_value=table["variable"].iloc[0])
    places = np.arange(len(table)) + 0.45 * new.cumsum()  # a gap before each variable
    names = [("" if row.variable == "all" else f"{row.variable}: ") +
             f"{row.group}  ({row.positives:,} of {row.n:,})" for row in table.itertuples()]
    figure, axes = plt.subplots(1, len(figures), figsize=(11, 0.32 * max(places) + 1.8),
                                sharey=True, layout="constrained")
    for axis, (name, label) in zip(axes, figures.items(), strict=True):
        axis.axvline(table[name].iloc[0], color=GREY, linestyle=":", linewidth=1.2)
        for where, (_, row) in zip(places, table.iterrows(), strict=True):
            small = row["too small"]
            colour = GREY if small else PALETTE[0]
            axis.plot([row[f"{name} low"], row[f"{name} high"]], [where, where], color=colour,
                      linewidth=1 if small else 4, alpha=0.8 if small else 0.4,
                      solid_capstyle="butt")
            axis.plot(row[name], where, "o", color=colour,
                      markerfacecolor="white" if small else colour)
        axis.set(title=label)
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.grid(axis="y", visible=False)
    axes[0].set_yticks(places, names)
    axes[0].set_ylim(max(places) + 0.6, -0.6)
    note = "; grey: too few to judge by" if table["too small"].any() else ""
    figure.suptitle(f"{title}\n(positive ones of all pictures), 95 % intervals{note}", x=0.01,
                    ha="left")
    return figure


def _draw_readers(axis: Axes, panel: Panel) -> None:
    alarms = [1 - reader.specificity.value for reader in panel.readers]
    caught = [reader.sensitivity.value for reader in panel.readers]
    axis.plot(alarms, caught, "o", markersize=6, color=DARK, markerfacecolor="none",
              markeredgewidth=1.2, label=f"{len(alarms)} readers")
    axis.plot(1 - panel.majority.specificity.value, panel.majority.sensitivity.value, "*",
              markersize=13, color=DARK, markeredgecolor="white", label="their majority")


def _draw_point(axis: Axes, point: OperatingPoint, mark: str, name: str) -> None:
    sensitivity, specificity = point.sensitivity, point.specificity
    text = (f"{name}: sensitivity {100 * sensitivity.value:.1f} %, specificity "
            f"{100 * specificity.value:.1f} %")
    axis.errorbar(1 - specificity.value, sensitivity.value,
                  xerr=_beside(specificity)[::-1], yerr=_beside(sensitivity), fmt=mark,
                  color="black", markersize=6, linewidth=1, label=text, zorder=4)


def _beside(interval: Interval) -> np.ndarray:
    """How far the bounds lie below and above the value, [2, 1]."""
    return np.array([[interval.value - interval.low], [interval.high - interval.value]])


def _bounds(intervals: Sequence[Interval | None]) -> np.ndarray:
    """Values, lower and upper bounds, [3, n]; NaN where there is none."""
    rows = [(one.value, one.low, one.high) if one else (math.nan,) * 3 for one in intervals]
    return np.array(rows).T
