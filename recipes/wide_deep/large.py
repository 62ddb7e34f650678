"""A log that does not fit into memory: read, prepared and learned from in pieces.

    python -m data_scripts.sample_wide_deep log.parquet --visits 4000000   # 20 million rows
    python -m recipes.wide_deep.large log.parquet --target installed -o build/large

Three times the file is read from end to end. First rows from all over it say what its columns are;
then the values of the columns are counted and some rows are kept, from which bins, vocabularies
and crosses are fitted; then every row is turned into integers that are written beside it. Training
reads those in blocks. The last rows written are a random share that is held out.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from common import files
from common.checkpoint import CheckpointError
from common.validation import DataError
from recipes.wide_deep.columns import Columns, infer
from recipes.wide_deep.features import Features, strings
from recipes.wide_deep.fitting import fit
from recipes.wide_deep.prepared import OnDisk

PIECE = 200_000  # rows in memory at a time
SURVEYED, FEW = 0.01, 200  # share of a piece, and rows at least, that say what its columns are
LOOKED_AT = 300_000  # rows that bins and crosses are fitted on, about
HELD_OUT = 100_000  # rows, about


def pieces(path: Path) -> Iterator[pd.DataFrame]:
    """The rows of a Parquet or CSV file, `PIECE` at a time.

    Raises:
        DataError: there is no such file, or it is of another kind.
    """
    if not path.is_file():
        raise DataError(f"{path} is no file.")
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(path).iter_batches(batch_size=PIECE):
            yield batch.to_pandas()
    elif ".csv" in path.suffixes:
        yield from pd.read_csv(path, dtype=str, keep_default_na=False, chunksize=PIECE)
    else:
        raise DataError(f"{path}: give a .parquet or .csv file.")


def _surveyed(path: Path, target_name: str, corrections: str) -> tuple[Columns, int]:
    """What the columns are, and how many rows there are."""
    some, total = [], 0
    for piece in pieces(path):
        if target_name not in piece:
            raise DataError(f"{path}: there is no column {target_name!r}. Columns: "
                            f"{', '.join(map(str, piece.columns))}.")
        total += len(piece)
        lots = np.random.default_rng(len(some)).random(len(piece))
        some.append(piece[lots < max(SURVEYED, FEW / max(1, len(piece)))])
    if not total:
        raise DataError(f"{path} has no rows.")
    columns = infer(pd.concat(some, ignore_index=True), [target_name])
    return columns.corrected(corrections), total


def prepare(
    path: Path, target_name: str, folder: Path, corrections: str = "", seed: int = 0, log=print
) -> tuple[Columns, Features, np.ndarray, int]:
    """Fit features and write every row's integers into a folder.

    Args:
        path: the file; target_name: its column of 0 and 1.
        folder: receives ids.npy, numbers.npy, features.npz.
        corrections: see `Columns.corrected`.
        seed: of the rows that are looked at and held out.

    Returns:
        What the columns are, the features, the target float32 [rows] in the order written, and
        how many of the first rows are for training.

    Raises:
        DataError: the file cannot be used, or the target is not made of 0 and 1.
    """
    started = time.time()
    rows, kept, counts = 0, [], {}
    columns, total = _surveyed(path, target_name, corrections)
    for number, piece in enumerate(pieces(path)):
        _target(path, piece[target_name])  # a wrong one is known before anything is fitted
        looked, held = _lots(seed, number, len(piece), total)
        for name in columns.of("category"):
            found = strings(piece[name])[~held].value_counts()
            counts[name] = found if name not in counts else counts[name].add(found, fill_value=0)
        kept.append(piece[looked & ~held])
        rows += len(piece)
        log(f"{rows:,} of {total:,} rows counted, {rows / (time.time() - started):,.0f} rows/s")
    sample = pd.concat(kept, ignore_index=True)
    kept.clear()
    features = fit(sample, columns, _target(path, sample[target_name]).astype(np.int32),
                   counts=counts, seed=seed)  # fmt: skip
    del sample
    log(f"{len(features.sizes)} id columns, {sum(features.sizes):,} ids, "
        f"{len(features.crosses)} crosses")
    return columns, features, *_write(path, target_name, features, total, folder, seed, log)


def _write(path, target_name, features, total, folder, seed, log) -> tuple[np.ndarray, int]:
    started, target = time.time(), np.zeros(total, np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        files.whole(folder / "ids.npy") as ids_aside,
        files.whole(folder / "numbers.npy") as numbers_aside,
    ):
        ids = np.lib.format.open_memmap(
            ids_aside, "w+", np.int32, (total, len(features.sizes))
        )
        numbers = np.lib.format.open_memmap(
            numbers_aside, "w+", np.float32, (total, len(features.numbers))
        )
        first, last = 0, total  # training rows from the front, held-out ones from the back
        for number, piece in enumerate(pieces(path)):
            held = _lots(seed, number, len(piece), total)[1]
            found, said = features.arrays(piece), _target(path, piece[target_name])
            for mask in (~held, held):
                size = int(mask.sum())
                place = slice(first, first + size) if mask is not held else slice(last - size, last)
                ids[place], numbers[place] = found["ids"][mask], found["numbers"][mask]
                target[place] = said[mask]
                first, last = (first + size, last) if mask is not held else (first, last - size)
            # Written pages stay counted as long as the map is open.
            ids, numbers = _reopened(ids, ids_aside), _reopened(numbers, numbers_aside)
            done = first + total - last
            log(f"{done:,} of {total:,} rows written, {done / (time.time() - started):,.0f} rows/s")
        del ids, numbers
    features.save(folder / "features.npz")
    return target, first


def _reopened(array: np.memmap, path: Path) -> np.memmap:
    array.flush()
    return np.load(path, mmap_mode="r+", allow_pickle=False)


def _lots(seed: int, piece: int, rows: int, total: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of a piece are looked at and which are held out; the same in both passes."""
    lot = np.random.default_rng([seed, piece]).random((2, rows))
    return lot[0] < LOOKED_AT / total, lot[1] < min(0.1, HELD_OUT / total)


