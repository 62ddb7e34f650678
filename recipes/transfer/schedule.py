"""Optimizers and learning rates: the paper's, and what one would take today.

The rates are functions of the step alone, so a training that is continued goes on with the very
rate that an unbroken one would have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

PAPER_SHARES = (0.5, 0.75, 0.9)
KINDS = {"sgd": (0.05, 5e-4), "adamw": (2e-3, 0.05)}  # peak rate and weight decay


@keras.saving.register_keras_serializable(package="transfer")
class DecayedSGD(keras.optimizers.SGD):
    """Momentum with weight decay inside it, as Krizhevsky et al. 2012, section 5, write it.

        v <- momentum * v - decay * rate * w - rate * gradient
        w <- w + v

    Keras's own `weight_decay` takes decay * rate * w from w beside the momentum, where it does
    not add up: with momentum 0.9 the paper's pulls ten times as hard in the long run. Here the
    decay is part of the gradient. The paper's rule is for weights: biases, and the scales and
    shifts of batch normalisation (variables of one axis), are left alone.

    Args:
        decay: 0.0005 in the paper.
        keywords: those of `keras.optimizers.SGD` but weight_decay.

    Raises:
        ValueError: decay is below 0, or weight_decay is given.
    """

    def __init__(self, learning_rate=0.01, momentum: float = 0.9, decay: float = 5e-4,
                 **keywords):
        _number("decay", decay, least=0)
        if keywords.pop("weight_decay", None) is not None:
            raise ValueError("weight_decay is Keras's, beside the momentum; write decay=... alone.")
        super().__init__(learning_rate, momentum, **keywords)
        self.decay = decay

    def update_step(self, gradient, variable, learning_rate):
        if len(variable.shape) > 1 and self.decay:
            pull = ops.multiply(ops.cast(variable, gradient.dtype), self.decay)
            gradient = ops.add(gradient, pull)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}


def paper_optimizer(
    steps_per_epoch: int,
    epochs: int,
    learning_rate: float = 0.01,
    shares: Sequence[float] = PAPER_SHARES,
    decay: float = 5e-4,
) -> DecayedSGD:
    """Section 5 of the paper: momentum 0.9, weight decay 0.0005, a rate divided by ten three times.

    The paper divides by hand, whenever the validation error stops falling. Here it is after
    stated shares of the training, so that nothing but the step decides.

    Args:
        steps_per_epoch: batches of an epoch.
        epochs: of the whole training.
        learning_rate: of the beginning. The paper's 0.01 is for batches of 128 and 1000 classes;
            with ten classes the class scores are 90 times as steep, and 0.002 is enough.
        shares: of the training after which the rate is divided by ten, ascending between 0 and 1;
            none keeps the rate.
        decay: of `DecayedSGD`.

    Raises:
        ValueError: a parameter is wrong; the message names it and says the mend.
    """
    steps = _steps(steps_per_epoch, epochs)
    _number("learning_rate", learning_rate)
    shares = list(shares)
    if sorted(set(shares)) != shares or not all(0 < share < 1 for share in shares):
        raise ValueError(f"shares={shares}: write ascending numbers between 0 and 1, such as "
                         f"{list(PAPER_SHARES)}.")
    # Keras keeps a value up to and with its boundary, and counts steps from 0.
    boundaries = [round(share * steps) - 1 for share in shares]
    rates = [learning_rate / 10**times for times in range(len(shares) + 1)]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, rates)
    return DecayedSGD(schedule if shares else learning_rate, 0.9, decay)


def modern_optimizer(
    steps_per_epoch: int,
    epochs: int,
    kind: str = "sgd",
    learning_rate: float | None = None,
    decay: float | None = None,
    warmup: float = 0.1,
) -> keras.optimizers.Optimizer:
    """A rate that rises in a line and falls along half a cosine, to 0 at the last step.

    Warm-up: Goyal et al. 2017, section 2.2. Cosine: Loshchilov and Hutter 2017, equation 5, without
    restarts.

    Args:
        steps_per_epoch: batches of an epoch.
        epochs: of the whole training.
        kind: "sgd", `DecayedSGD` with Nesterov's momentum of 0.9; or "adamw" (Loshchilov and
            Hutter 2019), whose decay is beside the gradient.
        learning_rate: the highest; None takes 0.05 for "sgd" and 0.002 for "adamw".
        decay: of the weights, not of biases nor of batch normalisation; None takes 0.0005 for
            "sgd" and 0.05 for "adamw".
        warmup: share of the steps in which the rate rises, at least 0 and below 1.

    Raises:
        ValueError: a parameter is wrong; the message names it and says the mend.
    """
    steps = _steps(steps_per_epoch, epochs)
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r}: write one of {', '.join(KINDS)}.")
    peak, pull = (given if given is not None else usual for given, usual in
                  zip((learning_rate, decay), KINDS[kind], strict=True))  # fmt: skip
    _number("learning_rate", peak)
    _number("decay", pull, least=0)
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup={warmup!r}: write a share of at least 0 and below 1.")
    rising = round(warmup * steps)
    cosine = keras.optimizers.schedules.CosineDecay
    if rising:  # from a first step that is no smaller than the rise, for one of 0 would be lost
        schedule = cosine(peak / (rising + 1), steps - rising, warmup_target=peak,
                          warmup_steps=rising)  # fmt: skip
    else:
        schedule = cosine(peak, steps)
    if kind == "sgd":
        return DecayedSGD(schedule, 0.9, pull, nesterov=True)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=pull)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _steps(steps_per_epoch: Any, epochs: Any) -> int:
    for name, value in (("steps_per_epoch", steps_per_epoch), ("epochs", epochs)):
        if not (isinstance(value, int) and value >= 1):
            raise ValueError(f"{name}={value!r}: write a whole number of at least 1.")
    return steps_per_epoch * epochs


def _number(name: str, value: Any, least: float | None = None) -> None:
    """Refuse what is not a number of at least `least`; without it, what is not above 0."""
    number = isinstance(value, int | float) and math.isfinite(value)
    if not (number and (value > 0 if least is None else value >= least)):
        bound = "above 0" if least is None else f"of at least {least}"
        raise ValueError(f"{name}={value!r}: write a number {bound}.")
