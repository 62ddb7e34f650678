"""One picture from coarse to fine: targets, the loop, progress, and going on after a stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np
import pandas as pd
from keras import ops

from common import files
from common.history import duration
from common.validation import DataError
from recipes.neural_style import colours, losses, minimise, objective, targets, tiles
from recipes.neural_style.objective import Objective
from recipes.neural_style.pictures import fitted, resized, save
from recipes.neural_style.settings import Settings
from recipes.neural_style.targets import Wish
from recipes.neural_style.tiles import TiledObjective, reach

LINES = 10  # of progress in a run
KEEP_EVERY = 20.0  # seconds between two checkpoints
MODULES = (colours, losses, minimise, objective, targets, tiles)
CODE = (*(Path(module.__file__) for module in MODULES), Path(__file__))


@dataclass
class Made:
    """What came of it.

    Attributes:
        pixels: float32 [height, width, 3] from 0 to 1.
        curve: a row for each step that was measured: "step", "size", "seconds", "total", and each
            loss before its weight.
        seconds: of work, those before an interruption too.
        resumed_from: steps that an interrupted run had done.
    """

    pixels: np.ndarray
    curve: pd.DataFrame
    seconds: float = 0.0
    resumed_from: int = 0
    key: str = field(default="", repr=False)


class Studio:
    """A network and settings; makes any number of pictures, compiling once for each size."""

    def __init__(self, extractor: keras.Model, settings: Settings, network: str,
                 jit: bool | str | None = None):
        """Args:
        extractor: from `features.py`, with the layers that the settings name.
        settings: see `Settings`.
        network: what the extractor is, for the key of a checkpoint ("vgg19", a digest, ...).
        jit: compile steps with XLA; None: not on TensorFlow, whose XLA takes seconds for every size
            and was slower on a CPU with the whole VGG-19 and with bfloat16.
        """
        if jit is None:
            jit = False if keras.backend.backend() == "tensorflow" else "auto"
        self.extractor, self.settings, self.network, self.jit = extractor, settings, network, jit
        self.objectives: dict[tuple, Objective] = {}

    def objective(
        self, height: int, width: int, regions: int = 0, references: int = 0
    ) -> Objective:
        """The compiled losses of one size; the same each time."""
        key, how = (height, width, regions, references), self.settings
        if key not in self.objectives and self.tiled(max(height, width)):
            if references or how.content_scaling != "mean":
                raise ValueError("Films, and other content scalings than the mean, do not go with "
                                 "tile; leave tile out.")  # fmt: skip
            self.objectives[key] = TiledObjective(
                self.extractor, height, width, how.content_layers, how.style_layers, regions,
                how.tile,
            )  # fmt: skip
        elif key not in self.objectives:
            self.objectives[key] = Objective(
                self.extractor, height, width, how.content_layers, how.style_layers, regions,
                how.content_scaling, references,
            )  # fmt: skip
        return self.objectives[key]

    def tiled(self, longest: int) -> bool:
        """Whether a picture of this longer side is worked at in pieces."""
        return self.settings.tile is not None and longest > self.settings.tile

    def shape_of(self, size: tuple[int, int], longest: int) -> tuple[int, int]:
        """Height and width of a picture of this longer side, in proportion."""
        how = self.settings
        stride = reach([*how.content_layers, *how.style_layers])[1] if self.tiled(longest) else 1
        return fitted(size, longest, stride)

    def with_settings(self, settings: Settings) -> Studio:
        """The same with other settings of what needs no compilation (colours, weights, steps)."""
        other = Studio(self.extractor, settings, self.network, self.jit)
        other.objectives = self.objectives
        return other

    def recoloured(self, wish: Wish) -> Wish:
        """The wish with its styles in the photograph's colours, where the settings say so."""
        recolour = {"matched": colours.matched, "histogram": colours.histogram_matched}
        if self.settings.colours not in recolour or wish.content is None:
            return wish
        change = recolour[self.settings.colours]
        return replace(wish, styles=[change(style, wish.content) for style in wish.styles])

    def make(
        self,
        wish: Wish,
        output_dir: str | Path | None = None,
        *,
        resume: bool = True,
        log: Callable[[str], None] | None = print,
        preview: Callable[[np.ndarray, int], None] | None = None,
    ) -> Made:
        """Make one picture.

        Args:
            wish: of what.
            output_dir: where checkpoints, the newest preview (preview.jpg) and what is finished
                are kept; None keeps nothing.
            resume: go on from there, or take what is finished; the picture is the same.
            log: receives lines of progress.
            preview: called with float32 [height, width, 3] and the step, every tenth of the run.
        """
        log = log or (lambda line: None)
        how = self.settings
        key = files.work_key(CODE, network=self.network, settings=how.model_dump(),
                             wish=wish.digest(), backend=keras.backend.backend(),
                             precision=keras.config.dtype_policy().name)  # fmt: skip
        kept = _Kept(Path(output_dir) / f"{key}.npz" if output_dir else None)
        made = kept.load() if resume else None
        if made and made["done"] == how.steps:
            return _made(made, key, wish, how)
        wish = self.recoloured(wish)
        plan = _Plan(self, wish)
        at = made or {"done": 0, "seconds": 0.0, "state": [], "curve": [], "picture": None}
        if made:
            at["resumed"] = made["done"]
            log(f"Going on after step {at['done']} of {how.steps}.")
        run = _Run(self, plan, wish, kept, at, log, preview, output_dir)
        return _made(run.to_the_end(), key, wish, how)


