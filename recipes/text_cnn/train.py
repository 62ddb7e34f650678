"""Training one network, and the ensemble that is this recipe's own result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from scipy.special import log_softmax

from common import training
from recipes.text_cnn.batches import Batches
from recipes.text_cnn.classifier import SentenceClassifier, log_prior
from recipes.text_cnn.data import Fold, TextData
from recipes.text_cnn.linear import LinearNgrams, cross_fitted
from recipes.text_cnn.model import PAPER_VARIANTS, kim_cnn, subword_cnn
from recipes.text_cnn.settings import Settings
from recipes.text_cnn.text import Encoded, Encoder
from recipes.text_cnn.vectors import load_vectors


@keras.saving.register_keras_serializable(package="text_cnn")
class FusedAdamW(keras.optimizers.AdamW):
    """AdamW whose update is one compiled program on TensorFlow.

    Keras's own runs a dozen passes over every weight, which for embedding tables costs about as
    much as the network itself. This one also adds up the gradients of a word's repetitions before
    squaring them, as Adam means it. JAX compiles the whole step anyway, and PyTorch is left alone.
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


def build(
    settings: Settings, encoder: Encoder, classes: int, steps: int, vectors=None, prior=False
):
    """A compiled network.

    Args:
        settings: see `Settings`.
        encoder: gives the vocabulary size and the hash buckets.
        classes: number of classes.
        steps: training steps in all, over which the learning rate falls to zero (AdamW only).
        vectors: float32 [len(encoder), dimension] or None.
        prior: whether another model's scores are added to the network's.
    """
    if settings.variant in PAPER_VARIANTS:
        model = kim_cnn(
            len(encoder), classes, settings.variant, vectors, dropout=settings.dropout,
            **settings.network,
        )
    else:
        model = subword_cnn(
            len(encoder), classes, encoder.buckets, dropout=settings.dropout, vectors=vectors,
            prior=prior, **settings.network,
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
    prior: np.ndarray | None = None,
    resume: bool = True,
    fingerprint: str = "",
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
        prior: float32 [sentences, classes], scores of another model that the network adds to.
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
        classes=classes, batch_size=settings.batch_size, pieces=settings.variant == "subword",
        prior=prior,
    )  # fmt: skip
    batches = Batches(encoded, labels, train, seed=seed, **common)
    steps = batches.steps * settings.epochs
    model = build(settings, encoder, classes, steps, vectors, prior is not None)
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
    linear: bool = True,
    network_share: float | None = None,
    vectors: str | None = None,
    seed: int = 0,
    resume: bool = True,
    fingerprint: str = "",
    log: Callable[[str], None] | None = print,
) -> tuple[SentenceClassifier, list[training.History]]:
    """This recipe's own result: a linear model, and networks that learn what it leaves over.

    The linear model knows which n-grams tell of which class; on small sets no network learns that
    as well. Its log-probabilities are added to each network's scores, in training as well, so the
    networks spend themselves on the rest: order, negation, rare words. For the training rows
    these log-probabilities come from models that have not seen them (`cross_fitted`).

    Args:
        settings: of each network.
        data, fold: the sentences, and which of them to learn from.
        output_dir: each network's checkpoints go to `output_dir/member_<k>`.
        members: number of networks, seeds `seed`, `seed + 1`, ...
        linear: False trains the networks alone (the paper's variants always are).
        network_share: what the networks' mean score is multiplied with before it is added to the
            linear model's; None takes the tenth with the smallest log loss on the validation
            rows (0.7 where there are none).
        vectors: file or name of outside word vectors, see `vectors.load_vectors`.
        seed: of the first network.
        resume: continue an interrupted ensemble; finished networks are not trained again.
        fingerprint: of all that must be the same for that.
        log: receives a line an epoch.
    """
    log = log or (lambda line: None)
    texts, labels, classes = data.texts[fold.train], data.labels[fold.train], len(data.classes)
    encoder = Encoder.fit(texts, settings.minimum_count, settings.buckets)
    encoded = encoder.encode(data.texts)
    table, ngrams, prior = None, None, None
    if vectors:
        known, coverage = load_vectors(vectors, encoder.vocabulary, seed=seed)
        log(str(coverage))
        table = np.pad(known, [(2, 0), (0, 0)])  # padding and unknown words have no vector
    if linear and settings.variant == "subword":
        log("logistic regression over words, word pairs and character n-grams")
        ngrams = LinearNgrams.fit(texts, labels, classes, bayes_weights=True)
        prior = np.zeros((len(data), classes), np.float32)
        prior[fold.train] = log_prior(cross_fitted(texts, labels, classes))
        if len(fold.validation):
            prior[fold.validation] = log_prior(ngrams.predict_proba(data.texts[fold.validation]))
    networks, histories = [], []
    for number in range(members):
        if members > 1:
            log(f"network {number + 1} of {members}")
        network, history = train_network(
            settings, encoder, encoded, data.labels, fold.train, fold.validation, classes,
            Path(output_dir) / f"member_{number}" if output_dir else None, seed=seed + number,
            vectors=table, prior=prior, resume=resume,
            fingerprint=fingerprint or data.fingerprint, log=log,
        )  # fmt: skip
        networks.append(network)
        histories.append(history)
    classifier = SentenceClassifier(data.classes, encoder, networks, ngrams)
    if ngrams:
        classifier.network_share = network_share
        if network_share is None:
            rows = fold.validation
            classifier.network_share = choose_share(
                classifier, data.texts[rows], data.labels[rows]
            )
            log(f"the networks' share: {classifier.network_share:.1f}")
    return classifier, histories


def choose_share(classifier: SentenceClassifier, texts, labels: np.ndarray) -> float:
    """The networks' share, in tenths from 0 to 2, with the smallest log loss on some rows."""
    if not len(texts):
        return 0.7
    networks = classifier.scores(texts).mean(axis=0)
    prior = log_prior(classifier.linear.predict_proba(texts))
    shares = np.arange(21) / 10
    losses = [
        -log_softmax(prior + share * networks, axis=1)[np.arange(len(labels)), labels].mean()
        for share in shares
    ]
    return float(shares[int(np.argmin(losses))])
