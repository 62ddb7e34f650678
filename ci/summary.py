"""What became of each run: summary.json, the floors, the table at the end of `python -m ci.run`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import BaseModel

from ci.recipe import AtMost, Recipe, Unit, show
from common import files


class PublishedNumber(BaseModel):
    """A paper's number on the scale of metrics.json."""

    of: str
    value: float
    source: str


class RunResult(BaseModel):
    """One run as summary.json keeps it; `folder` is relative to the folder of summary.json."""

    recipe: str
    title: str
    summary: str
    preset: str
    state: Literal["ok", "failed", "skipped"]
    reason: str = ""
    parameters: dict[str, Any] = {}
    changed: list[str] = []  # parameters given on the command line
    unit: Unit = "percent"
    data: str | None = None
    synthetic: bool | None = None
    metric: dict[str, Any] | None = None  # the headline record of metrics.json
    published: list[PublishedNumber] = []
    floor: str = ""
    minutes: float = 0.0
    expected_minutes: float = 0.0
    peak_memory_mb: float = 0.0
    date: str = ""
    commit: str | None = None
    source: str = ""
    sha256: str = ""
    folder: str = ""
    notebook: str | None = None
    picture: str | None = None

    @property
    def value_text(self) -> str:
        """`87.1 (85.3–88.7)`, on the unit's scale, or an empty text."""
        if not self.metric:
            return ""
        return with_interval(self.metric, self.unit)


def with_interval(record: dict[str, Any], unit: Unit) -> str:
    """A record's value with its interval in brackets, where it has one."""
    text = show(record["value"], unit)
    low, high = record.get("low"), record.get("high")
    if low is None or high is None:
        return text
    return f"{text} ({show(low, unit)}–{show(high, unit)})"


def read_metrics(folder: Path) -> dict[str, Any]:
    """`folder`/metrics.json; ValueError says what is wrong with it."""
    path = folder / "metrics.json"
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        metrics["headline"]["variant"], metrics["data"]["name"], metrics["metrics"][0]["value"]
    except FileNotFoundError:
        raise ValueError("the notebook wrote no metrics.json") from None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"metrics.json is not as it should be: {error!r}") from None
    return metrics


def find_metric(metrics: dict[str, Any], name: str) -> dict[str, Any]:
    """The first record of metric `name` for the headline's variant; ValueError if there is none."""
    variant = metrics["headline"]["variant"]
    for record in metrics["metrics"]:
        if record.get("metric") == name and record.get("variant") == variant:
            return record
    raise ValueError(f"metrics.json has no {name} of variant {variant}")


def below_floors(metrics: dict[str, Any], floors: dict[str, float | AtMost]) -> list[str]:
    """One sentence for every floor that the run does not reach; a missing metric is one too."""
    complaints = []
    for name, floor in floors.items():
        try:
            value = find_metric(metrics, name)["value"]
        except ValueError as error:
            complaints.append(str(error))
            continue
        if not isinstance(value, (int, float)) or math.isnan(value):
            complaints.append(f"{name} is {value!r}")
        elif isinstance(floor, AtMost) and value > floor.max:
            complaints.append(f"{name} {value:.4g} is above the limit {floor.max:g}")
        elif not isinstance(floor, AtMost) and value < floor:
            complaints.append(f"{name} {value:.4g} is below the floor {floor:g}")
    return complaints


def floor_text(recipe: Recipe, preset: str) -> str:
    """The headline's floor as the table shows it."""
    floor = recipe.floors.get(preset, {}).get(recipe.headline)
    if floor is None:
        return ""
    sign, value = ("≤", floor.max) if isinstance(floor, AtMost) else ("≥", floor)
    return f"{sign} {show(value, recipe.unit)}"


def read(out: Path) -> list[RunResult]:
    """The runs of `out`/summary.json; empty where there is none."""
    path = out / "summary.json"
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
        return [RunResult(**run) for run in runs]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a summary of runs ({error}); delete it") from None


def add(out: Path, result: RunResult) -> None:
    """Put one run into `out`/summary.json in place of an earlier one of the same name."""
    out.mkdir(parents=True, exist_ok=True)
    with FileLock(out / ".summary.lock"):
        key = (result.recipe, result.preset)
        runs = [r for r in read(out) if (r.recipe, r.preset) != key] + [result]
        text = json.dumps({"runs": [r.model_dump() for r in runs]}, indent=1, ensure_ascii=False)
        files.write_text(out / "summary.json", text + "\n")


def table(results: list[RunResult]) -> str:
    """All runs as aligned text, one line each."""
    head = "recipe preset metric value published floor minutes MB state".split()
    rows = [head]
    for r in results:
        metric = r.metric["metric"] + (", %" if r.unit == "percent" else "") if r.metric else ""
        published = ", ".join(f"{show(p.value, r.unit)} {p.of}" for p in r.published[:1])
        ran = r.state != "skipped"
        minutes = f"{r.minutes:.1f}" if ran else ""
        memory = f"{r.peak_memory_mb:.0f}" if ran else ""
        cells = (r.recipe, r.preset, metric, r.value_text, published, r.floor, minutes, memory)
        rows.append((*(c or "–" for c in cells), r.state + (f": {r.reason}" if r.reason else "")))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head) - 1)] + [0]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("─" * (w or 5) for w in widths))
    return "\n".join(lines)
