"""The notebook's parameters, with their ranges."""

from __future__ import annotations

from pydantic import Field, ValidationError, field_validator

from common import parameters
from recipes.neural_style.settings import Colours, Settings, Start

# What MORE may name: settings that have no parameter of their own.
MORE = ("scales", "optimizer", "learning_rate", "style_weight", "smoothness", "content_scaling",
        "content_layers", "style_layers", "pooling", "noise", "colour_space", "tile",
        "budget_mb")  # fmt: skip


class Parameters(parameters.Parameters):
    """Every upper-case parameter of the notebook."""

    CONTENT: str | None
    STYLES: str | None
    MASKS: str | None
    WEIGHTS: str = Field(min_length=1)
    SIZE: int = Field(ge=32)
    STEPS: int = Field(ge=1)
    CONTENT_WEIGHT: float = Field(ge=0)
    STYLE_SCALE: float = Field(gt=0.05, le=4)
    COLOURS: Colours
    START: Start
    MORE: str

    @field_validator("MORE")
    @classmethod
    def _readable(cls, line: str) -> str:
        try:
            Settings(**more(line))
        except ValidationError as error:
            first = error.errors()[0]
            said = first["msg"].removeprefix("Value error, ")
            raise ValueError(f"{first['loc'][0]}={first['input']!r}: {said}" if first["loc"]
                             else said) from None  # fmt: skip
        return line

    @property
    def settings(self) -> Settings:
        """How a picture is made."""
        return Settings(
            size=self.SIZE, steps=self.STEPS, content_weight=self.CONTENT_WEIGHT,
            style_scale=self.STYLE_SCALE, colours=self.COLOURS, start=self.START, seed=self.SEED,
            **more(self.MORE),
        )  # fmt: skip


def more(line: str) -> dict:
    """Settings of a line such as "pooling: max, smoothness: 0.01, style_layers: block1_conv1=2".

    Layers stand with blanks between them, each with its share or alone for 1.

    Raises:
        ValueError: an unknown name, with the nearest right one; or a layer's share is no number.
    """
    from difflib import get_close_matches

    found: dict = {}
    for part in filter(None, map(str.strip, line.split(","))):
        name, colon, value = (piece.strip() for piece in part.partition(":"))
        if not colon or name not in MORE:
            near = get_close_matches(name, MORE, n=1)
            hint = f" Did you mean {near[0]}?" if near and near[0] != name else ""
            raise ValueError(f'{part!r} is not understood.{hint} Write "name: value" with '
                             f"{', '.join(MORE)}")
        if name.endswith("_layers"):
            shares = (layer.partition("=") for layer in value.split())
            try:
                found[name] = {layer: float(share or 1) for layer, _, share in shares}
            except ValueError:
                raise ValueError(f"{part!r}: a share is no number") from None
        else:
            found[name] = value
    return found


