"""Every number of the result tables: `python -m recipes.text_cnn.reproduce`.

One process for each data set and variant, as many at a time as there are cores (each has taken up
to 5 GB of memory, see `--jobs`), with one thread each, which is quicker than two threads for one.
Finished folds are kept in build/reproduce, so a broken-off reproduction goes on where it stopped;
results/text_cnn.json is written after each variant.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from recipes.text_cnn.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SETS = ("mr", "subj", "cr", "trec", "sst2", "sst1")
OURS, PAPER = "ours", ("rand", "static", "non-static", "multichannel")
VECTORS = "word2vec_8k"
# Ours with one thing changed.
ABLATIONS = {
    "network alone": {"linear": "none"},
    "linear the other way": {},  # beside where ours reads it, and the reverse
    "without pieces": {"network": {"piece_dimension": 0}},
    "with word2vec_8k": {"vectors": VECTORS},
    "three averaged": {"members": 3},
    "distilled from three": {"members": 3, "distil": True},
}
SEED, FOLDS = 0, 10
# How ours meets the linear model, and how it learns: chosen on development rows (`choose.py`).
# Networks that know as much as the linear model and err differently (Subj, TREC) do better beside
# it; SST's phrases feed a larger network with less decay.
PHRASES = {
    "linear": "read", "epochs": 3, "batch_size": 128, "weight_decay": 0.2,
    "network": {"dimension": 64, "piece_dimension": 128},
}  # fmt: skip
CHOSEN = {
    "mr": {"linear": "read", "epochs": 4},
    "subj": {"linear": "beside", "epochs": 6},
    "cr": {"linear": "read", "epochs": 4},
    "trec": {
        "linear": "beside", "openings": True, "epochs": 8, "weight_decay": 0.3,
        "network": {"dimension": 128, "piece_dimension": 128},
    },
    "sst2": PHRASES,
    "sst1": PHRASES,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 where a variant failed."""
    variants = (OURS, *PAPER, *ABLATIONS)
    parser = argparse.ArgumentParser(prog="python -m recipes.text_cnn.reproduce")
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--variants", nargs="+", choices=variants, default=variants)
    parser.add_argument("--jobs", type=int, default=max(1, os.cpu_count() or 1))
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "reproduce")
    parser.add_argument("--one", nargs=2, metavar=("DATA", "VARIANT"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        reproduce(*options.one, options.output)
        return 0
    jobs = [(data, variant) for variant in options.variants for data in options.data]
    with ThreadPoolExecutor(options.jobs) as pool:
        codes = list(pool.map(lambda job: _process(*job, options.output), jobs))
    failed = [" ".join(job) for job, code in zip(jobs, codes, strict=True) if code]
    if failed:
        print(f"failed: {', '.join(failed)}; see the logs in {options.output}", file=sys.stderr)
    return 1 if failed else 0


def _process(data: str, variant: str, output: Path) -> int:
    folder = folder_of(output, data, variant)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.time()
    print(f"{data} {variant}: started, log in {folder / 'log.txt'}", flush=True)
    command = [sys.executable, "-m", "recipes.text_cnn.reproduce", "--one", data, variant]
    with open(folder / "log.txt", "a", encoding="utf-8") as log:
        code = subprocess.call(
            [*command, "-o", str(output)], stdout=log, stderr=subprocess.STDOUT, cwd=ROOT
        )
    state = "done" if code == 0 else f"failed with exit code {code}"
    print(f"{data} {variant}: {state} after {(time.time() - started) / 60:.1f} min", flush=True)
    return code


def folder_of(output: Path, data: str, variant: str) -> Path:
    """Where the folds of one variant on one set are kept."""
    return output / f"{data}-{variant.replace(' ', '-')}"


def parted(how: dict) -> tuple[Settings, dict]:
    """The settings of the network, and what else `train_classifier` is told."""
    own = {key: value for key, value in how.items() if key in Settings.model_fields}
    return Settings(**own), {key: value for key, value in how.items() if key not in own}


def reproduce(name: str, variant: str, output: Path) -> None:
    """Measure one variant on one set and put its numbers into results/text_cnn.json."""
    from common import device, results
    from recipes.text_cnn import data, report
    from recipes.text_cnn.evaluate import evaluate_fold

    started = time.time()
    device.setup(memory="grow", precision="float32", threads=1, seed=SEED)
    corpus = data.load(name)
    if variant in PAPER:
        settings = Settings.as_published(variant)
        how = {"linear": "none", "vectors": None if variant == "rand" else VECTORS}
    else:
        how = dict(CHOSEN[name])
        change = dict(ABLATIONS.get(variant, {}))
        if variant == "linear the other way":
            change["linear"] = {"read": "beside", "beside": "read"}[how["linear"]]
        change["network"] = how.get("network", {}) | change.get("network", {})
        how |= change
        settings, how = parted(how)
    # Ours keeps to fixed settings and learns from every training row; the paper stops early on a
    # tenth of them where the set has no development part of its own.
    part = 0.1 if variant in PAPER else 0.0
    folder = folder_of(output, name, variant)
    found = []
    for fold in data.folds(corpus, folds=FOLDS, seed=SEED, validation_fraction=part):
        result, _ = evaluate_fold(
            settings, corpus, fold, folder, seed=SEED + 100 * fold.number, arm=variant, keep=False,
            linear_dir=folder_of(output, name, "linear"), **how,
        )  # fmt: skip
        found.append(result)
        print(f"fold {fold.number}: {result.accuracy(variant, corpus.labels):.4f}", flush=True)
    trained = how.get("members", 1) + how.get("distil", False)
    seeds = [SEED + 100 * r.number + k for r in found for k in range(trained)]
    records = [*report.measure(corpus, found, seeds), *report.gain(corpus, found)]
    if variant != OURS:  # the other arms' numbers stand with ours; here they served the paired test
        records = [record for record in records if record["variant"] == variant]
    parameters = {
        "DATA": name, "VARIANT": variant, "FOLDS": len(found), "SEED": SEED,
        **{key.upper(): value for key, value in how.items()}, **settings.model_dump(),
    }  # fmt: skip
    run = results.record(
        folder, "text_cnn", results.describe(corpus), report.headline(found), records, parameters,
        started,
    )  # fmt: skip
    # Folds may come from earlier processes: their time counts, and their commit is the one.
    run["seconds"] = round(sum(result.seconds for result in found), 1)
    run["commit"] = " ".join(sorted({result.commit for result in found}))
    results.merge(ROOT / "results" / "text_cnn.json", [run], "reproduce")


if __name__ == "__main__":
    sys.exit(main())
