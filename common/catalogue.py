"""What `data_scripts/catalogue.yaml` may say; a key or value that is not right is an error."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from common.download import DatasetError


def _inside(path: str) -> str:
    parts = Path(path).parts
    if Path(path).is_absolute() or ".." in parts or not parts:
        raise ValueError("must be a relative path without '..'")
    return path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataFile(_Strict):
    """One original file: where it is, and how to know that it is the right one.

    A listing stands for a whole folder of the mirror: the file that lies there has a line
    `<sha256>  <path>` for each further file, so that its one digest answers for them all.
    """

    name: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    url: Annotated[str, Field(pattern=r"^https?://")] | None  # null: only in a mirror
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: PositiveInt
    mirror: Annotated[str, AfterValidator(_inside)]  # path inside the mirror folder
    listing: bool = False

    def listed(self, path: Path) -> list[ListedFile]:
        """The files that this listing names, but for SOURCE.md, which tells of the mirror.

        Args:
            path: of the listing itself.

        Raises:
            DatasetError: a line is not `<sha256>  <path inside the folder>`.
        """
        found, folder = [], Path(self.mirror).parent
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            digest, _, name = line.partition("  ")
            name = name.removeprefix("./")
            if name == "SOURCE.md":
                continue
            try:
                found.append(ListedFile(name=name, url=None, sha256=digest,
                                        mirror=(folder / name).as_posix()))  # fmt: skip
            except ValidationError as error:
                raise DatasetError(
                    f"{path}, line {number}: {error.errors()[0]['msg']} ({line!r})"
                ) from None
        return found


class ListedFile(DataFile):
    """A file that a listing names: somewhere below its folder, of a size not told beforehand."""

    name: Annotated[str, AfterValidator(_inside)]
    bytes: None = None


class Counts(_Strict):
    """What the prepared set holds; a prepared text set that disagrees is refused."""

    rows: PositiveInt  # sentences, questions, words, pictures, arrays ...
    class_names: tuple[str, ...] = ()  # in the order of the labels 0, 1, ...
    splits: dict[str, PositiveInt] = {}  # rows per split
    phrases: NonNegativeInt = 0  # further training rows of level "phrase", not in `rows`
    dimensions: PositiveInt | None = None  # of word vectors

    @property
    def classes(self) -> int:
        """Number of classes; 0 for a set without labels."""
        return len(self.class_names)

    @model_validator(mode="after")
    def _splits_add_up(self) -> Counts:
        if self.splits and sum(self.splits.values()) != self.rows:
            raise ValueError("the splits must add up to rows")
        return self


class DatasetEntry(_Strict):
    """One set of the catalogue."""

    title: str
    task: Literal["text classification", "word vectors", "table", "pictures", "speech",
                  "network weights"]
    homepage: Annotated[str, Field(pattern=r"^https?://")]
    licence: str
    citation: str
    counts: Counts
    note: str
    files: Annotated[tuple[DataFile, ...], Field(min_length=1)]
    further_bytes: NonNegativeInt = 0  # of the files that listings name
    prepare: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] | None  # null: used as published

    @property
    def bytes(self) -> int:
        """Size of all original files together."""
        return sum(file.bytes for file in self.files) + self.further_bytes


@lru_cache
def read_catalogue(path: Path) -> dict[str, DatasetEntry]:
    """Read and check a catalogue; DatasetError names the file and every wrong key or value."""
    name = ""
    entries = {}
    try:
        for name, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            entries[name] = DatasetEntry.model_validate(value)
        return entries
    except ValidationError as error:
        wrong = (
            f"  {'.'.join(map(str, (name, *one['loc'])))}: {one['msg']} (given: {one['input']!r})"
            for one in error.errors()
        )
        raise DatasetError(f"{path} is wrong:\n" + "\n".join(wrong)) from error
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise DatasetError(f"{path} cannot be read as a catalogue: {error}") from error
