"""Answers about every picture file of a folder, as a CSV: what the recipes' `predict.py` share."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from common.validation import DataError

BLOCK = 512  # pictures at a time


def main(program: str, model: str, predict: Callable[[Path, Path, Path], str],
         arguments: Sequence[str] | None = None) -> int:  # fmt: skip
    """The command line `program MODEL INPUT OUTPUT`.

    Args:
        program: as it is called. model: what the first argument is.
        predict: takes the three paths, writes the third, returns a summary in words.

    Returns:
        Exit code 0, or 1 for an input that cannot be used, or 2 for a wrong command. Files that
        cannot be read are no failure: they are told in the output.
    """
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("model", type=Path, help=model)
    parser.add_argument("input", type=Path, help="a picture, or a folder, searched to its depth")
    parser.add_argument("output", type=Path, help="CSV to write")
    options = parser.parse_args(arguments)
    try:
        print(predict(options.model, options.input, options.output))
    except (DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def files_of(source: Path) -> list[Path]:
    """The files of a folder in its depth, without hidden ones, or the file itself.

    Raises:
        DataError: it does not exist, or holds no file.
    """
    paths = [source]
    if source.is_dir():
        paths = [path for path in sorted(source.rglob("*"))
                 if not path.is_dir() and not path.name.startswith(".")]  # fmt: skip
    if not source.exists() or not paths:
        there = "is empty" if source.exists() else "does not exist"
        raise DataError(f"{source} {there}. Give a picture, or a folder with pictures.")
    return paths


def write(source: Path, target: Path, paths: Sequence[Path], answer: Callable, block: int = BLOCK):
    """Ask about all files, a block at a time, and write the table once it is whole.

    Args:
        source: what `paths` are `files_of`; the column "file" is relative to it.
        target: CSV to write.
        answer: takes paths, returns a table with a row for each, in order, one column of which is
            "file" and one "problem", which is empty where there is an answer.

    Returns:
        The table, and words that say how many files it took how long and how many are unanswered.
    """
    import pandas as pd

    from common import files

    began, parts = time.perf_counter(), []
    for first in range(0, len(paths), block):
        parts.append(answer(paths[first : first + block]))
        done = min(first + block, len(paths))
        if done < len(paths):
            left = (time.perf_counter() - began) / done * (len(paths) - done)
            print(f"{done:,} of {len(paths):,} files, {left:.0f} s left", file=sys.stderr)
    found = pd.concat(parts, ignore_index=True)
    folder = source if source.is_dir() else source.parent
    found["file"] = [os.path.relpath(path, folder) for path in paths]
    with files.whole(target) as aside:
        found.to_csv(aside, index=False, float_format="%.6g")
    bad = (found["problem"] != "").sum()
    return found, (f"{target}: {len(found):,} files in {time.perf_counter() - began:.1f} s. "
                   f"Without an answer (see the column 'problem'): {bad:,}.")  # fmt: skip
