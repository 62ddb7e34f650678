"""Networks for phones and small computers: LiteRT files in float and in whole numbers."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from common import export, files

KINDS = ("float32", "int8_weights", "int8")


def convert(network: keras.Model, examples: np.ndarray, folder: str | Path,
            kinds: Sequence[str] = ("float32", "int8")) -> dict[str, Path]:  # fmt: skip
    """LiteRT files of one picture at a time: pixels from 0 to 255 in, the network's answer out.

    "float32" takes float pixels. "int8_weights" keeps weights in whole numbers, a fourth as large,
    and takes and gives the same. "int8" also computes in whole numbers, takes uint8 pixels, and is
    calibrated on the examples (Jacob et al., CVPR 2018, section 3); what lies far apart in size,
    such as means of squares, does not survive that.

    Args:
        network: float32 [n, height, width, 3] -> one array [n, answers].
        examples: uint8 [m, height, width, 3], training pictures, a hundred or so.
        kinds: of `KINDS`.

    Returns:
        folder/<kind>.tflite by kind.

    Raises:
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    export.require_tensorflow("a LiteRT file")
    import tensorflow as tf

    spec = tf.TensorSpec([1, *examples.shape[1:]], tf.float32, name="pixels")
    call = tf.function(lambda values: network(values, training=False), input_signature=[spec])
    made = {}
    logging.getLogger("absl").setLevel(logging.ERROR)  # it deplores what is meant, see below
    for kind in kinds:
        # Without the network itself its variables become constants; calibration needs that.
        converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()])
        if kind != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "int8":
            converter.representative_dataset = lambda: (
                [each[None].astype(np.float32)] for each in examples
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
        path = Path(folder) / f"{kind}.tflite"
        with files.whole(path) as aside, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of statistics that calibration gives
            aside.write_bytes(converter.convert())
        made[kind] = path
    return made


def run(path: str | Path, pictures: np.ndarray, threads: int = 1) -> tuple[np.ndarray, float]:
    """Answers float32 [n, answers] of uint8 pictures [n, height, width, 3], and ms a picture."""
    from ai_edge_litert.interpreter import Interpreter

    engine = Interpreter(str(path), num_threads=threads)
    engine.allocate_tensors()
    takes, gives = engine.get_input_details()[0], engine.get_output_details()[0]
    scale, zero = gives["quantization"]
    found, spent = [], []
    for each in pictures:
        began = time.perf_counter()
        engine.set_tensor(takes["index"], each[None].astype(takes["dtype"]))
        engine.invoke()
        found.append(engine.get_tensor(gives["index"])[0])
        spent.append(time.perf_counter() - began)
    answers = np.stack(found).astype(np.float32)
    return (answers - zero) * scale if scale else answers, 1e3 * float(np.median(spent))
