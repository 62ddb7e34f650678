"""Training a wide & deep network: two optimizers, one loss, one compiled step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from common import training
from recipes.wide_deep.batches import Batches
from recipes.wide_deep.features import Features
from recipes.wide_deep.model import wide_deep
from recipes.wide_deep.optimizers import RowFtrl
from recipes.wide_deep.settings import Settings

STEPS = {
    "tensorflow": {"jit_compile": False, "steps_per_execution": 16},
    "jax": {"jit_compile": True},
    "torch": {"jit_compile": False},
}


def build(
    settings: Settings, features: Features, target: np.ndarray, classes: int, steps: int
) -> keras.Model:
    """A compiled network.

    Args:
        settings: see `Settings`.
        features: of the training rows.
        target: int32 classes, or float32 values of mean 0 and variance 1 [training rows].
        classes: 0 for values.
        steps: training steps in all, over which the deep part's learning rate falls to zero.
    """
    outputs, start = 1, np.zeros(1)
    if classes:
        shares = (np.bincount(target, minlength=classes) + 0.5) / (len(target) + 0.5 * classes)
        outputs = 1 if classes == 2 else classes
        start = np.log(shares[1:] / shares[:1]) if classes == 2 else np.log(shares)
    model = wide_deep(
        features.sizes, features.embedded, [number.edges for number in features.numbers],
        outputs, settings.kind, settings.dimension, settings.hidden, settings.dropout, start,
    )  # fmt: skip
    deep = keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps),
        weight_decay=settings.weight_decay,
    )
    # McMahan et al. 2013: follow-the-regularized-leader, a rate of its own for every weight.
    wide = RowFtrl(
        settings.wide_learning_rate, l1_regularization_strength=settings.wide_l1
    )
    chosen = {
        "wide": wide,
        "deep": deep,
        "wide_deep": keras.optimizers.MultiOptimizer(
            keras.optimizers.OptimizerMap(deep, {"wide/.*": wide})
        ),
    }
    if not classes:
        loss, metrics = keras.losses.MeanSquaredError(), [keras.metrics.R2Score(name="r2")]
    elif classes == 2:
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        metrics = [keras.metrics.AUC(num_thresholds=1000, from_logits=True, name="auc")]
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        metrics = ["accuracy"]
    model.compile(
        chosen[settings.kind], loss, metrics=metrics, **STEPS[keras.backend.backend()]
    )
    return model


def train_network(
    settings: Settings,
    features: Features,
    inputs: dict[str, np.ndarray],
    target: np.ndarray,
    classes: int,
    train: np.ndarray | None,
    validation: np.ndarray,
    output_dir: str | Path | None,
    *,
    mixed: bool = False,
    seed: int = 0,
    resume: bool = True,
    fingerprint: str = "",
    log: Callable[[str], None] | None = print,
) -> tuple[keras.Model, training.History]:
    """Train one network on some rows.

    Args:
        settings: how.
        features, inputs: what the networks read, see `Features.arrays`.
        target: int32 classes or float32 values [rows]; classes: how many, 0 for values.
        train, validation: row numbers (validation may be empty; None trains on all rows).
        output_dir: checkpoints go to `output_dir/checkpoint`; None keeps none.
        mixed: the arrays lie on disk, see `Batches`.
        seed: of the initial weights, the dropout and the order of the batches.
        resume: go on from a checkpoint that is there; the result is that of an unbroken run.
        fingerprint: of the data; a checkpoint of other data is refused.
        log: receives a line an epoch.
    """
    keras.utils.set_random_seed(seed)
    float_target = target.astype(np.float32) if classes in (0, 2) else target
    batches = Batches(inputs, float_target, train, settings.batch_size, seed=seed, mixed=mixed)
    learned = target if train is None else target[train]
    model = build(settings, features, learned, classes, batches.steps * settings.epochs)
    held_out = None
    if len(validation):
        part = {name: array[validation] for name, array in inputs.items()}
        held_out = (part, float_target[validation])
    history = training.fit(
        model, batches, held_out, epochs=settings.epochs, output_dir=output_dir, restore_best=False,
        resume=resume, seed=seed, log=log,
        settings={"fingerprint": fingerprint, **settings.model_dump()},
    )  # fmt: skip
    return model, history


def predict_scores(model: keras.Model, inputs: dict[str, np.ndarray], size: int = 8192):
    """Unnormalised scores float32 [rows, outputs]."""
    rows = len(inputs["ids"])
    parts = [
        keras.ops.convert_to_numpy(
            model({name: array[k : k + size] for name, array in inputs.items()}, training=False)
        )
        for k in range(0, rows, size)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, model.output_shape[-1]), np.float32)
