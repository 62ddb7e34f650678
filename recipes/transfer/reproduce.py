"""Every number of the result tables: `python -m recipes.transfer.reproduce`.

Features are kept in the cache by content, so a stopped run goes on nearly where it was;
results/transfer.json is written after each set.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from common.reproduce import ROOT, over_sets

EVERY = ("mobilenet_v2", "inception_v3_to_mixed8", "squeezenet", "mobilenet_025_128", "small")
# Six thousand pictures through Inception take an hour.
SETS = {"hymenoptera": EVERY, "imagenette": EVERY, "cifar10": ("mobilenet_v2", "small"),
        "sample": EVERY}  # fmt: skip
NAMED = ("mobilenet_v2", "squeezenet", "mobilenet_025_128")  # that know the thousand names
SEED, KEPT = 0, 0.95


def reproduce(name: str, folder: Path) -> None:
    """Measure one set with every backbone, and put the numbers into results/."""
    from common import results
    from common.vision import backbones
    from recipes.transfer import data, names, report, strangers

    started, pictures = time.time(), data.load(name, seed=SEED)
    unknown = strangers.rows_of(pictures, None)
    records = report.accuracies(pictures, report.baseline_arms(pictures), [])
    for each in SETS[name]:
        records += report.measure_backbone(pictures, each, unknown, [SEED], KEPT)
        print(f"{name}, {each}: {records[-1]}", flush=True)
    if name == "imagenette":
        named = names.find(pictures, backbones.find("mobilenet_v2"), kept=KEPT)
        records += names.measure(named, pictures, [])[0]
        records += names.measure_unknown(named, pictures, unknown, [])
        for each in NAMED:
            records += names.another(each, pictures, [])
    run = results.record(
        folder, "transfer", results.describe(pictures),
        {"metric": "accuracy", "variant": SETS[name][0]}, records,
        {"DATA": name, "SEED": SEED, "KEPT": KEPT, "METHOD": "neighbour"}, started,
    )  # fmt: skip
    results.merge(ROOT / "results" / "transfer.json", [run], "reproduce")
    print(results.table(records, [], name, pictures.synthetic).to_string(), flush=True)


if __name__ == "__main__":
    sys.exit(over_sets("recipes.transfer.reproduce", SETS, reproduce, seed=SEED))
