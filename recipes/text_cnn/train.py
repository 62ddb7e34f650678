"""Training one network, and the ensemble that is this recipe's own result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from sklearn.metrics import log_loss

from common import training
from recipes.text_cnn.batches import Batches
from recipes.text_cnn.classifier import SentenceClassifier
from recipes.text_cnn.data import Fold, TextData
from recipes.text_cnn.linear import LinearNgrams
from recipes.text_cnn.model import PAPER_VARIANTS, kim_cnn, subword_cnn
from recipes.text_cnn.text import Encoded, Encoder
from recipes.text_cnn.vectors import load_vectors

Variant = Literal["subword", "rand", "static", "non-static", "multichannel"]


class Settings(BaseModel):
    """How one network is built and trained; an unknown or out-of-range value is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: Variant = "subword"
    epochs: int = Field(6, ge=1)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    optimizer: Literal["adamw", "adadelta"] = "adamw"
    weight_decay: float = Field(0.3, ge=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.5, ge=0, lt=1)
    patience: int | None = Field(None, ge=1)
    minimum_count: int = Field(3, ge=1)
    buckets: int = Field(50_000, ge=2)
    network: dict = {}

    @classmethod
    def as_published(cls, variant: str = "rand", **changes) -> Settings:
        """Kim 2014, section 3.1: Adadelta, batches of 50, early stopping on a development split.

        The paper names the rule, not its constants: rho 0.95 and epsilon 1e-6 are those of
        Zeiler 2012 and of the authors' code, as are the 25 epochs.
        """
        fixed = dict(
            variant=variant, epochs=25, batch_size=50, learning_rate=1.0, optimizer="adadelta",
            weight_decay=0.0, label_smoothing=0.0, dropout=0.5, patience=5, minimum_count=1,
        )
        return cls(**{**fixed, **changes})


@keras.saving.register_keras_serializable(package="text_cnn")
class FusedAdamW(keras.optimizers.AdamW):
    """AdamW whose update is one compiled program on TensorFlow.

    Keras's own runs a dozen passes over every weight, which for embedding tables costs more than
    the network itself: on one CPU core a step of the default network falls from 106 to 59 ms. It
    also adds up the gradients of a word's repetitions before squaring them, as Adam means it.
    JAX compiles the whole step anyway, and PyTorch is left alone.
    """

    def apply(self, grads, trainable_variables=None):
        if keras.backend.backend() != "tensorflow":
            return super().apply(grads, trainable_variables)
        import tensorflow as tf

        if not self.built:  # variables cannot be made inside the compiled program
            self.build(trainable_variables)
        update = super().apply
        compiled = tf.function(
            lambda dense: update(dense, trainable_variables), jit_compile=True, autograph=False
        )
        return compiled([tf.convert_to_tensor(gradient) for gradient in grads])


def build(settings: Settings, encoder: Encoder, classes: int, steps: int, vectors=None):
    """A compiled network.

    Args:
        settings: see `Settings`.
        encoder: gives the vocabulary size and the hash buckets.
        classes: number of classes.
        steps: training steps in all, over which the learning rate falls to zero (AdamW only).
        vectors: float32 [len(encoder), dimension] or None.
    """
    if settings.variant in PAPER_VARIANTS:
        model = kim_cnn(
            len(encoder), classes, settings.variant, vectors, dropout=settings.dropout,
            **settings.network,
        )
    else:
        model = subword_cnn(
            len(encoder), classes, encoder.buckets, dropout=settings.dropout, vectors=vectors,
            **settings.network,
        )
    if settings.optimizer == "adadelta":
        optimizer = keras.optimizers.Adadelta(settings.learning_rate, rho=0.95, epsilon=1e-6)
    else:
        optimizer = FusedAdamW(
            keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps),
            weight_decay=settings.weight_decay,
        )
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=settings.label_smoothing
    )
    # XLA compiles one program per batch shape: with sentences of many lengths that costs more
    # than it gives on a CPU.
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return model



