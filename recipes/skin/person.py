"""What is known of the person beside the photograph: age, sex, the place of the lesion.

Who looks at a lesion knows whose it is, and a network that sees the photograph alone does not. Each
thing told moves the answer by its likelihood ratio (Bayes, each for itself):

    P(k | photograph, told) ~ P(k | photograph) * prod_t (P(t | k) / P(t)) ** trust

The trust is below 1 where the photograph shows the same, an old skin for instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

SMOOTH = 2.0  # times so many persons as there are answers, of no class, are thought in
DECADE = 10  # years
FEWEST = 2  # different answers, for a question to say anything


@dataclass(frozen=True)
class Person:
    """Likelihood ratios of what may be told.

    Attributes:
        tables: by question ("age", "sex", "place"), a row for each answer that was met: log of
            P(answer | class) / P(answer), float [answers, classes].
    """

    tables: Mapping[str, pd.DataFrame]

    def evidence(self, rows: pd.DataFrame) -> np.ndarray:
        """Sum of the log ratios of each row, float [n, classes]; what is not told counts nothing.

        Args:
            rows: with "age", "sex" and "place", see `data.Lesions`.
        """
        answers, width = told(rows), len(next(iter(self.tables.values())).columns)
        found = np.zeros((len(rows), width))
        for question, table in self.tables.items():
            found += table.reindex(answers[question]).fillna(0.0).to_numpy()
        return found


def told(rows: pd.DataFrame) -> pd.DataFrame:
    """Each question's answer as a word, None where it is not told; ages by decade."""
    decade = rows["age"] // DECADE * DECADE
    words = {"age": decade.map(lambda years: None if np.isnan(years) else f"{years:.0f}s")}
    for question in ("sex", "place"):
        known = rows[question].astype(str).str.strip().str.lower()
        words[question] = known.where(~known.isin(["", "unknown", "nan", "none"]), None)
    return pd.DataFrame(words, index=rows.index, dtype=object)


def learn(rows: pd.DataFrame, classes: int) -> Person | None:
    """Ratios counted on the training rows; None where nothing is told.

    Args:
        rows: with "label", "age", "sex" and "place".
    """
    tables = {}
    for question, answers in told(rows).items():
        if answers.nunique() < FEWEST:
            continue
        counts = pd.crosstab(answers, rows["label"]).reindex(columns=range(classes), fill_value=0)
        share = counts.sum(axis=1) / counts.to_numpy().sum()
        more = SMOOTH * len(counts)  # a rare class says little of its own
        likely = counts.add(more * share, axis=0) / (counts.sum(axis=0) + more)
        tables[question] = np.log(likely.div(share, axis=0))
    return Person(tables) if tables else None


def joined(found: np.ndarray, evidence: np.ndarray, trust: float) -> np.ndarray:
    """Probabilities [n, classes] of both; `found` of the photograph, see `report.shares`."""
    return np.exp(log_softmax(np.log(np.maximum(found, 1e-12)) + trust * evidence, axis=1))


def trusted(found: np.ndarray, evidence: np.ndarray, labels: np.ndarray) -> float:
    """The trust, 0 to 1, with which the probabilities fit best; of the validation part."""

    def loss(trust: float) -> float:
        both = joined(found, evidence, trust)
        return -np.log(np.maximum(both[np.arange(len(labels)), labels], 1e-9)).mean()

    return float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x)


def beside(rows: Mapping[str, pd.DataFrame], found: Mapping[str, np.ndarray], classes: int
           ) -> tuple[dict[str, np.ndarray], float] | None:  # fmt: skip
    """The probabilities of each part once the persons are known too, and the trust in that.

    Args:
        rows: of "train", "validation" and "test". found: of "validation" and "test", see
            `report.shares`.

    Returns:
        None where nothing is told.
    """
    known = learn(rows["train"], classes)
    if known is None:
        return None
    evidence = {part: known.evidence(rows[part]) for part in found}
    held = rows["validation"]["label"].to_numpy()
    trust = trusted(found["validation"], evidence["validation"], held)
    return {part: joined(found[part], evidence[part], trust) for part in found}, trust
