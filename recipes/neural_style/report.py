"""What came of it, in numbers and pictures: the notebook's evaluation cells."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import ops
from matplotlib.figure import Figure

from common import plots
from recipes.neural_style import stylise
from recipes.neural_style.pictures import resized
from recipes.neural_style.stylise import Made, Studio, Wish


def similarity(pixels: np.ndarray, photograph: np.ndarray) -> float:
    """Structural similarity of two pictures' light, 1 for the same.

    Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment", IEEE TIP 2004, as TensorFlow
    computes it.

    Args:
        pixels, photograph: float32 [height, width, 3], 0 to 1; the latter is made as large.
    """
    import tensorflow as tf

    photograph = resized(photograph, *pixels.shape[:2])
    light = [tf.image.rgb_to_grayscale(each[None]) for each in (pixels, photograph)]
    return float(tf.image.ssim(*light, max_val=1.0)[0])


def distances(studio: Studio, wish: Wish, pictures: dict[str, np.ndarray]) -> pd.DataFrame:
    """How far pictures are from photograph and painting, on one scale.

    Args:
        studio, wish: whose losses measure.
        pictures: by name, of one size.

    Returns:
        A row a picture: "content" and "style" losses before their weights, and "SSIM" to the
        photograph.
    """
    height, width = next(iter(pictures.values())).shape[:2]
    model = studio.objective(height, width, len(wish.masks or [0]))
    stylise.set_targets(model, wish, studio.settings)
    rows = {}
    for name, pixels in pictures.items():
        content, style, *_ = map(float, ops.convert_to_numpy(model.losses_of(pixels[None])))
        rows[name] = {"content": content, "style": style}
        if wish.content is not None:
            rows[name]["SSIM"] = similarity(pixels, wish.content)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("picture")


def curve(made: Made) -> Figure:
    """The losses step by step; a new size begins at each dotted line."""
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for name in ("total", "content", "style"):
        axis.plot(made.curve["step"], made.curve[name], label=name)
    sizes = made.curve["size"].to_numpy()
    for place in np.flatnonzero(np.diff(sizes)):
        axis.axvline(made.curve["step"].iloc[place] + 0.5, color=plots.GREY, linestyle=":")
    axis.set(title="Losses, before their weights but for the total", xlabel="step", ylabel="loss",
             yscale="log")  # fmt: skip
    axis.legend()
    plt.close(figure)
    return figure


def sheet(
    pictures: dict[str, np.ndarray], columns: int = 4, title: str = "", width: float = 10.0
) -> Figure:
    """Pictures beside each other, each under its name."""
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    height, across = next(iter(pictures.values())).shape[:2]
    tall = width / columns * height / across + 0.35
    figure, axes = plt.subplots(rows, columns, figsize=(width, rows * tall + (0.4 if title else 0)),
                                layout="constrained", squeeze=False)  # fmt: skip
    for axis in axes.flat:
        axis.axis("off")
    for axis, (name, pixels) in zip(axes.flat, pictures.items(), strict=False):
        axis.imshow(np.clip(pixels, 0, 1), interpolation="lanczos")
        axis.set_title(name, fontsize=10, loc="center")
    if title:
        figure.suptitle(title)
    plt.close(figure)
    return figure


def picture(figure: Figure, output_dir: str | Path) -> Figure:
    """The same figure, also as OUTPUT_DIR/picture.png."""
    figure.savefig(Path(output_dir) / "picture.png", dpi=110)
    return figure
