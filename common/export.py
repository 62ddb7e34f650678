"""Models that leave the project: SavedModels in TF Serving's layout, and the card beside them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from common import files


class ExportError(ValueError):
    """An export that does not do what the model does; nothing was left in the folder."""


def require_tensorflow(what: str = "a SavedModel") -> None:
    """Refuse an export that only TensorFlow makes.

    Raises:
        RuntimeError: Keras runs on another backend.
    """
    import keras  # not above: whoever serves an export needs none

    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise RuntimeError(f"Keras runs on {backend}; {what} needs TensorFlow. Load what this run "
                           "saved once with KERAS_BACKEND=tensorflow and export there.")


def saved_model(
    folder: str | Path,
    module: Any,
    signature: str,
    example: Mapping[str, ArrayLike],
    check: Mapping[str, ArrayLike] | None = None,
    tolerance: float = 1e-5,
) -> Path:
    """Export to `folder/<n>/`, n one above the highest there, and prove that it works.

    The SavedModel is written aside, loaded again, run on the example and compared; only then it
    gets its number, so TF Serving never sees one that is unfinished or wrong.

    Args:
        module: a `tf.Module` that holds every variable and table it uses.
        signature: name of its method to export, a `tf.function` with an `input_signature` that
            returns a dict. It also becomes "serving_default".
        example: inputs by name.
        check: outputs by name that the export must give for the example, computed by other
            means (such as the Python pipeline). The module's own outputs are compared anyway.
        tolerance: largest absolute difference of a number; text must be equal.

    Returns:
        The folder of the new version.

    Raises:
        ExportError: the outputs differ, or the signature cannot be exported.
    """
    import tensorflow as tf

    function = getattr(module, signature, None)
    # A concrete function names its inputs itself: where they are not known when code is written.
    concrete = hasattr(function, "structured_input_signature")
    if not concrete and getattr(function, "input_signature", None) is None:
        raise ExportError(f"signature={signature!r}: the module needs a method of this name, "
                          "decorated with @tf.function(input_signature=[...]).")
    folder = Path(folder)
    aside = folder / f".writing-{os.getpid()}"  # TF Serving looks at names that are numbers only
    shutil.rmtree(aside, ignore_errors=True)
    try:
        names = {signature: function, "serving_default": function}
        tf.get_logger().setLevel("ERROR")  # "Assets written to" would name the folder aside
        tf.saved_model.save(module, str(aside), signatures=names)
        loaded = tf.saved_model.load(str(aside)).signatures[signature]
        wanted = loaded.structured_input_signature[1]
        if set(wanted) != set(example):
            raise ExportError(f"example has the inputs {sorted(example)}; the signature "
                              f"{signature!r} takes {sorted(wanted)}.")
        inputs = {name: tf.constant(value, wanted[name].dtype) for name, value in example.items()}
        given = {name: value.numpy() for name, value in loaded(**inputs).items()}
        own = {name: value.numpy() for name, value in function(**inputs).items()}
        _compare(given, own, "the module itself", tolerance)
        _compare(given, check or {}, "`check`", tolerance)
        return _number(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def model_card(
    folder: str | Path,
    *,
    title: str,
    task: str,
    inputs: str,
    outputs: str,
    limits: Sequence[str],
    record: Mapping[str, Any],
) -> Path:
    """Write README.md beside an export: what it does, how well, on what, and what it cannot.

    Args:
        title: the model's name. task: one or two sentences.
        inputs, outputs: what goes in and comes out, with shapes and types.
        limits: what a user must know before trusting it; a sentence each.
        record: content of metrics.json.

    Raises:
        ExportError: a text or every limit is missing.
    """
    for name, text in {"title": title, "task": task, "inputs": inputs, "outputs": outputs}.items():
        if not text.strip():
            raise ExportError(f"{name} is empty; a model card needs it.")
    if not limits:
        raise ExportError("limits is empty; every model has some, name them.")
    data = record["data"]
    synthetic = " (synthetic, made by a script)" if data["synthetic"] else ""
    rows = [_metric_row(metric) for metric in record["metrics"]]
    commit = record["commit"] or "unknown"
    changed = ", with uncommitted changes" if record["dirty"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    parameters = ", ".join(f"`{name} = {value!r}`" for name, value in record["parameters"].items())
    text = f"""# {title}

{task}

- **Input:** {inputs}
- **Output:** {outputs}

## Data

{data["name"]}{synthetic}, {data["rows"]:,} rows, licence: {data["licence"]}. \
Fingerprint `{data["fingerprint"]}`.

## Measured

| Data | Variant | Metric | Value | 95 % interval | n | Seeds |
|---|---|---|---:|---|---:|---|
{chr(10).join(rows)}

## Limits

{chr(10).join(f"- {limit}" for limit in limits)}

## Made

{record["date"]}, recipe `{record["recipe"]}`, commit `{commit}`{changed}. {versions}.
Parameters: {parameters}.
"""
    path = Path(folder) / "README.md"
    files.write_text(path, text)
    return path


def _compare(given: Mapping, expected: Mapping, source: str, tolerance: float) -> None:
    for name, values in expected.items():
        if name not in given:
            raise ExportError(f"The exported model gives no {name!r}, which {source} has; it gives "
                              f"{sorted(given)}.")
        ours, theirs = _plain(given[name]), _plain(values)
        if ours.shape != theirs.shape:
            raise ExportError(f"The exported model's {name!r} has shape {ours.shape}, that of "
                              f"{source} {theirs.shape}.")
        if ours.dtype.kind in "US" or theirs.dtype.kind in "US":
            wrong = int(np.sum(ours != theirs))
            if wrong:
                raise ExportError(f"{wrong} of {ours.size} values of the exported model's "
                                  f"{name!r} differ from {source}.")
        else:
            # nan would pass "greater than tolerance" unseen.
            gap = np.abs(ours.astype(float) - theirs.astype(float))
            if not np.all(gap <= tolerance):
                raise ExportError(f"The exported model's {name!r} is up to {np.max(gap):.3g} off "
                                  f"{source}; {tolerance:g} is allowed.")


def _plain(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind in "OS":  # TensorFlow's strings are bytes
        # Not all bytes are text: a file's come through as they are.
        texts = [v.decode("utf-8", "surrogateescape") if isinstance(v, bytes) else str(v)
                 for v in array.ravel()]  # fmt: skip
        return np.array(texts, dtype=str).reshape(array.shape)
    return array


def _number(aside: Path, folder: Path) -> Path:
    for _ in range(100):
        taken = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]
        target = folder / str(max(taken, default=0) + 1)
        try:
            os.rename(aside, target)  # fails if another process took the number meanwhile
        except OSError:
            if not target.exists():
                raise
        else:
            return target
    raise ExportError(f"{folder} gains versions faster than this one finds a free number.")


def _metric_row(metric: Mapping[str, Any]) -> str:
    bounds = "–"
    if metric["low"] is not None:
        bounds = f"{metric['low']:.4f} to {metric['high']:.4f} ({metric['interval']})"
    seeds = ", ".join(map(str, metric["seeds"])) or "–"
    cells = [metric["data"], metric["variant"], metric["metric"], f"{metric['value']:.4f}", bounds,
             str(metric["n"]), seeds]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
