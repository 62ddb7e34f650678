"""What a wide & deep network has to beat: logistic regression, and gradient-boosted trees."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from recipes.wide_deep.crosses import one_hot
from recipes.wide_deep.features import Features

MOST_CATEGORIES = 255  # that the trees take as such; the rarer ones are one


def logistic_regression(
    features: Features,
    inputs: dict[str, np.ndarray],
    target: np.ndarray,
    asked: dict[str, np.ndarray],
    classes: int,
) -> np.ndarray:
    """Predictions of a linear model over standardised numbers and one-hot categories.

    Plain: no bins and no crosses, which are our wide part's, and no words of texts.

    Args:
        features, inputs: of the rows to learn from, see `Features.arrays`.
        target: their int classes or float values [rows].
        asked: inputs of the rows to predict.
        classes: how many there are, 0 for values.

    Returns:
        Probabilities float [rows asked, classes], or values float [rows asked].
    """
    centre = inputs["numbers"].mean(axis=0, dtype=np.float64)
    spread = inputs["numbers"].std(axis=0, dtype=np.float64)
    places = list(features.embedded)
    sizes = [features.sizes[k] for k in places]

    def matrix(rows: dict[str, np.ndarray]):
        numbers = (rows["numbers"] - centre) / np.where(spread > 0, spread, 1)
        parts = [sparse.csr_array(numbers)]
        parts += [one_hot(rows["ids"][:, places], sizes)] if places else []
        return sparse.hstack(parts, format="csr")

    with threadpool_limits(1, user_api="blas"):
        if target.dtype.kind == "f":
            return Ridge(1.0).fit(matrix(inputs), target).predict(matrix(asked))
        model = LogisticRegression(max_iter=1000).fit(matrix(inputs), target)
        return _of_all_classes(model, matrix(asked), classes)


def gradient_boosting(
    features: Features,
    inputs: dict[str, np.ndarray],
    target: np.ndarray,
    asked: dict[str, np.ndarray],
    classes: int,
    seed: int = 0,
) -> np.ndarray:
    """Predictions of histogram gradient boosting with its own settings.

    It reads the numbers as they are, missing ones too, and the categories as categories, but no
    words of texts.
    Arguments and result as of `logistic_regression`.
    """
    def frame(rows: dict[str, np.ndarray]) -> pd.DataFrame:
        numbers = rows["numbers"].astype(np.float64)
        for place in range(len(features.numbers)):
            numbers[rows["ids"][:, place] == 0, place] = np.nan
        categories = np.minimum(rows["ids"][:, list(features.embedded)], MOST_CATEGORIES - 1)
        return pd.DataFrame(np.concatenate([numbers, categories], axis=1))

    kind = [False] * len(features.numbers) + [True] * len(features.embedded)
    numeric = target.dtype.kind == "f"
    model = (HistGradientBoostingRegressor if numeric else HistGradientBoostingClassifier)(
        categorical_features=kind, random_state=seed
    )
    model.fit(frame(inputs), target)
    if numeric:
        return model.predict(frame(asked))
    return _of_all_classes(model, frame(asked), classes)


def _of_all_classes(model, rows, classes: int) -> np.ndarray:
    """Probabilities float [rows, classes]; 0 for a class that training has not met."""
    said = model.predict_proba(rows)
    result = np.zeros((len(said), classes))
    result[:, model.classes_] = said
    return result
