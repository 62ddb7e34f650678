"""What a run found, in numbers, words and pictures: the notebook's evaluation cells."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure
from scipy import stats
from sklearn.metrics import r2_score

from common import export, metrics, plots
from recipes.wide_deep.auc import area, paired_areas, share_of_the_way
from recipes.wide_deep.evaluate import LINEAR, Found
from recipes.wide_deep.predictor import TablePredictor
from recipes.wide_deep.ranking import ranking_metrics
from recipes.wide_deep.tabledata import TableData

HERE = Path(__file__).parent
RESAMPLES = 500  # of a bootstrap
SELDOM = 2  # training rows of a user with an app
PLACES = 3  # of a page that count in ranking figures


def published(data: str) -> list[dict]:
    """The published numbers of one set, from recipe.yaml."""
    recipe = yaml.safe_load((HERE / "recipe.yaml").read_text(encoding="utf-8"))
    return [entry for entry in recipe["published"] if entry["data"] == data]


def main_metric(data: TableData) -> str:
    """Which number a reader looks for first."""
    return {0: "r2", 2: "auc"}.get(len(data.classes), "accuracy")


def headline(data: TableData, found: Found) -> dict:
    """The same, for metrics.json."""
    return {"metric": main_metric(data), "variant": found.headline}


def figures(data: TableData, found: Found, arm: str) -> dict[str, metrics.Interval]:
    """Every measure of one arm with its 95 % interval."""
    truth, said, groups = data.target[found.rows], found.answers[arm], data.together(found.rows)

    def bootstrap(function, *arrays):
        return metrics.bootstrap(function, *arrays, groups=groups, n=RESAMPLES)

    if not data.classes:
        return {"r2": bootstrap(r2_score, truth, said), "rmse": bootstrap(_rmse, truth, said)}
    right = said.argmax(1) == truth
    losses = -np.log(np.clip(said[np.arange(len(truth)), truth], 1e-7, 1))
    result = {
        "accuracy": metrics.wilson(int(right.sum()), len(right)) if groups is None
        else bootstrap(np.mean, right),
        "log loss": bootstrap(np.mean, losses),
    }  # fmt: skip
    if len(data.classes) > 2:
        return result
    result = {"auc": area(truth == 1, said[:, 1], groups), **result}
    if data.truth is not None:
        # How far from guessing towards the best that anyone could do, who knew the true chances.
        best = data.truth["probability"].to_numpy()[found.rows]
        result["share of the way to the best"] = share_of_the_way(
            truth == 1, said[:, 1], best, groups
        )
    if data.group is not None:
        table = _ranked(data, found, arm)
        for name, column in (("ndcg", f"ndcg at {PLACES}"), ("hit", f"hit rate at {PLACES}")):
            result[column] = metrics.bootstrap(np.mean, table[name].to_numpy(), n=RESAMPLES)
        if data.item is not None:
            share = table.attrs["coverage"]
            result[f"coverage at {PLACES}"] = metrics.Interval(
                value=share, low=share, high=share, n=len(found.rows), method=""
            )
    return result


def measure(data: TableData, found: Found, seeds: list[int]) -> list[dict]:
    """Every arm's measures as records for metrics.json."""
    return [
        _record(data, arm, name, interval, interval.method, seeds if arm != LINEAR else [])
        for arm in found.answers
        for name, interval in figures(data, found, arm).items()
    ]


def gain(data: TableData, found: Found) -> list[dict]:
    """How far the headline is above each other arm on the same rows, in the main measure."""
    records = []
    for arm in list(found.answers)[1:]:
        test = _paired(data, found, arm)
        records.append(
            _record(data, found.headline, f"gain over {arm}", test,
                    f"{test.method}, p = {test.p:.2g}", [])
        )  # fmt: skip
    return records


def table(records: list[dict], data: TableData) -> pd.DataFrame:
    """A row for each arm, a column for each measure, with 95 % intervals; published ones below."""
    frame = pd.DataFrame([r for r in records if not r["metric"].startswith("gain")])
    frame["shown"] = [
        f"{r.value:.4g} ({r.low:.4g} to {r.high:.4g})" for r in frame.itertuples()
    ]
    order = list(dict.fromkeys(frame["variant"])), list(dict.fromkeys(frame["metric"]))
    shown = frame.pivot(index="variant", columns="metric", values="shown")
    shown = shown.reindex(index=order[0], columns=order[1])
    if not data.synthetic:
        for paper in published(data.name):
            value = paper["value"] / (100 if paper.get("unit") == "percent" else 1)
            shown.loc[f"{paper['of']} (published)", paper["metric"]] = f"{value:.4g}"
    return shown.fillna("")


