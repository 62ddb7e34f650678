"""The numbers of alexnet.ipynb's tables: `python -m recipes.transfer.reproduce_alexnet`.

Trainings are kept in build/reproduce_alexnet_transfer, so a stopped run goes on where it was.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from common.reproduce import ROOT, over_sets

# Of each network the seeds, and the parts that are left out with the first one; three seeds and
# "all" parts of both would take four hours more.
SETS = {"cifar10": {
    "modern": ((0, 1, 2), "conv2, conv3, conv4, conv5, batch_norm, windows"),
    "paper": ((0,), ""),
}}  # fmt: skip
SEED, EPOCHS, WIDTH, SIZE = 0, 20, 0.25, 32
PRECISION = "mixed_bfloat16"


def reproduce(name: str, folder: Path) -> None:
    """Train both networks, from several seeds, and the first once without each of some parts."""
    from common import metrics, results
    from common.records import record
    from recipes.transfer import ablation, data, report, scratch

    started, pictures = time.time(), data.load(name, seed=SEED)
    lesson = scratch.Lesson.of(pictures, SIZE, SEED)
    records = report.accuracies(pictures, report.baseline_arms(pictures, linear=True), [])
    settings, seconds = {"epochs": EPOCHS, "width": WIDTH}, 0.0
    for kind, (seeds, parts) in SETS[name].items():
        taught = {}
        for seed in seeds:
            taught[seed] = scratch.train(kind, lesson, folder / f"seed_{seed}", seed=seed, log=None,
                                         **settings)  # fmt: skip
            print(f"{name}, {kind}, seed {seed}: {taught[seed].right.mean():.1%}", flush=True)
        arms = [scratch.arms({kind: one}) for one in taught.values()]
        for variant in arms[0]:
            # The mean over the seeds for each picture; its interval is over pictures.
            right = np.mean([arm[variant] for arm in arms], axis=0)
            found = metrics.bootstrap(np.mean, right)
            records.append(record(name, variant, "accuracy", found, list(seeds)))
        first = seeds[0]
        reduced = ablation.run(taught[first], ablation.parts(parts, kind), folder / f"seed_{first}",
                               seed=first, **settings)  # fmt: skip
        records += report.accuracies(pictures, scratch.arms(reduced), [first])
        records += [report.gain(name, f"{kind}, seed {first}", each.name, taught[first].right,
                                each.right, [first]) for each in reduced.values()]  # fmt: skip
        seconds += sum(sum(one.history.seconds) for one in (*taught.values(), *reduced.values()))
    run = results.record(
        folder, "transfer", results.describe(pictures),
        {"metric": "accuracy", "variant": "modern"}, records,
        {"DATA": name, "SEED": SEED, "EPOCHS": EPOCHS, "WIDTH": WIDTH, "SIZE": SIZE,
         "PRECISION": PRECISION}, started,
    )  # fmt: skip
    run["seconds"] = round(seconds, 1)  # finished trainings' time counts too
    results.merge(ROOT / "results" / "transfer.json", [run], "reproduce")
    print(results.table(records, [], name, pictures.synthetic).to_string(), flush=True)


if __name__ == "__main__":
    sys.exit(over_sets("recipes.transfer.reproduce_alexnet", SETS, reproduce, seed=SEED,
                       precision=PRECISION))  # fmt: skip
