"""The parameters of the notebooks retrain and classify, with their ranges."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal

from pydantic import Field, field_validator

from common import parameters

Method = Literal["neighbour", "mahalanobis", "cosine", "energy", "probability"]
COLUMNS = ("path", "label", "split")


class _Shared(parameters.Parameters):
    BACKBONE: str = Field(min_length=1)
    SIZE: int | None = Field(ge=32, le=1024)
    KEPT: float = Field(gt=0, lt=1)
    UNKNOWN: str | None
    COMPARE: str
    COLUMNS: str
    STRICT: bool

    @field_validator("COLUMNS")
    @classmethod
    def _readable(cls, line: str) -> str:
        columns(line)
        return line

    @property
    def others(self) -> list[str]:
        """Names of further backbones."""
        return [name.strip() for name in self.COMPARE.split(",") if name.strip()]

    @property
    def door(self) -> dict:
        """What `data.load` takes beside DATA."""
        named = {f"{kind}_column": name for kind, name in columns(self.COLUMNS).items()}
        return {**named, "strict": self.STRICT, "limit": self.LIMIT, "seed": self.SEED}


class Retrain(_Shared):
    """Every upper-case parameter of retrain.ipynb."""

    TUNED_SHARE: float = Field(gt=0, le=1)
    BALANCED: bool
    METHOD: Method


class Classify(_Shared):
    """Every upper-case parameter of classify.ipynb."""

    LABELLER: str | None
    SHOWN: int = Field(ge=1, le=100)


def columns(line: str) -> dict[str, str]:
    """Columns of a table from a line such as "path: file, label: kind".

    Raises:
        ValueError: a name that is none of path, label and split, with the nearest right one.
    """
    found = {}
    for part in filter(None, map(str.strip, line.split(","))):
        kind, colon, name = (piece.strip() for piece in part.partition(":"))
        if not colon or not name or kind not in COLUMNS:
            near = get_close_matches(kind, COLUMNS, n=1)
            hint = f" Did you mean {near[0]}?" if near and near[0] != kind else ""
            raise ValueError(f'{part!r} is not understood.{hint} Write "path: file, label: kind"')
        found[kind] = name
    return found
