"""The classifier outside this project: a SavedModel of file bytes, and LiteRT for small computers.

For study; it is no medical device.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from PIL import Image
from sklearn.metrics import roc_auc_score

from common import export, files, forms
from common import lite as lites
from recipes.skin import prepare, report
from recipes.skin.classifier import NOTICE, Classifier

SIGNATURE = "classify"
# Whole numbers throughout do not bear means of squares.
LITE = ("float32", "int8_weights")
EXAMPLES = 4  # photographs on which the export must answer as Python does
TOLERANCE = 5e-3  # of a probability there
COLUMNS = ["MB", "ms a photograph", "accuracy", "balanced accuracy", "AUC of malignant",
           "same class", "same call", "malignant off by"]  # fmt: skip


def saved_model(classifier: Classifier, paths: Sequence[str], name: str, recorded: dict,
                output_dir: str | Path) -> Path:  # fmt: skip
    """A SavedModel with the preparation inside: JPEG or PNG bytes in, answers out; with its card.

    It counts only once it is loaded again and its probabilities are those of `classify`.

    Args:
        paths: of photographs for the example; the first four are taken.
        name: of the data, for the card.
        recorded: what `results.record` gave, for the card.

    Returns:
        The folder of the new version, OUTPUT_DIR/export/<n>.

    Raises:
        DataError: a photograph cannot be read.
        ExportError: the export answers otherwise than Python.
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    export.require_tensorflow()
    from recipes.skin.serving import module

    with files.whole_folder(Path(output_dir) / "example") as folder:
        # Squares of the right size: what both ways of decoding share to the bit.
        written = [folder / f"{k}.png" for k in range(min(EXAMPLES, len(paths)))]
        squared = prepare.prepared(list(paths)[:EXAMPLES], classifier.size)
        for path, pixels in zip(written, squared, strict=True):
            Image.fromarray(pixels).save(path)
        answers = classifier.classify(written)
        example = {"photograph": np.array([path.read_bytes() for path in written], object)}
    check = {"probabilities": answers[classifier.columns].to_numpy(np.float32),
             "malignant": answers["probability of malignant"].to_numpy(np.float32)}  # fmt: skip
    folder = Path(output_dir) / "export"
    made = export.saved_model(folder, module(classifier), SIGNATURE, example, check,
                              tolerance=TOLERANCE)  # fmt: skip
    _card(classifier, name, recorded, folder)
    return made


def _card(classifier: Classifier, name: str, recorded: dict, folder: Path) -> None:
    points = [f"`malignant_{point}` is true from a probability of {threshold:.4g} on"
              for point, threshold in classifier.thresholds.items()]  # fmt: skip
    count = len(classifier.classes)
    export.model_card(
        folder,
        title=f"Skin lesions in dermatoscopic photographs: {name}",
        task=f"Says which of {count} classes a lesion is of ({', '.join(classifier.classes)}) and "
             f"how probable it is malignant ({', '.join(classifier.malignant)}). For study alone.",
        inputs="`photograph`: string [n], the bytes of JPEG or PNG files, one lesion each",
        outputs="; ".join([
            "`class`: string [n], the likeliest", "`stands_out`: string [n], the class whose "
            "probability is highest above its share in training",
            f"`probabilities`: float32 [n, {count}]", "`malignant`: float32 [n]",
            *(f"`malignant_{point}`: bool [n]" for point in classifier.thresholds),
        ]),
        limits=[
            NOTICE,
            "Every picture is answered as if it were a lesion seen through a dermatoscope; what it "
            "is not trained on (other lesions, ulcers, tattoos, a telephone's camera) it names "
            "with confidence all the same.",
            f"The operating points: {'; '.join(points)}. They were chosen on the validation part. "
            "Other clinics, cameras and people need others, chosen on photographs of their own.",
            "Probabilities are for classes as frequent as in training; what comes to a clinic is "
            "another mixture. Dark skin is hardly found in the published sets.",
            "A camera's orientation flag and colour profile are not read here (Python's "
            "`Classifier` reads them). A file that is no whole JPEG or PNG ends its batch with an "
            "error.",
            f"The backbone: {classifier.said or 'not told'}. Its own terms hold.",
        ],
        record=recorded,
    )  # fmt: skip


