"""What a recogniser reaches, as records and as tables: greedy, with the model, by speaker, by time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from common import records
from recipes.speech import data, errors, prepare
from recipes.speech.audio import RATE
from recipes.speech.data import Corpus
from recipes.speech.decode import WORDS, best_path
from recipes.speech.train import Taught
from recipes.speech.transcriber import Transcriber

RESULTS = Path(__file__).resolve().parents[2] / "results" / "speech.json"
MARKS = (1, 2, 5, 10, 20, 30)  # minutes at which a curve is recorded
_AFTER = re.compile(r"(?P<network>.+) after (?P<minutes>[0-9.]+) min")
GREEDY, MODEL = "greedy", "with language model"
TOGETHER = 256  # recordings that are in memory at once
NOISE = [-np.inf, 10, 15, 20, np.inf]  # decibels of speech above noise, bins of the table


def heard(corpus: Corpus, transcriber: Transcriber, part: str = "test") -> list[np.ndarray]:
    """Logits of each recording of a part, from its sound; few of them are in memory at once."""
    rows, found = list(corpus.part(part).itertuples()), []
    for begin in range(0, len(rows), TOGETHER):
        samples = [prepare.samples_of(row, RATE) for row in rows[begin : begin + TOGETHER]]
        found += transcriber.logits(samples)
    return found


def written(corpus: Corpus, transcriber: Transcriber, logits: Sequence[np.ndarray],
            part: str = "test") -> dict[str, pd.DataFrame]:  # fmt: skip
    """Tables of `errors.of_each`, greedy and with the language model, "path" and "speaker" beside.
    """
    rows = corpus.part(part)
    said = {GREEDY: [best_path(each, transcriber.alphabet) for each in logits]}
    if transcriber.language:
        said[MODEL] = [transcriber.read(each)[0].text for each in logits]
    beside = rows[["path", "begin", "end", "sha256", "speaker", "seconds", "snr"]]
    return {name: pd.concat([errors.of_each(rows["transcript"], texts), beside], axis=1)
            for name, texts in said.items()}  # fmt: skip


def measure(corpus: Corpus, found: dict[str, pd.DataFrame], seeds: list[int], prefix: str = ""
            ) -> list[dict]:  # fmt: skip
    """Records of word and letter error rates of each way of reading, of the network `prefix`."""
    made = []
    for variant, table in found.items():
        speakers = table["speaker"].tolist() if (table["speaker"] != "").all() else None
        for metric, unit in (("word error rate", "word"), ("letter error rate", "letter")):
            made.append(records.record(corpus.name, prefix + variant, metric,
                                       errors.rate(table, unit, speakers), seeds))  # fmt: skip
    return made


def training(corpus: Corpus, taught: Taught, seeds: list[int], prefix: str = "") -> list[dict]:
    """A record of the minutes that training took."""
    return [{"data": corpus.name, "variant": prefix + GREEDY, "metric": "minutes of training",
             "value": sum(taught.history.seconds) / 60, "n": taught.history.epochs,
             "seeds": seeds}]  # fmt: skip


def skipped(corpus: Corpus, taught: Taught) -> str:
    """Which utterances were too fast for their letters, when changed, and how often; in words."""
    rows = corpus.part("train")
    named = [f"{Path(rows['path'].iloc[place]).name} ({count} of {taught.history.epochs} epochs)"
             for place, count in sorted(taught.skipped.items(), key=lambda each: -each[1])]
    if not named:
        return "No utterance had more letters than frames."
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    return f"Skipped, for they had more letters than frames: {', '.join(named[:5])}{more}."


def learning_curve(corpus: Corpus, taught: Taught, network: str, seeds: list[int]) -> list[dict]:
    """Records of the validation part's word errors after at most so many minutes."""
    made, words = [], int(corpus.part("validation")["transcript"].str.split().str.len().sum())
    last = taught.curve[-1]["minutes"]
    for mark in MARKS:
        before = [point for point in taught.curve if point["minutes"] <= mark]
        if before and mark <= last + 1:
            made.append({"data": corpus.name, "variant": f"{network} after {mark} min",
                         "metric": "validation word error rate", "value": before[-1]["wer"],
                         "n": words, "seeds": seeds})  # fmt: skip
    return made


