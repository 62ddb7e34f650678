"""Pictures for neural style transfer without a download: two photographs and four drawn paintings.

The photographs are scikit-learn's (china.jpg and flower.jpg, CC BY 2.0, by the photographers named
in its own README). The paintings are drawn here, each by a rule that has strokes, edges and colours
of its own; a short film moves two layers of the photographs past each other by known amounts, so
that its optical flow and what is hidden are known to the pixel.

    python -m data_scripts.sample_neural_style folder
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy import spatial
from sklearn.datasets import load_sample_image

PAINTINGS = ("brushwork", "leaded_glass", "woodcut", "pointillism")
FRAMES, FRAME_SIZE = 8, (174, 320)  # of the film: height, width
CAMERA, DISC = (2.0, 0.5), (-5.0, 1.0)  # pixels a frame to the right and down
NIGHT = ("132044", "1b2a5c", "24428a", "3567b0", "6d9bd1", "a8c8e4", "e8c547", "f3e39b")
GLASS = ("a8312b", "d9a441", "2f6b4f", "28517f", "e8dcc0", "6b3f6e", "c96f2e", "8fb3c4")
PRINT = ("20406b", "4a7aa8", "a9c3d4", "efe6d2", "d8c9a5")
SUMMER = ("3c7a3a", "8fb14b", "f0d95a", "e58a3a", "d7484e", "7a5aa6", "3f7fc1", "f6efe0")


def photograph(name: str) -> np.ndarray:
    """uint8 [height, width, 3]: "china" (a temple) or "flower"."""
    return load_sample_image(f"{name}.jpg")


def painting(name: str, size: int = 512, seed: int = 0) -> np.ndarray:
    """One of `PAINTINGS`, uint8 [size, size, 3].

    Raises:
        ValueError: an unknown name.
    """
    if name not in PAINTINGS:
        raise ValueError(f"painting {name!r}; there are {', '.join(PAINTINGS)}.")
    return globals()[f"_{name}"](size, np.random.default_rng([PAINTINGS.index(name), seed]))


def _colours(palette) -> np.ndarray:
    return np.array([[int(code[k : k + 2], 16) for k in (0, 2, 4)] for code in palette], float)


def _field(size: int, random, cells: float) -> np.ndarray:
    """Smooth noise [size, size] of mean 0 and spread 1; features of size / cells pixels."""
    found = cv2.GaussianBlur(random.normal(size=(size, size)), (0, 0), size / cells,
                             borderType=cv2.BORDER_REFLECT)  # fmt: skip
    return (found - found.mean()) / found.std()


def _shade(colour, random, spread: float) -> tuple[int, int, int]:
    return tuple(int(c) for c in np.clip(colour + random.normal(scale=spread), 0, 255))


def _brushwork(size: int, random) -> np.ndarray:
    """Short strokes along the level lines of smooth noise: whirls of a few colours."""
    palette, canvas = _colours(NIGHT), np.full((size, size, 3), (27, 42, 92), np.uint8)
    height, tone = _field(size, random, 9), _field(size, random, 14)
    down, right = np.gradient(height)
    angle = np.arctan2(right, -down)  # along the level lines
    order = np.argsort(np.argsort(tone.ravel())).reshape(tone.shape) / tone.size
    for length, width, count in ((0.05, 0.012, 5000), (0.035, 0.007, 9000)):
        for x, y in random.integers(0, size, (count, 2)):
            turn = angle[y, x] + random.normal(scale=0.12)
            half = length * size / 2 * random.uniform(0.6, 1.2)
            bend = random.normal(scale=0.25) * half
            along = np.array([np.cos(turn), np.sin(turn)])
            across = np.array([-along[1], along[0]])
            points = np.array([
                (x, y) + along * half * t + across * bend * (1 - t * t) for t in (-1, -0.4, 0.2, 1)
            ])  # fmt: skip
            pick = np.clip(order[y, x] + random.normal(scale=0.08), 0, 0.999) * len(palette)
            cv2.polylines(canvas, [np.round(points * 8).astype(np.int32)], False,
                          _shade(palette[int(pick)], random, 9), max(1, round(width * size)),
                          cv2.LINE_AA, shift=3)  # fmt: skip
    return canvas


def _leaded_glass(size: int, random) -> np.ndarray:
    """Panes of coloured glass between dark lead."""
    points = random.uniform(0, size, (260, 2))
    for _ in range(2):  # more even panes (Lloyd 1982)
        places = np.stack(np.meshgrid(*[np.arange(0, size, 4.0)] * 2), -1).reshape(-1, 2)
        own = spatial.cKDTree(points).query(places)[1]
        points = np.array([
            places[own == k].mean(0) if (own == k).any() else points[k] for k in range(len(points))
        ])  # fmt: skip
    places = np.stack(np.meshgrid(*[np.arange(size, dtype=float)] * 2), -1).reshape(-1, 2)
    wobble = np.stack([_field(size, random, 40), _field(size, random, 40)], -1).reshape(-1, 2)
    distance, own = spatial.cKDTree(points).query(places + 1.5 * wobble, k=2)
    palette = _colours(GLASS)
    shades = palette[random.integers(0, len(palette), len(points))]
    light = 1 + 0.12 * _field(size, random, 30).ravel()[:, None]
    pane = shades[own[:, 0]] * light
    lead = np.clip((distance[:, 1] - distance[:, 0]) / (0.012 * size), 0, 1)[:, None] ** 2
    return np.clip(pane * lead + 22 * (1 - lead), 0, 255).reshape(size, size, 3).astype(np.uint8)


def _woodcut(size: int, random) -> np.ndarray:
    """Rows of waves, flat colours within dark outlines, finely hatched."""
    palette, canvas = _colours(PRINT), np.full((size, size, 3), (239, 230, 210), np.uint8)
    x, rows = np.arange(-8, size + 9), 11
    for row in range(rows):
        base = size * (row + 0.6) / rows
        phase, length = random.uniform(0, 2 * np.pi), size / random.uniform(2.5, 4.5)
        swing = 2 * np.pi * x / length + phase
        crest = base - size * 0.045 * (np.sin(swing) + 0.35 * np.sin(2 * swing + 0.8))
        for step in range(9):
            line = crest + step * size * 0.012
            edge = np.stack([x, line], 1)
            if step == 0:
                corners = [(size + 8, size + 8), (-8, size + 8)]
                colour = _shade(palette[row % len(palette)], random, 5)
                shape = np.round(np.vstack([edge, corners])).astype(np.int32)
                cv2.fillPoly(canvas, [shape], colour)
            thick = max(1, round(size * (0.008 if step == 0 else 0.002)))
            cv2.polylines(canvas, [np.round(edge * 8).astype(np.int32)], False, (24, 40, 66), thick,
                          cv2.LINE_AA, shift=3)  # fmt: skip
        for place in random.integers(0, len(x), 26):  # foam
            at = int(x[place]), int(crest[place] - random.uniform(0, 0.02) * size)
            cv2.circle(canvas, at, random.integers(1, max(2, size // 90)), (246, 240, 226), -1,
                       cv2.LINE_AA)  # fmt: skip
    return canvas


def _pointillism(size: int, random) -> np.ndarray:
    """Dots of pure colours that mix in the eye."""
    palette, canvas = _colours(SUMMER), np.full((size, size, 3), (246, 239, 224), np.uint8)
    tones = np.stack([_field(size, random, 6) for _ in palette], -1)
    for x, y in random.integers(0, size, (26_000, 2)):
        leaning = np.exp(1.6 * tones[y, x])
        colour = palette[random.choice(len(palette), p=leaning / leaning.sum())]
        centre = (int(x * 8 + random.integers(8)), int(y * 8 + random.integers(8)))
        cv2.circle(canvas, centre, int(8 * size * random.uniform(0.004, 0.008)),
                   _shade(colour, random, 8), -1, cv2.LINE_AA, shift=3)  # fmt: skip
    return canvas


@dataclass(frozen=True)
class Film:
    """A film whose motion is known.

    Attributes:
        frames: uint8 [frames, height, width, 3].
        flow: float32 [frames - 1, height, width, 2], where a pixel of the later frame was in the
            earlier one, in pixels to the right and down from its own place.
        visible: bool [frames - 1, height, width], whether it was to be seen there.
    """

    frames: np.ndarray
    flow: np.ndarray
    visible: np.ndarray


def film(count: int = FRAMES) -> Film:
    """The camera glides over the temple, a disc of the flower glides the other way in front."""
    height, width = FRAME_SIZE
    far = cv2.resize(photograph("china"), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    near = cv2.resize(photograph("flower"), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = 0.28 * height

    def disc(frame):
        centre = 0.72 * width + DISC[0] * frame, 0.45 * height + DISC[1] * frame
        return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2

    frames, flows, seen = [], [], []
    for frame in range(count):
        behind = cv2.remap(far, x + 30 + CAMERA[0] * frame, y + 60 + CAMERA[1] * frame,
                           cv2.INTER_CUBIC)  # fmt: skip
        before = cv2.remap(near, x - 90 - DISC[0] * frame, y + 30 - DISC[1] * frame,
                           cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)  # fmt: skip
        own = disc(frame)
        frames.append(np.where(own[..., None], before, behind))
        if frame:
            flow = np.where(own[..., None], np.negative(DISC), CAMERA).astype(np.float32)
            flows.append(flow)
            was_x, was_y = x + flow[..., 0], y + flow[..., 1]
            inside = (was_x >= 0) & (was_x <= width - 1) & (was_y >= 0) & (was_y <= height - 1)
            covered = cv2.remap(disc(frame - 1).astype(np.float32), was_x, was_y,
                                cv2.INTER_LINEAR) > 0  # fmt: skip
            seen.append(inside & (own | ~covered))
    return Film(np.array(frames, np.uint8), np.array(flows), np.array(seen))


def masks(size: tuple[int, int]) -> dict[str, np.ndarray]:
    """A soft pair, uint8 [height, width]: the upper part (sky and roof) and the rest."""
    height, width = size
    place = np.linspace(0, 1, height)[:, None] + 0.06 * np.sin(np.linspace(0, 9, width))[None]
    upper = np.clip((0.5 - place) / 0.12 + 0.5, 0, 1)
    return {"upper": np.uint8(255 * upper), "lower": np.uint8(255 * (1 - upper))}


def write(folder: str | Path, size: int = 512, seed: int = 0) -> Path:
    """Write content/, styles/, masks/ and frames/ as PNG."""
    folder = Path(folder)
    pictures = {f"content/{name}": photograph(name) for name in ("china", "flower")}
    pictures |= {f"styles/{name}": painting(name, size, seed) for name in PAINTINGS}
    pictures |= {
        f"masks/china_{name}": mask for name, mask in masks(photograph("china").shape[:2]).items()
    }
    pictures |= {f"frames/frame_{k + 1:04}": frame for k, frame in enumerate(film().frames)}
    for name, pixels in pictures.items():
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = pixels[..., ::-1] if pixels.ndim == 3 else pixels
        if not cv2.imwrite(str(path), shown):
            raise OSError(f"{path} cannot be written.")
    return folder


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m data_scripts.sample_neural_style")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=512, help="of the paintings, in pixels")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print(write(options.folder, options.size, options.seed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
