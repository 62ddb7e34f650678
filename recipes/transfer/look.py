"""Pictures of pictures: what is in the data, what was looked at, what went wrong."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from common import plots
from common.vision import explain, pixels
from recipes.transfer.data import Pictures
from recipes.transfer.familiar import NONE
from recipes.transfer.labeller import Labeller

THUMBNAIL = 160  # pixels


def batch(data: Pictures, split: str = "train", count: int = 12, seed: int = 0) -> Figure:
    """Some pictures of a part, every class in turn, with their labels."""
    rows = data.part(split)
    random = np.random.default_rng(seed)
    order = rows.iloc[random.permutation(len(rows))]
    turn = order.groupby("label").cumcount()
    chosen = order.assign(turn=turn).sort_values(["turn", "label"], kind="stable").head(count)
    shown = []
    for row in chosen.itertuples():
        name = data.classes[row.label] if row.label >= 0 else "of no class"
        shown.append((name, pixels.read(row.path, THUMBNAIL)))
    return plots.sheet(shown, columns=6, title=f"{data.name}, {split}")


def alike(data: Pictures, most: int = 4) -> Figure | None:
    """Pairs of look-alikes beside each other, contradictions and leaks first; None without any."""
    pairs = data.alike.sort_values("what", ascending=False).head(most)
    shown = []
    for row in pairs.itertuples(index=False):
        for path, name, part in ((row[0], row[2], row[4]), (row[1], row[3], row[5])):
            shown.append((f"{name} ({part})", pixels.read(path, THUMBNAIL)))
    return plots.sheet(shown, columns=4) if shown else None


def answers(labeller: Labeller, paths: list[str], names: list[str | None] | None = None,
            title: str = "") -> Figure:  # fmt: skip
    """Pictures with the labeller's answer, each above a map of what spoke for it.

    Args:
        names: what they truly are, where it is known; a wrong answer then says so.
    """
    pictures = pixels.load(paths, labeller.backbone.size)
    found = labeller.label(paths)
    heats = labeller.heat(pictures) if labeller.backbone.has_maps else [None] * len(paths)
    columns = min(6, len(paths))
    lines = -(-len(paths) // columns)
    rows = 2 if labeller.backbone.has_maps else 1
    size = (10, lines * (10 / columns * rows + 0.7) + 0.3)
    figure, axes = plt.subplots(rows * lines, columns, figsize=size, squeeze=False,
                                layout="constrained")  # fmt: skip
    for axis in axes.flat:
        axis.axis("off")
    for k, row in enumerate(found.itertuples(index=False)):
        line, column = divmod(k, columns)
        above = axes[rows * line, column]
        above.imshow(pictures[k])
        said = f"{_short(row.label)}\n{row.probability:.0%}"
        if row.label == NONE:
            said = f"{NONE}\n({_short(row.likest)}?)"
        wrong = names is not None and names[k] not in (None, row.label)
        if wrong:
            said = f"{_short(row.label)}\nis {_short(names[k])}"
        above.set_title(said, fontsize=9, loc="center", color=plots.ORANGE if wrong else "black")
        if rows == 2:
            axes[rows * line + 1, column].imshow(explain.overlay(pictures[k], heats[k]))
    figure.suptitle(title)
    plt.close(figure)
    return figure


def wrong(labeller: Labeller, data: Pictures, right: np.ndarray, sure: np.ndarray,
          most: int = 6) -> Figure | None:  # fmt: skip
    """The test pictures that were most surely misnamed; None without any.

    Args:
        right: whether the likeliest class is the true one, bool [n] over the test part.
        sure: probability of the likeliest class, float [n].
    """
    rows, places = data.part("test"), np.flatnonzero(~right)
    if not len(places):
        return None
    chosen = places[np.argsort(-sure[places])][:most]
    names = [data.classes[label] for label in rows["label"].iloc[chosen]]
    return answers(labeller, rows["path"].iloc[chosen].tolist(), names,
                   f"Most surely wrong of {len(places)} errors")  # fmt: skip


def doubted(table: pd.DataFrame, most: int = 6) -> Figure | None:
    """Training pictures whose label is in doubt, from `report.doubtful`; None without any."""
    shown = []
    for row in table.head(most).itertuples(index=False):
        name = f"called {_short(row[1])}\nlooks like {_short(row[2])}"
        shown.append((name, pixels.read(row[0], THUMBNAIL)))
    width = 10 * min(len(shown), 6) / 6
    return plots.sheet(shown, columns=6, width=width) if shown else None


def curve(table: pd.DataFrame, baseline: dict[str, float], title: str) -> Figure:
    """Test accuracy against training pictures of each class; the band is from worst to best draw.

    Args:
        table: of `report.learning_curve`. baseline: accuracies to draw as lines.
    """
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    count = table["pictures of each class"]
    axis.fill_between(count, table["least"], table["most"], alpha=0.2, color=plots.BLUE)
    axis.plot(count, table["accuracy"], "o-", color=plots.BLUE, label="frozen features, a head")
    for (name, value), style in zip(baseline.items(), (":", "--", "-."), strict=False):
        axis.axhline(value, color=plots.GREY, linestyle=style, label=f"{name}, all pictures")
    axis.set(title=title, xlabel="training pictures of each class", ylabel="test accuracy",
             xscale="log")  # fmt: skip
    axis.set_xticks(count, [str(each) for each in count])
    axis.minorticks_off()
    axis.yaxis.set_major_formatter(plots.PERCENT)
    axis.legend()
    plt.close(figure)
    return figure


def strengths(losses: dict[float, float]) -> Figure:
    """Log loss of held-out pictures against the strength of regularisation."""
    figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
    axis.plot(list(losses), list(losses.values()), "o-", color=plots.BLUE)
    best = min(losses, key=losses.get)
    axis.plot(best, losses[best], "o", color=plots.ORANGE, markersize=10, label="chosen")
    axis.set(title="Held-out pictures choose how freely the head may fit", xscale="log",
             xlabel="C (small: held close to nothing)", ylabel="log loss, nats")  # fmt: skip
    axis.legend()
    plt.close(figure)
    return figure


def familiarity(known: np.ndarray, unknown: np.ndarray, threshold: float, method: str) -> Figure:
    """How familiar pictures of known classes and of none are, and where the line is drawn."""
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    edges = np.linspace(min(known.min(), unknown.min()), max(known.max(), unknown.max()), 31)
    for scores, name, colour in ((known, "test pictures", plots.BLUE),
                                 (unknown, "of no class", plots.ORANGE)):  # fmt: skip
        axis.hist(scores, edges, alpha=0.65, label=f"{len(scores):,} {name}", color=colour,
                  weights=np.full(len(scores), 1 / len(scores)))  # fmt: skip
    axis.axvline(threshold, color="black", linestyle="--", label=f"below: {NONE}")
    axis.set(title=f"How familiar a picture is ({method})", xlabel="score, higher is more familiar",
             ylabel="share of the pictures")  # fmt: skip
    axis.yaxis.set_major_formatter(plots.PERCENT)
    axis.legend()
    plt.close(figure)
    return figure


def _short(name: str, width: int = 22) -> str:
    name = str(name).replace("_", " ")
    return name if len(name) <= width else f"{name[: width - 1]}…"
