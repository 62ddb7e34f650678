"""Every number of the result tables: `python -m recipes.wide_deep.reproduce`.

Finished arms are kept in build/reproduce_wide_deep; results/wide_deep.json is written after each
set.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from common.reproduce import ROOT, over_sets

SETS = ("adult", "open_bandit", "sample")
SEED = 0


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
    sys.exit(over_sets("recipes.wide_deep.reproduce", SETS, reproduce, seed=SEED))
