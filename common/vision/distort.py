"""How a picture gets worse, in steps with a name and a unit, and what a network then still sees.

After D. Hendrycks and T. Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations" (ICLR 2019), who number five severities of each. Here a level is a quantity with
a unit, so that a reader can tell whether their own pictures are that bad:

* "size": the longer side in pixels to which a picture is shrunk by areas. It is brought back to its
  own size bilinearly, as a network's input pipeline would do. Nothing is ever enlarged;
* "blur": a Gaussian whose sigma is level * shorter side / 512 pixels, so that a level means the
  same whatever the size. It works on the stored values, as the paper's does, not on the light;
* "jpeg": quality of libjpeg, colours at half the resolution (4:2:0);
* "noise": standard deviation of Gaussian noise in levels of 255, independent in every pixel and
  channel. A seed's noise is one pattern that grows with the level, so levels are compared in pairs;
* "light": a factor on linear light (the curve of sRGB, IEC 61966-2-1). Above 1 it overexposes;
* "colour": von Kries's gains on linear light. At a level of p percent blue is multiplied by
  1 + p / 100 and red divided by it, green stays. Below 0 it is the other way round, towards red:
  -p undoes p where nothing was clipped. By the ratio of blue to red, 10 percent is daylight going
  from 6500 K to 7400 K, 40 percent to about 11 800 K.

Light and colour are a table a channel that maps 0 to 0, so what is black round a fundus photograph
stays black. The others keep it only with `keep_black`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from numbers import Integral, Real

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import ive

from common.metrics import Interval
from common.plots import BLUE, GREY, PERCENT, _styled

REFERENCE = 512  # pixels of the shorter side in which the sigma of "blur" is given
AS_IS = float("inf")  # level of "size" and "jpeg" for no change: none is as large


@dataclass(frozen=True)
class Distortion:
    """One way to get worse.

    Attributes:
        name: its key in `DISTORTIONS`. unit: of the levels, "" for none.
        levels: from the mildest, which changes nothing, to the worst. title: of their axis.
        lowest, highest: what else a level may be. whole: whether it must be a whole number.
        change: the work: picture, level and seed to a new picture, all of them checked.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    title: str
    lowest: float
    highest: float
    change: Callable[[np.ndarray, float, int], np.ndarray] = field(repr=False)
    whole: bool = False

    @property
    def undistorted(self) -> float:
        """The level that changes nothing."""
        return self.levels[0]

    def apply(
        self, picture: np.ndarray, level: float, seed: int = 0, keep_black: bool = False
    ) -> np.ndarray:
        """A worse copy of a picture.

        Args:
            picture: uint8 [height, width, 3], red, green, blue in sRGB; it is not changed.
            level: in `unit`.
            seed: of "noise"; the others leave nothing to chance.
            keep_black: whether pixels whose channels are all 0 stay so, whatever is done.

        Returns:
            uint8 [height, width, 3], always a new array.

        Raises:
            ValueError: picture, level or seed cannot be; it names which.
        """
        _require_picture(picture, "picture")
        self.require(level)
        _require_seed(seed)
        if level == self.undistorted:
            return picture.copy()
        changed = self.change(picture, level, seed)
        if keep_black:
            changed[~picture.any(axis=2)] = 0
        return changed

    def require(self, level: float) -> None:
        """Refuse a level that cannot be: a ValueError says what it may be."""
        within = isinstance(level, Real) and self.lowest <= level <= self.highest
        if level != self.undistorted and (not within or self.whole and level % 1):
            raise ValueError(f"level={level!r} of {self.name!r} must be a {'whole ' * self.whole}"
                             f"number from {self.lowest:g} to {self.highest:g}, or "
                             f"{self.undistorted:g} for no change.")  # fmt: skip


def _size(picture: np.ndarray, level: float, seed: int) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = level / max(height, width)
    if scale >= 1:
        return picture.copy()
    side = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, side, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _blur(picture: np.ndarray, level: float, seed: int) -> np.ndarray:
    sigma = level * min(picture.shape[:2]) / REFERENCE
    # OpenCV samples the Gaussian, which is far too narrow below half a pixel; the discrete one has
    # variance sigma^2 at any size (T. Lindeberg, "Scale-Space for Discrete Signals", PAMI 1990).
    reach = int(4 * sigma) + 2
    kernel = ive(np.arange(-reach, reach + 1), sigma**2)
    kernel /= kernel.sum()
    return _whole(cv2.sepFilter2D(picture, cv2.CV_32F, kernel, kernel))


