"""Drawn fundus photographs whose disc is known to a fraction of a pixel."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

VESSELS, GRAIN = 40, 5.0  # lines, and levels of the texture between them


def fundus(
    height: int = 400, width: int = 500, x: float = 250.0, y: float = 200.0, radius: float = 170.0,
    seed: int = 0, black: int = 3, noise: float = 2.0, light: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """uint8 [height, width, 3]: a reddish disc with an optic disc, vessels and grain, on black.

    Args:
        x, y, radius: of the disc, in pixels from the outer corner of the first pixel.
        black, noise: mean and standard deviation of what is added, in levels.
        light: factor of the disc.
    """
    return _drawn(height, width, x, y, radius, seed, black, noise, light).copy()


@lru_cache(maxsize=32)
def _drawn(height, width, x, y, radius, seed, black, noise, light) -> np.ndarray:
    random = np.random.default_rng(seed)
    down, across = np.mgrid[:height, :width] + 0.5
    away = np.hypot(across - x, down - y)
    retina = np.empty((height, width, 3), np.float32)
    retina[:] = 190, 95, 40
    for _ in range(VESSELS):
        angle, bend = random.uniform(0, 2 * np.pi, 2)
        steps = np.linspace(0, 1, 30)[:, None] * radius * 1.1
        line = (x, y) + steps * [np.cos(angle), np.sin(angle)]
        line += 0.1 * radius * np.sin(steps / radius * 3 + bend) * [-np.sin(angle), np.cos(angle)]
        thick = 1 + int(random.uniform(0, radius / 80))
        cv2.polylines(retina, [np.int32(line * 16)], False, (140, 50, 25), thick, cv2.LINE_AA, 4)
    grain = random.normal(0, 1, (height, width)).astype(np.float32)
    retina += GRAIN / 0.3 * cv2.GaussianBlur(grain, (0, 0), 1)[..., None]
    centre = int(x + 0.5 * radius), int(y)
    cv2.circle(retina, centre, max(1, int(radius / 7)), (235, 190, 110), -1, cv2.LINE_AA)
    retina *= (1 - 0.3 * (away / radius) ** 2)[..., None]
    covered = np.clip(radius - away + 0.5, 0, 1)[..., None]  # of each pixel by the disc
    picture = light * retina * covered + random.normal(black, noise, retina.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def save(path, pixels: np.ndarray, **options):
    """Write them as the suffix says; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path
