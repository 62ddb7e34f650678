"""Every number of the result tables: `python -m recipes.speech.reproduce`.

Trainings are kept in the output folder, so a stopped run goes on after its last whole epoch;
results/speech.json is written after each set, of "fsdd" after each speaker.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from common.reproduce import ROOT, over_sets

SEED = 0
OURS, ALONE = "", "alone"
# Networks of about 2.4 million weights, with epochs that take none of them above half an hour on
# two cores; `fast` comes first and has no prefix in the tables.
AN4 = dict(steps="speed 0.85 1.15, bands 0 16, times 0 0.3")  # its recordings are equally loud
NETWORKS = {
    OURS: dict(epochs=80, **AN4),
    "deepspeech": dict(kind="deepspeech", width=512, recurrent="simple", both=True, epochs=80,
                       **AN4),
    "deepspeech2": dict(kind="deepspeech2", width=280, blocks=3, recurrent="gru", epochs=80, **AN4),
    "lstm": dict(kind="lstm", width=436, blocks=2, epochs=24, **AN4),
}  # fmt: skip
SETS = {
    "an4": NETWORKS,
    # Four voices to learn from, one of another loudness and microphone to be tested with.
    "fsdd": {
        OURS: dict(epochs=28, seconds=60, rate=1e-3, steps="speed 0.8 1.25, tilt -6 6, "
                   "volume -25 3, noise 15 40 0.3, narrow, bands 0 12, times 0 0.2"),
        ALONE: dict(epochs=32, seconds=60, steps="speed 0.75 1.3, tilt -6 6, volume -25 3, "
                    "noise 15 40 0.5, bands 0 16, times 0 0.3"),
    },
    "sample": {OURS: dict(epochs=14, width=160, blocks=4, seconds=15, steps="speed 0.85 1.15")},
}
# Each of them once; two of them also with no other people's voices to learn from.
LEFT_OUT = {"fsdd": {OURS: ("theo", "george", "jackson", "lucas", "nicolas"),
                     ALONE: ("theo", "lucas")}}  # fmt: skip
LENDERS = {"fsdd": "an4"}  # also learned from, and what was learned from it is the beginning
STRANGERS = {"an4": "ljspeech_24"}


def reproduce(name: str, folder: Path) -> None:
    """Measure one set with every network, and put the numbers into results/."""
    from recipes.speech import data

    for network, settings in SETS[name].items():
        speakers, lender = LEFT_OUT.get(name, {}).get(network, ("",)), LENDERS.get(name)
        lender = None if network == ALONE else lender
        source, begun, tables = data.AND.join(filter(None, (name, lender))), time.time(), []
        for speaker in speakers:
            started, prefix = time.time(), "".join(f"{each}, " for each in (network, speaker)
                                                   if each)  # fmt: skip
            corpus = data.load(source, speaker=speaker or data.LEFT_OUT, seed=SEED)
            found, records, transcriber = study(
                corpus, settings, folder / (network or "fast") / speaker, prefix,
                taught_on(lender, folder.parent) if lender else None,
            )  # fmt: skip
            tables.append(found)
            print(f"{source}, {prefix}: {records[0]}", flush=True)
            record(corpus, records, prefix, {"DATA": source, **settings}, folder, started)
            if not prefix and name in STRANGERS:
                try_on_strangers(transcriber, STRANGERS[name], folder)
        if len(speakers) > 1 and network == OURS:
            record(corpus, together(corpus, tables), OURS, {"DATA": source, **settings}, folder,
                   begun)  # fmt: skip


def together(corpus, tables: list[dict]) -> list[dict]:
    """Records of what was written for several speakers, each left out in his turn."""
    import pandas as pd

    from recipes.speech import report

    joined = {variant: pd.concat([each[variant] for each in tables], ignore_index=True)
              for variant in tables[0]}  # fmt: skip
    return report.measure(corpus, joined, [SEED])


def taught_on(name: str, folder: Path):
    """The transcriber of a set that was measured before."""
    from common.validation import DataError
    from recipes.speech.transcriber import Transcriber

    try:
        return Transcriber.load(folder / name / "fast" / "transcriber")
    except FileNotFoundError:
        raise DataError(f"{folder} holds nothing that was learned from {name} yet; measure it "
                        f"first: --data {name}.") from None  # fmt: skip


def study(corpus, settings: dict, folder: Path, prefix: str, start=None) -> tuple:
    """What one network writes, its records (errors, minutes, the curve), and the transcriber."""
    from recipes.speech import language, report, train

    taught = train.teach(corpus, train.Settings(seed=SEED, **settings), folder, every=2,
                         start=start)  # fmt: skip
    transcriber, _ = language.joined(taught.model, corpus, language.of_corpus(corpus))
    found = report.written(corpus, transcriber, report.heard(corpus, transcriber))
    records = report.measure(corpus, found, [SEED], prefix)
    records += report.training(corpus, taught, [SEED], prefix)
    if corpus.name not in LEFT_OUT:
        records += report.learning_curve(corpus, taught, prefix.rstrip(", ") or "fast", [SEED])
    transcriber.save(folder / "transcriber")
    return found, records, transcriber


def try_on_strangers(transcriber, source: str, folder: Path) -> None:
    """Records of what it was not taught for, and all that it writes."""
    from recipes.speech import report

    started, strangers = time.time(), report.Strangers.heard_by(transcriber, source)
    print(strangers.verdict)
    for row in strangers.table.itertuples():
        print(f"  said:    {row.transcript}\n  written: {row.said}")
    record(strangers.corpus, strangers.measure([SEED]), "", {"DATA": source}, folder / source,
           started)  # fmt: skip


def record(corpus, records: list[dict], prefix: str, parameters: dict, folder: Path,
           started: float) -> None:  # fmt: skip
    """Put records of one corpus into results/."""
    from common import results
    from recipes.speech import report

    run = results.record(
        folder, "speech", results.describe(corpus),
        {"metric": "word error rate", "variant": prefix + report.MODEL}, records,
        {**parameters, "SEED": SEED}, started,
    )  # fmt: skip
    results.merge(ROOT / "results" / "speech.json", [run], "reproduce")
    print(results.table(records, [], corpus.name, corpus.synthetic).to_string(), flush=True)


if __name__ == "__main__":
    sys.exit(over_sets("recipes.speech.reproduce", SETS, reproduce, seed=SEED))
