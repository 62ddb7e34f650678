"""Draw the structures that dermatoscopy tells skin lesions by, each in a layer of its own.

Names and definitions are those of Kittler et al., Standardization of terminology in dermoscopy,
J. Am. Acad. Dermatol. 74(6), 2016. All lengths are in pixels of `draw_skin`'s plate; sizes, colours
and how often each occurs were set by eye.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from data_scripts.draw_skin import BLOOD, BROWN, PLATE, Canvas, cells, cloud

KINDS = ("network", "globules", "atypical_network", "blue_white_veil", "streaks", "regression",
         "milia_cysts", "comedo_openings", "ridges", "vessels", "nests", "ulceration",
         "pseudonetwork", "scale", "scar", "lacunae")  # fmt: skip
TURNS = 720  # steps of an outline
# The plate seen from its middle: how far, and which step of an outline.
ACROSS = np.arange(PLATE, dtype=np.float32) - PLATE / 2
FAR, _ANGLE = cv2.cartToPolar(*map(np.ascontiguousarray,
                                   np.broadcast_arrays(ACROSS, ACROSS[:, None])))  # fmt: skip
STEP = (_ANGLE * (TURNS / (2 * math.pi))).astype(np.int32) % TURNS


@dataclass(frozen=True)
class Layer:
    """A structure, or a part of one.

    Attributes:
        kind: of `KINDS`.
        cover: float32 [PLATE, PLATE] from 0 to 1.
        colour: float32 [3], what it absorbs of red, green and blue; or what it looks like in
            fair skin, where it is opaque.
        opaque: whether it hides what is below it.
    """

    kind: str
    cover: np.ndarray
    colour: np.ndarray
    opaque: bool


def hill(height: np.ndarray, soft: float) -> np.ndarray:
    """1 where a height is above 0 and 0 where it is below, with a soft step between."""
    return 1 / (1 + np.exp(-np.clip(height / np.float32(soft), -30, 30)))


class Hand:
    """Draws a lesion in the middle of the plate: first its `shape`, then a method for each kind.

    Attributes:
        random: where everything comes from.
        alike: from 0 to 1, how far melanoma, nevus and keratosis resemble each other.
        tint: float32 [3], what this lesion's melanin absorbs.
        layers: those drawn so far.
        radius: of the lesion, about, in pixels.
        edge: float32 [TURNS], how far the outline is from the middle, in pixels.
        height: float32 [PLATE, PLATE], how far inside the outline, in pixels.
        out: the same, 0 in the middle and 1 at the edge.
        inside: the same, 1 inside and 0 outside.
        along: the same, from about -1 at one side of the lesion to 1 at the other.
    """

    def __init__(self, random: np.random.Generator, alike: float):
        self.random, self.alike, self.layers = random, alike, []
        self.tint = BROWN * random.uniform(0.88, 1.12, 3).astype(np.float32)

    def shape(self, radius: tuple[float, float], rough: float, soft: float, ragged: float,
              stretch: float = 0.1, bites: int = 0) -> None:  # fmt: skip
        """Draw the outline.

        Args:
            radius: from and to.
            rough: how irregular, in radii; `ragged`: the same in pixels and finer.
            soft: how wide the edge is.
            stretch: how long, about.
            bites: how many concave notches, as if moths had been at it.
        """
        random, angles = self.random, np.linspace(0, 2 * np.pi, TURNS, endpoint=False)
        self.radius, long = random.uniform(*radius), 1 + abs(random.normal(0, stretch))
        waves, turn = np.arange(2, 11)[:, None], random.uniform(0, np.pi)
        sizes = random.normal(0, rough, waves.shape) / np.sqrt(waves - 1)
        reach = 1 + (sizes * np.cos(waves * angles + random.uniform(0, 6.3, waves.shape))).sum(0)
        reach /= np.hypot(np.cos(angles - turn) / long, np.sin(angles - turn) * long)
        for at in random.uniform(0, 2 * np.pi, bites):
            off = (angles - at + np.pi) % (2 * np.pi) - np.pi
            reach -= random.uniform(0.06, 0.15) * np.exp(-((off / random.uniform(0.08, 0.2)) ** 2))
        self.edge = (self.radius * reach.clip(0.5, 1.6)).astype(np.float32)
        reach = self.edge[STEP]
        self.height = reach - FAR + np.float32(ragged) * cloud(36, random)
        self.out, self.inside = FAR / reach, hill(self.height, soft)
        self.inside[self.inside < 0.01] = 0
        turn, x = random.uniform(0, 2 * np.pi), ACROSS / np.float32(self.radius)
        self.along = x * np.float32(math.cos(turn)) + x[:, None] * np.float32(math.sin(turn))

    def add(self, kind: str, cover: np.ndarray, colour, opaque: bool = False) -> None:
        """Add a layer; it does not leave the lesion."""
        cover = np.clip(cover, 0, 1) * np.clip(2 * self.inside - 0.8, 0, 1)
        self.layers.append(Layer(kind, cover, np.array(colour, np.float32), opaque))

    def places(self, count: int, apart: float, zone: np.ndarray | bool = True, margin: float = 4
               ) -> np.ndarray:  # fmt: skip
        """At most so many places inside the lesion, apart from each other: [n, 2] of x and y."""
        found, chosen = self.random.integers(0, PLATE, (4000, 2)), []
        good = (self.height > margin) & zone
        found = found[good[found[:, 1], found[:, 0]]].astype(float)
        while len(found) and len(chosen) < count:
            chosen.append(found[0])
            found = found[np.hypot(*(found - found[0]).T) > apart]
        return np.array(chosen).reshape(-1, 2)

    def side(self, low: float, high: float) -> np.ndarray:
        """A place to one side of the middle, so many radii away: x and y."""
        turn, far = self.random.uniform(0, 2 * np.pi), self.random.uniform(low, high) * self.radius
        return np.array([math.cos(turn), math.sin(turn)]) * far + PLATE / 2

    def patch(self, place: np.ndarray, radius: float, soft: float, rough: float = 0.25
              ) -> np.ndarray:  # fmt: skip
        """An area of irregular outline, float32 [PLATE, PLATE] from 0 to 1."""
        x, y = np.asarray(place, np.float32) - PLATE / 2
        far = np.hypot(ACROSS - x, (ACROSS - y)[:, None])
        uneven = 1 + np.float32(rough) * cloud(int(PLATE / radius) + 3, self.random)
        return hill(np.float32(radius) * uneven - far, soft)

    def blob(self, place: np.ndarray, radius: float, long: float = 1, rough: float = 0.12
             ) -> np.ndarray:  # fmt: skip
        """Corners of an irregular ellipse, [n, 2] of x and y."""
        random, angles = self.random, np.linspace(0, 2 * np.pi, 28, endpoint=False)
        waves, turn = np.arange(2, 5)[:, None], random.uniform(0, np.pi)
        sizes, phases = random.normal(0, rough, (3, 1)), random.uniform(0, 2 * np.pi, (3, 1))
        reach = radius * (1 + (sizes / np.sqrt(waves) * np.cos(waves * angles + phases)).sum(0))
        x, y = reach * np.cos(angles) * long, reach * np.sin(angles) / long
        return place + np.stack([x * math.cos(turn) - y * math.sin(turn),
                                 x * math.sin(turn) + y * math.cos(turn)], 1)  # fmt: skip

    def network(self, zone, strength: float) -> None:
        """Brown lines, thin and regular, around pale holes."""
        _, far = cells(self.random.uniform(6.5, 8.5), 0.12 + 0.1 * self.alike, self.random,
                       4 + 3 * self.alike)  # fmt: skip
        lines = np.clip((far - 0.33) / 0.16, 0, 1) * (0.82 + 0.18 * cloud(22, self.random))
        self.add("network", lines * zone, strength * self.tint)

    def atypical_network(self, zone) -> None:
        """Lines thick and thin, dark, around holes of all sizes, that end abruptly."""
        random = self.random
        _, far = cells(random.uniform(10, 13), 0.25 - 0.05 * self.alike, random, 8)
        thin = 0.36 + 0.08 * cloud(7, random)
        self.add("atypical_network", np.clip((far - thin) / 0.1, 0, 1) * zone,
                 random.uniform(0.8, 1.2) * self.tint)  # fmt: skip

    def globules(self, zone) -> None:
        """Round brown bodies, alike and in order."""
        random, canvas, spacing = self.random, Canvas(), self.random.uniform(9, 12)
        points, _ = cells(spacing, 0.1 + 0.12 * self.alike, random, 2)
        at = tuple(points.astype(int).T[::-1])
        points = points[(self.height[at] > 2) & (np.broadcast_to(zone, FAR.shape)[at] > 0.4)]
        radii = random.normal(random.uniform(0.28, 0.36), 0.02 + 0.05 * self.alike, len(points))
        canvas.discs(points, spacing * np.maximum(radii, 0.1))
        self.add("globules", canvas.cover(0.7), 0.55 * self.tint)

    def dots(self, count: int, zone) -> np.ndarray:
        """Round bodies of all sizes, anyhow: float32 [PLATE, PLATE] from 0 to 1."""
        canvas, points = Canvas(), self.places(count, 6, zone > 0.4, 1)
        canvas.discs(points, np.minimum(self.random.lognormal(0.8, 0.5, len(points)), 6))
        return canvas.cover(0.7)

    def irregular_globules(self, zone) -> None:
        """Dots and globules, dark brown to black."""
        cover = self.dots(int(self.random.integers(16, 40)), zone)
        self.add("globules", cover, 1.2 * self.tint)

    def blue_white_veil(self) -> None:
        """An area without structure, blue with a whitish haze over it."""
        place, size = self.side(0.1, 0.45), self.random.uniform(0.36, 0.55) * self.radius
        cover = self.patch(place, size, 7) * (0.76 + 0.1 * cloud(12, self.random))
        colour = np.array([0.5, 0.53, 0.61]) * self.random.uniform(0.75, 1.1)
        self.add("blue_white_veil", cover, colour, opaque=True)

    def streaks(self) -> None:
        """Dark lines that run outwards at a part of the edge, some with a bulb at the end."""
        random, canvas, wide = self.random, Canvas(), self.random.uniform(0.4, 0.9)
        for angle in random.uniform(0, 2 * np.pi) + np.arange(-wide, wide, 0.11):
            angle += random.normal(0, 0.02)
            run = np.array([math.cos(angle), math.sin(angle)])
            edge = self.edge[int(angle / (2 * np.pi) * TURNS) % TURNS]
            at = edge + np.linspace(-random.uniform(8, 16), random.uniform(2, 10), 5)
            path = PLATE / 2 + at[:, None] * run + random.normal(0, 0.5, (5, 2))
            wide_to_thin = random.uniform(1.4, 2.6) * np.linspace(1.3, 0.8, 5)
            canvas.line(np.column_stack([path, wide_to_thin]))
            if random.random() < 0.4:
                canvas.discs(path[-1:], random.uniform(1.5, 2.5, 1))
        cover = canvas.cover(0.7)
        self.inside = np.maximum(self.inside, cover)  # they belong to the lesion
        self.add("streaks", cover, 1.2 * self.tint)

    def regression(self) -> None:
        """White as a scar, with blue-grey grains as of pepper around it."""
        random, place = self.random, self.side(0.3, 0.6)
        size = random.uniform(0.26, 0.4) * self.radius
        near, canvas = self.patch(place, 1.35 * size, 4), Canvas()
        self.add("regression", 0.7 * self.patch(place, size, 5), (0.88, 0.78, 0.76), opaque=True)
        grains = self.places(int(random.integers(40, 90)), 2.5, near > 0.5, 2)
        canvas.discs(grains, random.uniform(0.6, 1.2, len(grains)))
        self.add("regression", 0.7 * canvas.cover(0.5), (0.4, 0.42, 0.47), opaque=True)

    def milia_cysts(self, count: int) -> None:
        """Round, whitish and bright: a few large ones, and small ones as stars in the sky."""
        canvas = Canvas()
        places = self.places(count, 8, margin=6)
        canvas.discs(places, np.minimum(self.random.lognormal(0.75, 0.45, len(places)), 5))
        self.add("milia_cysts", 0.9 * canvas.cover(0.9), (0.97, 0.91, 0.8), opaque=True)

    def comedo_openings(self, count: int) -> None:
        """Round to oval plugs, dark brown and sharply bounded."""
        canvas = Canvas()
        for place in self.places(count, 13, margin=7):
            canvas.polygon(self.blob(place, self.random.uniform(2.2, 5), 1.15, 0.07))
        self.add("comedo_openings", canvas.cover(0.5), (0.23, 0.14, 0.09), opaque=True)

    def ridges(self, brain: bool) -> None:
        """Between folds as of a brain the furrows, or thin parallel lines as of a fingerprint."""
        random = self.random
        if brain:
            field = cloud(int(random.integers(26, 40)), random)
            self.add("ridges", np.clip(1.2 - 2.6 * np.abs(field), 0, 1),
                     random.uniform(0.4, 0.65) * self.tint)  # fmt: skip
            return
        turn, period = random.uniform(0, 2 * np.pi), random.uniform(4.2, 5.5)
        phase = ACROSS * np.float32(math.cos(turn)) + ACROSS[:, None] * np.float32(math.sin(turn))
        phase = 2 * np.pi * phase / period + random.uniform(5, 9) * cloud(7, random)
        broken = np.clip(0.55 + 0.5 * cloud(20, random), 0, 1)
        cover = np.clip(0.3 + 0.8 * np.sin(phase), 0, 1) * broken
        self.add("ridges", cover, random.uniform(0.35, 0.55) * self.tint)

    def vessels(self, count: int) -> None:
        """Trees of bright red vessels, in focus: thick stems that branch into ever finer twigs."""
        random, canvas = self.random, Canvas()
        for place in self.places(count, 0.5 * self.radius, self.out > 0.35, 3):
            inwards = math.atan2(*(PLATE / 2 - place)[::-1]) + random.normal(0, 0.7)
            self._branch(canvas, place, inwards, random.uniform(2, 3.2), 0)
        self.add("vessels", canvas.cover(0.55), 1.15 * BLOOD)

    def _branch(self, canvas: Canvas, place, heading: float, width: float, order: int) -> None:
        random, count = self.random, int(self.random.uniform(0.25, 0.5) * self.radius / 2)
        headings = heading + np.cumsum(random.normal(0, 0.2, count))
        path = place + 2 * np.cumsum(np.stack([np.cos(headings), np.sin(headings)], 1), 0)
        canvas.line(np.column_stack([path, width * np.linspace(1, 0.75, count)]), 1 - 0.1 * order)
        if order < 3:
            for start, side in ((count // 2, random.choice([-1, 1])), (-1, -1), (-1, 1)):
                if start == -1 or random.random() < 0.7:
                    turned = headings[start] + side * random.uniform(0.35, 0.9)
                    self._branch(canvas, path[start], turned, 0.68 * width, order + 1)

    def coiled_vessels(self) -> None:
        """Clusters of coiled vessels, seen as red dots: those of Bowen's disease."""
        random, canvas = self.random, Canvas()
        zone = cloud(9, random) > 0
        places = self.places(int(random.integers(50, 110)), 6.5, zone, 4)
        canvas.discs(places, random.uniform(1.3, 2.4, len(places)))
        self.add("vessels", canvas.cover(0.6), 0.95 * BLOOD)

    def nests(self, count: int) -> None:
        """Ovoid nests of pigment deep in the skin, therefore blue-grey."""
        canvas = Canvas()
        for place in self.places(count, 0.3 * self.radius, margin=9):
            radius = self.random.uniform(0.09, 0.2) * self.radius
            canvas.polygon(self.blob(place, radius, self.random.uniform(1, 1.3), 0.07))
        self.add("nests", 0.75 * canvas.cover(2), (0.38, 0.39, 0.45), opaque=True)

    def ulceration(self) -> None:
        """A raw area, red, with a crust of dried blood upon it."""
        random, place = self.random, self.side(0, 0.4)
        size = random.uniform(0.2, 0.34) * self.radius
        self.add("ulceration", 0.85 * self.patch(place, size, 1.5, 0.35), (0.66, 0.25, 0.2), True)
        crust = self.patch(place + random.normal(0, 3, 2), 0.6 * size, 1.2, 0.5)
        self.add("ulceration", 0.9 * crust, (0.4, 0.2, 0.1), opaque=True)

    def pseudonetwork(self) -> None:
        """Red skin between the pale, plugged openings of follicles: a strawberry."""
        random, spacing = self.random, self.random.uniform(14, 19)
        points, far = cells(spacing, 0.14, random, 4)
        net = np.clip((far - 0.2) / 0.12, 0, 1) * (0.9 + 0.15 * cloud(20, random))
        self.add("pseudonetwork", net, random.uniform(0.45, 0.65) * BLOOD)
        openings = Canvas()
        openings.discs(points, spacing * random.uniform(0.1, 0.21, len(points)))
        self.add("pseudonetwork", 0.55 * openings.cover(1.1), (0.93, 0.83, 0.72), opaque=True)

    def scale(self) -> None:
        """Flakes of keratin on the surface, white to yellow."""
        random = self.random
        rough = cloud(9, random) + 0.5 * cloud(28, random) + 0.6 * cloud(75, random)
        flakes = np.clip((rough - random.uniform(0.5, 1)) / 0.5, 0, 1)
        colour = (0.94, 0.88, random.uniform(0.66, 0.84))
        self.add("scale", 0.8 * flakes, colour, opaque=True)

    def scar(self) -> None:
        """A white patch in the middle, or near it."""
        place = self.side(0, 0.08 + 0.2 * self.alike)
        size = self.random.uniform(0.36 - 0.1 * self.alike, 0.52) * self.radius
        cover = self.patch(place, size, 0.2 * size, 0.16)
        cover *= 0.75 + 0.07 * cloud(30, self.random)
        self.add("scar", cover, (0.93, 0.83, 0.8), opaque=True)

    def lacunae(self) -> None:
        """Lakes of blood, round to oval, sharply bounded and packed; some have clotted."""
        random, size = self.random, self.random.uniform(6, 11)
        fresh, clotted, dark = Canvas(), Canvas(), float(random.choice([0, 0.15, 0.5]))
        for place in self.places(150, 1.6 * size, margin=0.4 * size):
            canvas = clotted if random.random() < dark else fresh
            radius = size * random.uniform(0.7, 1.1)
            canvas.polygon(self.blob(place, radius, random.uniform(1, 1.2), 0.08))
        red, blue = random.uniform(0.9, 1.6), random.uniform(0, 0.5)
        # The deeper the blood, the bluer it looks: less red comes back, and more blue.
        for canvas, depth in ((fresh, 0), (clotted, 0.55)):
            colour = red * BLOOD + np.array([0.8, 0.3, -0.4]) * blue + np.array([1.6, 1, 1]) * depth
            self.add("lacunae", canvas.cover(0.9), colour)