def recorded_curves(name: str, path: Path = RESULTS) -> dict[str, list[dict]]:
    """Curves of a data set that `learning_curve` has put into results/, by network."""
    found: dict[str, list[dict]] = {}
    for row in json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []:
        told = _AFTER.fullmatch(row["variant"])
        if told and row["data"] == name:
            points = found.setdefault(f"{told['network']}, recorded", [])
            points.append({"minutes": float(told["minutes"]), "wer": row["value"]})
    return {network: sorted(points, key=lambda each: each["minutes"])
            for network, points in found.items()}  # fmt: skip


@dataclass(frozen=True)
class Strangers:
    """Recordings of another kind than those learned from, and what was written for them.

    Attributes:
        corpus: None where there are none. written: see `written`.
        known: share of the words said that the language model has counted; None: it counts none.
    """

    corpus: Corpus | None = field(default=None, repr=False)
    written: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)
    known: float | None = None

    @classmethod
    def heard_by(cls, transcriber: Transcriber, source: str | Path | None,
                 columns: dict[str, str] | None = None,
                 log: Callable[[str], None] | None = print) -> Strangers:  # fmt: skip
        """Transcribe what `data.strangers` reads; nothing for None."""
        if not source:
            return cls()
        corpus = data.strangers(source, columns=columns, log=log)
        found = written(corpus, transcriber, heard(corpus, transcriber))
        said = [word for text in corpus.rows["transcript"] for word in text.split()]
        if transcriber.language is None or transcriber.unit != WORDS:
            return cls(corpus, found)
        words = transcriber.language.vocabulary
        return cls(corpus, found, sum(word in words for word in said) / len(said))

    def measure(self, seeds: list[int]) -> list[dict]:
        """Records as of the test part, under the recordings' own name."""
        return measure(self.corpus, self.written, seeds) if self.corpus else []

    @property
    def table(self) -> pd.DataFrame:
        """What was written, with the language model where there is one."""
        return list(self.written.values())[-1] if self.written else pd.DataFrame()

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.corpus:
            return "STRANGERS names none."
        rates = [f"{table['word errors'].sum() / table['words'].sum():.0%} {name}"
                 for name, table in self.written.items()]  # fmt: skip
        told = "" if self.known is None else (f" {self.known:.0%} of the words said are words of "
                                              "the language model.")  # fmt: skip
        dropped = self.corpus.report.dropped
        left = f" {dropped:,} more could not be used." if dropped else ""
        return (f"Word errors on {len(self.corpus)} recordings of {self.corpus.name}, of which it "
                f"learned nothing: {', '.join(rates)}.{told}{left}")  # fmt: skip


def published() -> list[dict]:
    """Figures of others, as recipe.yaml has them."""
    content = (Path(__file__).parent / "recipe.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(content)["published"]


def by_kind(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Errors by speaker, by words said, and by noise where it is told."""
    lengths = pd.cut(table["words"], [0, 1, 3, 6, np.inf], labels=["1", "2-3", "4-6", "7 and more"])
    found = {"speaker": errors.by(table, table["speaker"]), "words said": errors.by(table, lengths)}
    if (table["snr"] != "").any():
        told = pd.to_numeric(table["snr"], errors="coerce").fillna(np.inf)
        names = ["below 10", "10 to 15", "15 to 20", "above 20, or none"]
        found["decibels above noise"] = errors.by(table, pd.cut(told, NOISE, labels=names))
    return found


def best_and_worst(table: pd.DataFrame, count: int = 3) -> pd.DataFrame:
    """The longest of the utterances without an error, and those with the most."""
    right = table[table["word errors"] == 0].sort_values("words", ascending=False).head(count)
    wrong = table[table["word errors"] > 0].sort_values(["word errors", "wer"], ascending=False)
    return pd.concat([right, wrong.head(count)])


def verdict(corpus: Corpus, found: dict[str, pd.DataFrame]) -> str:
    """What a run found, in words."""
    told = []
    for name, table in found.items():
        rate = table["word errors"].sum() / table["words"].sum()
        told.append(f"{rate:.1%} {name}")
    table = next(iter(found.values()))
    spoken = "synthetic " if corpus.synthetic else ""
    tested, learned = ({*corpus.part(part)["speaker"]} for part in ("test", "train"))
    new = "" if "" in tested | learned or tested & learned else " of voices that it never heard"
    return (f"Word errors on {len(table):,} {spoken}recordings{new} "
            f"({table['words'].sum():,} words): {', '.join(told)}.")
