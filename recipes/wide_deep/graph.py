"""The features inside a TensorFlow graph, for a SavedModel that takes raw rows."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import tensorflow as tf

from recipes.wide_deep import dates
from recipes.wide_deep.columns import MISSING, as_numbers
from recipes.wide_deep.features import (
    WHOLE,
    WORD_BUCKETS,
    WORDS,
    Cross,
    Features,
    Number,
    mixed,
    strings,
)


def signature(features: Features) -> dict[str, tf.TensorSpec]:
    """What the graph takes for each raw column: float32 numbers (NaN is missing), else strings.

    The specs' names are those of the columns, in letters that a SavedModel allows: "pay (EUR)" is
    pay__EUR_.
    """
    numbers = {feature.name for feature in features.numbers if feature.source == "number"}
    specs, taken = {}, {"self"}
    for column in features.columns:
        name = re.sub(r"[^A-Za-z0-9_]", "_", column)
        name = name if name[:1].isalpha() else f"column_{name}"
        while name.casefold() in taken:
            name += "_"
        taken.add(name.casefold())
        kind = tf.float32 if column in numbers else tf.string
        specs[column] = tf.TensorSpec([None], kind, name=name)
    return specs


def example(features: Features, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Raw rows as the graph takes them: float32 numbers (NaN missing), else strings, by column."""
    return {
        name: as_numbers(frame[name]).astype(np.float32) if spec.dtype == tf.float32
        else strings(frame[name]).fillna("").to_numpy(dtype=object)
        for name, spec in signature(features).items()
    }  # fmt: skip


class FeatureGraph(tf.Module):
    """Raw columns to the networks' inputs, as `Features.arrays` computes them."""

    def __init__(self, features: Features):
        super().__init__()
        self.features = features
        self.tables = [
            tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(
                    tf.constant(feature.values, tf.string),
                    tf.range(1, len(feature.values) + 1),
                ),
                default_value=0,
            )
            for feature in features.categories
        ]
        # Variables, because a graph would hold a copy of an array for each place that reads it.
        self.keys = [tf.Variable(cross.keys, trainable=False) for cross in features.crosses]

    def __call__(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """"ids" int32 [rows, id columns] and "numbers" float32 [rows, numbers]."""
        features, parts, numbers = self.features, [], []
        found = {
            feature.name: _dates(raw[feature.name], feature.day_first)
            for feature in features.numbers
            if feature.source == "date"
        }
        for feature in features.numbers:
            values = found[feature.name]["days"] if feature.source == "date" else raw[feature.name]
            parts.append(_bins(feature, values))
            median = tf.constant(feature.median, tf.float32)
            numbers.append(tf.where(tf.math.is_nan(values), median, values))
        for feature, table in zip(features.categories, self.tables, strict=True):
            if feature.source == "category":
                said = _known(raw[feature.name])
            else:
                said = found[feature.name][feature.source]
            parts.append(table.lookup(said))
        singles = tf.stack(parts, axis=1) if parts else None
        columns = [] if singles is None else [singles]
        columns += [hashed_words(_known(raw[name])) for name in features.texts]
        for cross, keys in zip(features.crosses, self.keys, strict=True):
            columns.append(_cross_ids(cross, keys, singles)[:, None])
        rows = tf.shape(next(iter(raw.values())))[0]
        return {
            "ids": tf.concat(columns, axis=1),
            "numbers": tf.stack(numbers, axis=1) if numbers else tf.zeros([rows, 0]),
        }


def hashed_words(texts: tf.Tensor) -> tf.Tensor:
    """Hashed lower-case words of each text, the first `WORDS` of them, 0 where there are no more.

    Args:
        texts: string [rows].

    Returns:
        int32 [rows, WORDS], from 1 to `WORD_BUCKETS`.
    """
    lower = tf.strings.lower(texts, encoding="utf-8")
    words = tf.strings.split(tf.strings.regex_replace(lower, r"[^\pL\pN]+", " "))[:, :WORDS]
    hashed = tf.strings.to_hash_bucket_fast(words.flat_values, WORD_BUCKETS) + 1
    ids = words.with_flat_values(tf.cast(hashed, tf.int32))
    return ids.to_tensor(shape=[None, WORDS])


def _known(said: tf.Tensor) -> tf.Tensor:
    """Text without blanks around it; the words that mean "missing" become no value at all."""
    said = tf.strings.strip(said)
    pattern = "|".join(word.replace("?", r"\?") for word in MISSING if word)
    missing = tf.strings.regex_full_match(tf.strings.lower(said, encoding="utf-8"), pattern)
    said = tf.strings.regex_replace(said, WHOLE, r"\1")
    return tf.where(missing, tf.constant(""), said)


def _bins(feature: Number, values: tf.Tensor) -> tf.Tensor:
    cuts = np.asarray(feature.edges[1:-1], np.float32)
    bins = tf.searchsorted(tf.constant(cuts), values, side="right") + 1
    return tf.where(tf.math.is_nan(values), 0, bins)


def _cross_ids(cross: Cross, keys: tf.Variable, singles: tf.Tensor) -> tf.Tensor:
    first = tf.cast(singles[:, cross.first], tf.int64)
    key = first * cross.stride + tf.cast(singles[:, cross.second], tf.int64)
    place = tf.minimum(tf.searchsorted(keys, key, out_type=tf.int64), len(cross.keys) - 1)
    known = tf.gather(keys, place) == key
    if cross.hashed:
        place = mixed(key, cross.buckets)
    return tf.cast(tf.where(known, place + 1, 0), tf.int32)


def _dates(said: tf.Tensor, day_first: bool) -> dict[str, tf.Tensor]:
    """What `dates.parse` finds: days since 1970 (float32, NaN for none), parts as text ("")."""
    said = tf.strings.strip(said)
    fields = tf.fill(tf.shape(said), "0,0,0,0")
    for pattern, places in dates.forms(day_first):
        hit = tf.strings.regex_full_match(said, pattern)
        order = ",".join(f"\\{place}" for place in places) + r",0\4"
        fields = tf.where(hit, tf.strings.regex_replace(said, f"^{pattern}$", order), fields)
    numbers = tf.strings.to_number(tf.strings.split(fields, ",").to_tensor(), tf.int64)
    year, month, day, hour = tf.unstack(numbers, num=4, axis=1)
    inside = tf.clip_by_value(month, 1, 12)
    leap = (month == 2) & (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = tf.gather(tf.constant(dates.MONTH_LENGTHS, tf.int64), inside - 1)
    length += tf.cast(leap, tf.int64)
    good = (year > 0) & (month == inside) & (day >= 1) & (day <= length) & (hour < 24)
    days = dates.days_from_civil(year, inside, day)

    def text(values):
        return tf.where(good, tf.strings.as_string(values), tf.constant(""))

    return {
        "days": tf.where(good, tf.cast(days, tf.float32), tf.constant(np.nan, tf.float32)),
        "weekday": text((days + 3) % 7),
        "month": text(month),
        "hour": text(hour),
    }
