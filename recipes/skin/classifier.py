"""The finished product: photographs in; class, malignancy and what to do about it out.

It is for study. It is no medical device, and nobody may be diagnosed or treated by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import ops

from common import files, pictures
from common.validation import DataError, saved_state
from common.vision.taps import TURNS, Turned
from recipes.skin import prepare
from recipes.skin.cut import Cut
from recipes.skin.train import SCALE, Taught
from recipes.skin.train import network as network_of_member

FORMAT = 1  # of a saved classifier
NOTICE = "For study; no medical device. Nobody may be diagnosed or treated by it."
BATCH = 8


@keras.saving.register_keras_serializable(package="skin")
class Shares(keras.layers.Layer):
    """Logits of members, [n, classes] each -> probabilities [n, classes]; see `report.shares`.

    Args:
        frequencies: of the classes as the members learned them. wanted: of the classes where the
            answer is for. temperature: by which logits are divided.
    """

    def __init__(self, frequencies: Sequence[float], wanted: Sequence[float],
                 temperature: float = 1.0, **options):  # fmt: skip
        super().__init__(**{"dtype": "float32", **options})
        self.frequencies = [float(each) for each in frequencies]
        self.wanted = [float(each) for each in wanted]
        self.temperature = float(temperature)

    def call(self, logits):
        moved = np.log(self.wanted).astype(np.float32) - np.log(self.frequencies)
        each = [ops.softmax(one / self.temperature + ops.cast(moved, "float32"))
                for one in keras.tree.flatten(logits)]  # fmt: skip
        return sum(each[1:], each[0]) / len(each)

    def get_config(self):
        return {**super().get_config(), "frequencies": self.frequencies, "wanted": self.wanted,
                "temperature": self.temperature}  # fmt: skip


@dataclass(frozen=True)
class Classifier:
    """A network of squared photographs, and what is decided by its answers.

    Attributes:
        network: float32 [n, size, size, 3] of 0 to 255, see `prepare.squeezed` -> the probability
            of each class, float32 [n, classes].
        classes: names, in the order of the answers. malignant: those of them that are.
        wanted: share of each class for which the probabilities are meant, float [classes].
        thresholds: from which probability of malignant a lesion is called so, by the name of the
            operating point ("sensitive", "specific"); chosen on the validation part.
        said: where the weights of the backbone are from.
    """

    network: keras.Model = field(repr=False)
    classes: list[str]
    malignant: tuple[str, ...]
    wanted: np.ndarray = field(repr=False)
    thresholds: dict[str, float]
    said: str = ""

    @property
    def size(self) -> int:
        """Pixels of a side that the network takes."""
        return int(self.network.input_shape[1])

    @cached_property
    def columns(self) -> list[str]:
        """Of the probabilities in `classify`."""
        return [f"probability of {name}" for name in self.classes]

    def answers(self, squared: np.ndarray) -> np.ndarray:
        """float32 [n, classes] of photographs uint8 [n, size, size, 3], see `prepare.prepared`."""
        found, batch = [], BATCH if len(squared) > 1 else 1
        for begin in range(0, len(squared), batch):
            block = np.zeros((batch, *squared.shape[1:]), np.float32)  # two shapes, two programs
            rows = squared[begin : begin + batch]
            block[: len(rows)] = rows
            seen = ops.convert_to_numpy(self.network.predict_on_batch(block))
            found.append(seen[: len(rows)])
        return np.concatenate(found) if found else np.zeros((0, len(self.classes)), np.float32)

    def of_malignant(self, answers: np.ndarray) -> np.ndarray:
        """The probability of being malignant, float32 [n]."""
        return answers[:, [name in self.malignant for name in self.classes]].sum(axis=1)

    def classify(self, paths: Sequence[str | Path]) -> pd.DataFrame:
        """What is said of files: a row each, in order.

        Returns:
            "file"; "class", the likeliest; "stands out", the class whose probability is highest
            above its share in training; a column "malignant, <name>" with yes or no for each
            operating point; "probability of malignant"; the probabilities (`columns`); "problem":
            why there is no answer.
        """
        paths = [Path(path) for path in paths]
        rows, squared, places = [], [], []
        for number, path in enumerate(paths):
            problem = ""
            try:
                squared.append(prepare.of_bytes(path, pictures.bytes_of(path), self.size))
                places.append(number)
            except (DataError, OSError) as error:
                problem = str(error).removeprefix(f"{path} ")
            rows.append({"file": str(path), "problem": problem})
        shape = (0, self.size, self.size, 3)
        seen = self.answers(np.stack(squared) if squared else np.zeros(shape, np.uint8))
        answers = np.full((len(paths), len(self.classes)), np.nan)
        answers[places] = seen
        known, names = ~np.isnan(answers[:, 0]), np.array([*self.classes, ""], object)
        filled = np.nan_to_num(answers)
        bad, found = self.of_malignant(answers), pd.DataFrame({"file": [r["file"] for r in rows]})
        found["class"] = names[np.where(known, filled.argmax(axis=1), -1)]
        found["stands out"] = names[np.where(known, (filled / self.wanted).argmax(axis=1), -1)]
        for name, threshold in self.thresholds.items():
            said = np.where(bad >= threshold, "yes", "no")
            found[f"malignant, {name}"] = np.where(known, said, "")
        found["probability of malignant"] = bad
        found[self.columns] = answers
        return found.assign(problem=[row["problem"] for row in rows])

    def save(self, folder: str | Path) -> Path:
        """Write it into a folder; an older one there is replaced once this one is whole."""
        with files.whole_folder(folder) as aside:
            self.network.save(aside / "network.keras")
            state = {"format": FORMAT, "notice": NOTICE, "classes": self.classes,
                     "malignant": self.malignant, "wanted": self.wanted.tolist(),
                     "thresholds": self.thresholds, "said": self.said}  # fmt: skip
            text = json.dumps(state, ensure_ascii=False, indent=1)
            (aside / "classifier.json").write_text(text, encoding="utf-8")
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> Classifier:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: the folder holds no classifier.
            DataError: it was saved by another version of this recipe.
        """
        folder = Path(folder)
        state = saved_state(folder, "classifier", FORMAT)
        network = keras.saving.load_model(folder / "network.keras", compile=False)
        return cls(network, state["classes"], tuple(state["malignant"]), np.array(state["wanted"]),
                   state["thresholds"], state["said"])  # fmt: skip


