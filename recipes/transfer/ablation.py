"""What is each part worth? One is left out at a time, and the rest trained in the same way.

The paper's own words on a part stand beside ours. They are of ImageNet (1.2 million pictures, a
thousand classes) and error rates there; no more than a context for a few thousand small pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from common import metrics
from common.history import duration
from recipes.transfer import scratch
from recipes.transfer.scratch import KINDS, Taught

TRAINING = {  # beside the parts of the networks
    "windows": "pictures neither shifted nor mirrored (section 4.1)",
    "light": "no colour noise (section 4.1)",
}
# Krizhevsky et al. 2012: points of top-1 error on ImageNet that are lost without it.
PAPER_SAYS = {
    **dict.fromkeys(("conv2", "conv3", "conv4", "conv5"), "about 2 for a middle layer (section 7)"),
    "dropout": '"substantial overfitting" (4.2)',
    "lrn": "1.4 (3.3)",
    "overlap": "0.4 (3.4)",
    "relu": "tanh is six times slower to a quarter of errors on CIFAR-10 (3.1)",
    "windows": '"substantial overfitting" (4.1)',
    "light": "over 1 (4.1)",
}


def parts(line: str, kind: str) -> list[str]:
    """Names of parts from a parameter such as "conv3, dropout"; "all" for all of them.

    Raises:
        ValueError: a name is none of the kind's parts; it says which there are.
    """
    there = available(kind)
    if line.strip() == "all":
        return list(there)
    named = [name.strip() for name in line.split(",") if name.strip()]
    for name in named:
        if name not in there:
            near = get_close_matches(name, there, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(f"the {kind} network has no part {name!r} to leave out.{hint} There "
                             f'are {", ".join(there)}, or "all".')
    return list(dict.fromkeys(named))


def available(kind: str) -> dict[str, str]:
    """What can be left out of a network or its training, with what is there instead."""
    of_training = {name: said for name, said in TRAINING.items()
                   if name != "light" or KINDS[kind].light}  # fmt: skip
    return KINDS[kind].parts | of_training


def run(
    whole: Taught, names: Sequence[str], output_dir: str | Path,
    log: Callable[[str], None] | None = print, **settings,
) -> dict[str, Taught]:  # fmt: skip
    """Train the network once for each part, without it.

    Args:
        whole: trained with everything, with the same settings.
        names: of `available`.
        settings: those of `scratch.train`, as `whole` had them.

    Returns:
        The trained networks by part.
    """
    found, began = {}, time.perf_counter()
    for number, name in enumerate(names, start=1):
        found[name] = scratch.train(whole.kind, whole.lesson, output_dir, without=[name], log=None,
                                    **settings)  # fmt: skip
        if log:
            left = (time.perf_counter() - began) / number * (len(names) - number)
            best = max(found[name].history.metrics["val_accuracy"])
            log(f"{number}/{len(names)}: without {name}, {best:.1%} of held-out pictures right"
                + (f"; {duration(left)} left" if number < len(names) else ""))
    return found


def table(whole: Taught, reduced: dict[str, Taught]) -> pd.DataFrame:
    """What was lost with each part, on the test pictures.

    Returns:
        A row a part, the dearest first: "instead", "parameters" (of the network without it),
        "accuracy", "points lost" with the bounds "low" and "high" of the paired 95 % interval,
        "p" (McNemar's), and "paper, points of top-1 error on ImageNet".
    """
    right, rows = whole.right, []
    for name, taught in reduced.items():
        other = taught.right
        pair = metrics.paired(right, other)
        rows.append((name, available(whole.kind)[name], taught.network.count_params(),
                     other.mean(), 100 * pair.difference, 100 * pair.low, 100 * pair.high, pair.p,
                     PAPER_SAYS.get(name, "")))  # fmt: skip
    columns = ["without", "instead", "parameters", "accuracy", "points lost", "low", "high", "p",
               "paper, points of top-1 error on ImageNet"]  # fmt: skip
    found = pd.DataFrame(rows, columns=columns).set_index("without")
    return found.sort_values("points lost", ascending=False)
