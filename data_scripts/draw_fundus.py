"""Draw a synthetic eye as a fundus camera sees it: the retina and its vessels.

Lengths are in disc diameters where they belong to the eye and in pixels where they belong to the
picture. In the eye's own frame `across` runs from the optic disc towards the temple and `up` runs
upwards, so one drawing serves both eyes: a left eye is a right one mirrored. Sizes are those of
anatomy: the fovea lies about 2.5 disc diameters from the disc and slightly below it, a large vein
is a twelfth of the disc wide, an artery two thirds of that. Nothing here comes from a photograph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

SIZE = 512  # pixels
ABSORBED = np.array([0.34, 1.0, 0.72], np.float32)  # of red, green, blue by blood, relative
DUSK = np.array([0.7, 1.0, 1.15], np.float32)  # the same for the brown pigment
# Through these points run the four arcades; (across, up), in disc diameters from the disc's middle.
ARCADES = (
    ((0, 0), (0, 0.45), (0.25, 1.1), (0.85, 1.7), (1.8, 2.1), (2.9, 2.05), (4, 1.6), (5.2, 0.9),
     (6.4, 0.6)),
    ((0, 0), (0, -0.45), (0.25, -1.15), (0.85, -1.85), (1.8, -2.4), (2.9, -2.45), (4, -2.1),
     (5.2, -1.5), (6.4, -1.3)),
    ((0, 0), (-0.1, 0.4), (-0.5, 0.9), (-1, 1.6), (-1.4, 2.5), (-1.7, 3.6)),
    ((0, 0), (-0.1, -0.4), (-0.5, -0.9), (-1, -1.6), (-1.4, -2.5), (-1.7, -3.6)),
)  # fmt: skip
STEP = 0.05  # of a growing vessel, in disc diameters


@dataclass(frozen=True)
class Look:
    """What both photographs of a patient share: the camera and the pigment.

    Attributes:
        colour: float32 [3] from 0 to 1, of the lit retina.
        tessellation, sheen: from 0 to 1, how much of the choroid and of the nerve fibres is seen.
        radius, cut: of the field of view, and what is cut off its top and bottom, in pixels.
        notched: whether the rim carries the marks that tell the picture's right side.
        disc: the optic disc's diameter, in pixels; it says the magnification.
        wander: how winding the vessels are, about 1.
    """

    colour: np.ndarray
    tessellation: float
    sheen: float
    radius: float
    cut: float
    notched: bool
    disc: float
    wander: float


@dataclass(frozen=True)
class Vessel:
    """A vessel.

    Attributes:
        path: float32 [n, 3] of x, y and width, in pixels, away from the disc.
        vein: or else an artery.
        order: 0 of an arcade, 1 of its branches, and so on.
    """

    path: np.ndarray
    vein: bool
    order: int


@dataclass(frozen=True)
class Eye:
    """A healthy retina.

    Attributes:
        ground: float32 [SIZE, SIZE, 3] from 0 to 1, evenly lit and without its vessels.
        blood: float32 [SIZE, SIZE], the optical density of the vessels.
        field: float32 [SIZE, SIZE], 1 inside the field of view.
        vessels: all of them.
        side: 1 where the temple lies to the right (a left eye), or else -1.
        disc, fovea: x and y of their middles, in pixels.
        look: what the patient's other photograph shares.
    """

    ground: np.ndarray
    blood: np.ndarray
    field: np.ndarray
    vessels: tuple[Vessel, ...]
    side: int
    disc: tuple[float, float]
    fovea: tuple[float, float]
    look: Look


class Canvas:
    """Where shapes are drawn at twice the size, so that their edges come out soft."""

    def __init__(self):
        self.pixels = np.zeros((2 * SIZE, 2 * SIZE), np.uint8)

    @staticmethod
    def _fixed(points: np.ndarray) -> np.ndarray:
        return np.round(np.asarray(points) * 32 + 8).astype(np.int32)  # sixteenths of a pixel

    def line(self, path: np.ndarray, value: float = 1, scale: float = 1) -> None:
        """Draw a line of [n, 3] x, y and width in pixels; `scale` is of the width."""
        points, wide = self._fixed(path[:, :2]), np.maximum(np.round(2 * scale * path[:, 2]), 1)
        ends = [*np.flatnonzero(np.diff(wide)), len(wide) - 1]
        for begin, end in zip([0, *ends], ends, strict=False):
            cv2.polylines(self.pixels, [points[begin : end + 1]], False, round(255 * value),
                          int(wide[end]), cv2.LINE_AA, 4)  # fmt: skip

    def polygon(self, corners: np.ndarray, value: float = 1) -> None:
        """Fill a polygon of [n, 2] x and y."""
        cv2.fillPoly(self.pixels, [self._fixed(corners)], round(255 * value), cv2.LINE_AA, 4)

    def cover(self, blur: float) -> np.ndarray:
        """What was drawn, float32 [SIZE, SIZE] from 0 to 1, blurred by so many pixels."""
        small = cv2.resize(self.pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        return cv2.GaussianBlur(small.astype(np.float32) / 255, (0, 0), blur)


def look(random: np.random.Generator) -> Look:
    """A patient's pigment, and the camera before it."""
    orange, red, brown = (0.87, 0.45, 0.06), (0.76, 0.27, 0.035), (0.64, 0.34, 0.09)
    pink = (0.88, 0.54, 0.37)
    colour = random.dirichlet([0.8, 0.6, 0.5, 0.6]) @ np.array([orange, red, brown, pink])
    colour = colour * random.uniform(0.9, 1.08) * random.uniform(0.94, 1.06, 3)
    radius = random.uniform(238, 255)
    return Look(colour.astype(np.float32), tessellation=random.beta(1.2, 2),
                sheen=random.beta(1.2, 2), radius=radius,
                cut=(random.random() < 0.55) * random.uniform(0.1, 0.2) * radius,
                notched=bool(random.random() < 0.5), disc=radius / random.uniform(3.1, 3.8),
                wander=random.uniform(0.6, 1.5))  # fmt: skip


