"""Draw the lesions of diabetic retinopathy into a synthetic eye, and grade what was drawn.

Grades are those of the International Clinical Diabetic Retinopathy scale (Wilkinson et al.,
Proposed international clinical diabetic retinopathy and diabetic macular edema disease severity
scales, Ophthalmology 110(9), 2003). The scale does not say where its four quadrants meet; here it
is the fovea. The risk of macular edema is IDRiD's (Porwal et al., Data 3(3):25, 2018). Each lesion
gets a place of its own, clear of vessels, disc and fovea where its kind spares them. Sizes in
pixels are those beside an optic disc 72 pixels wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np

from data_scripts.draw_fundus import ABSORBED, SIZE, Canvas, Eye, cloud


@dataclass(frozen=True)
class Counts:
    """How many lesions of each kind were drawn; all that a grade depends on.

    Attributes:
        microaneurysms, hard_exudates, cotton_wool_spots, new_vessels, preretinal_haemorrhage: how
            many; deposits of exudate are counted one by one, new vessels by the tangle.
        haemorrhages: how many in each quadrant: above and below the fovea on the temple's side,
            then above and below on the side of the nose.
        venous_beading, irma: in how many of the four quadrants. IRMA is intraretinal microvascular
            abnormality.
    """

    microaneurysms: int = 0
    haemorrhages: tuple[int, int, int, int] = (0, 0, 0, 0)
    hard_exudates: int = 0
    cotton_wool_spots: int = 0
    venous_beading: int = 0
    irma: int = 0
    new_vessels: int = 0
    preretinal_haemorrhage: int = 0


KINDS = tuple(field.name for field in fields(Counts))
# How dense the blood of a lesion is, or how much is seen of a pale one; at full contrast.
STRENGTH = dict(zip(KINDS, (0.62, 0.68, 0.92, 0.72, 0.68, 0.72, 0.78, 1.1), strict=True))
BLUR = dict(zip(KINDS, (0.8, 1.0, 0.6, 3.2, 0.8, 0.8, 0.8, 1.8), strict=True))  # pixels
SEEN = 0.35  # of a lesion's cover, from where on it belongs to its mask


@dataclass(frozen=True)
class Lesions:
    """What was drawn.

    Attributes:
        covers: float32 [SIZE, SIZE] from 0 to 1 for each kind that there is.
        counts: see there.
    """

    covers: dict[str, np.ndarray]
    counts: Counts

    def without(self, kinds: tuple[str, ...]) -> Lesions:
        """The same but for these kinds.

        Raises:
            ValueError: a kind that is not among `KINDS`.
        """
        for kind in kinds:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is no kind of lesion; there are {', '.join(KINDS)}.")
        left = {kind: cover for kind, cover in self.covers.items() if kind not in kinds}
        return Lesions(left, replace(self.counts, **{k: getattr(Counts(), k) for k in kinds}))


def grade_of(counts: Counts) -> int:
    """The grade from 0 to 4 that follows from what was drawn.

    0 nothing; 1 microaneurysms only; 2 more than that, but less than severe; 3 by the 4-2-1 rule
    (more than 20 haemorrhages in each of four quadrants, or venous beading in two, or IRMA in one);
    4 new vessels or preretinal haemorrhage.

    Raises:
        ValueError: not four quadrants, or a count below 0 or of more than four quadrants.
    """
    if len(counts.haemorrhages) != 4 or min(counts.haemorrhages) < 0:
        raise ValueError(f"haemorrhages={counts.haemorrhages!r}: four counts of 0 or more.")
    for kind in KINDS:
        value, most = getattr(counts, kind), 4 if kind in ("venous_beading", "irma") else math.inf
        if kind != "haemorrhages" and not 0 <= value <= most:
            raise ValueError(f"{kind}={value!r}: a count from 0 to {most}.")
    if counts.new_vessels or counts.preretinal_haemorrhage:
        return 4
    if min(counts.haemorrhages) > 20 or counts.venous_beading >= 2 or counts.irma >= 1:
        return 3
    if (any(counts.haemorrhages) or counts.hard_exudates or counts.cotton_wool_spots
            or counts.venous_beading):  # fmt: skip
        return 2
    return 1 if counts.microaneurysms else 0


def edema_of(exudates: np.ndarray, fovea: tuple[float, float], disc: float) -> int:
    """The risk of macular edema: 0 no hard exudates, 1 all farther than a disc from the fovea, 2.

    Args:
        exudates: bool [height, width], where they are.
        fovea: x and y, in pixels.
        disc: the optic disc's diameter, in pixels.
    """
    y, x = np.nonzero(exudates)
    if not len(x):
        return 0
    return 1 if np.hypot(x - fovea[0], y - fovea[1]).min() > disc else 2


def draw_lesions(eye: Eye, plan: dict, random: np.random.Generator) -> Lesions:
    """Lesions by a plan.

    Args:
        plan: how many, by kind; haemorrhages: how many in each quadrant; hard exudates: how many
            clusters; venous beading and IRMA: a list of quadrants, from 0 to 3. What finds no free
            place is left out, and not counted.
    """
    hand, covers, made = _Hand(eye, random), {}, {}
    for kind in reversed(KINDS):  # the largest first
        if kind in plan:
            canvas = Canvas()
            made[kind] = getattr(hand, kind)(canvas, plan[kind])
            covers[kind] = canvas.cover(BLUR[kind]) * eye.field
            hand.free[cv2.dilate(covers[kind], np.ones((3, 3))) > 0.05] = 0
    return Lesions(covers, Counts(**made))


def paint(eye: Eye, lesions: Lesions, contrast: float, random: np.random.Generator) -> np.ndarray:
    """The eye with its vessels and lesions, evenly lit, float32 [SIZE, SIZE, 3] from 0 to 1.

    Args:
        contrast: from 0 to 1, of the lesions.
    """
    pixels, tint, grain = eye.ground.copy(), eye.look.colour, 1 + 0.06 * cloud(110, random)
    pale = {"hard_exudates": tint**0.2 * np.array([1, 0.95, 0.62], np.float32),
            "cotton_wool_spots": 0.5 * tint**0.3 + np.array([0.45, 0.42, 0.36], np.float32)}
    blood = eye.blood.copy()
    for kind, cover in lesions.covers.items():
        seen = STRENGTH[kind] * grain * cover
        if kind in pale:
            pixels += (np.minimum(seen, 1) * contrast)[..., None] * (pale[kind] - pixels)
        else:  # dense blood hides the vessels in it
            blood = np.maximum(blood, eye.blood + contrast * np.maximum(seen - eye.blood, 0))
    return pixels * np.exp(-blood[..., None] * ABSORBED)


class _Hand:
    """Finds a free place for each lesion and draws it: a method for each kind.

    Each draws so many on a canvas and returns how many it has drawn.
    """

    def __init__(self, eye: Eye, random: np.random.Generator):
        self.eye, self.random, self.disc = eye, random, eye.look.disc
        self.scale = self.disc / 72
        x, y = np.arange(SIZE, dtype=np.float32), np.arange(SIZE, dtype=np.float32)[:, None]
        # Distances in disc diameters; from the edge of the field in pixels.
        self.from_fovea = np.hypot(x - eye.fovea[0], y - eye.fovea[1]) / self.disc
        self.from_disc = np.hypot(x - eye.disc[0], y - eye.disc[1]) / self.disc
        self.depth = cv2.distanceTransform((eye.field > 0.99).astype(np.uint8), cv2.DIST_L2, 3)
        self.quadrant = 2 * ((x - eye.fovea[0]) * eye.side < 0) + (y > eye.fovea[1])
        vessels = cv2.dilate(eye.blood, np.ones((3, 3))) > 0.1
        self.free = (self.depth > 9) & ~vessels & (self.from_disc > 0.62) & (self.from_fovea > 0.1)
        self.free = self.free.astype(np.uint8)

    def find(self, radius: float, allowed: np.ndarray | bool = True):
        """Take a free place: x, y and a radius that may have had to shrink, or None."""
        allowed = allowed & (self.free > 0)
        while radius > 1:
            x, y = self.random.integers(0, SIZE, (2, 1500))
            good, reach = allowed[y, x] & (self.depth[y, x] > radius + 1), math.ceil(radius)
            for at_x, at_y in zip(x[good].tolist(), y[good].tolist(), strict=True):
                box = (slice(at_y - reach, at_y + reach + 1), slice(at_x - reach, at_x + reach + 1))
                if self.free[box].all():
                    cv2.circle(self.free, (at_x, at_y), reach + 1, 0, -1)
                    return at_x, at_y, radius
            radius *= 0.8
        return None

    def blob(self, x, y, radius, rough=0.2, stretch=1.0, turn=0.0) -> np.ndarray:
        """Corners of an irregular round shape."""
        angles, waves = np.linspace(0, 2 * np.pi, 40, endpoint=False), np.arange(2, 6)[:, None]
        phases = self.random.uniform(0, 2 * np.pi, (4, 1))
        sizes = self.random.normal(0, rough, (4, 1)) / np.sqrt(waves)
        reach = radius * (1 + (sizes * np.cos(waves * angles + phases)).sum(0)).clip(0.3)
        return _turned(reach * np.cos(angles) * stretch, reach * np.sin(angles) / stretch, turn,
                       x, y)  # fmt: skip

    def fibre(self, x: int, y: int) -> float:
        """Which way nerve fibres run: around the fovea, or else straight from the disc."""
        if self.from_fovea[y, x] < 2:
            return math.atan2(y - self.eye.fovea[1], x - self.eye.fovea[0]) + math.pi / 2
        return math.atan2(y - self.eye.disc[1], x - self.eye.disc[0])

    def winding(self, x, y, heading, length, width, swing) -> np.ndarray:
        """A winding line, [n, 3] of x, y and width; all in pixels."""
        count, wave = max(round(length / 1.5), 4), self.random.uniform(13, 22) * self.scale
        phase = np.cumsum(self.random.uniform(0.2, 1.8, count)) * 2 * np.pi * 1.5 / wave
        turns = swing * np.sin(phase + self.random.uniform(0, 6))
        headings = heading + turns + np.cumsum(self.random.normal(0, 0.13, count))
        steps = 1.5 * np.stack([np.cos(headings), np.sin(headings)], 1)
        return np.column_stack([np.cumsum(steps, 0) + (x, y), width * np.linspace(1, 0.7, count)])

    def microaneurysms(self, canvas: Canvas, count: int) -> int:
        places = [self.find(r) for r in self.random.uniform(1.3, 2.3, count) * self.scale]
        for place in filter(None, places):
            canvas.polygon(self.blob(*place, 0.06), self.random.uniform(0.8, 1))
        return len(places) - places.count(None)

    def haemorrhages(self, canvas: Canvas, counts: list[int]) -> tuple[int, ...]:
        made, random = [0] * 4, self.random
        for quadrant in np.repeat(range(4), counts):
            shape = random.choice(["dot", "blot", "flame"], p=[0.5, 0.25, 0.25])
            radius = {"dot": random.uniform(2.6, 3.8), "flame": random.uniform(6, 14),
                      "blot": 4 + random.gamma(1.5, 2)}[shape] * self.scale  # fmt: skip
            value = random.uniform(0.65, 1)
            if not (place := self.find(radius * 0.9, self.quadrant == quadrant)):
                continue
            made[quadrant] += 1
            if shape != "flame":
                canvas.polygon(self.blob(*place, 0.1 if shape == "dot" else 0.17), value)
                continue
            x, y, radius = place
            turn = self.fibre(x, y) + random.normal(0, 0.15)
            for off in random.normal(0, 0.24 * radius, 7):
                at = np.linspace(-1, 1, 7) * random.uniform(0.5, 1) * radius
                path = _turned(at + random.normal(0, 0.2 * radius), off, turn, x, y)
                wide = 0.17 * radius * np.cos(np.linspace(-1.35, 1.35, 7))
                canvas.line(np.column_stack([path, wide]), value)
        return tuple(made)

    def hard_exudates(self, canvas: Canvas, clusters: int) -> int:
        """Clusters near the fovea, or all of them well away from it."""
        made, random, near = 0, self.random, self.random.random() < 0.62
        zone = np.abs(self.from_fovea - (0.45 if near else 2)) < (0.25 if near else 0.6)
        for place in filter(None, [self.find(2 * self.scale, zone) for _ in range(clusters)]):
            shape, turn = random.choice(["clump", "ring", "scatter"]), random.uniform(0, 6)
            size, count = random.uniform(0.12, 0.3) * self.disc, int(random.integers(6, 34))
            where = random.normal(0, (1.4 if shape == "scatter" else 0.5) * size, (count, 2))
            if shape == "ring":
                angles = turn + random.uniform(0, random.uniform(3, 6), count)
                where = where * 0.25 + size * np.stack([np.cos(angles), np.sin(angles)], 1)
            where[0] = 0  # a deposit lies where the place was found
            radii = np.minimum(random.lognormal(0.35, 0.45, count), 4.5) * self.scale
            for (x, y), radius in zip((where + place[:2]).clip(0, SIZE - 1), radii, strict=True):
                at = int(y), int(x)
                if self.depth[at] > 8 and (near or self.from_fovea[at] > 1.15):
                    canvas.polygon(self.blob(x, y, radius, 0.3))
                    made += 1
        return made

    def cotton_wool_spots(self, canvas: Canvas, count: int) -> int:
        """Along the arcades: there the blood is."""
        wide, made = round(0.7 * self.disc), 0
        zone = cv2.blur(self.eye.blood, (wide, wide)) > 0.04
        for radius in self.random.uniform(7, 14, count) * self.scale:
            if place := self.find(radius, zone):
                x, y, radius = place
                turn, made = self.fibre(x, y) + math.pi / 2, made + 1
                for off_x, off_y in self.random.normal(0, 0.35 * radius, (3, 2)):
                    size = radius * self.random.uniform(0.6, 0.9)
                    canvas.polygon(self.blob(x + off_x, y + off_y, size, 0.2, 1.25, turn))
        return made

    def along_veins(self, zone: np.ndarray) -> list[np.ndarray]:
        """Of each large vein, [n, 3] x, y and width inside a zone."""
        paths = [v.path for v in self.eye.vessels if v.vein and v.order == 0]
        places = [path[:, :2].clip(0, SIZE - 1).astype(int).T for path in paths]
        return [path[zone[y, x]] for path, (x, y) in zip(paths, places, strict=True)]

    def venous_beading(self, canvas: Canvas, quadrants: list[int]) -> int:
        made, zone = 0, (self.depth > 14) & (self.from_disc > 0.6)
        for quadrant in quadrants:
            run = max(self.along_veins(zone & (self.quadrant == quadrant)), key=len)[:60]
            if len(run) >= 15:
                at = np.r_[0, np.cumsum(np.hypot(*np.diff(run[:, :2], axis=0).T))]
                fine = np.arange(0, at[-1], 1.0)
                run = np.stack([np.interp(fine, at, column) for column in run.T], 1)
                run[:, 2] *= 1.45 + 0.6 * np.sin(2 * np.pi * fine / (2.6 * run[:, 2].mean()))
                canvas.line(run)
                made += 1
        return made

    def irma(self, canvas: Canvas, quadrants: list[int]) -> int:
        made, zone = 0, (self.from_fovea > 0.7) & (self.depth > 0.5 * self.disc)
        for quadrant in quadrants:
            if place := self.find(5 * self.scale, zone & (self.quadrant == quadrant)):
                for heading in self.random.uniform(0, 2 * np.pi, int(self.random.integers(3, 6))):
                    length, width = self.random.uniform(0.45, 0.85) * self.disc, 1.5 * self.scale
                    canvas.line(self.winding(*place[:2], heading, length, width, 1.1))
                made += 1
        return made

    def new_vessels(self, canvas: Canvas, count: int) -> int:
        """At the disc, or out of a large vein."""
        random, zone = self.random, (self.depth > 0.6 * self.disc) & (self.from_disc > 1.1)
        roots = np.concatenate(self.along_veins(zone))
        for number in range(count):
            root = self.eye.disc + random.normal(0, 0.12 * self.disc, 2)
            if number or random.random() < 0.5:
                root = roots[random.integers(len(roots)), :2]
            fan, middle = random.uniform(1.5, 3), random.uniform(0, 2 * np.pi)
            reach = random.uniform(0.6, 1.1) * self.disc
            for part in np.linspace(-0.5, 0.5, int(random.integers(6, 11))):
                heading, length = middle + fan * part, reach * random.uniform(0.7, 1.1)
                path = self.winding(*root, heading, length, 1.3 * self.scale, 0.8)
                canvas.line(path)
                for point, side in ((path[len(path) // 3], -1.2), (path[len(path) // 2], 1.2)):
                    canvas.line(self.winding(*point[:2], heading + side, length / 2,
                                             0.8 * point[2], 0.9))  # fmt: skip
        return count

    def preretinal_haemorrhage(self, canvas: Canvas, count: int) -> int:
        """Blood before the retina sinks: it has a level above and the shape of a boat below."""
        made = 0
        for wide in self.random.uniform(0.4, 0.9, count):
            away = (self.from_disc > wide + 0.6) & (self.from_fovea > wide + 0.15)
            if place := self.find(4, away & (self.depth > wide * self.disc + 4)):
                x, y, _ = place
                wide, made = wide * self.disc, made + 1
                corners = self.blob(x, y, wide, 0.06)
                if self.random.random() < 0.7:
                    corners[:, 1] = np.maximum(corners[:, 1], y - 0.2 * wide)
                canvas.polygon(corners, 0.8)
                canvas.polygon((corners - (x, y)) * 0.85 + (x, y + 0.08 * wide))  # denser below
        return made


def _turned(along, beside, turn: float, x: float, y: float) -> np.ndarray:
    """Points given along and beside a direction, [n, 2] of x and y."""
    return np.stack([x + along * math.cos(turn) - beside * math.sin(turn),
                     y + along * math.sin(turn) + beside * math.cos(turn)], 1)  # fmt: skip
