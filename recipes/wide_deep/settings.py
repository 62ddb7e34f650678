"""How a network is built and trained. Imports no framework, so that a typo is found at once."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["wide_deep", "wide", "deep"]


class Settings(BaseModel):
    """How one network is built and trained; an unknown or out-of-range value is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = "wide_deep"
    epochs: int = Field(8, ge=1)
    batch_size: int = Field(256, ge=1)
    learning_rate: float = Field(1e-3, gt=0)  # of the deep part
    weight_decay: float = Field(1e-4, ge=0)
    wide_learning_rate: float = Field(0.3, gt=0)
    wide_l1: float = Field(0.0, ge=0)
    dimension: int = Field(8, ge=1)
    hidden: tuple[int, ...] = (128, 64)
    dropout: float = Field(0.2, ge=0, lt=1)
