"""After the head, some of the backbone: slowly, from the top down, statistics left as they are.

First the head alone, then all together keeps the features from being torn apart by a random head
(Kumar et al., "Fine-Tuning can Distort Pretrained Features", ICLR 2022). Lower layers get smaller
steps (Howard and Ruder, ACL 2018, section 3.2). Batch normalisation stays in inference mode: a few
hundred pictures are no new statistics of the world.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from common import training
from common.history import History
from common.vision import head as heads
from common.vision.backbones import Backbone, digest, linear_top
from common.vision.batches import Batches, class_weights
from common.vision.head import Head

DECAY = 2.6  # a lower group's steps are so much smaller (Howard and Ruder)
GROUPS = 3  # the head, the upper and the lower half of what is trained below it


@keras.saving.register_keras_serializable(package="vision")
class GradedAdamW(keras.optimizers.AdamW):
    """AdamW with a factor on the learning rate for each variable, in the order of training.

    Scaling gradients would not do: Adam divides by their size.
    """

    def __init__(self, factors: list[float], **options):
        super().__init__(**options)
        self.factors = list(factors)

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        pairs = list(zip(grads, trainable_variables, strict=True))
        for factor in sorted(set(self.factors)):
            chosen = [pair for pair in pairs
                      if self.factors[self._get_variable_index(pair[1])] == factor]  # fmt: skip
            if chosen:
                super()._backend_update_step(*map(list, zip(*chosen, strict=True)),
                                             learning_rate * factor)  # fmt: skip

    def get_config(self):
        return {**super().get_config(), "factors": self.factors}


@dataclass(frozen=True)
class Tuned:
    """What fine-tuning gave.

    Attributes:
        backbone, head: after it; the head's temperature is chosen on the validation rows.
        history: of the training, see `training.fit`.
        validation: rows of the training pictures that chose the epoch.
        before, after: log loss on them, of the head alone and of both.
    """

    backbone: Backbone
    head: Head
    history: History
    validation: np.ndarray
    before: float
    after: float

    @property
    def better(self) -> bool:
        """Whether it was worth it, on pictures that neither had learned from."""
        return self.after < self.before


def changed(pixels, seed: int, upright: bool = True):
    """Pictures of 0 to 255, changed in training alone: mirrored, turned, nearer, in other light.

    Args:
        pixels: Keras tensor [n, height, width, 3].
        seed: of the changes.
        upright: whether the things have an up and a down, as photographs of the world have; else
            they are turned by any angle and upside down.
    """
    for layer in (
        keras.layers.RandomFlip("horizontal" if upright else "horizontal_and_vertical", seed=seed),
        keras.layers.RandomRotation(0.04 if upright else 0.5, fill_mode="reflect", seed=seed + 1),
        keras.layers.RandomZoom((-0.3, 0.0), fill_mode="reflect", seed=seed + 2),
        keras.layers.RandomBrightness(0.15, (0, 255), seed=seed + 3),
        keras.layers.RandomContrast(0.2, value_range=(0, 255), seed=seed + 4),
    ):
        pixels = layer(pixels)
    return pixels


def network(backbone: Backbone, head: Head, seed: int, dropout: float = 0.2,
            upright: bool = True) -> keras.Model:  # fmt: skip
    """pixels [n, height, width, 3] of 0 to 255 -> logits, with `changed` before it in training."""
    inputs = keras.Input(backbone.model.input_shape[1:], name="pixels")
    # Statistics stay, whatever is trained.
    maps = backbone.model(changed(inputs, seed, upright), training=False)
    if backbone.has_maps:
        maps = keras.layers.GlobalAveragePooling2D(dtype="float32")(maps)
    maps = keras.layers.Dropout(dropout, seed=seed + 5)(maps)
    return keras.Model(inputs, linear_top(head.kernel, head.bias, maps.shape[1:])(maps))


def unfreeze(backbone: Backbone, share: float) -> list[keras.layers.Layer]:
    """Make the last share of the layers with weights trainable, bottom first; norms stay frozen."""
    flat = [layer for layer in backbone.model._flatten_layers(include_self=False)
            if layer.weights and not hasattr(layer, "layers")]  # fmt: skip
    begin = round(len(flat) * (1 - share))
    chosen = [layer for layer in flat[begin:]
              if not isinstance(layer, keras.layers.BatchNormalization)]  # fmt: skip
    for layer in flat:
        layer.trainable = any(layer is one for one in chosen)
    return chosen


def graded(model: keras.Model, chosen: list[keras.layers.Layer], learning_rate: float,
           steps: int) -> GradedAdamW:  # fmt: skip
    """AdamW with warm-up and cosine, whose steps are smaller for the lower half of `chosen`.

    Args:
        model: that is trained, its frozen layers set.
        chosen: layers of the backbone that learn too, bottom first, from `unfreeze`.
        learning_rate: of everything above them; they get 1 / 2.6 and 1 / 6.8 of it.
        steps: of the whole training.
    """
    lower = {id(weight) for layer in chosen[: len(chosen) // 2] for weight in layer.weights}
    upper = {id(weight) for layer in chosen[len(chosen) // 2 :] for weight in layer.weights}
    factors = [DECAY ** -(2 if id(v) in lower else 1 if id(v) in upper else 0)
               for v in model.trainable_variables]  # fmt: skip
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=learning_rate, warmup_steps=max(1, steps // 20)
    )
    return GradedAdamW(factors, learning_rate=rate, weight_decay=1e-3)


def tune(
    backbone: Backbone,
    head: Head,
    pictures: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    output_dir: str | Path,
    *,
    epochs: int = 5,
    share: float = 0.3,
    learning_rate: float = 3e-4,
    batch_size: int = 32,
    balanced: bool = False,
    upright: bool = True,
    seed: int = 0,
    resume: bool = True,
    log: Callable[[str], None] | None = print,
) -> Tuned:
    """Fine-tune the last layers together with the head.

    Args:
        backbone: a fresh one: its weights are changed.
        head: from `head.fit`; its classes are kept.
        pictures: uint8 [n, height, width, 3], as the backbone takes them.
        labels, groups: of these pictures. A fifth of them chooses the epoch.
        output_dir: checkpoints go there; a stopped run goes on after its last whole epoch.
        share: of the backbone's layers with weights, from the top.
        learning_rate: of the head; what lies below gets 1 / 2.6 and 1 / 6.8 of it.
        balanced: every class counts the same.
        upright: see `changed`.

    Raises:
        ValueError: a share or number of epochs that is out of range.
    """
    if not 0 < share <= 1 or epochs < 1:
        raise ValueError(f"share={share} must lie above 0 and not above 1, epochs={epochs} be 1 or "
                         "more.")
    train, validation = next(iter(heads.dealt(labels, groups, heads.FOLDS, seed)))
    begun = heads.fit(_pooled(backbone, pictures[train]), labels[train], groups[train],
                      classes=head.kernel.shape[1], balanced=balanced, strengths=(head.strength,),
                      seed=seed)  # fmt: skip
    seen = _pooled(backbone, pictures[validation])
    before = _loss(begun.logits(seen), labels[validation])
    chosen = unfreeze(backbone, share)
    model = network(backbone, begun, seed, upright=upright)
    steps = -(-len(train) // batch_size)
    model.compile(
        graded(model, chosen, learning_rate, steps * epochs),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["accuracy"],
    )
    weights = class_weights(labels[train], head.kernel.shape[1], balanced)
    batches = Batches(pictures, labels, weights, batch_size)
    history = training.fit(
        model, lambda epoch: batches.of(train, (seed, epoch)),
        (pictures[validation].astype(np.float32), labels[validation]), epochs=epochs,
        output_dir=output_dir, resume=resume, monitor="val_loss", seed=seed, log=log,
        settings={"share": share, "rate": learning_rate, "batch": batch_size, "key": backbone.key},
    )  # fmt: skip
    logits = model.predict(pictures[validation].astype(np.float32), verbose=0)
    kernel, bias = model.layers[-1].get_layer("answers").get_weights()
    heat = heads.temperature_of(logits, labels[validation])
    tuned = Backbone(
        backbone.name, f"{backbone.said}; its last layers taught further on these pictures",
        f"{backbone.key}-tuned-{digest(backbone.model)}", backbone.size, backbone.model,
    )  # fmt: skip
    return Tuned(tuned, Head(kernel, bias, heat, head.strength), history, validation, before,
                 heads.log_loss(logits / heat, labels[validation]))  # fmt: skip


def _loss(logits, labels) -> float:
    return heads.log_loss(logits / heads.temperature_of(logits, labels), labels)


def _pooled(backbone: Backbone, pictures: np.ndarray) -> np.ndarray:
    maps = backbone.maps(pictures)
    return maps.mean(axis=(1, 2)) if backbone.has_maps else maps
