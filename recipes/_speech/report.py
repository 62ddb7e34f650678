"""What a recogniser reaches, as records and as tables: greedy, with the model, by speaker, by time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from common import records
from recipes._speech import errors, prepare
from recipes._speech.audio import RATE
from recipes._speech.data import Corpus
from recipes._speech.decode import best_path
from recipes._speech.transcriber import Transcriber

GREEDY, MODEL = "greedy", "with language model"
NOISE = [-np.inf, 10, 15, 20, np.inf]  # decibels of speech above noise, bins of the table


def heard(corpus: Corpus, transcriber: Transcriber, part: str = "test") -> list[np.ndarray]:
    """Logits of each recording of a part, from its sound."""
    samples = [prepare.samples_of(row, RATE) for row in corpus.part(part).itertuples()]
    return transcriber.logits(samples)


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


def measure(corpus: Corpus, found: dict[str, pd.DataFrame], seeds: list[int]) -> list[dict]:
    """Records of word and letter error rates of each way of reading."""
    made = []
    for variant, table in found.items():
        speakers = table["speaker"].tolist() if (table["speaker"] != "").all() else None
        for metric, unit in (("word error rate", "word"), ("letter error rate", "letter")):
            made.append(records.record(corpus.name, variant, metric,
                                       errors.rate(table, unit, speakers), seeds))  # fmt: skip
    return made


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
