"""What the lower part of a network makes of files: computed once, kept in the cache in blocks.

The maps of ten thousand photographs take gigabytes, so they stay on disk, and a block is a file of
its own: an interrupted run goes on after the last whole block, and another run with the same
photographs begins with them.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from common import datasets, files
from common.history import duration
from common.vision import features, taps
from recipes.skin import changes, colour, cut, prepare
from recipes.skin.cut import Cut, Seen

BLOCK = 256  # photographs
CODE = (*taps.CODE, changes.__file__, colour.__file__, cut.__file__, prepare.__file__, __file__)
SPARE = 5e9  # bytes that are left free on the disk; with fewer nothing is kept


def of_files(lower: Cut, paths: Sequence[str | Path], digests: Sequence[str], drawn: int = 0,
             seed: int = 0, log: Callable[[str], None] | None = print) -> Seen:  # fmt: skip
    """`Cut.see` of files, from the cache where it is there.

    Args:
        lower: of which only the lower part is asked.
        digests: sha256 of each file.
        drawn: so many changed copies of each, to learn from, see `changes.drawn`; with 0 it is seen
            in the turns of the cut's taps, to be judged.
        seed: of the changes.
        log: receives how much is done and how long the rest will take.

    Raises:
        DataError: a file cannot be read.
    """
    size, views = lower.taps.backbone.size, drawn or lower.taps.views
    folder = datasets.cache_folder() / "maps"
    folder.mkdir(parents=True, exist_ok=True)
    shapes = [each.shape[1:] for each in lower.lower.outputs]
    found: list[tuple[np.ndarray, np.ndarray]] = []
    size_of_all = len(paths) * views * (2 * math.prod(shapes[0]) + 4 * math.prod(shapes[1]))
    hangs_on = {"at": lower.at, "layers": lower.taps.layers, "views": views, "drawn": drawn,
                "seed": seed if drawn else None, "constancy": lower.constancy,
                **features.traits(lower.taps.backbone)}  # fmt: skip
    blocks = [slice(begin, begin + BLOCK) for begin in range(0, len(paths), BLOCK)]
    kept = [folder / files.work_key(CODE, digests=list(digests[rows]), **hangs_on)
            for rows in blocks]  # fmt: skip
    new = sum(not each.is_dir() for each in kept) / max(1, len(kept))
    is_room = not new or shutil.disk_usage(folder).free > SPARE + new * size_of_all
    began, said, computed = time.perf_counter(), 0.0, 0
    for rows, block in zip(blocks, kept, strict=True):
        if block.is_dir():
            found.append(_kept(block))
            continue
        squared = prepare.prepared(paths[rows], size)
        seen = lower.see(changes.drawn(squared, list(digests[rows]), drawn, seed) if drawn
                         else changes.turned(squared, views))  # fmt: skip
        computed += len(seen)
        if is_room:
            with files.whole_folder(block) as aside:
                np.save(aside / "maps.npy", seen.blocks[0])
                np.save(aside / "below.npy", seen.below)
        found.append(_kept(block) if is_room else (seen.blocks[0], seen.below))
        now, left = time.perf_counter() - began, len(paths) * new - computed
        if log and now - said > 10 and left > 0:
            said = now
            log(f"{computed:,} of {len(paths) * new:,.0f} photographs, "
                f"{duration(now / computed * left)} left")
    if log:
        where = f"kept in {folder}" if is_room else (
            f"held in memory, for {folder}'s disk is nearly full")
        log(f"{len(paths):,} photographs in {views} views: {computed:,} computed, "
            f"{size_of_all / 1e9:.1f} GB of maps and features, {where}")
    return Seen.joined(found)


def _kept(block: Path) -> tuple[np.ndarray, np.ndarray]:
    """Maps, which stay on disk, and features."""
    return (np.load(block / "maps.npy", mmap_mode="r", allow_pickle=False),
            np.load(block / "below.npy", allow_pickle=False))  # fmt: skip
