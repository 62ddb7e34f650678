"""What a training gave epoch by epoch, and the line that reports an epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from pydantic import BaseModel

from common.machine import peak_memory_mb


class History(BaseModel):
    """What each epoch gave: lists with one entry an epoch, the first epoch first.

    `metrics` holds the losses and metrics by Keras's names ("loss", "val_accuracy"),
    `seconds` an epoch's whole time, `examples_per_second` the training part's speed,
    `peak_memory_mb` the process's highest memory so far (2**20 bytes).
    """

    metrics: dict[str, list[float]] = {}
    seconds: list[float] = []
    examples_per_second: list[float | None] = []
    peak_memory_mb: list[float] = []
    best_epoch: int | None = None  # counted from 1
    stopped_early: bool = False
    resumed_from: int = 0  # finished epochs found in the checkpoint

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.seconds)

    def to_frame(self) -> pd.DataFrame:
        """One row an epoch, counted from 1."""
        columns = self.metrics | {
            "seconds": self.seconds,
            "examples_per_second": self.examples_per_second,
            "peak_memory_mb": self.peak_memory_mb,
        }
        return pd.DataFrame(columns, index=pd.RangeIndex(1, self.epochs + 1, name="epoch"))

    def add(self, logs: Mapping[str, float], seconds: float, rate: float | None) -> None:
        """Append one finished epoch."""
        for name, value in logs.items():
            self.metrics.setdefault(name, []).append(float(value))
        self.seconds.append(seconds)
        self.examples_per_second.append(rate)
        self.peak_memory_mb.append(peak_memory_mb())


class Progress:
    """One line an epoch; the time left is judged by the epochs trained in this process."""

    def __init__(self, epochs: int, log: Callable[[str], Any]) -> None:
        self.epochs = epochs
        self.log = log
        self.seen = 0

    def line(self, history: History, logs: Mapping[str, float], rate: float | None) -> None:
        """Log the epoch that `history` ends with."""
        self.seen += 1
        # The first epoch here also compiles, so later ones foretell better.
        recent = history.seconds[-self.seen:][1:] or history.seconds[-1:]
        left = (self.epochs - history.epochs) * sum(recent) / len(recent)
        parts = [f"epoch {history.epochs}/{self.epochs}"]
        # Training before validation and each loss first; Keras sorts by name only.
        names = sorted(logs, key=lambda name: (name.startswith("val_"), "loss" not in name))
        parts += [f"{name} {logs[name]:.4g}" for name in names]
        parts += [f"{rate:,.0f} examples/s"] if rate else []
        time_text = duration(history.seconds[-1])
        parts += [f"{time_text}, {duration(left)} left" if left else time_text]
        self.log("  ".join(parts))


def duration(seconds: float) -> str:
    """Seconds as a reader says them: "0.3 s", "12 s", "1 min 20 s", "2 h 5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