def sizes(found: Found) -> pd.DataFrame:
    """What each network costs: its weights, the wide ones in use, and its training time."""
    return pd.DataFrame({
        "weights": {arm: f"{size:,}" for arm, (size, _) in found.sizes.items()},
        "wide weights that are not zero": {arm: f"{n:,}" for arm, (_, n) in found.sizes.items()},
        "training": {arm: f"{found.seconds[arm]:.1f} s" for arm in found.sizes},
    })  # fmt: skip


def verdict(records: list[dict], data: TableData, found: Found) -> str:
    """In words: the headline against the other arms on the same rows, with paired tests.

    Args:
        records: of `measure`.
    """
    measure, kind = main_metric(data), "synthetic " if data.synthetic else ""
    own = {r["metric"]: r for r in records if r["variant"] == found.headline}
    said = "{value:.3f} ({low:.3f} to {high:.3f})".format(**own[measure])
    lines = [f"{len(found.rows):,} {kind}test rows; {found.headline}: {measure} {said}."]
    for arm in list(found.answers)[1:]:
        test = _paired(data, found, arm)
        luck = "" if test.p < 0.05 else ": that could be luck"
        p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
        lines.append(f"{test.difference:+.4f} ({test.low:+.4f} to {test.high:+.4f}), {p} against "
                     f"{arm}{luck}.")
    if "share of the way to the best" in own:
        truth = data.target[found.rows] == 1
        best = area(truth, data.truth["probability"].to_numpy()[found.rows])
        share = own["share of the way to the best"]["value"]
        lines.append(f"Who knew every true chance would reach {best.value:.3f}; {found.headline} "
                     f"goes {share:.1%} of the way there from 0.5.")
    return "\n".join(lines)


def slices(data: TableData, found: Found) -> pd.DataFrame | None:
    """On a synthetic log: what each arm remembers (exceptions) and what it generalises to.

    Returns:
        Share of the way from 0.5 to the best possible area, on rows where an exception holds, on
        the others, and on those of a user and an app that training seldom showed together; None
        for other tables.
    """
    if data.truth is None:
        return None
    truth, best = data.target[found.rows] == 1, data.truth.iloc[found.rows]
    pair = data.frame["user_id"].astype(str) + " " + data.frame["app"].astype(str)
    often = pair.iloc[data.rows("train")].value_counts()
    seldom = pair.iloc[found.rows].map(often).fillna(0).to_numpy() <= SELDOM
    exception = best["exception"].to_numpy()
    kinds = {
        "exceptions (memory)": exception, "all other rows": ~exception,
        f"user and app met at most {SELDOM} times (generalisation)": seldom & ~exception,
    }  # fmt: skip
    rows = {}
    for name, mask in kinds.items():
        most = area(truth[mask], best["probability"].to_numpy()[mask]).value
        rows[name] = {
            arm: f"{(area(truth[mask], said[mask, 1]).value - 0.5) / (most - 0.5):.1%}"
            for arm, said in found.answers.items()
        } | {"rows": f"{int(mask.sum()):,}"}
    return pd.DataFrame(rows)


def picture(
    records: list[dict], data: TableData, found: Found, output_dir: str | Path
) -> Figure:
    """The arms with their intervals; also OUTPUT_DIR/picture.png."""
    measure = main_metric(data)
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    words = {"auc": "Area under the ROC curve"}.get(measure, measure)
    title = f"{words} on {data.name}" + (" (synthetic)" if data.synthetic else "")
    paper = [] if data.synthetic else published(data.name)
    plots.bars_with_intervals(
        records, paper, metric=measure, title=title, percent=measure == "accuracy", axis=axis
    )
    plt.close(figure)
    return plots.picture(figure, output_dir)


