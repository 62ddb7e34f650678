"""The bright disc that a fundus camera draws on black: where it is, and how much of it is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from common.validation import DataError

SMALLEST = 32  # pixels of the shorter side; below, there is no border to fit
LONGEST = 8  # times the shorter side that the longer one may be
WORKING = 200  # pixels at most of the longer side of the copy in which the disc is sought
# Shares of the way from the black to the bright at which the disc begins, tried in this order: a
# dim rim asks for a lower one, haze round the disc for a higher one. A higher one is tried only
# where no disc was found, because what is bright in a disc may be round too.
THRESHOLDS = (0.15, 0.08, 0.04, 0.3, 0.5)
LEAST_CONTRAST = 8  # of 255 levels between black and bright
TRIPLES, VOTERS = 128, 192  # circles tried, and border points that judge them
TOLERANCES = (1.5, 0.7)  # pixels of the copy that a point may be off, in the first fit and the last
LEAST_RADIUS, LARGEST_RADIUS = 0.15, 1.0  # of the shorter and of the longer side
LEAST_BORDER = 0.28  # of the circle's directions in which its border is found
ENOUGH_BORDER = 0.5  # of them with which no other threshold is tried
LEAST_AGREEING = 0.3  # of the border points, those of straight cuts counted
LEAST_SEEN = 0.1  # of the circle that must be bright and in the picture
LEAST_FILLED = 0.5  # of the disc's pixels that are bright
LEAST_STEP = 0.4  # of the brightness that ends at the border; haze round it ends somewhere else
LEAST_RISE = 0.05  # of the way from black to bright that it rises there
MOST_BRIGHT_OUTSIDE = 0.2  # of the pixels round it that are bright
CHORD = 0.25  # of a row of the disc that must be bright for the photograph to reach so far
UNCUT = 0.04  # of the radius that may be missing at a side before that side counts as cut
_SECTORS = 72


class NoDisc(DataError):
    """No field of view is seen; the message says what there is in its place."""


@dataclass(frozen=True)
class Disc:
    """A field of view; all lengths in pixels, counted from the outer corner of the first pixel.

    Attributes:
        x, y: centre of the circle; it may have parts outside the picture.
        radius: of the circle.
        left, top, right, bottom: the rectangle in which the circle holds picture. Where camera or
            paper cut the circle off, it ends before the circle does.
        share_seen: part of the circle's area in that rectangle, 0 to 1.
        share_border: part of the circle's directions in which its border was found, 0 to 1.
    """

    x: float
    y: float
    radius: float
    left: float
    top: float
    right: float
    bottom: float
    share_seen: float
    share_border: float

    def scaled(self, factor: float, x: float = 0.0, y: float = 0.0) -> Disc:
        """The same disc after (x, y) became the first corner and lengths were multiplied."""
        return replace(
            self, radius=self.radius * factor,
            x=(self.x - x) * factor, left=(self.left - x) * factor, right=(self.right - x) * factor,
            y=(self.y - y) * factor, top=(self.top - y) * factor,
            bottom=(self.bottom - y) * factor,
        )  # fmt: skip


def find(pixels: np.ndarray) -> Disc:
    """Find the disc on a copy of at most 200 pixels a side, to about half a pixel of the copy.

    A threshold between the picture's own black and bright, the largest component of what is above
    it, and a circle by least squares through the component's border. Which points are border and
    which are a straight cut, a notch or a dark patch, circles through three points each decide by
    vote (M. Fischler and R. Bolles, "Random sample consensus", CACM 24(6), 1981).

    Args:
        pixels: uint8 [height, width, 3].

    Raises:
        NoDisc: no such disc, and what there is in its place.
        ValueError: no such array.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"{pixels.dtype} {list(pixels.shape)} is no picture as it is needed here: "
                         "uint8 [height, width, 3].")  # fmt: skip
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST:
        raise NoDisc(f"has {width} x {height} pixels; at least {SMALLEST} each way are needed.")
    if max(height, width) > LONGEST * min(height, width):
        raise NoDisc(f"has {width} x {height} pixels; that is a strip and no photograph of an eye.")
    light, factor = _light(pixels)
    black, bright = _levels(light)
    if bright - black < LEAST_CONTRAST:
        raise NoDisc("shows no bright disc on black: nearly all of it is of one brightness "
                     f"({black} to {bright} of 255).")
    best, said = None, ""
    for share in THRESHOLDS:
        if best and (best.share_border >= ENOUGH_BORDER or share > THRESHOLDS[0]):
            break
        found = _disc(light, black, bright, share)
        if not isinstance(found, Disc):
            said = said or found
        elif best is None or found.share_border > best.share_border:
            best = found
    if best is None:
        raise NoDisc(f"shows no bright disc on black: {said}.")
    found = best.scaled(factor)
    # The copy lacks the last rows and columns that make no whole pixel of it.
    if best.right == light.shape[1]:
        found = replace(found, right=min(found.x + found.radius, float(width)))
    if best.bottom == light.shape[0]:
        found = replace(found, bottom=min(found.y + found.radius, float(height)))
    return found


