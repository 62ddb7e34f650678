"""The notebook's parameters, checked in one place before anything is computed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common import files

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16", "auto"]


class Parameters(BaseModel):
    """What every recipe has; each recipe adds its own upper-case names with their ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    DATA: str = Field(min_length=1)
    OUTPUT_DIR: str = Field(min_length=1)
    SEED: int = Field(ge=0)
    EPOCHS: int | None = Field(ge=1)
    BATCH_SIZE: int | None = Field(ge=1)
    LIMIT: int | None = Field(ge=1)
    RESUME: bool
    MEMORY: Literal["grow"] | str | float | None
    PRECISION: Precision

    @classmethod
    def check(cls, names: Mapping[str, Any]) -> Self:
        """Turn a notebook's names into checked parameters; names not in upper case are passed by.

        Raises:
            ValueError: names every parameter that is wrong, unknown or missing, and what would do.
        """
        try:
            return cls(**{name: value for name, value in names.items() if name.isupper()})
        except ValidationError as error:
            problems = []
            for found in error.errors():
                name = str(found["loc"][0]) if found["loc"] else ""
                if found["type"] == "extra_forbidden":
                    near = difflib.get_close_matches(name, cls.model_fields, n=1)
                    hint = f"; did you mean {near[0]}?" if near else ""
                    problems.append(f"{name}: no such parameter{hint}")
                elif found["type"] == "missing":
                    problems.append(f"{name}: missing from the parameters cell")
                elif not name:
                    problems.append(found["msg"].removeprefix("Value error, "))
                else:
                    message = found["msg"].removeprefix("Value error, ")
                    problems.append(f"{name}={found['input']!r}: {message}")
            raise ValueError("Parameters: " + "; ".join(dict.fromkeys(problems)) + ".") from None

    def table(self) -> pd.DataFrame:
        """The parameters as a table for the notebook."""
        values = {name: repr(value) for name, value in self}
        return pd.DataFrame({"value": values}).rename_axis("parameter")

    def save(self) -> Path:
        """Write OUTPUT_DIR/parameters.json."""
        path = Path(self.OUTPUT_DIR) / "parameters.json"
        files.write_text(path, json.dumps(self.model_dump(), indent=1))
        return path


def columns(line: str, words: Iterable[str]) -> dict[str, str]:
    """Columns of a table from a line such as "path: file, label: kind".

    Args:
        words: what may stand before a colon.

    Raises:
        ValueError: a word that is none of them, with the nearest right one.
    """
    found, known = {}, list(words)
    for part in filter(None, map(str.strip, line.split(","))):
        word, colon, name = (piece.strip() for piece in part.partition(":"))
        if not colon or not name or word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            hint = f" Did you mean {near[0]}?" if near and near[0] != word else ""
            raise ValueError(f'{part!r} is not understood.{hint} Write "{known[0]}: file, '
                             f'{known[1]}: kind"')
        found[word] = name
    return found
