"""recipe.yaml: what each notebook of a recipe folder promises, read and checked once."""

from __future__ import annotations

import difflib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError, model_validator

from ci.parameters import Parameter, ParameterError, read_parameters

ROOT = Path(__file__).resolve().parents[1]
REQUIRED_PRESETS = ("quick", "full")
Unit = Literal["percent", "plain"]


class RecipeError(ValueError):
    """A recipe folder that breaks its promises; the message names the file and the mend."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", ignored_types=(cached_property,))


class Paper(_Model):
    """Where the idea comes from."""

    cite: str
    url: str


class Published(_Model):
    """A number from a paper: `unit: percent`, or `plain` for the scale of metrics.json."""

    data: str
    metric: str
    value: float
    unit: Unit = "plain"
    of: str
    source: str

    @property
    def scaled(self) -> float:
        """The value on the scale of metrics.json (a fraction where the paper prints percent)."""
        return self.value / 100 if self.unit == "percent" else self.value


class AtMost(_Model):
    """The floor of an error rate: a value above `max` fails."""

    max: float


class Table(_Model):
    """One generated results table: rows are data sets, columns variants and published numbers.

    `data`: row order; empty means every set that has a result. `variants`: column order; one
    without any result is left out. `published`: names from `published[].of` shown as columns.
    `metric`: the headline metric unless given. `presets`: take only results of these presets.
    """

    title: str
    data: list[str] = []
    variants: Annotated[list[str], Field(min_length=1)]
    published: list[str] = []
    metric: str | None = None
    unit: Unit | None = None
    presets: list[str] = []


class Recipe(_Model):
    """One document of a recipe.yaml: one notebook.

    `folder` is where the file lies, `shared` says whether it holds other documents as well.
    """

    folder: Path = Field(exclude=True)
    shared: bool = Field(exclude=True)
    title: str
    summary: str
    paper: Paper
    notebook: str
    picture: str
    headline: str
    unit: Unit = "percent"  # how the headline metric is printed
    presets: dict[str, dict[str, Any]]
    published: list[Published] = []
    floors: dict[str, dict[str, float | AtMost]]
    minutes: dict[str, PositiveFloat]
    timeout_minutes: dict[str, PositiveFloat] = {}
    tables: list[Table] = []

    @model_validator(mode="after")
    def _whole(self) -> Recipe:
        for name in REQUIRED_PRESETS:
            if name not in self.presets:
                raise ValueError(f"presets: {name} is missing")
        if not self.floors.get("quick"):
            raise ValueError("floors: quick needs at least one, as in `quick: {accuracy: 0.8}`")
        for key in ("floors", "minutes", "timeout_minutes"):
            for name in getattr(self, key):
                if name not in self.presets:
                    raise ValueError(f"{key}: there is no preset {name}")
        for name in self.presets:
            if name not in self.minutes:
                raise ValueError(f"minutes: preset {name} needs its expected minutes")
        known = {p.of for p in self.published}
        for table in self.tables:
            for name in table.published:
                if name not in known:
                    raise ValueError(f"tables: {name!r} is not the `of` of any published number")
        return self

    @property
    def name(self) -> str:
        """What the command line calls it: `folder`, or `folder/notebook` in a shared file."""
        if self.shared:
            return f"{self.folder_name}/{self.notebook_path.stem}"
        return self.folder_name

    @property
    def folder_name(self) -> str:
        """What the results of all the folder's notebooks go by: the file, the README's block."""
        return self.folder.name

    @property
    def notebook_path(self) -> Path:
        """The notebook's file."""
        return self.folder / self.notebook

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters cell, by name; RecipeError where the notebook has none to read."""
        try:
            return read_parameters(self.notebook_path)
        except ValueError as error:
            raise RecipeError(str(error)) from None

    def parameter(self, name: str) -> Parameter:
        """The parameter called `name`; ParameterError names the nearest right one."""
        if name in self.parameters:
            return self.parameters[name]
        near = difflib.get_close_matches(name.upper(), self.parameters, n=1, cutoff=0.5)
        hint = f", did you mean {near[0]}?" if near else "."
        valid = ", ".join(f"{p.name} ({p.default!r})" for p in self.parameters.values())
        raise ParameterError(f"no parameter {name}{hint} Valid: {valid}")

    def timeout(self, preset: str) -> float:
        """Minutes after which a run is stopped: as written, else four times the expected, ≥ 10."""
        return self.timeout_minutes.get(preset, max(10.0, 4 * self.minutes[preset]))


def shown(path: Path) -> str:
    """A path relative to where the user stands, if it lies below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def show(value: float, unit: Unit) -> str:
    """A number as tables print it: percent with one decimal, else four significant digits."""
    return f"{100 * value:.1f}" if unit == "percent" else f"{value:.4g}"


def load(folder: Path | str) -> list[Recipe]:
    """Read and check `folder`/recipe.yaml, one recipe for each of its YAML documents.

    Raises RecipeError with the file, the document where there are several, and the entry at fault.
    """
    folder = Path(folder).resolve()
    path = folder / "recipe.yaml"
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RecipeError(f"{path}: missing; every recipe folder needs one") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not readable as YAML: {error}") from None
    shared = len(documents) > 1
    found: dict[str, Recipe] = {}
    for number, raw in enumerate(documents or [None], 1):
        place = f"{path}, document {number}" if shared else str(path)
        recipe = _read(raw, folder, shared, place)
        # By name and not by file: `a/x.ipynb` and `b/x.ipynb` would share a folder of outputs.
        if recipe.name in found:
            raise RecipeError(f"{place}: notebook: an earlier document is {recipe.name} already; "
                              "each needs a notebook of another name")
        found[recipe.name] = recipe
    return list(found.values())


def _read(raw: Any, folder: Path, shared: bool, place: str) -> Recipe:
    """One document as a recipe whose presets fit its notebook; `place` names it in errors."""
    if not isinstance(raw, dict):
        hint = "; is there a `---` too many?" if shared and raw is None else ""
        raise RecipeError(f"{place}: expected `key: value` lines{hint}")
    ours = {"folder": folder, "shared": shared}
    if ours.keys() & raw.keys():
        raise RecipeError(f"{place}: {' and '.join(ours)} follow from the file; take them out")
    try:
        recipe = Recipe.model_validate(raw | ours)
    except ValidationError as error:
        lines = [
            ": ".join(filter(None, (" → ".join(map(str, e["loc"])), e["msg"])))
            for e in error.errors()
        ]
        raise RecipeError(f"{place}: " + "; ".join(lines)) from None
    for preset, values in recipe.presets.items():
        for name, value in values.items():
            try:
                recipe.parameter(name).check(value)
            except ParameterError as error:
                raise RecipeError(f"{place}: presets → {preset}: {error}") from None
    return recipe


def folders(root: Path | str = ROOT) -> list[Path]:
    """Every folder under `root`/recipes that holds a notebook, a module or a recipe.yaml."""
    signs = ("recipe.yaml", "*.ipynb", "*.py")
    below = (Path(root) / "recipes").glob("[!._]*/")
    return sorted(folder for folder in below if any(any(folder.glob(sign)) for sign in signs))


def find_all(root: Path | str = ROOT) -> list[Recipe]:
    """Every recipe under `root`/recipes, checked: folders by name, documents as they stand."""
    return [recipe for folder in folders(root) for recipe in load(folder)]
