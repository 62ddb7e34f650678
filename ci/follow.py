"""The runner's end of one run: starts the child process, follows it, stops it."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ci.execute import kill_descendants
from ci.recipe import ROOT

LINE_EVERY = 30.0  # seconds between progress lines where there is no terminal


@dataclass
class Outcome:
    """What the child process said before it ended."""

    reason: str = ""
    source: str = ""
    trace: list[str] = field(default_factory=list)
    peak_memory_mb: float = 0.0
    stopped: BaseException | None = None


class Progress:
    """One live line on a terminal, or a line every LINE_EVERY seconds in a log."""

    def __init__(self, name: str, minutes: float | None):
        self.name = name
        self.expected = f" of about {clock(60 * minutes)}" if minutes else ""
        self.cell = "starting the kernel"
        self.start = self.last = time.monotonic()
        self.terminal = sys.stdout.isatty()
        say(f"▶ {self.name}{self.expected.replace(' of', ':')}")

    def show(self) -> None:
        """Tell how far the run is, when it is time to."""
        now = time.monotonic()
        text = f"{self.name} · {clock(now - self.start)}{self.expected} · {self.cell}"
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", flush=True)
        elif now - self.last >= LINE_EVERY:
            self.last = now
            say(text)

    def clear(self) -> None:
        """Leave the line to whoever prints next."""
        if self.terminal:
            print("\r\x1b[K", end="", flush=True)


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def execute(
    source: Path,
    target: Path,
    parameters: dict[str, Any],
    *,
    root: Path,
    log: Path,
    limit: float,
    progress: Progress,
) -> Outcome:
    """Run `source` into `target` in a process of its own, for at most `limit` seconds."""
    outcome = Outcome()
    command = [sys.executable, "-m", "ci.execute", source, target, os.getpid()]
    events: queue.Queue[dict | None] = queue.Queue()
    with open(log, "wb") as log_file:
        child = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            cwd=root,
            env=environment(root),
            start_new_session=True,  # a terminal's Ctrl-C reaches the runner alone
        )
    try:
        child.stdin.write(json.dumps(parameters, default=str).encode())
        child.stdin.close()
        threading.Thread(target=_listen, args=(child.stdout, events), daemon=True).start()
        told_to_end = False
        while True:
            try:
                event = events.get(timeout=0.5)
                if event is None:
                    break
                if event["event"] == "cell":
                    progress.cell = "cell {number}/{cells} {label}".format(**event)
                elif not told_to_end:
                    outcome.reason = event["reason"]
                    outcome.source, outcome.trace = event["source"], event["trace"]
            except queue.Empty:
                pass
            outcome.peak_memory_mb = max(outcome.peak_memory_mb, tree_memory(child.pid))
            progress.show()
            if not told_to_end and time.monotonic() - progress.start > limit:
                told_to_end = True
                outcome.reason = f"stopped at its time limit of {limit / 60:g} min (--timeout MIN)"
                stop(child)
    except (KeyboardInterrupt, SystemExit) as interrupt:
        outcome.stopped = interrupt
        outcome.reason = "stopped before its end, by Ctrl-C or a signal"
        with deaf():
            stop(child)
    except BaseException:
        stop(child)
        raise
    code = child.wait()
    progress.clear()
    if code and not outcome.reason:
        outcome.reason = f"its process ended with code {code}"
        outcome.trace = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return outcome


def _listen(stream, events: queue.Queue) -> None:
    for line in stream:
        events.put(json.loads(line))
    events.put(None)


def stop(child: subprocess.Popen) -> None:
    """End the kernel and all it started, leave the child a moment to save, then end it as well."""
    kill_descendants(child.pid)
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()  # what it may still start ends by itself: a kernel watches its parent
        child.wait()


@contextmanager
def deaf() -> Iterator[None]:
    """No second Ctrl-C may cut off the cleaning up after the first."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    old = {n: signal.signal(n, signal.SIG_IGN) for n in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def environment(root: Path) -> dict[str, str]:
    """The child's environment: finds our packages, this interpreter's kernel, inline plots."""
    env = dict(os.environ)
    env.pop("MPLBACKEND", None)  # the kernel sets the inline backend only where this is unset
    env["JUPYTER_PREFER_ENV_PATH"] = "1"  # not some other python3 kernel of this user
    paths = [str(ROOT), str(root), env.get("PYTHONPATH", "")]
    env["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))
    return env


def tree_memory(pid: int) -> float:
    """Resident memory in MB of a process and all below it."""
    total = 0
    try:
        parent = psutil.Process(pid)
        processes = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            pass
    return total / 2**20
