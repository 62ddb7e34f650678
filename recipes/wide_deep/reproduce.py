"""Every number of the result tables: `python -m recipes.wide_deep.reproduce`.

Finished arms are kept in build/reproduce_wide_deep; results/wide_deep.json is written after each
set.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETS = ("adult", "open_bandit", "sample")
SEED = 0


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m recipes.wide_deep.reproduce")
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "build/reproduce_wide_deep")
    options = parser.parse_args(arguments)

    from common import device

    device.setup(memory="grow", precision="float32", seed=SEED)
    for name in options.data:
        reproduce(name, options.output / name)
    return 0


def reproduce(name: str, folder: Path) -> None:
    """Measure every arm on one set and put its numbers into results/wide_deep.json."""
    from common import results
    from recipes.wide_deep import data, prepared, report
    from recipes.wide_deep.evaluate import evaluate
    from recipes.wide_deep.settings import Settings

    started = time.time()
    table, settings = data.load(name, seed=SEED), Settings()
    ready = prepared.prepare(table, folder / "prepared", seed=SEED)
    found, _ = evaluate(settings, table, ready, folder, seed=SEED)
    records = [*report.measure(table, found, [SEED]), *report.gain(table, found)]
    parameters = {"DATA": name, "SEED": SEED, **settings.model_dump()}
    run = results.record(
        folder, "wide_deep", results.describe(table), report.headline(table, found), records,
        parameters, started,
    )  # fmt: skip
    run["seconds"] = round(sum(found.seconds.values()), 1)  # finished arms' time counts too
    results.merge(ROOT / "results" / "wide_deep.json", [run], "reproduce")
    print(report.verdict(records, table, found))


if __name__ == "__main__":
    sys.exit(main())
