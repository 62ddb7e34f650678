"""The labeller outside this project: a SavedModel of file bytes, and LiteRT for small computers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from common import export, files, forms
from common import lite as lites
from common.vision import pixels
from recipes.transfer import report
from recipes.transfer.data import Pictures
from recipes.transfer.labeller import Labeller

SIGNATURE = "label"


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
    few = pictures[: forms.TIMED, None].astype(np.float32)
    pace = 2 * forms.pace(network.predict_on_batch, few)
    table["Keras, picture and mirror image"] = (
        forms.megabytes(network), pace, (own == labels).mean(), 1.0
    )  # fmt: skip
    if saved is not None:
        contents = [Path(path).read_bytes() for path in rows["path"]]
        found, pace = forms.served(saved, SIGNATURE, "picture", contents, _likeliest)
        guess = np.array(found)
        table["SavedModel, from file bytes"] = (
            forms.megabytes(saved), pace, (guess == labels).mean(), (guess == own).mean()
        )  # fmt: skip
    for kind, path in lite_files.items():
        answers, pace = lites.run(path, pictures)
        guess = answers.argmax(axis=1)
        table[f"LiteRT, {kind}"] = (
            forms.megabytes(path), pace, (guess == labels).mean(), (guess == own).mean()
        )  # fmt: skip
    columns = ["MB", "ms a picture", "accuracy", "same answer"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns).rename_axis("form")


def _likeliest(found) -> int:
    return -1 if found is None else int(found["probabilities"].numpy().argmax())
