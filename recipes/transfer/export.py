"""The labeller outside this project: a SavedModel of file bytes, and LiteRT for small computers."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from common import export, files
from common import lite as lites
from common.vision import pixels
from recipes.transfer import report
from recipes.transfer.data import Pictures
from recipes.transfer.labeller import Labeller

SIGNATURE = "label"
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
    """OUTPUT_DIR/lite/<kind>.tflite of each kind, one picture at a time; see `common.lite`.

    Args:
        calibration: paths of training pictures, a hundred or so.

    Raises:
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    examples = pixels.load(calibration, labeller.backbone.size)
    return lites.convert(labeller.network(), examples, Path(output_dir) / "lite")


def compared(labeller: Labeller, data: Pictures, saved: Path | None, lite_files: dict[str, Path],
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
    for kind, path in lite_files.items():
        answers, pace = lites.run(path, pictures)
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
