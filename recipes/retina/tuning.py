"""The backbone taught further on eyes: its last layers, slowly, with the questions on top.

As in `common.vision.finetune`: statistics of batch normalisation stay, lower layers take smaller
steps, and a fifth of the patients, from whom nothing is learned, says whether it was worth it.
Afterwards the heads are trained anew on what the tuned backbone sees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from common import training
from common.history import History
from common.vision import finetune
from common.vision.backbones import digest
from common.vision.head import dealt
from common.vision.taps import Taps
from recipes.retina import heads, learning, ordinal
from recipes.retina.learning import Heads, Learner, Task

SHARE, LEARNING_RATE, DROPOUT = 0.3, 2e-4, 0.3


@dataclass(frozen=True)
class Tuned:
    """What teaching further gave.

    Attributes:
        taps: the tuned backbone at the same layers.
        history: of the training, see `training.fit`.
        validation: rows of the task from which nothing was learned.
        before, after: log loss of the grades on them, of heads on the frozen and on the tuned
            backbone, both trained on the other rows.
    """

    taps: Taps
    history: History
    validation: np.ndarray
    before: float
    after: float

    @property
    def better(self) -> bool:
        """Whether it was worth it."""
        return self.after < self.before


def network(taps: Taps, trained: Heads, seed: int) -> keras.Model:
    """pixels -> {"grade": [n, 1, answers], "edema": [n, 1, 1]}, changed in training before it.

    The mean direction of the members is where it begins.
    """
    inputs = keras.Input(taps.maps.input_shape[1:], name="pixels")
    seen = taps.pooled(finetune.changed(inputs, seed, upright=False), training=False)
    seen = keras.layers.Dropout(DROPOUT, seed=seed + 9)(seen)
    answers, outputs = heads.WIDTHS[trained.kind], {}
    kernel, bias = trained.kernel, trained.bias - trained.mean @ trained.kernel
    cut = trained.members * answers
    for name, width, rows in (("grade", answers, slice(0, cut)), ("edema", 1, slice(cut, None))):
        dense = keras.layers.Dense(width, name=f"{name}_logits", dtype="float32")
        outputs[name] = keras.layers.Reshape((1, width), name=name)(dense(seen))
        dense.set_weights([kernel[:, rows].reshape(len(kernel), -1, width).mean(axis=1),
                           bias[rows].reshape(-1, width).mean(axis=0)])  # fmt: skip
    return keras.Model(inputs, outputs)


def tune(
    taps: Taps, task: Task, pictures: np.ndarray, output_dir: str | Path, *, kind: str,
    strength: float, epochs: int = 5, share: float = SHARE, learning_rate: float = LEARNING_RATE,
    batch_size: int = 8, seed: int = 0, resume: bool = True,
    log: Callable[[str], None] | None = print,
) -> Tuned:  # fmt: skip
    """Teach the last layers further.

    Args:
        taps: of a fresh backbone: its weights are changed.
        task: with what it sees before. pictures: uint8 [n, size, size, 3], the task's photographs.
        output_dir: checkpoints go there; a stopped run goes on after its last whole epoch.
        kind, strength: of the heads before and after.
        share: of the backbone's layers with weights, from the top.
        learning_rate: of the heads; what lies below gets 1 / 2.6 and 1 / 6.8 of it.

    Raises:
        ValueError: a share or number of epochs that is out of range, or heads that are not linear
            questions of their own ("questions" and "softmax" are).
    """
    if kind not in ("questions", "softmax"):
        raise ValueError(f'kind={kind!r} cannot be taught further; take "questions" or "softmax".')
    if not 0 < share <= 1 or epochs < 1:
        raise ValueError(f"share={share} must lie above 0 and not above 1, epochs={epochs} be 1 or "
                         "more.")
    train, validation = next(iter(dealt(task.grades, task.groups, learning.FOLDS, seed)))
    train = train[task.trusted[train]]
    begun = Learner(task, kind, 3).fit(train, strength, seed)
    before = _loss(begun, task, validation)
    chosen = finetune.unfreeze(taps.backbone, share)
    model = network(taps, begun, seed)
    steps = -(-len(train) // batch_size)
    model.compile(
        finetune.graded(model, chosen, learning_rate, steps * epochs),
        {"grade": heads.OfMembers(heads.LOSSES[kind]()),
         "edema": heads.OfMembers(ordinal.CoralLoss())},
    )  # fmt: skip
    labels = {name: np.column_stack([told, told >= 0]).astype(np.float32)
              for name, told in (("grade", task.grades), ("edema", task.edema))}  # fmt: skip
    held = {name: rows[validation] for name, rows in labels.items()}
    history = training.fit(
        model, lambda epoch: _Epoch(pictures, labels, train, batch_size, (seed, epoch)),
        (pictures[validation].astype(np.float32), held), epochs=epochs, output_dir=output_dir,
        resume=resume, monitor="val_loss", seed=seed, log=log,
        settings={"share": share, "rate": learning_rate, "batch": batch_size,
                  "key": taps.backbone.key},
    )  # fmt: skip
    backbone = replace(
        taps.backbone, key=f"{taps.backbone.key}-tuned-{digest(taps.backbone.model)}",
        said=f"{taps.backbone.said}; its last layers taught further on these eyes",
    )  # fmt: skip
    tuned = Taps(backbone, taps.layers, taps.views)
    seen = replace(task, features=tuned.compute(pictures, log=log).mean(axis=1))
    after = _loss(Learner(seen, kind, 3).fit(train, strength, seed), seen, validation)
    return Tuned(tuned, history, validation, before, after)


def _loss(trained: Heads, task: Task, rows: np.ndarray) -> float:
    over, _ = trained.above(task.features[rows])
    return learning.log_loss(over, task.grades[rows])


class _Epoch(keras.utils.PyDataset):
    def __init__(self, pictures, labels, rows, size, seed):
        super().__init__()
        self.pictures, self.labels, self.size = pictures, labels, size
        self.order = np.random.default_rng(seed).permutation(rows)

    def __len__(self):
        return -(-len(self.order) // self.size)

    def __getitem__(self, step):
        rows = np.sort(self.order[step * self.size : (step + 1) * self.size])
        return (self.pictures[rows].astype(np.float32),
                {name: each[rows] for name, each in self.labels.items()})  # fmt: skip
