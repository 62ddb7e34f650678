"""The upper part of a cut backbone taught on lesions, several times over: an ensemble of seeds.

Classes are rare to differing degrees, and two questions want different answers: the likeliest class
for accuracy, the class whose evidence stands out most for balanced accuracy. One network serves
both: it learns with weights of the classes between those (inverse frequency to the power `SOFTEN`),
and `priors` moves its answer from the classes' shares in training towards equal ones (A. Menon et
al., "Long-Tail Learning via Logit Adjustment", ICLR 2021, equation 9).

Two things keep a network with millions of weights from learning ten thousand photographs by heart:
pairs of maps are mixed as their answers are (V. Verma et al., "Manifold Mixup", ICML 2019, equation
2), and what counts is the running average of the weights (B. Polyak and A. Juditsky, 1992).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from scipy.special import log_softmax

from common import training
from common.history import History
from common.vision.finetune import GradedAdamW
from recipes.skin.cut import Cut, Seen

RATE, HEAD_RATE = 1e-4, 1e-3  # of the upper part and of the matrix on top
DECAY, SMOOTHING, DROPOUT, SOFTEN = 1e-2, 0.05, 0.4, 0.5
BATCH = 32
MIXED = 0.2  # both parameters of the beta distribution of a pair's shares
AVERAGED = 0.99  # momentum of the weights' running average; a shorter training takes less
SCALE, EVEN, ANSWERS = "scale", "even", "answers"  # layers of a member


@dataclass(frozen=True)
class Taught:
    """One member.

    Attributes:
        model: {"maps", "below"} of one view -> logits [n, classes].
        history: see `training.fit`.
        frequencies: of each class, as the weighted loss saw them, float [classes], sum 1.
        cut: whose upper part was taught.
    """

    model: keras.Model
    history: History
    frequencies: np.ndarray
    cut: Cut

    def logits(self, seen: Seen, batch: int = 64) -> np.ndarray:
        """float32 [n, classes], the mean of the views."""
        total = np.zeros((len(seen), self.model.output_shape[-1]), np.float32)
        for view in range(seen.below.shape[1]):
            for begin in range(0, len(seen), batch):
                given = _given(seen, np.arange(begin, min(begin + batch, len(seen))), view)
                total[begin : begin + batch] += keras.ops.convert_to_numpy(
                    self.model.predict_on_batch(given)
                )
        return total / seen.below.shape[1]


def network(cut: Cut, mean: np.ndarray, variance: np.ndarray, classes: int, seed: int,
            momentum: float = AVERAGED) -> keras.Model:  # fmt: skip
    """A fresh matrix on the features of all layers, standardised as the training photographs'.

    Args:
        cut: whose upper part learns. mean, variance: float [d0] of the features below the cut.
        momentum: of the running statistics of those above it.
    """
    inputs = {"maps": keras.Input(cut.upper.input_shape[1:], name="maps"),
              "below": keras.Input(mean.shape, name="below")}  # fmt: skip
    scale = keras.layers.Normalization(mean=mean, variance=variance, dtype="float32", name=SCALE)
    even = keras.layers.BatchNormalization(momentum=momentum, center=False, scale=False,
                                           dtype="float32", name=EVEN)  # fmt: skip
    features = [scale(inputs["below"]), even(cut.upper(inputs["maps"]))]
    both = keras.layers.Concatenate(dtype="float32")(features)
    both = keras.layers.Dropout(DROPOUT, seed=seed, dtype="float32")(both)
    logits = keras.layers.Dense(classes, kernel_initializer="zeros", dtype="float32",
                                name=ANSWERS)(both)  # fmt: skip
    return keras.Model(inputs, logits, name=f"member_{seed}")


def teach(cut: Cut, seen: Seen, labels: np.ndarray, held: Seen, held_labels: np.ndarray,
          classes: int, output_dir: str | Path | None, *, epochs: int = 8, seed: int = 0,
          batch_size: int = BATCH, data: str = "", resume: bool = True,
          log: Callable[[str], None] | None = print) -> Taught:  # fmt: skip
    """Teach the upper part and a matrix on top.

    Args:
        cut: of a fresh backbone: its upper weights are changed.
        seen, labels: of the training photographs. held, held_labels: they choose the epoch.
        output_dir: checkpoints go there; a stopped run goes on after its last whole epoch. None
            keeps none.
        seed: of the order and the views.
        data: what the photographs are told by, `Lesions.fingerprint`: a checkpoint of others is
            refused.

    Raises:
        ValueError: fewer than one epoch, or a class without a training photograph.
    """
    counts = np.bincount(labels, minlength=classes)
    if epochs < 1 or not counts.all():
        raise ValueError(f"epochs={epochs} must be 1 or more, and every class needs a photograph; "
                         f"there are {counts.tolist()}.")
    softened = frequencies(labels, classes)
    weights = softened / counts * len(labels)
    _frozen_norms(cut)
    below = seen.below.reshape(-1, seen.below.shape[-1])
    views = seen.below.shape[1]
    first = np.random.default_rng(seed).integers(0, views, len(labels))

    def epoch_of(number: int) -> _Epoch:
        order = np.random.default_rng((seed, number)).permutation(len(labels))
        # Each view in its turn, so that none comes twice before all came once.
        turn = (first[order] + number) % views
        return _Epoch(seen, labels, weights, order, turn, classes, batch_size, (seed, number, 1))

    steps = len(epoch_of(0)) * epochs
    # No longer than a twentieth of the training, so that what was there first is forgotten.
    momentum = min(AVERAGED, max(0.0, 1 - 20 / steps))
    model = network(cut, below.mean(axis=0), below.var(axis=0) + 1e-6, classes, seed,
                    max(0.5, momentum))  # fmt: skip
    slow = {id(weight) for weight in cut.upper.weights}
    factors = [RATE / HEAD_RATE if id(v) in slow else 1.0 for v in model.trainable_variables]
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=HEAD_RATE,
                                                  warmup_steps=max(1, steps // 10))  # fmt: skip
    model.compile(GradedAdamW(factors, learning_rate=rate, weight_decay=DECAY, use_ema=True,
                              ema_momentum=momentum),
                  keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING),
                  weighted_metrics=["accuracy"])  # fmt: skip
    rows = np.arange(len(held_labels))
    history = training.fit(
        model, epoch_of, _Epoch(held, held_labels, weights, rows, rows * 0, classes, batch_size),
        epochs=epochs, output_dir=output_dir, resume=resume, monitor="val_loss", seed=seed, log=log,
        settings={"rates": (RATE, HEAD_RATE), "mixed": MIXED, "averaged": momentum, "seed": seed,
                  "data": data, "key": cut.taps.backbone.key, "batch_size": batch_size,
                  "epochs": epochs, "constancy": cut.constancy, "maps": seen.shape,
                  "labels": hashlib.sha256(labels.astype(np.int64).tobytes()).hexdigest()},
    )  # fmt: skip
    return Taught(model, history, softened, cut)


def frequencies(labels: np.ndarray, classes: int) -> np.ndarray:
    """Of each class as the weighted loss sees them, float [classes], sum 1."""
    found = np.bincount(labels, minlength=classes) ** (1 - SOFTEN)
    return found / found.sum()


def priors(logits: np.ndarray, frequencies: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Log probabilities [n, classes] as if classes came with other frequencies.

    Args:
        logits: of a network that learned with `frequencies` [classes]. wanted: [classes].
    """
    return log_softmax(logits - np.log(frequencies) + np.log(wanted), axis=1)


