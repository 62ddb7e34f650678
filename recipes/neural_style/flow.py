"""Where every pixel was in an earlier frame, and where that is not to be believed.

Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos", GCPR 2016, section 4.2, with the
dense inverse search flow of Kroeger et al., ECCV 2016, from OpenCV.
"""

from __future__ import annotations

import cv2
import numpy as np


def motion(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where each pixel of one frame lies in another.

    Args:
        frame, other: float32 [height, width, 3], 0 to 1.

    Returns:
        float32 [height, width, 2], pixels to the right and down.
    """
    light = [cv2.cvtColor(np.ascontiguousarray(each), cv2.COLOR_RGB2GRAY)
             for each in (frame, other)]  # fmt: skip
    grey = [np.round(255 * each).astype(np.uint8) for each in light]
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return search.calc(*grey, None)


def warped(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """A picture [height, width(, channels)] fetched from where `flow` says its pixels lie."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return cv2.remap(np.ascontiguousarray(picture), x + flow[..., 0], y + flow[..., 1],
                     cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # fmt: skip


def trust(back: np.ndarray, forth: np.ndarray, boundaries: bool = True) -> np.ndarray:
    """Where a frame's flow back to an earlier one is to be believed.

    Args:
        back: float32 [height, width, 2] from the later frame to the earlier one.
        forth: from the earlier frame to the later one.
        boundaries: leave out edges of motion too (equation 6), where the flow is blurred.

    Returns:
        float32 [height, width], 1 or 0: 0 where the pixel was hidden or outside (equation 5: going
        there and back does not lead home), and at edges of motion.
    """
    height, width = back.shape[:2]
    there = warped(forth, back)
    apart = np.sum((there + back) ** 2, axis=2)
    lengths = np.sum(there**2, axis=2) + np.sum(back**2, axis=2)
    bad = apart > 0.01 * lengths + 0.5
    y, x = np.mgrid[:height, :width]
    was_x, was_y = x + back[..., 0], y + back[..., 1]
    bad |= (was_x < 0) | (was_x > width - 1) | (was_y < 0) | (was_y > height - 1)
    if boundaries:
        slopes = sum(np.square(each) for axis in (0, 1) for each in [np.gradient(back, axis=axis)])
        bad |= slopes.sum(axis=2) > 0.01 * np.sum(back**2, axis=2) + 0.002
    return (~bad).astype(np.float32)


def long_term(trusts: list[np.ndarray]) -> list[np.ndarray]:
    """Equation 9: an earlier frame counts where no nearer one is to be believed.

    Args:
        trusts: float32 [height, width] of each earlier frame, the nearest first.
    """
    found, taken = [], np.zeros_like(trusts[0])
    for each in trusts:
        found.append(np.maximum(each - taken, 0))
        taken = taken + each
    return found


def flicker(pictures: list[np.ndarray], frames: list[np.ndarray]) -> float:
    """How much consecutive pictures differ where the film says that nothing has changed.

    The warping error of Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018, section
    4.2: root of the mean squared difference, 0 to 1, between each picture and the one before it
    carried along by the motion of the film's frames, where that is to be believed.

    Raises:
        ValueError: see `differences`.
    """
    return root_mean(*differences(pictures, frames))


def differences(
    pictures: list[np.ndarray], frames: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Of each pair of neighbours the sum of squared differences, and of how many numbers.

    Raises:
        ValueError: fewer than two pictures, or not as many as frames.
    """
    if len(pictures) != len(frames) or len(frames) < 2:
        raise ValueError(f"{len(pictures)} pictures of {len(frames)} frames; give at least two and "
                         "as many of each.")
    totals, counts = [], []
    for k in range(1, len(frames)):
        back = motion(frames[k], frames[k - 1])
        sure = trust(back, motion(frames[k - 1], frames[k]))[..., None]
        totals.append(float(np.sum(sure * (pictures[k] - warped(pictures[k - 1], back)) ** 2)))
        counts.append(3 * float(sure.sum()))
    return np.array(totals), np.array(counts)


def root_mean(totals: np.ndarray, counts: np.ndarray) -> float:
    """Of sums of squares."""
    return float(np.sqrt(np.sum(totals) / max(np.sum(counts), 1.0)))
