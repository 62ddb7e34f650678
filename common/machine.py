"""What this computer is, and how much memory this process has held."""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import psutil
from pydantic import BaseModel


class Machine(BaseModel):
    """The computer: processor name, usable cores, host memory in GB, names of its NVIDIA cards."""

    cpu: str
    cores: int
    memory_gb: float
    gpus: list[str]


def describe() -> Machine:
    """Describe this computer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    names = re.findall(r"^model name\s*:\s*(.+)$", cpuinfo(), flags=re.MULTILINE)
    return Machine(
        cpu=names[0] if names else platform.processor() or platform.machine(),
        cores=cores or 1,
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        gpus=[f"{name}, {gigabytes:.1f} GB" for name, gigabytes in nvidia_cards()],
    )


def peak_memory_mb() -> float:
    """Highest host memory this process has held, in MB (2**20 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: its maximum survives exec, so a small child of a large parent
        # would report the parent's memory.
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        if found:
            return int(found.group(1)) / 2**10
    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):  # Windows
        return memory.peak_wset / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def peak_accelerator_memory_mb() -> float | None:
    """Highest memory held on the first accelerator in MB (2**20 bytes); None without one."""
    import keras

    backend = keras.backend.backend()
    peak: float | None = None
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.get_visible_devices("GPU"):
            peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    elif backend == "jax":
        import jax

        peak = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    elif backend == "torch":
        import torch

        peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    return None if peak is None else peak / 2**20


@functools.cache
def cpuinfo() -> str:
    """Linux's description of the processor; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


@functools.cache
def nvidia_cards() -> tuple[tuple[str, float], ...]:
    """Name and memory (GB, 2**30 bytes) of each NVIDIA card this process may use, in its order."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        rows = [line.rsplit(",", 1) for line in answer.stdout.strip().splitlines()]
        cards = tuple((name.strip(), float(mebibytes) / 2**10) for name, mebibytes in rows)
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None and re.fullmatch(r"(\d+(,\d+)*)?", chosen):
        return tuple(cards[int(i)] for i in chosen.split(",") if i and int(i) < len(cards))
    return cards
