"""How wrong transcripts are: words and letters, with intervals, and where the errors lie.

Word error rate: substitutions, deletions and insertions of the shortest way from what was said to
what was written, by the number of words that were said (jiwer).
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import jiwer
import numpy as np
import pandas as pd

from common import metrics
from common.metrics import Interval

COLOURS = {"substitute": "#fde2b8", "delete": "#f6c1c1", "insert": "#cfe3f7"}


def of_each(transcripts: Sequence[str], said: Sequence[str]) -> pd.DataFrame:
    """A row an utterance: "transcript", "said", "words", "word errors", "letters", "letter errors",
    "wer" and "cer" of it alone."""
    rows = []
    for truth, found in zip(transcripts, said, strict=True):
        words = jiwer.process_words(truth, found)
        letters = jiwer.process_characters(truth, found)
        rows.append({"transcript": truth, "said": found, "words": len(truth.split()),
                     "word errors": words.substitutions + words.deletions + words.insertions,
                     "letters": len(truth), "wer": words.wer, "cer": letters.cer,
                     "letter errors": letters.substitutions + letters.deletions
                     + letters.insertions})  # fmt: skip
    return pd.DataFrame(rows)


def rate(table: pd.DataFrame, unit: str = "word", speakers: Sequence[str] | None = None,
         seed: int = 0) -> Interval:  # fmt: skip
    """Errors by what was said, with the bootstrap interval over speakers, or utterances if unknown.

    Args:
        table: of `of_each`. unit: "word" or "letter".
    """
    groups = None if speakers is None or len(set(speakers)) < 2 else np.asarray(speakers)
    return metrics.bootstrap(lambda wrong, said: wrong.sum() / said.sum(),
                             table[f"{unit} errors"].to_numpy(), table[f"{unit}s"].to_numpy(),
                             groups=groups, seed=seed)  # fmt: skip


def by(table: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    """"utterances", "words", "wer" and "cer" of each group, the worst first where it has no order.

    Args:
        group: of each row: a speaker, or a bin of lengths or of noise (`pandas.cut`).
    """
    grouped = table.groupby(group.set_axis(table.index), observed=True)
    sums = grouped[["words", "word errors", "letters", "letter errors"]].sum()
    found = pd.DataFrame({
        "utterances": grouped.size(), "words": sums["words"],
        "wer": sums["word errors"] / sums["words"],
        "cer": sums["letter errors"] / sums["letters"],
    })  # fmt: skip
    has_order = isinstance(group.dtype, pd.CategoricalDtype)
    return found if has_order else found.sort_values("wer", ascending=False, kind="stable")


def confusions(table: pd.DataFrame, most: int = 10) -> pd.DataFrame:
    """The commonest errors: "said", "written" (nothing: "·"), "times"."""
    counts: dict[tuple[str, str], int] = {}
    for truth, found in zip(table["transcript"], table["said"], strict=True):
        for kind, before, after in aligned(truth, found):
            if kind == "substitute":
                for pair in zip(before, after, strict=True):
                    counts[pair] = counts.get(pair, 0) + 1
            elif kind != "equal":
                for word in before or after:
                    pair = (word, "·") if before else ("·", word)
                    counts[pair] = counts.get(pair, 0) + 1
    rows = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:most]
    return pd.DataFrame([{"said": a, "written": b, "times": n} for (a, b), n in rows],
                        columns=["said", "written", "times"])  # fmt: skip


def aligned(truth: str, found: str) -> list[tuple[str, list[str], list[str]]]:
    """Chunks of jiwer's alignment: its kind, the words said, the words written."""
    given = jiwer.process_words(truth, found)
    said, written = truth.split(), found.split()
    return [(chunk.type, said[chunk.ref_start_idx : chunk.ref_end_idx],
             written[chunk.hyp_start_idx : chunk.hyp_end_idx])
            for chunk in given.alignments[0]]  # fmt: skip


def coloured(truth: str, found: str) -> str:
    """HTML of both, one above the other: replaced words orange, missing red, added blue."""
    above, below = [], []
    for kind, said, written in aligned(truth, found):
        longest = max(len(said), len(written))
        for place in range(longest):
            one = said[place] if place < len(said) else ""
            other = written[place] if place < len(written) else ""
            above.append(_cell(one, COLOURS.get(kind, "")))
            below.append(_cell(other, COLOURS.get(kind, "")))
    rows = "".join(f"<tr><td style='color:#666'>{name}</td>{''.join(cells)}</tr>"
                   for name, cells in (("said", above), ("written", below)))  # fmt: skip
    return f"<table style='border-spacing:2px'>{rows}</table>"


def _cell(word: str, colour: str) -> str:
    style = f"background:{colour};" if colour else ""
    return f"<td style='{style}padding:1px 5px;text-align:left'>{html.escape(word) or '·'}</td>"
