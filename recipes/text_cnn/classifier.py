"""The finished product: raw sentences in, labels and probabilities out.

A `SentenceClassifier` holds one or several networks and, on wish, the logistic regression of
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
from scipy.special import softmax

from recipes.text_cnn.batches import Batches, predict_logits
from recipes.text_cnn.linear import LinearNgrams
from recipes.text_cnn.text import Encoder

SMALLEST = 1e-4  # a linear model that is surer than this is not believed further


def log_prior(probabilities: np.ndarray) -> np.ndarray:
    """Log-probabilities, bounded below, as the networks take them. float32 [texts, classes]."""
    return np.log(np.maximum(probabilities, SMALLEST)).astype(np.float32)


class SentenceClassifier:
    """Networks, and on wish a linear model whose log-probabilities their scores are added to.

    p(class) = softmax(log p_linear + network_share * mean of the networks' scores)
    """

    def __init__(
        self,
        classes: list[str],
        encoder: Encoder,
        members: list[keras.Model],
        linear: LinearNgrams | None = None,
        network_share: float = 1.0,
    ):
        """Args:
        classes: class names, in the order of the networks' outputs.
        encoder: of all members.
        members: networks of `model.py`, at least one.
        linear: the linear model, or None.
        network_share: what the mean score is multiplied with.

        Raises:
            ValueError: no member.
        """
        if not members:
            raise ValueError("A classifier needs at least one network in `members`.")
        self.classes, self.encoder, self.members = list(classes), encoder, list(members)
        self.linear, self.network_share = linear, float(network_share)

    def scores(self, texts) -> np.ndarray:
        """Each network's own class scores (logits), float32 [members, texts, classes]."""
        encoded = self.encoder.encode(texts)
        result = np.zeros((len(self.members), len(encoded), len(self.classes)), np.float32)
        if not len(encoded):
            return result
        nothing, rows = np.zeros(len(encoded), int), np.arange(len(encoded))
        for member, scores in zip(self.members, result, strict=True):
            names = _input_names(member)
            batches = Batches(
                encoded, nothing, rows, len(self.classes), 256, pieces="pieces" in names,
                prior=np.zeros_like(scores) if "prior" in names else None,
            )  # fmt: skip
            scores[:] = predict_logits(member, batches)
        return result

    def combine(self, scores: np.ndarray, linear: np.ndarray | None) -> np.ndarray:
        """Probabilities from the networks' mean score [texts, classes] and the linear model's."""
        mean = self.network_share * scores
        return softmax(mean if linear is None else log_prior(linear) + mean, axis=1)

    def probabilities(self, texts) -> np.ndarray:
        """Class probabilities float32 [texts, classes] of a sequence of str."""
        linear = self.linear.predict_proba(texts) if self.linear else None
        return self.combine(self.scores(texts).mean(axis=0), linear)

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
            bare = keras.Model(member.inputs, member.outputs[0])  # without its optimizer's state
            bare.save(aside / f"member_{number}.keras")
        if self.linear:
            self.linear.save(aside / "linear.npz")
        state = {
            "classes": self.classes,
            "members": len(self.members),
            "linear": self.linear is not None,
            "network_share": self.network_share,
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
        linear = LinearNgrams.load(folder / "linear.npz") if state["linear"] else None
        encoder = Encoder.load(folder / "encoder.json")
        return cls(state["classes"], encoder, members, linear, state["network_share"])

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
        self.members, self.share = classifier.members, classifier.network_share
        self.names = tf.constant(classifier.classes)
        # Attributes that hold variables and tables, so that the SavedModel keeps them.
        self.variables_kept = [member.variables for member in self.members]
        self.tables_kept = [self.encoder._table, self.linear._table if self.linear else None]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text):
        words, pieces = self.encoder.graph(text)
        total = 0.0
        nothing = tf.zeros([tf.shape(text)[0], len(self.names)])
        for member in self.members:
            inputs = {"words": words, "pieces": pieces, "prior": nothing}
            total += member({name: inputs[name] for name in _input_names(member)}, training=False)
        score = self.share * total / len(self.members)
        if self.linear is not None:
            score += tf.math.log(tf.maximum(self.linear.graph(text), SMALLEST))
        probabilities = tf.nn.softmax(score)
        best = tf.argmax(probabilities, axis=1)
        return {"label": tf.gather(self.names, best), "probabilities": probabilities}


def _input_names(model: keras.Model) -> list[str]:
    return [tensor.name for tensor in model.inputs]