class _Plan:
    """Which size is worked at in which steps."""

    def __init__(self, studio: Studio, wish: Wish):
        shape = (1, 1) if wish.content is None else wish.content.shape[:2]
        self.stages, first, how = [], 0, studio.settings
        for longest, steps in zip(how.sizes(), how.steps_of(), strict=True):
            self.stages.append((studio.shape_of(shape, longest), first, first + steps))
            first += steps

    def left(self, done: int, per_pixel: float) -> float:
        """Seconds, by the seconds that a step takes for each pixel."""
        return per_pixel * sum(
            height * width * max(0, last - max(first, done))
            for (height, width), first, last in self.stages
        )


class _Run:
    def __init__(self, studio, plan, wish, kept, at, log, preview, output_dir):
        self.studio, self.plan, self.wish, self.kept, self.at = studio, plan, wish, kept, at
        self.log, self.preview, self.output_dir = log, preview, output_dir
        self.began = time.perf_counter() - at["seconds"]
        self.saved = time.perf_counter()

    def to_the_end(self) -> dict:
        how, at = self.studio.settings, self.at
        for number, ((height, width), first, last) in enumerate(self.plan.stages):
            if at["done"] >= last:
                continue
            model = self.studio.objective(height, width, len(self.wish.masks or []))
            targets.set_targets(model, self.wish, how)
            picture = at["picture"]
            if picture is None:
                picture = beginning(self.wish, how, height, width)
            model.picture.assign(resized(picture, height, width)[None])
            where = f"size {number + 1}/{len(self.plan.stages)} ({width} x {height})"
            began, before = time.perf_counter(), at["done"]
            for done in minimise.minimise(
                model, how.optimizer, last - first, how.learning_rate, self.studio.jit,
                at["state"] if at["done"] > first else None, at["done"] - first,
            ):  # fmt: skip
                at["done"] = first + done
                self._note(model, where, max(height, width), began, before)
            at["picture"], at["state"] = ops.convert_to_numpy(model.picture)[0], []
        self._save(at["state"])
        return at

    def _note(self, model, where, size, began, before):
        at, steps = self.at, self.studio.settings.steps
        now, done = time.perf_counter(), at["done"]
        at["seconds"] = now - self.began
        parts = model.parts()
        weighting = ops.convert_to_numpy(model.weighting)
        total = float(np.dot(list(parts.values()), weighting))
        at["curve"].append([done, size, at["seconds"], total, *parts.values()])
        every = max(1, steps // LINES)
        if done // every > (at.get("said", 0)) // every or done == steps:
            at["said"] = done
            pace = (now - began) / (done - before) / (model.size[0] * model.size[1])
            left = self.plan.left(done, pace)
            said = f"{duration(at['seconds'])}" + (f", {duration(left)} left" if left else "")
            self.log(f"step {done}/{steps}  {where}  loss {total:.4g}  content "
                     f"{parts['content']:.3g}  style {parts['style']:.3g}  {said}")
            pixels = ops.convert_to_numpy(model.picture)[0]
            if self.output_dir:
                save(Path(self.output_dir) / "preview.jpg", pixels)
            if self.preview:
                self.preview(pixels, done)
        if now - self.saved > KEEP_EVERY:
            at["picture"] = ops.convert_to_numpy(model.picture)[0]
            self._save(minimise.state(model))

    def _save(self, state):
        self.kept.save({**self.at, "state": state})
        self.saved = time.perf_counter()


class _Kept:
    """A run's state in a file."""

    def __init__(self, path: Path | None):
        self.path = path

    def load(self) -> dict | None:
        if not self.path or not self.path.is_file():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                state = [file[f"state_{k}"] for k in range(int(file["states"]))]
                return {"done": int(file["done"]), "seconds": float(file["seconds"]),
                        "said": int(file["done"]), "curve": file["curve"].tolist(),
                        "picture": file["picture"], "state": state}  # fmt: skip
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise DataError(
                f"{self.path} cannot be read ({error}). Set RESUME = False to begin anew."
            ) from error

    def save(self, at: dict) -> None:
        if self.path:
            with files.whole(self.path) as aside:
                np.savez(
                    aside, done=at["done"], seconds=at["seconds"], curve=np.array(at["curve"]),
                    picture=at["picture"], states=len(at["state"]),
                    **{f"state_{k}": value for k, value in enumerate(at["state"])},
                )  # fmt: skip


def _made(at: dict, key: str, wish: Wish, how: Settings) -> Made:
    names, pixels = ["step", "size", "seconds", "total", *objective.PARTS], at["picture"]
    if how.colours == "content" and wish.content is not None:
        photograph = resized(wish.content, *pixels.shape[:2])
        pixels = colours.with_colours_of(pixels, photograph, how.colour_space)
    return Made(pixels, pd.DataFrame(at["curve"], columns=names), at["seconds"],
                at.get("resumed", 0), key)  # fmt: skip


def beginning(wish: Wish, how: Settings, height: int, width: int) -> np.ndarray:
    """The picture before the first step, float32 [height, width, 3]."""
    random = np.random.default_rng(how.seed)
    noise = random.uniform(0, 1, (height, width, 3)).astype(np.float32)
    if how.start == "noise" or wish.content is None:
        return noise
    base = wish.content if how.start == "content" else wish.styles[0]
    return (1 - how.noise) * resized(base, height, width) + how.noise * noise
