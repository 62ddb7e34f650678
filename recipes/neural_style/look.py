"""Pictures beside each other, curves and moving pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure
from PIL import Image

from common import files, plots
from common.plots import picture, sheet
from recipes.neural_style.pictures import as_bytes
from recipes.neural_style.stylise import Made

__all__ = ["animation", "curve", "picture", "sheet", "trade"]

WIDTH = 700  # pixels of a page, about


def curve(made: Made) -> Figure:
    """The losses step by step; a new size begins at each dotted line."""
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for name in ("total", "content", "style"):
        axis.plot(made.curve["step"], made.curve[name], label=name)
    sizes = made.curve["size"].to_numpy()
    for place in np.flatnonzero(np.diff(sizes)):
        axis.axvline(made.curve["step"].iloc[place] + 0.5, color=plots.GREY, linestyle=":")
    axis.set(title="Losses (content and style before their weights)", xlabel="step",
             ylabel="loss", yscale="log")  # fmt: skip
    axis.legend()
    plt.close(figure)
    return figure


def trade(table: pd.DataFrame) -> Figure:
    """Similarity to the photograph against the distance to the painting, a point a picture.

    Args:
        table: from `report.distances`, named by what was changed.
    """
    figure, axis = plt.subplots(figsize=(6, 3.8), layout="constrained")
    axis.plot(table["style left"], table["similarity"], marker="o", color=plots.BLUE)
    for name, row in table.iterrows():
        axis.annotate(str(name), (row["style left"], row["similarity"]), (8, -4),
                      textcoords="offset points")  # fmt: skip
    axis.set(title="What more of the photograph costs in style",
             xlabel="style left: 100 % is the photograph itself, 0 % the painting",
             ylabel="similarity to the photograph (SSIM)")  # fmt: skip
    axis.xaxis.set_major_formatter(plots.PERCENT)
    axis.margins(0.2)
    plt.close(figure)
    return figure


def animation(
    films: dict[str, list[np.ndarray]], path: str | Path, rate: float = 6.0
) -> HTML:
    """Films above each other as one GIF in the page, also written to `path`.

    Args:
        films: float32 [height, width, 3] frames by name, all of one size and number.
        rate: frames a second.
    """
    from PIL import ImageDraw

    shown = []
    for each in zip(*films.values(), strict=True):
        strips = []
        for name, pixels in zip(films, each, strict=True):
            strip = Image.new("RGB", (pixels.shape[1], pixels.shape[0] + 16), "white")
            strip.paste(Image.fromarray(as_bytes(pixels)), (0, 16))
            ImageDraw.Draw(strip).text((2, 2), name, fill="black")
            strips.append(np.asarray(strip))
        shown.append(Image.fromarray(np.concatenate(strips)))
    data = io.BytesIO()
    shown[0].save(data, format="GIF", save_all=True, append_images=shown[1:],
                  duration=round(1000 / rate), loop=0)  # fmt: skip
    with files.whole(path) as aside:
        aside.write_bytes(data.getvalue())
    text = base64.b64encode(data.getvalue()).decode()
    said, zoom = ", ".join(films), max(1, WIDTH // shown[0].width)
    return HTML(f'<img alt="Animation: {said}" width="{shown[0].width * zoom}" '
                f'src="data:image/gif;base64,{text}"/>')
