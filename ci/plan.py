"""From a command line's words to the runs that they mean, checked before the first one starts."""

from __future__ import annotations

import difflib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ci import recipe as recipes
from ci.parameters import ParameterError
from ci.recipe import Recipe, RecipeError

# Changing these leaves a preset what it is, so its floors still hold.
HARMLESS = {"SEED", "RESUME"}


class UsageError(ValueError):
    """A command line that cannot be run; exit code 2."""


@dataclass
class Job:
    """One notebook to run with one preset."""

    recipe: Recipe
    preset: str
    folder: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    skip: str = ""  # why it is not run

    @property
    def parameters(self) -> dict[str, Any]:
        """What papermill injects."""
        given = {**self.recipe.presets.get(self.preset, {}), **self.overrides}
        return {**given, "OUTPUT_DIR": str(self.folder)}

    @property
    def changed(self) -> list[str]:
        """Parameters from the command line that differ from the preset."""
        preset = self.recipe.presets.get(self.preset, {})
        defaults = {name: p.default for name, p in self.recipe.parameters.items()}
        return [n for n, v in self.overrides.items() if v != {**defaults, **preset}[n]]

    @property
    def floors_hold(self) -> bool:
        """A preset's floors are for its own parameters, not for a user's data or a shorter run."""
        return not set(self.changed) - HARMLESS

    @property
    def data(self) -> Any:
        """The door this run goes through."""
        default = self.recipe.parameters.get("DATA")
        return self.parameters.get("DATA", default and default.default)


def plan(
    names: list[str],
    presets: list[str],
    pairs: list[list[str]],
    out: Path,
    root: Path,
    skip_missing: bool = False,
) -> list[Job]:
    """The jobs that a command line means.

    Args:
        names: see `choose`. presets: at least one. pairs: (name, text) of each `-p`.
        out: the runs go to `out`/NAME/PRESET. root: the project.
        skip_missing: whether a job whose published data cannot be had is marked as skipped.

    Raises:
        UsageError: no such recipe, preset or parameter. RecipeError: a recipe is not sound.
    """
    jobs: dict[tuple[Path, str], Job] = {}  # a notebook that two names mean runs once
    for group in choose(names, root):
        for preset in presets:  # one notebook of a group may lack it, all may not
            if not any(preset in one.presets for one in group):
                meant = ", ".join(one.name for one in group)
                valid = ", ".join(dict.fromkeys(p for one in group for p in one.presets))
                raise UsageError(f"{meant}: no preset {preset}. Valid: {valid}")
        for one in group:
            overrides = parse_overrides(one, pairs)
            for preset in presets:
                job = Job(one, preset, (out / one.name / preset).resolve(), overrides)
                if preset not in one.presets:
                    job.skip = f"has no preset {preset}"
                elif skip_missing:
                    job.skip = missing_data(job.data)
                jobs.setdefault((one.notebook_path, preset), job)
    return list(jobs.values())


def choose(names: list[str], root: Path) -> list[list[Recipe]]:
    """What each name means, see `find`; all recipes as one group where no name is given.

    Raises UsageError for an unknown name or an empty project, RecipeError for an unsound recipe.
    """
    groups = [find(name, root) for name in names] or [recipes.find_all(root)]
    if not any(groups):
        raise UsageError(f"no recipes under {root / 'recipes'}")
    return groups


def find(name: str, root: Path) -> list[Recipe]:
    """All recipes of a folder, by its path or its name, or the one that is called `name`.

    Raises UsageError with the nearest right name, RecipeError for an unsound recipe.
    """
    if (Path(name) / "recipe.yaml").exists():
        return recipes.load(name)
    known = {folder.name: folder for folder in recipes.folders(root)}
    folder, _, notebook = name.partition("/")
    if folder in known:
        loaded = recipes.load(known[folder])
        found = [one for one in loaded if not notebook or one.name == name]
        if found:
            return found
    names = set(known)
    for path in known.values():
        with suppress(RecipeError):  # the fault of another recipe is not what is wrong here
            names |= {one.name for one in recipes.load(path)}
    near = difflib.get_close_matches(name.lower(), sorted(names), n=1, cutoff=0.5)
    hint = f", did you mean {near[0]}?" if near else "."
    raise UsageError(f"no recipe {name}{hint} Valid: {', '.join(sorted(names))}")


def parse_overrides(recipe: Recipe, pairs: list[list[str]]) -> dict[str, Any]:
    """Check `-p NAME VALUE` pairs against the notebook's parameters; UsageError names both."""
    values = {}
    for name, text in pairs:
        if name == "OUTPUT_DIR":
            raise UsageError("OUTPUT_DIR is set by the runner; choose the folder with -o DIR")
        try:
            value = recipe.parameter(name).parse(text)
        except ParameterError as error:
            raise UsageError(f"{recipe.name}: {error}") from None
        # A notebook runs in its own folder, so a path typed here must not stay relative. A plain
        # word such as `mr` names a published set, even where a folder of that name is at hand.
        if isinstance(value, str) and {".", os.sep} & set(value) and Path(value).exists():
            value = str(Path(value).resolve())
        values[name] = value
    return values


def missing_data(data: Any) -> str:
    """Why the published set `data` cannot be had; empty where it can, or is no published set.

    Fetches it: from the cache, a mirror folder or the network, as the run itself would.
    Raises UsageError where RECIPES_MIRROR names no folder.
    """
    if not isinstance(data, str) or data == "sample":
        return ""
    from common import datasets
    from common.download import TransferError

    if data not in datasets.names():
        return ""
    try:
        datasets.mirror_folder()
    except datasets.DatasetError as error:
        raise UsageError(str(error)) from None
    try:
        datasets.load(data)
    except TransferError as error:  # damage and a full disk are failures, not missing data
        return " ".join(str(error).split())
    return ""
