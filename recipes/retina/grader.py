"""The finished product: photographs in; grade, referral, macular edema and quality out.

It is for study. It is no medical device, and nobody may be diagnosed or treated by it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from common import files
from common import pictures as pictures_of
from common.validation import DataError, saved_state
from common.vision.taps import Taps
from recipes.retina import heads, normalize, preprocess, quality
from recipes.retina.data import GRADES
from recipes.retina.learning import Heads

FORMAT = 1  # of a saved grader
NOTICE = "For study; no medical device. Nobody may be diagnosed or treated by it."
BATCH = 8


@dataclass(frozen=True)
class Preparation:
    """What is done to a photograph before the network: see `normalize.normalized`."""

    size: int = normalize.SIZE
    leveling: str = "graham"
    share: float = normalize.SHARE

    @property
    def key(self) -> str:
        """What features of photographs prepared so hang on."""
        return files.work_key(preprocess.CODE, **asdict(self))


@dataclass(frozen=True)
class Grader:
    """A network of prepared photographs, and what is decided by its answers.

    Attributes:
        preparation: of photographs.
        network: float32 [n, size, size, 3] of 0 to 255 -> float32 [n, 7]: the probability of each
            of the five grades, of referable retinopathy and of referable macular edema.
        thresholds: from which probability a photograph is referred, by the name of the operating
            point ("sensitive", "specific"); chosen by cross-validation.
        said: where the weights of the backbone are from.
        has_edema: whether macular edema was learned.
    """

    preparation: Preparation
    network: keras.Model = field(repr=False)
    thresholds: dict[str, float]
    said: str = ""
    has_edema: bool = True

    @classmethod
    def of(cls, preparation: Preparation, taps: Taps, trained: Heads,
           thresholds: dict[str, float], has_edema: bool = True) -> Grader:  # fmt: skip
        """A backbone with trained heads on top, as one network."""
        inputs = keras.Input(taps.features.input_shape[1:], name="pixels")
        dense = keras.layers.Dense(trained.kernel.shape[1], name="logits", dtype="float32")
        answers = heads.Answers(trained.kind, trained.members, trained.temperature,
                                trained.edema_temperature, name="answers", dtype="float32")
        # Features differ in size a million times. What makes the largest weight of each one 1 lets
        # weights be kept in 8 bits (`export.lite`).
        largest = np.maximum(np.abs(trained.kernel).max(axis=1), 1e-12)
        even = keras.layers.Normalization(mean=trained.mean, variance=largest**-2.0, name="even",
                                          dtype="float32")  # fmt: skip
        network = keras.Model(inputs, answers(dense(even(taps.features(inputs)))), name="grader")
        dense.set_weights([trained.kernel / largest[:, None], trained.bias])
        return cls(preparation, network, thresholds, taps.backbone.said, has_edema)

    @cached_property
    def columns(self) -> list[str]:
        """Of the network's answers."""
        return [*(f"probability of {name}" for name in GRADES), "probability of referable",
                "probability of edema"]  # fmt: skip

    def answers(self, pictures: np.ndarray) -> np.ndarray:
        """float32 [n, 7] of prepared pictures uint8 [n, size, size, 3]."""
        found, batch = [], BATCH if len(pictures) > 1 else 1
        for begin in range(0, len(pictures), batch):
            block = np.zeros((batch, *pictures.shape[1:]), np.float32)  # two shapes, two programs
            rows = pictures[begin : begin + batch]
            block[: len(rows)] = rows
            seen = keras.ops.convert_to_numpy(self.network.predict_on_batch(block))
            found.append(seen[: len(rows)])
        return np.concatenate(found) if found else np.zeros((0, len(self.columns)), np.float32)

    def grade(self, paths: Sequence[str | Path]) -> pd.DataFrame:
        """What is said of files: a row each, in order.

        Returns:
            "file"; "grade", the likeliest (0 to 4, missing where there is no answer); "mean grade"
            by the probabilities; a column "refer, <name>" for each operating point; the
            probabilities (`columns`); "quality": why it should not be graded, empty for a good one;
            "problem": why there is no answer.
        """
        paths = [Path(path) for path in paths]
        rows, pictures, places = [], [], []
        for number, path in enumerate(paths):
            problem, verdict = "", ""
            try:
                data = pictures_of.bytes_of(path)
                made = self.preparation
                pixels, found, _ = preprocess.decoded(path, data, made.size, made.share)
                # The check looks at 512 pixels, whatever the size.
                same = (made.size, made.share) == (quality.SIZE, normalize.SHARE)
                verdict = (quality.judged(pixels, found) if same else quality.check(path)).reason
                pictures.append(normalize.normalized(pixels, made.size, made.leveling, made.share,
                                                     found))  # fmt: skip
                places.append(number)
            except (DataError, OSError) as error:
                problem = str(error).removeprefix(f"{path} ")
            rows.append({"file": str(path), "quality": verdict, "problem": problem})
        table = pd.DataFrame(rows, columns=["file", "quality", "problem"])
        shape = (0, self.preparation.size, self.preparation.size, 3)
        seen = self.answers(np.stack(pictures) if pictures else np.zeros(shape, np.uint8))
        answers = np.full((len(paths), len(self.columns)), np.nan)
        answers[places] = seen
        known = ~np.isnan(answers[:, 0])
        grades = np.zeros(len(paths), int)
        grades[known] = answers[known, : len(GRADES)].argmax(axis=1)
        table.insert(1, "grade", pd.array(np.where(known, grades, 0), "Int64"))
        table.loc[~known, "grade"] = pd.NA
        table.insert(2, "mean grade", answers[:, : len(GRADES)] @ np.arange(len(GRADES)))
        for number, (name, threshold) in enumerate(self.thresholds.items()):
            refer = np.where(answers[:, len(GRADES)] >= threshold, "yes", "no")
            table.insert(3 + number, f"refer, {name}", np.where(known, refer, ""))
        place = 3 + len(self.thresholds)
        for number, name in enumerate(self.columns):
            if name != "probability of edema" or self.has_edema:
                table.insert(place + number, name, answers[:, number])
        return table

    def save(self, folder: str | Path) -> Path:
        """Write it into a folder; an older one there is replaced once this one is whole."""
        with files.whole_folder(folder) as aside:
            self.network.save(aside / "network.keras")
            state = {"format": FORMAT, "notice": NOTICE, "preparation": asdict(self.preparation),
                     "thresholds": self.thresholds, "said": self.said,
                     "has_edema": self.has_edema}  # fmt: skip
            text = json.dumps(state, ensure_ascii=False, indent=1)
            (aside / "grader.json").write_text(text, encoding="utf-8")
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> Grader:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: the folder holds no grader.
            DataError: it was saved by another version of this recipe.
        """
        folder = Path(folder)
        state = saved_state(folder, "grader", FORMAT)
        network = keras.saving.load_model(folder / "network.keras", compile=False)
        return cls(Preparation(**state["preparation"]), network, state["thresholds"],
                   state["said"], state["has_edema"])  # fmt: skip
