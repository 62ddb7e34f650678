"""Every number of the result tables: `python -m recipes.retina.reproduce`.

What the backbone sees is kept in the cache, so a stopped run goes on nearly where it was;
results/retina.json is written after each set.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from common.reproduce import ROOT, over_sets

# Backbone, size, levelling and the rates of both operating points, as in the presets.
SETS = {"idrid": ("inception_v3_to_mixed8", 512, "none", (0.97, 0.98)),
        "sample": ("small", 256, "graham", (0.9, 0.9))}  # fmt: skip
KIND, SEED = "questions", 0


def reproduce(name: str, folder: Path) -> None:
    """Measure one set with each way of levelling and of asking, and put it into results/."""
    from common import results
    from common.vision import backbones
    from common.vision.taps import Taps
    from recipes.retina import data, heads, normalize, report

    started, eyes, records = time.time(), data.load(name, seed=SEED), []
    backbone, size, usual, rates = SETS[name]
    taps = Taps.of(backbones.find(backbone, size))
    for leveling in normalize.LEVELINGS:
        seen = [features(taps, eyes.part(split), size, leveling) for split in ("train", "test")]
        for kind in heads.KINDS if leveling == usual else (KIND,):
            different = [word for word, ours in ((leveling, usual), (kind, KIND)) if word != ours]
            variant = ", ".join([report.OURS, *different])
            records += study(eyes, seen, variant, kind, rates)
            print(f"{name}, {variant}: {records[-1]}", flush=True)
    records += report.measure_baselines(eyes, [])
    run = results.record(
        folder, "retina", results.describe(eyes),
        {"metric": "quadratic kappa", "variant": report.OURS}, records,
        {"DATA": name, "BACKBONE": backbone, "SIZE": size, "SEED": SEED}, started,
    )  # fmt: skip
    results.merge(ROOT / "results" / "retina.json", [run], "reproduce")
    print(results.table(records, [], name, eyes.synthetic).to_string(), flush=True)


def study(eyes, seen, variant: str, kind: str, rates: tuple[float, float]) -> list[dict]:
    """Records of one variant; of ours also the operating points and the learning curve."""
    from common import screening_records
    from recipes.retina import learning, report

    train, test = eyes.part("train"), eyes.part("test")
    task = report.task_of(train, seen[0])
    judged = learning.cross_validate(task, kind, seed=SEED, log=print)
    learner = learning.Learner(task, kind)
    trained = learner.fit(range(len(task)), judged.strength, SEED).tempered(judged)
    held_out, found = report.answers_of(judged), report.answers_by(trained, seen[1])
    records = report.measure(eyes.name, variant, train, held_out, [SEED], held_out=True)
    records += report.measure(eyes.name, variant, test, found, [SEED])
    if variant == report.OURS:
        chosen = report.thresholds(train, held_out, *rates)
        points = report.points(test, found, chosen, None)
        records += screening_records.of_points(eyes.name, variant, points, [SEED])
        curve = report.learning_curve(task, seen[1].mean(axis=1), test, judged.strength, kind=kind)
        records += screening_records.of_curve(eyes.name, variant, curve, "photographs",
                                              report.CURVES, [SEED])  # fmt: skip
    return records


def features(taps, rows, size: int, leveling: str):
    """What the backbone sees of some photographs, from the cache where it is there."""
    from recipes.retina import preprocess
    from recipes.retina.grader import Preparation

    digests = rows["sha256"].tolist()
    prepared = preprocess.prepare(rows["path"], size, leveling, digests=digests)
    return taps.cached(prepared.pixels, digests, Preparation(size, leveling).key)


if __name__ == "__main__":
    sys.exit(over_sets("recipes.retina.reproduce", SETS, reproduce, seed=SEED))
