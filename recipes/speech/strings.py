"""Single spoken digits joined to strings, each of one speaker, as numbers are read out.

One speaker is left out to be tested with; of the others, recordings 0 to 4 of each digit (the set's
own test part) are held for validation. Nothing is in two parts.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from common import datasets, files
from common.validation import DataError
from recipes.speech import audio

FEWEST, MOST = 3, 7  # digits; the last string of a speaker takes what is left, up to 9
PAUSE = (0.05, 0.3)  # seconds between two, and before and after
PASSES = {"train": 3, "validation": 1, "test": 1}  # how often every recording is used
RATE = 8_000  # of the set
FAINT = 1e-4  # of full scale: noise of the pauses


def joined(rows: pd.DataFrame, out: str, seed: int = 0) -> Path:
    """A folder of strings with a manifest, made once and kept in the cache.

    Args:
        rows: of single digits, see `layouts.Listed`; "split" tells recordings 0 to 4.
        out: the speaker who is left out.
        seed: of the order of the digits and of the pauses.

    Raises:
        DataError: there is no such speaker, or a recording cannot be read.
    """
    speakers = sorted(rows["speaker"].unique())
    if out not in speakers:
        raise DataError(f"speaker {out!r} is none of {', '.join(speakers)}.")
    told = [f"{Path(row.path).name} {row.transcript} {row.split}" for row in rows.itertuples()]
    key = files.work_key([__file__, audio.__file__], rows=sorted(told), out=out, seed=seed)
    folder = datasets.cache_folder() / "strings" / key
    if not folder.is_dir():
        with files.whole_folder(folder) as aside:
            _write(rows, out, seed, aside)
    return folder


def _write(rows: pd.DataFrame, out: str, seed: int, folder: Path) -> None:
    random, table = np.random.default_rng(seed), []
    for speaker, own in rows.groupby("speaker", sort=True):
        split = np.where(own["split"] == "test", "validation", "train")
        split = np.full(len(own), "test") if speaker == out else split
        singles = [audio.read(path, RATE).samples for path in own["path"]]
        for part, passes in PASSES.items():
            inside = np.flatnonzero(split == part)
            order = [int(k) for _ in range(passes) for k in random.permutation(inside)]
            while order:
                count = int(random.integers(FEWEST, MOST + 1))
                # No rest of fewer digits than a string has.
                count = len(order) if len(order) - count < FEWEST else count
                chosen, order = order[:count], order[count:]
                name = f"{speaker}_{len(table):05d}.flac"
                samples = _string([singles[k] for k in chosen], random)
                soundfile.write(folder / name, samples, RATE, subtype="PCM_16")
                text = " ".join(own["transcript"].iloc[k] for k in chosen)
                table.append([name, 44 + 2 * len(samples), text, speaker, part])
    with (folder / "strings.csv").open("w", newline="", encoding="utf-8") as file:
        names = ["wav_filename", "wav_filesize", "transcript", "speaker", "split"]
        csv.writer(file).writerows([names, *table])


def _string(singles: list[np.ndarray], random: np.random.Generator) -> np.ndarray:
    pieces = []
    for each in [*singles, None]:
        pause = FAINT * random.normal(size=int(random.uniform(*PAUSE) * RATE))
        pieces += [pause] if each is None else [pause, each]
    return np.clip(np.concatenate(pieces), -1, 1)
