"""A recogniser taught on a corpus, with the curve of its errors against the minutes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import jiwer
import keras
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from common import files, training
from common.history import History
from recipes.speech import augment, prepare
from recipes.speech.alphabet import SPACE, Alphabet
from recipes.speech.batches import Batches, Masks, letters_of
from recipes.speech.data import Corpus
from recipes.speech.decode import best_path
from recipes.speech.features import LogMel
from recipes.speech.model import Recogniser, spoken
from recipes.speech.transcriber import Transcriber


class Settings(BaseModel):
    """How a recogniser is built and taught; a name that is none of these is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = "fast"
    width: int = Field(256, ge=8)
    blocks: int = Field(6, ge=1)
    kernel: int = Field(15, ge=1)  # frames of 40 ms
    right: int = Field(7, ge=0)  # of those, frames ahead
    recurrent: str = "lstm"
    both: bool = False
    bands: int = Field(64, ge=8)
    cepstra: int = Field(0, ge=0)
    dropout: float = Field(0.1, ge=0, lt=1)
    steps: str = "speed 0.85 1.15, volume -20 3, bands 0 16, times 0 0.3"  # `augment.parsed`
    copies: int = Field(0, ge=0)  # of each utterance, changed anew; 0: one for four epochs, to 8
    epochs: int = Field(80, ge=1)
    rate: float = Field(2e-3, gt=0)  # the highest
    schedule: Literal["cosine", "plateau"] = "cosine"  # how it falls
    patience: int = Field(2, ge=1)  # "plateau": points of the curve without a better one: halved
    stop: int = Field(0, ge=0)  # points of the curve without a better one: the end; 0 never
    decay: float = Field(1e-2, ge=0)
    average: float = Field(0.98, ge=0, lt=1)  # momentum of the averaged weights; 0 the last ones
    seconds: float = Field(120, gt=0)  # of sound in a batch
    seed: int = 0


@dataclass(frozen=True)
class Taught:
    """What training gave.

    Attributes:
        model: see `Recogniser`. layer: that makes its frames. alphabet: what it writes in.
        history: of the epochs. curve: {"minutes", "epoch", "wer", "cer", "rate"} rows of the
            validation part, greedy.
        skipped: utterances that were too short for their letters, how often.
    """

    model: Recogniser
    layer: LogMel
    alphabet: Alphabet
    history: History = field(repr=False)
    curve: list[dict] = field(repr=False)
    skipped: dict[int, int]


def teach(corpus: Corpus, settings: Settings, output_dir: str | Path | None = None, *,
          start: Transcriber | None = None, anew: int | None = None, every: int = 5,
          resume: bool = True,
          log: Callable[[str], None] | None = print) -> Taught:  # fmt: skip
    """Teach a recogniser on the training part.

    Args:
        output_dir: checkpoints and the curve go there; a stopped run goes on after its last whole
            epoch. None keeps none.
        start: a taught network whose layers are the first weights of this one.
        anew: so many of its last layers begin afresh, the letters' matrix among them; None: that
            one alone if it writes in other letters, else none.
        every: epochs between two points of the curve.

    Raises:
        DataError: a recording cannot be read any more.
        ValueError: a setting is wrong.
    """
    layer, model = LogMel(bands=settings.bands), network(settings, corpus.alphabet.size)
    if start is not None:  # what does not fit is told before anything is computed
        if anew is None:
            anew = int(start.alphabet != corpus.alphabet)
        transfer(start.model, model, anew)
    rows, held = corpus.part("train"), corpus.part("validation")
    copies, stages = changed(rows, layer, settings, log)
    plain = prepare.of_rows(rows, layer, log=log)
    usual = mean_of(plain)
    letters = letters_of(rows["transcript"], corpus.alphabet)
    masks = Masks.of(augment.parsed(settings.steps))
    batches = Batches(copies, letters, usual, settings.seconds, masks, settings.epochs,
                      settings.seed, stages)  # fmt: skip
    judged = Batches([prepare.of_rows(held, layer, log=log)],
                     letters_of(held["transcript"], corpus.alphabet), usual, settings.seconds)
    if start is None:
        model.learn_scale(plain.in_blocks())
    compiled(model, settings, batches.steps())
    curve = Curve(judged, held["transcript"].tolist(), corpus.alphabet, every, settings,
                  output_dir, resume)  # fmt: skip
    history = training.fit(
        model, batches.epoch, None, epochs=settings.epochs, output_dir=output_dir,
        resume=resume, restore_best=False, callbacks=[curve], seed=settings.seed, log=log,
        settings={**settings.model_dump(), "corpus": corpus.fingerprint,
                  "letters": corpus.alphabet.letters, "start": _digest(start and start.model),
                  "anew": anew if start is not None else None},
    )  # fmt: skip
    return Taught(model, layer, corpus.alphabet, history, curve.timed(history),
                  batches.skipped(history.epochs))  # fmt: skip


