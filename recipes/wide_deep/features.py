"""From raw columns to the integers and numbers that the networks read, fitted once.

Every feature turns a row into one number ("id") below its size; 0 means missing or never seen:

    number    the bin it falls into; bins are cut where the target changes (a small decision tree)
    category  its place in the vocabulary of the training rows
    date      days as a number; weekday, month and hour as categories
    text      a fixed number of hashed words, one id each
    cross     the pair of two features' ids, where the training rows hold it often enough

The wide part reads all ids. The deep part embeds those of the categories and reads the numbers
themselves. `Features.arrays` does this for data frames and `graph.py` inside a SavedModel.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from common import files
from common.validation import DataError
from recipes.wide_deep import dates
from recipes.wide_deep.columns import as_numbers, is_missing

WORDS, WORD_BUCKETS = 16, 4096  # of a text column: hashed words a row, and their buckets
DATE_PARTS = ("weekday", "month", "hour")
WHOLE = r"^([+-]?\d+)\.0+$"  # a number that is whole


@dataclass
class Number:
    """A number: `median` stands in where it is missing; `edges` are the borders of its bins.

    `edges` are [lowest, cuts ..., highest] of the training rows; bin k + 1 begins at edges[k].
    """

    name: str
    median: float
    edges: list[float]
    gaps: bool  # it is missing in some training rows
    source: str = "number"  # or "date": days since 1970
    day_first: bool = False  # of dates with slashes

    @property
    def size(self) -> int:
        return len(self.edges)  # the bins, and 0 for missing


@dataclass
class Category:
    """A category: `values` in the order of their ids from 1; the most frequent is first."""

    name: str
    values: list[str]
    counts: list[int]
    source: str = "category"  # or "weekday", "month", "hour" of the date column `name`
    day_first: bool = False  # of dates with slashes

    @property
    def size(self) -> int:
        return len(self.values) + 1


@dataclass
class Cross:
    """Two features by their places among the single ones; `keys` are the pairs kept, ascending.

    A pair's key is first id * size of the second + second id. More than `buckets` keys are hashed.
    """

    first: int
    second: int
    stride: int
    keys: np.ndarray  # int64
    counts: np.ndarray  # int64, rows of each key
    buckets: int

    @property
    def hashed(self) -> bool:
        """Whether several pairs share an id."""
        return len(self.keys) > self.buckets

    @property
    def size(self) -> int:
        return min(len(self.keys), self.buckets) + 1


@dataclass
class Features:
    """What was learned of the training rows' columns. The ids stand in this order."""

    numbers: list[Number]
    categories: list[Category]
    texts: list[str]
    crosses: list[Cross] = field(default_factory=list)

    # --- shapes -------------------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """The raw columns that are read, each once."""
        names = [feature.name for feature in (*self.numbers, *self.categories)] + self.texts
        return list(dict.fromkeys(names))

    @property
    def single(self) -> list[Number | Category]:
        """All features of one column, texts apart."""
        return [*self.numbers, *self.categories]

    @property
    def sizes(self) -> list[int]:
        """Numbers of each id column: singles, words of texts, crosses."""
        words = [WORD_BUCKETS + 1] * (WORDS * len(self.texts))
        singles = [feature.size for feature in self.single]
        return [*singles, *words, *(cross.size for cross in self.crosses)]

    @property
    def offsets(self) -> np.ndarray:
        """Where each id column begins in one common table, int64."""
        return np.cumsum([0, *self.sizes])[:-1]

    @property
    def embedded(self) -> range:
        """The id columns that the deep part embeds: the categories'."""
        return range(len(self.numbers), len(self.single))

    def names(self) -> list[str]:
        """A name for each id column."""
        singles = [label(feature) for feature in self.single]
        words = [f"{name}, word {k + 1}" for name in self.texts for k in range(WORDS)]
        pairs = [f"{singles[c.first]} × {singles[c.second]}" for c in self.crosses]
        return [*singles, *words, *pairs]

    def value_names(self, column: int) -> list[str]:
        """What the ids 0, 1, ... of a single feature mean."""
        feature = self.single[column]
        if isinstance(feature, Category):
            return ["missing or new", *feature.values]
        cuts = feature.edges
        if feature.source == "date":
            cuts = [str(np.datetime64(int(edge), "D")) for edge in cuts]
        else:
            cuts = [f"{edge:.6g}" for edge in cuts]
        return ["missing", *(f"{a} to {b}" for a, b in zip(cuts, cuts[1:], strict=False))]

    # --- applying -----------------------------------------------------------------------------

    def arrays(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """The networks' inputs for rows of the table.

        Returns:
            "ids" int32 [rows, id columns], each below its entry of `sizes`; "numbers" float32
            [rows, numbers], the median where one is missing.

        Raises:
            DataError: a column is missing from the frame.
        """
        absent = [name for name in self.columns if name not in frame]
        if absent:
            raise DataError(f"The table has no column {', '.join(map(repr, absent))}.")
        singles = self.single_ids(frame)
        parts = [singles, *(_words(frame[name]) for name in self.texts)]
        for cross in self.crosses:
            parts.append(_cross_ids(cross, singles)[:, None])
        numbers = [self._filled(feature, frame) for feature in self.numbers]
        return {
            "ids": np.concatenate(parts, axis=1).astype(np.int32),
            "numbers": np.stack(numbers, axis=1).astype(np.float32)
            if numbers else np.zeros((len(frame), 0), np.float32),
        }  # fmt: skip

    def _values(self, feature: Number, frame: pd.DataFrame) -> np.ndarray:
        if feature.source == "date":
            return dates.parse(frame[feature.name], feature.day_first).days
        return as_numbers(frame[feature.name])

    def _filled(self, feature: Number, frame: pd.DataFrame) -> np.ndarray:
        values = self._values(feature, frame)
        return np.where(np.isnan(values), feature.median, values)

    def single_ids(self, frame: pd.DataFrame) -> np.ndarray:
        """int32 [rows, single features], 0 for missing or new."""
        ids = np.zeros((len(frame), len(self.single)), np.int32)
        for place, feature in enumerate(self.single):
            if isinstance(feature, Number):
                values = self._values(feature, frame)
                cuts = np.asarray(feature.edges[1:-1], np.float32)
                bins = np.searchsorted(cuts, values.astype(np.float32), side="right") + 1
                ids[:, place] = np.where(np.isnan(values), 0, bins)
                continue
            column = frame[feature.name]
            if feature.source == "category":
                said = strings(column)
            else:
                said = getattr(dates.parse(column, feature.day_first), feature.source)
            ids[:, place] = pd.Index(feature.values).get_indexer(said) + 1
        return ids

    # --- files --------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write as .npz without pickles: JSON, and the keys of the crosses as arrays."""
        state = {
            "numbers": [asdict(feature) for feature in self.numbers],
            "categories": [asdict(feature) for feature in self.categories],
            "texts": self.texts,
            "crosses": [[c.first, c.second, c.stride, c.buckets] for c in self.crosses],
        }
        arrays = {}
        for number, cross in enumerate(self.crosses):
            arrays |= {f"keys_{number}": cross.keys, f"counts_{number}": cross.counts}
        with files.whole(path) as aside:
            np.savez_compressed(aside, state=np.array(json.dumps(state)), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Features:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            state = json.loads(str(file["state"]))
            pairs = [
                Cross(first, second, stride, file[f"keys_{k}"], file[f"counts_{k}"], buckets)
                for k, (first, second, stride, buckets) in enumerate(state["crosses"])
            ]
        return cls(
            [Number(**feature) for feature in state["numbers"]],
            [Category(**feature) for feature in state["categories"]],
            state["texts"],
            pairs,
        )


def label(feature: Number | Category) -> str:
    """The name of a feature; parts of dates name themselves."""
    plain = feature.source in ("number", "category", "date")
    return feature.name if plain else f"{feature.name}: {feature.source}"


def strings(values: pd.Series) -> pd.Series:
    """Values as text, blanks removed, <NA> where nothing stands; 18.0 is 18.

    Whole numbers with gaps are floats in many tools, which write them so.
    """
    said = values.astype("string").str.strip().mask(is_missing(values))
    return said.str.replace(WHOLE, r"\1", regex=True)


def _cross_ids(cross: Cross, singles: np.ndarray) -> np.ndarray:
    first, second = singles[:, cross.first].astype(np.int64), singles[:, cross.second]
    key = first * cross.stride + second
    place = np.minimum(np.searchsorted(cross.keys, key), len(cross.keys) - 1)
    known = cross.keys[place] == key
    if cross.hashed:
        place = mixed(key, cross.buckets)
    return np.where(known, place + 1, 0)


def mixed(key, buckets: int):
    """Spread int64 keys over buckets; the same in NumPy and in a graph, without overflow."""
    return key % 2_147_483_647 * 1_000_003 % buckets


def _words(values: pd.Series) -> np.ndarray:
    """Hashed lower-case words, int32 [rows, WORDS]; 0 where there are no more."""
    import tensorflow as tf

    from recipes.wide_deep.graph import hashed_words

    texts = values.astype("string").mask(is_missing(values), "").to_list()
    parts = [
        hashed_words(tf.constant(texts[start : start + 8192])).numpy()
        for start in range(0, len(texts), 8192)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, WORDS), np.int32)
