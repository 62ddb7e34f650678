"""The numbers of alexnet.ipynb's tables: `python -m recipes.transfer.reproduce_alexnet`.

Trainings are kept in build/reproduce_alexnet_transfer, so a stopped run goes on where it was.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from common.reproduce import ROOT, over_sets

# With the parts that are left out; "all" of both networks would take three hours more.
SETS = {"cifar10": {"modern": "conv2, conv3, conv4, conv5, batch_norm, windows", "paper": ""}}
SEEDS, EPOCHS, WIDTH, SIZE = (0, 1, 2), 20, 0.25, 32
PRECISION = "mixed_bfloat16"


def reproduce(name: str, folder: Path) -> None:
    """Train both networks from three seeds, and each part's absence from the first."""
    from common import metrics, results
    from recipes.transfer import ablation, data, report, scratch
    from recipes.transfer.records import record

    started, pictures = time.time(), data.load(name, seed=SEEDS[0])
    lesson = scratch.Lesson.of(pictures, SIZE, SEEDS[0])
    records = report.accuracies(pictures, report.baseline_arms(pictures, linear=True), [])
    settings = {"epochs": EPOCHS, "width": WIDTH}
    for kind, parts in SETS[name].items():
        taught = {}
        for seed in SEEDS:
            taught[seed] = scratch.train(kind, lesson, folder / f"seed_{seed}", seed=seed, log=None,
                                         **settings)  # fmt: skip
            print(f"{name}, {kind}, seed {seed}: {taught[seed].right.mean():.1%}", flush=True)
        arms = [scratch.arms({kind: one}) for one in taught.values()]
        for variant in arms[0]:
            # The mean over the seeds for each picture; its interval is over pictures.
            right = np.mean([arm[variant] for arm in arms], axis=0)
            found = metrics.bootstrap(np.mean, right)
            records.append(record(name, variant, "accuracy", found, list(SEEDS)))
        names = ablation.parts(parts, kind)
        reduced = ablation.run(taught[SEEDS[0]], names, folder / f"seed_{SEEDS[0]}",
                               seed=SEEDS[0], **settings)  # fmt: skip
        records += report.accuracies(pictures, scratch.arms(reduced), [SEEDS[0]])
        for each in reduced.values():
            one = taught[SEEDS[0]].right
            records.append(report.gain(name, f"{kind}, seed {SEEDS[0]}", each.name, one, each.right,
                                       [SEEDS[0]]))  # fmt: skip
    run = results.record(
        folder, "transfer", results.describe(pictures),
        {"metric": "accuracy", "variant": "modern"}, records,
        {"DATA": name, "SEEDS": list(SEEDS), "EPOCHS": EPOCHS, "WIDTH": WIDTH, "SIZE": SIZE,
         "PRECISION": PRECISION}, started,
    )  # fmt: skip
    results.merge(ROOT / "results" / "transfer.json", [run], "reproduce")
    print(results.table(records, [], name, pictures.synthetic).to_string(), flush=True)


if __name__ == "__main__":
    sys.exit(over_sets("recipes.transfer.reproduce_alexnet", SETS, reproduce, seed=SEEDS[0],
                       precision=PRECISION))  # fmt: skip
