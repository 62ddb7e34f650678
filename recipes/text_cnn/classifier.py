"""The finished product: raw sentences in, labels and probabilities out.

A `SentenceClassifier` averages one or several networks and, on wish, the logistic regression of
`linear.py`. It can be saved, loaded, and exported as a SavedModel that takes raw strings.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from recipes.text_cnn.batches import Batches, predict_logits
from recipes.text_cnn.linear import LinearNgrams
from recipes.text_cnn.text import Encoder


class SentenceClassifier:
    """Networks and a linear model that vote with their probabilities."""

    def __init__(
        self,
        classes: list[str],
        encoder: Encoder,
        members: list[keras.Model],
        linear: LinearNgrams | None = None,
        linear_share: float = 0.5,
    ):
        """Args:
        classes: class names, in the order of the networks' outputs.
        encoder: of all members.
        members: networks of `model.py`, at least one.
        linear: a further voter, or None.
        linear_share: its share of the vote, 0 to 1.

        Raises:
            ValueError: no member, or a share outside 0 to 1.
        """
        if not members:
            raise ValueError("A classifier needs at least one network in `members`.")
        if not 0 <= linear_share <= 1:
            raise ValueError(f"linear_share={linear_share}; it must lie between 0 and 1.")
        self.classes, self.encoder, self.members = list(classes), encoder, list(members)
        self.linear, self.linear_share = linear, linear_share if linear else 0.0

    def votes(self, texts) -> np.ndarray:
        """Each network's class probabilities, float32 [members, texts, classes]."""
        encoded = self.encoder.encode(texts)
        votes = np.zeros((len(self.members), len(encoded), len(self.classes)), np.float32)
        if not len(encoded):
            return votes
        nothing, rows = np.zeros(len(encoded), int), np.arange(len(encoded))
        for member, vote in zip(self.members, votes, strict=True):
            batches = Batches(
                encoded, nothing, rows, len(self.classes), 256,
                pieces="pieces" in _input_names(member),
            )
            scores = keras.ops.softmax(predict_logits(member, batches))
            vote[:] = keras.ops.convert_to_numpy(scores)
        return votes

    def combine(self, votes: np.ndarray, linear: np.ndarray | None) -> np.ndarray:
        """The networks' mean vote, and the linear model's share beside it."""
        mean = votes.mean(axis=0)
        if linear is None:
            return mean
        return (1 - self.linear_share) * mean + self.linear_share * linear

    def probabilities(self, texts) -> np.ndarray:
        """Class probabilities float32 [texts, classes] of a sequence of str."""
        linear = self.linear.predict_proba(texts) if self.linear else None
        return self.combine(self.votes(texts), linear)

    def predict(self, texts) -> list[str]:
        """The most probable class name of each text."""
        return [self.classes[number] for number in self.probabilities(texts).argmax(1)]

    def save(self, folder: str | Path) -> Path:
        """Write the classifier into a folder; an older one there is replaced once this is whole."""
        folder = Path(folder)
        aside = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        self.encoder.save(aside / "encoder.json")
        for number, member in enumerate(self.members):
            member.save(aside / f"member_{number}.keras")
        if self.linear:
            self.linear.save(aside / "linear.npz")
        state = {
            "classes": self.classes,
            "members": len(self.members),
            "linear_share": self.linear_share if self.linear else None,
        }
        (aside / "classifier.json").write_text(json.dumps(state, ensure_ascii=False, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(aside, folder)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> SentenceClassifier:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: the folder holds no classifier.
        """
        folder = Path(folder)
        if not (folder / "classifier.json").is_file():
            raise FileNotFoundError(
                f"{folder} holds no classifier (no classifier.json). Give the folder 'classifier' "
                "of a finished run's OUTPUT_DIR."
            )
        state = json.loads((folder / "classifier.json").read_text())
        members = [
            keras.saving.load_model(folder / f"member_{number}.keras", compile=False)
            for number in range(state["members"])
        ]
        share = state["linear_share"]
        linear = None if share is None else LinearNgrams.load(folder / "linear.npz")
        encoder = Encoder.load(folder / "encoder.json")
        return cls(state["classes"], encoder, members, linear, share or 0.0)

    def module(self) -> tf.Module:
        """A TensorFlow module whose `classify` takes strings, for `common.export.saved_model`.

        Raises:
            RuntimeError: another backend than TensorFlow runs the networks.
        """
        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(
                f"The networks run on {keras.backend.backend()}; a SavedModel needs TensorFlow. "
                "Load the saved classifier once with KERAS_BACKEND=tensorflow and export there."
            )
        return _Serving(self)


class _Serving(tf.Module):
    def __init__(self, classifier: SentenceClassifier):
        super().__init__()
        self.encoder, self.linear = classifier.encoder, classifier.linear
        self.members, self.share = classifier.members, classifier.linear_share
        self.names = tf.constant(classifier.classes)
        # Attributes that hold variables and tables, so that the SavedModel keeps them.
        self.variables_kept = [member.variables for member in self.members]
        self.tables_kept = [self.encoder._table, self.linear._table if self.linear else None]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text):
        words, pieces = self.encoder.graph(text)
        votes = []
        for member in self.members:
            inputs = {"words": words, "pieces": pieces}
            kept = {name: inputs[name] for name in _input_names(member)}
            votes.append(tf.nn.softmax(member(kept, training=False)))
        mean = tf.add_n(votes) / len(votes)
        if self.linear is not None:
            mean = (1 - self.share) * mean + self.share * self.linear.graph(text)
        best = tf.argmax(mean, axis=1)
        return {"label": tf.gather(self.names, best), "probabilities": mean}


def _input_names(model: keras.Model) -> list[str]:
    return [tensor.name for tensor in model.inputs]

