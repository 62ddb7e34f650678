"""What `quality.check` lets pass and refuses: `python -m recipes.retina.tests.spoil`.

Real photographs as they are, spoilt copies of them, and pictures of other things. The folder
RECIPES_MIRROR must hold retina/ and, for the last, hymenoptera/.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from common import datasets, metrics
from recipes.retina import preprocess, quality


def blurred(sigma: float) -> Callable:
    return lambda pixels: cv2.GaussianBlur(pixels, (0, 0), sigma)


def shaken(length: int) -> Callable:
    return lambda pixels: cv2.blur(pixels, (length, 1))


def lit(factor: float) -> Callable:
    return lambda pixels: cv2.convertScaleAbs(pixels, alpha=factor)


def noisy(deviation: float) -> Callable:
    def spoil(pixels):
        noise = np.random.default_rng(0).normal(0, deviation, pixels.shape)
        return np.clip(pixels + noise, 0, 255).astype(np.uint8)

    return spoil


def shaded(pixels: np.ndarray) -> np.ndarray:
    """Half of it in shadow, at 8 % of its light, with a soft border."""
    across = np.linspace(-1, 1, pixels.shape[1])[:, None]
    return (pixels * (0.08 + 0.92 / (1 + np.exp(across * 12)))).astype(np.uint8)


def halved(pixels: np.ndarray) -> np.ndarray:
    """The right 55 % cut away."""
    return np.ascontiguousarray(pixels[:, : int(0.45 * pixels.shape[1])])


SPOILT = {
    "as it is": lambda pixels: pixels,
    "blurred by 1.5 pixels": blurred(1.5),
    "blurred by 2 pixels": blurred(2),
    "blurred by 3 pixels": blurred(3),
    "blurred by 4 pixels": blurred(4),
    "shaken by 15 pixels": shaken(15),
    "shaken by 25 pixels": shaken(25),
    "a fifth of the light": lit(0.2),
    "a tenth of the light": lit(0.1),
    "twice the light": lit(2),
    "3 times the light": lit(3),
    "4 times the light": lit(4),
    "noise of 20 levels": noisy(20),
    "half in shadow": shaded,
    "right 55 % cut away": halved,
}


def photographs(part: str, step: int = 1) -> list[Path]:
    """Of a part of the set in the mirror, every so manieth; none without a mirror."""
    mirror = datasets.mirror_folder()
    return sorted((mirror / "retina" / "images").glob(f"{part}_*.jpg"))[::step] if mirror else []


def others(step: int = 1) -> list[Path]:
    """Photographs of ants and bees."""
    mirror = datasets.mirror_folder()
    return sorted((mirror / "hymenoptera").rglob("*.jpg"))[::step] if mirror else []


def verdicts(paths: list[Path], spoil: Callable) -> Iterator[quality.Quality]:
    """Of each, spoilt."""

    def one(path: Path) -> quality.Quality:
        pixels, _ = preprocess.pixels_of(path, path.read_bytes(), None)
        return quality.check(spoil(pixels))

    with ThreadPoolExecutor() as pool:
        yield from pool.map(one, paths)


def main(arguments: list[str] | None = None) -> int:
    """Print how many are refused, and why; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m recipes.retina.tests.spoil")
    parser.add_argument("--step", type=int, default=1, help="take every so manieth photograph")
    options = parser.parse_args(arguments)
    rows = [(f"{part}: {name}", photographs(part, options.step), spoil)
            for part in ("train", "test") for name, spoil in SPOILT.items()]  # fmt: skip
    rows.append(("ants and bees", others(options.step), SPOILT["as it is"]))
    for name, paths, spoil in rows:
        found = list(verdicts(paths, spoil))
        refused = sum(not each.gradable for each in found)
        why = Counter(each.reason.partition(":")[0] for each in found if not each.gradable)
        print(f"{name:32} {metrics.wilson(refused, len(found))} of {len(found)} refused: "
              f"{dict(why.most_common())}", flush=True)  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
