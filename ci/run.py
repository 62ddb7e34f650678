"""Run recipes' notebooks headlessly, one process each: `python -m ci.run [RECIPE…]`."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ci import recipe as recipes
from ci import summary
from ci.follow import Outcome, Progress, execute, say
from ci.plan import Job, UsageError, choose, plan
from ci.recipe import ROOT
from ci.summary import PublishedNumber, RunResult
from common import files

STAMP = "recipe_run"  # key of the stamp in an executed notebook's metadata


def run_job(job: Job, root: Path, timeout: float | None) -> tuple[RunResult, BaseException | None]:
    """Run one job to its end; the second value is the interrupt that ended it early, if any."""
    recipe = job.recipe
    source = recipe.notebook_path
    result = RunResult(
        recipe=recipe.name,
        title=recipe.title,
        summary=recipe.summary,
        preset=job.preset,
        state="skipped" if job.skip else "failed",
        reason=job.skip,
        parameters=job.parameters,
        changed=job.changed,
        unit=recipe.unit,
        data=str(job.data),
        floor=summary.floor_text(recipe, job.preset) if job.floors_hold else "",
        expected_minutes=recipe.minutes.get(job.preset, 0.0),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit(root),
        source=os.path.relpath(source, root),
        sha256=hashlib.sha256(source.read_bytes()).hexdigest(),
        folder=f"{recipe.name}/{job.preset}",
    )
    if job.skip:
        say(f"– {recipe.name} {job.preset} skipped: {job.skip}")
        return result, None
    job.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(job.folder / ".running.lock", timeout=0):
            return _run_locked(job, result, root, timeout)
    except Timeout:
        result.reason = f"another run is at work in {job.folder}"
        say(f"✗ {recipe.name} {job.preset}: {result.reason}")
        return result, None


def _run_locked(job: Job, result: RunResult, root: Path, timeout: float | None):
    running = job.folder / f"{job.recipe.notebook_path.stem}.running.ipynb"
    before = file_state(job.folder / "metrics.json")
    start = time.monotonic()
    progress = Progress(f"{result.recipe} {result.preset}", result.expected_minutes)
    limit = job.recipe.timeout(job.preset) if timeout is None else timeout
    outcome = execute(
        job.recipe.notebook_path,
        running,
        job.parameters,
        root=root,
        log=job.folder / "log.txt",
        limit=60 * limit,
        progress=progress,
    )
    result.minutes = round((time.monotonic() - start) / 60, 3)
    result.peak_memory_mb = round(outcome.peak_memory_mb, 1)
    result.reason = outcome.reason or judge(job, result, before)
    result.state = "failed" if result.reason else "ok"
    if result.state == "ok" and (job.folder / job.recipe.picture).exists():
        result.picture = job.recipe.picture
    result.notebook = keep_notebook(running, result)
    report(job, result, outcome, progress.cell)
    return result, outcome.stopped


def file_state(path: Path) -> tuple[int, int] | None:
    """Changes whenever the file is written anew; None where there is no file."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino


def judge(job: Job, result: RunResult, before: tuple[int, int] | None) -> str:
    """Read the finished run's metrics into `result`; return what is wrong with them, or nothing."""
    try:
        metrics = summary.read_metrics(job.folder)
        if before is not None and file_state(job.folder / "metrics.json") == before:
            return "the notebook wrote no metrics.json; the one there is from an earlier run"
        # A user's data may have another target, whose run says itself what counts.
        own = metrics["headline"].get("metric", job.recipe.headline)
        name = job.recipe.headline if job.floors_hold else own
        headline = summary.find_metric(metrics, name)
    except ValueError as error:
        return str(error)
    result.metric = headline
    if name != job.recipe.headline:
        tables = (table for table in job.recipe.tables if table.metric == name)
        result.unit = next((table.unit for table in tables if table.unit), "plain")
    result.data = metrics["data"]["name"]
    result.synthetic = bool(metrics["data"].get("synthetic"))
    result.published = [
        PublishedNumber(of=p.of, value=p.scaled, source=p.source)
        for p in job.recipe.published
        if p.data == headline.get("data", result.data) and p.metric == name
    ]
    if not job.floors_hold:
        say(f"  floors of {job.preset} not checked: {', '.join(job.changed)} changed")
        return ""
    return "; ".join(summary.below_floors(metrics, job.recipe.floors.get(job.preset, {})))