def train_network(
    settings: Settings,
    encoder: Encoder,
    encoded: Encoded,
    labels: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    classes: int,
    output_dir: str | Path | None,
    *,
    seed: int = 0,
    vectors: np.ndarray | None = None,
    resume: bool = True,
    fingerprint: str = "",
    tensorboard: bool = False,
    log: Callable[[str], None] | None = print,
) -> tuple[keras.Model, training.History]:
    """Train one network on some rows of a corpus.

    Args:
        settings: how; with `patience` the best epoch on the validation rows is kept, without it
            the last.
        encoder, encoded: the vocabulary, fitted on the training rows, and the whole corpus.
        labels: int [sentences]; train, validation: row numbers (validation may be empty).
        classes: number of classes.
        output_dir: checkpoints go to `output_dir/checkpoint`; None keeps none.
        seed: of the initial weights, the dropout and the order of the batches.
        vectors: float32 [len(encoder), dimension] or None.
        resume: go on from a checkpoint that is there; the result is that of an unbroken run.
        fingerprint: of the data; a checkpoint of other data is refused.
        log: receives a line an epoch.

    Raises:
        ValueError: early stopping without validation rows, or a checkpoint of other settings.
    """
    if settings.patience and not len(validation):
        raise ValueError(
            f"patience={settings.patience} stops early by validation accuracy, but there are no "
            "validation rows; set patience to None or hold some rows out."
        )
    keras.utils.set_random_seed(seed)
    common = dict(
        classes=classes, batch_size=settings.batch_size, pieces=settings.variant == "subword"
    )
    batches = Batches(encoded, labels, train, seed=seed, **common)
    model = build(settings, encoder, classes, batches.steps * settings.epochs, vectors)
    held_out = None
    if len(validation):
        held_out = Batches(encoded, labels, validation, **common)(0).cache()
    history = training.fit(
        model,
        batches,
        held_out,
        epochs=settings.epochs,
        steps_per_epoch=batches.steps,
        output_dir=output_dir,
        resume=resume,
        patience=settings.patience,
        restore_best=settings.patience is not None,
        tensorboard=tensorboard,
        seed=seed,
        settings={"fingerprint": fingerprint, **settings.model_dump()},
        log=log,
    )
    return model, history


def train_ensemble(
    settings: Settings,
    data: TextData,
    fold: Fold,
    output_dir: str | Path | None,
    *,
    members: int = 3,
    linear_share: float | None = None,
    vectors: str | None = None,
    seed: int = 0,
    resume: bool = True,
    tensorboard: bool = False,
    log: Callable[[str], None] | None = print,
) -> tuple[SentenceClassifier, list[training.History]]:
    """Several networks, and on wish a logistic regression, that vote: this recipe's own result.

    Args:
        settings: of each network.
        data, fold: the sentences, and which of them to learn from.
        output_dir: each network's checkpoints go to `output_dir/member_<k>`.
        members: number of networks, seeds `seed`, `seed + 1`, ...
        linear_share: the logistic regression's share of the vote; 0 leaves it out; None chooses
            the share with the smallest log loss on the validation rows (0.5 without any).
        vectors: file or name of outside word vectors, see `vectors.load_vectors`.
        seed: of the first network.
        resume: continue an interrupted ensemble; finished networks are not trained again.
        log: receives a line an epoch.
    """
    log = log or (lambda line: None)
    texts = data.texts[fold.train]
    encoder = Encoder.fit(texts, settings.minimum_count, settings.buckets)
    encoded = encoder.encode(data.texts)
    table = None
    if vectors:
        known, coverage = load_vectors(vectors, encoder.vocabulary, seed=seed)
        log(str(coverage))
        table = np.pad(known, [(2, 0), (0, 0)])  # padding and unknown words have no vector
    networks, histories = [], []
    for number in range(members):
        if members > 1:
            log(f"network {number + 1} of {members}")
        network, history = train_network(
            settings, encoder, encoded, data.labels, fold.train, fold.validation,
            len(data.classes), Path(output_dir) / f"member_{number}" if output_dir else None,
            seed=seed + number, vectors=table, resume=resume, fingerprint=data.fingerprint,
            tensorboard=tensorboard, log=log,
        )
        networks.append(network)
        histories.append(history)
    if linear_share == 0:
        return SentenceClassifier(data.classes, encoder, networks), histories
    log("logistic regression over words, word pairs and character n-grams")
    linear = LinearNgrams.fit(
        texts, data.labels[fold.train], len(data.classes), bayes_weights=True
    )
    if linear_share is None:
        linear_share = choose_share(
            SentenceClassifier(data.classes, encoder, networks, linear),
            data.texts[fold.validation], data.labels[fold.validation],
        )
        log(f"its share of the vote, chosen on the validation rows: {linear_share:.1f}")
    return SentenceClassifier(data.classes, encoder, networks, linear, linear_share), histories


def choose_share(classifier: SentenceClassifier, texts, labels: np.ndarray) -> float:
    """The linear model's share of the vote, in tenths, with the smallest log loss on some rows."""
    if not len(texts):
        return 0.5
    networks = classifier.votes(texts).mean(axis=0).astype(float)
    linear = np.asarray(classifier.linear.predict_proba(texts), float)
    shares = np.arange(11) / 10
    losses = []
    for share in shares:
        vote = (1 - share) * networks + share * linear
        vote /= vote.sum(axis=1, keepdims=True)  # rounding
        losses.append(log_loss(labels, vote, labels=range(vote.shape[1])))
    return float(shares[int(np.argmin(losses))])
