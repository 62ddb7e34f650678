"""The finished product: raw rows in, probabilities or values out.

A `TablePredictor` holds the features and one or several networks whose scores are added (an
ensemble of the two halves has two). It can be saved, loaded, and exported as a SavedModel that
takes raw columns by name.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.special import expit, softmax

import recipes.wide_deep.model  # noqa: F401 - loading a network needs its layers registered
from common import export, files
from common.validation import DataError, saved_state
from recipes.wide_deep.columns import Columns, misfits
from recipes.wide_deep.features import Features
from recipes.wide_deep.graph import FeatureGraph, example, signature
from recipes.wide_deep.train import predict_scores

FORMAT = 1  # of a saved predictor


class TablePredictor:
    """Networks over one table of features, and what their scores mean."""

    def __init__(
        self,
        columns: Columns,
        features: Features,
        networks: list[keras.Model],
        target_name: str,
        classes: list[str],
        scale: tuple[float, float] = (0.0, 1.0),
        passed: list[str] | None = None,
    ):
        """Args:
        columns: what each column of the training table was.
        features: fitted on it.
        networks: of `model.py`; the mean of their scores counts.
        target_name: what is predicted.
        classes: class names; empty for a numeric target.
        scale: mean and standard deviation of a numeric target.
        passed: further columns that rows may have without being read (target, split, group).

        Raises:
            ValueError: no network.
        """
        if not networks:
            raise ValueError("A predictor needs at least one network in `networks`.")
        self.columns, self.features, self.networks = columns, features, list(networks)
        self.target_name, self.classes = target_name, list(classes)
        self.scale, self.passed = tuple(map(float, scale)), list(passed or [])

    def predict_inputs(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Probabilities float32 [rows, classes], or values float32 [rows], of prepared inputs."""
        scores = np.mean([predict_scores(net, inputs) for net in self.networks], axis=0)
        if not self.classes:
            return (scores[:, 0] * self.scale[1] + self.scale[0]).astype(np.float32)
        if len(self.classes) == 2:
            second = expit(scores[:, 0])
            return np.stack([1 - second, second], axis=1).astype(np.float32)
        return softmax(scores, axis=1).astype(np.float32)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """The same of raw rows; columns in any order.

        Raises:
            DataError: a column is missing, unknown or misspelt.
        """
        self.check_columns(list(frame.columns))
        return self.predict_inputs(self.features.arrays(frame))

    def check_columns(self, names: list[str]) -> None:
        """Refuse columns that are not those of training.

        Raises:
            DataError: names each one that is missing or unknown, with the nearest.
        """
        known = [column.name for column in self.columns.columns] + self.passed
        unknown = [name for name in names if name not in known]
        missing = [name for name in self.features.columns if name not in names]
        twice = sorted({name for name in names if names.count(name) > 1})
        problems = [f"{name!r} stands there twice" for name in twice]
        for name in missing:
            near = get_close_matches(name, unknown, n=1)
            problems.append(f"{name!r} is missing" + (f" (is it {near[0]!r}?)" if near else ""))
        for name in unknown:
            near = get_close_matches(name, missing, n=1)
            if not near:
                problems.append(f"{name!r} was not there in training")
        if problems:
            raise DataError(f"Columns: {', '.join(problems)}. The model reads "
                            f"{', '.join(self.features.columns)}.")

    def problems(self, frame: pd.DataFrame) -> list[str]:
        """What is wrong with each row, "" for a good one: a word where a number or date belongs."""
        found = [""] * len(frame)
        for name, kind, rows in misfits(frame, self.columns):
            for row in rows:
                said = str(frame[name].iloc[row])[:40]
                found[row] = found[row] or f"{name}: {said!r} is no {kind}"
        return found

    def save(self, folder: str | Path) -> Path:
        """Write the predictor into a folder; an older one is replaced once this is whole."""
        with files.whole_folder(folder) as aside:
            self.features.save(aside / "features.npz")
            for number, network in enumerate(self.networks):
                bare = keras.Model(network.inputs, network.outputs[0], name=network.name)
                bare.save(aside / f"network_{number}.keras")
            state = {
                "format": FORMAT,
                "columns": self.columns.model_dump(),
                "target_name": self.target_name,
                "classes": self.classes,
                "scale": self.scale,
                "passed": self.passed,
                "networks": len(self.networks),
            }
            (aside / "predictor.json").write_text(json.dumps(state, ensure_ascii=False, indent=1))
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> TablePredictor:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: the folder holds no predictor.
            DataError: it was saved by another version of this recipe.
        """
        folder = Path(folder)
        state = saved_state(folder, "predictor", FORMAT)
        state.pop("format")
        networks = [
            keras.saving.load_model(folder / f"network_{number}.keras", compile=False)
            for number in range(state.pop("networks"))
        ]
        columns = Columns.model_validate(state.pop("columns"))
        return cls(columns, Features.load(folder / "features.npz"), networks, **state)

    def module(self) -> tf.Module:
        """A TensorFlow module whose `predict` takes raw columns, for `common.export.saved_model`.

        Raises:
            RuntimeError: another backend than TensorFlow runs the networks.
        """
        export.require_tensorflow()
        return _Serving(self)

    @property
    def inputs(self) -> dict[str, tf.TensorSpec]:
        """What the SavedModel takes for each raw column, see `graph.signature`."""
        return signature(self.features)

    def example(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """Raw rows as the SavedModel takes them: float32 numbers (NaN missing), else strings.

        Returns:
            Arrays [rows] by the SavedModel's names, see `graph.signature`.
        """
        return {self.inputs[name].name: raw for name, raw in example(self.features, frame).items()}


class _Serving(tf.Module):
    def __init__(self, predictor: TablePredictor):
        super().__init__()
        self.graph = FeatureGraph(predictor.features)
        self.networks = predictor.networks
        self.names = tf.constant(predictor.classes, tf.string)
        self.scale = predictor.scale
        # Attributes that hold variables, so that the SavedModel keeps them.
        self.variables_kept = [network.variables for network in self.networks]
        self.columns = {spec.name: name for name, spec in predictor.inputs.items()}
        specs = {spec.name: spec for spec in predictor.inputs.values()}
        self.predict = tf.function(self._predict).get_concrete_function(**specs)

    def _predict(self, **raw):
        inputs = self.graph({self.columns[name]: values for name, values in raw.items()})
        total = sum(network(inputs, training=False) for network in self.networks)
        scores = total / len(self.networks)
        if not len(self.names):
            return {"value": scores[:, 0] * self.scale[1] + self.scale[0]}
        if len(self.names) == 2:
            second = tf.sigmoid(scores[:, 0])
            probabilities = tf.stack([1 - second, second], axis=1)
        else:
            probabilities = tf.nn.softmax(scores)
        best = tf.argmax(probabilities, axis=1)
        return {"label": tf.gather(self.names, best), "probabilities": probabilities}