def _light(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """The brightest channel of a copy, uint8, and how many times smaller the copy is.

    The retina is red with some cameras and grey with others.
    """
    factor = 1
    while max(pixels.shape) > WORKING:
        # Halving again and again is the way that OpenCV does best.
        height, width = (side // 2 for side in pixels.shape[:2])
        pixels = cv2.resize(pixels[: 2 * height, : 2 * width], (width, height),
                            interpolation=cv2.INTER_AREA)  # fmt: skip
        factor *= 2
    red, green, blue = cv2.split(pixels)
    # The median takes noise and thin things away and leaves the disc's border where it is.
    return cv2.medianBlur(cv2.max(cv2.max(red, green), blue), 3), factor


def _levels(light: np.ndarray) -> tuple[int, int]:
    """Black and bright: all but a hundredth and all but a twentieth of the pixels lie between."""
    counts = cv2.calcHist([light], [0], None, [256], [0, 256]).ravel()
    black, bright = np.searchsorted(np.cumsum(counts), np.array([0.01, 0.95]) * light.size)
    return int(black), int(bright)


def _disc(light: np.ndarray, black: int, bright: int, threshold: float) -> Disc | str:
    """The disc of a copy that is brighter than a threshold, or what is there in its place."""
    step = threshold * (bright - black)
    mask = light > black + step
    height, width = mask.shape
    count, labels = cv2.connectedComponents(mask.view(np.uint8), ltype=cv2.CV_16U)
    if count < 2:
        return "nothing is brighter than the rest"
    component = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]) if count > 2 else mask
    points = _border(component)
    circle = _circle(points, LEAST_RADIUS * min(height, width), LARGEST_RADIUS * max(height, width))
    if circle is None:
        return "what is bright has no round border"
    x, y, radius = circle
    off = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius)
    agreeing = points[off < TOLERANCES[-1]]
    angles = np.arctan2(agreeing[:, 1] - y, agreeing[:, 0] - x)
    sectors = np.unique(((angles / (2 * np.pi) + 0.5) * _SECTORS).astype(int) % _SECTORS)
    share_border = len(sectors) / _SECTORS
    if share_border < LEAST_BORDER or len(agreeing) < LEAST_AGREEING * len(points):
        return "what is bright has no round border"
    # A pixel of the border counts as bright when so much of it is; on average the border found lies
    # this part of a pixel too far out.
    radius -= 0.5 - threshold
    across = np.arange(width, dtype=np.float32) + np.float32(0.5 - x)
    down = np.arange(height, dtype=np.float32) + np.float32(0.5 - y)
    squares = across**2 + down[:, None] ** 2
    circle_mask = squares < radius**2
    near, far = (_between(light, squares, radius + begin, radius + end)
                 for begin, end in ((-4, -1), (1, 4)))  # fmt: skip
    if near - far < max(LEAST_STEP * (near - black), LEAST_RISE * (bright - black)):
        return "what is bright fades away without a border"
    # A shadow in the disc is still the disc: half of the threshold is enough there.
    inside = (light > black + max(step / 2, 3)) & circle_mask
    left, right = _extent(*(_sums(each, 0) for each in (inside, circle_mask)), x, radius)
    top, bottom = _extent(*(_sums(each, 1) for each in (inside, circle_mask)), y, radius)
    # Pixels whose middle lies in the rectangle.
    seen = np.s_[int(np.ceil(top - 0.5)) : int(np.ceil(bottom - 0.5)),
                 int(np.ceil(left - 0.5)) : int(np.ceil(right - 0.5))]  # fmt: skip
    pixels_seen = np.count_nonzero(circle_mask[seen])
    area = np.pi * radius**2
    if np.count_nonzero(inside[seen]) < max(LEAST_FILLED * pixels_seen, LEAST_SEEN * area):
        return "a round border, but dark inside"
    around = squares > (1.06 * radius) ** 2
    if np.count_nonzero(around & mask) > MOST_BRIGHT_OUTSIDE * np.count_nonzero(around):
        return "what is round the disc is not black"
    share_seen = min(float(pixels_seen / area), 1.0)
    lengths = (x, y, radius, left, top, right, bottom)
    return Disc(*(float(length) for length in lengths), share_seen, share_border)


