"""Log-mel frames of recordings, as they are or changed, computed once and kept in the cache."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from common import datasets, files
from common.history import duration
from data_scripts import rooms
from recipes.speech import audio, augment, features
from recipes.speech.augment import Step
from recipes.speech.features import LogMel

CODE = (audio.__file__, augment.__file__, features.__file__, rooms.__file__, __file__)
TOGETHER = 16  # recordings whose frames are computed at once


@dataclass(frozen=True)
class Heard:
    """Frames of recordings.

    Attributes:
        frames: float16 [sum of counts, bands], log energies, on disk.
        begins: int64 [n], where each recording begins. counts: int64 [n], its frames.
    """

    frames: np.ndarray = field(repr=False)
    begins: np.ndarray = field(repr=False)
    counts: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.begins)

    def __getitem__(self, place: int) -> np.ndarray:
        """Frames of one recording, float16 [count, bands]."""
        begin = self.begins[place]
        return self.frames[begin : begin + self.counts[place]]

    def in_blocks(self, count: int = 100_000) -> Iterator[np.ndarray]:
        """All frames, so many at once, float32 [count, bands]."""
        for begin in range(0, len(self.frames), count):
            yield np.asarray(self.frames[begin : begin + count], np.float32)


def of_rows(rows: pd.DataFrame, layer: LogMel, steps: Sequence[Step] = (), copy: int = 0,
            seed: int = 0, log: Callable[[str], None] | None = print) -> Heard:  # fmt: skip
    """Frames of utterances, from the cache where they are there.

    Args:
        rows: of a `data.Corpus`. layer: that makes the frames.
        steps: changes that are drawn anew for each copy of each utterance; none: as recorded.
        copy: number of the copy. seed: of the changes.
        log: receives how much is done and how long the rest will take.

    Raises:
        DataError: a file cannot be read any more.
    """
    utterances = list(rows[["sha256", "begin", "end"]].itertuples(index=False, name=None))
    drawn = {"copy": copy, "seed": seed} if steps else {}
    key = files.work_key(CODE, utterances=utterances, steps=list(steps), **drawn,
                         layer=[layer.rate, layer.bands, layer.lowest])  # fmt: skip
    folder = datasets.cache_folder() / "frames" / key
    if not folder.is_dir():
        with files.whole_folder(folder) as aside:
            places = _write(aside / "frames.f16", rows, layer, steps, (seed, copy), log)
            np.save(aside / "places.npy", places)
    begins, counts = np.load(folder / "places.npy", allow_pickle=False)
    frames = np.memmap(folder / "frames.f16", np.float16, "r")
    return Heard(frames.reshape(-1, layer.bands), begins, counts)


def samples_of(row, rate: int, steps: Sequence[Step] = (), seed: tuple[int, ...] = (0,)
               ) -> np.ndarray:  # fmt: skip
    """Samples of one row of a corpus, changed, float32."""
    samples = audio.read(row.path, rate, row.begin, row.end).samples
    if not steps:
        return samples
    begin = 0 if np.isnan(row.begin) else round(row.begin * 1000)
    random = np.random.default_rng((*seed, int(row.sha256[:12], 16), begin))
    return augment.changed(samples, rate, list(steps), random)


def _write(path: Path, rows, layer, steps, seed, log) -> np.ndarray:
    """Write all frames, those of like length together; begins and counts int64 [2, n]."""
    order = np.argsort(rows["seconds"].to_numpy(), kind="stable")
    blocks = [order[begin : begin + TOGETHER] for begin in range(0, len(order), TOGETHER)]
    places, end = np.zeros((2, len(rows)), np.int64), 0
    began, said, done = time.perf_counter(), 0.0, 0
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool, path.open("wb") as target:

        def begun(block):
            return [pool.submit(samples_of, row, layer.rate, steps, seed)
                    for row in rows.iloc[block].itertuples()]  # fmt: skip

        # One block is read while another is looked at; no more of a large corpus is in memory.
        waiting = begun(blocks[0]) if blocks else []
        for block, following in zip(blocks, [*blocks[1:], order[:0]], strict=True):
            samples, waiting = [each.result() for each in waiting], begun(following)
            for place, frames in zip(block, frames_of(samples, layer), strict=True):
                # Half the disk, and enough to learn from.
                target.write(np.ascontiguousarray(frames, np.float16).tobytes())
                places[:, place] = end, len(frames)
                end += len(frames)
            spent, done = time.perf_counter() - began, done + len(block)
            if log and spent - said > 10 and done < len(order):
                said = spent
                log(f"{done:,} of {len(order):,} recordings, "
                    f"{duration(spent / done * (len(order) - done))} left")
    return places


@lru_cache
def _compiled(rate: int, bands: int, lowest: float) -> keras.Model:
    """The layer as one program, which is twice as quick as step by step."""
    samples = keras.Input((None,), name="samples")
    return keras.Model(samples, LogMel(rate, bands, lowest)(samples))


def frames_of(samples: Sequence[np.ndarray], layer: LogMel) -> list[np.ndarray]:
    """Log energies float32 [count, bands] of recordings of about the same length, at once."""
    longest = max(map(len, samples))
    block = np.zeros((len(samples), longest), np.float32)
    for place, each in enumerate(samples):
        block[place, : len(each)] = each
    energies = _compiled(layer.rate, layer.bands, layer.lowest).predict_on_batch(block)
    return [energies[place, : len(each) // layer.step] for place, each in enumerate(samples)]
