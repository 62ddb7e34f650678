"""What would be embarrassing to lose to: colours, a matrix on pixels, similar thumbnails."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from common.vision import pixels

COLOURS, NEAREST, LINEAR = "colours alone", "nearest thumbnail", "linear on pixels"
SIDE, BINS, NEIGHBOURS = 32, 4, 5
STRENGTH = 1e-4  # C; of 1e-4, 1e-3 and 1e-2 the best on 500 held-out pictures of cifar10


def predictions(
    train: Sequence[str], labels: np.ndarray, test: Sequence[str], linear: bool = False
) -> dict[str, np.ndarray]:
    """Each baseline's class for every test picture, int [n] by name.

    "colours alone" is logistic regression on how often each of 64 colours occurs; "nearest
    thumbnail" asks the five most similar pictures of 32 x 32 pixels.

    Args:
        train, test: paths. labels: of the training pictures.
        linear: with "linear on pixels" too, logistic regression on the thumbnails, which takes a
            while for thousands.
    """
    seen = {"train": pixels.load(train, SIDE), "test": pixels.load(test, SIDE)}
    colours = {part: np.stack([_histogram(each) for each in rows]) for part, rows in seen.items()}
    looks = {part: rows.reshape(len(rows), -1) / np.float32(255) for part, rows in seen.items()}
    histogram = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    nearest = KNeighborsClassifier(min(NEIGHBOURS, len(labels)), weights="distance")
    found = {
        COLOURS: histogram.fit(colours["train"], labels).predict(colours["test"]),
        NEAREST: nearest.fit(looks["train"], labels).predict(looks["test"]),
    }
    if linear:
        matrix = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=300))
        found[LINEAR] = matrix.fit(looks["train"], labels).predict(looks["test"])
    return found


def _histogram(picture: np.ndarray) -> np.ndarray:
    counts = cv2.calcHist([picture], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3)
    return np.sqrt(counts.ravel() / counts.sum())
