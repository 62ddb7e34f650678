"""The features inside a TensorFlow graph, for a SavedModel that takes raw rows."""

from __future__ import annotations

import re

import numpy as np
import tensorflow as tf

from recipes.wide_deep.columns import MISSING
from recipes.wide_deep.features import (
    WORD_BUCKETS,
    WORDS,
    Cross,
    Features,
    Number,
    mixed,
)


def signature(features: Features) -> dict[str, tf.TensorSpec]:
    """What the graph takes for each raw column: float32 numbers (NaN is missing), else strings.

    The specs' names are those of the columns, in letters that a SavedModel allows: "pay (EUR)" is
    pay__EUR_.
    """
    numbers = {feature.name for feature in features.numbers if feature.source == "number"}
    specs, taken = {}, set()
    for column in features.columns:
        name = re.sub(r"[^A-Za-z0-9_]", "_", column)
        name = name if name[0].isalpha() else f"column_{name}"
        while name.casefold() in taken:
            name += "_"
        taken.add(name.casefold())
        kind = tf.float32 if column in numbers else tf.string
        specs[column] = tf.TensorSpec([None], kind, name=name)
    return specs


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
        dates = {
            name: _dates(raw[name])
            for name in {f.name for f in features.single if f.source not in ("number", "category")}
        }
        for feature in features.numbers:
            values = dates[feature.name]["days"] if feature.source == "date" else raw[feature.name]
            parts.append(_bins(feature, values))
            median = tf.constant(feature.median, tf.float32)
            numbers.append(tf.where(tf.math.is_nan(values), median, values))
        for feature, table in zip(features.categories, self.tables, strict=True):
            if feature.source == "category":
                said = _known(raw[feature.name])
            else:
                said = dates[feature.name][feature.source]
            parts.append(table.lookup(said))
        singles = tf.stack(parts, axis=1) if parts else None
        columns = [] if singles is None else [singles]
        columns += [hashed_words(raw[name]) for name in features.texts]
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


def _dates(said: tf.Tensor) -> dict[str, tf.Tensor]:
    """Days since 1970 (float32, NaN for no date) and the parts as text ("" for no date).

    Takes 2020-04-03, 3.4.2020 and 04/03/2020, with or without a time of day such as 10:20:30.
    """
    said = tf.strings.strip(said)
    time = r"([ T](\d{1,2})(:.*)?)?"
    forms = (  # pattern, and where year, month and day stand in it
        (rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){time}", r"\1,\2,\3,0\5"),
        (rf"(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}){time}", r"\3,\2,\1,0\5"),
        (rf"(\d{{1,2}})/(\d{{1,2}})/(\d{{4}}){time}", r"\3,\1,\2,0\5"),
    )
    parts = tf.fill(tf.shape(said), "0,0,0,0")
    for pattern, order in forms:
        hit = tf.strings.regex_full_match(said, pattern)
        parts = tf.where(hit, tf.strings.regex_replace(said, f"^{pattern}$", order), parts)
    fields = tf.strings.to_number(tf.strings.split(parts, ",").to_tensor(), tf.int64)
    year, month, day, hour = tf.unstack(fields, num=4, axis=1)
    good = (year > 0) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    days = _days_from_civil(year, month, day)

    def text(values):
        return tf.where(good, tf.strings.as_string(values), tf.constant(""))

    return {
        "days": tf.where(good, tf.cast(days, tf.float32), tf.constant(np.nan, tf.float32)),
        "weekday": text((days + 3) % 7),  # the first of January 1970 was a Thursday
        "month": text(month),
        "hour": text(hour),
    }


def _days_from_civil(year, month, day):
    """Days since 1970 in the Gregorian calendar, whose years here begin in March."""
    year = year - tf.cast(month <= 2, tf.int64)
    century, within = year // 400, year % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return century * 146_097 + within * 365 + within // 4 - within // 100 + of_year - 719_468
