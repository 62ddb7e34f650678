"""Every number of the result tables: `python -m recipes.skin.reproduce`.

What the lower part sees is kept in the cache, members in the output folder; so a stopped run goes
on after its last whole epoch. results/skin.json is written after each light of each set.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from common.reproduce import ROOT, over_sets

# Backbone, size, epochs, and the rates of both operating points.
SETS = {"ham10000": ("inception_v3_to_mixed8", 224, 12, (0.95, 0.95)),
        "sample": ("small", 192, 8, (0.95, 0.95))}  # fmt: skip
SEED, MEMBERS, USUAL = 0, 3, "shades_of_grey"  # other lights are compared by one member
CURVES = {"ham10000": ((250, 500, 1000, 2000), 1),  # photographs, draws
          "sample": ((40, 80, 160), 3)}  # fmt: skip


def reproduce(name: str, folder: Path) -> None:
    """Measure one set under each light, and put it into results/."""
    import keras

    from common import results
    from recipes.skin import colour, data, report

    lesions = data.load(name, seed=SEED)
    backbone, size, epochs, _ = SETS[name]
    keras.config.set_dtype_policy("float32" if name == "sample" else "mixed_bfloat16")
    for constancy in (USUAL, *(kind for kind in colour.KINDS if kind != USUAL)):
        started = time.time()
        records, before = study(lesions, constancy, folder / constancy)
        if constancy == USUAL:
            records += report.measure_baselines(lesions, [])
        run = results.record(
            folder / constancy, "skin", results.describe(lesions),
            {"metric": "balanced accuracy", "variant": records[0]["variant"]}, records,
            {"DATA": name, "BACKBONE": backbone, "SIZE": size, "EPOCHS": epochs, "SEED": SEED,
             "CONSTANCY": constancy, "MEMBERS": len(records[0]["seeds"])}, started - before,
        )  # fmt: skip
        results.merge(ROOT / "results" / "skin.json", [run], "reproduce")
        print(results.table(records, [], name, lesions.synthetic).to_string(), flush=True)


def study(lesions, constancy: str, folder: Path) -> tuple[list[dict], float]:
    """Records of one light; of the usual one also one member's, the operating points, the curve.

    With the seconds that an earlier run spent on epochs from which this one went on.
    """
    import numpy as np

    from common import screening_records
    from common.vision import backbones
    from common.vision.taps import Taps
    from recipes.skin import changes, data, person, report, seeing, train
    from recipes.skin.cut import VIEWS, Cut

    backbone, size, epochs, rates = SETS[lesions.name]

    def fresh():
        return Cut.of(Taps.of(backbones.find(backbone, size), views=VIEWS), constancy=constancy)

    rows = {part: lesions.part(part) for part in data.PARTS}
    labels = {part: table["label"].to_numpy() for part, table in rows.items()}
    seen = {part: seeing.of_files(fresh(), table["path"], table["sha256"],
                                  changes.copies(epochs) if part == "train" else 0, SEED)
            for part, table in rows.items()}  # fmt: skip
    count, is_usual = len(lesions.classes), constancy == USUAL
    seeds = list(range(SEED, SEED + (MEMBERS if is_usual else 1)))
    members = [train.teach(fresh(), seen["train"], labels["train"], seen["validation"],
                           labels["validation"], count, folder / f"member_{seed}", epochs=epochs,
                           seed=seed, data=lesions.fingerprint) for seed in seeds]  # fmt: skip
    wanted, learned = np.bincount(labels["train"]) / len(labels["train"]), members[0].frequencies
    logits = {part: [member.logits(seen[part]) for member in members]
              for part in ("validation", "test")}  # fmt: skip

    def measured(chosen: list[int], variant: str) -> tuple[dict, list[dict]]:
        some = {part: [each[k] for k in chosen] for part, each in logits.items()}
        heat = report.temperature(some["validation"], learned, labels["validation"])
        found = {part: report.shares(each, learned, wanted, heat) for part, each in some.items()}
        told = report.measure(lesions, rows["test"], found["test"], wanted, variant,
                              [seeds[k] for k in chosen])  # fmt: skip
        return found, told

    one = f"{report.OURS}, one member"
    variant = report.OURS if is_usual else f"{one}, {constancy.replace('_', ' ')}"
    found, records = measured(list(range(len(members))), variant)
    if is_usual:
        records += measured([0], one)[1]
        both = person.beside(rows, found, count)
        if both:
            records += report.measure(lesions, rows["test"], both[0]["test"], wanted,
                                      report.TOLD, seeds)  # fmt: skip
        chosen = report.thresholds(lesions, rows["validation"], found["validation"], *rates)
        ill, score = report.malignant(lesions, rows["test"], found["test"])
        points = screening_records.at(ill, score, chosen, None)
        records += screening_records.of_points(lesions.name, variant, points, seeds)
        sizes, draws = CURVES[lesions.name]
        curve = report.learning_curve(lesions, fresh, seen, sizes, epochs=epochs,
                                      whole=logits["test"][0], draws=draws, log=print)
        records += screening_records.of_curve(lesions.name, variant, curve, "photographs",
                                              report.CURVES, seeds[:1])  # fmt: skip
    trained = [member.history for member in members]
    return records, sum(sum(each.seconds[: each.resumed_from]) for each in trained)


if __name__ == "__main__":
    sys.exit(over_sets("recipes.skin.reproduce", SETS, reproduce, seed=SEED))
