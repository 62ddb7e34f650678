"""What a data check found: counted, the first offenders named by file and row, and saved."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel

from common import files

KEPT_FINDINGS = 1000  # of each kind; a file of a million bad rows must not fill the memory


class DataError(ValueError):
    """Data that cannot be used; the message names file and row and says the mend."""


class Finding(BaseModel):
    """One thing found in the data; rows are counted as the reader of the file counts them."""

    kind: str
    message: str
    file: str | None = None
    row: int | None = None
    action: Literal["dropped", "kept"] = "dropped"

    def __str__(self) -> str:
        name = Path(self.file).name if self.file else ""
        place = ", ".join(part for part in (name, f"row {self.row}" if self.row else "") if part)
        return f"{place}: {self.message}" if place else self.message


class Report:
    """Collects the findings about one source.

    Counts are exact; of each kind the first 1000 findings are held in full.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.counts: Counter[str] = Counter()
        self.dropped = 0
        self._findings: dict[str, list[Finding]] = {}

    def add(
        self,
        kind: str,
        message: str,
        file: str | Path | None = None,
        row: int | None = None,
        action: Literal["dropped", "kept"] = "dropped",
    ) -> None:
        """Note a finding of a kind ("empty text"), and whether its row was dropped or kept.

        Raises:
            ValueError: `action` is neither "dropped" nor "kept".
        """
        held = self._findings.setdefault(kind, [])
        finding = Finding(kind=kind, message=message, row=row, action=action,
                          file=None if file is None else os.fspath(file))
        self.counts[kind] += 1
        self.dropped += action == "dropped"
        if len(held) < KEPT_FINDINGS:
            held.append(finding)

    def take(self, other: Report) -> None:
        """Note all that another report has found."""
        self.counts.update(other.counts)
        self.dropped += other.dropped
        for kind, found in other._findings.items():
            held = self._findings.setdefault(kind, [])
            held += found[: KEPT_FINDINGS - len(held)]

    def __bool__(self) -> bool:
        """Whether anything was found."""
        return bool(self.counts)

    def first(self, kind: str, n: int = 5) -> list[Finding]:
        """The first n findings of a kind, in the order they were found."""
        return self._findings.get(kind, [])[:n]

    def summary(self, n: int = 3) -> str:
        """Counts by kind, the most frequent first, each with its first n offenders."""
        if not self:
            return f"{self.source}: nothing to report."
        kept = sum(self.counts.values()) - self.dropped
        lines = [f"{self.source}: {self.dropped:,} dropped, {kept:,} kept with a remark."]
        for kind, count in self.counts.most_common():
            lines.append(f"  {kind}: {count:,}")
            lines += [f"    {finding} ({finding.action})" for finding in self.first(kind, n)]
            if count > n:
                lines.append(f"    and {count - n:,} more")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()

    def to_frame(self) -> pd.DataFrame:
        """The findings held in full: kind, file, row (whole or missing), message, action."""
        rows = [finding.model_dump() for held in self._findings.values() for finding in held]
        frame = pd.DataFrame(rows, columns=["kind", "file", "row", "message", "action"])
        return frame.astype({"row": "Int64"})

    def save(self, path: str | Path) -> None:
        """Write counts and findings as JSON, aside and then renamed."""
        content = {
            "source": self.source,
            "dropped": self.dropped,
            "counts": dict(self.counts.most_common()),
            "findings": [f.model_dump() for held in self._findings.values() for f in held],
        }
        files.write_text(path, json.dumps(content, indent=1, ensure_ascii=False))

    def raise_if_strict(self, strict: bool) -> None:
        """Refuse the source when strict and anything was found.

        Raises:
            DataError: the summary, with how to go on regardless.
        """
        if strict and self:
            raise DataError(f"{self.summary()}\nMend these rows, or set strict to False to go on "
                            "without the dropped ones.")


def saved_state(folder: str | Path, what: str, version: int) -> dict:
    """The state in `folder/<what>.json`, of a product that a run has saved.

    Args:
        folder: where it lies.
        what: "classifier" or another word for the product; the run calls its folder so.
        version: what the state must have as its "format".

    Raises:
        FileNotFoundError: nothing of the kind lies there.
        DataError: it was saved by another version of the recipe.
    """
    path = Path(folder) / f"{what}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds no {what} (no {path.name}). Give the folder '{what}' of a finished "
            "run's OUTPUT_DIR."
        )
    state = json.loads(path.read_text(encoding="utf-8"))
    if state.get("format") != version:
        raise DataError(
            f"{folder} was saved by another version of this recipe (format {state.get('format')}, "
            f"not {version}). Train it again."
        )
    return state
