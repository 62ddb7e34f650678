"""Why this answer: which places of the picture spoke for a class.

Where a class's logit is the mean of the last maps through one matrix, each place's share in it is
exact: the class activation map (Zhou et al., "Learning Deep Features for Discriminative
Localization", CVPR 2016, equation 2), to which Grad-CAM (Selvaraju et al., ICCV 2017, section 3.1)
comes down for such networks.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

GREEN = (90, 255, 120)
PEAKS = 99.5  # percent of a map's places below which its colours differ


def heat(maps: np.ndarray, kernel: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """What each place says for a class rather than for the mean of all classes.

    Softmax sees differences of logits only, so evidence that all classes share is no reason.

    Args:
        maps: float [n, height, width, d]. kernel: float [d, classes] of the head.
        classes: int [n], the class to explain in each picture.

    Returns:
        float32 [n, height, width]; its mean over the places is the class's lead without the bias.
    """
    against = kernel - kernel.mean(axis=1, keepdims=True)
    return np.einsum("nhwd,dn->nhw", maps, against[:, classes]).astype(np.float32)


def enlarged(heat_map: np.ndarray, size: int) -> np.ndarray:
    """float32 [size, size] from 0 to 1: what speaks for the class; what speaks against is 0."""
    positive = np.maximum(heat_map, 0)
    large = cv2.resize(positive, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(large / max(float(positive.max()), 1e-9), 0, 1)


def overlay(pixels: np.ndarray, heat_map: np.ndarray) -> np.ndarray:
    """The picture, grey where nothing spoke for the class, warm where much did.

    Args:
        pixels: uint8 [size, size, 3]. heat_map: float [height, width], see `heat`.

    Returns:
        uint8 [size, size, 3].
    """
    weight = enlarged(heat_map, len(pixels))[..., None]
    coloured = cv2.applyColorMap(np.uint8(255 * weight[..., 0]), cv2.COLORMAP_INFERNO)[..., ::-1]
    grey = pixels.mean(axis=2, keepdims=True)
    return np.uint8((1 - 0.6 * weight) * (0.6 * grey + 0.4 * pixels) + 0.6 * weight * coloured)


def points_into(heat_maps: np.ndarray, x, y, radius, side: int) -> np.ndarray:
    """Whether the warmest place lies in a circle that is known to hold the thing, bool [n].

    The "pointing game" of Zhang et al., "Top-down Neural Attention by Excitation Backprop" (ECCV
    2016), section 4.1; half a place of the map is allowed, as its places are wide.

    Args:
        heat_maps: float [n, height, width].
        x, y, radius: of each circle, in pixels of a square picture of this `side`.
    """
    count, height, width = heat_maps.shape
    row, column = np.divmod(heat_maps.reshape(count, -1).argmax(axis=1), width)
    found_x, found_y = (column + 0.5) / width * side, (row + 0.5) / height * side
    return _hits(found_x, found_y, x, y, radius, side / width / 2)


def middle_hits(x, y, radius, side: int, width: int) -> np.ndarray:
    """The same for who always points at the middle of the picture, with maps of this width."""
    return _hits(side / 2, side / 2, x, y, radius, side / width / 2)


def _hits(found_x, found_y, x, y, radius, slack: float) -> np.ndarray:
    return np.hypot(found_x - np.asarray(x), found_y - np.asarray(y)) <= np.asarray(radius) + slack


def reasons(photographs: np.ndarray, maps: Mapping[str, np.ndarray], names: list[str],
            masks: np.ndarray | None = None, title: str = "", masked: str = "its lesions"
            ) -> Figure:  # fmt: skip
    """Photographs, where known their lesions, and what spoke for the answer by each kind of map.

    Args:
        photographs: uint8 [n, size, size, 3] to draw on. maps: float [n, h, w] by name.
        names: what each is and what was said of it. masks: bool [n, size, size] of what
            counts, called `masked`.
    """
    columns = 1 + (masks is not None) + len(maps)
    figure, axes = plt.subplots(len(photographs), columns, squeeze=False, layout="constrained",
                                figsize=(2.5 * columns, 2.6 * len(photographs) + 0.5))  # fmt: skip
    for line, (row, photograph) in enumerate(zip(axes, photographs, strict=True)):
        drawn = [(names[line], photograph)]
        if masks is not None:
            drawn.append((masked, outlined(photograph, masks[line])))
        drawn += [(name, overlay(photograph, _without_peaks(found[line])))
                  for name, found in maps.items()]  # fmt: skip
        for axis, (name, pixels) in zip(row, drawn, strict=True):
            axis.imshow(pixels, interpolation="lanczos")
            axis.axis("off")
            axis.set_title(name, fontsize=9, loc="center")
    if title:
        figure.suptitle(title, fontweight="bold", x=0.01, ha="left")
    plt.close(figure)
    return figure


def _without_peaks(found: np.ndarray) -> np.ndarray:
    """A map in which the few warmest places do not outshine all others."""
    return np.minimum(found, np.percentile(found, PEAKS))


def outlined(photograph: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photograph with green lines round what is in the mask."""
    found = photograph.copy()
    wider = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    lines, _ = cv2.findContours(wider, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(found, lines, -1, GREEN, 1, cv2.LINE_AA)
