"""What a frozen backbone sees in each picture, computed once and kept by the picture's content."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from filelock import FileLock

from common import datasets, files
from common.history import duration
from common.vision import pixels
from common.vision.backbones import Backbone

BATCH, FEW = 32, 8
# Another way of reading pictures gives other features.
CODE = (Path(pixels.__file__), Path(__file__))


def compute(
    backbone: Backbone,
    paths: Sequence[str | Path],
    batch: int = BATCH,
    problems: dict[int, str] | None = None,
    log: Callable[[str], None] | None = None,
) -> np.ndarray:
    """Features float32 [n, 2, d] of files, see `Backbone.views`.

    Args:
        problems: see `pixels.stream`.
        log: receives how much is done and how long the rest will take, every few seconds.
    """
    model = backbone.views
    batch = min(batch, FEW) if len(paths) <= FEW else batch  # two shapes, two programs
    found = np.empty((len(paths), *model.output_shape[1:]), np.float32)
    began = said = time.perf_counter()
    for number, block in enumerate(pixels.stream(paths, backbone.size, batch, problems=problems)):
        rows = slice(number * batch, number * batch + batch)
        seen = keras.ops.convert_to_numpy(model.predict_on_batch(block.astype(np.float32)))
        found[rows] = seen[: len(found[rows])]
        now = time.perf_counter()
        if log and now - said > 5:
            done, said = min(rows.stop, len(paths)), now
            pace = (now - began) / done
            log(f"{done:,} of {len(paths):,} pictures, {1 / pace:,.0f} a second, "
                f"{duration(pace * (len(paths) - done))} left")
    return found


def cached(
    backbone: Backbone,
    paths: Sequence[str | Path],
    digests: Sequence[str],
    batch: int = BATCH,
    log: Callable[[str], None] | None = print,
) -> np.ndarray:
    """`compute`, but what was seen before is taken from the cache, whatever it was called then.

    Args:
        digests: sha256 of each file's bytes.
    """
    paths = list(paths)

    def new(missing: list[int]) -> np.ndarray:
        return compute(backbone, [paths[k] for k in missing], batch, log=log)

    return remembered(files.work_key(CODE, **traits(backbone)), digests, new, log)


def traits(backbone: Backbone) -> dict:
    """What features hang on beside code and pictures, for `files.work_key`."""
    return {"backbone": backbone.key, "name": backbone.name, "size": backbone.size,
            "backend": keras.backend.backend(),
            "precision": keras.config.dtype_policy().name}  # fmt: skip


def remembered(
    key: str,
    digests: Sequence[str],
    compute: Callable[[list[int]], np.ndarray],
    log: Callable[[str], None] | None = print,
) -> np.ndarray:
    """A row for each picture, of which only those are computed that the cache has not.

    A file for each key, under RECIPES_CACHE; safe under several processes.

    Args:
        key: of everything but the pictures, see `files.work_key`.
        digests: what each picture is known by, such as the sha256 of its file.
        compute: from places in `digests` to their rows, float32 [places, ...].
    """
    path = datasets.cache_folder() / "features" / f"{key}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        known, rows = _read(path)
        place = {digest: row for row, digest in enumerate(known)}
        missing = [k for k, digest in enumerate(digests) if digest not in place]
        missing = list({digests[k]: k for k in missing}.values())
        if missing:
            new = compute(missing)
            rows = np.concatenate([rows, new]) if len(known) else new
            known = [*known, *(digests[k] for k in missing)]
            with files.whole(path) as aside:
                np.savez(aside, digests=np.array(known), features=rows)
            place = {digest: row for row, digest in enumerate(known)}
        if log:
            log(f"features of {len(digests):,} pictures: {len(missing):,} computed, "
                f"{len(digests) - len(missing):,} from the cache")
    return rows[[place[digest] for digest in digests]]


def of_rows(backbone: Backbone, rows: pd.DataFrame, log=print) -> np.ndarray:
    """`cached` for rows with "path" and "sha256"."""
    return cached(backbone, rows["path"].tolist(), rows["sha256"].tolist(), log=log)


def _read(path: Path) -> tuple[list[str], np.ndarray]:
    if not path.is_file():
        return [], np.zeros(0)
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["digests"].tolist(), arrays["features"]