def _frozen_norms(cut: Cut) -> None:
    for layer in cut.upper._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def _given(seen: Seen, rows: np.ndarray, views) -> dict[str, np.ndarray]:
    return {"maps": seen.maps(rows, views), "below": seen.below[rows, views]}


class _Epoch(keras.utils.PyDataset):
    """Photographs in an order, each in one of its views, with the weights of their classes.

    With a seed each is mixed with another one of its batch, and a last batch of one photograph
    alone, which has no spread, is left out.
    """

    def __init__(self, seen, labels, weights, order, views, classes, batch_size, seed=None):
        super().__init__()
        self.seen, self.labels, self.weights = seen, labels, weights
        self.order, self.views, self.classes = order, views, classes
        self.batch_size, self.seed = batch_size, seed

    def __len__(self):
        alone = self.seed is not None and len(self.order) % self.batch_size == 1
        return max(1, -(-len(self.order) // self.batch_size) - alone)

    def __getitem__(self, step):
        part = slice(step * self.batch_size, (step + 1) * self.batch_size)
        rows = self.order[part]
        given = _given(self.seen, rows, self.views[part])
        # A rare class counts for more, in a mixture too.
        answers = np.eye(self.classes, dtype=np.float32)[self.labels[rows]]
        answers *= self.weights[self.labels[rows], None].astype(np.float32)
        if self.seed is not None:
            random = np.random.default_rng((*self.seed, step))
            share, other = random.beta(MIXED, MIXED, len(rows)), random.permutation(len(rows))
            *both, answers = (_mixed(each, share, other) for each in (*given.values(), answers))
            given = dict(zip(given, both, strict=True))
        weight = answers.sum(axis=1)
        return given, answers / weight[:, None], weight


def _mixed(values: np.ndarray, share: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Each row, a share of it, with another one."""
    share = share.reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    return share * values + (1 - share) * values[other]