def lite(pocket: keras.Model, squared: np.ndarray, output_dir: str | Path) -> dict[str, Path]:
    """OUTPUT_DIR/lite/<kind>.tflite of each kind: squared pixels in, probabilities out.

    Args:
        pocket: one member in one view, see `classifier.network`.
        squared: uint8 [m, size, size, 3], training photographs, a hundred or so.

    Raises:
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    return lites.convert(pocket, squared, Path(output_dir) / "lite", LITE)


def compared(classifier: Classifier, pocket: keras.Model, rows: pd.DataFrame, saved: Path | None,
             lite_files: dict[str, Path]) -> pd.DataFrame:  # fmt: skip
    """Every form of the classifier on the same photographs: size, speed, right answers, agreement.

    Args:
        pocket: what the LiteRT files are made of.
        rows: "path" and "label" of test photographs.
        saved: a version that `saved_model` made. lite_files: what `lite` made.

    Returns:
        A row for each form: "MB"; "ms a photograph" (one at a time, the median; one thread for
        LiteRT); "accuracy" of the likeliest class, "balanced accuracy" of that which stands out,
        "AUC of malignant" (not a number where all are of one kind); "same class" and "same call"
        (malignant or not at the first operating point): the share on which it says what Python
        says; "malignant off by": mean absolute difference of that probability from Python's. A
        file that the graph cannot decode counts as wrong.
    """
    paths, labels = [Path(path) for path in rows["path"]], rows["label"].to_numpy()
    squared = prepare.prepared(paths, classifier.size)
    own, few = classifier.answers(squared), squared[: forms.TIMED, None].astype(np.float32)
    small = np.concatenate([keras.ops.convert_to_numpy(pocket.predict_on_batch(each[None]))
                            for each in squared.astype(np.float32)])  # fmt: skip
    found = {
        "Python, from files": (own, forms.megabytes(classifier.network),
                               forms.pace(lambda path: classifier.classify([path]), paths)),
        "Keras, one member, one view": (small, forms.megabytes(pocket),
                                        forms.pace(pocket.predict_on_batch, few)),
    }  # fmt: skip
    if saved is not None:
        contents = [path.read_bytes() for path in paths]
        none = np.full(len(classifier.classes), np.nan, np.float32)
        answers, pace = forms.served(
            saved, SIGNATURE, "photograph", contents,
            lambda given: none if given is None else given["probabilities"].numpy()[0],
        )  # fmt: skip
        found["SavedModel, from files"] = (np.stack(answers), forms.megabytes(saved), pace)
    for kind, path in lite_files.items():
        answers, pace = lites.run(path, squared)
        found[f"LiteRT {kind}, one member, one view"] = (answers, forms.megabytes(path), pace)
    table = {form: (size, pace, *_agreement(classifier, answers, own, labels))
             for form, (answers, size, pace) in found.items()}  # fmt: skip
    return pd.DataFrame.from_dict(table, orient="index", columns=COLUMNS).rename_axis("form")


def _agreement(classifier: Classifier, found: np.ndarray, own: np.ndarray, labels: np.ndarray
               ) -> tuple:  # fmt: skip
    """`COLUMNS` from the third on."""
    has, malignant = ~np.isnan(found[:, 0]), np.isin(classifier.classes, classifier.malignant)
    ill, guess = malignant[labels], np.where(has, report.likeliest(np.nan_to_num(found)), -1)
    even = np.where(has, report.evened(np.nan_to_num(found), classifier.wanted), -1)
    bad, its = classifier.of_malignant(found), classifier.of_malignant(own)
    threshold = next(iter(classifier.thresholds.values()))
    area = roc_auc_score(ill[has], bad[has]) if 0 < ill[has].sum() < has.sum() else np.nan
    same = has & ((bad >= threshold) == (its >= threshold))
    return (np.mean(guess == labels), report.balanced(labels, even), area,
            np.mean(guess == report.likeliest(own)), same.mean(), np.abs(bad - its)[has].mean())
