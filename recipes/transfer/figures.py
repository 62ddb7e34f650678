"""Pictures of a training from nothing: what it sees, how it went, what its first layer became."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common import plots
from recipes.transfer.augment import ColourNoise, CropAndMirror
from recipes.transfer.scratch import KINDS, Lesson, Taught

PICTURES, VERSIONS, LIT = 3, 7, 2


def changes(lesson: Lesson, seed: int = 0, loud: float = 5.0) -> Figure:
    """A few training pictures, each with windows of it and, in the last two, another light.

    Args:
        loud: how many times as strong as in training the light is drawn, to be seen at all.
    """
    rows = np.random.default_rng(seed).choice(lesson.train, PICTURES, replace=False)
    crop = CropAndMirror(lesson.size, lesson.padding, seed=seed)
    axes, variances = lesson.colours.axes, lesson.colours.variances
    light = ColourNoise(axes, variances, 0.1 * loud, seed=seed)
    heads = ["picture", *["a window"] * (VERSIONS - LIT), *[f"light, {loud:g} times"] * LIT]
    figure, places = plt.subplots(PICTURES, len(heads), figsize=(10, 4.2), layout="constrained")
    for number, (line, row) in enumerate(zip(places, rows, strict=True)):
        same = np.repeat(lesson.pictures[row][None], VERSIONS, axis=0).astype(np.float32)
        windows = crop(same, training=True)
        lit = keras.ops.convert_to_numpy(light(windows, training=True))[-LIT:]
        seen = [*keras.ops.convert_to_numpy(windows)[:-LIT], *lit]
        shown = [lesson.pictures[row], *(np.uint8(np.clip(each, 0, 255)) for each in seen)]
        for axis, pixels, head in zip(line, shown, heads, strict=True):
            axis.imshow(pixels, interpolation="lanczos")
            axis.axis("off")
            if not number:
                axis.set_title(head, fontsize=9, loc="center")
    plt.close(figure)
    return figure


def rates(lesson: Lesson, epochs: int, batch: int | None, rate: float | None) -> Figure:
    """The learning rate of both networks over the training."""
    figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for (name, kind), colour in zip(KINDS.items(), plots.PALETTE, strict=False):
        size = batch or kind.batch
        steps = -(-len(lesson.train) // size)
        peak = rate or kind.rate * size / kind.batch
        schedule = kind.optimizer(steps, epochs, learning_rate=peak)._learning_rate
        places = np.unique(np.linspace(0, steps * epochs - 1, 400).astype(int))
        axis.plot(places / steps, [float(schedule(step)) for step in places], color=colour,
                  label=name)  # fmt: skip
    axis.set(title="Learning rate", xlabel="epoch", ylabel="rate", yscale="log")
    axis.set_ylim(bottom=1e-6)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend()
    plt.close(figure)
    return figure


def training(taught: Mapping[str, Taught], title: str) -> Figure:
    """Loss and held-out accuracy of each network by epoch; a dot marks the epoch that was kept."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for (name, one), colour in zip(taught.items(), plots.PALETTE, strict=False):
        logs, best = one.history.metrics, one.history.best_epoch
        epochs = np.arange(1, one.history.epochs + 1)
        axes[0].plot(epochs, logs["loss"], color=colour, label=f"{name}, training")
        axes[0].plot(epochs, logs["val_loss"], "--", color=colour, label=f"{name}, held out")
        axes[1].plot(epochs, logs["val_accuracy"], "--", color=colour, label=name)
        if best:
            axes[1].plot(best, logs["val_accuracy"][best - 1], "o", color=colour)
    chance = np.log(len(next(iter(taught.values())).lesson.data.classes))
    axes[0].axhline(chance, color=plots.GREY, linestyle=":", label="guessing")
    axes[0].set(title="Loss, nats", xlabel="epoch")
    axes[0].set_ylim(0, 1.5 * chance)
    axes[1].set(title="Accuracy on held-out pictures", xlabel="epoch")
    axes[1].yaxis.set_major_formatter(plots.PERCENT)
    for axis in axes:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend()
    figure.suptitle(title)
    plt.close(figure)
    return figure


def filters(taught: Mapping[str, Taught]) -> Figure:
    """The first layer's kernels of each network, each stretched to its own range of colours."""
    kernels = [np.asarray(one.network.get_layer("conv1").get_weights()[0])
               for one in taught.values()]  # fmt: skip
    images = [_tiled(kernel) for kernel in kernels]
    heights = [10 * len(image) / image.shape[1] + 0.35 for image in images]
    figure, axes = plt.subplots(len(taught), 1, figsize=(10, sum(heights)), height_ratios=heights,
                                layout="constrained", squeeze=False)  # fmt: skip
    for axis, name, kernel, image in zip(axes.flat, taught, kernels, images, strict=True):
        axis.imshow(image, interpolation="nearest")
        side, count = kernel.shape[0], kernel.shape[-1]
        axis.set_title(f"{name}: {count} filters of {side} x {side} pixels", loc="left")
        axis.axis("off")
    plt.close(figure)
    return figure


def ablation(table: pd.DataFrame, title: str) -> Figure:
    """Points of test accuracy that are lost without each part, with paired 95 % intervals."""
    figure, axis = plt.subplots(figsize=(8, 0.42 * len(table) + 1.3), layout="constrained")
    places = np.arange(len(table))
    lost = table["points lost"]
    axis.barh(places, lost, color=plots.BLUE, alpha=0.75)
    errors = np.maximum(np.stack([lost - table["low"], table["high"] - lost]), 0)
    axis.errorbar(lost, places, xerr=errors, fmt="none", color="black", capsize=3)
    names = [f"{name} ({instead})" for name, instead in table["instead"].items()]
    axis.set_yticks(places, [name if len(name) < 60 else f"{name[:58]}…" for name in names])
    axis.axvline(0, color=plots.GREY)
    axis.invert_yaxis()
    axis.set(title=title, xlabel="points of test accuracy lost without it")
    plt.close(figure)
    return figure


def confused(labels: np.ndarray, answers: np.ndarray, classes: Sequence[str], most: int = 6
             ) -> pd.DataFrame:  # fmt: skip
    """The pairs of classes that are taken for each other most often.

    Args:
        labels, answers: int [n].

    Returns:
        A row a pair: "is", "is called", "pictures", "share" of the class's pictures.
    """
    wrong = labels != answers
    pairs = pd.DataFrame({"is": labels[wrong], "is called": answers[wrong]})
    counts = pairs.value_counts().rename("pictures").reset_index().head(most)
    counts["share"] = counts["pictures"] / np.bincount(labels, minlength=len(classes))[counts["is"]]
    for column in ("is", "is called"):
        counts[column] = [classes[k] for k in counts[column]]
    return counts


def _tiled(kernel: np.ndarray) -> np.ndarray:
    """float [rows, columns, 3] from 0 to 1 of kernels [side, side, 3, n], a pixel between them."""
    side, count = kernel.shape[0], kernel.shape[-1]
    columns = min(count, 12)
    lines = -(-count // columns)
    canvas = np.ones((lines * (side + 1) - 1, columns * (side + 1) - 1, 3))
    for k in range(count):
        one = kernel[..., k]
        line, column = divmod(k, columns)
        top, left = line * (side + 1), column * (side + 1)
        spread = max(float(np.ptp(one)), 1e-12)
        canvas[top : top + side, left : left + side] = (one - one.min()) / spread
    return canvas
