"""The notebook's parameters, with their ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from common import parameters
from common.validation import saved_state
from recipes.speech import augment
from recipes.speech.alphabet import BYTES, SPACE, normalised
from recipes.speech.data import PUBLISHED, TO_HEAR
from recipes.speech.layouts import GUESSES
from recipes.speech.train import Settings
from recipes.speech.transcriber import FORMAT


class Speech(parameters.Parameters):
    """Every upper-case parameter of speech.ipynb."""

    EPOCHS: int = Field(ge=1)
    COLUMNS: str
    ALPHABET: str | None
    STRICT: bool
    NETWORK: Literal["fast", "deepspeech", "deepspeech2", "lstm"]
    WIDTH: int = Field(ge=8, le=4096)
    BLOCKS: int = Field(ge=1, le=50)
    AHEAD: int = Field(ge=0, le=50)
    CHANGES: str
    START: str | None
    TEXT: str | None
    STRANGERS: str | None

    @field_validator("COLUMNS")
    @classmethod
    def _readable(cls, line: str) -> str:
        parameters.columns(line, GUESSES)
        return line

    @field_validator("CHANGES")
    @classmethod
    def _possible(cls, line: str) -> str:
        augment.parsed(line)
        return line

    @field_validator("ALPHABET")
    @classmethod
    def _of_letters(cls, letters: str | None) -> str | None:
        if letters is None or letters == BYTES:
            return letters
        twice = sorted({letter for letter in letters if letters.count(letter) > 1})
        # As transcripts are written before they are learned; these two stand within words alone.
        other = [each for each in letters if each not in "'- " and normalised(each) != each]
        if twice or other or not letters.strip() or SPACE not in letters:
            raise ValueError("letters must each be there once, in lower case, the space among them"
                             + (f"; not {''.join(twice + other)!r}" if twice or other else ""))
        return letters

    @field_validator("START", "TEXT", "STRANGERS")
    @classmethod
    def _there(cls, path: str | None, info: ValidationInfo) -> str | None:
        known = (*PUBLISHED, TO_HEAR, "sample") if info.field_name == "STRANGERS" else ()
        if path and path not in known and not Path(path).expanduser().exists():
            raise ValueError(f"{path!r} does not exist" + (
                f", and is none of {', '.join(known)}" if known else ""))
        if path and info.field_name == "START":
            try:
                saved_state(Path(path).expanduser(), "transcriber", FORMAT)
            except FileNotFoundError as error:
                raise ValueError(str(error)) from None
        return path

    @model_validator(mode="after")
    def _seen(self) -> Speech:
        kernel = Settings().kernel
        if self.NETWORK == "fast" and self.AHEAD >= kernel:
            raise ValueError(f"AHEAD={self.AHEAD} must be below {kernel}, the frames that a block "
                             "of 'fast' sees")  # fmt: skip
        if self.STRANGERS and self.STRANGERS == self.DATA:
            raise ValueError(f"STRANGERS={self.STRANGERS!r} must be other recordings than DATA")
        return self

    @property
    def door(self) -> dict:
        """What `data.load` takes beside DATA."""
        return {"columns": parameters.columns(self.COLUMNS, GUESSES) or None,
                "alphabet": self.ALPHABET, "strict": self.STRICT,
                "limit": self.LIMIT, "seed": self.SEED}  # fmt: skip

    @property
    def settings(self) -> Settings:
        """How the network is built and taught."""
        own = {} if self.BATCH_SIZE is None else {"seconds": self.BATCH_SIZE}
        return Settings(kind=self.NETWORK, width=self.WIDTH, blocks=self.BLOCKS, right=self.AHEAD,
                        steps=self.CHANGES, epochs=self.EPOCHS, seed=self.SEED, **own)  # fmt: skip
