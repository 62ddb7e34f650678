"""The grader outside this project: a SavedModel of file bytes, and LiteRT for small computers.

For study; it is no medical device.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.metrics import roc_auc_score

from common import export, files, forms, pictures
from common import lite as lites
from recipes.retina import ordinal, preprocess, quality
from recipes.retina.data import GRADES, REFERABLE
from recipes.retina.grader import NOTICE, Grader

SIGNATURE = "grade"
# Whole numbers throughout do not bear means of squares.
LITE = ("float32", "int8_weights")
EXAMPLES = 4  # photographs on which the export must answer as Python does
TOLERANCE = 5e-3  # of a probability there
COLUMNS = ["MB", "ms a photograph", "kappa", "accuracy", "AUC", "answered", "same grade",
           "same referral", "referable off by"]  # fmt: skip


def saved_model(
    grader: Grader, paths: Sequence[str | Path], name: str, recorded: dict, output_dir: str | Path
) -> Path:
    """A SavedModel with the preparation inside: JPEG or PNG bytes in, answers out; with its card.

    It counts only once it is loaded again and its probabilities are those of `Grader.grade`. What
    follows from them by a limit (grade, referral) is not compared: where one lies on the limit, the
    last digit of a probability decides.

    Args:
        paths: of photographs for the example; the first four are taken, at least one with a disc.
        name: of the data, for the card.
        recorded: what `results.record` gave, for the card.

    Returns:
        The folder of the new version, OUTPUT_DIR/export/<n>.

    Raises:
        DataError: a photograph cannot be read.
        ExportError: the export answers otherwise than Python.
        RuntimeError: Keras runs on another backend than TensorFlow.
        ValueError: no photograph shows a disc, or a levelling that the graph cannot do.
    """
    export.require_tensorflow()
    from recipes.retina.serving import module

    served = module(grader)  # first: it may refuse
    with files.whole_folder(Path(output_dir) / "example") as folder:
        written = [_as_png(Path(path), folder / f"{k}.png", grader.preparation.size)
                   for k, path in enumerate(list(paths)[:EXAMPLES])]  # fmt: skip
        answers = grader.grade(written)
        has_answer = (answers["problem"] == "").to_numpy()
        contents = [path.read_bytes() for path in written]
    if not has_answer.any():
        raise ValueError(f"None of the {len(written)} photographs for the example can be graded "
                         f"({'; '.join(answers['problem'])}). Give others.")
    answers = answers[has_answer]
    of_grades, (of_referable, of_edema) = grader.columns[: len(GRADES)], grader.columns[-2:]
    check = {"probabilities": answers[of_grades].to_numpy(np.float32),
             "referable": answers[of_referable].to_numpy(np.float32)}  # fmt: skip
    if grader.has_edema:
        check["edema"] = answers[of_edema].to_numpy(np.float32)
    chosen = [content for content, has in zip(contents, has_answer, strict=True) if has]
    example = {"photograph": np.array(chosen, object)}
    folder = Path(output_dir) / "export"
    made = export.saved_model(folder, served, SIGNATURE, example, check, tolerance=TOLERANCE)
    _card(grader, name, recorded, folder)
    return made


def _as_png(path: Path, target: Path, size: int) -> Path:
    """A photograph upright and in sRGB, which the graph does not do itself; no larger than needed.

    From these files both ways take the same pixels.
    """
    enough = round(preprocess.ENOUGH * max(size, quality.SIZE))
    pixels, _ = preprocess.pixels_of(path, pictures.bytes_of(path), enough)
    Image.fromarray(pixels).save(target)
    return target


def _card(grader: Grader, name: str, recorded: dict, folder: Path) -> None:
    points = [f"`refer_{point}` is true from a referable probability of {threshold:.4g} on"
              for point, threshold in grader.thresholds.items()]  # fmt: skip
    outputs = [
        "`grade`: int32 [n], 0 to 4, -1 where no disc is seen",
        f"`probabilities`: float32 [n, {len(GRADES)}] of {', '.join(GRADES)}",
        "`referable`: float32 [n], the probability of moderate retinopathy or worse",
        *(["`edema`: float32 [n], that of referable macular edema"] if grader.has_edema else []),
        "no probability is a number where no disc is seen",
        *(f"`refer_{point}`: bool [n], false there" for point in grader.thresholds),
        "`quality`: string [n], empty, or what speaks against grading it",
    ]
    export.model_card(
        folder,
        title=f"Diabetic retinopathy in fundus photographs: {name}",
        task="Grades diabetic retinopathy from 0 (none) to 4 (proliferative), says whether it is "
             "to be referred, and whether the photograph can be graded. For study alone.",
        inputs="`photograph`: string [n], the bytes of JPEG or PNG files, one eye each",
        outputs="; ".join(outputs),
        limits=[
            NOTICE,
            "An answer is given where `quality` speaks against it, too: whoever uses it must look "
            "at `quality` first. Where there is no answer, every referral is false; that does not "
            "mean that the eye is healthy.",
            f"The operating points: {'; '.join(points)}. They were chosen on training photographs "
            "by cross-validation. Another camera or other people need others, chosen on "
            "photographs of their own.",
            "The disc is found without the step that keeps the largest connected part of what is "
            "bright: writing or a ruler beside the disc may spoil the search, which Python's "
            "`Grader` bears.",
            "A camera's orientation flag and colour profile are not read here (Python's `Grader` "
            "reads them). A file that is no whole JPEG or PNG ends its batch with an error.",
            "The limits of `quality` were chosen on photographs of one camera.",
            f"The backbone: {grader.said or 'not told'}. Its own terms hold.",
        ],
        record=recorded,
    )  # fmt: skip


def lite(grader: Grader, prepared: np.ndarray, output_dir: str | Path) -> dict[str, Path]:
    """OUTPUT_DIR/lite/<kind>.tflite, see `common.lite`: prepared pixels in, float32 [1, 7] out.

    The answers are `Grader.columns`; for the preparation see `Grader.preparation`.

    Args:
        prepared: uint8 [m, size, size, 3], prepared training photographs, a hundred or so.

    Raises:
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    return lites.convert(grader.network, prepared, Path(output_dir) / "lite", LITE)


