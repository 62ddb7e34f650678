"""Training from nothing: the network of 2012 and that of today, on the pictures that there are.

Both see the same pictures, windows and mirror images, and are chosen and measured in the same way;
only what `KINDS` names differs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import psutil

from common import training
from common.history import History
from common.validation import DataError
from common.vision import head as heads
from common.vision import pixels
from common.vision.backbones import Backbone, digest
from common.vision.batches import Batches, class_weights
from common.vision.head import Head
from recipes.transfer import alexnet, augment, schedule
from recipes.transfer.data import Pictures
from recipes.transfer.labeller import Labeller

HELD_OUT = 10  # of so many parts of the training pictures, one chooses the epoch
OF_TRAINING = frozenset({"windows", "light"})  # what can be left out beside parts of a network
CUT_FROM = 128  # pixels; from here on windows are cut out of larger pictures, as in the paper


@dataclass(frozen=True)
class Kind:
    """One of the two networks with its training.

    Attributes:
        said: in a sentence.
        network: of `alexnet`. optimizer: of `schedule`.
        parts: that can be left out.
        rate: the highest learning rate, for a width of 0.25, which a laptop manages.
        batch: pictures of a step.
        light: whether colour noise is added.
    """

    said: str
    network: Callable[..., keras.Model]
    optimizer: Callable[..., keras.optimizers.Optimizer]
    parts: dict[str, str]
    rate: float
    batch: int
    light: bool


KINDS = {
    "modern": Kind("AlexNet as one would write it today", alexnet.modern,
                   schedule.modern_optimizer, alexnet.MODERN_PARTS, 0.05, 64, False),
    "paper": Kind("AlexNet as written in 2012", alexnet.paper,
                  schedule.paper_optimizer, alexnet.PAPER_PARTS, 0.002, 32, True),
}  # fmt: skip


@dataclass(frozen=True)
class Lesson:
    """All pictures of a set in memory, and what of the training part is held out.

    Attributes:
        data: what they are of.
        size: pixels a side that the network looks at.
        side: pixels a side of the pictures; larger than `size` where windows are cut.
        padding: pixels mirrored outward before a window is cut.
        pictures, tests: uint8 [n, side, side, 3] of the training and the test part.
        train, held_out: row numbers of the training part; look-alikes are on one side.
    """

    data: Pictures
    size: int
    side: int
    padding: int
    pictures: np.ndarray = field(repr=False)
    tests: np.ndarray = field(repr=False)
    train: np.ndarray = field(repr=False)
    held_out: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, data: Pictures, size: int = 32, seed: int = 0) -> Lesson:
        """Read all pictures.

        Args:
            size: from 128 on, windows of it are cut out of pictures an eighth larger, as the
                paper cuts 224 out of 256; below, pictures of that size are mirrored outward by
                an eighth instead.
            seed: of what is held out.

        Raises:
            DataError: they would not fit into memory, or a class has too few pictures.
        """
        cut = size >= CUT_FROM
        side, padding = (round(size * 8 / 7), 0) if cut else (size, max(1, size // 8))
        needed = len(data) * side * side * 3
        room = psutil.virtual_memory().available / 2
        if needed > room:
            raise DataError(
                f"{len(data):,} pictures of {side} pixels take {needed / 2**30:.1f} GB of memory; "
                f"half of what is free is {room / 2**30:.1f}. Write LIMIT = "
                f"{int(room / (side * side * 3)):,} or a smaller SIZE."
            )
        rows, tests = data.part("train"), data.part("test")
        labels = rows["label"].to_numpy()
        fewest = int(np.bincount(labels, minlength=len(data.classes)).min())
        if fewest < 2:
            raise DataError(f"{data.name}: a class has {fewest} training picture(s); one is needed "
                            "to learn from and one to choose the epoch. Add some.")
        parts = heads.dealt(labels, rows["group"].to_numpy(), min(HELD_OUT, fewest), seed)
        train, held_out = next(iter(parts))
        return cls(data, size, side, padding, pixels.load(rows["path"], side),
                   pixels.load(tests["path"], side), train, held_out)  # fmt: skip

    @cached_property
    def labels(self) -> np.ndarray:
        """Of the training part, int [n]."""
        return self.data.part("train")["label"].to_numpy()

    @cached_property
    def truth(self) -> np.ndarray:
        """Labels of the test part, int [n]."""
        return self.data.part("test")["label"].to_numpy()

    @cached_property
    def colours(self) -> augment.Colours:
        """Of the pictures that are learned from."""
        return augment.colour_axes(self.pictures[self.train])

    def augmented(self, network: keras.Model, windows: bool, light: bool, seed: int) -> keras.Model:
        """`network` behind what changes the pictures in training; see `augment.augmented`.

        Args:
            windows: shifted and mirrored; else the middle is taken.
            light: with colour noise.
        """
        colours = self.colours if light else None
        if windows:
            return augment.augmented(network, self.side, self.padding, True, colours, seed)
        return self.middle_of(augment.augmented(network, self.size, 0, False, colours, seed))

    def middle_of(self, network: keras.Model) -> keras.Model:
        """`network` behind a layer that cuts the middle out of pictures [n, side, side, 3]."""
        before = (self.side - self.size) // 2
        edges = (before, self.side - self.size - before)
        inputs = keras.Input((self.side, self.side, 3), name="pixels")
        middle = keras.layers.Cropping2D((edges, edges), name="middle")(inputs)
        return keras.Model(inputs, network(middle), name=f"{network.name}_of_the_middle")


@dataclass(frozen=True)
class Taught:
    """A trained network.

    Attributes:
        kind: of `KINDS`.
        without: parts that were left out.
        network: pictures [n, size, size, 3] of 0 to 255 -> logits.
        history: of the training, see `training.fit`.
        lesson: what it was trained on.
    """

    kind: str
    without: frozenset[str]
    network: keras.Model
    history: History
    lesson: Lesson = field(repr=False)

    @property
    def name(self) -> str:
        """See `named`."""
        return named(self.kind, self.without)

    def logits(self, pictures: np.ndarray) -> np.ndarray:
        """float32 [n, classes] of the middle windows of uint8 pictures [n, side, side, 3]."""
        edge = (self.lesson.side - self.lesson.size) // 2
        middle = pictures[:, edge : edge + self.lesson.size, edge : edge + self.lesson.size]
        found = [keras.ops.convert_to_numpy(self.network.predict_on_batch(block))
                 for block in _blocks(middle)]  # fmt: skip
        return np.concatenate(found)[: len(pictures)]

    @cached_property
    def right(self) -> np.ndarray:
        """Whether each test picture is named rightly, bool [n]."""
        return self.logits(self.lesson.tests).argmax(axis=1) == self.lesson.truth

    def ten_views(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities, the mean over ten windows; section 4.1 of the paper."""
        return augment.ten_crop_probabilities(self.network, pictures, self.lesson.padding)

    def backbone(self) -> Backbone:
        """All but its last matrix, as any other backbone of this recipe."""
        # The modern network averages its maps before the matrix, as `Backbone.views` does.
        averaged = self.kind == "modern"
        last = self.network.get_layer("logits")
        seen = self.network.get_layer("pool5").output if averaged else last.input
        part = self.lesson.middle_of(keras.Model(self.network.input, seen))
        return Backbone(f"alexnet, {self.name}", f"{KINDS[self.kind].said}, taught from nothing "
                        "on these pictures", digest(self.network), self.lesson.side,
                        part)  # fmt: skip

    def labeller(self, method: str = "neighbour", kept: float = 0.95) -> Labeller:
        """The product; its temperature and threshold are chosen on what was held out."""
        lesson = self.lesson
        kernel, bias = map(np.asarray, self.network.get_layer("logits").get_weights())
        found = Head(kernel, bias)
        backbone = self.backbone()
        views = backbone.views.predict(lesson.pictures[lesson.held_out].astype(np.float32), 32, 0)
        heat = heads.temperature_of(found.logits(views), lesson.labels[lesson.held_out])
        return Labeller.taught(backbone, Head(kernel, bias, heat), lesson.data, lesson.held_out,
                               method, kept)  # fmt: skip


