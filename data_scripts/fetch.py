"""Fetch, list and verify the catalogue's data sets: ``python -m data_scripts.fetch mr trec``."""

from __future__ import annotations

import argparse
import logging
import sys
import textwrap
from collections.abc import Callable, Sequence

from common import datasets
from common.datasets import DatasetError
from common.download import readable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 if all went well, 1 if a set failed, 2 for a wrong command."""
    parser = argparse.ArgumentParser(
        prog="python -m data_scripts.fetch",
        description="Fetch data sets (cache, then the folder RECIPES_MIRROR, then the network), "
        "verify them and prepare them.",
    )
    parser.add_argument("names", nargs="*", metavar="SET", help="sets of the catalogue")
    parser.add_argument("--all", action="store_true", help="every set of the catalogue")
    what = parser.add_mutually_exclusive_group()
    for flag, text in (
        ("--list", "show the sets: files, size, state, licence; fetch nothing"),
        ("--verify", "compute the digests of every copy at hand anew; fetch nothing"),
        ("--licences", "show licence and citation; fetch nothing"),
    ):
        what.add_argument(flag, action="store_true", help=text)
    options = parser.parse_args(arguments)

    only_shows = options.list or options.verify or options.licences
    if options.all and options.names:
        parser.error("give either names or --all")
    if not (options.names or options.all or only_shows):
        parser.error("name a set, or give --all or --list")
    try:
        for name in options.names:
            datasets.entry(name)
    except DatasetError as error:
        parser.error(str(error))
    chosen = list(dict.fromkeys(options.names)) or datasets.names()
    try:
        if options.list:
            return _list(chosen)
        if options.verify:
            return _verify(chosen, all_named=bool(options.names))
        if options.licences:
            return _licences(chosen)
        logging.basicConfig(level=logging.INFO, format="  %(message)s")  # says where from
        return _for_each(chosen, _fetch)
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1


def _for_each(names: list[str], do: Callable[[str], None]) -> int:
    """Do it for every name, also after a failure; say at the end which ones failed."""
    failed = []
    for name in names:
        try:
            do(name)
        except DatasetError as error:
            failed.append(name)
            print(f"{name}: {error}", file=sys.stderr)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _fetch(name: str) -> None:
    found = datasets.entry(name)
    folder = datasets.load(name)
    files = f"{len(found.files)} file{'s' * (len(found.files) > 1)}"
    print(f"{name}: {files}, {readable(found.bytes)}, verified; prepared in {folder}")


def _list(names: list[str]) -> int:
    rows = [("set", "files", "size", "state", "licence")]
    for name in names:
        found = datasets.entry(name)
        size = readable(found.bytes)
        rows.append((name, str(len(found.files)), size, datasets.state(name), found.licence))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for name, files, size, state, licence in rows:
        line = f"{name:<{widths[0]}}  {files:>{widths[1]}}  {size:>{widths[2]}}"
        print(f"{line}  {state:<{widths[3]}}  {licence}")
    print(f"\ncache:  {datasets.cache_folder()}")
    print(f"mirror: {datasets.mirror_folder() or 'RECIPES_MIRROR is not set'}")
    return 0


def _verify(names: list[str], all_named: bool) -> int:
    """Print a line per copy; a bad copy fails, and so does a set asked for by name but absent."""
    bad, absent = [], []
    for name in names:
        checks = datasets.verify(name)
        if not checks:
            absent.append(name)
            print(f"{'absent':<7} {name}: no copy here, nothing to verify")
        for check in checks:
            print(f"{'good' if check.good else 'BAD':<7} {name}: {check.path} ({check.place})")
            if not check.good:
                bad.append(str(check.path))
    for path in bad:
        print(f"wrong content: {path}", file=sys.stderr)
    if bad:
        print("Mend: remove these files and fetch the sets again.", file=sys.stderr)
    return 1 if bad or (absent and all_named) else 0


def _licences(names: list[str]) -> int:
    for name in names:
        found = datasets.entry(name)
        print(f"{name}: {found.title}")
        for label, text in (
            ("licence", found.licence),
            ("citation", found.citation),
            ("homepage", found.homepage),
            ("note", found.note),
        ):
            indent = " " * 12
            print(
                textwrap.fill(
                    text,
                    width=100,
                    initial_indent=f"  {label + ':':<10}",
                    subsequent_indent=indent,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
