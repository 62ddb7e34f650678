"""A file that is whole or not there, and a name for work that hangs on content alone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A neighbour of `path` to write to, which takes its name when the block has ended well.

    Who reads meanwhile, and who comes after an interrupted run, finds the old file or the whole
    new one. The neighbour keeps the suffix, because some writers go by it. Folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """An empty neighbour of `folder` to fill, which takes its place when the block has ended well.

    An older folder of that name is put aside first and deleted when the new one stands.
    """
    folder = Path(folder)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = aside.with_suffix(".old")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        if folder.exists():
            os.replace(folder, old)
        os.replace(aside, folder)
    finally:
        for spent in (aside, old):
            shutil.rmtree(spent, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file (UTF-8), whole or not at all."""
    with whole(path) as aside:
        aside.write_text(text, encoding="utf-8")


def work_key(modules: Iterable[str | Path], **everything) -> str:
    """A digest of all that a result hangs on, the code among it.

    What was computed under another key is not this result: a changed setting, other data or a
    changed line of code is computed anew, and nothing computed before is lost or passed off as new.

    Args:
        modules: the Python files whose code matters.
        everything: settings, fingerprints, seeds; anything that prints alike when it is alike.
    """
    digest = hashlib.sha256(json.dumps(everything, sort_keys=True, default=str).encode())
    for path in modules:
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:16]
