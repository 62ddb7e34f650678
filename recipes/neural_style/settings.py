"""How a picture is made. Imports no framework, so that a typo is found at once."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Optimizer = Literal["adam", "lbfgs"]
Start = Literal["content", "style", "noise"]
# The painting's; the photograph's colour on the painting's light; the painting recoloured first, by
# a linear map or channel by channel.
Colours = Literal["style", "content", "matched", "histogram"]


class Settings(BaseModel):
    """How one picture is made; an unknown or out-of-range value is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(512, ge=32)  # pixels of the longer side
    scales: int = Field(3, ge=1, le=6)  # from coarse to fine, each twice as large as the last
    steps: int = Field(200, ge=1)  # of all scales together
    optimizer: Optimizer = "adam"
    learning_rate: float = Field(0.02, gt=0)  # of Adam; the picture's values go from 0 to 1
    content_weight: float = Field(0.01, ge=0)
    style_weight: float = Field(1.0, ge=0)
    smoothness: float = Field(0.0, ge=0)  # weight of the total variation
    content_scaling: Literal["mean", "half_sum", "root"] = "mean"
    content_layers: dict[str, float] = {}  # each with its share; empty: those that suit the network
    style_layers: dict[str, float] = {}
    pooling: Literal["average", "max"] = "average"
    style_scale: float = Field(1.0, gt=0.05, le=4)  # size of the style picture against the result
    start: Start = "content"
    noise: float = Field(0.0, ge=0, le=1)  # how much of the start is noise
    colours: Colours = "style"
    colour_space: Literal["yuv", "ycrcb", "lab", "luv"] = "lab"  # for colours "content"
    tile: int | None = Field(None, ge=64)  # pixels of a piece; None: the whole picture at once
    budget_mb: int | None = Field(None, ge=64)  # memory of a step; the largest tile that fits it
    seed: int = Field(0, ge=0)

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _shares(cls, layers: dict[str, float]) -> dict[str, float]:
        if layers and not (min(layers.values()) >= 0 and 0 < sum(layers.values()) < math.inf):
            raise ValueError("shares must be numbers of 0 or more, and not all 0")
        return layers

    @model_validator(mode="after")
    def _together(self) -> Settings:
        if self.content_scaling != "mean" and (self.tile or self.budget_mb):
            raise ValueError(f"content_scaling {self.content_scaling} does not go with tile or "
                             "budget_mb; take mean")
        return self

    def sizes(self) -> list[int]:
        """Longer side of every scale, coarse to fine; none is below 64 pixels but the only one."""
        sizes = [round(self.size / 2**k) for k in reversed(range(self.scales))]
        sizes = [size for size in sizes if size >= 64 or size == self.size]
        return sizes[-self.steps :]  # each has at least one step

    def steps_of(self) -> list[int]:
        """Steps at every scale: a coarser one is four times as quick and gets twice as many."""
        count = len(self.sizes())
        shares = [2 ** (count - 1 - k) for k in range(count)]
        steps = [max(1, round(self.steps * share / sum(shares))) for share in shares]
        steps[0] = max(1, self.steps - sum(steps[1:]))
        return steps
