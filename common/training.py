"""Keras training that can be killed at any moment and continued to the very same result."""

from __future__ import annotations

import importlib.util
import math
import random
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common.checkpoint import Checkpoints, set_values, settings_of, values_of
from common.history import History, Progress


def fit(
    model: keras.Model,
    train: Callable[[int], Iterable] | Any,
    validation: Any = None,
    *,
    epochs: int,
    steps_per_epoch: int | None = None,
    output_dir: str | Path | None,
    resume: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    patience: int | None = None,
    monitor: str = "val_accuracy",
    mode: str = "auto",
    restore_best: bool = True,
    tensorboard: bool = False,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    log: Callable[[str], Any] | None = print,
) -> History:
    """Train a compiled, built model; continue where a killed run stopped, with the same result.

    Args:
        model: compiled and built (call it on one batch, or give it an Input). An optimizer with
            `use_ema=True` is validated, and ends, with the averaged weights.
        train: a function epoch (0, 1, ...) -> tf.data.Dataset, keras.utils.PyDataset or iterable
            of batches, of known length unless steps_per_epoch is given. The order of an epoch's
            examples may depend on the seed and the epoch only; that makes resuming exact. A
            dataset without shuffling may be given directly. Batches of differing length need a
            tf.data.Dataset; there, switch off autotune in its options where epochs are short
            (closing an epoch's iterator then waits for its threads, for a second or more).
        validation: anything `model.evaluate` takes, arrays as a tuple. It picks the best epoch,
            so it must not be the test set.
        epochs: total number of epochs, those of a continued run included.
        steps_per_epoch: batches taken from each epoch's data; None takes all.
        output_dir: checkpoints go to `output_dir/checkpoint`; None keeps none.
        resume: continue from a checkpoint there; False deletes it and starts afresh.
        callbacks: they see one training from begin to end. State kept in a callback's Python
            attributes (ReduceLROnPlateau's counter) starts anew in a continued run.
        patience: stop after so many epochs without a better `monitor`; None never stops early.
        monitor: the metric that picks the best epoch; without validation data the last counts.
        mode: "max", "min", or "auto" by the metric's name.
        restore_best: end with the best epoch's weights and not the last's.
        tensorboard: write event files to `output_dir/tensorboard`.
        seed: Python's, NumPy's and PyTorch's generators are seeded anew from (seed, epoch) as each
            epoch begins; tf.data's and keras.random's operations need seeds of their own.
        settings: what else must be the same in a continued run (data fingerprint, batch size).
        log: receives one line an epoch; None is silent.

    Raises:
        ValueError: a parameter is wrong, or the checkpoint was made with other settings.
        FloatingPointError: the loss became infinite or not a number.
    """
    log = log or (lambda line: None)
    _check(model, epochs, steps_per_epoch, patience, mode, output_dir, tensorboard, seed)
    watched = validation is not None and (restore_best or patience is not None)
    sign = _sign(monitor, mode) if watched else 0
    checkpoints = Checkpoints(Path(output_dir) / "checkpoint", log) if output_dir else None
    fixed = settings_of(
        model, seed=seed, steps_per_epoch=steps_per_epoch, restore_best=restore_best,
        monitor=monitor if watched else None, **{"settings": dict(settings or {})},
    )
    history, best = History(), None
    if checkpoints and resume:
        done, state, best = checkpoints.restore(model, fixed)
        if done:
            history = History.model_validate(state["history"] | {"resumed_from": done})
            log(f"Continuing after epoch {done}, from {checkpoints.folder}.")
        if done > epochs:
            raise ValueError(f"epochs={epochs}, but {checkpoints.folder} already holds {done} "
                             "epochs; raise epochs, or start afresh with resume=False.")
    elif checkpoints:
        checkpoints.clear()

    if tensorboard:
        events = keras.callbacks.TensorBoard(Path(output_dir) / "tensorboard", write_graph=False)
        callbacks = [*callbacks, events]
    callback_list = _OneTraining(callbacks, model, epochs, steps_per_epoch, seed)
    progress = Progress(epochs, log)
    callback_list.begin()
    try:
        for epoch in range(history.epochs, epochs):
            if _exhausted(history, monitor, sign, patience) or history.stopped_early:
                break
            _seed_epoch(seed, epoch)
            started = time.perf_counter()
            logs, rate = _one_epoch(model, train, epoch, steps_per_epoch, callback_list)
            if not math.isfinite(logs.get("loss", 0.0)):
                raise FloatingPointError(
                    f"The loss became {logs['loss']} in epoch {epoch + 1}. Lower the learning "
                    "rate, clip gradients, or look for infinite values in the data."
                )
            if validation is not None:
                logs |= _evaluate(model, validation, callback_list)
            callback_list.epoch_end(epoch, logs)
            if sign and monitor not in logs:
                raise ValueError(f"monitor={monitor!r} is not measured; choose one of "
                                 f"{', '.join(logs)}.")
            history.add(logs, time.perf_counter() - started, rate)
            history.best_epoch = _best_epoch(history, monitor, sign)
            history.stopped_early = bool(model.stop_training) and epoch + 1 < epochs
            improved = restore_best and history.best_epoch == epoch + 1
            if improved:
                best = values_of(model.weights)
            callback_list.put_back_raw_weights()
            if checkpoints:
                if improved:
                    checkpoints.save_best(best, epoch + 1)
                checkpoints.save(model, epoch + 1, _state(history, fixed, best is not None))
            progress.line(history, logs, rate)
    except KeyboardInterrupt:
        done = checkpoints.newest() if checkpoints else 0
        advice = (f"epochs up to {done} are saved in {checkpoints.folder}; run again with "
                  "resume=True to continue" if done else "no finished epoch was saved")
        log(f"Interrupted before epoch {done + 1}/{epochs} was finished: {advice}.")
        raise
    if history.epochs < epochs and _exhausted(history, monitor, sign, patience):
        history.stopped_early = True
        log(f"Stopped early: {monitor} has not improved for {patience} epochs "
            f"(best in epoch {history.best_epoch}).")
    if best is not None:
        set_values(model.weights, best)
    elif callback_list.averages:
        _put_averages(model)
    callback_list.end()
    # What follows must not depend on whether the epochs were trained here or found saved.
    _seed_epoch(seed, epochs)
    return history


