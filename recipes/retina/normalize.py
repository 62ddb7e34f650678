"""A fundus photograph made like every other: the disc in the middle at one size, on black.

1. The disc is found (`disc.find`).
2. The square round the circle's centre whose side is the circle's diameter / `share` is cut out, in
   whole pixels, with black where it leaves the photograph, and brought to [size, size]: by areas
   where it shrinks to half or less, else bilinearly. Every eye has the same size then, whatever
   the camera.
3. The light is levelled, and what is outside the disc is made black (grey 128 for "graham"):

   * "none": as it is;
   * "graham": 4 * (picture - picture blurred by a Gaussian of radius / 30) + 128, in the disc
     shrunk to 90 %, because its border would glow (B. Graham, "Kaggle diabetic retinopathy
     detection competition report", 2015). A straight cut is no border: blurring reflects there, as
     it does at the frame of the photographs in that report;
   * "clahe": contrast limited adaptive histogram equalization (K. Zuiderveld, Graphics Gems IV,
     1994) of the lightness in CIE Lab.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from recipes.retina import disc
from recipes.retina.disc import Disc

LEVELINGS = ("none", "graham", "clahe")
SIZE, SHARE = 512, 0.98  # pixels of a side; diameter of the disc / side
# Down to half the size, every pixel counts in bilinear interpolation too. It is as near to Lanczos
# there as areas are (0.59 and 0.58 levels from 522 to 299 pixels) and takes a fifth of the time.
AREA_FROM = 0.5  # new side / old side
GAIN, GREY, SIGMA, SHRUNK = 4.0, 128, 1 / 30, 0.9  # of "graham"; the last two in radii
HALVED_FROM = 4.0  # pixels of sigma from which a blur is computed at half the size
CLIP, TILES = 2.0, 8  # of "clahe": limit, and tiles a side


def normalized(
    pixels: np.ndarray, size: int = SIZE, leveling: str = "none", share: float = SHARE,
    found: Disc | None = None,
) -> np.ndarray:  # fmt: skip
    """A photograph in the one form.

    Args:
        pixels: uint8 [height, width, 3], red, green, blue.
        size: pixels of a side of what comes out.
        leveling: "none", "graham" or "clahe".
        share: diameter of the disc as a part of `size`, above 0 and at most 1.
        found: its disc, where it is known.

    Returns:
        uint8 [size, size, 3].

    Raises:
        ValueError: settings out of range, or no such array.
        NoDisc: no disc is seen, and what there is in its place.
    """
    require(size, leveling, share)
    picture, box = crop(pixels, found or disc.find(pixels), size, share)
    radius = share * size / 2
    if leveling == "graham":
        return _within(graham(picture[box], radius), box, SHRUNK * radius, size, GREY)
    picture = _within(picture[box], box, radius, size, 0)
    return _within(clahe(picture)[box], box, radius, size, 0) if leveling == "clahe" else picture


def require(size: int, leveling: str, share: float) -> None:
    """Refuse settings that `normalized` cannot do.

    Raises:
        ValueError: it names the setting and what it may be.
    """
    if leveling not in LEVELINGS:
        raise ValueError(f"leveling={leveling!r} must be one of {', '.join(LEVELINGS)}.")
    if size < disc.SMALLEST:
        raise ValueError(f"size={size} must be at least {disc.SMALLEST} pixels.")
    if not 0 < share <= 1:
        raise ValueError(f"share={share} must be above 0 and at most 1.")


def crop(
    pixels: np.ndarray, found: Disc, size: int, share: float = SHARE
) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Step 2.

    Returns:
        uint8 [size, size, 3] with the disc's centre in the middle, not yet black round the disc;
        and the rows and columns in which there is photograph.
    """
    side = max(1, round(2 * found.radius / share))
    left, top = round(found.x - side / 2), round(found.y - side / 2)
    height, width = pixels.shape[:2]
    cut = pixels[max(top, 0) : top + side, max(left, 0) : left + side]
    beyond = (max(-top, 0), max(top + side - height, 0),
              max(-left, 0), max(left + side - width, 0))  # fmt: skip
    if any(beyond):
        cut = cv2.copyMakeBorder(cut, *beyond, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    how = cv2.INTER_AREA if size <= AREA_FROM * side else cv2.INTER_LINEAR
    placed = found.scaled(size / side, left, top)
    box = tuple(slice(max(0, int(np.ceil(begin))), min(size, int(end))) for begin, end in
                ((placed.top, placed.bottom), (placed.left, placed.right)))  # fmt: skip
    return cv2.resize(cut, (size, size), interpolation=how), box


def graham(picture: np.ndarray, radius: float) -> np.ndarray:
    """4 * (picture - blurred) + 128, for uint8 [height, width, 3] of a disc with this radius.

    The blurred picture is not rounded, as it is in the usual 8-bit code, where the error is then
    multiplied by 4. From a sigma of 4 pixels on it is computed at half the size, because exactly
    it takes longer than all the rest. `tests/test_preprocess.py` holds it to the formula in double
    precision: it must be nearer on average than the usual code.
    """
    blurred = _blurred(picture, SIGMA * radius)
    return cv2.addWeighted(picture, GAIN, blurred, -GAIN, GREY, dtype=cv2.CV_8U)


def _blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    """float32 of the picture's shape; the border is reflected, and the kernel ends at 3 sigma."""
    height, width = picture.shape[:2]
    if sigma < HALVED_FROM:
        return _gaussian(picture, sigma)
    if height % 2 or width % 2:
        picture = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REFLECT)
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    # Variances add up: that of a mean of 2 is 1/4, that of linear interpolation between every
    # second pixel 1/2 on average.
    blurred = _gaussian(half, np.sqrt(sigma**2 - 0.75) / 2)
    # OpenCV rounds halves up in these means of four: an eighth of a level too bright on average.
    blurred -= 0.125
    return cv2.resize(blurred, picture.shape[1::-1])[:height, :width]


def _gaussian(picture: np.ndarray, sigma: float) -> np.ndarray:
    kernel = cv2.getGaussianKernel(2 * int(np.ceil(3 * sigma)) + 1, sigma, cv2.CV_32F)
    return cv2.sepFilter2D(picture, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT)


def clahe(picture: np.ndarray) -> np.ndarray:
    """Lightness equalized in 8 x 8 tiles, uint8 [height, width, 3]; the colours' a and b stay."""
    lightness, *colours = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB))
    # A new one each time: it holds buffers, and threads must not share them.
    lightness = cv2.createCLAHE(CLIP, (TILES, TILES)).apply(lightness)
    return cv2.cvtColor(cv2.merge([lightness, *colours]), cv2.COLOR_LAB2RGB)


def _within(inner: np.ndarray, box: tuple, radius: float, size: int, beyond: int) -> np.ndarray:
    """uint8 [size, size, 3]: `inner` where box and circle meet, of level `beyond` elsewhere."""
    found = np.full((size, size, 3), beyond, np.uint8)
    cv2.copyTo(inner, circle(size, radius)[box], found[box])
    return found


@lru_cache(maxsize=8)
def circle(size: int, radius: float) -> np.ndarray:
    """uint8 [size, size]: 255 where a pixel's middle is nearer to the centre than `radius`."""
    squares = (np.arange(size) + 0.5 - size / 2) ** 2
    return np.where(squares + squares[:, None] < radius**2, 255, 0).astype(np.uint8)
