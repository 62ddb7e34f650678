"""Draw synthetic skin, and take its picture as a camera on a dermatoscope does.

Skin and lesion are drawn once, on a square plate in even white light; each photograph of them turns
and enlarges the plate, lays hair, ink, gel and glass over it and lights it in its own way. Lengths
are in pixels of the plate; about 22 of them are a millimetre. Colours are those of a JPEG file,
from 0 to 1: a gain of a coded value is that of linear light to the power of 1 / 2.2. The artefacts
are those that Tschandl et al. (The HAM10000 dataset, Scientific Data 5:180161, 2018) and Barata et
al. (Improving dermoscopy image classification using color constancy, IEEE J. Biomed. Health
Inform. 19(3), 2015) write of. Nothing here comes from a photograph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from data_scripts import draw_fundus

PLATE = 400  # side of the plate
WIDTH, HEIGHT = 300, 225  # of a photograph: half of HAM10000's
MILLIMETRE = 22
BROWN = np.array([0.64, 0.97, 1.12], np.float32)  # of red, green, blue absorbed by melanin
BLOOD = np.array([0.16, 1.0, 0.78], np.float32)  # the same by blood
INK = np.array([1.15, 1.35, 0.35], np.float32)  # by the gentian violet of a marker pen
# What lit skin of Fitzpatrick's types looks like, loosely: he asked how skin burns (The validity
# and practicality of sun-reactive skin types I through VI, Arch. Dermatol. 124(6), 1988).
TONES = {"I": (0.91, 0.74, 0.73), "II": (0.88, 0.69, 0.67), "III": (0.83, 0.62, 0.56),
         "IV": (0.71, 0.51, 0.41), "V": (0.55, 0.38, 0.29), "VI": (0.4, 0.27, 0.2)}  # fmt: skip
ARTEFACTS = {"hair": 0.45, "bubbles": 0.3, "ruler": 0.15, "ink": 0.1, "border": 0.25}  # how often


@dataclass(frozen=True)
class Photograph:
    """A photograph, and how it was taken.

    Attributes:
        pixels: uint8 [HEIGHT, WIDTH, 3], red, green, blue.
        field: bool [HEIGHT, WIDTH], what the lens border leaves free.
        place: float64 [2, 3], takes x and y of the plate to those of the photograph.
        gains: of red, green and blue by the camera's white balance; where they were drawn, their
            product is 1.
        exposure: what all three are multiplied by besides.
        artefacts: of `ARTEFACTS`, in that order.
        quality: of the JPEG file that it is meant to be, from 1 to 100.
    """

    pixels: np.ndarray
    field: np.ndarray
    place: np.ndarray
    gains: tuple[float, float, float]
    exposure: float
    artefacts: tuple[str, ...]
    quality: int

    def cut(self, map_of_plate: np.ndarray) -> np.ndarray:
        """From float32 [PLATE, PLATE] what the photograph shows, float32 [HEIGHT, WIDTH]."""
        return _warp(map_of_plate, self.place) * self.field


class Canvas:
    """Where shapes are drawn, on the plate or on a photograph; edges come out soft."""

    def __init__(self, height: int = PLATE, width: int = PLATE):
        self.pixels = np.zeros((height, width), np.uint8)

    @staticmethod
    def _fixed(points) -> np.ndarray:
        return np.round(np.asarray(points) * 16).astype(np.int32)  # sixteenths of a pixel

    def line(self, path: np.ndarray, value: float = 1) -> None:
        """Draw a line of [n, 3] x, y and width in pixels; one thinner than a pixel is fainter."""
        points, wide = self._fixed(path[:, :2]), np.maximum(np.round(path[:, 2]), 1)
        faint = np.minimum(path[:, 2], 1)
        ends = [*np.flatnonzero(np.diff(wide)), len(wide) - 1]
        for begin, end in zip([0, *ends], ends, strict=False):
            cv2.polylines(self.pixels, [points[begin : end + 1]], False,
                          round(255 * value * float(faint[begin : end + 1].mean())),
                          int(wide[end]), cv2.LINE_AA, 4)  # fmt: skip

    def polygon(self, corners: np.ndarray, value: float = 1) -> None:
        """Fill a polygon of [n, 2] x and y."""
        cv2.fillPoly(self.pixels, [self._fixed(corners)], round(255 * value), cv2.LINE_AA, 4)

    def discs(self, places: np.ndarray, radii: np.ndarray, value: float = 1, wide: int = -1
              ) -> None:  # fmt: skip
        """Fill circles around [n, 2] x and y, or draw their rims where `wide` is a width."""
        for place, radius in zip(self._fixed(places), self._fixed(radii), strict=True):
            cv2.circle(self.pixels, place.tolist(), int(radius), round(255 * value), wide,
                       cv2.LINE_AA, 4)  # fmt: skip

    def cover(self, blur: float = 0) -> np.ndarray:
        """What was drawn, float32 [height, width] from 0 to 1, blurred by so many pixels."""
        found = self.pixels.astype(np.float32) / 255
        return cv2.GaussianBlur(found, (0, 0), blur) if blur else found


def cloud(cells: int, random: np.random.Generator) -> np.ndarray:
    """Soft noise of spread 1, float32 [PLATE, PLATE], of so many cells a side."""
    # What is soft is drawn small and enlarged: a sixteenth of the time.
    small = draw_fundus.cloud(cells, random, PLATE // (4 if cells < 30 else 2))
    return cv2.resize(small, (PLATE, PLATE), interpolation=cv2.INTER_LINEAR)


def planes(colour) -> np.ndarray:
    """A colour as float32 [3, 1, 1]: arithmetic is faster by planes than by pixels."""
    return np.array(colour, np.float32)[:, None, None]


def cells(spacing: float, jitter: float, random: np.random.Generator, bend: float = 0
          ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Cells as of a honeycomb that lies anyhow.

    Args:
        spacing: of their middles, in pixels.
        jitter: how far a middle is out of its place, in spacings.
        bend: how far neighbours are out of place together, in pixels: cells of different sizes.

    Returns:
        (float32 [n, 2] x and y of the middles; float32 [PLATE, PLATE] how far the nearest is, in
        spacings: 0.5 halfway between two).
    """
    reach = math.ceil(0.85 * PLATE / spacing)
    across, down = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    x, y = spacing * (across + down % 2 / 2).ravel(), spacing * 0.866 * down.ravel()
    turn = random.uniform(0, math.pi / 3)
    points = np.stack([x * math.cos(turn) - y * math.sin(turn),
                       x * math.sin(turn) + y * math.cos(turn)], 1) + PLATE / 2  # fmt: skip
    points = points[((points > -20) & (points < PLATE + 20)).all(1)]
    points += random.normal(0, jitter * spacing, points.shape)
    if bend:
        at = np.clip(points.T / PLATE * 64, 0, 63).astype(int)
        moved = [draw_fundus.cloud(5, random, 64)[at[1], at[0]] for _ in range(2)]
        points += bend * np.stack(moved, 1)
    points = points[((points >= 0) & (points < PLATE - 1)).all(1)].astype(np.float32)
    empty = np.ones((PLATE, PLATE), np.uint8)
    empty[tuple(np.round(points).astype(int).T[::-1])] = 0
    far = cv2.distanceTransform(empty, cv2.DIST_L2, cv2.DIST_MASK_5)
    return points, cv2.GaussianBlur(far, (0, 0), 0.6) / np.float32(spacing)


