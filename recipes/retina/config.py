"""The notebook's parameters, with their ranges."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from common import parameters
from recipes.retina.own_layouts import GUESSES


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
        parameters.columns(line, GUESSES)
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
        return {"columns": parameters.columns(self.COLUMNS, GUESSES) or None, "also": also,
                "readers": self.READERS, "strict": self.STRICT, "limit": self.LIMIT,
                "seed": self.SEED}  # fmt: skip
