"""Settings to make before the framework takes the hardware, and a card that says what holds.

Call `setup` first in a notebook or program. One gigabyte is 2**30 bytes here, as nvidia-smi counts.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from common import machine
from common.quiet import quiet_start

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "auto")


class DeviceCard(BaseModel):
    """What `setup` found and what holds now; `warnings` lists what could not take effect."""

    model_config = ConfigDict(frozen=True)

    backend: str
    versions: dict[str, str]
    machine: machine.Machine
    accelerators: list[str]
    memory: str
    precision: str
    threads: str
    seed: int
    warnings: list[str] = []

    def _rows(self) -> list[tuple[str, str]]:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        host = self.machine
        return [
            ("Backend", f"{self.backend} ({versions})"),
            ("Trains on", ", ".join(self.accelerators) or "CPU (no accelerator in use)"),
            ("CPU", f"{host.cpu}, {host.cores} cores, {host.memory_gb:.1f} GB memory"),
            ("Accelerator memory", self.memory),
            ("Precision", self.precision),
            ("Threads", self.threads),
            ("Seed", str(self.seed)),
            *[("Warning", text) for text in self.warnings],
        ]

    def __str__(self) -> str:
        return "\n".join(f"{name + ':':<20}{text}" for name, text in self._rows())

    def _repr_markdown_(self) -> str:
        rows = "\n".join(f"| {name} | {text.replace('|', '/')} |" for name, text in self._rows())
        return f"| Device | |\n|---|---|\n{rows}"


@quiet_start()
def setup(
    memory: str | float | None = "grow",
    visible: Sequence[int] | None = None,
    precision: str = "float32",
    threads: int | None = None,
    seed: int = 0,
) -> DeviceCard:
    """Set up the active Keras backend's devices, precision and seeds; return the device card.

    Args:
        memory: accelerator memory. "grow" takes it as needed, "8GB" is a hard limit per card,
            a float in (0, 1] is a hard limit as a share of the card, None leaves the
            framework's default (TensorFlow and JAX take nearly the whole card at once).
        visible: indices of the accelerators to use, [] for the CPU alone, None for all.
        precision: Keras dtype policy, or "auto": mixed_bfloat16 on TPUs and on GPUs of compute
            capability 8 and more, mixed_float16 on 7, float32 elsewhere.
        threads: CPU threads of the framework, None for its default (one per core).
        seed: seeds Python, NumPy, Keras and the backend; 0 to 2**32 - 1.

    Settings that come too late (the framework already holds the device) change nothing and are
    reported in the card's `warnings`; start the process or kernel afresh to apply them.

    Raises:
        ValueError: a value is wrong; the message names the parameter and the mend.
    """
    _check(memory, visible, precision, threads, seed)
    warnings: list[str] = []
    if visible is not None and not visible and "keras" not in sys.modules:
        os.environ["KERAS_TORCH_DEVICE"] = "cpu"  # read once, when Keras loads its torch backend

    import keras

    backend = keras.backend.backend()
    if backend not in _BACKENDS:
        raise ValueError(f"KERAS_BACKEND={backend!r} cannot train; set it to one of "
                         f"{', '.join(_BACKENDS)} before Python starts.")
    module, accelerators, limits, best, used_threads = _BACKENDS[backend](
        memory, visible, threads, warnings
    )
    if not accelerators and memory not in (None, "grow"):
        warnings.append(f"memory={memory!r} has no effect: no accelerator is in use, and host "
                        "memory is not limited.")
    if len(accelerators) > 1:
        warnings.append(f"{len(accelerators)} accelerators are visible and one trains unless the "
                        "recipe says otherwise; visible=[0] leaves the others free.")
    if precision == "auto":
        precision = best
    elif not accelerators:
        _warn_of_slow_precision(precision, warnings)
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(seed)
    if backend != "tensorflow":
        _keep_tensorflow_off_the_accelerator(warnings)
    versions = {"python": platform.python_version(), "keras": keras.__version__}
    return DeviceCard(
        backend=backend,
        versions=versions | {backend: str(module.__version__)},
        machine=machine.describe(),
        accelerators=accelerators,
        memory="; ".join(dict.fromkeys(limits)) if accelerators else "none in use",
        precision=precision,
        threads=str(used_threads) if used_threads else "framework default (one per core)",
        seed=seed,
        warnings=warnings,
    )


# --- the three backends: (module, accelerators, memory texts, best precision, threads or 0) ---


def _tensorflow(memory: Any, visible: Any, threads: Any, warnings: list[str]) -> tuple:
    import tensorflow as tf

    used = [d for kind in ("GPU", "TPU") for d in tf.config.list_physical_devices(kind)]
    cards = machine.nvidia_cards()
    sizes = {d.name: gb for d, (_, gb) in zip(used, cards, strict=False)}
    chosen = _choose(used, visible)
    if chosen != used and _in_time(
        "visible", tf.config.set_visible_devices, chosen, used[0].device_type, warnings=warnings
    ):
        used = chosen
    names, limits, capabilities = [], [], []
    for device in used:
        details = {}
        if device.device_type == "GPU":
            details = tf.config.experimental.get_device_details(device)
            limit = _limit_gigabytes(memory, sizes.get(device.name), warnings)
            if limit is not None:
                config = tf.config.LogicalDeviceConfiguration(memory_limit=int(limit * 2**10))
                call, value = tf.config.set_logical_device_configuration, [config]
            else:
                call, value = tf.config.experimental.set_memory_growth, memory is not None
            held = _in_time("memory", call, device, value, warnings=warnings)
            limits.append(_memory_text(memory, limit) if held else "as set earlier")
        capabilities.append(details.get("compute_capability", (0, 0)))
        names.append(f"{device.name.split(':', 1)[-1]} {details.get('device_name', '')}".strip())
    if threads is not None:
        threading = tf.config.threading
        for pool in (threading.set_intra_op_parallelism_threads,
                     threading.set_inter_op_parallelism_threads):
            _in_time("threads", pool, threads, warnings=warnings)
    best = _best_precision(capabilities, tpu=any(d.device_type == "TPU" for d in used))
    return tf, names, limits, best, tf.config.threading.get_intra_op_parallelism_threads()


def _jax(memory: Any, visible: Any, threads: Any, warnings: list[str]) -> tuple:
    import jax
    from jax._src import xla_bridge  # JAX has no public way to ask whether devices are taken

    cards = machine.nvidia_cards()
    smallest = min((gigabytes for _, gigabytes in cards), default=None)
    limit = None
    wanted = {} if memory is None else {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if smallest is not None:
        limit = _limit_gigabytes(memory, smallest, warnings)
        if limit is not None:
            wanted["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{limit / smallest:.4f}"
    elif isinstance(memory, float):
        wanted["XLA_PYTHON_CLIENT_MEM_FRACTION"] = str(memory)
    late = xla_bridge.backends_are_initialized()
    if late:
        changed = any(os.environ.get(name) != value for name, value in wanted.items())
    else:
        os.environ.update(wanted)
        if "XLA_PYTHON_CLIENT_MEM_FRACTION" in wanted:
            os.environ.pop("XLA_CLIENT_MEM_FRACTION", None)  # JAX refuses both at once
        if visible is not None and not visible:
            jax.config.update("jax_platforms", "cpu")
        elif visible is not None:
            _choose(list(cards), visible)
            jax.config.update("jax_cuda_visible_devices", ",".join(map(str, visible)))
    used = [device for device in jax.devices() if device.platform != "cpu"]
    if late and used:
        if changed:
            warnings.append(_too_late("memory"))
        if visible is not None and [device.local_hardware_id for device in used] != list(visible):
            warnings.append(_too_late("visible"))
    if threads is not None:
        warnings.append("threads has no effect: JAX has no such setting; start Python under "
                        f"`taskset -c 0-{threads - 1}` instead.")
    names = [f"{device.platform.upper()}:{device.id} {device.device_kind}" for device in used]
    capabilities = [
        tuple(int(part) for part in str(getattr(device, "compute_capability", "0")).split("."))
        for device in used
    ]
    best = _best_precision(capabilities, tpu=any(device.platform == "tpu" for device in used))
    return jax, names, [_memory_text(memory, limit)], best, 0


def _torch(memory: Any, visible: Any, threads: Any, warnings: list[str]) -> tuple:
    import keras
    import torch

    used = _choose(list(range(torch.cuda.device_count())), visible)
    limits = []
    for index in used:
        total = torch.cuda.get_device_properties(index).total_memory / 2**30
        limit = _limit_gigabytes(memory, total, warnings)
        if limit is not None:
            torch.cuda.set_per_process_memory_fraction(limit / total, index)
        limits.append(_memory_text("grow", limit))  # PyTorch always takes memory as needed
    if visible and used:
        torch.cuda.set_device(used[0])  # Keras places tensors on PyTorch's current card
    elif visible is not None and keras.ops.zeros(()).device.type != "cpu":
        warnings.append(_too_late("visible"))
    if threads is not None:
        torch.set_num_threads(threads)
    names = [f"GPU:{index} {torch.cuda.get_device_name(index)}" for index in used]
    best = _best_precision([torch.cuda.get_device_capability(index) for index in used])
    return torch, names, limits, best, torch.get_num_threads()


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


def _keep_tensorflow_off_the_accelerator(warnings: list[str]) -> None:
    """A tf.data pipeline beside JAX or PyTorch would otherwise take the whole card."""
    tf = sys.modules.get("tensorflow")  # Keras's seeding loads it wherever it is installed
    if tf is not None and tf.config.list_physical_devices("GPU"):
        _in_time("visible (of tf.data)", tf.config.set_visible_devices, [], "GPU",
                 warnings=warnings)


# --- small helpers ---


def _check(memory: Any, visible: Any, precision: Any, threads: Any, seed: Any) -> None:
    def whole(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    share = isinstance(memory, float) and 0 < memory <= 1
    if not (memory is None or memory == "grow" or share or _gigabytes(memory) > 0):
        raise ValueError(f'memory={memory!r}: write "grow", a limit such as "8GB", a share of '
                         "the card such as 0.5, or None for the framework's default.")
    if visible is not None and (
        not isinstance(visible, list | tuple | range)
        or not all(whole(index) and index >= 0 for index in visible)
        or len(set(visible)) < len(visible)
    ):
        raise ValueError(f"visible={visible!r}: write a list of different device indices such "
                         "as [0], [] for the CPU alone, or None for all.")
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r}: write one of {', '.join(PRECISIONS)}.")
    if threads is not None and not (whole(threads) and threads >= 1):
        raise ValueError(f"threads={threads!r}: write a whole number of at least 1, or None.")
    if not (whole(seed) and 0 <= seed < 2**32):
        raise ValueError(f"seed={seed!r}: write a whole number from 0 to 4294967295.")


def _in_time(parameter: str, call: Callable, *values: Any, warnings: list[str]) -> bool:
    try:
        call(*values)
    except (RuntimeError, ValueError):
        # Both are how TensorFlow and PyTorch say that the device or pool is already in use.
        if _too_late(parameter) not in warnings:
            warnings.append(_too_late(parameter))
        return False
    return True


def _too_late(parameter: str) -> str:
    return (f"{parameter} came too late and has no effect: the framework was already running. "
            "Restart the kernel and call device.setup first.")


def _choose(present: list, visible: Sequence[int] | None) -> list:
    if visible is None:
        return present
    if any(index >= len(present) for index in visible):
        mend = f"write indices below {len(present)}" if present else "write None"
        raise ValueError(f"visible={list(visible)}: this machine shows {len(present)} "
                         f"accelerators; {mend}, or [] for the CPU alone.")
    return [present[index] for index in visible]


def _gigabytes(memory: Any) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?GB", memory) if isinstance(memory, str) else None
    return float(found.group(1)) if found else 0.0


def _limit_gigabytes(memory: Any, total: float | None, warnings: list[str]) -> float | None:
    """The hard limit in GB of a card of `total` GB; None for none."""
    if memory is None or memory == "grow":
        return None
    if isinstance(memory, float):
        if total is None:
            warnings.append("memory as a share needs nvidia-smi to know the card's size; "
                            "memory grows as needed instead.")
            return None
        return memory * total
    limit = _gigabytes(memory)
    if total is not None and limit > total:
        raise ValueError(f"memory={memory!r}: the card has {total:.1f} GB; write less.")
    return limit


def _memory_text(memory: Any, limit: float | None) -> str:
    if limit is not None:
        return f"at most {limit:.1f} GB a card"
    return "framework default (most of the card at once)" if memory is None else "grows as needed"


def _best_precision(capabilities: list[tuple[int, ...]], tpu: bool = False) -> str:
    lowest = min((capability[0] for capability in capabilities), default=0)
    if tpu or lowest >= 8:
        return "mixed_bfloat16"
    return "mixed_float16" if lowest == 7 else "float32"


def _warn_of_slow_precision(precision: str, warnings: list[str]) -> None:
    flags = machine.cpuinfo()
    native = "avx512_bf16" in flags or "amx_bf16" in flags
    if precision == "mixed_float16" or (precision == "mixed_bfloat16" and flags and not native):
        warnings.append(f"precision={precision!r} is slower than float32 on this CPU; "
                        'precision="auto" picks what the device is quick at.')
