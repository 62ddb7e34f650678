"""A film in one style without flicker: each frame begins from the last one, carried along.

Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos", GCPR 2016: short- and long-term
consistency (section 4.2 and 4.3) and several passes (section 4.4).
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import ops
from pydantic import BaseModel, ConfigDict, Field

from common import files
from common.history import duration
from common.validation import DataError
from recipes.neural_style import colours, memory, minimise, pictures, stylise, targets
from recipes.neural_style import flow as flows
from recipes.neural_style.stylise import Studio
from recipes.neural_style.targets import Wish

SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")
FORMAT = cv2.VideoWriter_fourcc(*"mp4v")
CODE = (*stylise.CODE, Path(flows.__file__), Path(__file__))


class Consistency(BaseModel):
    """How frames are held together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(4.0, ge=0)  # of the temporal loss; 0 makes every frame by itself
    earlier: tuple[int, ...] = (1, 2, 4)  # frames back that a frame is held to
    steps: int = Field(60, ge=1)  # of every frame after the first
    passes: int = Field(1, ge=1)  # over the film, to and fro
    blend: float = Field(0.5, ge=0, le=1)  # of a frame's neighbour in later passes


@dataclass(frozen=True)
class Film:
    """Frames as they were worked at, and what was made of them: float32 [height, width, 3]."""

    frames: list[np.ndarray]
    made: list[np.ndarray]


def read_frames(
    source: list[Path], limit: int | None = None, longest: int | None = None
) -> list[np.ndarray]:
    """The frames of a film, float32 [height, width, 3] from 0 to 1.

    Args:
        source: pictures in their order, or one video file.
        limit: at most so many, 2 or more.
        longest: pixels of the longer side, to which each frame is brought as it is read; None
            leaves them as they are.

    Raises:
        DataError: nothing that can be read, one frame only, or frames of differing size.
        ValueError: a limit below 2.
    """
    if limit is not None and limit < 2:
        raise ValueError(f"limit={limit}; a film has at least two frames.")
    if not source:
        raise DataError("There is no film: put its frames into a folder frames, or give a video.")
    if len(source) == 1:
        found = itertools.islice(frames_of(source[0]), limit)
    else:
        found = (pictures.read(path).pixels for path in source[:limit])
    sizes, frames = [], []
    for frame in found:
        sizes.append(frame.shape[:2])
        size = pictures.fitted(sizes[-1], longest) if longest else sizes[-1]
        frames.append(pictures.resized(frame, *size))
    if len(frames) < 2:
        raise DataError(f"{source[0]} holds {len(frames)} frame(s) that can be read; a film has at "
                        "least two.")
    odd = next((k for k, size in enumerate(sizes) if size != sizes[0]), None)
    if odd is not None:
        raise DataError(f"{source[odd]} is {sizes[odd][1]} x {sizes[odd][0]} pixels, the first "
                        f"frame {sizes[0][1]} x {sizes[0][0]}. Give frames of one size.")
    return frames


def frames_of(path: str | Path) -> Iterator[np.ndarray]:
    """A video's frames one by one, float32 [height, width, 3] from 0 to 1; none if it is broken."""
    film = cv2.VideoCapture(str(path))
    try:
        while True:
            good, frame = film.read()
            if not good:
                return
            yield frame[..., ::-1] / np.float32(255)
    finally:
        film.release()


def frame_rate(source: list[Path]) -> float:
    """Frames a second of a video file; 25 for pictures."""
    if len(source) != 1:
        return 25.0
    film = cv2.VideoCapture(str(source[0]))
    rate = film.get(cv2.CAP_PROP_FPS)
    film.release()
    return rate if 0 < rate < 1000 else 25.0


def make(
    studio: Studio,
    frames: list[np.ndarray],
    wish: Wish,
    output_dir: str | Path,
    how: Consistency | None = None,
    *,
    resume: bool = True,
    log: Callable[[str], None] | None = print,
) -> Film:
    """Every frame of a film in one style; each finished frame is kept, a stopped run goes on there.

    Args:
        studio: its settings make the first frame (and every frame with a weight of 0).
        frames: float32 [height, width, 3], of one size.
        wish: its styles and their shares; its content and masks are not read.
        output_dir: frames are kept in `output_dir/<key>/pass_1/0001.npy`.
        how: see `Consistency`.
        resume: take finished frames from there.
        log: receives a line a frame.

    Returns:
        The frames at the size of the settings, and what was made of them.
    """
    log, how = log or (lambda line: None), how or Consistency()
    size = pictures.fitted(frames[0].shape[:2], studio.settings.size)
    frames = [pictures.resized(frame, *size) for frame in frames]
    memory.check(studio.extractor, studio.settings, size)
    wish, kept = studio.recoloured(Wish(frames[0], wish.styles, wish.shares)), studio.settings
    key = files.work_key(
        CODE, network=studio.network, settings=studio.settings.model_dump(), how=how.model_dump(),
        wish=wish.digest(), frames=[targets.digest(frame) for frame in frames],
        backend=keras.backend.backend(), precision=keras.config.dtype_policy().name,
    )  # fmt: skip
    # Frames are held to each other as painted; the photograph's colours come last.
    studio = studio.with_settings(kept.model_copy(update={"colours": "style"}))
    film = _Film(studio, frames, wish, Path(output_dir) / key, how, resume, log)
    made: list[np.ndarray] = []
    for number in range(film.passes):
        made = film.once(number, made)
    if kept.colours == "content":
        made = [colours.with_colours_of(each, frame, kept.colour_space)
                for each, frame in zip(made, frames, strict=True)]  # fmt: skip
    return Film(frames, made)