def mean_of(heard: prepare.Heard) -> np.ndarray:
    """Of each band, float32 [bands]."""
    total = sum(block.sum(axis=0, dtype=np.float64) for block in heard.in_blocks())
    return (total / len(heard.frames)).astype(np.float32)


def changed(rows, layer: LogMel, settings: Settings, log: Callable[[str], None] | None = None
            ) -> tuple[list[prepare.Heard], list[tuple[int, int]]]:  # fmt: skip
    """Changed copies of utterances, and with which epoch which of them begin, see `Batches`."""
    steps = [step for step in augment.parsed(settings.steps) if step.name not in augment.MASKS]
    begins = sorted({0, *(step.begin(settings.epochs) for step in steps)})
    copies, stages = [], []
    for begin, end in zip(begins, [*begins[1:], settings.epochs], strict=True):
        # Frames do not hang on when a change began.
        active = [replace(step, after=0.0) for step in steps
                  if step.begin(settings.epochs) <= begin]  # fmt: skip
        wanted = settings.copies or min(8, max(1, settings.epochs // 4))
        count = min(wanted, end - begin) if active else 1
        stages.append((begin, len(copies)))
        copies += [prepare.of_rows(rows, layer, active, copy, settings.seed, log)
                   for copy in range(count)]  # fmt: skip
    return copies, stages


def _digest(model: Recogniser | None) -> str:
    """sha256 of a network's weights; nothing of none."""
    if model is None:
        return ""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(keras.ops.convert_to_numpy(weight).tobytes())
    return digest.hexdigest()


def network(settings: Settings, classes: int) -> Recogniser:
    """An untaught network; the seed of everything random is set, for its first weights."""
    keras.utils.set_random_seed(settings.seed)
    return Recogniser(
        classes, settings.bands, settings.kind, settings.width, settings.blocks, settings.kernel,
        settings.right, settings.recurrent, settings.both, settings.cepstra, settings.dropout,
        settings.seed,
    )  # fmt: skip


def transfer(source: Recogniser, target: Recogniser, anew: int = 1) -> None:
    """Give a network the weights of another one, its scale of the bands among them.

    Args:
        anew: so many of the last layers keep their own weights. The letters' matrix is one of them
            unless anew is 0; then the alphabets must have the same size.

    Raises:
        ValueError: they are not built alike; it names the settings that differ.
    """
    differ = [name for name, value in source.settings.items()
              if name not in ("classes", "dropout", "seed") and target.settings[name] != value]
    if not anew and source.settings["classes"] != target.settings["classes"]:
        differ.append("classes")
    if differ or not 0 <= anew <= len(target.stack):
        told = ", ".join(f"{name} {source.settings[name]!r} there, {target.settings[name]!r} here"
                         for name in differ) or f"anew={anew} of {len(target.stack)} layers"
        raise ValueError(f"START: the networks are not alike: {told}. Give this one the same "
                         "parameters.")  # fmt: skip
    kept = len(target.stack) - max(0, anew - 1)
    pairs = [(source.standardised, target.standardised), (source.level, target.level),
             *zip(source.stack[:kept], target.stack[:kept], strict=True)]
    if not anew:
        pairs.append((source.answers, target.answers))
    for one, other in pairs:
        # Not dropout's generators, which are no weights.
        for given, own in zip(one.weights, other.weights, strict=True):
            own.assign(np.array(keras.ops.convert_to_numpy(given)))


def compiled(model: Recogniser, settings: Settings, steps: int) -> None:
    """Give it its optimizer: AdamW, the rate rising for a tenth of the steps and then falling.

    On a plateau it falls when the curve does not, see `Curve`.
    """
    rate = settings.rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            rate / 50, steps, alpha=0.0, warmup_target=rate, warmup_steps=max(1, steps // 10))
    averages = dict(use_ema=True, ema_momentum=settings.average) if settings.average else {}
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.decay, beta_2=0.98,
                                       global_clipnorm=1.0, **averages)  # fmt: skip
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    # XLA is four times slower on TensorFlow's CPU here; JAX computes nothing together without it.
    model.compile(optimizer, jit_compile=keras.backend.backend() == "jax")


def logits_of(model: Recogniser, batches: Batches) -> list[np.ndarray]:
    """Of each utterance, float32 [t, classes]; one that was skipped gives none [0, classes]."""
    planned = batches.planned(0)
    found = [np.zeros((0, model.settings["classes"]), np.float32)] * len(batches.letters)
    for batch, (given, _) in zip(planned, batches.made(planned, np.random.default_rng(0)),
                                 strict=True):  # fmt: skip
        logits = keras.ops.convert_to_numpy(model.predict_on_batch(given))
        for (place, _), row, count in zip(batch, logits, given["count"], strict=True):
            found[place] = row[: int(spoken(count))]
    return found


class Curve(keras.callbacks.Callback):
    """Word and letter errors on a held part against the minutes of training.

    It also halves the rate, or ends the training, where they have not fallen for long.
    """

    def __init__(self, judged: Batches, transcripts: list[str], alphabet: Alphabet, every: int,
                 settings: Settings, output_dir: str | Path | None, resume: bool):  # fmt: skip
        super().__init__()
        self.judged, self.transcripts, self.alphabet = judged, transcripts, alphabet
        self.every, self.settings = every, settings
        self.path = Path(output_dir) / "curve.json" if output_dir else None
        self.points: list[dict] = []
        if self.path and resume and self.path.is_file():
            self.points = json.loads(self.path.read_text(encoding="utf-8"))

    def on_epoch_begin(self, epoch, logs=None):
        self.points = [point for point in self.points if point["epoch"] <= epoch]

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every and epoch + 1 != self.settings.epochs:
            return
        said = [best_path(each, self.alphabet) for each in logits_of(self.model, self.judged)]
        self.points.append({"epoch": epoch + 1, "wer": jiwer.wer(self.transcripts, said),
                            "cer": jiwer.cer(self.transcripts, said),
                            "rate": float(self.model.optimizer.learning_rate)})  # fmt: skip
        self._react()
        if self.path:
            files.write_text(self.path, json.dumps(self.points))

    def _react(self) -> None:
        """From the points alone, so that a continued run does the same."""
        # Where nothing stands between words, one letter spoils a sentence.
        measure = "wer" if any(SPACE in text for text in self.transcripts) else "cer"
        errors = [point[measure] for point in self.points]
        rates = [point["rate"] for point in self.points]
        last, best = len(errors) - 1, int(np.argmin(errors))
        if self.settings.schedule == "plateau":
            halved = max((k for k in range(1, len(rates)) if rates[k] < rates[k - 1]), default=0)
            # The point at which it was halved was still measured with the old rate.
            if last - max(best, halved - 1) >= self.settings.patience:
                self.model.optimizer.learning_rate = rates[-1] / 2
        if self.settings.stop and last - best >= self.settings.stop:
            self.model.stop_training = True

    def timed(self, history: History) -> list[dict]:
        """The points with the minutes of all epochs up to each, also of those before a resume."""
        minutes = np.cumsum(history.seconds) / 60
        return [{**point, "minutes": float(minutes[point["epoch"] - 1])} for point in self.points]