def draw_skin(tone: str, random: np.random.Generator) -> np.ndarray:
    """Healthy skin: float32 [3, PLATE, PLATE] from 0 to 1.

    Args:
        tone: of `TONES`.
    """
    dark = list(TONES).index(tone) / (len(TONES) - 1)
    colour = np.array(TONES[tone], np.float32) * random.uniform(0.95, 1.05, 3).astype(np.float32)
    # Furrows part the skin's surface into small fields; the darker the skin, the better seen.
    _, far = cells(random.uniform(9, 16), 0.16, random, random.uniform(2, 7))
    furrows = np.clip((far - 0.34) / 0.2, 0, 1) * (0.7 + 0.3 * cloud(5, random))
    brown = random.uniform(0.03, 0.08) * (0.5 + 1.5 * dark) * furrows
    brown += 0.045 * cloud(4, random) + 0.02 * cloud(18, random)
    brown += 0.018 * cloud(90, random)
    blood = random.uniform(0.02, 0.07) * cloud(5, random) + 0.022 * cloud(40, random)
    pores = Canvas()
    count = int(random.integers(15, 70))
    pores.discs(random.uniform(0, PLATE, (count, 2)), random.uniform(0.8, 1.7, count))
    brown += random.uniform(-0.12, 0.2) * pores.cover(0.8)
    return planes(colour) * np.exp(-(brown * planes(BROWN) + blood * planes(BLOOD)))


