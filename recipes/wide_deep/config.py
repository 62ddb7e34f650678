"""The notebook's parameters, with their ranges."""

from __future__ import annotations

from pydantic import Field, field_validator

from common import parameters
from recipes.wide_deep.columns import split_names
from recipes.wide_deep.settings import Kind, Settings


class Parameters(parameters.Parameters):
    """Every upper-case parameter of the notebook."""

    KIND: Kind
    CROSSES: str = Field(min_length=1)
    MINIMUM_COUNT: int = Field(ge=1)
    WIDE_L1: float = Field(ge=0)
    COMPARE: bool
    TARGET_COLUMN: str | None
    SPLIT_COLUMN: str | None
    GROUP_COLUMN: str | None
    ITEM_COLUMN: str | None
    COLUMNS: str
    STRICT: bool

    @field_validator("CROSSES")
    @classmethod
    def _readable(cls, line: str) -> str:
        crosses(line)
        return line

    @property
    def settings(self) -> Settings:
        """How the networks are built and trained."""
        given = {"epochs": self.EPOCHS, "batch_size": self.BATCH_SIZE}
        own = {name: value for name, value in given.items() if value is not None}
        return Settings(kind=self.KIND, wide_l1=self.WIDE_L1, **own)

    @property
    def features(self) -> dict:
        """What `prepared.prepare` is told."""
        return {"cross": crosses(self.CROSSES), "minimum_count": self.MINIMUM_COUNT,
                "seed": self.SEED}  # fmt: skip


def crosses(line: str) -> str | list[tuple[str, str]]:
    """"auto", "none", or pairs of columns: "education x occupation, sex x race".

    A name that holds a comma or " x " stands in double quotes.

    Raises:
        ValueError: a part is no pair.
    """
    if line.strip() in ("auto", "none"):
        return line.strip()
    pairs = []
    for part in split_names(line, ","):
        names = split_names(part, " x |×")
        if len(names) != 2:
            raise ValueError(
                f'{part!r} is no pair; write "auto", "none" or "first x second, third x fourth"'
            )
        pairs.append((names[0], names[1]))
    return pairs
