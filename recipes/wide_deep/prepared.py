"""Features fitted and applied once, and kept by content: later runs and epochs read arrays."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn

from common import files
from recipes.wide_deep.features import Features
from recipes.wide_deep.fitting import fit
from recipes.wide_deep.tabledata import TableData

# The code that the arrays hang on.
MODULES = ("columns", "crosses", "dates", "features", "fitting", "graph", "prepared")
IN_MEMORY = 1_000_000_000  # bytes; larger arrays stay on disk


@dataclass(frozen=True)
class Prepared:
    """A table as the networks read it.

    Attributes:
        features: fitted on the training rows.
        inputs: "ids" int32 and "numbers" float32 [rows, ...], in memory or `OnDisk`.
        mixed: they lie on disk, and batches should read them in blocks.
        reused: nothing had to be computed.
        key: of all that they hang on.
    """

    features: Features
    inputs: dict[str, np.ndarray | OnDisk]
    mixed: bool
    reused: bool
    key: str


def prepare(data: TableData, folder: str | Path | None, **settings) -> Prepared:
    """Fit features on the training rows and apply them to all, or take what was kept.

    Args:
        data: the table.
        folder: where arrays are kept, one folder for each content; None keeps none.
        settings: of `fitting.fit`: minimum_count, cross, most_crosses, buckets, seed.
    """
    key = files.work_key(
        [Path(__file__).with_name(f"{name}.py") for name in MODULES],
        data=data.fingerprint, columns=data.columns.model_dump(), version=sklearn.__version__,
        **settings,
    )  # fmt: skip
    kept = Path(folder) / key if folder else None
    if kept and (kept / "features.npz").is_file():  # the last file written
        return Prepared(Features.load(kept / "features.npz"), *_read(kept), True, key)
    train = data.rows("train")
    features = fit(data.frame.iloc[train], data.columns, data.target[train], **settings)
    inputs = features.arrays(data.frame)
    if not kept:
        return Prepared(features, inputs, False, False, key)
    shutil.rmtree(kept, ignore_errors=True)  # of a killed run
    for name, array in inputs.items():
        with files.whole(kept / f"{name}.npy") as aside:
            np.save(aside, array)
    features.save(kept / "features.npz")
    return Prepared(features, *_read(kept), False, key)


class OnDisk:
    """An array in a .npy file of which some rows are read at a time.

    A memory map that stays open would be counted, page by page, until it is all in memory.
    """

    def __init__(self, path: Path):
        self.path = path
        whole = np.load(path, mmap_mode="r", allow_pickle=False)
        self.shape, self.dtype, self.nbytes = whole.shape, whole.dtype, whole.nbytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows) -> np.ndarray:
        return np.array(np.load(self.path, mmap_mode="r", allow_pickle=False)[rows])


def _read(folder: Path) -> tuple[dict[str, np.ndarray | OnDisk], bool]:
    paths = {name: folder / f"{name}.npy" for name in ("ids", "numbers")}
    large = sum(path.stat().st_size for path in paths.values()) > IN_MEMORY
    load = OnDisk if large else np.load
    return {name: load(path) for name, path in paths.items()}, large
