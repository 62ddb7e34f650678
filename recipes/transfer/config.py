"""The parameters of the three notebooks, with their ranges."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from common import parameters
from recipes.transfer import ablation, alexnet

Method = Literal["neighbour", "mahalanobis", "cosine", "energy", "probability"]
COLUMNS = ("path", "label", "split")
DRAWN = 240  # training pictures of each class of the sample for alexnet.ipynb


class _Shared(parameters.Parameters):
    SIZE: int | None = Field(ge=32, le=1024)
    KEPT: float = Field(gt=0, lt=1)
    COMPARE: str
    COLUMNS: str
    STRICT: bool

    @field_validator("COLUMNS")
    @classmethod
    def _readable(cls, line: str) -> str:
        parameters.columns(line, COLUMNS)
        return line

    @property
    def others(self) -> list[str]:
        """Names of further backbones."""
        return [name.strip() for name in self.COMPARE.split(",") if name.strip()]

    @property
    def door(self) -> dict:
        """What `data.load` takes beside DATA."""
        found = parameters.columns(self.COLUMNS, COLUMNS)
        named = {f"{kind}_column": name for kind, name in found.items()}
        return {**named, "strict": self.STRICT, "limit": self.LIMIT, "seed": self.SEED}


class _OnBackbone(_Shared):
    BACKBONE: str = Field(min_length=1)
    UNKNOWN: str | None


class Retrain(_OnBackbone):
    """Every upper-case parameter of retrain.ipynb."""

    TUNED_SHARE: float = Field(gt=0, le=1)
    BALANCED: bool
    FOLDS: int = Field(ge=2)
    METHOD: Method


class Classify(_OnBackbone):
    """Every upper-case parameter of classify.ipynb."""

    LABELLER: str | None
    SHOWN: int = Field(ge=1, le=100)


class Alexnet(_Shared):
    """Every upper-case parameter of alexnet.ipynb."""

    EPOCHS: int = Field(ge=1)
    SIZE: int = Field(ge=alexnet.SMALLEST, le=512)
    WIDTH: float = Field(gt=0, le=2)
    LEARNING_RATE: float | None = Field(gt=0)
    ABLATED: Literal["modern", "paper"]
    WITHOUT: str
    BALANCED: bool

    @model_validator(mode="after")
    def _parts(self) -> Alexnet:
        try:
            ablation.parts(self.WITHOUT, self.ABLATED)
        except ValueError as error:
            raise ValueError(f"WITHOUT={self.WITHOUT!r}: {error}") from None
        return self

    @property
    def left_out(self) -> list[str]:
        """Parts that the ablation takes away, one at a time."""
        return ablation.parts(self.WITHOUT, self.ABLATED)

    @property
    def door(self) -> dict:
        """What `data.load` takes beside DATA; what begins with nothing needs more drawings."""
        return {**super().door, "drawn": DRAWN}

    @property
    def training(self) -> dict:
        """What `scratch.train` takes beside the network and the pictures."""
        return {"epochs": self.EPOCHS, "width": self.WIDTH, "batch_size": self.BATCH_SIZE,
                "learning_rate": self.LEARNING_RATE, "balanced": self.BALANCED, "seed": self.SEED,
                "resume": self.RESUME}  # fmt: skip