def compared(
    grader: Grader, paths: Sequence[str | Path], grades: np.ndarray, saved: Path | None,
    lite_files: dict[str, Path], log=print,
) -> pd.DataFrame:  # fmt: skip
    """Every form of the grader on every test photograph: size, speed, right answers, agreement.

    A photograph for which Python has no answer is left out.

    Args:
        paths: of test photographs. grades: int [n], 0 to 4, of each.
        saved: a version that `saved_model` made. lite_files: what `lite` made.
        log: receives what is being prepared, or None.

    Returns:
        A row for each form: "MB"; "ms a photograph" (one at a time, the median; one thread for
        LiteRT); "kappa" (quadratic, of the grade nearest to the mean), "accuracy" and "AUC" of
        referable (not a number where all are of one kind) against `grades`; "answered": the share
        that has an answer; "same grade" and "same referral" (at the first operating point): the
        share on which it says what Python says; "referable off by": mean absolute difference of
        that probability from Python's.

    Raises:
        ValueError: not as many grades as paths, or Python has no answer for any.
    """
    if len(grades) != len(paths):
        raise ValueError(f"{len(grades)} grades are given for {len(paths)} paths.")
    how = grader.preparation
    prepared = preprocess.prepare(paths, how.size, how.leveling, share=how.share, log=log)
    if not len(prepared):
        raise ValueError("None of the photographs can be prepared. " + prepared.report.summary())
    paths = [Path(paths[k]) for k in prepared.kept]
    grades, shown = np.asarray(grades)[prepared.kept], prepared.pixels
    own = grader.answers(shown)
    weights = forms.megabytes(grader.network)
    few = shown[: forms.TIMED, None].astype(np.float32)
    made = {
        "Python, from files": (own, weights, forms.pace(lambda path: grader.grade([path]), paths)),
        "Keras, prepared": (own, weights, forms.pace(grader.network.predict_on_batch, few)),
    }  # fmt: skip
    if saved is not None:
        contents = [path.read_bytes() for path in paths]
        found, pace = forms.served(saved, SIGNATURE, "photograph", contents, _served)
        made["SavedModel, from files"] = (np.stack(found), forms.megabytes(saved), pace)
    for kind, path in lite_files.items():
        found, pace = lites.run(path, shown)
        made[f"LiteRT {kind}, prepared"] = (found, forms.megabytes(path), pace)
    threshold = next(iter(grader.thresholds.values()))
    table = {form: (size, pace, *_agreement(found, own, grades, threshold))
             for form, (found, size, pace) in made.items()}  # fmt: skip
    return pd.DataFrame.from_dict(table, orient="index", columns=COLUMNS).rename_axis("form")


def _agreement(found: np.ndarray, own: np.ndarray, grades: np.ndarray, threshold: float) -> tuple:
    """`COLUMNS` from the third on; rows without an answer are not numbers in `found`."""
    has = ~np.isnan(found[:, 0])
    guess = np.where(has, np.nan_to_num(found[:, : len(GRADES)]).argmax(axis=1), -1)
    referable, its = found[:, len(GRADES)], own[:, len(GRADES)]
    truth, area, kappa = grades >= REFERABLE, np.nan, np.nan
    if has.any():
        kappa = ordinal.kappa(grades[has], ordinal.nearest(found[has, : len(GRADES)]))
    if 0 < truth[has].sum() < has.sum():
        area = roc_auc_score(truth[has], referable[has])
    same = has & ((referable >= threshold) == (its >= threshold))
    off = np.abs(referable - its)[has].mean() if has.any() else np.nan
    return (kappa, (guess == grades).mean(), area, has.mean(),
            (guess == own[:, : len(GRADES)].argmax(axis=1)).mean(), same.mean(), off)  # fmt: skip


def _served(found) -> np.ndarray:
    """Probabilities of grades and of referable, float32 [6]; not numbers without an answer."""
    if found is None:
        return np.full(len(GRADES) + 1, np.nan, np.float32)
    return np.append(found["probabilities"].numpy(), found["referable"].numpy())
