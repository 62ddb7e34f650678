"""The notebook's parameters, with their ranges."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal

from pydantic import Field, field_validator, model_validator

from common import parameters
from recipes._retina.own_layouts import GUESSES


class Retina(parameters.Parameters):
    """Every upper-case parameter of retina.ipynb."""

    COLUMNS: str
    SUBGROUPS: str
    READERS: str | None
    STRICT: bool
    BACKBONE: str = Field(min_length=1)
    SIZE: int = Field(ge=64, le=2048)
    LEVELING: Literal["none", "graham", "clahe"]
    KIND: Literal["questions", "coral", "cumulative", "softmax"]
    SENSITIVITY: float = Field(gt=0.5, le=1)
    SPECIFICITY: float = Field(gt=0.5, le=1)
    PREVALENCE: float = Field(gt=0, lt=1)

    @field_validator("COLUMNS")
    @classmethod
    def _readable(cls, line: str) -> str:
        columns(line)
        return line

    @model_validator(mode="after")
    def _tunable(self) -> Retina:
        if self.EPOCHS and self.KIND not in ("questions", "softmax"):
            raise ValueError(f"EPOCHS={self.EPOCHS} teaches the backbone further, which goes with "
                             f'KIND="questions" or "softmax" and not with {self.KIND!r}')
        return self

    @property
    def door(self) -> dict:
        """What `data.load` takes beside DATA."""
        also = tuple(name.strip() for name in self.SUBGROUPS.split(",") if name.strip())
        return {"columns": columns(self.COLUMNS) or None, "also": also,
                "readers": self.READERS, "strict": self.STRICT, "limit": self.LIMIT,
                "seed": self.SEED}  # fmt: skip


def columns(line: str) -> dict[str, str]:
    """Columns of a table from a line such as "path: file, grade: diagnosis".

    Raises:
        ValueError: a word that is none of `own_layouts.GUESSES`, with the nearest right one.
    """
    found = {}
    for part in filter(None, map(str.strip, line.split(","))):
        word, colon, name = (piece.strip() for piece in part.partition(":"))
        if not colon or not name or word not in GUESSES:
            near = get_close_matches(word, GUESSES, n=1)
            hint = f" Did you mean {near[0]}?" if near and near[0] != word else ""
            raise ValueError(f'{part!r} is not understood.{hint} Write "path: file, grade: kind"')
        found[word] = name
    return found
