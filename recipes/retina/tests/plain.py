"""What `preprocess` does to a file, once more, as plainly as it can be written."""

from __future__ import annotations

import cv2
import numpy as np

from recipes.retina import disc

SCALES = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4,
          2: cv2.IMREAD_REDUCED_COLOR_2, 1: cv2.IMREAD_COLOR}  # fmt: skip


def prepared(path, size: int, leveling: str, share: float = 0.98) -> np.ndarray:
    """uint8 [size, size, 3] of a JPEG that needs neither turning nor converting."""
    whole = cv2.imread(str(path))
    for scale in SCALES:
        if scale == 1 or min(whole.shape[:2]) >= scale * round(1.25 * size):
            pixels = cv2.imread(str(path), SCALES[scale])[..., ::-1].copy()
            break
    found = disc.find(pixels)
    if 2 * found.radius < share * size:
        pixels = whole[..., ::-1].copy()
        found = disc.find(pixels)

    side = round(2 * found.radius / share)
    left, top = round(found.x - side / 2), round(found.y - side / 2)
    on_black = np.pad(pixels, ((side, side), (side, side), (0, 0)))
    square = on_black[top + side : top + 2 * side, left + side : left + 2 * side]
    how = cv2.INTER_AREA if size <= 0.5 * side else cv2.INTER_LINEAR
    picture = cv2.resize(square, (size, size), interpolation=how)

    scale = size / side
    first_row = max(0, int(np.ceil((found.top - top) * scale)))
    last_row = min(size, int(np.floor((found.bottom - top) * scale)))
    first_column = max(0, int(np.ceil((found.left - left) * scale)))
    last_column = min(size, int(np.floor((found.right - left) * scale)))
    radius = share * size / 2
    if leveling == "graham":
        inner = picture[first_row:last_row, first_column:last_column]
        picture = np.full_like(picture, 128)
        picture[first_row:last_row, first_column:last_column] = graham(inner, radius)
    if leveling == "clahe":
        black_outside(picture, radius, 0, first_row, last_row, first_column, last_column)
        lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
        lab[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(lab[..., 0].copy())
        picture = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    grey, kept = (128, 0.9 * radius) if leveling == "graham" else (0, radius)
    black_outside(picture, kept, grey, first_row, last_row, first_column, last_column)
    return picture


def black_outside(picture, radius, grey, first_row, last_row, first_column, last_column) -> None:
    rows, columns = np.mgrid[: len(picture), : len(picture)]
    middle = len(picture) / 2
    picture[np.hypot(rows + 0.5 - middle, columns + 0.5 - middle) >= radius] = grey
    picture[(rows < first_row) | (rows >= last_row)] = grey
    picture[(columns < first_column) | (columns >= last_column)] = grey


def graham(picture: np.ndarray, radius: float) -> np.ndarray:
    """With the blur at half the size that `normalize.graham` documents."""
    sigma = radius / 30
    height, width = picture.shape[:2]
    even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="symmetric")
    if sigma < 4:
        blurred = gaussian(picture.astype(np.float32), sigma)
    else:
        quarters = even.astype(np.uint16)
        # As OpenCV rounds: (a + b + c + d + 2) // 4.
        half = (quarters[::2, ::2] + quarters[1::2, ::2] + quarters[::2, 1::2]
                + quarters[1::2, 1::2] + 2) // 4  # fmt: skip
        blurred = gaussian(half.astype(np.float32), np.sqrt(sigma**2 - 0.75) / 2) - 0.125
        blurred = cv2.resize(blurred, even.shape[1::-1])[:height, :width]
    return np.clip(np.round(4 * (picture - blurred) + 128), 0, 255).astype(np.uint8)


def gaussian(picture: np.ndarray, sigma: float) -> np.ndarray:
    side = 2 * int(np.ceil(3 * sigma)) + 1
    return cv2.GaussianBlur(picture, (side, side), sigma, borderType=cv2.BORDER_REFLECT)


def formula(picture: np.ndarray, radius: float) -> np.ndarray:
    """float64, not rounded: 4 * (picture - blurred) + 128 by a wide kernel in double precision."""
    blurred = cv2.GaussianBlur(picture.astype(np.float64), (0, 0), radius / 30,
                               borderType=cv2.BORDER_REFLECT)  # fmt: skip
    return np.clip(4 * (picture - blurred) + 128, 0, 255)


def usual(picture: np.ndarray, radius: float) -> np.ndarray:
    """uint8, as most people write it."""
    return cv2.addWeighted(picture, 4, cv2.GaussianBlur(picture, (0, 0), radius / 30), -4, 128)
