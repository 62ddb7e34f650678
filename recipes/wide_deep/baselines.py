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
    train: np.ndarray,
    asked: np.ndarray,
) -> np.ndarray:
    """Predictions for some rows of a linear model over standardised numbers and one-hot categories.

    Plain: no bins and no crosses, which are our wide part's.

    Args:
        features, inputs: see `Features.arrays`.
        target: int classes or float values [rows].
        train: rows to learn from; asked: rows to predict.

    Returns:
        Probabilities float [asked rows, classes], or values float [asked rows].
    """
    numbers = inputs["numbers"].astype(np.float64)
    spread = numbers[train].std(axis=0)
    numbers = (numbers - numbers[train].mean(axis=0)) / np.where(spread > 0, spread, 1)
    places = list(features.embedded)
    parts = [sparse.csr_array(numbers)]
    if places:
        parts.append(one_hot(inputs["ids"][:, places], [features.sizes[k] for k in places]))
    matrix = sparse.hstack(parts, format="csr")
    with threadpool_limits(1, user_api="blas"):
        if target.dtype.kind == "f":
            return Ridge(1.0).fit(matrix[train], target[train]).predict(matrix[asked])
        model = LogisticRegression(max_iter=1000).fit(matrix[train], target[train])
        return model.predict_proba(matrix[asked])


def gradient_boosting(
    features: Features,
    inputs: dict[str, np.ndarray],
    target: np.ndarray,
    train: np.ndarray,
    asked: np.ndarray,
    seed: int = 0,
) -> np.ndarray:
    """Predictions for some rows of histogram gradient boosting with its own settings.

    It reads the numbers as they are, missing ones too, and the categories as categories.
    Arguments and result as of `logistic_regression`.
    """
    numbers = inputs["numbers"].astype(np.float64)
    for place in range(len(features.numbers)):
        numbers[inputs["ids"][:, place] == 0, place] = np.nan
    categories = np.minimum(inputs["ids"][:, list(features.embedded)], MOST_CATEGORIES - 1)
    frame = pd.DataFrame(np.concatenate([numbers, categories], axis=1))
    kind = [False] * numbers.shape[1] + [True] * categories.shape[1]
    numeric = target.dtype.kind == "f"
    model = (HistGradientBoostingRegressor if numeric else HistGradientBoostingClassifier)(
        categorical_features=kind, random_state=seed
    )
    model.fit(frame.iloc[train], target[train])
    known = frame.iloc[asked]
    return model.predict(known) if numeric else model.predict_proba(known)
