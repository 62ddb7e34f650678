"""Training one network, and the classifier that is this recipe's own result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import keras
import numpy as np
from scipy.special import softmax

from common import training
from recipes.text_cnn.batches import Batches, predict_logits
from recipes.text_cnn.classifier import SentenceClassifier, input_names
from recipes.text_cnn.data import Fold, TextData
from recipes.text_cnn.evidence import linear_model
from recipes.text_cnn.model import PAPER_VARIANTS, kim_cnn, subword_cnn
from recipes.text_cnn.optimizers import FusedAdamW, RowAdadelta
from recipes.text_cnn.settings import Linear, Settings
from recipes.text_cnn.text import Encoded, Encoder
from recipes.text_cnn.vectors import load_vectors

# TensorFlow traces several steps at a time once, single ones anew for every new width; XLA would
# compile a program for each, which costs more than it gives on a CPU. On JAX a step that is not
# compiled runs operation by operation. PyTorch takes single steps only.
STEPS = {
    "tensorflow": {"jit_compile": False, "steps_per_execution": 8},
    "jax": {"jit_compile": True},
    "torch": {"jit_compile": False},
}
EVIDENCE_SPREAD = 0.3  # standard deviation of the evidence among the inputs of the filters


def build(
    settings: Settings,
    encoder: Encoder,
    classes: int,
    steps: int,
    vectors: np.ndarray | None = None,
    **linear,
) -> keras.Model:
    """A compiled network.

    Args:
        settings: see `Settings`.
        encoder: gives the vocabulary size and the hash buckets.
        classes: number of classes.
        steps: training steps in all, over which the learning rate falls to zero (AdamW only).
        vectors: float32 [len(encoder), dimension] or None.
        linear: `evidence_scale` and `bias` of `subword_cnn`, where it reads a linear model.
    """
    if settings.variant in PAPER_VARIANTS:
        model = kim_cnn(
            len(encoder),
            classes,
            settings.variant,
            vectors,
            dropout=settings.dropout,
            **settings.network,
        )
    else:
        model = subword_cnn(
            len(encoder),
            classes,
            encoder.buckets,
            dropout=settings.dropout,
            vectors=vectors,
            **linear,
            **settings.network,
        )
    if settings.optimizer == "adadelta":
        optimizer = RowAdadelta(settings.learning_rate, rho=0.95, epsilon=1e-6)
    else:
        optimizer = FusedAdamW(
            keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps),
            weight_decay=settings.weight_decay,
        )
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=settings.label_smoothing
    )
    model.compile(optimizer, loss, metrics=["accuracy"], **STEPS[keras.backend.backend()])
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
    evidence: np.ndarray | None = None,
    bias: np.ndarray | None = None,
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
        evidence: float32 [all tokens, classes] of the linear model, or None; bias: its bias.
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
        evidence=evidence,
    )  # fmt: skip
    batches = Batches(encoded, labels, train, seed=seed, **common)
    steps = batches.steps * settings.epochs
    linear = {}
    if evidence is not None:
        spread = float(evidence[encoded.token_rows(train)].std()) or 1.0
        linear = {"evidence_scale": EVIDENCE_SPREAD / spread, "bias": bias}
    model = build(settings, encoder, classes, steps, vectors, **linear)
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


def train_classifier(
    settings: Settings,
    data: TextData,
    fold: Fold,
    output_dir: str | Path | None,
    *,
    members: int = 1,
    linear: str = "read",
    openings: bool = False,
    distil: bool = False,
    linear_dir: str | Path | None = None,
    vectors: str | None = None,
    seed: int = 0,
    resume: bool = True,
    fingerprint: str = "",
    log: Callable[[str], None] | None = print,
) -> tuple[SentenceClassifier, list[training.History]]:
    """This recipe's own result: a linear model, and a network that reads it word by word.

    The linear model knows which n-grams tell of which class; on small sets no network learns that
    as well. What it says of each word stands in the network's input and its score is added to
    the network's, which spends itself on the rest: order, negation, rare words. For the
    training rows the evidence comes from models that have not seen them (`honest_evidence`).

    Args:
        settings: of each network.
        data, fold: the sentences, and which of them to learn from.
        output_dir: each network's checkpoints go to `output_dir/member_<k>`.
        members: networks whose scores are averaged, seeds `seed`, `seed + 1`, ...
        linear: "read" gives the networks the linear model's evidence; "beside" trains them alone
            and adds its score to theirs afterwards, which is better where both know much and err
            differently; "none" leaves it out (and so do the paper's variants always).
        openings: let the linear model read how sentences begin as well; good for questions.
        distil: train one more network on what the others together say of the training rows (half)
            and on their labels (half), and keep that one alone (Hinton et al. 2015).
        linear_dir: where the linear model is kept for the next time, see `evidence.linear_model`.
        vectors: file or name of outside word vectors, see `vectors.load_vectors`.
        seed: of the first network.
        resume: continue an interrupted training; finished networks are not trained again.
        fingerprint: of all that must be the same for that.
        log: receives a line an epoch.
    """
    if linear not in get_args(Linear):
        raise ValueError(f"linear={linear!r}; choose one of {', '.join(get_args(Linear))}.")
    log = log or (lambda line: None)
    texts, labels, classes = data.texts[fold.train], data.labels[fold.train], len(data.classes)
    # With outside vectors the vocabulary is that of all sentences, test ones too (no labels), as in
    # the paper's code: a given vector serves words that training never saw.
    read = data.texts if vectors else texts
    encoder = Encoder.fit(read, 1 if vectors else settings.minimum_count, settings.buckets)
    encoded = encoder.encode(data.texts)
    table, ngrams, evidence = None, None, None
    if vectors:
        known, coverage = load_vectors(vectors, encoder.vocabulary, seed=seed)
        log(str(coverage))
        table = np.pad(known, [(2, 0), (0, 0)])  # padding and unknown words have no vector
    if linear != "none" and settings.variant == "subword":
        log("logistic regression over n-grams")
        groups, reads = data.groups()[fold.train], linear == "read"
        ngrams, honest = linear_model(
            texts, labels, classes, groups, honest=reads, openings=openings, folder=linear_dir
        )
        if reads:
            evidence = np.zeros((len(encoded.tokens), classes), np.float32)
            evidence[encoded.token_rows(fold.train)] = honest
            if len(fold.validation):
                found = ngrams.token_evidence(data.texts[fold.validation])
                evidence[encoded.token_rows(fold.validation)] = np.concatenate(found)
    networks, histories, goal = [], [], data.labels
    for number in range(members + distil):
        if number == members:
            log("one network that learns from the others")
            goal = taught(networks, encoded, evidence, data.labels, fold.train, classes)
            settings = settings.model_copy(update={"label_smoothing": 0.0})
        elif members > 1:
            log(f"network {number + 1} of {members}")
        network, history = train_network(
            settings, encoder, encoded, goal, fold.train, fold.validation, classes,
            Path(output_dir) / f"member_{number}" if output_dir else None, seed=seed + number,
            vectors=table, evidence=evidence, resume=resume,
            bias=None if evidence is None else ngrams.bias,
            fingerprint=fingerprint or data.fingerprint, log=log,
        )  # fmt: skip
        networks.append(network)
        histories.append(history)
    networks = networks[members:] or networks
    return SentenceClassifier(data.classes, encoder, networks, ngrams), histories


def taught(networks, encoded, evidence, labels, train, classes) -> np.ndarray:
    """Probabilities to learn, float32 [sentences, classes]: half teachers, half labels."""
    targets = np.eye(classes, dtype=np.float32)[labels]
    rows = Batches(
        encoded, labels, train, classes, 256, pieces="pieces" in input_names(networks[0]),
        evidence=evidence,
    )  # fmt: skip
    said = softmax(np.mean([predict_logits(net, rows) for net in networks], axis=0), axis=1)
    targets[train] = (targets[train] + said) / 2
    return targets
