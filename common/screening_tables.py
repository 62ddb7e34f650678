"""Tables of `common.screening`: operating points beside each other, subgroups, human readers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict

from common import metrics
from common.metrics import Interval, PairedTest
from common.screening import OperatingPoint, _checked, _exact, _rates, auc

GROUPS_UP_TO = 40  # more values of one variable are measurements and not groups


class Reader(BaseModel):
    """How a person, or the vote of several, grades, and the model at no lower specificity."""

    model_config = ConfigDict(frozen=True)

    name: str
    sensitivity: Interval  # exact, on the pictures that were graded; so is specificity
    specificity: Interval
    of_model: Interval | None  # its sensitivity on the same pictures
    difference: PairedTest | None  # of the model's sensitivity, less the reader's

    @property
    def below_curve(self) -> bool | None:
        """Whether the model's curve passes above the reader's point; None without a model."""
        return self.of_model and self.of_model.value > self.sensitivity.value


class Panel(BaseModel):
    """Readers of the same pictures and their majority vote."""

    model_config = ConfigDict(frozen=True)

    readers: tuple[Reader, ...]
    majority: Reader

    @property
    def share_below(self) -> float | None:
        """Share of the readers below the model's curve, from 0 to 1; None without a model."""
        below = [reader.below_curve for reader in self.readers]
        return None if None in below else float(np.mean(below))

    def table(self) -> pd.DataFrame:
        """A row a reader and one for the vote, as text."""
        everybody, rows = (*self.readers, self.majority), []
        for reader in everybody:
            row: dict[str, Any] = {"pictures": reader.sensitivity.n + reader.specificity.n,
                                   "sensitivity": str(reader.sensitivity),
                                   "specificity": str(reader.specificity)}
            if reader.of_model is not None:
                row["model's sensitivity there"] = str(reader.of_model)
                row["model less reader"] = str(reader.difference)
                row["below the curve"] = "yes" if reader.below_curve else "no"
            rows.append(row)
        return pd.DataFrame(rows, index=[reader.name for reader in everybody])


def readers(labels: ArrayLike, grades: pd.DataFrame, cut: float,
            scores: ArrayLike | None = None) -> Panel:
    """Judge human readers, and the model against each at the cost that the reader causes.

    The model is set to the lowest threshold at which it is no less specific than the reader, on
    the pictures that this reader graded, and the two sensitivities are compared by McNemar's
    exact test (`metrics.paired`) on the positive ones. That threshold is found on the same
    pictures, and the test takes it for given. The p-values are not corrected for the number of
    readers. A reader is below the curve where the model's sensitivity is the higher one (Esteva
    et al. 2017, figure 3): between two thresholds the curve is not joined by a slanted line.

    Args:
        labels: the truth, from elsewhere (biopsy, adjudication). A majority of the same readers
            flatters them.
        grades: numbers, a column a reader and a row a picture in the order of labels; missing
            ones are left out, for that reader alone.
        cut: a grade of at least this is a call of "positive".
        scores: of the model, shape (n,); None judges the readers alone.

    Returns:
        The readers in the order of columns, and the majority vote of those who graded a picture.
        A tie counts as positive: in screening, doubt is settled by a referral.

    Raises:
        ValueError: labels, grades or scores of a wrong kind or length, or a reader who graded
            no picture of a class.
    """
    truth, values = _checked(labels, np.zeros(np.shape(labels)) if scores is None else scores)
    try:
        table = grades.to_numpy(dtype=float, na_value=math.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"grades must be numbers or missing, a column a reader: {error}") from None
    if len(table) != len(truth) or not table.shape[1]:
        raise ValueError(f"grades has {len(table)} rows and {table.shape[1]} readers for "
                         f"{len(truth)} pictures; give a row a picture, in the order of labels.")
    graded, votes = ~np.isnan(table), table >= cut
    model = None if scores is None else values
    found = [_reader(str(name), truth, votes[:, k], graded[:, k], model)
             for k, name in enumerate(grades)]
    vote = 2 * votes.sum(axis=1) >= graded.sum(axis=1)
    return Panel(readers=tuple(found),
                 majority=_reader("majority", truth, vote, graded.any(axis=1), model))


