"""A table with its target in memory, its card, and how its rows are dealt."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.card import DataCard
from common.validation import Report
from recipes.wide_deep.columns import Columns

PARTS = ("train", "validation", "test", "other")


@dataclass(frozen=True)
class TableData:
    """Rows with a target. All arrays have one entry a row.

    Attributes:
        name: "sample", the catalogue's name, or the file's name.
        synthetic: True where no person did what the rows say.
        frame: the raw columns, without the target and the split.
        columns: what each of them is.
        target_name: the column that is to be predicted.
        classes: class names; empty for a numeric target.
        target: int32, label i means `classes[i]`; or float32 values.
        split: str, "train", "validation", "test", or "other" (not used for either).
        report: what was guessed, mended, dropped or found suspicious.
        licence, citation: of the data.
        fingerprint: sha256 of the content.
        group: int rows of one visit or user, for ranking; None where there is none.
        item: the column that names what is ranked, for coverage; None where there is none.
        truth: data frame of what only a synthetic world's maker knows; None else.
        logged: data frame of what the log says of the policy that chose what was shown; None else.
        subgroups: columns within which a reader should look.
        passed: columns of the file that are no features: target, split, group.
    """

    name: str
    synthetic: bool
    frame: pd.DataFrame
    columns: Columns
    target_name: str
    classes: list[str]
    target: np.ndarray
    split: np.ndarray
    report: Report
    licence: str
    citation: str
    fingerprint: str
    group: np.ndarray | None = None
    item: str | None = None
    truth: pd.DataFrame | None = None
    logged: pd.DataFrame | None = None
    subgroups: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    def rows(self, part: str) -> np.ndarray:
        """Row numbers of a part, ascending."""
        return np.flatnonzero(self.split == part)

    def together(self, rows: np.ndarray) -> np.ndarray | None:
        """Which of some rows are of one group; None where each stands for itself, or all do not."""
        groups = None if self.group is None else self.group[rows]
        return None if groups is None or (groups == groups[0]).all() else groups

    def card(self) -> DataCard:
        """Rows and classes of each part, and what is known of the whole."""
        parts = [part for part in PARTS if part in self.split]
        if self.classes:
            coded = pd.Categorical(self.target, range(len(self.classes)))
            table = pd.crosstab(coded, self.split, dropna=False)
            table = table.reindex(columns=parts, fill_value=0)
            table.index = pd.Index(self.classes, name="class")
        else:
            groups = pd.Series(self.target).groupby(self.split)
            table = groups.agg(["size", "mean", "std", "min", "max"]).loc[parts].T
        facts = {
            "rows": f"{len(self):,}",
            "target": self.target_name + (" (classes)" if self.classes else " (a number)"),
            "columns": ", ".join(
                f"{len(names)} {kind}"
                for kind in ("number", "category", "date", "text", "ignore")
                if (names := self.columns.of(kind))
            ),
            "repeated rows": f"{int(self.frame.astype(str).duplicated().sum()):,}",
            "licence": self.licence,
        }
        if self.citation:
            facts["cite"] = self.citation
        facts["sha256"] = self.fingerprint
        title = self.name + (" (synthetic)" if self.synthetic else "")
        return DataCard(title, table, facts, total=bool(self.classes))


def fingerprint(frame: pd.DataFrame, target: np.ndarray, split: np.ndarray, classes) -> str:
    """sha256 over columns, values, target, parts and class names."""
    digest = hashlib.sha256(json.dumps([list(map(str, frame.columns)), list(classes)]).encode())
    text = frame.astype("string").fillna("\0")
    digest.update(pd.util.hash_pandas_object(text, index=False).to_numpy().tobytes())
    digest.update(np.ascontiguousarray(target).tobytes())
    digest.update("\n".join(split).encode())
    return digest.hexdigest()
