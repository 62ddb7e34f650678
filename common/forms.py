"""A trained model in several forms: how large each is, how quick, how a served one answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

TIMED = 30  # inputs for the latency


def pace(one: Callable[[Any], Any], given: Sequence) -> float:
    """Median ms that `one` takes of the first `TIMED`; the first of all is not counted."""
    one(given[0])
    spent = []
    for each in given[:TIMED]:
        began = time.perf_counter()
        one(each)
        spent.append(time.perf_counter() - began)
    return 1e3 * float(np.median(spent))


def megabytes(form: Path | keras.Model) -> float:
    """Of a file, of the files below a folder, or of a model's weights in float32."""
    if isinstance(form, keras.Model):
        return form.count_params() * 4 / 1e6
    inside = [form] if form.is_file() else [each for each in form.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in inside) / 1e6


def served(saved: Path, signature: str, name: str, given: Sequence, pick: Callable[[Any], Any]
           ) -> tuple[list, float]:  # fmt: skip
    """What a SavedModel answers to files, one at a time, and ms a file, the median.

    Args:
        saved: a version that `export.saved_model` made. signature: of it. name: of its input.
        given: the bytes of each file.
        pick: takes the outputs by name, gives what is wanted; None where the file is refused.
    """
    import tensorflow as tf

    # The module must live as long as its function.
    loaded = tf.saved_model.load(str(saved))
    function = loaded.signatures[signature]

    def answer(content: bytes):
        try:
            return pick(function(**{name: tf.constant([content])}))
        except tf.errors.InvalidArgumentError:  # no JPEG or PNG
            return pick(None)

    answer(given[0])  # the first one of all takes longer
    found, spent = [], []
    for content in given:
        began = time.perf_counter()
        found.append(answer(content))
        spent.append(time.perf_counter() - began)
    return found, 1e3 * float(np.median(spent))