def side_by_side(points: Mapping[str, OperatingPoint]) -> pd.DataFrame:
    """Operating points as text, a column each and a row a figure, for a notebook.

    Args:
        points: by name. Rows of a stated prevalence are there where a point has one.
    """
    if not points:
        raise ValueError("points is empty; give operating points of `measure` by name.")
    columns = {}
    for name, point in points.items():
        column = {"threshold": f"{point.threshold:.4g}", "sensitivity": str(point.sensitivity),
                  "specificity": str(point.specificity)}
        for values in (point.predictive, point.elsewhere):
            if values is not None:
                where = "own" if values is point.predictive else "stated"
                column[f"{where} prevalence"] = f"{values.prevalence:.3f}"
                for side, value in (("positive", values.positive), ("negative", values.negative)):
                    text = f"{value:.4f}" if value else f"nothing called {side}"
                    column[f"{side} predictive value, {where} prevalence"] = text
        column["F score"] = f"{point.f_score:.3f}"
        for count in ("true_positives", "false_positives", "false_negatives", "true_negatives"):
            column[count.replace("_", " ")] = f"{getattr(point, count):,}"
        columns[name] = column
    longest = max(columns.values(), key=len)
    return pd.DataFrame(columns, index=list(longest)).fillna("")


def subgroups(
    labels: ArrayLike,
    scores: ArrayLike,
    threshold: float,
    groups: pd.DataFrame,
    least: int = 10,
) -> pd.DataFrame:
    """Area, sensitivity and specificity of every value of every variable, and of all pictures.

    Args:
        threshold: see `choose`.
        groups: a row a picture in the order of labels, a column a variable (age band, sex, site);
            categories keep their order, missing values are a group "not known".
        least: positive and negative pictures below which a group is marked as too small. Its
            figures stay, NaN where there is none: exact intervals tell by themselves how little
            few pictures say, DeLong's do not.

    Returns:
        A row a group: "variable", "group", "n", "positives", then "auc", "auc low", "auc high",
        likewise "sensitivity" and "specificity", and "too small" (bool).

    Raises:
        ValueError: labels or scores of a wrong kind, one class, a table of another length, or a
            variable with more than 40 values.
    """
    truth, values = _checked(labels, scores)
    if len(groups) != len(truth):
        raise ValueError(f"groups has {len(groups)} rows and labels {len(truth)} pictures; give a "
                         "row a picture, in the order of labels.")
    rows = [("all", "all pictures", np.ones(len(truth), bool))]
    for variable in groups:
        column = groups[variable].reset_index(drop=True)
        parts = column.groupby(column, observed=True).groups
        if len(parts) > GROUPS_UP_TO:
            raise ValueError(f"groups[{variable!r}] has {len(parts)} values; make at most "
                             f"{GROUPS_UP_TO} bands of it, with pandas.cut.")
        rows += [(variable, value, column.index.isin(index)) for value, index in parts.items()]
        if column.isna().any():
            rows.append((variable, "not known", column.isna().to_numpy()))
    return pd.DataFrame([
        {"variable": str(variable), "group": str(value),
         **_of_group(truth[member], values[member], threshold, least)}
        for variable, value, member in rows
    ])


def _of_group(truth: np.ndarray, scores: np.ndarray, threshold: float, least: int
              ) -> dict[str, Any]:
    called, positives, negatives = scores >= threshold, int(truth.sum()), int((~truth).sum())
    fewer = min(positives, negatives)
    found = {"auc": auc(truth, scores) if fewer >= 2 else None,
             "sensitivity": _exact(int(called[truth].sum()), positives),
             "specificity": _exact(int((~called[~truth]).sum()), negatives)}
    figures: dict[str, Any] = {"n": len(truth), "positives": positives}
    for name, interval in found.items():
        bounds = (interval.value, interval.low, interval.high) if interval else (math.nan,) * 3
        figures |= dict(zip((name, f"{name} low", f"{name} high"), bounds, strict=True))
    return {**figures, "too small": fewer < least}


def _reader(name: str, truth: np.ndarray, calls: np.ndarray, graded: np.ndarray,
            scores: np.ndarray | None) -> Reader:
    """Judge calls, bool [n], on the graded pictures, bool [n]."""
    truth, calls = truth[graded], calls[graded]
    if truth.all() or not truth.any():
        raise ValueError(f"{name} graded {int(truth.sum())} positive and {int((~truth).sum())} "
                         "negative pictures; leave out the column, or add grades.")
    caught, spared = calls[truth], ~calls[~truth]
    found = {"name": name, "sensitivity": metrics.exact(int(caught.sum()), len(caught)),
             "specificity": metrics.exact(int(spared.sum()), len(spared))}
    if scores is None:
        return Reader(**found, of_model=None, difference=None)
    scores = scores[graded]
    cuts = np.append(np.unique(scores), math.inf)  # the last one calls nothing positive
    enough = _rates(truth, scores, cuts)[1] >= found["specificity"].value
    of_model = scores[truth] >= cuts[np.argmax(enough)]
    return Reader(**found, of_model=metrics.exact(int(of_model.sum()), len(of_model)),
                  difference=metrics.paired(of_model, caught))
