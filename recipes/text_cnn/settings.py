"""How a network is built and trained. Imports no framework, so that a typo is found at once."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Variant = Literal["subword", "rand", "static", "non-static", "multichannel"]
# Networks that read the linear model word by word, that its score is added to, or that stand alone.
Linear = Literal["read", "beside", "none"]


class Settings(BaseModel):
    """How one network is built and trained; an unknown or out-of-range value is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: Variant = "subword"
    epochs: int = Field(4, ge=1)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    optimizer: Literal["adamw", "adadelta"] = "adamw"
    weight_decay: float = Field(1.0, ge=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.5, ge=0, lt=1)
    patience: int | None = Field(None, ge=1)
    minimum_count: int = Field(3, ge=1)
    buckets: int = Field(20_000, ge=2)
    network: dict = {}

    @classmethod
    def as_published(cls, variant: str = "rand", **changes) -> Settings:
        """Kim 2014, section 3.1: Adadelta, batches of 50, early stopping on a development split.

        The paper names the rule, not its constants: rho 0.95 and epsilon 1e-6 are those of
        Zeiler 2012 and of the authors' code, as are the 25 epochs.
        """
        fixed = dict(
            variant=variant, epochs=25, batch_size=50, learning_rate=1.0, optimizer="adadelta",
            weight_decay=0.0, label_smoothing=0.0, dropout=0.5, patience=5, minimum_count=1,
        )
        return cls(**{**fixed, **changes})
