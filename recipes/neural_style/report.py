"""What came of it, in numbers and words: the notebook's evaluation cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from common import export, metrics, results
from recipes.neural_style import colours, flow, targets
from recipes.neural_style.data import Collection
from recipes.neural_style.one_pass import Taught
from recipes.neural_style.pictures import resized
from recipes.neural_style.stylise import Studio
from recipes.neural_style.targets import Wish
from recipes.neural_style.video import Film

OURS, RECOLOURED, PHOTOGRAPH = "ours", "colours alone", "photograph"
HELD, ALONE = "film held together", "film frame by frame"


def similarity(pixels: np.ndarray, photograph: np.ndarray) -> float:
    """Structural similarity of two pictures' light, 1 for the same.

    Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment", IEEE TIP 2004, as TensorFlow
    computes it.

    Args:
        pixels, photograph: float32 [height, width, 3], 0 to 1; the latter is made as large.
    """
    import tensorflow as tf

    photograph = resized(photograph, *pixels.shape[:2])
    light = [tf.image.rgb_to_grayscale(each[None]) for each in (pixels, photograph)]
    return float(tf.image.ssim(*light, max_val=1.0)[0])


def distances(studio: Studio, wish: Wish, made: dict[str, np.ndarray]) -> pd.DataFrame:
    """How far pictures are from photograph and painting, on one scale.

    Args:
        studio, wish: whose losses measure.
        made: pictures by name, of one size.

    Returns:
        A row a picture: "content" and "style" losses before their weights; "style left", the style
        loss over that of the photograph itself; "similarity" to the photograph.
    """
    height, width = next(iter(made.values())).shape[:2]
    model = studio.objective(height, width, len(wish.masks or []))
    targets.set_targets(model, wish, studio.settings)

    photograph = resized(wish.content, height, width)
    untouched = model.measured(photograph)["style"]
    rows = {}
    for name, pixels in made.items():
        found = model.measured(pixels)
        rows[name] = {"content": found["content"], "style": found["style"],
                      "style left": found["style"] / untouched,
                      "similarity": similarity(pixels, photograph)}  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("picture")


def compare(
    studio: Studio, photograph: np.ndarray, paintings: dict[str, np.ndarray],
    made: dict[str, np.ndarray], **others: dict[str, np.ndarray],
) -> pd.DataFrame:  # fmt: skip
    """`distances` for every painting: ours, and the photograph in the painting's colours alone.

    Args:
        studio: whose losses measure.
        photograph: float32 [height, width, 3].
        paintings, made: by the paintings' names.
        others: what else was made, by its name, as large as `made`.

    Returns:
        A row for each painting and arm.
    """
    frames = []
    for name, pixels in made.items():
        painting, plain = paintings[name], resized(photograph, *pixels.shape[:2])
        arms = {OURS: pixels, **{arm: each[name] for arm, each in others.items()},
                RECOLOURED: colours.matched(plain, painting), PHOTOGRAPH: plain}  # fmt: skip
        frames.append(distances(studio, Wish(photograph, [painting]), arms))
    return pd.concat(frames, keys=list(made), names=["painting", "arm"])


def measure(data: Collection, compared: pd.DataFrame, seeds: list[int]) -> list[dict]:
    """The means over the paintings as records for metrics.json.

    Args:
        compared: from `compare`.
    """
    records = []
    for arm in compared.index.unique("arm").drop(PHOTOGRAPH):
        for name in ("style left", "similarity"):
            values = compared.xs(arm, level="arm")[name].to_numpy()
            value, found = _geometric(values) if name == "style left" else _mean(values)
            records.append(_record(data, arm, name, value, len(values),
                                   seeds if arm != RECOLOURED else [], found))  # fmt: skip
    return records


def measure_film(
    data: Collection, studio: Studio, wish: Wish, held: Film, alone: Film, seeds: list[int]
) -> list[dict]:
    """A film's flicker and style, as records for metrics.json.

    Args:
        studio, wish: whose losses measure; the wish's content is not read.
        held, alone: the same frames, held together and one by one.
    """
    pairs = {name: flow.differences(film.made, film.frames)
             for name, film in ((HELD, held), (ALONE, alone))}  # fmt: skip
    records, count = [], len(held.frames) - 1
    for name, film in ((HELD, held), (ALONE, alone)):
        value = flow.root_mean(*pairs[name])
        found = metrics.bootstrap(flow.root_mean, *pairs[name]) if count > 2 else None
        records.append(_record(data, name, "flicker", value, count, seeds, found))
        left = []
        for frame, pixels in zip(film.frames, film.made, strict=True):
            own = Wish(frame, wish.styles, wish.shares)
            left += distances(studio, own, {name: pixels})["style left"].tolist()
        value, found = _geometric(np.array(left), "frames")
        records.append(_record(data, name, "style left", value, len(left), seeds, found))

    def ratio(*columns):
        return flow.root_mean(*columns[2:]) / max(flow.root_mean(*columns[:2]), 1e-9)

    columns = [*pairs[HELD], *pairs[ALONE]]
    found = metrics.bootstrap(ratio, *columns) if count > 2 else None
    records.append(_record(data, OURS, "times less flicker", ratio(*columns), count, seeds, found))
    return records


def _mean(values):
    found = metrics.mean_over_folds(values) if len(values) > 1 else None
    if found is not None:
        method = found.method.replace("folds", "paintings")
        # No similarity is above 1.
        found = found.model_copy(update={"high": min(found.high, 1.0), "method": method})
    return values.mean(), found


def _geometric(values, what: str = "paintings"):
    """The geometric mean and its t interval over these: ratios cannot fall below 0."""
    logarithms = np.log(values)
    found = metrics.mean_over_folds(logarithms) if len(values) > 1 else None
    if found is not None:
        bounds = {name: float(np.exp(getattr(found, name))) for name in ("value", "low", "high")}
        method = found.method.replace("folds", what) + " of logarithms"
        found = found.model_copy(update={**bounds, "method": method})
    return float(np.exp(logarithms.mean())), found


def _record(data, variant, metric, value, n, seeds, found: metrics.Interval | None) -> dict:
    bounds = {"low": found.low, "high": found.high, "interval": found.method} if found else {}
    return {"data": data.name, "variant": variant, "metric": metric, "value": float(value),
            "n": n, "seeds": seeds, **bounds}  # fmt: skip


def table(records: list[dict]) -> pd.DataFrame:
    """A row for each arm, a column for each measure, with 95 % intervals."""
    frame = pd.DataFrame(records)
    frame["shown"] = [
        f"{r['value']:.3g} ({r['low']:.3g} to {r['high']:.3g})" if "low" in r
        else f"{r['value']:.3g}" for r in records
    ]  # fmt: skip
    order = list(dict.fromkeys(frame["variant"])), list(dict.fromkeys(frame["metric"]))
    shown = frame.pivot(index="variant", columns="metric", values="shown")
    return shown.reindex(index=order[0], columns=order[1]).fillna("")


def verdict(data: Collection, records: list[dict]) -> str:
    """The same in words."""
    value = {(r["variant"], r["metric"]): r["value"] for r in records}
    count = next(r["n"] for r in records)
    lines = [
        f"Over {count} painting(s){' (synthetic)' if data.synthetic else ''}, "
        f"{value[OURS, 'style left']:.1%} of the photograph's distance in style is left; "
        f"colours alone leave {value[RECOLOURED, 'style left']:.0%}. Similarity to the photograph "
        f"is {value[OURS, 'similarity']:.2f}."
    ]
    if (HELD, "flicker") in value:
        lines.append(
            f"Held together, the film flickers {value[OURS, 'times less flicker']:.1f} times less "
            f"than frame by frame, with {value[HELD, 'style left']:.1%} of the distance in style "
            f"left against {value[ALONE, 'style left']:.1%}."
        )
    return "\n".join(lines)


def export_network(
    taught: Taught, example: np.ndarray, data: Collection, recorded: dict, output_dir: str | Path
) -> Path:
    """Export a one-pass network as a SavedModel, checked on a picture, with a card beside it.

    Returns:
        The folder of the new version, OUTPUT_DIR/export/<n>.

    Raises:
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    folder = taught.export(Path(output_dir) / "export", example)
    export.model_card(
        folder.parent,
        title=f"One style in one pass, taught on {data.name}",
        task="Paints any picture in one style, in one pass.",
        inputs="`picture`: string [], the bytes of a JPEG or PNG file",
        outputs="`pixels`: uint8 [height, width, 3]; `jpeg`: string [], the bytes of a file",
        limits=[
            "Taught for minutes on a few photographs: it shows the way, not the best there is.",
            "The numbers below are of pictures made step by step, not of this network.",
            "The style is that of one painting; whose it is decides what its pictures may be "
            "used for.",
        ],
        record=recorded,
    )
    return folder


def summary(data: Collection, recorded: dict, output_dir: str | Path, seconds: float) -> None:
    """The run's last words.

    Args:
        recorded: what `results.record` gave.
        seconds: that the whole run took.
    """
    results.last_words(data.name, verdict(data, recorded["metrics"]), output_dir, seconds, {
        "picture.png": "the first picture", "pictures": "all pictures, finished and begun",
        "film.gif": "the film", "fast": "the network that gives its style in one pass",
    })  # fmt: skip
