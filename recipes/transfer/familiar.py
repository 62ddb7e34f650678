"""Is this any of the classes at all? Five ways to tell, each with a threshold chosen on data.

A classifier of ants and bees must name a camel one of the two: its probabilities say which, not
whether. A score says how much a picture is like those that were learned from; below a threshold the
answer is "none of these". The threshold is the one that keeps a wanted share of training pictures,
each scored by a copy that had not seen it, so no unknown picture is needed to choose it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from common.vision.head import FOLDS, Head, dealt

NONE = "none of these"
NEIGHBOUR = 5  # which neighbour's distance counts
METHODS = ("probability", "energy", "cosine", "neighbour", "mahalanobis")


@dataclass(frozen=True)
class Familiarity:
    """How like the known classes a picture is; see `score`.

    Attributes:
        method: "probability": the largest one (Hendrycks and Gimpel, ICLR 2017); "energy": of the
            logits (Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020, eq. 4);
            "cosine": of the angle between the features, from their usual mean, and the nearest
            class's weights (Techapanurak et al., ACCV 2020, without their scale);
            "neighbour": nearness of the fifth nearest training picture, features of length 1 (Sun
            et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022);
            "mahalanobis": distance to the nearest class, by the shrunk covariance that all share
            (Lee et al., NeurIPS 2018, eq. 1).
        threshold: below it a picture is of no class.
        arrays: what the method keeps of the training pictures.
    """

    method: str
    threshold: float = -np.inf
    arrays: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def score(self, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """float [n], higher for more familiar; of features [n, d] and logits [n, classes]."""
        if self.method == "probability":
            return softmax(logits, axis=1).max(axis=1)
        if self.method == "energy":
            return logsumexp(logits, axis=1)
        if self.method == "cosine":
            apart = _unit(features - self.arrays["centre"])
            return (apart @ self.arrays["directions"]).max(axis=1).astype(float)
        if self.method == "neighbour":
            nearness = _unit(features) @ self.arrays["units"].T
            place = min(NEIGHBOUR, nearness.shape[1])
            return np.partition(nearness, -place, axis=1)[:, -place].astype(float)
        moved = features @ self.arrays["whitening"]
        gaps = moved[:, None] - self.arrays["centres"][None]
        return -np.sqrt((gaps**2).sum(axis=2).min(axis=1)).astype(float)


def _unit(features: np.ndarray) -> np.ndarray:
    return features / (np.linalg.norm(features, axis=1, keepdims=True) + 1e-9)


def _learned(method: str, head: Head, features, labels) -> Familiarity:
    if method == "cosine":
        centre = features.mean(axis=0).astype(np.float32)
        against = head.kernel - head.kernel.mean(axis=1, keepdims=True)
        return Familiarity(method, arrays={"centre": centre, "directions": _unit(against.T).T})
    if method == "neighbour":
        return Familiarity(method, arrays={"units": _unit(features).astype(np.float32)})
    if method == "mahalanobis":
        centres = np.stack([features[labels == k].mean(axis=0) for k in np.unique(labels)])
        apart = features - centres[np.searchsorted(np.unique(labels), labels)]
        precision = LedoitWolf(assume_centered=True, store_precision=True).fit(apart).precision_
        values, vectors = np.linalg.eigh(precision)
        whitening = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
        return Familiarity(method, arrays={"whitening": whitening, "centres": centres @ whitening})
    return Familiarity(method)


def learn(
    method: str,
    head: Head,
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    kept: float = 0.95,
    seed: int = 0,
) -> Familiarity:
    """Learn what is familiar from training pictures, and choose the threshold.

    Args:
        method: of `METHODS`.
        head: trained on the same rows; its held-out logits are used.
        features: float [n, d]. labels: int [n]. groups: see `head.fit`.
        kept: share of familiar pictures that the threshold keeps.

    Raises:
        ValueError: an unknown method, or `kept` is no share.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r}; there are {', '.join(METHODS)}.")
    if not 0 < kept < 1:
        raise ValueError(f"kept={kept} must lie between 0 and 1, such as 0.95.")
    scores = held_out_scores(method, head, features, labels, groups, seed)
    whole = _learned(method, head, features, labels)
    return Familiarity(method, float(np.quantile(scores, 1 - kept)), whole.arrays)


def learn_once(
    method: str, head: Head, features: np.ndarray, labels: np.ndarray, held_out: np.ndarray,
    *, kept: float = 0.95,
) -> Familiarity:  # fmt: skip
    """`learn` with one set of rows that the features' own network has not learned from.

    Args:
        held_out: row numbers that choose the threshold.
    """
    rest = np.setdiff1d(np.arange(len(labels)), held_out)
    logits = head.logits(features[held_out]) / head.temperature
    part = _learned(method, head, features[rest], labels[rest])
    scores = part.score(features[held_out], logits)
    whole = _learned(method, head, features, labels)
    return Familiarity(method, float(np.quantile(scores, 1 - kept)), whole.arrays)


def held_out_scores(method, head, features, labels, groups=None, seed=0) -> np.ndarray:
    """Each training picture's score by a copy that had not seen it, float [n]."""
    logits, scores = head.held_out / head.temperature, np.empty(len(labels))
    folds = min(FOLDS, int(np.bincount(labels).min()))
    for train, test in dealt(labels, groups, folds, seed):
        part = _learned(method, head, features[train], labels[train])
        scores[test] = part.score(features[test], logits[test])
    return scores


def measured(
    familiarity: Familiarity, known: np.ndarray, unknown: np.ndarray
) -> dict[str, float]:
    """How well scores tell known from unknown pictures.

    Args:
        known, unknown: scores of pictures that were not learned from.

    Returns:
        "area": under the ROC curve, 0.5 for guessing; "known kept" and "unknown refused": shares
        at the threshold.
    """
    truth = np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    return {
        "area": float(roc_auc_score(truth, np.r_[known, unknown])),
        "known kept": float((known >= familiarity.threshold).mean()),
        "unknown refused": float((unknown < familiarity.threshold).mean()),
    }
