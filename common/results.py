"""What a run measured, with where it comes from: metrics.json, and results/<recipe>.json."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from common import files, machine
from common.history import duration

LIBRARIES = ("keras", "tensorflow", "jax", "torch", "numpy", "scipy", "scikit-learn", "pandas")
SHARES = ("accuracy", "f1", "precision", "recall", "auc")  # metrics that are fractions
PERCENT = ("gain", "error rate")  # what a metric may begin or end with that is shown like them


class ResultError(ValueError):
    """A result that must not be recorded; the message names it and says the mend."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Metric(_Strict):
    """One measured number: `value` and its bounds are fractions for shares, never percent."""

    data: str
    variant: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int
    seeds: list[int]
    interval: str = ""

    @model_validator(mode="after")
    def _sound(self) -> Metric:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{name} is {number}; find out why before recording it")
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high come together, or neither")
        if self.low is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value} lies outside its interval {self.low} to "
                             f"{self.high}; they must come from the same predictions")
        if any(word in self.metric for word in SHARES) and not 0 <= self.value <= 1:
            raise ValueError(f"value {self.value} is not a fraction; divide percent by 100")
        if self.n < 1:
            raise ValueError(f"n is {self.n}; give the number of examples measured")
        return self

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies a number within a recipe."""
        return self.data, self.variant, self.metric


class Data(_Strict):
    """The data a run used; `fingerprint` is a digest of the rows."""

    name: str
    synthetic: bool
    fingerprint: str
    licence: str
    rows: int


class Headline(_Strict):
    """Which of the metrics a reader looks for first."""

    metric: str
    variant: str


class Run(_Strict):
    """The whole of metrics.json."""

    recipe: str
    data: Data
    headline: Headline
    metrics: list[Metric]
    parameters: dict[str, Any]
    seconds: float
    peak_memory_mb: float
    commit: str | None
    dirty: bool | None
    versions: dict[str, str]
    backend: str | None
    machine: machine.Machine
    date: str

    @model_validator(mode="after")
    def _consistent(self) -> Run:
        keys = [metric.key for metric in self.metrics]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise ValueError(f"{', '.join(map(str, sorted(twice)))} is given twice")
        wanted = (self.data.name, self.headline.variant, self.headline.metric)
        if wanted not in keys:
            raise ValueError(f"headline {wanted} is not among the metrics; there are "
                             f"{', '.join(map(str, keys))}")
        return self


def describe(data: Any) -> dict[str, Any]:
    """The data block of metrics.json, of anything with these attributes and a length in rows."""
    names = ("name", "synthetic", "fingerprint", "licence")
    return {name: getattr(data, name) for name in names} | {"rows": len(data)}


def record(
    path_or_dir: str | Path,
    recipe: str,
    data: Mapping[str, Any],
    headline: Mapping[str, str],
    metrics: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    started: float,
) -> dict[str, Any]:
    """Write metrics.json, aside and then renamed, and return its content.

    Args:
        path_or_dir: the file (ending in .json), or the folder it goes to as metrics.json.
        recipe: the recipe folder's name.
        data: see `Data`. headline: see `Headline`. metrics: see `Metric`.
        parameters: the notebook's parameters, JSON-ready.
        started: `time.time()` when the run began.

    Raises:
        ResultError: a number is not finite or lies outside its interval, a percentage stands
            for a fraction, or an entry is missing, unknown or twice there; by name.
    """
    try:
        run = Run.model_validate(
            {
                "recipe": recipe,
                "data": data,
                "headline": headline,
                "metrics": metrics,
                "parameters": dict(parameters),
                "seconds": round(time.time() - started, 1),
                "peak_memory_mb": round(machine.peak_memory_mb(), 1),
                "date": datetime.now(UTC).isoformat(timespec="seconds"),
                **environment(),
            }
        )
    except ValidationError as error:
        raise ResultError(_in_words(error, metrics)) from None
    path = Path(path_or_dir)
    path = path if path.suffix == ".json" else path / "metrics.json"
    content = run.model_dump()
    _write(path, content)
    return content


def environment() -> dict[str, Any]:
    """Commit (None outside git), uncommitted changes, versions, Keras backend and machine."""
    keras = sys.modules.get("keras")
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        # Only what this process loaded: an installed but unused framework is no part of a result.
        if {"scikit-learn": "sklearn"}.get(name, name) in sys.modules:
            versions[name] = importlib.metadata.version(name)
    # results/ is what a reproduction itself writes.
    changes = _git("status", "--porcelain", "--", ":/", ":(top,exclude)results")
    return {
        "commit": _git("rev-parse", "--short", "HEAD"),
        "dirty": None if changes is None else bool(changes),
        "versions": versions,
        "backend": keras.backend.backend() if keras else None,
        "machine": machine.describe().model_dump(),
    }


def table(
    metrics: Iterable[Mapping[str, Any]],
    published: Iterable[Mapping[str, Any]],
    data: str,
    synthetic: bool = False,
) -> pd.DataFrame:
    """Measured numbers of one data set beside the published ones, for a notebook to show.

    Shares are printed in percent. Published numbers never stand beside synthetic data.

    Args:
        metrics: as in metrics.json.
        published: as in recipe.yaml (`unit: percent` where the paper prints percent).
        data: the data set's name.
        synthetic: whether that set was made by our own scripts.
    """
    rows = []
    for entry in (Metric.model_validate(dict(metric)) for metric in metrics):
        if entry.data != data:
            continue
        # A gain is a difference of fractions: points of a percentage.
        share = any(word in entry.metric for word in SHARES)
        share |= entry.metric.startswith(PERCENT) or entry.metric.endswith(PERCENT)
        bounds = [_show(bound, share) for bound in (entry.low, entry.high) if bound is not None]
        rows.append([entry.variant, entry.metric, _show(entry.value, share),
                     " to ".join(bounds), entry.n, f"this run; {entry.interval}".rstrip("; ")])
    for paper in published:
        if paper["data"] == data and not synthetic:
            percent = paper.get("unit") == "percent"
            value = paper["value"] / 100 if percent else paper["value"]
            rows.append([paper["of"], paper["metric"], _show(value, percent), "", "",
                         paper["source"]])
    columns = ["variant", "metric", "value", "95 % interval", "n", "source"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.set_index("variant")


# What a run leaves in its folder, in the order in which a person looks for it.
LEFT = {
    "picture.png": "the picture of this run",
    "export": "the same for serving",
    "lite": "the same for telephones and small computers",
    "data_report.json": "what was found in the data",
    "metrics.json": "the numbers",
}


def last_words(name: str, verdict: str, output_dir: str | Path, seconds: float,
               made: Mapping[str, str]) -> None:  # fmt: skip
    """Print how long a run took, what it found, and where everything lies.

    Args:
        name: of the data. seconds: that the whole run took.
        made: what the recipe leaves beside `LEFT`, in words, by the names in OUTPUT_DIR; it may
            say another word for what is there.
    """
    print(f"{name}: done in {duration(seconds)}, "
          f"{machine.peak_memory_mb() / 1024:.1f} GB of memory at most.")
    print(verdict)
    told = {**LEFT, **made}
    for each in dict.fromkeys(["picture.png", *made, *LEFT]):
        if (Path(output_dir) / each).exists():
            print(f"  {Path(output_dir) / each}: {told[each]}")


def merge(path: str | Path, runs: Iterable[Mapping[str, Any]], preset: str) -> list[dict[str, Any]]:
    """Put the numbers of runs into results/<recipe>.json and return its new content.

    A number replaces the one of the same data, variant and metric; the file is sorted by these
    and safe under two processes at once.

    Args:
        path: results/<recipe>.json; made if it is not there.
        runs: contents of metrics.json, all of one recipe.
        preset: the preset they were run with.

    Raises:
        ResultError: a run or the file is not as it should be.
    """
    path = Path(path)
    new: dict[tuple[str, str, str], dict[str, Any]] = {}
    for content in runs:
        try:
            run = Run.model_validate(dict(content))
        except ValidationError as error:
            raise ResultError(_in_words(error, content.get("metrics", []))) from None
        commit = f"{run.commit}-dirty" if run.commit and run.dirty else run.commit
        for metric in run.metrics:
            new[metric.key] = metric.model_dump() | {
                "preset": preset,
                "synthetic": run.data.synthetic,
                "seconds": run.seconds,
                "peak_memory_mb": run.peak_memory_mb,
                "commit": commit,
                "machine": run.machine.model_dump(),
                "date": run.date,
                "fingerprint": run.data.fingerprint,
            }
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        try:
            old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
            held = {(entry["data"], entry["variant"], entry["metric"]): entry for entry in old}
        except (ValueError, KeyError, TypeError) as error:
            raise ResultError(f"{path} is not a list of results ({error!r}); restore it from git."
                              ) from None
        merged = [entry for _, entry in sorted((held | new).items())]
        _write(path, merged)
    return merged


def _show(value: float, share: bool) -> str:
    return f"{100 * value:.1f} %" if share else f"{value:.4g}"


def _in_words(error: ValidationError, metrics: Sequence[Mapping[str, Any]]) -> str:
    """The first thing wrong, with a metric named by its data, variant and metric."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if len(place) > 1 and place[0] == "metrics" and place[1].isdecimal():
        entry = dict(metrics[int(place[1])])
        name = ", ".join(str(entry.get(key, "?")) for key in ("data", "variant", "metric"))
        place[:2] = [f"metrics[{place[1]}] ({name})"]
    text = first["msg"].removeprefix("Value error, ")
    return f"{'.'.join(place)}: {text}." if place else f"{text}."


def _git(*arguments: str) -> str | None:
    folder = Path(__file__).parent  # the code's repository, not the notebook's working folder
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True,
                              timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _write(path: Path, content: Any) -> None:
    try:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ResultError(f"{path.name} cannot be written: {error}. Parameters must be text, "
                          "finite numbers, lists or None.") from None
    files.write_text(path, text + "\n")
