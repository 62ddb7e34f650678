"""Gradients of an answer by pixels or maps, on whichever backend runs, and the maps made of them.

Keras has no call of its own for gradients: its training step asks TensorFlow's GradientTape, JAX's
value_and_grad or PyTorch's autograd, and so does `of`. Nothing that calls it needs to know which.

Grad-CAM and integrated gradients explain any network; where its answer is the mean of its maps
through one matrix, `common.vision.explain.heat` is exact and needs no gradient. Pictures are float
or uint8 [n, height, width, channels] as the network wants them. What is of a wrong kind or shape
raises a ValueError that names the parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import keras
import numpy as np
from keras import ops

PROGRAMS = 4  # compiled functions that are kept, with the networks that they read


@dataclass(frozen=True)
class Attributions:
    """What integrated gradients found.

    Attributes:
        maps: float32 [n, height, width], what each pixel adds to the answer (its channels summed).
        change: float64 [n], the picture's answer less the baseline's, which the maps should add
            up to (with several baselines, less the mean of theirs).
        gap: float64 [n], the sum of a picture's map less its `change`: how far completeness
            (Sundararajan et al. 2017, proposition 1) is missed. More steps make it smaller.
    """

    maps: np.ndarray
    change: np.ndarray
    gap: np.ndarray


def of(
    function: Callable, values: np.ndarray, *given: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One number for each example, and how it changes with each of the example's values.

    The gradient is that of the sum over the examples, which is each example's own because no
    example may depend on another (a network that is not training keeps to that).

    TensorFlow and JAX compile the function once for each shape and run the same program when the
    same function comes again (the very same: a lambda written anew is another one); PyTorch runs
    it as it stands. Weights are read at every call, also by a compiled program, and are left as
    they are. Whatever else the function reads (a Python number, an array) is read once for each
    shape: give it in `given` if it changes.

    Args:
        function: (values [n, ...], *given) -> one number for each example, [n]. Takes tensors of
            the backend and is made of Keras's layers and operations. It must be hashable.
        values: float [n, ...], what to differentiate by.
        given: further arrays for the function, such as each example's class; not differentiated.

    Returns:
        outputs: float32 [n]. gradients: float32, shaped like `values`; zeros where the function
            does not depend on them.

    Raises:
        ValueError: the function does not give one number for each example.
        RuntimeError: a backend without gradients.
    """
    backend = keras.backend.backend()
    if backend not in _BACKENDS:
        raise RuntimeError(f"KERAS_BACKEND={backend!r} has no gradients; set it to one of "
                           f"{', '.join(_BACKENDS)}.")
    tensors = [ops.convert_to_tensor(np.asarray(values, dtype=np.float32)),
               *(ops.convert_to_tensor(np.asarray(each)) for each in given)]  # fmt: skip
    outputs, gradients = (ops.convert_to_numpy(each) for each in _program(function)(*tensors))
    return outputs.astype(np.float32), gradients.astype(np.float32)


def grad_cam(
    maps_model: keras.Model,
    answer: Callable,
    pictures: np.ndarray,
    classes: np.ndarray | None = None,
    *,
    batch: int = 8,
) -> np.ndarray:
    """Grad-CAM: the maps, weighted by how much the answer rises with each of them.

    Selvaraju et al., "Grad-CAM" (ICCV 2017), equation 1 (a map's weight is the mean over its places
    of the answer's gradient) and equation 2 (the weighted sum of the maps, negative places 0).

    Args:
        maps_model: pixels -> maps [n, height, width, d].
        answer: maps -> one number a picture, tensor [n]; takes the classes too if they are given.
            See `of` for what it may be, and hand in the same callable for more pictures.
        classes: int [n], which answer of each picture to explain.
        batch: pictures at a time.

    Returns:
        float32 [n, height, width] of the network's maps, 0 where nothing speaks for the answer.
    """
    classes = _checked_pictures(pictures, classes, batch)
    found = []
    for rows, used in _blocks(len(pictures), batch):
        seen = maps_model.predict_on_batch(pictures[rows].astype(np.float32))
        maps = ops.convert_to_numpy(seen).astype(np.float32)
        if maps.ndim != 4:
            raise ValueError(f"maps_model gives the shape {maps.shape}; Grad-CAM needs maps "
                             "[n, height, width, d], so end it before its pooling.")
        _, slopes = of(answer, maps, *(each[rows] for each in classes))
        weights = slopes.mean(axis=(1, 2), keepdims=True)
        found.append(np.maximum((weights * maps).sum(axis=-1), 0)[:used])
    return np.concatenate(found)


