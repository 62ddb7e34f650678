"""The notebook's parameters, with their ranges."""

from __future__ import annotations

from pydantic import Field, model_validator

from common import parameters
from recipes.text_cnn.settings import Linear, Settings, Variant


class Parameters(parameters.Parameters):
    """Every upper-case parameter of the notebook."""

    VARIANT: Variant
    VECTORS: str | None
    MEMBERS: int = Field(ge=1, le=100)
    LINEAR: Linear
    OPENINGS: bool
    LEARNING_RATE: float | None = Field(gt=0)
    FOLDS: int = Field(ge=1)
    TEXT_COLUMN: str | None
    LABEL_COLUMN: str | None
    SPLIT_COLUMN: str | None
    STRICT: bool

    @model_validator(mode="after")
    def _fit_together(self) -> Parameters:
        if self.VARIANT in ("static", "non-static", "multichannel") and not self.VECTORS:
            raise ValueError(
                f"VECTORS: VARIANT={self.VARIANT!r} starts from word vectors; name a file or "
                "'word2vec_8k' or 'glove_twitter_12k'"
            )
        if self.VARIANT == "rand" and self.VECTORS:
            raise ValueError("VECTORS: VARIANT='rand' starts from nothing; set VECTORS = None")
        return self

    @property
    def settings(self) -> Settings:
        """How each network is trained: the paper's way for its variants, ours otherwise."""
        given = {
            "epochs": self.EPOCHS,
            "batch_size": self.BATCH_SIZE,
            "learning_rate": self.LEARNING_RATE,
        }
        own = {name: value for name, value in given.items() if value is not None}
        if self.VARIANT == "subword":
            return Settings(**own)
        return Settings.as_published(self.VARIANT, **own)
