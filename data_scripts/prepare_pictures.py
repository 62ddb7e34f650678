"""Put published pictures into the folders that recipes read.

Each public function is named by a `prepare:` line of the catalogue and is called by
`common.datasets.load` with the original files {name: path} and an empty folder to write in.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

STYLE_CONTENT = ("golden_gate.jpg", "taj_mahal.jpg", "tubingen.jpg")


def prepare_style(originals: dict[str, Path], folder: Path) -> None:
    """Write content/, styles/, masks/ and frames/, the files unchanged."""
    for name, path in originals.items():
        if name in STYLE_CONTENT:
            kind = "content"
        elif name.startswith("frame_"):
            kind = "frames"
        else:
            kind = "masks" if name.endswith(".png") else "styles"
        (folder / kind).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / kind / name)


def prepare_cifar10(originals: dict[str, Path], folder: Path) -> None:
    """Write train/ and test/ with a folder for each class, of PNG files 0000.png and so on."""
    with np.load(originals["cifar10_subset.npz"], allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["classes"]]
        for split in ("train", "test"):
            pixels, labels = arrays[f"x_{split}"], arrays[f"y_{split}"].ravel()
            for label, name in enumerate(names):
                inside = folder / split / name
                inside.mkdir(parents=True)
                for number, picture in enumerate(pixels[labels == label]):
                    Image.fromarray(picture).save(inside / f"{number:04}.png")