class _OneTraining(keras.callbacks.CallbackList):
    """Lets callbacks see one training although Keras's fit is called once for each epoch.

    One call an epoch gives each epoch its own data and leaves the model's state whole on every
    backend between epochs; it costs a few milliseconds and traces nothing again.
    """

    def __init__(self, callbacks: Sequence, model: keras.Model, epochs: int, steps: int | None,
                 seed: int) -> None:
        inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        self.averages = bool(getattr(inner, "use_ema", False))
        self.seed = seed
        self.raw: list[np.ndarray] | None = None
        self.logs: dict[str, float] = {}
        super().__init__(list(callbacks), add_history=True, model=model, epochs=epochs, steps=steps,
                         verbose=0)

    def on_train_begin(self, logs: Any = None) -> None:
        """Nothing: `begin` has told the callbacks."""

    def on_train_end(self, logs: Any = None) -> None:
        """Nothing: `end` tells the callbacks."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Seed again: a first call of fit draws numbers while it builds, later ones do not."""
        _seed_epoch(self.seed, epoch)
        super().on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the raw weights: fit now puts the averages in their place, as if training ended."""
        self.logs = {name: float(value) for name, value in (logs or {}).items()}
        if self.averages:
            self.raw = values_of(self.model.trainable_variables)

    def begin(self) -> None:
        super().on_train_begin()

    def epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        super().on_epoch_end(epoch, dict(logs))

    def put_back_raw_weights(self) -> None:
        if self.raw is not None:
            set_values(self.model.trainable_variables, self.raw)

    def end(self) -> None:
        super().on_train_end()


def _one_epoch(
    model: keras.Model, train: Any, epoch: int, steps: int | None, callbacks: _OneTraining
) -> tuple[dict[str, float], float | None]:
    """Train one epoch; return its metrics and the examples per second."""
    data, steps = _batches(train(epoch) if callable(train) else train, steps, model)
    started = time.perf_counter()
    with warnings.catch_warnings():
        action = "ignore" if steps is None else "error"
        warnings.filterwarnings(action, message="Your input ran out of data")
        try:
            model.fit(data, epochs=epoch + 1, initial_epoch=epoch, steps_per_epoch=steps,
                      verbose=0, shuffle=False, callbacks=callbacks)
        except UserWarning as error:
            raise ValueError(f"train({epoch}) gave fewer batches than steps_per_epoch={steps}; "
                             "lower steps_per_epoch, or let the data repeat.") from error
    seconds = time.perf_counter() - started
    if callbacks.averages:
        _put_averages(model)
    # Keras's loss tracker weighs by batch size, so its count is the number of examples.
    tracker = next((m for m in model.metrics if m.name == "loss" and hasattr(m, "count")), None)
    examples = float(keras.ops.convert_to_numpy(tracker.count)) if tracker else None
    return callbacks.logs, examples / seconds if examples else None


def _put_averages(model: keras.Model) -> None:
    """Give the model copies of its averaged weights.

    Keras assigns them without a copy on JAX, and evaluating then frees the optimizer's own.
    """
    model.optimizer.finalize_variable_values(model.trainable_variables)
    set_values(model.trainable_variables, values_of(model.trainable_variables))


def _batches(data: Any, steps: int | None, model: keras.Model) -> tuple[Any, int | None]:
    """One epoch's data as Keras takes it, and its number of batches where that must be told.

    When TensorFlow asks for a batch after the last, the step fails only after it has counted
    the optimizer's iterations and the dropout generators up: the learning rate's schedule runs
    ahead and a resume is no longer exact. So there the number must be known.
    """
    if isinstance(data, tuple):
        raise ValueError("train gives a tuple; give an iterable of (inputs, targets) batches, "
                         "such as tf.data.Dataset.from_tensor_slices(arrays).batch(32).")
    if hasattr(data, "element_spec"):
        length = int(data.cardinality())
        if steps is not None:  # never more than asked, even with several steps an execution
            data = data.take(steps)
        elif length == -1:
            raise ValueError("train gives data that repeats without end; give steps_per_epoch.")
        known = length >= 0
    elif isinstance(data, keras.utils.PyDataset) or type(data).__module__.startswith("torch."):
        known = True
    else:  # of plain iterables Keras takes generators only
        known = hasattr(data, "__len__")
        steps = min(len(data), steps or len(data)) if known else steps
        data = (batch for batch in islice(data, steps))
    counts_ahead = keras.backend.backend() == "tensorflow" and model.steps_per_execution == 1
    if counts_ahead and steps is None and not known:
        raise ValueError(
            "train gives data of unknown length. Give steps_per_epoch; or tell the dataset: "
            "dataset.apply(tf.data.experimental.assert_cardinality(batches)); or compile the "
            "model with steps_per_execution=2 or more."
        )
    return data, steps


def _evaluate(model: keras.Model, validation: Any, callbacks: _OneTraining) -> dict[str, float]:
    arrays = validation if isinstance(validation, tuple) else (validation,)
    names = dict(zip(("x", "y", "sample_weight"), arrays, strict=False))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        logs = model.evaluate(**names, verbose=0, return_dict=True, callbacks=callbacks)
    return {f"val_{name}": float(value) for name, value in logs.items()}


def _state(history: History, settings: dict[str, Any], has_best: bool) -> dict[str, Any]:
    return {
        "settings": settings,
        "history": history.model_dump(),
        "best_epoch": history.best_epoch if has_best else None,
    }


def _best_epoch(history: History, monitor: str, sign: int) -> int | None:
    if not sign:
        return None
    return int(np.argmax([sign * value for value in history.metrics[monitor]])) + 1


def _exhausted(history: History, monitor: str, sign: int, patience: int | None) -> bool:
    """Whether patience is at an end; read from the history, so it survives a kill."""
    if patience is None or not sign or not history.epochs:
        return False
    return history.epochs - _best_epoch(history, monitor, sign) >= patience


def _sign(monitor: str, mode: str) -> int:
    if mode == "auto":
        parts = monitor.removeprefix("val_").split("_")
        if {"loss", "error", "perplexity", "mae", "mse", "rmse"} & set(parts):
            return -1
        if {"accuracy", "acc", "auc", "precision", "recall", "f1", "score", "iou"} & set(parts):
            return 1
        raise ValueError(f"mode='auto' cannot tell whether more of {monitor!r} is better; write "
                         'mode="max" or mode="min".')
    return 1 if mode == "max" else -1


def _seed_epoch(seed: int, epoch: int) -> None:
    # Not keras.utils.set_random_seed: seeding TensorFlow empties its cache of prepared functions,
    # which costs more than half a second an epoch. Keras's layers keep their own generators,
    # except on PyTorch, whose dropout draws from the global one.
    number = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    random.seed(number)
    np.random.seed(number)
    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(number)


def _check(model: Any, epochs: Any, steps: Any, patience: Any, mode: str, output_dir: Any,
           tensorboard: bool, seed: Any) -> None:
    if not (isinstance(seed, int) and seed >= 0):
        raise ValueError(f"seed={seed!r}: write a whole number of at least 0.")
    for name, value in (("epochs", epochs), ("steps_per_epoch", steps), ("patience", patience)):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if not whole and (value is not None or name == "epochs"):
            raise ValueError(f"{name}={value!r}: write a whole number of at least 1.")
    if mode not in ("auto", "min", "max"):
        raise ValueError(f'mode={mode!r}: write "auto", "min" or "max".')
    if tensorboard and not output_dir:
        raise ValueError("tensorboard=True needs an output_dir to write to.")
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ValueError("tensorboard=True needs the package tensorboard: pip install tensorboard.")
    if not getattr(model, "compiled", False):
        raise ValueError("model is not compiled; call model.compile(...) before training.fit.")
    if not model.built:
        raise ValueError("model is not built; call it on one batch, or give it a keras.Input.")
