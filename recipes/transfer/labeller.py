"""The finished product: files in, names with probabilities, reasons, or "none of these" out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import pandas as pd

import common.vision.layers  # noqa: F401
import recipes.transfer.alexnet  # noqa: F401 - loading a network needs its layers registered
from common import files
from common.validation import saved_state
from common.vision import explain, features
from common.vision.backbones import Backbone
from common.vision.head import Head
from recipes.transfer.data import Pictures
from recipes.transfer.familiar import NONE, Familiarity, learn_once

FORMAT = 1  # of a saved labeller


@dataclass(frozen=True)
class Labeller:
    """A backbone, a head and a sense of what is familiar."""

    backbone: Backbone
    head: Head
    classes: list[str]
    familiarity: Familiarity = field(default_factory=lambda: Familiarity("probability"))

    @classmethod
    def taught(cls, backbone: Backbone, head: Head, data: Pictures, held_out: np.ndarray,
               method: str, kept: float) -> Labeller:  # fmt: skip
        """A network that has learned from `data` itself, with a sense of what is familiar.

        Args:
            held_out: rows of the training part from which it has not learned.
            method, kept: see `familiar.learn`.
        """
        rows = data.part("train")
        seen = features.of_rows(backbone, rows, log=None).mean(axis=1)
        labels = rows["label"].to_numpy()
        sense = learn_once(method, head, seen, labels, held_out, kept=kept)
        return cls(backbone, head, data.classes, sense)

    @property
    def columns(self) -> list[str]:
        """Of the classes' probabilities in `answers`; a class may be called "label" or "file"."""
        return [f"probability_{name}" for name in self.classes]

    def answers(self, seen: np.ndarray) -> pd.DataFrame:
        """What features say: `label`, `probability`, `familiar`, then one column for each class.

        Args:
            seen: float [n, views, d] of `features.compute`.

        Returns:
            "label" is `familiar.NONE` where "familiar" (a score) is below the threshold; then
            "likest" still says which class it would be.
        """
        logits = self.head.logits(seen)
        table = self.head.probabilities(logits)
        score = self.familiarity.score(seen.mean(axis=1), logits / self.head.temperature)
        best = table.argmax(axis=1)
        likest = np.array(self.classes, object)[best]
        found = pd.DataFrame({
            "label": np.where(score >= self.familiarity.threshold, likest, NONE),
            "probability": table[np.arange(len(best)), best], "likest": likest, "familiar": score,
        })  # fmt: skip
        return pd.concat([found, pd.DataFrame(table, columns=self.columns)], axis=1)

    def label(self, paths: Sequence[str | Path], log=None) -> pd.DataFrame:
        """`answers` for files, with "file" before and "problem" after; a bad file has no answer."""
        problems: dict[int, str] = {}
        seen = features.compute(self.backbone, paths, problems=problems, log=log)
        found = self.answers(seen)
        found.insert(0, "file", [str(path) for path in paths])
        found["problem"] = [problems.get(k, "") for k in range(len(paths))]
        bad = found["problem"] != ""
        found["label"] = found["label"].mask(bad, "")
        found["likest"] = found["likest"].mask(bad, "")
        numbers = [name for name in found if name not in ("file", "label", "likest", "problem")]
        found[numbers] = found[numbers].mask(bad)
        return found

    def heat(self, pictures: np.ndarray, classes: np.ndarray | None = None) -> np.ndarray:
        """Heat maps float32 [n, height, width] for the likeliest or the given classes.

        Args:
            pictures: uint8 [n, size, size, 3], see `pixels.load`.
            classes: int [n].

        Raises:
            ValueError: the backbone shows no maps.
        """
        if not self.backbone.has_maps:
            raise ValueError(f"{self.backbone.name} gives features without places; no heat map.")
        maps = self.backbone.maps(pictures)
        if classes is None:
            classes = self.head.logits(maps.mean(axis=(1, 2))).argmax(axis=1)
        return explain.heat(maps, self.head.kernel, classes)

    def save(self, folder: str | Path) -> Path:
        """Write it into a folder; an older one there is replaced once this one is whole."""
        with files.whole_folder(folder) as aside:
            self.backbone.model.save(aside / "backbone.keras")
            np.savez(aside / "head.npz", kernel=self.head.kernel, bias=self.head.bias,
                     **{f"familiar_{k}": v for k, v in self.familiarity.arrays.items()})
            state = {
                "format": FORMAT, "classes": self.classes, "temperature": self.head.temperature,
                "strength": self.head.strength, "method": self.familiarity.method,
                "threshold": self.familiarity.threshold,
                "backbone": {name: getattr(self.backbone, name)
                             for name in ("name", "said", "key", "size")},
            }  # fmt: skip
            text = json.dumps(state, ensure_ascii=False, indent=1)
            (aside / "labeller.json").write_text(text, encoding="utf-8")
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> Labeller:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: the folder holds no labeller.
            DataError: it was saved by another version of this recipe.
        """
        folder = Path(folder)
        state = saved_state(folder, "labeller", FORMAT)
        model = keras.saving.load_model(folder / "backbone.keras", compile=False)
        with np.load(folder / "head.npz", allow_pickle=False) as saved:
            arrays = dict(saved)
        kept = {name.removeprefix("familiar_"): arrays[name] for name in arrays
                if name.startswith("familiar_")}  # fmt: skip
        head = Head(arrays["kernel"], arrays["bias"], state["temperature"], state["strength"])
        return cls(Backbone(**state["backbone"], model=model), head, state["classes"],
                   Familiarity(state["method"], state["threshold"], kept))  # fmt: skip

    def network(self) -> keras.Model:
        """pixels [n, size, size, 3] of 0 to 255 -> probabilities [n, classes], of one view."""
        from common.vision.backbones import linear_top

        heat = self.head.temperature
        top = linear_top(self.head.kernel / heat, self.head.bias / heat,
                         self.backbone.model.output_shape[1:])  # fmt: skip
        logits = top(self.backbone.model.output)
        return keras.Model(self.backbone.model.input,
                           keras.layers.Softmax(dtype="float32")(logits), name="labeller")


def of_imagenet(backbone: Backbone, familiarity: Familiarity | None = None) -> Labeller:
    """The backbone with the thousand classes that it came with.

    Raises:
        ValueError: it has none, or they are no matrix on the mean of its maps.
    """
    if backbone.top is None or not backbone.linear:
        raise ValueError(f"{backbone.name} has no such head; take mobilenet_v2.")
    kernel, bias = backbone.top.get_layer("answers").get_weights()
    return Labeller(backbone, Head(kernel, bias), list(backbone.classes),
                    familiarity or Familiarity("probability"))  # fmt: skip