def _border(component: np.ndarray) -> np.ndarray:
    """Where each row and column enters and leaves it, float [n, 2] of x and y.

    Where it reaches the picture's frame there is no border to be seen.
    """
    height, width = component.shape
    found = []
    transposed = cv2.transpose(component.view(np.uint8)).view(bool)
    for turned, long in ((component, width), (transposed, height)):
        lines = np.flatnonzero(turned.any(axis=1))
        rows = turned[lines]
        enters, leaves = rows.argmax(axis=1), long - rows[:, ::-1].argmax(axis=1)
        for ends, at_frame in ((enters, enters == 0), (leaves, leaves == long)):
            found.append(np.stack([ends, lines + 0.5], axis=1)[~at_frame])
    found[2:] = [each[:, ::-1] for each in found[2:]]
    return np.concatenate(found).astype(np.float64)


def _circle(points: np.ndarray, smallest: float, largest: float) -> tuple | None:
    """Centre and radius of the circle that most border points agree on; None if there is none."""
    if len(points) < 16:
        return None
    voters = points[:: max(1, len(points) // VOTERS)]
    # The same triples every time: the same picture has the same disc.
    triples = voters[np.random.default_rng(0).integers(0, len(voters), (TRIPLES, 3))]
    centres, radii = _through(triples)
    good = (radii > smallest) & (radii < largest)
    if not good.any():
        return None
    centres, radii = centres[good], radii[good]
    # apart**2 - radius**2 for all at once, which is 2 * radius * off for a point off by little.
    rest = (centres**2).sum(axis=1) - radii**2
    circles = np.column_stack([rest, -2 * centres, np.ones(len(radii))])
    powers = circles @ np.column_stack([np.ones(len(voters)), voters, (voters**2).sum(axis=1)]).T
    votes = np.count_nonzero(np.abs(powers) < 2 * TOLERANCES[0] * radii[:, None], axis=1)
    best = np.argmax(votes)
    (x, y), radius = centres[best], radii[best]
    for tolerance in TOLERANCES:
        off = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius)
        near = points[off < tolerance]
        if len(near) < 16:
            return None
        x, y, radius = _least_squares(near)
    return (x, y, radius) if smallest < radius < largest else None


def _through(triples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres [n, 2] and radii [n] of the circles through three points each, [n, 3, 2]."""
    first = triples[:, 0]
    (bx, by), (cx, cy) = (triples[:, 1] - first).T, (triples[:, 2] - first).T
    twice = 2 * (bx * cy - by * cx)
    twice[twice == 0] = np.nan  # three points in a line: no radius compares as good
    b, c = bx**2 + by**2, cx**2 + cy**2
    moved = np.stack([(cy * b - by * c) / twice, (bx * c - cx * b) / twice], axis=1)
    return first + moved, np.hypot(moved[:, 0], moved[:, 1])


def _least_squares(points: np.ndarray) -> tuple[float, float, float]:
    """I. Kasa's fit (1976), linear in the centre and in the power of the points' middle."""
    middle = points.mean(axis=0)
    across, down = (points - middle).T
    squares = across**2 + down**2
    xx, xy, yy = across @ across, across @ down, down @ down
    xs, ys, twice = across @ squares, down @ squares, 2 * (xx * yy - xy * xy)
    if twice <= 0:
        return middle[0], middle[1], np.inf  # all in a line
    x, y = (xs * yy - ys * xy) / twice, (ys * xx - xs * xy) / twice
    return x + middle[0], y + middle[1], np.sqrt(x * x + y * y + squares.mean())


def _between(light: np.ndarray, squares: np.ndarray, begin: float, end: float) -> float:
    """Mean of the light where the squared distance is between two squares."""
    ring = (squares > begin**2) & (squares < end**2)
    return cv2.mean(light, ring.view(np.uint8))[0]


def _sums(mask: np.ndarray, axis: int) -> np.ndarray:
    """Pixels of a mask by column (axis 0) or by row (axis 1); a tenth of the time of numpy's."""
    return cv2.reduce(mask.view(np.uint8), axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()


def _extent(bright: np.ndarray, whole: np.ndarray, middle: float, radius: float) -> tuple:
    """From where to where lines across the disc are bright; a line is cut where most of it is not.

    Args:
        bright, whole: pixels of each line that are bright, and that the circle has.
        middle, radius: of the circle, along the way that the lines are counted.
    """
    begin, end = max(middle - radius, 0.0), min(middle + radius, float(len(whole)))
    lines = np.flatnonzero((bright > 0) & (bright >= CHORD * whole))
    if not len(lines):
        return begin, end
    # A pixel less where it is cut, because the cut is not sharp.
    if lines[0] - begin > UNCUT * radius:
        begin = lines[0] + 1.0
    if end - lines[-1] - 1 > UNCUT * radius:
        end = float(lines[-1])
    return begin, end