def keep_notebook(running: Path, result: RunResult) -> str | None:
    """Stamp the executed notebook, whole or partial, and give it its source's name."""
    import nbformat

    try:
        notebook = nbformat.read(running, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError):
        return None  # stopped before, or in the middle of, its first save
    keys = ("source", "sha256", "commit", "preset", "parameters", "date", "minutes", "state")
    notebook.metadata[STAMP] = {**result.model_dump(include=set(keys)), "reason": result.reason}
    target = running.with_name(Path(result.source).name)
    files.write_text(target, nbformat.writes(notebook))
    running.unlink()
    return target.name


def report(job: Job, result: RunResult, outcome: Outcome, cell: str) -> None:
    """Say how a run ended; for a failed one, where and why."""
    name = f"{result.recipe} {result.preset}"
    if result.state == "ok":
        value = f"{result.metric['metric']} {result.value_text}{' %' * (result.unit == 'percent')}"
        say(f"✓ {name} · {value} · {result.minutes:.1f} min · {result.peak_memory_mb:.0f} MB")
        return
    say(f"✗ {name} failed · {cell} · {result.reason}")
    head = outcome.source.strip().splitlines()
    for line in head[:6] + ["…"] * (len(head) > 6):
        say(f"    │ {line}")
    for line in outcome.trace[-15:]:
        say(f"    {line}")
    if result.notebook:
        say(f"    partial notebook: {recipes.shown(job.folder / result.notebook)}")
    say(f"    log: {recipes.shown(job.folder / 'log.txt')}")


def commit(root: Path) -> str | None:
    """The checkout's short commit, with `-dirty` where files differ from it; None outside git."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def print_list(args: argparse.Namespace) -> None:
    """The recipes with their presets; the parameters too of those that are named."""
    for one in itertools.chain(*choose(args.recipes, args.root)):
        presets = ", ".join(f"{name} (about {one.minutes[name]:g} min)" for name in one.presets)
        say(f"{one.name}: {one.title}\n  presets: {presets}")
        for p in one.parameters.values() if args.recipes else ():
            say(f"  {p.name} = {p.default!r}  # {p.comment}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m ci.run", description=__doc__)
    p.add_argument(
        "recipes", nargs="*", metavar="RECIPE",
        help="a recipe's name or folder, or `name/notebook` for one of several; none = all",
    )  # fmt: skip
    p.add_argument("--preset", action="append", help="quick, real, full …; may be repeated")
    p.add_argument(
        "-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="set a parameter of the notebook; may be repeated",
    )  # fmt: skip
    p.add_argument("-o", dest="out", type=Path, default=None, help="default: build/runs")
    p.add_argument("--timeout", type=float, metavar="MIN", help="instead of recipe.yaml's")
    p.add_argument(
        "--keep-going", action=argparse.BooleanOptionalAction, default=True,
        help="go on with the next run after a failure",
    )  # fmt: skip
    p.add_argument(
        "--skip-missing", action="store_true",
        help="skip a run whose published data cannot be had: no cache, mirror or network",
    )  # fmt: skip
    p.add_argument("--list", action="store_true", help="list recipes, presets and parameters")
    p.add_argument("--root", type=Path, default=ROOT, help="the project; default: this checkout")
    return p


def main(argv: list[str] | None = None) -> int:
    """Entry point. 0: all fine or skipped; 1: a failure; 2: wrong use; 130: Ctrl-C."""
    args = parser().parse_args(argv)
    args.preset = args.preset or ["quick"]
    args.root = args.root.resolve()
    args.out = (args.out or args.root / "build" / "runs").resolve()
    try:
        if args.list:
            print_list(args)
            return 0
        jobs = plan(args.recipes, args.preset, args.p, args.out, args.root, args.skip_missing)
    except (UsageError, recipes.RecipeError) as error:
        print(f"ci.run: {error}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup stays nohup
            signal.signal(number, lambda n, frame: sys.exit(128 + n))
    results: list[RunResult] = []
    stopped: BaseException | None = None
    try:
        for job in jobs:
            result, stopped = run_job(job, args.root, args.timeout)
            results.append(result)
            summary.add(args.out, result)
            if stopped or (result.state == "failed" and not args.keep_going):
                break
    except KeyboardInterrupt as interrupt:  # between two runs
        stopped = interrupt
    say("\n" + summary.table(results))
    if stopped:
        return stopped.code if isinstance(stopped, SystemExit) else 130
    return 1 if any(r.state == "failed" for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
