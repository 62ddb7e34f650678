"""Measuring: the joint model, its halves and two baselines on the same rows; each is kept."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np
import sklearn

from common import checkpoint, files, training
from common.history import History
from common.validation import DataError
from recipes.wide_deep import baselines
from recipes.wide_deep.predictor import TablePredictor
from recipes.wide_deep.prepared import MODULES, Prepared
from recipes.wide_deep.settings import Settings
from recipes.wide_deep.tabledata import TableData
from recipes.wide_deep.train import train_network

JOINT, WIDE, DEEP, APART = "wide & deep", "wide alone", "deep alone", "wide + deep apart"
FEW = "wide & deep, few crosses"  # the wide part only complements the deep one (section 3.3)
FEW_L1 = 0.1
VERSIONS = {"keras": keras.__version__, "scikit-learn": sklearn.__version__}
# Arm: its settings.
NETWORKS: dict[str, dict] = {
    JOINT: {"kind": "wide_deep"},
    FEW: {"kind": "wide_deep", "wide_l1": FEW_L1},
    WIDE: {"kind": "wide"},
    DEEP: {"kind": "deep"},
}
LINEAR, TREES = "logistic regression", "gradient boosting"
_OWN = (
    "baselines", "batches", "evaluate", "model", "optimizers", "predictor", "settings", "train",
)  # fmt: skip
# What an arm's answers hang on.
CODE = (
    *(Path(__file__).with_name(f"{name}.py") for name in (*MODULES, *_OWN)),
    Path(training.__file__), Path(checkpoint.__file__),
)  # fmt: skip


@dataclass
class Found:
    """What each arm says of the test rows.

    Attributes:
        rows: test rows.
        answers: probabilities float32 [test rows, classes] of each arm, or values [test rows]; the
            first is the headline.
        histories: of the networks.
        sizes: of each network: weights in all, and wide weights that are not zero.
        seconds: that each arm's training took.
    """

    rows: np.ndarray
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    histories: dict[str, History] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The arm that a reader looks for first."""
        return next(iter(self.answers))


def evaluate(
    settings: Settings,
    data: TableData,
    prepared: Prepared,
    output_dir: str | Path,
    *,
    compare: bool = True,
    seed: int = 0,
    resume: bool = True,
    log: Callable[[str], None] | None = print,
) -> tuple[Found, TablePredictor]:
    """Train every arm on the training rows and ask it about the test rows.

    Args:
        settings: of the headline network; the halves are trained in the same way.
        data, prepared: the table, and what the networks read of it.
        output_dir: each arm is kept in `output_dir/arms/<key>` when it is done.
        compare: also train the two halves and the baselines.
        seed: of the networks.
        resume: take finished arms from their files, and a broken-off one from its checkpoint.
        log: receives a line an epoch.

    Returns:
        The answers, and the headline's predictor.
    """
    log = log or (lambda line: None)
    key = files.work_key(
        CODE, backend=keras.backend.backend(), precision=keras.config.dtype_policy().name,
        data=data.fingerprint, target=data.target_name, passed=data.passed, versions=VERSIONS,
        features=prepared.key, settings=settings.model_dump(), seed=seed,
    )  # fmt: skip
    folder, test = Path(output_dir) / "arms" / key, data.rows("test")
    found = Found(test)
    own = next(arm for arm, how in NETWORKS.items() if how["kind"] == settings.kind)
    features = prepared.features
    readable = len(features.embedded) or features.numbers  # by a deep part: words of texts are not
    if settings.kind != "wide" and not readable:
        raise DataError('The deep part reads no words of texts, and there is nothing else: set '
                        'KIND = "wide".')
    others = [arm for arm in NETWORKS if arm != own and (readable or arm == WIDE)]
    if settings.wide_l1 >= FEW_L1 and FEW in others:
        others.remove(FEW)  # the headline keeps few crosses itself
    arms = [own, *(others if compare else [])]
    inputs = {name: array[test] for name, array in prepared.inputs.items()}
    scale, target = standardised(data)
    headline = None
    for arm in arms:
        at = folder / _slug(arm)
        if not (resume and (at / "answers.npz").is_file()):
            log(f"{arm}: {len(data.rows('train')):,} rows to learn from")
            began = time.time()
            how = {} if arm == own else NETWORKS[arm]
            network, history = train_network(
                settings.model_copy(update=how), prepared.features, prepared.inputs, target,
                len(data.classes), data.rows("train"), data.rows("validation"), at,
                mixed=prepared.mixed, seed=seed, resume=resume, fingerprint=key, log=log,
            )  # fmt: skip
            predictor = predictor_of(data, prepared, [network], scale)
            predictor.save(at / "predictor")
            before = sum(history.seconds[: history.resumed_from])
            _save(at, predictor.predict_inputs(inputs), _size(network), history,
                  time.time() - began + before)  # fmt: skip
        answers, sizes, history, seconds = _load(at)
        found.answers[arm], found.sizes[arm] = answers, sizes
        found.histories[arm], found.seconds[arm] = history, seconds
        headline = headline or TablePredictor.load(at / "predictor")
    if {WIDE, DEEP} <= set(found.answers):
        # Section 3.3: an ensemble's halves do not know of each other.
        found.answers[APART] = (found.answers[WIDE] + found.answers[DEEP]) / 2
    for arm, fit in ((LINEAR, baselines.logistic_regression), (TREES, baselines.gradient_boosting)):
        if not compare:
            break
        at = folder / _slug(arm)
        if not (resume and (at / "answers.npz").is_file()):
            log(arm)
            began = time.time()
            train = data.rows("train")
            known = {name: array[train] for name, array in prepared.inputs.items()}
            said = fit(
                prepared.features, known, data.target[train], inputs, len(data.classes)
            )
            _save(at, said, (0, 0), None, time.time() - began)
        found.answers[arm], _, _, found.seconds[arm] = _load(at)
    return found, headline


def standardised(data: TableData) -> tuple[tuple[float, float], np.ndarray]:
    """Mean and spread of the training rows' target, and the target that networks learn."""
    if data.classes:
        return (0.0, 1.0), data.target
    known = data.target[data.rows("train")]
    scale = float(known.mean()), float(known.std()) or 1.0
    return scale, ((data.target - scale[0]) / scale[1]).astype(np.float32)


def predictor_of(
    data: TableData, prepared: Prepared, networks: list[keras.Model], scale: tuple[float, float]
) -> TablePredictor:
    """The finished product around trained networks."""
    return TablePredictor(data.columns, prepared.features, networks, data.target_name,
                          data.classes, scale, data.passed)  # fmt: skip


def _slug(arm: str) -> str:
    return re.sub(r"\W+", "_", arm)


def _size(network: keras.Model) -> tuple[int, int]:
    wide = [layer for layer in network.layers if layer.name == "wide"]
    used = sum(int(np.count_nonzero(keras.ops.convert_to_numpy(layer.table))) for layer in wide)
    return network.count_params(), used


def _save(folder: Path, answers, sizes, history: History | None, seconds: float) -> None:
    with files.whole(folder / "answers.npz") as aside:
        np.savez_compressed(
            aside, answers=answers.astype(np.float32), sizes=sizes, seconds=seconds,
            history=history.model_dump_json() if history else "",
        )  # fmt: skip


def _load(folder: Path) -> tuple[np.ndarray, tuple[int, int], History | None, float]:
    path = folder / "answers.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            text = str(file["history"])
            history = History.model_validate_json(text) if text else None
            sizes = tuple(int(size) for size in file["sizes"])
            return file["answers"], sizes, history, float(file["seconds"])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read ({error}). Set RESUME = False to compute it anew."
        ) from error
