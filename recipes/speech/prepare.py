"""Log-mel frames of recordings, as they are or changed, computed once and kept in the cache."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

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
TOGETHER = 32  # recordings whose frames are computed at once


@dataclass(frozen=True)
class Heard:
    """Frames of recordings, one after the other.

    Attributes:
        frames: float16 [sum of counts, bands], log energies, on disk.
        begins: int64 [n + 1], where each recording begins, and the end of the last.
    """

    frames: np.ndarray = field(repr=False)
    begins: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.begins) - 1

    def __getitem__(self, place: int) -> np.ndarray:
        """Frames of one recording, float16 [count, bands]."""
        return self.frames[self.begins[place] : self.begins[place + 1]]

    @property
    def counts(self) -> np.ndarray:
        """How many frames each has, int64 [n]."""
        return np.diff(self.begins)


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
        found = _computed(rows, layer, steps, (seed, copy), log)
        with files.whole_folder(folder) as aside:
            np.save(aside / "frames.npy", np.concatenate(found))
            np.save(aside / "begins.npy", np.cumsum([0, *map(len, found)]))
    return Heard(np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False),
                 np.load(folder / "begins.npy", allow_pickle=False))  # fmt: skip


def samples_of(row, rate: int, steps: Sequence[Step] = (), seed: tuple[int, ...] = (0,)
               ) -> np.ndarray:  # fmt: skip
    """Samples of one row of a corpus, changed, float32."""
    samples = audio.read(row.path, rate, row.begin, row.end).samples
    if not steps:
        return samples
    begin = 0 if np.isnan(row.begin) else round(row.begin * 1000)
    random = np.random.default_rng((*seed, int(row.sha256[:12], 16), begin))
    return augment.changed(samples, rate, list(steps), random)


def _computed(rows, layer, steps, seed, log) -> list[np.ndarray]:
    order = np.argsort(rows["seconds"].to_numpy(), kind="stable")
    ordered = list(rows.iloc[order].itertuples())
    found: list[np.ndarray | None] = [None] * len(rows)
    began, said = time.perf_counter(), 0.0
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        read = pool.map(lambda row: samples_of(row, layer.rate, steps, seed), ordered)
        for begin in range(0, len(ordered), TOGETHER):
            places = order[begin : begin + TOGETHER]
            samples = [next(read) for _ in places]
            for place, frames in zip(places, frames_of(samples, layer), strict=True):
                found[place] = frames.astype(np.float16)  # half the disk, and enough to learn from
            spent, done = time.perf_counter() - began, begin + len(places)
            if log and spent - said > 10 and done < len(ordered):
                said = spent
                log(f"{done:,} of {len(ordered):,} recordings, "
                    f"{duration(spent / done * (len(ordered) - done))} left")
    return found


def frames_of(samples: Sequence[np.ndarray], layer: LogMel) -> list[np.ndarray]:
    """Log energies float32 [count, bands] of recordings of about the same length, at once."""
    longest = max(map(len, samples))
    block = np.zeros((len(samples), longest), np.float32)
    for place, each in enumerate(samples):
        block[place, : len(each)] = each
    energies = keras.ops.convert_to_numpy(layer(block))
    return [energies[place, : len(each) // layer.step] for place, each in enumerate(samples)]