class _Film:
    def __init__(self, studio, frames, wish, folder, how, resume, log):
        self.studio, self.frames, self.wish, self.how = studio, frames, wish, how
        self.folder, self.resume, self.log = folder, resume, log
        self.passes = how.passes if how.weight else 1

    def once(self, number: int, before: list[np.ndarray]) -> list[np.ndarray]:
        """One pass; odd ones go backwards (section 4.4)."""
        count = len(self.frames)
        order = range(count) if number % 2 == 0 else range(count - 1, -1, -1)
        step, made = (1 if number % 2 == 0 else -1), [np.zeros(0)] * count
        started, before_it = time.perf_counter(), 0
        for done, k in enumerate(order):
            path = self.folder / f"pass_{number + 1}" / f"{k + 1:04}.npy"
            if self.resume and path.is_file():
                made[k], before_it = np.load(path, allow_pickle=False), done + 1
                started = time.perf_counter()
                continue
            began = before[k] if before else None
            if self.how.weight == 0 or (done == 0 and began is None):
                wish = replace(self.wish, content=self.frames[k])
                made[k] = self.studio.make(wish, log=None).pixels
            else:
                near = [k - step * back for back in self.how.earlier]
                made[k] = self._held(k, [j for j in near if 0 <= j < count and abs(j - k) <= done],
                                     made, began)  # fmt: skip
            with files.whole(path) as aside:
                np.save(aside, made[k])
            pace = (time.perf_counter() - started) / (done + 1 - before_it)
            left = pace * (count * (self.passes - number) - done - 1)
            self.log(f"pass {number + 1}/{self.passes}  frame {done + 1}/{count}"
                     + (f"  {duration(left)} left" if left else ""))
        return made

    def _held(self, k, earlier, made, began) -> np.ndarray:
        """One frame that is held to earlier ones of this pass."""
        height, width = self.frames[k].shape[:2]
        back = [self.between(k, j) for j in earlier]
        carried = [flows.warped(made[j], flow) for j, (flow, _) in zip(earlier, back, strict=True)]
        trusts = flows.long_term([sure for _, sure in back]) if back else []
        start = self.frames[k] if began is None else began
        if back:
            mix = trusts[0][..., None] * (1.0 if began is None else self.how.blend)
            start = mix * carried[0] + (1 - mix) * start
        model = self.studio.objective(height, width, 0, len(self.how.earlier))
        wish = replace(self.wish, content=self.frames[k])
        targets.set_targets(model, wish, self.studio.settings, self.how.weight)
        shape = model.trust.shape
        model.warped.assign(_padded(carried, (*shape, 3)))
        model.trust.assign(_padded(trusts, shape))
        model.picture.assign(start[None])
        settings = self.studio.settings
        for _ in minimise.minimise(model, settings.optimizer, self.how.steps,
                                   settings.learning_rate, self.studio.jit):  # fmt: skip
            pass
        return ops.convert_to_numpy(model.picture)[0]

    def between(self, k: int, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Flow of frame k back to frame j, and where it is to be believed."""
        forth = flows.motion(self.frames[j], self.frames[k])
        back = flows.motion(self.frames[k], self.frames[j])
        return back, flows.trust(back, forth)


def _padded(arrays: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    result = np.zeros(shape, np.float32)
    for place, array in enumerate(arrays):
        result[place] = array
    return result


def check_output(output: str | Path) -> None:
    """Refuse, before any work, a video that OpenCV cannot write here; a folder is always good.

    Raises:
        DataError: it names what can be written.
    """
    suffix = Path(output).suffix
    if not suffix:
        return
    with tempfile.TemporaryDirectory() as folder:
        film = cv2.VideoWriter(f"{folder}/film{suffix}", FORMAT, 25.0, (64, 64))
        good = film.isOpened()
        film.release()
    if not good:
        raise DataError(f"{output}: OpenCV cannot write {suffix} here. Name an .mp4, or a folder.")


def write(
    made: Iterable[np.ndarray], output: str | Path, rate: float, sound_of: Path | None = None
) -> Path:
    """Write frames as pictures into a folder, or as a video file (.mp4 and the like).

    Args:
        made: float32 [height, width, 3] each; only one at a time is in memory.
        output: a folder, or the name of a video file.
        rate: frames a second.
        sound_of: a video whose sound is kept, where ffmpeg is at hand.

    Raises:
        DataError: no frame.
        OSError: OpenCV cannot write such a file here.
    """
    output = Path(output)
    if not output.suffix:
        for k, pixels in enumerate(made, start=1):
            pictures.save(output / f"frame_{k:04}.png", pixels)
        return output
    made = iter(made)
    first = next(made, None)
    if first is None:
        raise DataError(f"There is no frame to write into {output}: the film cannot be read.")
    height, width = first.shape[:2]
    with files.whole(output) as aside:
        film = cv2.VideoWriter(str(aside), FORMAT, rate, (width, height))
        if not film.isOpened():
            raise OSError(f"OpenCV cannot write {output} here; name a folder instead.")
        for pixels in itertools.chain([first], made):
            film.write(np.ascontiguousarray(pictures.as_bytes(pixels)[..., ::-1]))
        film.release()
        _add_sound(aside, sound_of)
    return output


def _add_sound(film: Path, source: Path | None) -> None:
    tool = shutil.which("ffmpeg")
    if source is None or tool is None:
        return
    both = film.with_name(f"{film.stem}_sound{film.suffix}")
    command = [tool, "-y", "-loglevel", "error", "-i", str(film), "-i", str(source), "-map", "0:v",
               "-map", "1:a?", "-c", "copy", "-shortest", str(both)]  # fmt: skip
    if subprocess.run(command, check=False).returncode == 0:
        both.replace(film)
    else:
        both.unlink(missing_ok=True)
