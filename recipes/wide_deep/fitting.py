"""Learning bins, vocabularies and crosses from the training rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from common.validation import DataError
from recipes.wide_deep import crosses, dates
from recipes.wide_deep.columns import Columns, as_numbers
from recipes.wide_deep.features import (
    DATE_PARTS,
    Category,
    Cross,
    Features,
    Number,
    label,
    strings,
)

BINS, ROWS_A_BIN = 32, 100  # at most, and at least


def fit(
    frame: pd.DataFrame,
    columns: Columns,
    target: np.ndarray,
    *,
    minimum_count: int = 5,
    cross: str | list[tuple[str, str]] = "auto",
    most_crosses: int = 20,
    buckets: int = 100_000,
    counts: dict[str, pd.Series] | None = None,
    seed: int = 0,
) -> Features:
    """Learn bins, vocabularies and crosses from training rows.

    Args:
        frame: training rows, or a sample of them.
        columns: what each column is.
        target: int classes or float values [rows].
        minimum_count: rows that a category or a pair needs to get an id of its own.
        cross: "auto" proposes pairs, "none" takes none, a list of pairs of column names names
            them.
        most_crosses: at most so many proposed ones.
        buckets: pairs of one cross beyond so many share ids.
        counts: of the values of category columns in all training rows, where `frame` is a
            sample of them.
        seed: of the rows that proposals look at.

    Raises:
        DataError: no column is left to learn from, or a named cross does not exist.
    """
    numbers = [_fit_number(frame[name], name, target) for name in columns.of("number")]
    categories = []
    for name in columns.of("category"):
        known = (counts or {}).get(name)
        values = strings(frame[name]).value_counts() if known is None else known
        categories.append(_category(name, values, minimum_count, "category"))
    for name in columns.of("date"):
        first = columns.day_first(name)
        found = dates.parse(frame[name], first)
        number = _fit_number(pd.Series(found.days), name, target, "date")
        numbers.append(replace(number, day_first=first))
        for part in DATE_PARTS:
            values = getattr(found, part).value_counts()
            if len(values) > 1:
                category = _category(name, values, minimum_count, part)
                categories.append(replace(category, day_first=first))
    # One whose values are all rare says nothing.
    categories = [category for category in categories if category.values]
    found = Features(numbers, categories, columns.of("text"))
    if not found.single and not found.texts:
        raise DataError("There is no column to learn from; see the table of columns.")
    if cross != "none" and len(found.single) > 1:
        ids = found.single_ids(frame)
        sizes = [feature.size for feature in found.single]
        if cross == "auto":
            pairs = crosses.propose(ids, sizes, target, most_crosses, seed)
            pairs = [(pair.first, pair.second) for pair in pairs]
        else:
            pairs = [_places(found, pair) for pair in cross]
        for first, second in pairs:
            key = ids[:, first].astype(np.int64) * sizes[second] + ids[:, second]
            key = key[(ids[:, first] > 0) & (ids[:, second] > 0)]
            keys, rows = np.unique(key, return_counts=True)
            kept = rows >= minimum_count
            if kept.any():
                found.crosses.append(
                    Cross(first, second, sizes[second], keys[kept], rows[kept], buckets)
                )
    return found


def _places(found: Features, pair: tuple[str, str]) -> tuple[int, int]:
    names = [label(feature) for feature in found.single]
    for name in pair:
        if name not in names:
            raise DataError(
                f"CROSSES: {name!r} is no feature to cross. There are: {', '.join(names)}."
            )
    return names.index(pair[0]), names.index(pair[1])


def _category(name: str, values: pd.Series, minimum_count: int, source: str) -> Category:
    values = values[values >= minimum_count]
    order = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    return Category(name, [value for value, _ in order], [int(n) for _, n in order], source)


def _fit_number(
    values: pd.Series, name: str, target: np.ndarray, source: str = "number"
) -> Number:
    """Bins where the target changes: a decision tree on this column alone cuts them.

    Quantiles would put nearly all edges of a column of zeros and a few large values at zero.
    """
    numbers = as_numbers(values)
    there = ~np.isnan(numbers)
    if not there.any():
        raise DataError(f"Column {name!r} holds no number in the training rows.")
    kind = DecisionTreeRegressor if target.dtype.kind == "f" else DecisionTreeClassifier
    fewest = max(1, min(ROWS_A_BIN, there.sum() // 20))
    tree = kind(max_leaf_nodes=BINS, min_samples_leaf=fewest, random_state=0)
    tree.fit(numbers[there, None].astype(np.float32), target[there])
    cuts = np.unique(tree.tree_.threshold[tree.tree_.feature >= 0].astype(np.float32))
    low, high = (float(np.float32(end(numbers[there]))) for end in (np.min, np.max))
    cuts = [float(cut) for cut in cuts if low < cut < high]
    return Number(name, float(np.median(numbers[there])), [low, *cuts, high],
                  bool((~there).any()), source)  # fmt: skip
