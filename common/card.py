"""What a data set holds, for a notebook to show."""

from __future__ import annotations

import html
from dataclasses import dataclass

import pandas as pd

MOST_SHOWN = 40  # classes


@dataclass(frozen=True)
class DataCard:
    """Counts and facts of a data set; shows as Markdown in a notebook.

    Attributes:
        title: the set's name.
        counts: rows of each class (index) in each part (columns), or other figures of each part.
        facts: everything else, as text.
        total: add a line with the sum of the counts.
    """

    title: str
    counts: pd.DataFrame
    facts: dict[str, str]
    total: bool = True

    def _repr_markdown_(self) -> str:
        parts = [str(part) for part in self.counts.columns]
        name = self.counts.index.name or ""
        lines = [f"**{self.title}**", "", f"| {name} | {' | '.join(parts)} |"]
        lines.append("|---" * (len(parts) + 1) + "|")
        for label, row in self.counts.head(MOST_SHOWN).iterrows():
            lines.append(f"| {_one_line(str(label))} | {_cells(row)} |")
        if len(self.counts) > MOST_SHOWN:
            lines.append(f"| and {len(self.counts) - MOST_SHOWN} more |")
        if self.total:
            lines.append(f"| **all** | {_cells(self.counts.sum())} |")
        lines += ["", *(f"- {fact}: {_one_line(value)}" for fact, value in self.facts.items())]
        return "\n".join(lines)

    __str__ = _repr_markdown_


def _cells(values) -> str:
    return " | ".join(f"{n:,}" if isinstance(n, int) else f"{n:,.6g}" for n in values.tolist())


def _one_line(text: str) -> str:
    """Text as a table cell: a class name may hold markup."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")
