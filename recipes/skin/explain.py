"""Why a lesion is called malignant: a member's witness, and where the sample's criteria are."""

from __future__ import annotations

from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd

from common.vision.witness import Witness
from recipes.skin import prepare
from recipes.skin.colour import Constancy
from recipes.skin.train import ANSWERS, EVEN, SCALE, Taught

SLACK = 1 / 24  # of a side, beside a structure, that still counts: half a place of the last maps


def witness(member: Taught, malignant: np.ndarray) -> Witness:
    """The mean logit of the malignant classes, less that of the others, of one member.

    It looks at pictures under white light (`white`), in one view.

    Args:
        malignant: bool [classes].
    """
    cut = member.cut
    inputs = keras.Input(cut.lower_maps.input_shape[1:], name="pixels")
    below = keras.tree.flatten(cut.lower_maps(inputs))
    above = keras.tree.flatten(cut.upper_maps(below[-1], training=False))
    maps = keras.Model(inputs, [*below, *above], name="maps")
    kernel, bias = map(keras.ops.convert_to_numpy, member.model.get_layer(ANSWERS).weights)
    asks = np.where(malignant, 1 / malignant.sum(), -1 / (~malignant).sum())
    scale, even = (member.model.get_layer(name) for name in (SCALE, EVEN))
    known = (scale.mean, scale.variance, even.moving_mean, even.moving_variance)
    means, variances, own_means, own_variances = (
        np.ravel(keras.ops.convert_to_numpy(each)) for each in known
    )
    mean = np.concatenate([means, own_means])
    spread = np.sqrt(np.concatenate([variances, own_variances + even.epsilon]))
    direction = kernel @ asks / spread
    return Witness.of(maps, direction, float(bias @ asks - mean @ direction), mean)


def white(squared: np.ndarray, kind: str) -> np.ndarray:
    """Photographs uint8 [n, size, size, 3] under white light, the same; see `colour.KINDS`."""
    found = Constancy(kind)(squared.astype(np.float32))
    return np.rint(keras.ops.convert_to_numpy(found)).astype(np.uint8)


def criteria(folder: Path, rows: pd.DataFrame, size: int, classes: list[str]) -> np.ndarray:
    """Where the structures of the sample's lesions are by which a reader decides for their class.

    Args:
        folder: of masks, see `Lesions.masks`. rows: of the photographs.

    Returns:
        bool [n, size, size]; nowhere in one that shows no such structure.
    """
    kinds = pd.read_csv(folder / "kinds.csv", keep_default_na=False)
    found = []
    for row in rows.itertuples():
        bits = kinds.loc[kinds["decides"].str.split().map(lambda names, own=classes[row.label]:
                                                          own in names), "bit"]  # fmt: skip
        wanted = int(sum(1 << int(bit) for bit in bits))
        mask = cv2.imread(str(folder / f"{Path(row.path).stem}_criteria.png"), cv2.IMREAD_UNCHANGED)
        found.append(prepare.squeezed(np.float32(mask & wanted > 0), size) > 0.25)
    return np.stack(found)