def _target(path: Path, said: pd.Series) -> np.ndarray:
    values = pd.to_numeric(said, errors="coerce").to_numpy(np.float32, na_value=np.nan)
    if not np.isin(values, (0, 1)).all():
        wrong = said.iloc[int(np.flatnonzero(~np.isin(values, (0, 1)))[0])]
        raise DataError(f"{path}: the target {said.name!r} must be 0 or 1, not {wrong!r}.")
    return values


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 for a file that cannot be used, or 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m recipes.wide_deep.large")
    parser.add_argument("path", type=Path, help=".parquet or .csv")
    parser.add_argument("--target", required=True, help="the column of 0 and 1 to predict")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/large"))
    parser.add_argument("--columns", default="", help='corrections, "zip: category"')
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--restart", action="store_true", help="do not go on where a run stopped")
    options = parser.parse_args(arguments)
    if options.epochs < 1 or options.batch_size < 1:
        parser.error("--epochs and --batch-size must be 1 or more")
    try:
        run(options)
    except CheckpointError as error:
        print(f"error: {error} Here that is --restart, or another --output.", file=sys.stderr)
        return 1
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def run(options: argparse.Namespace) -> None:
    """Prepare, train, measure on the held-out rows, save."""
    from common import device, machine
    from recipes.wide_deep.auc import area
    from recipes.wide_deep.predictor import TablePredictor
    from recipes.wide_deep.settings import Settings
    from recipes.wide_deep.train import train_network

    device.setup(seed=options.seed)
    started = time.time()
    columns, features, target, train = prepare(
        options.path, options.target, options.output, options.columns, options.seed
    )
    prepared = time.time()
    inputs = {name: OnDisk(options.output / f"{name}.npy") for name in ("ids", "numbers")}
    digest = hashlib.sha256(target.tobytes() + (options.output / "features.npz").read_bytes())
    settings = Settings(epochs=options.epochs, batch_size=options.batch_size)
    network, _ = train_network(
        settings, features, inputs, target.astype(np.int32), 2, np.arange(train),
        np.arange(train, train), options.output, mixed=True, seed=options.seed,
        fingerprint=digest.hexdigest(), resume=not options.restart,
    )  # fmt: skip
    predictor = TablePredictor(columns, features, [network], options.target, ["0", "1"],
                               passed=[options.target])  # fmt: skip
    predictor.save(options.output / "predictor")
    held = {name: array[train:] for name, array in inputs.items()}
    found = area(target[train:] == 1, predictor.predict_inputs(held)[:, 1])
    trained = time.time() - prepared
    print(f"{len(target):,} rows; area on {len(target) - train:,} held-out rows {found:.4f}")
    print(f"prepared in {(prepared - started) / 60:.1f} min, trained in {trained / 60:.1f} min "
          f"({options.epochs * train / trained:,.0f} rows/s), peak memory "
          f"{machine.peak_memory_mb():,.0f} MB; predictor in {options.output / 'predictor'}")


if __name__ == "__main__":
    sys.exit(main())
