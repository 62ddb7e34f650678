"""Whole-state checkpoints of a Keras training, one file an epoch, without pickles.

Keras's own `save_weights` leaves out the states of the random generators (dropout, noise), so
training continued from it draws other noise than an unbroken run. Here every variable is kept:
weights, running statistics, generator states and the optimizer's variables.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common import files

KEEP = 2  # the newest, and one before it in case the newest is damaged
_DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)


class CheckpointError(ValueError):
    """A checkpoint does not belong to this training."""


class Checkpoints:
    """The checkpoints of one training in `folder`: `epoch_0003.npz`, and `best_0002.npz`."""

    def __init__(self, folder: Path, log: Callable[[str], Any]) -> None:
        self.folder = folder
        self.log = log

    def save(self, model: keras.Model, epoch: int, state: Mapping[str, Any]) -> None:
        """Save everything after `epoch` epochs; `state` is JSON-ready."""
        _write(self._path(epoch), values_of(_variables(model)), state)
        for old in self._epochs()[:-KEEP]:
            self._path(old).unlink(missing_ok=True)

    def save_best(self, weights: list[np.ndarray], epoch: int) -> None:
        """Save the weights of the best epoch so far; forget those no checkpoint refers to."""
        held = sorted(self.folder.glob("best_*.npz"))
        _write(self._best_path(epoch), weights, {"epoch": epoch})
        for old in held[:-KEEP]:
            old.unlink(missing_ok=True)

    def restore(
        self, model: keras.Model, settings: Mapping[str, Any]
    ) -> tuple[int, dict[str, Any], list[np.ndarray] | None]:
        """Restore the newest whole checkpoint into the built model and its optimizer.

        Returns:
            Finished epochs (0 when there is nothing to continue), the saved state, and the best
            weights where the state names a `best_epoch`.

        Raises:
            CheckpointError: it was made with other settings; the message names them.
        """
        for epoch in reversed(self._epochs()):
            path = self._path(epoch)
            try:
                arrays, state = _read(path)
                best = None
                if state.get("best_epoch"):
                    best, _ = _read(self._best_path(state["best_epoch"]))
            except _DAMAGE as error:
                self.log(f"The checkpoint {path} is damaged ({error}); trying the one before it.")
                continue
            _refuse_other_settings(path, state["settings"], settings)
            set_values(_variables(model), arrays)
            return epoch, state, best
        if self._epochs():
            self.log(f"No checkpoint in {self.folder} is whole; training starts anew.")
            self.clear()
        return 0, {}, None

    def newest(self) -> int:
        """Number of finished epochs in the newest checkpoint, 0 without one."""
        return max(self._epochs(), default=0)

    def clear(self) -> None:
        """Delete the checkpoints of this training, and nothing else in the folder."""
        for kind in ("epoch", "best"):
            for pattern in (f"{kind}_*.npz", f".{kind}_*.part.npz"):  # half-written by a killed run
                for path in self.folder.glob(pattern):
                    path.unlink(missing_ok=True)

    def _epochs(self) -> list[int]:
        numbers = (path.stem.removeprefix("epoch_") for path in self.folder.glob("epoch_*.npz"))
        return sorted(int(number) for number in numbers if number.isdecimal())

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch:04d}.npz"

    def _best_path(self, epoch: int) -> Path:
        return self.folder / f"best_{epoch:04d}.npz"


def values_of(variables: list[Any]) -> list[np.ndarray]:
    """Copies of the values of Keras variables."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def set_values(variables: list[Any], arrays: list[np.ndarray]) -> None:
    """Assign arrays to variables of the same order and shapes."""
    for variable, array in zip(variables, arrays, strict=True):
        if array.dtype.kind == "V":  # how .npz keeps bfloat16
            import ml_dtypes

            array = array.view(ml_dtypes.bfloat16)
        variable.assign(array)


def settings_of(model: keras.Model, **others: Any) -> dict[str, Any]:
    """What must not change between a broken training and its continuation, flat and JSON-ready.

    The model's shapes, the compiled optimizer, loss and metrics, the dtype policy and the
    backend, and `others`.
    """
    shapes = {f"{i:04d}": f"{tuple(v.shape)} {v.dtype}" for i, v in enumerate(_variables(model))}
    nested = {
        "backend": keras.backend.backend(),
        "precision": keras.config.dtype_policy().name,
        "variable": shapes,
        **model.get_compile_config(),
        **others,
    }
    plain = json.loads(json.dumps(nested, default=_plain))
    return dict(sorted(_flat(plain)))


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return value.item()
    return type(value).__name__  # not str(value): an address differs from run to run


def _flat(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        return [(path, value)]
    # "name" of an optimizer or metric counts up when a model is built twice in one process.
    return [
        entry
        for key, inner in value.items()
        if key not in ("name", "module", "registered_name", "build_config")
        for entry in _flat(inner, path if key == "config" else f"{path}.{key}".strip("."))
    ]


def _refuse_other_settings(path: Path, then: Mapping, now: Mapping) -> None:
    changed = [key for key in sorted(set(then) | set(now)) if then.get(key) != now.get(key)]
    if changed:
        details = "; ".join(
            f"{key} was {_short(then.get(key))}, now {_short(now.get(key))}" for key in changed[:4]
        ) + (f"; and {len(changed) - 4} more" if len(changed) > 4 else "")
        raise CheckpointError(
            f"{path} was made with other settings: {details}. Set them back to continue it, "
            "or train from the beginning with resume=False or another output folder."
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _variables(model: keras.Model) -> list[Any]:
    """Every variable of model and optimizer that outlives an epoch, in an order builds share.

    By order and not by path: Keras counts names up when a model is built twice in a process.
    """
    optimizer = model.optimizer
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    return [*model.trainable_variables, *model.non_trainable_variables, *optimizer.variables]


def _write(path: Path, arrays: list[np.ndarray], state: Mapping[str, Any]) -> None:
    with files.whole(path) as aside, open(aside, "wb") as file:
        named = {f"variable_{i:05d}": array for i, array in enumerate(arrays)}
        np.savez(file, state=np.array(json.dumps(state)), **named)
        file.flush()
        os.fsync(file.fileno())  # a power cut must not leave a renamed but empty file


def _read(path: Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    with np.load(path, allow_pickle=False) as saved:  # zip checks every array's checksum
        names = sorted(name for name in saved.files if name != "state")
        return [saved[name] for name in names], json.loads(str(saved["state"]))