def train(
    kind: str,
    lesson: Lesson,
    output_dir: str | Path,
    *,
    epochs: int,
    width: float = 0.25,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    without: Collection[str] = frozenset(),
    balanced: bool = False,
    seed: int = 0,
    resume: bool = True,
    log: Callable[[str], None] | None = print,
) -> Taught:
    """Train one of the two networks; of its epochs the one that held-out pictures prefer is kept.

    Args:
        kind: "modern" or "paper".
        output_dir: checkpoints go to a folder of the network's own below it; a stopped training
            goes on after its last whole epoch, a finished one is read.
        width: share of the paper's filters and units.
        batch_size, learning_rate: None takes those of `KINDS`, the rate in proportion to the batch
            (Goyal et al. 2017, section 2.1).
        without: parts to leave out, of the kind's `parts` or `OF_TRAINING`.
        balanced: every class counts the same.

    Raises:
        ValueError: an unknown kind or part, or a number out of range.
        FloatingPointError: the loss became infinite.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no network here; there are {', '.join(KINDS)}.")
    chosen, classes = KINDS[kind], len(lesson.data.classes)
    keras.utils.set_random_seed(seed)
    without = frozenset([without] if isinstance(without, str) else without)
    network = chosen.network(classes, lesson.size, width, without - OF_TRAINING, lesson.colours)
    light = chosen.light and "light" not in without
    model = lesson.augmented(network, "windows" not in without, light, seed)
    batch = batch_size or chosen.batch
    rate = learning_rate or chosen.rate * batch / chosen.batch
    model.compile(
        chosen.optimizer(-(-len(lesson.train) // batch), epochs, learning_rate=rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True), weighted_metrics=["accuracy"],
    )  # fmt: skip
    labels = lesson.labels
    weights = class_weights(labels[lesson.train], classes, balanced)
    batches = Batches(lesson.pictures, labels, weights, batch)
    rows = lesson.held_out
    folder = Path(output_dir) / named(kind, without).replace(" ", "_")
    history = training.fit(
        model, lambda epoch: batches.of(lesson.train, (seed, epoch)),
        (lesson.pictures[rows].astype(np.float32), labels[rows]), epochs=epochs,
        output_dir=folder, resume=resume, seed=seed, log=log,
        settings={"batch": batch, "rate": rate, "balanced": balanced, "side": lesson.side,
                  "data": lesson.data.fingerprint},
    )  # fmt: skip
    return Taught(kind, without, network, history, lesson)


def arms(taught: dict[str, Taught]) -> dict[str, np.ndarray]:
    """Whether each network is right on each test picture, bool [n] by its name.

    A whole network is asked about ten views of each picture as well.
    """
    found = {}
    for one in taught.values():
        found[one.name] = one.right
        if not one.without:
            answers = one.ten_views(one.lesson.tests).argmax(axis=1)
            found[f"{one.name}, ten views"] = answers == one.lesson.truth
    return found


def named(kind: str, without: Collection[str] = ()) -> str:
    """What a network is called in results: "modern", "paper without conv3"."""
    return kind + (f" without {' and '.join(sorted(without))}" if without else "")


def _blocks(pictures: np.ndarray, size: int = 128):
    """float32 blocks of one shape, the last filled up with black: one compiled program."""
    size = min(size, max(len(pictures), 1))
    for begin in range(0, len(pictures), size):
        block = np.zeros((size, *pictures.shape[1:]), np.float32)
        part = pictures[begin : begin + size]
        block[: len(part)] = part
        yield block
