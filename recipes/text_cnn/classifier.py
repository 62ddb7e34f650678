"""The finished product: raw sentences in, labels and probabilities out.

A `SentenceClassifier` holds one or several networks and, on wish, the logistic regression of
`linear.py` whose evidence they read. It can be saved, loaded, and exported as a SavedModel that
takes raw strings.
"""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy.special import softmax

import recipes.text_cnn.model  # noqa: F401 - loading a network needs its layers registered
from common import export, files
from common.validation import saved_state
from recipes.text_cnn.batches import Batches, predict_logits
from recipes.text_cnn.linear import LinearNgrams
from recipes.text_cnn.text import Encoder

FORMAT = 3  # of a saved classifier


class SentenceClassifier:
    """Networks, and on wish a linear model: the softmax of their mean scores.

    A network that does not read the linear model's evidence has its score added afterwards.
    """

    def __init__(
        self,
        classes: list[str],
        encoder: Encoder,
        members: list[keras.Model],
        linear: LinearNgrams | None = None,
    ):
        """Args:
        classes: class names, in the order of the networks' outputs.
        encoder: of all members.
        members: networks of `model.py`, at least one.
        linear: the linear model, or None.

        Raises:
            ValueError: no member.
        """
        if not members:
            raise ValueError("A classifier needs at least one network in `members`.")
        self.classes, self.encoder, self.members = list(classes), encoder, list(members)
        self.linear = linear

    def scores(self, texts) -> np.ndarray:
        """Class scores with each network, float32 [members, texts, classes]."""
        encoded = self.encoder.encode(texts)
        result = np.zeros((len(self.members), len(encoded), len(self.classes)), np.float32)
        if not len(encoded):
            return result
        nothing, rows = np.zeros(len(encoded), int), np.arange(len(encoded))
        if self.linear:
            found = self.linear.token_evidence(texts)
            evidence = np.concatenate(found)
            beside = self.linear.bias + np.array([each.sum(axis=0) for each in found])
        for member, scores in zip(self.members, result, strict=True):
            names = input_names(member)
            batches = Batches(
                encoded, nothing, rows, len(self.classes), 256, pieces="pieces" in names,
                evidence=evidence if "evidence" in names else None,
            )  # fmt: skip
            scores[:] = predict_logits(member, batches)
            if self.linear and "evidence" not in names:
                scores += beside
        return result

    def probabilities(self, texts) -> np.ndarray:
        """Class probabilities float32 [texts, classes] of a sequence of str."""
        return softmax(self.scores(texts).mean(axis=0), axis=1)

    def predict(self, texts) -> list[str]:
        """The most probable class name of each text."""
        return [self.classes[number] for number in self.probabilities(texts).argmax(1)]

    def save(self, folder: str | Path) -> Path:
        """Write the classifier into a folder; an older one there is replaced once this is whole."""
        with files.whole_folder(folder) as aside:
            self.encoder.save(aside / "encoder.json")
            for number, member in enumerate(self.members):
                # Without its optimizer's state.
                bare = keras.Model(member.inputs, member.outputs[0])
                bare.save(aside / f"member_{number}.keras")
            if self.linear:
                self.linear.save(aside / "linear.npz")
            state = {
                "format": FORMAT,
                "classes": self.classes,
                "members": len(self.members),
                "linear": self.linear is not None,
            }
            (aside / "classifier.json").write_text(json.dumps(state, ensure_ascii=False, indent=1))
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> SentenceClassifier:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: the folder holds no classifier.
            DataError: it was saved by another version of this recipe.
        """
        folder = Path(folder)
        state = saved_state(folder, "classifier", FORMAT)
        members = [
            keras.saving.load_model(folder / f"member_{number}.keras", compile=False)
            for number in range(state["members"])
        ]
        for member in members:  # else XLA compiles a program for every length of sentence
            member.jit_compile = keras.backend.backend() == "jax"
        linear = LinearNgrams.load(folder / "linear.npz") if state["linear"] else None
        encoder = Encoder.load(folder / "encoder.json")
        return cls(state["classes"], encoder, members, linear)

    def module(self) -> tf.Module:
        """A TensorFlow module whose `classify` takes strings, for `common.export.saved_model`.

        Raises:
            RuntimeError: another backend than TensorFlow runs the networks.
        """
        export.require_tensorflow()
        return _Serving(self)


class _Serving(tf.Module):
    def __init__(self, classifier: SentenceClassifier):
        super().__init__()
        self.encoder, self.linear = classifier.encoder, classifier.linear
        self.members = classifier.members
        self.names = tf.constant(classifier.classes)
        # Attributes that hold variables and tables, so that the SavedModel keeps them.
        self.variables_kept = [member.variables for member in self.members]
        self.variables_kept += [self.linear.variables] if self.linear else []
        self.tables_kept = [self.encoder._table, self.linear._table if self.linear else None]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text):
        inputs = self.encoder.graph(text)
        if self.linear is not None:
            evidence = self.linear.evidence(text)
            inputs["evidence"] = evidence.to_tensor(shape=[None, None, len(self.names)])
            # One token more where no sentence has any.
            missing = tf.shape(inputs["indices"])[1] - tf.shape(inputs["evidence"])[1]
            inputs["evidence"] = tf.pad(inputs["evidence"], [[0, 0], [0, missing], [0, 0]])
        total = 0.0
        for member in self.members:
            names = input_names(member)
            total += member({name: inputs[name] for name in names}, training=False)
            if self.linear is not None and "evidence" not in names:
                total += self.linear.bias + tf.reduce_sum(evidence, axis=1)
        probabilities = tf.nn.softmax(total / len(self.members))
        best = tf.argmax(probabilities, axis=1)
        return {"label": tf.gather(self.names, best), "probabilities": probabilities}


def input_names(model: keras.Model) -> list[str]:
    """What a network reads, by the names of `text.py` and `model.py`."""
    return [tensor.name for tensor in model.inputs]