def network(fresh: Callable[[], Cut], members: Sequence[Taught], wanted: np.ndarray,
            temperature: float = 1.0, views: int | None = None) -> keras.Model:  # fmt: skip
    """Lower part, members and their priors as one network, see `Classifier.network`.

    It computes in float32, whatever the members were taught in: mixed precision is for training,
    and LiteRT has none of it.

    Args:
        fresh: gives a cut of an untaught backbone, as the members had.
        wanted, temperature: see `report.shares`.
        views: how many of the cut's views are looked at; None all.
    """
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        cut = fresh()
        inputs = keras.Input(cut.lower.input_shape[1:], name="pixels")
        seen = [cut.lower(Turned(down, across)(inputs))
                for down, across in TURNS[: views or cut.taps.views]]  # fmt: skip
        logits = []
        for number, member in enumerate(members):
            model = _exact(fresh(), member, number)
            each = [model({"maps": maps, "below": below}) for maps, below in seen]
            logits.append(keras.layers.Average()(each) if len(each) > 1 else each[0])
        answer = Shares(members[0].frequencies, wanted, temperature, name="shares")
        return keras.Model(inputs, answer(logits), name="lesion")
    finally:
        keras.config.set_dtype_policy(policy)


def _exact(cut: Cut, member: Taught, number: int) -> keras.Model:
    """The member's network built anew, under the policy of the day."""
    scale = member.model.get_layer(SCALE)
    mean, variance = (np.ravel(ops.convert_to_numpy(each)) for each in (scale.mean, scale.variance))
    made = network_of_member(cut, mean, variance, member.model.output_shape[-1], number)
    made.set_weights(member.model.get_weights())
    return made
