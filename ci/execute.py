"""The child process of one run: a notebook through papermill, news of it as JSON lines.

`python -m ci.execute SOURCE TARGET PARENT_PID` reads the parameters as JSON from standard input
and writes one JSON object per event to standard output. It ends itself, the kernel and whatever
the kernel started as soon as the process PARENT_PID is gone.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def kill_descendants(pid: int) -> None:
    """Kill every process below `pid`, but not `pid` itself, until none is left."""
    try:
        parent = psutil.Process(pid)
        for _ in range(20):  # a dying process may still start others
            below = [p for p in parent.children(recursive=True) if _alive(p)]
            if not below:
                return
            for process in below:
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    pass
            psutil.wait_procs(below, timeout=0.5)
    except psutil.NoSuchProcess:
        pass


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def label(source: str) -> str:
    """What a cell is called in the progress line: its first comment, else its first line."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    comments = [line.lstrip("# ") for line in lines if line.startswith("#")]
    return (comments or lines or [""])[0][:60]


def _adopt_orphans() -> None:
    """On Linux, make processes that lose their parent below us our children, not init's."""
    if sys.platform == "linux":
        PR_SET_CHILD_SUBREAPER = 36
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _die_with(parent: int) -> None:
    """Watch for the runner's end; a killed runner cannot clean up after itself."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.3)
        kill_descendants(os.getpid())
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run(source: Path, target: Path, parameters: dict[str, Any], send) -> int:
    """Execute `source` into `target`, telling `send(event, **fields)`; 0 if every cell passed."""
    import papermill
    from papermill.engines import NBClientEngine, papermill_engines

    class Engine(NBClientEngine):
        """papermill's own engine that also tells which cell is being run."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
            start = nb_man.cell_start
            code = [i for i, c in enumerate(nb_man.nb.cells) if c.cell_type == "code"]

            def cell_start(cell, cell_index=None, **more):
                if cell_index in code:
                    number = code.index(cell_index) + 1
                    send("cell", number=number, cells=len(code), label=label(cell.source))
                return start(cell, cell_index, **more)

            nb_man.cell_start = cell_start
            return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)

    papermill_engines.register("told", Engine)
    try:
        papermill.execute_notebook(
            source,
            target,
            parameters,
            engine_name="told",
            cwd=source.parent,
            progress_bar=False,
            start_timeout=180,  # seconds; a busy machine needs more than papermill's 60
            stdout_file=sys.stderr,  # the run's log.txt
            stderr_file=sys.stderr,
        )
    except papermill.PapermillExecutionError as error:
        trace = ANSI.sub("", "\n".join(error.traceback)).splitlines()
        last = trace[-1] if trace else f"{error.ename}: {error.evalue}"
        send("failed", source=error.source, trace=trace, reason=last[:300])
        return 1
    except Exception as error:  # the kernel died or never came up: told, not hidden
        name, text = type(error).__name__, ANSI.sub("", str(error)).strip()
        reason = f"{name}: {text}"[:300]
        if name == "DeadKernelError":
            reason = "the kernel died; most often the system ran out of memory"
        send("failed", source="", trace=text.splitlines(), reason=reason)
        return 1
    return 0


def main() -> int:
    """Entry point; see the module's text."""
    source, target, parent = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    _adopt_orphans()
    _die_with(parent)
    parameters = json.load(sys.stdin)
    # Events get a private descriptor. The kernel inherits descriptor 1, and what native
    # libraries print there must land in the log, not between the events.
    events = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def send(event: str, **fields: Any) -> None:
        with lock:
            events.write(json.dumps({"event": event, **fields}) + "\n")

    try:
        return run(source, target, parameters, send)
    finally:
        kill_descendants(os.getpid())


if __name__ == "__main__":
    sys.exit(main())