def integrated_gradients(
    answer: Callable,
    pictures: np.ndarray,
    baseline: np.ndarray,
    steps: int = 32,
    classes: np.ndarray | None = None,
    *,
    batch: int = 8,
) -> Attributions:
    """Integrated gradients: the answer's gradient, gathered on the way from a baseline.

    Sundararajan et al., "Axiomatic Attribution for Deep Networks" (ICML 2017), equation 1, by the
    midpoint rule. What a pixel shares with the baseline gets nothing, so a black baseline is blind
    to black; the mean over several baselines (say black and the mean colour) is less so.

    Args:
        answer: pixels -> one number a picture, tensor [n], such as a logit; takes the classes too
            if they are given. The largest logit will not do: on the way another may be the
            largest. See `of`, and hand in the same callable for more pictures.
        baseline: float [height, width, channels] like a picture, or several of them
            [k, height, width, channels].
        steps: points on the way from each baseline, at least 1.
        classes: int [n], which answer of each picture to explain.
        batch: points at a time; memory grows with it, and not with pictures, baselines or steps.
    """
    classes = _checked_pictures(pictures, classes, batch)
    starts = np.asarray(baseline, dtype=np.float32)
    starts = starts[None] if starts.ndim == 3 else starts
    if starts.ndim != 4 or starts.shape[1:] != pictures.shape[1:] or not len(starts):
        raise ValueError(f"baseline has shape {np.shape(baseline)} for pictures of "
                         f"{pictures.shape[1:]}; give one such array, or [k, ...] of them.")
    if int(steps) != steps or steps < 1:
        raise ValueError(f"steps={steps!r}: give a whole number of at least 1.")
    total = np.zeros(pictures.shape[:3])
    for rows, start, part, used in _points(len(pictures), len(starts), (np.arange(steps) + 0.5)
                                           / steps, batch):  # fmt: skip
        way = pictures[rows].astype(np.float32) - starts[start]
        points = starts[start] + part[:, None, None, None].astype(np.float32) * way
        _, slopes = of(answer, points, *(each[rows] for each in classes))
        np.add.at(total, rows[:used], (slopes * way).sum(axis=-1)[:used])
    change = np.zeros(len(pictures))
    for rows, start, part, used in _points(len(pictures), len(starts), np.array([0, 1]), batch):
        ends = np.where(part[:, None, None, None] == 1, pictures[rows], starts[start])
        answers, _ = of(answer, ends, *(each[rows] for each in classes))  # no new program
        np.add.at(change, rows[:used], (np.where(part == 1, 1.0, -1.0) * answers)[:used])
    total, change = total / (len(starts) * steps), change / len(starts)
    return Attributions(total.astype(np.float32), change, total.sum(axis=(1, 2)) - change)


@lru_cache(PROGRAMS)
def _program(function: Callable) -> Callable:
    """(values, *given) -> (outputs, gradients), tensors of the backend."""

    def answers(values, *given):
        found = function(values, *given)
        shape, wanted = tuple(found.shape), (values.shape[0],)
        if shape != wanted:
            raise ValueError(f"function gives the shape {shape} for {wanted[0]} examples; give one "
                             f"number for each, shape {wanted}.")
        return ops.cast(found, "float32")

    return _BACKENDS[keras.backend.backend()](answers)


def _tensorflow(answers):
    import tensorflow as tf

    @tf.function(autograph=False)  # retraces for a new shape by itself
    def run(values, *given):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            outputs = answers(values, *given)
        return outputs, tape.gradient(outputs, values,
                                      unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return run


def _jax(answers):
    import jax

    def total(tensors, state):
        with keras.StatelessScope(state_mapping=state):
            outputs = answers(*tensors)
        return outputs.sum(), outputs

    @cache
    def prepared(*shapes):
        # Weights that a compiled program met inside would stay in it as constants, and set_weights
        # would pass it by; so they are found out first, and handed in.
        with _Reads() as scope:
            jax.eval_shape(answers, *(jax.ShapeDtypeStruct(*each) for each in shapes))
        variables = list(scope.read.values())

        @jax.jit
        def run(values, given, weights):
            state = list(zip(variables, weights, strict=True))
            (_, outputs), gradients = jax.value_and_grad(
                lambda each: total((each, *given), state), has_aux=True
            )(values)
            return outputs, gradients

        return variables, run

    def call(values, *given):
        variables, run = prepared(*((each.shape, each.dtype) for each in (values, *given)))
        return run(values, given, [variable.value for variable in variables])

    return call


class _Reads(keras.StatelessScope):
    """Notes which of Keras's variables are read, and keeps them from being written."""

    def __init__(self):
        super().__init__(initialize_variables=False)
        self.read = {}

    def get_current_value(self, variable):
        self.read[id(variable)] = variable
        return super().get_current_value(variable)


def _torch(answers):
    import torch

    def run(values, *given):
        with torch.enable_grad():
            values = values.detach().clone().requires_grad_(True)
            outputs = answers(values, *given)
            if not outputs.requires_grad:  # neither values nor weights came into it
                return outputs, torch.zeros_like(values)
            (gradients,) = torch.autograd.grad(outputs.sum(), values, materialize_grads=True)
        return outputs.detach(), gradients

    return run


def _blocks(count: int, batch: int) -> Iterator[tuple[np.ndarray, int]]:
    """Rows in blocks of one size (the last row is repeated), and how many of each count."""
    for begin in range(0, count, batch):
        used = min(batch, count - begin)
        yield np.minimum(np.arange(begin, begin + batch), count - 1), used


def _points(count: int, starts: int, parts: np.ndarray, batch: int) -> Iterator[tuple]:
    """Picture, baseline and part of the way of every point, in blocks of one size."""
    for places, used in _blocks(count * starts * len(parts), batch):
        rows, start, part = np.unravel_index(places, (count, starts, len(parts)))
        yield rows, start, parts[part], used


def _checked_pictures(pictures, classes, batch: int) -> tuple[np.ndarray, ...]:
    """The further arguments of the answer."""
    if np.ndim(pictures) != 4 or not len(pictures):
        raise ValueError(f"pictures have shape {np.shape(pictures)}; give [n, height, width, "
                         "channels], at least one.")
    if batch < 1:
        raise ValueError(f"batch={batch!r}: give a whole number of at least 1.")
    if classes is None:
        return ()
    if np.shape(classes) != (len(pictures),):
        raise ValueError(f"classes have shape {np.shape(classes)} for {len(pictures)} pictures; "
                         "give one a picture.")
    return (np.asarray(classes, dtype=np.int32),)


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
