"""The labeller outside this project: a SavedModel of file bytes, and LiteRT for small computers."""

from __future__ import annotations

import io
import logging
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from common import export, files
from recipes.transfer import pixels, report
from recipes.transfer.data import Pictures
from recipes.transfer.labeller import Labeller

SIGNATURE, LITE = "label", ("float32", "int8")
TIMED = 30  # pictures for the latency


def saved_model(
    labeller: Labeller, paths: Sequence[str], name: str, recorded: dict, output_dir: str | Path
) -> Path:  # fmt: skip
    """A SavedModel with the preparation inside: JPEG or PNG bytes in, names out; with its card.

    It counts only once it is loaded again and answers as the labeller does.

    Args:
        paths: of pictures for the example; the first four are taken.
        name: of the data, for the card.
        recorded: what `results.record` gave, for the card.

    Returns:
        The folder of the new version, OUTPUT_DIR/export/<n>.

    Raises:
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    export.require_tensorflow()
    from recipes.transfer.serving import module

    # Squares of the right size: what the two ways of decoding and shrinking share to the bit.
    squares = [_png(pixels.read(path, labeller.backbone.size)) for path in list(paths)[:4]]
    with files.whole_folder(Path(output_dir) / "example") as folder:
        written = [folder / f"{k}.png" for k in range(len(squares))]
        for path, content in zip(written, squares, strict=True):
            path.write_bytes(content)
        answers = labeller.label(written)
    example = {"picture": np.array(squares, object)}
    check = {"label": answers["label"].to_numpy(str),
             "probabilities": answers[labeller.columns].to_numpy(np.float32)}  # fmt: skip
    folder = Path(output_dir) / "export"
    made = export.saved_model(folder, module(labeller), SIGNATURE, example, check, tolerance=2e-3)
    export.model_card(
        folder,
        title=f"Names for pictures: {name}",
        task=f"Says which of {len(labeller.classes)} classes a picture shows, or none of these: "
             f"{', '.join(labeller.classes[:12])}{' ...' if len(labeller.classes) > 12 else '.'}",
        inputs="`picture`: string [n], the bytes of JPEG or PNG files",
        outputs="`label`: string [n]; `likest`: string [n]; `probabilities`: float32 [n, "
                f"{len(labeller.classes)}]; `familiar`: float32 [n], `label` is \"none of these\" "
                f"below {labeller.familiarity.threshold:.4g}",
        limits=[
            "The middle square of a picture is looked at; what lies outside it is not seen.",
            "A camera's orientation flag is not read here (Python's `labeller` reads it).",
            "What is unlike all training pictures may still be named with confidence; the share "
            "that is, was measured on one kind of unknown picture only.",
            f"The backbone: {labeller.backbone.said}. Its own terms hold.",
        ],
        record=recorded,
    )  # fmt: skip
    return made


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def lite(labeller: Labeller, calibration: Sequence[str], output_dir: str | Path) -> dict[str, Path]:
    """LiteRT files of one picture at a time: pixels 0 to 255 in, probabilities out.

    "float32" takes float pixels. "int8" computes in whole numbers, takes uint8 pixels, and is
    calibrated on some training pictures (Jacob et al., CVPR 2018, section 3).

    Args:
        calibration: paths of training pictures, a hundred or so.

    Returns:
        OUTPUT_DIR/lite/<kind>.tflite of each kind.

    Raises:
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    export.require_tensorflow("a LiteRT file")
    import tensorflow as tf

    network, size = labeller.network(), labeller.backbone.size
    spec = tf.TensorSpec([1, size, size, 3], tf.float32, name="pixels")
    call = tf.function(lambda values: network(values, training=False), input_signature=[spec])
    examples = pixels.load(calibration, size).astype(np.float32)
    made = {}
    logging.getLogger("absl").setLevel(logging.ERROR)  # it deplores what is meant, see below
    for kind in LITE:
        # Without the network itself its variables become constants; calibration needs that.
        converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()])
        if kind == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([each[None]] for each in examples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
        path = Path(output_dir) / "lite" / f"{kind}.tflite"
        with files.whole(path) as aside, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of statistics that calibration gives
            aside.write_bytes(converter.convert())
        made[kind] = path
    return made


def run_lite(path: Path, pictures: np.ndarray, threads: int = 1) -> tuple[np.ndarray, float]:
    """Probabilities float32 [n, classes] of uint8 pictures [n, size, size, 3], and ms a picture."""
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


def compared(labeller: Labeller, data: Pictures, saved: Path | None, lites: dict[str, Path],
             log=print) -> pd.DataFrame:  # fmt: skip
    """Every form of the labeller on every test picture: size, speed, accuracy and agreement.

    Returns:
        A row for each: "MB", "ms a picture" (one at a time, one thread for LiteRT), "accuracy",
        and "same answer": the share of pictures on which it names the class that Python names.
    """
    rows = data.part("test")
    labels = rows["label"].to_numpy()
    own = report.test(labeller, rows, log).logits.argmax(axis=1)
    table = {}
    pictures = pixels.load(rows["path"], labeller.backbone.size)
    network = labeller.network()
    network.predict_on_batch(pictures[:1].astype(np.float32))
    began = time.perf_counter()
    for each in pictures[:TIMED]:
        network.predict_on_batch(each[None].astype(np.float32))
    pace = 1e3 * (time.perf_counter() - began) / min(TIMED, len(pictures))
    weights = sum(weight.size for weight in map(np.asarray, network.get_weights())) * 4 / 1e6
    table["Keras, picture and mirror image"] = (weights, 2 * pace, (own == labels).mean(), 1.0)
    if saved is not None:
        guess, pace = _served(saved, rows["path"], labeller.classes)
        table["SavedModel, from file bytes"] = (
            _megabytes(saved), pace, (guess == labels).mean(), (guess == own).mean()
        )  # fmt: skip
    for kind, path in lites.items():
        answers, pace = run_lite(path, pictures)
        guess = answers.argmax(axis=1)
        table[f"LiteRT, {kind}"] = (
            _megabytes(path), pace, (guess == labels).mean(), (guess == own).mean()
        )  # fmt: skip
    columns = ["MB", "ms a picture", "accuracy", "same answer"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns).rename_axis("form")


def _served(saved: Path, paths: Sequence[str], classes: list[str]) -> tuple[np.ndarray, float]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(saved))
    function, found = loaded.signatures[SIGNATURE], []
    contents = [Path(path).read_bytes() for path in paths]
    function(picture=tf.constant(contents[:1]))
    began = time.perf_counter()
    for content in contents[:TIMED]:
        function(picture=tf.constant([content]))
    pace = 1e3 * (time.perf_counter() - began) / min(TIMED, len(contents))
    for first in range(0, len(contents), 32):
        answer = function(picture=tf.constant(contents[first : first + 32]))
        found.append(answer["probabilities"].numpy().argmax(axis=1))
    return np.concatenate(found), pace


def _megabytes(path: Path) -> float:
    inside = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in inside) / 1e6
