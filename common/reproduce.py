"""The command line that measures the numbers of a recipe's tables, one data set after another."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from common import device

ROOT = Path(__file__).resolve().parents[1]


def over_sets(
    program: str,
    sets: Iterable[str],
    measure: Callable[[str, Path], None],
    *,
    seed: int = 0,
    precision: str = "float32",
    arguments: list[str] | None = None,
) -> int:
    """Measure each set that the command line names (all of them, unless told otherwise).

    Args:
        program: the module, as Python's -m takes it.
        sets: names to choose from.
        measure: called with a set's name and the folder for its work.
        seed, precision: see `device.setup`.
        arguments: of the command line; None takes the process's.

    Returns:
        The exit code 0; whatever `measure` raises passes.
    """
    sets = list(sets)
    _, recipe, module = program.split(".")
    folder = ROOT / "build" / f"{module}_{recipe}"
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("--data", nargs="+", choices=sets, default=sets)
    parser.add_argument("-o", "--output", type=Path, default=folder)
    options = parser.parse_args(arguments)
    device.setup(memory="grow", precision=precision, seed=seed)
    for name in options.data:
        measure(name, options.output / name)
    return 0
