"""Published data sets by name: from the cache, a mirror folder or the network, always verified.

`load` is what a recipe calls: it returns a folder of prepared files. `fetch` returns the originals
as their sources publish them. What exists is written in ``data_scripts/catalogue.yaml``.

Environment variables: RECIPES_CACHE (where everything is kept), RECIPES_MIRROR (a folder with
copies, asked before the network), RECIPES_TIMEOUT (seconds to wait for a silent server).
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import importlib
import importlib.util
import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from common.catalogue import Counts, DataFile, DatasetEntry, read_catalogue
from common.download import (
    DatasetError,
    TransferError,
    copy,
    disk_errors,
    download,
    readable,
    require_space,
    sha256_of,
)

__all__ = [
    "Check", "DatasetEntry", "DatasetError", "cache_folder", "entry", "fetch", "load",
    "mirror_folder", "names", "prepared_folder", "state", "verify",
]  # fmt: skip

logger = logging.getLogger(__name__)

CATALOGUE = Path(__file__).resolve().parent.parent / "data_scripts" / "catalogue.yaml"
PROJECT = "deep-learning-recipes"  # as in pyproject.toml; names the cache folder
CACHE_VARIABLE = "RECIPES_CACHE"
MIRROR_VARIABLE = "RECIPES_MIRROR"
PREPARED_SIZE = 4  # times the originals: room enough for every set of the catalogue
SUMS = "sha256sums"  # the last file written into a prepared folder


class Check(NamedTuple):
    """The finding of `verify` on one file."""

    file: str
    place: Literal["cache", "mirror", "prepared"]
    path: Path
    good: bool


def names() -> list[str]:
    """Return the names of the catalogue's sets, in its order."""
    return list(read_catalogue(CATALOGUE))