def export_predictor(
    predictor: TablePredictor, data: TableData, run: dict, output_dir: str | Path, rows: np.ndarray
) -> Path:
    """Export as a SavedModel, checked on some rows against the Python pipeline, with a card.

    Returns:
        The folder of the new version, OUTPUT_DIR/export/<n>.
    """
    frame = data.frame.iloc[rows]
    said = predictor.predict_inputs(predictor.features.arrays(frame))
    if predictor.classes:
        names = np.array(predictor.classes, dtype=object)[said.argmax(1)]
        check, outputs = {"label": names.tolist(), "probabilities": said}, (
            "`label`: string [rows]; `probabilities`: float32 [rows, "
            f"{len(predictor.classes)}], in the order {', '.join(predictor.classes)}"
        )
    else:
        check, outputs = {"value": said}, "`value`: float32 [rows]"
    tolerance = 1e-5 if predictor.classes else 1e-4 * max(1.0, float(np.abs(said).max()))
    folder = export.saved_model(
        Path(output_dir) / "export", predictor.module(), "predict", predictor.example(frame),
        check, tolerance,
    )  # fmt: skip
    inputs = "; ".join(
        f"`{spec.name}`: {spec.dtype.name} [rows]" + (f" ({name})" if name != spec.name else "")
        for name, spec in predictor.inputs.items()
    )
    export.model_card(
        folder.parent,
        title=f"{data.target_name} of {data.name}: {run['headline']['variant']}",
        task=f"Predicts {data.target_name} of a row of the table.",
        inputs=f"{inputs}; a missing number is NaN, other missing values are empty strings",
        outputs=outputs,
        limits=[
            "Learned from the rows named above; on other people, places and times it is a guess.",
            "It repeats what the table holds, its injustices included: not for decisions about "
            "people's work, credit, insurance or freedom.",
            "A column that was made after the target was known makes its numbers worthless.",
        ],
        record=run,
    )
    return folder


def summary(data: TableData, run: dict, output_dir: str | Path) -> None:
    """A short end: what was reached, how long it took, and where everything lies."""
    first = next(
        m for m in run["metrics"]
        if (m["variant"], m["metric"]) == (run["headline"]["variant"], run["headline"]["metric"])
    )  # fmt: skip
    print("\n".join([
        f"{data.name}{' (synthetic)' if data.synthetic else ''}: {first['metric']} "
        f"{first['value']:.4f} ({first['low']:.4f} to {first['high']:.4f}), "
        f"{first['n']:,} test rows",
        f"{run['seconds'] / 60:.1f} min, at most {run['peak_memory_mb']:,.0f} MB of memory",
        f"everything lies in {output_dir}: metrics.json, picture.png, predictor, export",
    ]))  # fmt: skip


def _paired(data: TableData, found: Found, arm: str) -> metrics.PairedTest:
    """The headline above another arm in the main measure, on the same rows."""
    truth, own, other = (
        data.target[found.rows], found.answers[found.headline], found.answers[arm]
    )
    groups = data.together(found.rows)
    if len(data.classes) == 2:
        return paired_areas(truth == 1, own[:, 1], other[:, 1], groups)
    if data.classes:
        right, also = own.argmax(1) == truth, other.argmax(1) == truth
        if groups is None:
            return metrics.paired(right, also)
        gains = right.astype(float) - also  # of accuracy, row by row
    else:
        spread = float(((truth - truth.mean()) ** 2).mean())
        gains = ((truth - other) ** 2 - (truth - own) ** 2) / spread  # of r2
    # Whole groups are pulled about together; a row without a group is one of its own.
    member = np.arange(len(gains)) if groups is None else np.unique(groups, return_inverse=True)[1]
    pulls = np.bincount(member, gains - gains.mean())
    gained, count = float(gains.mean()), len(pulls)
    error = float(np.sqrt((pulls**2).sum() * count / (count - 1))) / len(gains)
    half = float(stats.norm.ppf(0.975)) * error
    return metrics.PairedTest(
        difference=gained, low=gained - half, high=gained + half, n=len(gains),
        p=float(2 * stats.norm.sf(abs(gained) / error)) if error else 1.0,
        method="normal" + ("" if groups is None else f" over {count} groups"),
    )  # fmt: skip


def _ranked(data: TableData, found: Found, arm: str) -> pd.DataFrame:
    items = np.zeros(len(data)) if data.item is None else data.frame[data.item].to_numpy()
    return ranking_metrics(
        data.group[found.rows], data.target[found.rows], found.answers[arm][:, 1],
        items[found.rows], PLACES,
    )  # fmt: skip


def _record(data, arm, metric, interval, method, seeds) -> dict:
    value = interval.value if hasattr(interval, "value") else interval.difference
    return {
        "data": data.name, "variant": arm, "metric": metric, "value": value,
        "low": interval.low, "high": interval.high, "n": interval.n, "seeds": seeds,
        "interval": method,
    }  # fmt: skip


def _rmse(truth: np.ndarray, said: np.ndarray) -> float:
    return float(np.sqrt(np.mean((truth - said) ** 2)))
