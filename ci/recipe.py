"""recipe.yaml and the notebook's parameters cell: what a recipe promises, read and checked once."""

from __future__ import annotations

import ast
import difflib
import io
import json
import tokenize
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError, model_validator

ROOT = Path(__file__).resolve().parents[1]
REQUIRED_PRESETS = ("quick", "full")
Unit = Literal["percent", "plain"]


class RecipeError(ValueError):
    """A recipe folder that breaks its promises; the message names the file and the mend."""


class ParameterError(ValueError):
    """A parameter that the notebook does not have, or a value of the wrong type."""


KINDS = {
    "int": int, "float": float, "str": str, "bool": bool, "list": list, "None": type(None),
}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """One line of the parameters cell: `NAME = literal  # comment`.

    `NAME: int | None = None` names the types that it takes; without that the default's type holds.
    """

    name: str
    default: Any
    comment: str
    line: int
    annotation: str = ""

    @property
    def kind(self) -> str:
        """The default's type as a word, "anything" where the default is None."""
        if self.annotation:
            return self.annotation.replace("|", "or")
        return "anything" if self.default is None else type(self.default).__name__

    def check(self, value: Any) -> Any:
        """Return `value`, or raise ParameterError when its type is not the default's.

        An int passes for a float and a tuple for a list; a bool never passes for a number.
        """
        kind = type(self.default)
        if isinstance(value, tuple):
            value = list(value)
        if self.annotation:
            kinds = [KINDS[name.strip()] for name in self.annotation.split("|")]
            if type(value) in kinds:
                return value
            if type(value) is int and float in kinds:
                return float(value)
            raise ParameterError(f"{self.name} takes {self._words()}, got {value!r} "
                                 f"({type(value).__name__})")
        if self.default is None:
            return value
        if kind is float and type(value) is int:
            return float(value)
        if kind in (list, tuple) and isinstance(value, list):
            self._check_elements(value)
            return value
        if type(value) is not kind:
            got = f"{value!r} ({type(value).__name__})"
            raise ParameterError(f"{self.name} takes {self._words()}, got {got}")
        return value

    def _check_elements(self, values: list) -> None:
        kinds = {type(v) for v in self.default} - {type(None)}
        if len(kinds) != 1:
            return
        kind = kinds.pop()
        for v in values:
            if type(v) is not kind and not (kind is float and type(v) is int):
                raise ParameterError(f"{self.name} takes a list of {kind.__name__}, not {v!r}")

    def parse(self, text: str) -> Any:
        """Turn a command line's text into a value of this parameter's type.

        Python literals (`3`, `1e-3`, `[3, 4]`, `None`) and YAML's `true`, `null`, `[a, b]` are
        understood; a text parameter takes its text as it stands.
        """
        if self.annotation:
            try:
                return self.check(_literal(text))
            except ParameterError:
                if "str" not in self.annotation:
                    raise
                return text
        if isinstance(self.default, str):
            quoted = text[:1] in "'\"" and text[-1:] == text[:1] and len(text) > 1
            return str(_literal(text)) if quoted else text
        return self.check(_literal(text))

    def _words(self) -> str:
        article = "an" if self.kind[0] in "aeiou" else "a"
        return f"{article} {self.kind} (default {self.default!r})"


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def parse_parameters(source: str) -> dict[str, Parameter]:
    """Read a parameters cell without running it.

    Raises ValueError, with the line, for anything but `NAME = literal` statements.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from None
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[str, Parameter] = {}
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        annotation = ""
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                annotation = ast.unparse(node.annotation)
                unknown = {part.strip() for part in annotation.split("|")} - set(KINDS)
                if unknown:
                    raise ValueError(f"line {node.lineno}: the type of {name} may be made of "
                                     f"{', '.join(KINDS)}, not {', '.join(sorted(unknown))}")
            case _:
                raise ValueError(f"line {node.lineno}: only NAME = literal lines belong here")
        if name in found:
            raise ValueError(f"line {node.lineno}: {name} is set twice")
        try:
            default = ast.literal_eval(value)
        except ValueError:
            raise ValueError(f"line {node.lineno}: the value of {name} is no literal") from None
        lines = range(node.lineno, node.end_lineno + 1)
        comment = next((comments[i] for i in lines if i in comments), "")
        found[name] = Parameter(name, default, comment, node.lineno, annotation)
    return found


def read_parameters(notebook: Path) -> dict[str, Parameter]:
    """The parameters of a notebook file, from its one cell tagged `parameters`."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError:
        raise RecipeError(f"{notebook}: no such notebook – mend `notebook:`") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise RecipeError(f"{notebook}: not a readable notebook ({error})") from None
    tagged = [c for c in cells if "parameters" in c.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise RecipeError(f"{notebook}: {len(tagged)} cells are tagged `parameters`, one is needed")
    source = tagged[0].get("source", "")
    try:
        return parse_parameters("".join(source))
    except ValueError as error:
        raise RecipeError(f"{notebook}: parameters cell, {error}") from None


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
    """A whole recipe.yaml; `folder` is where it lies."""

    folder: Path = Field(exclude=True)
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
        """The folder's name; what the command line calls the recipe."""
        return self.folder.name

    @property
    def notebook_path(self) -> Path:
        """The notebook's file."""
        return self.folder / self.notebook

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters cell, by name."""
        return read_parameters(self.notebook_path)

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


def load(folder: Path | str) -> Recipe:
    """Read and check `folder`/recipe.yaml and its notebook's parameters.

    Raises RecipeError with the file and the entry at fault.
    """
    folder = Path(folder).resolve()
    path = folder / "recipe.yaml"
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path}: missing; every recipe folder needs one") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(raw, dict):
        raise RecipeError(f"{path}: expected `key: value` lines")
    try:
        recipe = Recipe(**{**raw, "folder": folder})
    except ValidationError as error:
        lines = [
            ": ".join(filter(None, (" → ".join(map(str, e["loc"])), e["msg"])))
            for e in error.errors()
        ]
        raise RecipeError(f"{path}: " + "; ".join(lines)) from None
    for preset, values in recipe.presets.items():
        for name, value in values.items():
            try:
                recipe.parameter(name).check(value)
            except ParameterError as error:
                raise RecipeError(f"{path}: presets → {preset}: {error}") from None
    return recipe


def folders(root: Path | str = ROOT) -> list[Path]:
    """Every folder under `root`/recipes that holds a notebook, a module or a recipe.yaml."""
    signs = ("recipe.yaml", "*.ipynb", "*.py")
    below = (Path(root) / "recipes").glob("[!._]*/")
    return sorted(folder for folder in below if any(any(folder.glob(sign)) for sign in signs))


def find_all(root: Path | str = ROOT) -> list[Recipe]:
    """Every recipe under `root`/recipes, loaded and checked, in the order of their names."""
    return [load(folder) for folder in folders(root)]