def draw_eye(look: Look, eye: str, random: np.random.Generator) -> Eye:
    """A healthy retina, not yet photographed.

    Args:
        eye: "left" or "right".
    """
    side = 1 if eye == "left" else -1
    middle = np.array([random.uniform(1.35, 2.3), random.normal(0, 0.25)])  # of the picture
    fovea = random.uniform(2.35, 2.65), random.uniform(-0.45, -0.15)

    def pixels(points):
        return (np.asarray(points) - middle) * look.disc * (side, -1) + SIZE / 2 - 0.5

    disc_x, disc_y = map(float, pixels((0, 0)))
    # The ground is soft: half the size is enough.
    x = np.arange(0.5, SIZE, 2, dtype=np.float32)
    across, up = (x - disc_x) * side / look.disc, (disc_y - x[:, None]) / look.disc
    ground = _ground(look, across, up, fovea, random)
    _paint_disc(ground, look, side, disc_x, disc_y, random)
    reach = 2 * SIZE / look.disc
    vessels = tuple(
        Vessel(np.column_stack([pixels(path[:, :2]), path[:, 2] * look.disc]).astype(np.float32),
               vein, order)
        for path, vein, order in _tree(fovea, look.wander, reach, random))  # fmt: skip
    return Eye(ground, _blood(vessels), _field(look), vessels, side, (disc_x, disc_y),
               tuple(map(float, pixels(fovea))), look)  # fmt: skip


def cloud(cells: int, random: np.random.Generator, size: int = SIZE) -> np.ndarray:
    """Soft noise of spread 1, float32 [size, size], of so many cells a side."""
    field = random.standard_normal((cells + 3, cells + 3), np.float32)
    field = cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC)
    return (field - field.mean()) / field.std()


