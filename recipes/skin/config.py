"""The notebook's parameters, with their ranges."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from common import parameters
from recipes.skin.layouts import GUESSES


class Skin(parameters.Parameters):
    """Every upper-case parameter of skin.ipynb."""

    EPOCHS: int = Field(ge=1)
    BATCH_SIZE: int | None = Field(ge=2)  # one photograph alone has no spread
    COLUMNS: str
    MALIGNANT: str
    READERS: str | None
    STRICT: bool
    # Those of `cut.CUTS`: of others nobody has said where they may be cut.
    BACKBONE: Literal["auto", "mobilenet_v2", "inception_v3", "inception_v3_to_mixed8", "small"]
    SIZE: int = Field(ge=75, le=1024)  # Inception-v3 takes no less
    CONSTANCY: Literal["none", "grey_world", "shades_of_grey"]
    MEMBERS: int = Field(ge=1, le=20)
    SENSITIVITY: float = Field(gt=0.5, le=1)
    SPECIFICITY: float = Field(gt=0.5, le=1)
    PREVALENCE: float = Field(gt=0, lt=1)

    @field_validator("COLUMNS")
    @classmethod
    def _readable(cls, line: str) -> str:
        parameters.columns(line, GUESSES)
        return line

    @property
    def door(self) -> dict:
        """What `data.load` takes beside DATA."""
        bad = tuple(name.strip().lower() for name in self.MALIGNANT.split(",") if name.strip())
        return {"columns": parameters.columns(self.COLUMNS, GUESSES) or None,
                **({"malignant": bad} if bad else {}), "readers": self.READERS,
                "strict": self.STRICT, "limit": self.LIMIT, "seed": self.SEED}  # fmt: skip
