"""Every number of the result tables: `python -m recipes.speech.reproduce`.

Trainings are kept in the output folder, so a stopped run goes on after its last whole epoch;
results/speech.json is written after each set.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from common.reproduce import ROOT, over_sets

SEED = 0
OURS = ""
# Networks of about 2.4 million weights, with epochs that take none of them above half an hour on
# two cores; `fast` comes first and has no prefix in the tables.
NETWORKS = {
    OURS: dict(epochs=80),
    "deepspeech": dict(kind="deepspeech", width=512, recurrent="simple", both=True, epochs=80),
    "deepspeech2": dict(kind="deepspeech2", width=280, blocks=3, recurrent="gru", epochs=80),
    "lstm": dict(kind="lstm", width=436, blocks=2, epochs=24),
}
SETS = {
    "an4": NETWORKS,
    "fsdd": {OURS: dict(epochs=20)},
    "sample": {OURS: dict(epochs=14, width=160, blocks=4, seconds=15, steps="speed 0.85 1.15")},
}
LEFT_OUT = {"fsdd": ("theo", "george", "jackson", "lucas", "nicolas")}  # the first: in `data`
STRANGERS = {"an4": "ljspeech_24"}


def reproduce(name: str, folder: Path) -> None:
    """Measure one set with every network, and put the numbers into results/."""
    from common import results
    from recipes.speech import data, report

    started, records = time.time(), []
    speakers = LEFT_OUT.get(name, (data.LEFT_OUT,))
    corpora = {speaker: data.load(name, speaker=speaker, seed=SEED) for speaker in speakers}
    first = corpora[speakers[0]]
    for speaker, corpus in corpora.items():
        for network, settings in SETS[name].items():
            prefix = f"{network}, " if network else ""
            if speaker != speakers[0]:
                prefix += f"{speaker} left out, "
            found = study(corpus, settings, folder / (network or "fast") / speaker, prefix)
            records += found
            print(f"{name}, {prefix}: {found[0]}", flush=True)
    run = results.record(
        folder, "speech", results.describe(first),
        {"metric": "word error rate", "variant": report.MODEL}, records,
        {"DATA": name, "SEED": SEED, **SETS[name][OURS]}, started,
    )  # fmt: skip
    results.merge(ROOT / "results" / "speech.json", [run], "reproduce")
    print(results.table(records, [], name, first.synthetic).to_string(), flush=True)


def study(corpus, settings: dict, folder: Path, prefix: str) -> list[dict]:
    """Records of one network: errors, minutes, the curve; of ours on AN4 also strangers'."""
    from recipes.speech import language, report, train

    taught = train.teach(corpus, train.Settings(seed=SEED, **settings), folder, every=2)
    model = language.of_corpus(corpus)
    transcriber, _ = language.joined(taught.model, corpus, model)
    found = report.written(corpus, transcriber, report.heard(corpus, transcriber))
    records = report.measure(corpus, found, [SEED], prefix)
    records += report.training(corpus, taught, [SEED], prefix)
    if "left out" not in prefix:
        records += report.learning_curve(corpus, taught, prefix.rstrip(", ") or "fast", [SEED])
    if not prefix:
        transcriber.save(folder / "transcriber")
        strangers = report.Strangers.heard_by(transcriber, STRANGERS.get(corpus.name))
        print(strangers.verdict)
        for row in strangers.table.itertuples():
            print(f"  said:    {row.transcript}\n  written: {row.said}")
        records += strangers.measure([SEED])
    return records


if __name__ == "__main__":
    sys.exit(over_sets("recipes.speech.reproduce", SETS, reproduce, seed=SEED))