def _ground(look: Look, across, up, fovea, random) -> np.ndarray:
    """The ground and the macula, float32 [SIZE, SIZE, 3], from [SIZE / 2, SIZE / 2]."""
    far = np.hypot(across - fovea[0], up - fovea[1])
    near, angle = np.hypot(across, up), np.arctan2(up, across)
    # The choroid's vessels run away from the disc: noise stretched along the radius.
    wide, half = 640, SIZE // 2
    noise = random.standard_normal((256, wide), np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 2.4, borderType=cv2.BORDER_REFLECT)
    bend = 4 * cloud(5, random, half)
    columns = (angle / (2 * np.pi) + 0.5) * wide + bend + 3 * cloud(14, random, half)
    field = cv2.remap(noise / noise.std(), columns, near * 10 + 0.4 * bend, cv2.INTER_LINEAR,
                      borderMode=cv2.BORDER_WRAP)  # fmt: skip
    bands = np.exp(-((field / 0.7) ** 2)) * (0.75 + 0.25 * cloud(10, random, half))
    seen = np.clip(far / 2.2 - 0.25 + 0.35 * cloud(3, random, half), 0, 1) * look.tessellation
    brown = 0.42 * seen * (0.7 - bands) + 0.06 * cloud(4, random, half)
    brown += 0.025 * cloud(24, random, half) + 0.015 * cloud(70, random, half)
    brown += random.uniform(0.2, 0.42) * np.exp(-((far / 0.62) ** 2))
    brown += random.uniform(0.2, 0.4) * np.exp(-((far / 0.22) ** 2))
    # Nerve fibres shine where they are many: above and below the disc.
    fibres = np.exp(-(((near - 0.7) / 0.9) ** 2)) * (0.35 + 0.65 * np.sin(angle) ** 2)
    lines = cv2.remap(random.standard_normal((8, wide), np.float32), columns, near,
                      cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)  # fmt: skip
    shine = look.sheen * fibres * np.clip(0.26 + 0.06 * lines, 0, 1)
    shine += random.uniform(0.06, 0.2) * np.exp(-np.maximum(near - 0.5, 0) / 0.22)
    both = cv2.resize(np.dstack([brown, shine]), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    brown = both[..., 0] + 0.015 * cloud(170, random)
    ground = look.colour * np.exp(-brown[..., None] * DUSK)
    return ground + both[..., 1:] * (look.colour**0.4 - ground)


def _sigmoid(height):
    return 1 / (1 + np.exp(-np.clip(height, -30, 30)))


def _paint_disc(ground, look: Look, side: int, disc_x: float, disc_y: float, random) -> None:
    """Paint the optic disc with its cup, in place."""
    box = tuple(slice(max(round(at - 0.8 * look.disc), 0), max(round(at + 0.8 * look.disc), 0))
                for at in (disc_y, disc_x))  # fmt: skip
    y, x = np.mgrid[:SIZE, :SIZE][:, *box].astype(np.float32)
    across, up = (x - disc_x) * side / look.disc, (disc_y - y) / look.disc
    tall, turn = random.uniform(1.04, 1.16), random.uniform(-0.25, 0.25)
    along = across * math.cos(turn) + up * math.sin(turn)
    upright = (up * math.cos(turn) - across * math.sin(turn)) / tall
    part = ground[box]
    if random.random() < 0.4:  # a crescent of bare sclera on the temple's side
        crescent = np.hypot(along - random.uniform(0.04, 0.1), upright) / 0.52
        part += 0.45 * _sigmoid((1 - crescent) / 0.06)[..., None] * (look.colour**0.45 - part)
    cup = np.hypot(along - random.uniform(0, 0.06), upright) / 0.5 / random.uniform(0.3, 0.6)
    redder = np.clip(0.5 - along, 0, 1) * 0.14  # on the side of the nose
    colour = look.colour ** random.uniform(0.3, 0.42) * (1.03 - redder[..., None] * DUSK)
    colour += 0.6 * _sigmoid((1 - cup) / 0.2)[..., None] * (look.colour**0.16 - colour)
    colour *= 1 + 0.02 * cloud(90, random)[box][..., None]
    inside = _sigmoid((1 - np.hypot(along, upright) / 0.5) / random.uniform(0.04, 0.09))
    part += inside[..., None] * (colour - part)


def _smooth(path: np.ndarray, reach: int) -> np.ndarray:
    bell = np.exp(-np.linspace(-2, 2, 2 * reach + 1) ** 2)
    padded = np.pad(path, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, bell / bell.sum(), "valid") for column in padded.T], 1)


def _tree(fovea, wander: float, reach: float, random):
    """Yield ([n, 3] across, up and width in disc diameters, vein, order) of every vessel."""
    apart = random.choice([-1, 1], len(ARCADES))  # which of artery and vein runs outside
    for vein in (False, True):
        thick = random.uniform(0.066, 0.082) if vein else random.uniform(0.044, 0.054)
        for arcade, outside in zip(ARCADES, apart if vein else -apart, strict=True):
            knots = np.array(arcade) * (1 + outside * random.uniform(0.04, 0.14, 2))
            knots[1:] += random.normal(0, 0.08, (len(knots) - 1, 2))
            knots[0] = random.normal(-0.05, 0.05), (0.03 + 0.06 * vein) * np.sign(arcade[1][1])
            lengths = np.r_[0, np.cumsum(np.hypot(*np.diff(knots, axis=0).T))]
            at = np.arange(0, lengths[-1], STEP)
            path = np.stack([np.interp(at, lengths, column) for column in knots.T], 1)
            wave = _smooth(random.normal(0, 0.2 * wander, (len(at), 2)), 12)
            path = _smooth(path, 9) + wave * np.minimum(at, 1)[:, None]
            nasal = 0.72 if arcade[-1][0] < 0 else 1
            width = thick * nasal * random.uniform(0.85, 1.1) * (1 - 0.75 * at / at[-1])
            trunk = np.column_stack([path, width])
            yield trunk, vein, 0
            yield from _branches(trunk, vein, 1, fovea, wander, reach, random)
        # Small vessels leave the disc sideways, to the macula and to the nose.
        sides = (*random.uniform(-0.6, 0.5, 2), *random.uniform(2.5, 3.8, 2))
        for heading in random.permutation(sides)[: random.integers(2, 5)].tolist():
            start = (0.1 * math.cos(heading), 0.1 * math.sin(heading))
            twig = _grow(start, heading, 0.4 * thick, fovea, wander, reach, random)
            yield twig, vein, 1
            yield from _branches(twig, vein, 2, fovea, wander, reach, random)


