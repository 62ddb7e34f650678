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
from recipes.neural_style.pictures import as_bytes
from recipes.neural_style.stylise import Made

WIDTH = 700  # pixels of a page, about


def sheet(
    made: dict[str, np.ndarray], columns: int | None = None, title: str = "", width: float = 10.0
) -> Figure:
    """Pictures beside each other, each under its name.

    Args:
        made: float32 [height, width, 3] by name, of any sizes.
        columns: in a row; None leaves no gap where that can be had.
        width: of the whole in inches.
    """
    if columns is None:
        columns = next((each for each in (4, 3, 5) if len(made) % each == 0), 4)
    columns = min(columns, len(made))
    shapes = [each.shape[0] / each.shape[1] for each in made.values()]
    tall = [width / columns * min(1.4, max(shapes[k : k + columns])) + 0.35
            for k in range(0, len(shapes), columns)]  # fmt: skip
    figure, axes = plt.subplots(
        len(tall), columns, figsize=(width, sum(tall) + (0.4 if title else 0)),
        height_ratios=tall, layout="constrained", squeeze=False,
    )  # fmt: skip
    for axis in axes.flat:
        axis.axis("off")
    for axis, (name, pixels) in zip(axes.flat, made.items(), strict=False):
        axis.imshow(np.clip(pixels, 0, 1), interpolation="lanczos")
        axis.set_title(name.replace("_", " "), fontsize=10, loc="center")
    if title:
        figure.suptitle(title)
    plt.close(figure)
    return figure


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


def picture(figure: Figure, output_dir: str | Path) -> Figure:
    """The same figure, also as OUTPUT_DIR/picture.png."""
    with files.whole(Path(output_dir) / "picture.png") as aside:
        figure.savefig(aside, dpi=110, format="png")
    return figure
