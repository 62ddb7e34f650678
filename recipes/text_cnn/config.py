"""The notebook's parameters, checked in one place before anything is computed."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common import files
from recipes.text_cnn.settings import Linear, Settings, Variant


class Parameters(BaseModel):
    """Every upper-case parameter of the notebook, with its range."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    DATA: str = Field(min_length=1)
    OUTPUT_DIR: str = Field(min_length=1)
    SEED: int = Field(ge=0)
    EPOCHS: int | None = Field(ge=1)
    BATCH_SIZE: int | None = Field(ge=1)
    LIMIT: int | None = Field(ge=1)
    RESUME: bool
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
    MEMORY: Literal["grow"] | str | float | None
    PRECISION: Literal["float32", "mixed_bfloat16", "mixed_float16", "auto"]

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

    def table(self) -> pd.DataFrame:
        """The parameters as a table for the notebook."""
        values = {name: repr(value) for name, value in self}
        return pd.DataFrame({"value": values}).rename_axis("parameter")

    def save(self) -> Path:
        """Write OUTPUT_DIR/parameters.json."""
        path = Path(self.OUTPUT_DIR) / "parameters.json"
        files.write_text(path, json.dumps(self.model_dump(), indent=1))
        return path


def check(parameters: dict[str, Any]) -> Parameters:
    """Turn the notebook's upper-case names into checked parameters.

    Raises:
        ValueError: names every parameter that is wrong, unknown or missing, and what would do.
    """
    try:
        return Parameters(**parameters)
    except ValidationError as error:
        problems = []
        for found in error.errors():
            name = str(found["loc"][0]) if found["loc"] else ""
            if found["type"] == "extra_forbidden":
                near = difflib.get_close_matches(name, Parameters.model_fields, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                problems.append(f"{name}: no such parameter{hint}")
            elif found["type"] == "missing":
                problems.append(f"{name}: missing from the parameters cell")
            elif not name:
                problems.append(found["msg"].removeprefix("Value error, "))
            else:
                problems.append(f"{name}={found['input']!r}: {found['msg']}")
        raise ValueError("Parameters: " + "; ".join(dict.fromkeys(problems)) + ".") from None