def _warp(plate: np.ndarray, place: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(plate, place, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REFLECT)  # fmt: skip


def photograph(plate: np.ndarray, random: np.random.Generator,
               artefacts: tuple[str, ...] | None = None,
               gains: tuple[float, float, float] | None = None) -> Photograph:  # fmt: skip
    """Take a picture of a plate.

    Args:
        plate: float32 [3, PLATE, PLATE] from 0 to 1.
        artefacts: of `ARTEFACTS`; drawn from `random` if left out. Each is drawn with random
            numbers of its own: one more or fewer leaves the rest of the photograph as it is.
        gains: of red, green and blue; drawn from `random` if left out, like everything else.

    Raises:
        ValueError: an artefact that there is not.
    """
    for name in artefacts or ():
        if name not in ARTEFACTS:
            raise ValueError(f"artefacts: {name!r} is none; there are {', '.join(ARTEFACTS)}.")
    # Each on its own, so that a change of one leaves the others as they were.
    hands = dict(zip(ARTEFACTS, random.spawn(len(ARTEFACTS)), strict=True))
    chance = random.random(len(ARTEFACTS)) < list(ARTEFACTS.values())
    if artefacts is None:
        artefacts = tuple(np.array([*ARTEFACTS])[chance].tolist())
    artefacts = tuple(name for name in ARTEFACTS if name in artefacts)
    turn, zoom = random.uniform(0, 2 * math.pi), random.uniform(0.9, 1.2)
    cosine, sine = zoom * math.cos(turn), zoom * math.sin(turn)
    middle = np.array([WIDTH, HEIGHT]) / 2 + random.normal(0, (9, 6))
    linear = np.array([[cosine, -sine], [sine, cosine]])
    place = np.column_stack([linear, middle - linear @ (PLATE / 2, PLATE / 2)])
    pixels = np.stack([_warp(plane, place) for plane in plate])
    field = np.ones((HEIGHT, WIDTH), np.float32)
    for name in artefacts:
        if name == "border":
            field = _border(hands[name])
        elif name == "ruler":
            _ruler(pixels, zoom, hands[name])
        else:
            {"hair": _hair, "bubbles": _bubbles, "ink": _ink}[name](pixels, hands[name])
    x = (np.arange(WIDTH, dtype=np.float32) - WIDTH / 2) / (WIDTH / 2)
    y = ((np.arange(HEIGHT, dtype=np.float32) - HEIGHT / 2) / (WIDTH / 2))[:, None]
    side = random.uniform(0, 2 * math.pi)
    along = x * np.float32(math.cos(side)) + y * np.float32(math.sin(side))
    light = 1.03 - random.uniform(0.05, 0.25) * (x * x + y * y) + random.uniform(0, 0.08) * along
    light *= field + (1 - field) * np.float32(random.uniform(0, 0.08))
    # White balance errs from warm to cold, and less from green to magenta.
    warm, green = random.normal(0, 0.08), random.normal(0, 0.03)
    drawn = np.exp([warm - green / 2, green, -warm - green / 2])
    gains = drawn if gains is None else np.array(gains, float)
    # Cameras expose darker skin longer, but not so much longer that it looks light.
    shade = float(np.median(plate[:, :40, ::8]))  # at the plate's edge, where no lesion is
    exposure = (0.57 / shade) ** 0.3 * math.exp(random.normal(0, 0.07))
    pixels *= light * planes(exposure * gains)
    pixels = cv2.GaussianBlur(cv2.merge([*pixels]), (0, 0), random.uniform(0.4, 1))
    pixels += random.uniform(0.004, 0.012) * random.standard_normal(pixels.shape, np.float32)
    pixels = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return Photograph(pixels, field > 0.5, place, tuple(gains.tolist()), exposure, artefacts,
                      int(random.integers(82, 96)))  # fmt: skip


def _blend(pixels: np.ndarray, cover: np.ndarray, colour) -> None:
    """Paint a colour over pixels, float32 [3, height, width], in place."""
    pixels += cover * (planes(colour) - pixels)


def _hair(pixels: np.ndarray, random: np.random.Generator) -> None:
    """Curved hairs that run in about the same direction, over skin and lesion."""
    few = random.random() < 0.75
    count = int(random.integers(2, 7) if few else random.integers(8, 20))
    colours = ((0.1, 0.07, 0.06), (0.25, 0.16, 0.1), (0.86, 0.78, 0.62), (0.55, 0.5, 0.47))
    colour = colours[int(random.choice(4, p=[0.5, 0.25, 0.15, 0.1]))]
    heading, wide = random.uniform(0, math.pi), random.uniform(0.7, 1.9)
    # At twice the size: thin lines come out even.
    canvas, along = Canvas(2 * HEIGHT, 2 * WIDTH), np.linspace(-0.5, 0.5, 24)
    for _ in range(count):
        x, y = random.uniform(0, 1, 2) * (WIDTH, HEIGHT)
        turn, bow = heading + random.normal(0, 0.45), random.normal(0, 0.9)
        length = random.uniform(90, 330)
        headings = turn + bow * along + random.normal(0, 0.5) * along**2
        steps = length / len(along) * np.stack([np.cos(headings), np.sin(headings)], 1)
        path = np.cumsum(steps, 0)
        path += (x, y) - path[len(path) // 2]
        canvas.line(np.column_stack([2 * path, 2 * wide * np.linspace(1.1, 0.7, len(path))]),
                    random.uniform(0.65, 0.95))  # fmt: skip
    cover = cv2.resize(canvas.cover(0.8), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    _blend(pixels, cover, colour)


def _bubbles(pixels: np.ndarray, random: np.random.Generator) -> None:
    """Air in the gel: a dark rim, a bright one within it, and a glint."""
    count = int(random.integers(2, 15))
    places = random.uniform(0, 1, (count, 2)) * (WIDTH, HEIGHT)
    if random.random() < 0.5:  # a string of them, pushed aside with the gel
        places = places[0] + random.normal(0, 22, (count, 2))
    radii = np.minimum(random.lognormal(1.3, 0.6, count), 15)
    rim, inner, glint = (Canvas(HEIGHT, WIDTH) for _ in range(3))
    rim.discs(places, radii, 1, 1)
    inner.discs(places, radii * 0.8, 1, 1)
    away = random.normal(0, 1, 2)
    glint.discs(places + 0.45 * radii[:, None] * away / np.hypot(*away), 0.22 * radii + 0.4)
    _blend(pixels, 0.4 * rim.cover(0.6), (0.25, 0.18, 0.16))
    _blend(pixels, 0.45 * inner.cover(0.7), (1, 0.97, 0.95))
    _blend(pixels, 0.85 * glint.cover(0.5), (1, 1, 1))


def _ruler(pixels: np.ndarray, zoom: float, random: np.random.Generator) -> None:
    """Marks of a millimetre along a side of the glass, every fifth one longer."""
    canvas, side = Canvas(HEIGHT, WIDTH), int(random.integers(4))
    long, wide = (WIDTH, HEIGHT) if side % 2 == 0 else (HEIGHT, WIDTH)
    step, edge = MILLIMETRE * zoom, random.uniform(2, 9)
    for number, at in enumerate(np.arange(random.uniform(2, step), long, step)):
        ends = np.array([edge, edge + (13 if number % 5 == 0 else 8)])
        ends = ends if side < 2 else wide - 1 - ends
        points = np.stack([np.full(2, at), ends] if side % 2 == 0 else [ends, np.full(2, at)], 1)
        canvas.line(np.column_stack([points, [1, 1]]))
        if number % 5 == 0 and side % 2 == 0:
            cv2.putText(canvas.pixels, str(number // 5), (round(at) + 3, round(ends.mean()) + 4),
                        cv2.FONT_HERSHEY_SIMPLEX, 0.3, 255, 1, cv2.LINE_AA)  # fmt: skip
    _blend(pixels, 0.8 * canvas.cover(0.5), (0.08, 0.08, 0.1))


def _ink(pixels: np.ndarray, random: np.random.Generator) -> None:
    """Strokes of a marker pen beside the lesion; the skin's furrows leave gaps in them."""
    canvas, middle = Canvas(HEIGHT, WIDTH), np.array([WIDTH, HEIGHT]) / 2
    for around in random.uniform(0, 2 * math.pi, int(random.integers(1, 4))):
        angles = around + random.uniform(0.1, 0.35) * np.linspace(-1, 1, 10)
        reach = middle * random.uniform(0.9, 1.1)
        path = middle + reach * np.stack([np.cos(angles), np.sin(angles)], 1)
        path += np.cumsum(random.normal(0, 1.2, path.shape), 0)
        canvas.line(np.column_stack([path, np.full(10, random.uniform(4, 11))]))
    gaps = np.clip(0.75 + 0.3 * cloud(60, random)[:HEIGHT, :WIDTH], 0, 1)
    pixels *= np.exp(-(random.uniform(0.5, 1) * canvas.cover(1.3) * gaps) * planes(INK))


def _border(random: np.random.Generator) -> np.ndarray:
    """The round edge of the lens: float32 [HEIGHT, WIDTH], 1 inside it."""
    x, y = np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32)[:, None]
    middle_x, middle_y = np.array([WIDTH, HEIGHT]) / 2 + random.normal(0, 5, 2)
    far = np.hypot(x - np.float32(middle_x), y - np.float32(middle_y))
    return np.clip((random.uniform(128, 172) - far) / random.uniform(2, 7) + 0.5, 0, 1)