def _branches(parent, vein, order, fovea, wander, reach, random):
    every, swing = (0.75, 0.95)[order > 1], 1 if random.random() < 0.5 else -1
    at = round((0.5 if order == 1 else 0.35) / STEP)
    while at < len(parent) - 8:
        (x, y, width), before = parent[at], parent[at - 2]
        heading = math.atan2(y - before[1], x - before[0]) + swing * random.uniform(0.5, 1.1)
        width *= random.uniform(0.42, 0.8)
        if width > 0.011:
            path = _grow((x, y), heading, width, fovea, wander, reach, random)
            if len(path) > 4:
                yield path, vein, order
                if order < 3:
                    yield from _branches(path, vein, order + 1, fovea, wander, reach, random)
        swing = -swing if random.random() < 0.75 else swing
        at += round(every * random.uniform(0.45, 1.4) / STEP)


def _grow(start, heading: float, width: float, fovea, wander: float, reach: float, random):
    """A branch: it turns to the fovea where it set out that way, or else away from it.

    It ends before the fovea, whose middle has no vessels.
    """
    x, y = start
    inward = math.cos(heading - math.atan2(fovea[1] - y, fovea[0] - x)) > 0.1
    count = round(min(width * random.uniform(34, 60), reach) / STEP)
    bend, path = 0.0, []
    free = random.uniform(0.3, 0.55)
    for k, push in enumerate(random.normal(0, 0.4 * wander, count).tolist()):
        path.append((x, y, width * (1 - 0.65 * k / count)))
        far_x, far_y = fovea[0] - x, fovea[1] - y
        if far_x * far_x + far_y * far_y < free * free or x * x + y * y > reach * reach:
            break
        aim = math.atan2(far_y, far_x) if inward else math.atan2(-far_y, -far_x)
        bend = 0.86 * bend + push
        turn = (aim - heading + math.pi) % (2 * math.pi) - math.pi
        heading += STEP * (0.55 * turn + bend)
        x, y = x + STEP * math.cos(heading), y + STEP * math.sin(heading)
    return np.array(path)


def _blood(vessels: tuple[Vessel, ...]) -> np.ndarray:
    """Optical density; thin vessels are paler, and light glints along the middle of arteries."""
    veins, arteries = Canvas(), Canvas()
    for vessel in sorted(vessels, key=lambda vessel: -vessel.order):
        value = (1, 0.8, 0.62, 0.5)[vessel.order]
        (veins if vessel.vein else arteries).line(vessel.path, value)
    for vessel in vessels:
        if not vessel.vein and vessel.order == 0:
            arteries.line(vessel.path, 0.55, 0.3)
    return np.maximum(0.5 * veins.cover(1.0), 0.36 * arteries.cover(0.9))


def _field(look: Look) -> np.ndarray:
    middle = SIZE / 2 - 0.5
    x = np.arange(SIZE, dtype=np.float32) - middle
    y = x[:, None]
    inside = np.clip(look.radius - np.hypot(x, y) + 0.5, 0, 1)
    flat = np.clip(look.radius - look.cut - np.abs(y) + 0.5, 0, 1)
    field = np.minimum(inside, flat)
    if look.notched:
        canvas = Canvas()
        for angle in (-0.5, -0.42):
            turned = angle + np.array([-0.03, -0.03, 0.03, 0.03])
            long = look.radius * np.array([0.97, 1.03, 1.03, 0.97])
            corners = np.stack([np.cos(turned), np.sin(turned)], 1) * long[:, None] + middle
            canvas.polygon(corners)
        field = np.maximum(field, canvas.cover(0.5))
    return field.astype(np.float32)


def lid(random: np.random.Generator) -> np.ndarray:
    """A closed lid before the camera, its lashes blurred: float32 [SIZE, SIZE, 3] from 0 to 1."""
    skin = np.array([0.62, 0.4, 0.3], np.float32) * random.uniform(0.5, 1)
    canvas, fall = Canvas(), np.linspace(0, 1, 12)
    for start in random.uniform(0, SIZE, 26):
        lean = (start - SIZE / 2) * 0.35 + random.normal(0, 20)
        top, long = SIZE * 0.55 + random.normal(0, 9), random.uniform(70, 150)
        path = np.stack([start + lean * fall**1.5, top + long * fall, 7 * (1.1 - fall)], 1)
        canvas.line(path)
    fold = 0.15 * cloud(3, random) + 0.05 * cloud(12, random)
    return skin * np.exp(fold - 1.6 * canvas.cover(4))[..., None]