def entry(name: str) -> DatasetEntry:
    """Return the catalogue's entry; DatasetError names the nearest right name if there is none."""
    catalogue = read_catalogue(CATALOGUE)
    if name not in catalogue:
        near = difflib.get_close_matches(str(name).lower(), catalogue, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        there_are = ", ".join(catalogue)
        raise DatasetError(f"no data set is called {name!r}.{hint} There are: {there_are}")
    return catalogue[name]


def cache_folder() -> Path:
    """Return the folder for everything fetched: RECIPES_CACHE, or the user's cache folder."""
    import platformdirs

    chosen = os.environ.get(CACHE_VARIABLE)
    folder = Path(chosen).expanduser() if chosen else platformdirs.user_cache_path(PROJECT)
    return folder.absolute()


def mirror_folder() -> Path | None:
    """Return the mirror folder RECIPES_MIRROR, or None if it is not set.

    Raises DatasetError if the variable names no folder, so that a typing error does not send
    every fetch to the network.
    """
    chosen = os.environ.get(MIRROR_VARIABLE)
    if not chosen:
        return None
    folder = Path(chosen).expanduser().absolute()
    if not folder.is_dir():
        raise DatasetError(f"{MIRROR_VARIABLE}={chosen} is not a folder; correct or unset it")
    return folder


def fetch(name: str) -> dict[str, Path]:
    """Return the verified original files of a set as {file name: path in the cache}.

    Each file comes from the cache, else from the mirror, else from its address. Safe when several
    processes ask for the same file: one fetches, the others wait and use its copy.
    Raises DatasetError (see `common.download`) with the file, the place and what mends it.
    """
    found = {}
    for file in entry(name).files:
        path = _obtain(name, file)
        if file.listing:
            found |= {each.name: _obtain(name, each) for each in file.listed(path)}
        else:
            found[file.name] = path
    return found


def load(name: str) -> Path:
    """Return the folder of the prepared set, fetching and preparing it the first time.

    Text sets hold ``<name>.csv``: UTF-8, columns text, label, split and, with phrases, level. The
    folder's name carries a digest of the originals and of the preparing code, so a change of
    either prepares anew. Raises DatasetError as `fetch` does.
    """
    found = entry(name)
    folder = prepared_folder(name)
    if _is_whole(folder):
        return folder
    originals = fetch(name)
    with _lock(folder.name, f"Preparing {name}"):
        if _is_whole(folder):
            return folder
        if folder.exists():
            logger.warning("%s was damaged and is prepared again", folder)
            shutil.rmtree(folder)
        aside = folder.with_name(folder.name + ".aside")
        shutil.rmtree(aside, ignore_errors=True)  # left by a killed run; the lock is ours
        needed = PREPARED_SIZE * found.bytes
        try:
            with disk_errors(folder.parent, f"about {needed:,} bytes", f"Preparing {name}"):
                aside.mkdir(parents=True)
                require_space(aside, needed, f"Preparing {name}")
                _prepare(found, originals, aside)
                _check_counts(name, found.counts, aside / f"{name}.csv")
                _write_sums(aside)
                os.replace(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return folder


def prepared_folder(name: str) -> Path:
    """Return where `load` keeps the prepared set; the folder need not exist yet."""
    found = entry(name)
    key = hashlib.sha256("".join(file.sha256 for file in found.files).encode())
    if found.prepare:
        spec = importlib.util.find_spec(found.prepare.partition(":")[0])
        if spec is None or spec.origin is None:
            raise DatasetError(f"{CATALOGUE}: {name}.prepare: no module {found.prepare!r}")
        key.update(Path(spec.origin).read_bytes())
        key.update(found.prepare.encode())
    return cache_folder() / "prepared" / f"{name}-{key.hexdigest()[:12]}"


def state(name: str) -> Literal["cached", "in mirror", "to download", "not to be had"]:
    """Say where `load` would take the set from now (of several files, the furthest place).

    Looks at names and sizes only and never at the network; `verify` computes digests.
    """
    if (prepared_folder(name) / SUMS).is_file():
        return "cached"
    mirror = mirror_folder()

    def distance(file: DataFile) -> int:
        # A listing that is cached does not say that all it names is.
        if not file.listing and _has_size(_cached(file), file):
            return 0
        if mirror and (mirror / file.mirror).is_file():
            return 1
        return 2 if file.url else 3

    furthest = max(distance(file) for file in entry(name).files)
    return ("cached", "in mirror", "to download", "not to be had")[furthest]


def verify(name: str) -> list[Check]:
    """Compute anew the digests of every copy of the set at hand: cache, mirror and prepared.

    Changes nothing. Returns an empty list if there is no copy.
    """
    mirror = mirror_folder()
    checks = []
    for file in _files_at_hand(name):
        places = [("cache", _cached(file))] + ([("mirror", mirror / file.mirror)] if mirror else [])
        for place, path in places:
            if path.is_file():
                checks.append(Check(file.name, place, path, sha256_of(path) == file.sha256))
    folder = prepared_folder(name)
    for path, good in _compare_sums(folder):
        checks.append(Check(path.name, "prepared", path, good))
    return checks


def _cached(file: DataFile) -> Path:
    # Named by content: two sets share an original, and another version never replaces this one.
    return cache_folder() / "originals" / file.sha256[:16] / Path(file.name).name


def _files_at_hand(name: str) -> Iterator[DataFile]:
    """The set's files, with those that a listing names where the listing was fetched already."""
    for file in entry(name).files:
        yield file
        if file.listing and _cached(file).is_file():
            yield from file.listed(_cached(file))


def _has_size(path: Path, file: DataFile) -> bool:
    return path.is_file() and file.bytes in (None, path.stat().st_size)


def _obtain(name: str, file: DataFile) -> Path:
    target = _cached(file)
    if _has_size(target, file) and sha256_of(target) == file.sha256:
        return target
    with _lock(file.sha256[:16], f"Fetching {file.name}"):
        if target.is_file():
            if sha256_of(target) == file.sha256:  # another process was quicker
                return target
            logger.warning("%s was damaged and is fetched again", target)
            target.unlink()
        mirror = mirror_folder()
        if mirror and (mirror / file.mirror).is_file():
            copy(mirror / file.mirror, target, file.sha256)
            logger.info("%s: copied from %s", file.name, mirror / file.mirror)
            return target
        try:
            if not file.url:
                raise TransferError(entry(name).note)
            download(file.url, target, file.sha256, file.bytes)
            logger.info("%s: downloaded from %s", file.name, file.url)
        except TransferError as error:
            raise TransferError(_how_to_get(name, file, mirror, error)) from error
    return target


def _how_to_get(name: str, file: DataFile, mirror: Path | None, error: Exception) -> str:
    mirrored = f"{mirror} has no {file.mirror}" if mirror else f"{MIRROR_VARIABLE} is not set"
    doors = (
        'DATA="sample" (made here, no network) or DATA="path/to/your/own/file".'
        if entry(name).task != "word vectors"
        else "the recipe without word vectors."
    )
    network = ", or try again with a network" if file.url else ""
    size = f" ({readable(file.bytes)})" if file.bytes else ""
    return (
        f"{file.name} of the set {name!r}{size} is not to be had now\n"
        f"  cache:   {_cached(file)} does not exist\n"
        f"  mirror:  {mirrored}\n"
        f"  network: {error}\n"
        f"  Mend: set {MIRROR_VARIABLE} to a folder that holds {file.mirror}{network}.\n"
        f"  What works now: {doors}"
    )


@contextmanager
def _lock(key: str, what: str) -> Iterator[None]:
    """Hold the lock of `key` against other processes; it ends with the process in any case."""
    from filelock import FileLock, Timeout

    folder = cache_folder() / "locks"
    with disk_errors(folder, "a few bytes", what):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{key}.lock")
        try:
            lock.acquire(timeout=1)
        except Timeout:
            logger.warning("%s: waiting for another process that is doing the same", what)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _prepare(found: DatasetEntry, originals: dict[str, Path], folder: Path) -> None:
    if found.prepare is None:
        for name, path in originals.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
        return
    module, _, function = found.prepare.partition(":")
    getattr(importlib.import_module(module), function)(originals, folder)


def _check_counts(name: str, counts: Counts, path: Path) -> None:
    """Refuse a prepared set whose rows, splits or labels are not those of the catalogue."""
    if not path.exists():
        return
    splits: Counter[str] = Counter()
    phrases, labels = 0, set()
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            labels |= {row["label"]} if "label" in row else set()
            if row.get("level") == "phrase":
                phrases += 1
            else:
                splits[row["split"]] += 1
    got = (dict(splits), phrases, labels)
    expected = (counts.splits, counts.phrases, {str(n) for n in range(counts.classes)})
    if got != expected:
        raise DatasetError(
            f"preparing {name} gave other rows than the catalogue says\n"
            f"  (rows per split, phrases, labels) expected {expected}\n  got {got}"
        )


def _write_sums(folder: Path) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def _compare_sums(folder: Path) -> list[tuple[Path, bool]]:
    if not (folder / SUMS).is_file():
        return []
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    pairs = [(line[:64], folder / line[66:]) for line in lines]
    return [(path, path.is_file() and sha256_of(path) == digest) for digest, path in pairs]


def _is_whole(folder: Path) -> bool:
    found = _compare_sums(folder)
    return bool(found) and all(good for _, good in found)
