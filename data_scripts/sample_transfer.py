"""Drawn pictures to classify, of a difficulty that is known: shapes with a surface on a ground.

Six classes: a disc, a star or a triangle, striped or dotted. Place, size, turn and colours say
nothing about the class. How hard a picture is stands in pictures.csv: the contrast of the surface's
two colours and the noise over everything. Where the shape lies stands there too, so that a map of
what a network looked at can be checked. Pictures of no class (crosses, rings, checked surfaces) lie
in the folder `unknown`.

    python -m data_scripts.sample_transfer folder
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SHAPES, SURFACES = ("disc", "star", "triangle"), ("striped", "dotted")
CLASSES = tuple(f"{surface}_{shape}" for shape in SHAPES for surface in SURFACES)
UNKNOWN = ("checked_disc", "striped_cross", "dotted_ring", "checked_star")
# Contrast of a surface's two colours, and spread of the noise; both of 0 to 1.
LEVELS = {"easy": (0.55, 0.02), "medium": (0.3, 0.06), "hard": (0.16, 0.12)}
SIZE = 128  # pixels


@dataclass(frozen=True)
class Drawn:
    """A picture and what is known of it.

    Attributes:
        pixels: uint8 [SIZE, SIZE, 3].
        level: of `LEVELS`.
        x, y, radius: of the circle around the shape, in pixels.
    """

    pixels: np.ndarray
    level: str
    x: float
    y: float
    radius: float


def draw(name: str, level: str, random: np.random.Generator) -> Drawn:
    """One picture.

    Args:
        name: of `CLASSES` or `UNKNOWN`, "<surface>_<shape>".
        level: of `LEVELS`.

    Raises:
        ValueError: an unknown name or level.
    """
    surface, _, shape = name.partition("_")
    if name not in (*CLASSES, *UNKNOWN) or level not in LEVELS:
        raise ValueError(f"draw({name!r}, {level!r}): there are {', '.join((*CLASSES, *UNKNOWN))}, "
                         f"and {', '.join(LEVELS)}.")
    contrast, noise = LEVELS[level]
    radius = random.uniform(0.16, 0.3) * SIZE  # small enough that the middle is often missed
    x, y = random.uniform(radius, SIZE - radius, 2)
    light, dark = _two_colours(contrast, random)
    pattern = _surface(surface, random)[..., None]
    mask = _mask(shape, x, y, radius, random)[..., None]
    pixels = mask * (pattern * light + (1 - pattern) * dark) + (1 - mask) * _ground(random)
    pixels = pixels * _shade(random) + random.normal(scale=noise, size=pixels.shape)
    return Drawn(np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8), level, x, y, radius)


def _two_colours(contrast: float, random) -> tuple[np.ndarray, np.ndarray]:
    middle = random.uniform(0.3, 0.7, 3)
    apart = random.normal(size=3)
    apart = apart / np.abs(apart).max() * contrast / 2
    return middle + apart, middle - apart


def _coordinates(turn: float) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    return x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)


def _surface(surface: str, random) -> np.ndarray:
    """float [SIZE, SIZE] from 0 to 1, with soft edges."""
    wave = random.uniform(9, 15)  # pixels
    along, across = _coordinates(random.uniform(0, np.pi))
    first, second = (np.sin(2 * np.pi * each / wave) for each in (along, across))
    if surface == "striped":
        height = first
    elif surface == "dotted":
        height = 1.6 * (first * second) ** 2 * np.sign(first * second) - 0.25
    else:
        height = 2 * np.sign(first * second) * np.sqrt(np.abs(first * second))
    return 1 / (1 + np.exp(-6 * height))


def _mask(shape: str, x: float, y: float, radius: float, random) -> np.ndarray:
    """float [SIZE, SIZE], 1 inside."""
    canvas, fine = np.zeros((SIZE, SIZE), np.uint8), 16  # positions to a sixteenth of a pixel
    centre = (round(x * fine), round(y * fine))
    draw = {"shift": 4, "lineType": cv2.LINE_AA}
    if shape in ("disc", "ring"):
        cv2.circle(canvas, centre, round(radius * fine), 255, -1, **draw)
        if shape == "ring":
            cv2.circle(canvas, centre, round(radius * 0.55 * fine), 0, -1, **draw)
        return canvas / 255
    turn = random.uniform(0, 2 * np.pi)
    if shape == "cross":
        angles = np.array([-0.25, 0.25, np.pi / 4])[None] + np.arange(4)[:, None] * np.pi / 2
        reach = np.tile([1.0, 1.0, 0.36], 4)
    else:
        count = {"triangle": 3, "star": 10}[shape]
        angles = np.arange(count) * 2 * np.pi / count
        reach = np.tile([1.0, 0.42], 5) if shape == "star" else np.ones(3)
    angles = angles.ravel() + turn
    corners = radius * reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1) + (x, y)
    cv2.fillPoly(canvas, [np.round(corners * fine).astype(np.int32)], 255, **draw)
    return canvas / 255


def _ground(random) -> np.ndarray:
    """A soft, cloudy ground of two colours, [SIZE, SIZE, 3]."""
    field = cv2.GaussianBlur(random.normal(size=(SIZE, SIZE)), (0, 0), random.uniform(3, 14))
    field = 1 / (1 + np.exp(-1.5 * (field - field.mean()) / field.std()))
    first, second = random.uniform(0.15, 0.85, (2, 3))
    return field[..., None] * first + (1 - field[..., None]) * second


def _shade(random) -> np.ndarray:
    """Light that falls from one side, [SIZE, SIZE, 1]."""
    along, _ = _coordinates(random.uniform(0, 2 * np.pi))
    along = (along - along.mean()) / np.ptp(along)
    return (1 + random.uniform(0, 0.5) * along)[..., None]


def write(folder: str | Path, train: int = 60, test: int = 40, unknown: int = 30, seed: int = 0
          ) -> None:  # fmt: skip
    """Write train/, test/ and unknown/ with a folder for each class, and pictures.csv.

    Args:
        train, test, unknown: pictures of each class; every level gets a third.
    """
    folder, rows = Path(folder), []
    plan = [("train", CLASSES, train), ("test", CLASSES, test), ("unknown", UNKNOWN, unknown)]
    for part, (split, names, count) in enumerate(plan):
        for number, name in enumerate(names):
            inside = folder / split / name
            inside.mkdir(parents=True, exist_ok=True)
            for k in range(count):
                random = np.random.default_rng([seed, part, number, k])
                found = draw(name, tuple(LEVELS)[k % len(LEVELS)], random)
                path = inside / f"{k:04}.jpg"
                Image.fromarray(found.pixels).save(path, quality=92)
                rows.append([path.relative_to(folder).as_posix(), found.level,
                             *(f"{v:.1f}" for v in (found.x, found.y, found.radius))])  # fmt: skip
    with open(folder / "pictures.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "level", "x", "y", "radius"])
        writer.writerows(rows)


def main(arguments: list[str] | None = None) -> int:
    """Write the sample into a folder."""
    parser = argparse.ArgumentParser(prog="python -m data_scripts.sample_transfer")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    write(options.folder, seed=options.seed)
    print(f"{options.folder}: {len(CLASSES)} classes, synthetic")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