def _jpeg(picture: np.ndarray, level: float, seed: int) -> np.ndarray:
    settings = [cv2.IMWRITE_JPEG_QUALITY, int(level),
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]  # fmt: skip
    _, written = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    return cv2.cvtColor(cv2.imdecode(written, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _noise(picture: np.ndarray, level: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(picture.shape, np.float32)
    return _whole(picture + np.float32(level) * noise)


def _colour(picture: np.ndarray, level: float, seed: int) -> np.ndarray:
    gain = (1 + abs(level) / 100) ** np.sign(level)
    return _gained(picture, (1 / gain, 1, gain))


def _gained(picture: np.ndarray, gains: tuple[float, float, float]) -> np.ndarray:
    """Linear light times a gain a channel, clipped at white as a camera does."""
    stored = np.arange(256) / 255
    light = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    light = np.clip(light[:, None] * np.asarray(gains), 0, 1)
    stored = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return cv2.LUT(picture, _whole(255 * stored)[None])


def _whole(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)


DISTORTIONS: dict[str, Distortion] = {each.name: each for each in (
    Distortion("size", "pixels", (AS_IS, 512, 384, 256, 192, 128, 96, 64),
               "longer side", 1, 65535, _size, whole=True),
    Distortion("blur", "pixels at 512", (0, 0.5, 1, 2, 4, 8), "sigma of the blur", 0, 64, _blur),
    Distortion("jpeg", "", (AS_IS, 95, 80, 60, 40, 20, 10, 5), "JPEG quality", 1, 100, _jpeg,
               whole=True),
    Distortion("noise", "levels of 255", (0, 2, 5, 10, 20, 40), "noise", 0, 255, _noise),
    Distortion("light", "factor", (1, 0.7, 0.5, 0.35, 0.25, 0.125), "light", 0, 8,
               lambda picture, level, _: _gained(picture, (level, level, level))),
    Distortion("colour", "percent", (0, 5, 10, 20, 40), "shift from red to blue", -80, 80, _colour),
)}  # fmt: skip


def find(name: str) -> Distortion:
    """A distortion by its name; where there is none a ValueError suggests the nearest."""
    if name not in DISTORTIONS:
        near = get_close_matches(str(name).lower(), DISTORTIONS, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"name={name!r} is none of {', '.join(DISTORTIONS)}.{hint}")
    return DISTORTIONS[name]


def distorted(
    pictures: Iterable[np.ndarray], name: str, level: float, seed: int = 0, keep_black: bool = False
) -> Iterator[np.ndarray]:
    """Worse copies of pictures, one by one and in order.

    Each has noise of its own that depends on seed and place alone, not on the other pictures, which
    may differ in size. The arguments are those of `Distortion.apply`.

    Raises:
        ValueError: name, level or seed cannot be, at once; a picture, when its turn comes.
    """
    kind = find(name)
    kind.require(level)
    _require_seed(seed)

    def one(place: int, picture: np.ndarray) -> np.ndarray:
        _require_picture(picture, f"pictures[{place}]")
        own = np.random.SeedSequence((int(seed), place)).generate_state(1, np.uint64)
        return kind.apply(picture, level, int(own[0]), keep_black)

    return (one(place, picture) for place, picture in enumerate(pictures))


def ladder(
    score: Callable[[np.ndarray | list[np.ndarray]], Mapping[str, float | Interval]],
    pictures: Iterable[np.ndarray], names: Sequence[str] = tuple(DISTORTIONS),
    levels: Mapping[str, Sequence[float]] | None = None, seed: int = 0, keep_black: bool = False,
    log: Callable[[str], None] | None = print,
) -> pd.DataFrame:  # fmt: skip
    """Scores at every level of every distortion.

    Undistorted pictures are scored once, and so is every other level. A level that changes no
    picture (a size that none exceeds) takes the undistorted scores without a call.

    Args:
        score: from the pictures, in order, to figures by name. It gets an array where `pictures` is
            one, else a list; always of copies.
        pictures: uint8 [height, width, 3] each, of any sizes, or [n, height, width, 3].
        names: of `DISTORTIONS`, each once.
        levels: by name, in place of a distortion's own, e.g. {"colour": (-40, -20, 0, 20, 40)}.
            Where the undistorted one is not among them it is put in front.
        seed, keep_black: see `Distortion.apply`. log: receives a line a level; None for silence.

    Returns:
        "distortion", "level" (float; infinite where it is `AS_IS`), and a column a figure; where
        that is an Interval, also "<figure> low" and "<figure> high".

    Raises:
        ValueError: name, level, seed or picture cannot be, before anything is scored; scores are no
            dict of numbers, or have other names than the undistorted ones.
    """
    steps = _steps([names] if isinstance(names, str) else list(names), dict(levels or {}))
    pictures = pictures if isinstance(pictures, np.ndarray) else list(pictures)
    if not len(pictures):
        raise ValueError("pictures is empty; there is nothing to score.")

    def scored(worse: list[np.ndarray], where: str) -> dict[str, float | Interval]:
        found = score(np.stack(worse) if isinstance(pictures, np.ndarray) else worse)
        _require_scores(found, where)
        if log:
            log(f"{where}: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items()))
        return dict(found)

    # Checked, and copies: a score that writes into them must not spoil the levels after it.
    copies = distorted(pictures, steps[0][0].name, steps[0][0].undistorted, seed)
    untouched = scored(list(copies), "undistorted")
    rows = []
    for kind, level in steps:
        found, where = untouched, f"{kind.name} {level:g} {kind.unit}".strip()
        if level != kind.undistorted:
            worse = list(distorted(pictures, kind.name, level, seed, keep_black))
            if not all(map(np.array_equal, worse, pictures)):
                found = scored(worse, where)
        if set(found) != set(untouched):
            raise ValueError(f"score gave {sorted(found)} for {where}, but {sorted(untouched)} for "
                             "the undistorted pictures; give the same each time.")  # fmt: skip
        rows.append({"distortion": kind.name, "level": float(level), **_columns(found)})
    return pd.DataFrame(rows)


@_styled
def plot_ladder(
    table: pd.DataFrame, metric: str, label: str | None = None, percent: bool = False,
    title: str = "Worse pictures",
) -> Figure:  # fmt: skip
    """A figure against the levels of each distortion, a panel each, on one scale.

    Levels stand at equal distances in the table's order: most go by factors, and some fall while
    the pictures get worse.

    Args:
        table: of `ladder`. Its "<metric> low" and "<metric> high", if any, become a band.
        metric: a column. label: its name on the axis. percent: whether to show a fraction so.

    Raises:
        ValueError: no row, a column that is missing, or an unknown distortion.
    """
    missing = [name for name in ("distortion", "level", metric) if name not in table]
    if missing or not len(table):
        raise ValueError(f"table has {len(table)} rows and lacks the columns {missing}; give one "
                         "of distort.ladder, and a metric that was scored.")  # fmt: skip
    kinds = [find(name) for name in table["distortion"].unique()]
    columns = min(len(kinds), 2 if len(kinds) == 4 else 3)
    rows = -(-len(kinds) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.5 * columns + 0.7, 2.8 * rows + 0.9),
                                sharey=True, squeeze=False, layout="constrained")  # fmt: skip
    for axis, kind in zip(axes.flat, kinds, strict=False):
        one = table[table["distortion"] == kind.name]
        places = range(len(one))
        axis.plot(places, one[metric], "o-", markersize=5, color=BLUE, label="at a level")
        if {f"{metric} low", f"{metric} high"} <= set(one):
            axis.fill_between(places, one[f"{metric} low"], one[f"{metric} high"], color=BLUE,
                              alpha=0.18, linewidth=0, label="interval")  # fmt: skip
        for value in one.loc[one["level"] == kind.undistorted, metric]:
            axis.axhline(value, color=GREY, linestyle="--", linewidth=1.2, label="undistorted")
        ticks = ["as is" if level == AS_IS else f"{level:g}" for level in one["level"]]
        axis.set_xticks(places, [tick.replace("-", "−") for tick in ticks])
        axis.set(title=kind.name, xlabel=f"{kind.title} ({kind.unit})" if kind.unit else kind.title)
        if percent:
            axis.yaxis.set_major_formatter(PERCENT)
    for axis in axes.flat[len(kinds):]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(label or metric.replace("_", " "))
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=3)
    return figure


def _steps(names: list[str], levels: dict[str, Sequence[float]]) -> list[tuple[Distortion, float]]:
    """What to do in which order, checked before the first minute is spent."""
    if not names or len(set(names)) < len(names):
        raise ValueError(f"names={names} must be names of distortions, each once.")
    if surplus := sorted(set(levels) - set(names)):
        raise ValueError(f"levels are given for {surplus}, which names={names} leaves out.")
    steps = []
    for kind in map(find, names):
        own = list(levels.get(kind.name, kind.levels))
        for level in own:
            kind.require(level)
        own = own if kind.undistorted in own else [kind.undistorted, *own]
        steps += [(kind, level) for level in own]
    return steps


def _columns(found: Mapping[str, float | Interval]) -> dict[str, float]:
    row: dict[str, float] = {}
    for key, value in found.items():
        if isinstance(value, Interval):
            row |= {key: value.value, f"{key} low": value.low, f"{key} high": value.high}
        else:
            row[key] = float(value)
    return row


def _require_scores(found: Mapping[str, float | Interval], where: str) -> None:
    if (not isinstance(found, Mapping) or not found or {"distortion", "level"} & set(found)
            or not all(isinstance(value, Interval | Real) for value in found.values())):
        raise ValueError(f"score gave {found!r} for {where}; give a dict of numbers or Intervals, "
                         "under other names than distortion and level.")  # fmt: skip


def _require_picture(picture: np.ndarray, name: str) -> None:
    kind, shape = getattr(picture, "dtype", type(picture).__name__), getattr(picture, "shape", ())
    if not isinstance(picture, np.ndarray) or kind != np.uint8 or shape[2:] != (3,) or 0 in shape:
        raise ValueError(f"{name} is {kind} {list(shape)}; it must be an array uint8 "
                         "[height, width, 3] with pixels in it.")  # fmt: skip


def _require_seed(seed: int) -> None:
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"seed={seed!r} must be a whole number from 0.")
