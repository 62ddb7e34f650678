"""Folders of fundus photographs made alike for a network: decoded small, in threads, kept on disk.

What is done to a picture is written in `normalize`. Before it, a file is decoded upright and in
sRGB (`common.pictures`). A JPEG is decoded at a half, a quarter or an eighth of its size as long as
both sides keep 1.25 times `size`; where the disc then has fewer pixels than it will have, whole.

It prepares pictures for a network that is to be studied; it is no medical device.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import numpy as np
import PIL
from filelock import FileLock
from PIL import Image

from common import datasets, download, files, pictures
from common.history import duration
from common.validation import DataError, Report
from recipes.retina import disc, normalize
from recipes.retina.disc import Disc, NoDisc
from recipes.retina.normalize import SHARE, SIZE, normalized

ENOUGH = 1.25  # times `size` that both sides of a JPEG decoded small must keep
AHEAD = 4  # photographs for each thread that are prepared and not yet written
# Other code gives other pictures.
CODE = (*(Path(module.__file__) for module in (disc, normalize, pictures)), Path(__file__))
# The flags that are named after grey hold the scale alone.
_SCALES = {8: cv2.IMREAD_REDUCED_GRAYSCALE_8, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
           2: cv2.IMREAD_REDUCED_GRAYSCALE_2, 1: 0}  # fmt: skip
_ORIENTATION = 274  # in EXIF
_ALONE = threading.Lock()
_NOTHING = {"digests": [], "discs": [], "refused": {}}


@dataclass(frozen=True)
class Prepared:
    """Photographs of one size on disk, and which of the given paths they are.

    Attributes:
        store: uint8 [m, size, size, 3], read-only and mapped from disk: all that the cache has.
        rows: int [n], the row of `store` of each photograph that was kept.
        kept: int [n], its number among the given paths.
        discs: its disc, in pixels of its file turned upright.
        report: the files that were left out, each with why.
    """

    store: np.ndarray
    rows: np.ndarray
    kept: np.ndarray
    discs: list[Disc]
    report: Report

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def pixels(self) -> np.ndarray:
        """uint8 [n, size, size, 3]: mapped from disk where rows follow each other, else a copy."""
        if len(self) and np.array_equal(self.rows, self.rows[0] + np.arange(len(self))):
            return self.store[self.rows[0] : self.rows[-1] + 1]
        return self.store[self.rows]


def of_file(
    path: str | Path, size: int = SIZE, leveling: str = "none", share: float = SHARE
) -> tuple[np.ndarray, Disc]:
    """A file's photograph in the one form; arguments as for `normalize.normalized`.

    Returns:
        uint8 [size, size, 3], and its disc in pixels of the file turned upright.

    Raises:
        ValueError: settings out of range.
        NoDisc, DataError: no disc is seen, or it cannot be read; it says which file and why.
    """
    return _of_bytes(Path(path), pictures.bytes_of(Path(path)), size, leveling, share)


def decoded(path: Path, data: bytes, size: int, share: float = SHARE) -> tuple:
    """A file's pixels as small as will do, their disc, and how many times smaller they are.

    Returns:
        uint8 [height, width, 3]; the disc in these pixels; the file's width / that width.

    Raises:
        NoDisc, DataError: no disc is seen, or it cannot be read; it says which file and why.
    """
    pixels, width = pixels_of(path, data, round(ENOUGH * size))
    try:
        found = disc.find(pixels)
        if 2 * found.radius < share * size and pixels.shape[1] < width:
            pixels, _ = pixels_of(path, data, None)
            found = disc.find(pixels)
    except NoDisc as error:
        raise NoDisc(f"{path} {error}") from error
    return pixels, found, width / pixels.shape[1]


def pixels_of(path: Path, data: bytes, enough: int | None) -> tuple[np.ndarray, int]:
    """`pictures.decode` on black, uint8 [height, width, 3], and the width of the file's picture.

    What is transparent was cut away round the disc. A JPEG in which nothing needs to be turned or
    converted is decoded by OpenCV: the same library and the same pixels in two thirds of the time.

    Raises:
        DataError: it cannot be read; it says which file and why.
    """
    with suppress(OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        with Image.open(io.BytesIO(data)) as header:
            usual = (header.format == "JPEG" and header.mode == "RGB"
                     and "icc_profile" not in header.info
                     and header.getexif().get(_ORIENTATION, 1) == 1)  # fmt: skip
            width, shorter = header.width, min(header.size)
        if usual:
            smaller = next(k for k in _SCALES if k == 1 or enough and shorter >= k * enough)
            flags = cv2.IMREAD_COLOR_RGB | _SCALES[smaller]
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
            if pixels is not None:  # else `decode` says what is wrong
                return pixels, width
    image, _ = pictures.decode(path, data, behind="black", enough=enough)
    return np.asarray(image), pictures.size_of(path, data)[0]


def _of_bytes(path: Path, data: bytes, size: int, leveling: str, share: float) -> tuple:
    normalize.require(size, leveling, share)
    pixels, found, smaller = decoded(path, data, size, share)
    return normalized(pixels, size, leveling, share, found), found.scaled(smaller)


def prepare(
    paths: Sequence[str | Path],
    size: int = SIZE,
    leveling: str = "none",
    workers: int | None = None,
    share: float = SHARE,
    digests: Sequence[str] | None = None,
    log: Callable[[str], None] | None = print,
) -> Prepared:
    """`of_file` of all, in threads, kept under RECIPES_CACHE by what the files contain.

    What was prepared before is taken from there, whatever the file was called then. A file that
    cannot be used is named in the report and left out. Safe under several processes.

    Decoding and OpenCV leave Python's lock, so threads are enough. While it runs, each call of
    OpenCV in this process has one thread (`cv2.setNumThreads`): photographs side by side make
    better use of the cores than strips of one photograph. No picture hangs on either number.

    Args:
        size, leveling, share: see `normalize.normalized`.
        workers: threads; None takes one for each core.
        digests: sha256 of each file's bytes, where they are known; else the files are read for it.
        log: receives how much is done and how long the rest will take, every few seconds.

    Raises:
        ValueError: settings out of range, or not a digest for each path.
        DatasetError: the disk is full, or the folder cannot be written.
    """
    normalize.require(size, leveling, share)
    if digests is not None and len(digests) != len(paths):
        raise ValueError(f"{len(digests)} digests are given for {len(paths)} paths.")
    paths, problems = [Path(path) for path in paths], {}
    workers = workers or os.cpu_count() or 2
    key = files.work_key(CODE, size=size, leveling=leveling, share=share,
                         libraries=(cv2.__version__, PIL.__version__))  # fmt: skip
    folder = datasets.cache_folder() / "retina" / key
    with download.disk_errors(folder, "a few bytes", "Preparing photographs"):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with one_thread_each(), FileLock(f"{folder}.lock"), ThreadPoolExecutor(workers) as pool:
        if digests is None:
            digests = _digests(pool, paths, problems)
        index, store = _stored(folder, size)
        seen, missing = {*index["digests"], *index["refused"]}, []
        for k, digest in enumerate(digests):
            if k not in problems and digest not in seen:
                seen.add(digest)
                missing.append(k)
        if missing:
            tasks = [(paths[k], size, leveling, share) for k in missing]
            made = _told(_ahead(pool, tasks, AHEAD * workers), len(missing), log)
            new = ((k, paths[k], digests[k], each)
                   for k, each in zip(missing, made, strict=True))  # fmt: skip
            _grow(folder, index, new, len(missing) * 3 * size**2, problems)
            index, store = _stored(folder, size)
    place = {digest: row for row, digest in enumerate(index["digests"])}
    kept, report = [], Report("fundus photographs")
    for k, digest in enumerate(digests):
        if k not in problems and digest in place:
            kept.append(k)
        else:
            said = problems.get(k) or index["refused"].get(digest, "could not be read this time.")
            report.add("not prepared", said, file=paths[k])
    if log:
        log(f"{len(kept):,} of {len(paths):,} photographs at {size} pixels, levelled by "
            f"{leveling!r}; {len(missing):,} were new")
        if report:
            log(report.summary())
    rows = [place[digests[k]] for k in kept]
    discs = [Disc(*index["discs"][row]) for row in rows]
    return Prepared(store, np.array(rows, int), np.array(kept, int), discs, report)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """OpenCV with one thread a call, and its old number afterwards; for one caller at a time."""
    with _ALONE:
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield
        finally:
            cv2.setNumThreads(before)


def _digests(pool: ThreadPoolExecutor, paths: list[Path], problems: dict[int, str]) -> list[str]:
    """sha256 of each file; why one cannot be read is told to `problems` by its number."""

    def one(path: Path) -> str | Exception:
        try:
            return hashlib.sha256(pictures.bytes_of(path)).hexdigest()
        except (DataError, OSError) as error:
            return error

    found = list(pool.map(one, paths))
    for k, each in enumerate(found):
        if isinstance(each, Exception):
            problems[k], found[k] = _said(paths[k], each), ""
    return found


def _said(path: Path, error: Exception) -> str:
    return str(error).removeprefix(f"{path} ")


def _ahead(pool: ThreadPoolExecutor, tasks: list[tuple], ahead: int) -> Iterator[tuple | Exception]:
    """What `_of_bytes` makes of each, in order; no more than `ahead` of them lie in memory.

    What comes in place of a photograph: a string, where its content is to blame; else the error.
    """

    def one(path: Path, *settings) -> tuple | str | Exception:
        try:
            data = pictures.bytes_of(path)
            try:
                return _of_bytes(path, data, *settings)
            except DataError as error:
                return _said(path, error)
        except Exception as error:  # whatever it is, it must not end a run of thousands
            return error

    waiting: deque = deque()
    for task in tasks:
        waiting.append(pool.submit(one, *task))
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _told(made: Iterator, total: int, log: Callable[[str], None] | None) -> Iterator:
    """The same, and every few seconds how far it is."""
    began = said = time.perf_counter()
    for done, each in enumerate(made, 1):
        yield each
        now = time.perf_counter()
        if log and now - said > 5:
            said, pace = now, (now - began) / done
            log(f"{done:,} of {total:,} photographs, {1 / pace:,.0f} a second, "
                f"{duration(pace * (total - done))} left")


def _stored(folder: Path, size: int) -> tuple[dict, np.ndarray]:
    """What the cache has: digests and discs by row, why files were refused by digest; pixels."""
    index, shape = _NOTHING, (0, size, size, 3)
    if (folder / "index.json").is_file():
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        shape = (len(index["digests"]), size, size, 3)
    if not shape[0]:
        return index, np.zeros(shape, np.uint8)
    return index, np.memmap(folder / "pixels.uint8", np.uint8, "r", shape=shape)


def _grow(folder: Path, index: dict, new: Iterator, bytes_more: int, problems: dict) -> None:
    """Write old and new photographs to a folder that takes the old one's place.

    Args:
        new: number among the paths, path, digest, and what `_ahead` gave.
        bytes_more: what the new ones take at most.
        problems: receives by its number why a file could not be read; content to blame is stored.
    """
    index = {name: each.copy() for name, each in index.items()}
    old, what = folder / "pixels.uint8", "Preparing photographs"
    needed = bytes_more + (old.stat().st_size if old.is_file() else 0)
    with (download.disk_errors(folder.parent, f"{needed:,} bytes", what),
          files.whole_folder(folder) as aside):  # fmt: skip
        download.require_space(aside, needed, what)
        if old.is_file():
            shutil.copyfile(old, aside / old.name)
        with open(aside / old.name, "ab") as file:
            for k, path, digest, each in new:
                if isinstance(each, str):
                    index["refused"][digest] = each
                elif isinstance(each, Exception):
                    problems[k] = _said(path, each)
                else:
                    file.write(each[0].data)
                    index["digests"].append(digest)
                    index["discs"].append(astuple(each[1]))
        (aside / "index.json").write_text(json.dumps(index), encoding="utf-8")
