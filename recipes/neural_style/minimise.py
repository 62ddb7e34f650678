"""Adam and L-BFGS behind one interface: both can be stopped and go on as if they had not been."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from scipy import optimize

from recipes.neural_style.objective import GradientRecorder, Objective

SEGMENT = 25  # iterations of L-BFGS before its memory of the curve is emptied


def minimise(
    objective: Objective,
    optimizer: str,
    steps: int,
    learning_rate: float,
    jit: bool | str = "auto",
    state: list[np.ndarray] | None = None,
    done: int = 0,
) -> Iterator[int]:
    """Change the objective's picture; yield how many steps are done, whenever one could stop.

    Args:
        objective: with its picture and targets set.
        optimizer: "adam", or "lbfgs" (SciPy's L-BFGS-B, held between 0 and 1; Byrd et al. 1995).
        steps: iterations in all.
        learning_rate: of Adam.
        jit: compile with XLA.
        state: what `state` said when it was stopped; None begins.
        done: steps that were done then.

    Yields:
        Steps done: after each one of Adam, and after each `SEGMENT` of L-BFGS, which begins each
        segment anew, so that going on after one is the same as never having stopped.

    Raises:
        ValueError: an unknown optimizer.
        FloatingPointError: the loss is not finite any more.
    """
    if optimizer == "adam":
        objective.start("adam", learning_rate, jit)
        for variable, value in zip(objective.optimizer.variables, state or [], strict=bool(state)):
            variable.assign(value)
        for step in range(done, steps):
            _finite(objective.step(), step)
            yield step + 1
    elif optimizer == "lbfgs":
        objective.start("gradient", jit=jit)
        while done < steps:
            done += _segment(objective, min(SEGMENT, steps - done))
            yield done
    else:
        raise ValueError(f'optimizer={optimizer!r}; choose "adam" or "lbfgs".')


def state(objective: Objective) -> list[np.ndarray]:
    """What `minimise` needs to go on, besides the picture."""
    if isinstance(objective.optimizer, GradientRecorder):
        return []
    return [keras.ops.convert_to_numpy(variable) for variable in objective.optimizer.variables]


def _segment(objective: Objective, iterations: int) -> int:
    shape = objective.picture.shape

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        objective.picture.assign(flat.reshape(shape).astype(np.float32))
        loss = _finite(objective.step(), 0)
        return loss, objective.gradient.ravel().astype(np.float64)

    start = keras.ops.convert_to_numpy(objective.picture).ravel().astype(np.float64)
    # No tolerance: the steps are what the caller counts. Twice as many looks for line searches.
    found = optimize.minimize(
        value_and_gradient, start, jac=True, method="L-BFGS-B", bounds=optimize.Bounds(0, 1),
        options={"maxiter": iterations, "maxfun": 2 * iterations + 5, "maxcor": 10, "ftol": 0,
                 "gtol": 0},
    )  # fmt: skip
    objective.picture.assign(found.x.reshape(shape).astype(np.float32))
    return iterations


def _finite(loss: float, step: int) -> float:
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"The loss is {loss} in step {step + 1}: take a smaller learning_rate or weights."
        )
    return loss
