"""What the model goes by, and whom it serves badly: importance, crosses, neighbours, subgroups."""

from __future__ import annotations

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import r2_score, roc_auc_score

from common import plots
from recipes.wide_deep.auc import area
from recipes.wide_deep.columns import as_numbers
from recipes.wide_deep.evaluate import Found
from recipes.wide_deep.predictor import TablePredictor
from recipes.wide_deep.tabledata import TableData

FEWEST = 30  # rows of each class in a subgroup whose area is shown
MOST_ROWS = 20_000  # that importance looks at
MOST_DRAWN = 2000  # dots


def subgroups(
    data: TableData, found: Found, names: list[str], arm: str | None = None, most: int = 8
) -> pd.DataFrame:
    """The headline's figures within groups of people or things.

    Args:
        data, found: the table and what the arms say of its test rows.
        names: columns; a number is cut into quarters of the rows.
        arm: None takes the headline.
        most: groups a column, the largest first.

    Returns:
        A row for each group with enough test rows: how many, the share of the second class, the
        share that is predicted (at 0.5), the area under the curve with its interval, and among
        those who are of the second class the share that is found, among the others the share
        wrongly taken for it.

    Raises:
        ValueError: the target has not two classes, or a column does not exist.
    """
    if len(data.classes) != 2:
        raise ValueError("Subgroups are shown for a target of two classes.")
    absent = [name for name in names if name not in data.frame]
    if absent:
        raise ValueError(f"There is no column {', '.join(map(repr, absent))}.")
    truth, said = data.target[found.rows] == 1, found.answers[arm or found.headline][:, 1]
    rows = []
    for name in names:
        groups = _groups(data, name).iloc[found.rows]
        held = groups.value_counts().index[:most]
        numeric = name in data.columns.of("number")
        for group in groups.cat.categories if numeric else held:
            mask = (groups == group).to_numpy()
            own, chance = truth[mask], said[mask]
            if min(own.sum(), (~own).sum()) < FEWEST:
                continue
            rows.append({
                "column": name, "group": str(group), "rows": int(mask.sum()),
                f"is “{data.classes[1]}”": own.mean(), "predicted so": (chance > 0.5).mean(),
                "area": area(own, chance, data.together(found.rows[mask])),
                "found": (chance[own] > 0.5).mean(),
                "wrongly taken": (chance[~own] > 0.5).mean(),
            })  # fmt: skip
    return pd.DataFrame(rows)


def subgroup_picture(table: pd.DataFrame) -> Figure:
    """The areas of `subgroups` with their intervals."""
    figure, axis = plt.subplots(figsize=(7.5, 0.32 * len(table) + 1.4), layout="constrained")
    colours = dict(zip(dict.fromkeys(table["column"]), plots.PALETTE * 9, strict=False))
    for place, row in enumerate(table.itertuples()):
        axis.plot([row.area.low, row.area.high], [place, place], color=colours[row.column],
                  linewidth=5, alpha=0.35, solid_capstyle="butt")  # fmt: skip
        axis.plot(row.area.value, place, "o", color=colours[row.column])
    names = [f"{row.column}: {row.group} ({row.rows:,})" for row in table.itertuples()]
    axis.set_yticks(range(len(names)), names)
    axis.set(title="How well each group is told apart", ylim=(len(names) - 0.4, -0.6),
             xlabel="area under the ROC curve, 95 % intervals")  # fmt: skip
    axis.grid(axis="y", visible=False)
    plt.close(figure)
    return figure


def importance(
    predictor: TablePredictor, data: TableData, rows: np.ndarray, repeats: int = 3, seed: int = 0
) -> pd.DataFrame:
    """How much worse the answers get when one column is shuffled (Breiman 2001, section 10).

    Returns:
        A row a column, the most important first: the loss of area (two classes), accuracy or R²,
        its mean and spread over the repeats. Columns that say the same share their importance.
    """
    random = np.random.default_rng(seed)
    rows = random.permutation(rows)[:MOST_ROWS]
    frame, truth = data.frame.iloc[rows].reset_index(drop=True), data.target[rows]

    def worth(frame: pd.DataFrame) -> float:
        said = predictor.predict_inputs(predictor.features.arrays(frame))
        if not data.classes:
            return r2_score(truth, said)
        if len(data.classes) == 2:
            return roc_auc_score(truth == 1, said[:, 1])
        return float((said.argmax(1) == truth).mean())

    whole, losses = worth(frame), {}
    for name in predictor.features.columns:
        shuffled = frame.copy()
        for _ in range(repeats):
            shuffled[name] = frame[name].to_numpy()[random.permutation(len(frame))]
            losses.setdefault(name, []).append(whole - worth(shuffled))
    table = pd.DataFrame({
        "loss": {name: np.mean(values) for name, values in losses.items()},
        "spread": {name: np.std(values) for name, values in losses.items()},
    })  # fmt: skip
    return table.rename_axis("column").sort_values("loss", ascending=False)


def importance_picture(table: pd.DataFrame, measure: str, most: int = 15) -> Figure:
    """The most important columns of `importance` as bars."""
    table = table.head(most)[::-1]
    figure, axis = plt.subplots(figsize=(7, 0.3 * len(table) + 1.3), layout="constrained")
    axis.barh(table.index, table["loss"], xerr=table["spread"], color=plots.BLUE, alpha=0.8)
    axis.set(title="Permutation importance", xlabel=f"loss of {measure} when shuffled")
    axis.grid(axis="y", visible=False)
    plt.close(figure)
    return figure


def crosses(predictor: TablePredictor, count: int = 10) -> pd.DataFrame:
    """The pairs with the largest weights in the wide part, and how many training rows hold them.

    Empty for a network without a wide part, without crosses, or with more than one score.
    """
    features, network = predictor.features, predictor.networks[0]
    wide = next((layer for layer in network.layers if layer.name == "wide"), None)
    if wide is None or wide.outputs > 1:
        return pd.DataFrame()
    table = keras.ops.convert_to_numpy(wide.table)[:, 0]
    names, offsets, rows = features.names(), features.offsets, []
    first_column = len(features.sizes) - len(features.crosses)
    for place, cross in enumerate(features.crosses):
        if cross.hashed:  # several pairs share a weight
            continue
        begin = offsets[first_column + place] + 1
        weights = table[begin : begin + len(cross.keys)]
        values = [features.value_names(column) for column in (cross.first, cross.second)]
        for k in np.argsort(-np.abs(weights))[:count]:
            one, other = divmod(int(cross.keys[k]), cross.stride)
            rows.append({
                "cross": names[first_column + place],
                "values": f"{values[0][one]} × {values[1][other]}",
                "weight": float(weights[k]), "training rows": int(cross.counts[k]),
            })  # fmt: skip
    frame = pd.DataFrame(rows)
    if len(frame):
        frame = frame.reindex(frame["weight"].abs().sort_values(ascending=False).index)
    return frame.head(count).reset_index(drop=True)


def neighbours(
    predictor: TablePredictor, name: str, values: list[str] | None = None, count: int = 4
) -> pd.DataFrame:
    """Which values of a category the deep part holds for alike: the nearest by cosine.

    Args:
        predictor: with a deep part.
        name: a category column.
        values: some of its values; None takes the six most frequent.
        count: neighbours of each.

    Raises:
        ValueError: no such category, or no deep part.
    """
    features, network = predictor.features, predictor.networks[0]
    names = [feature.name for feature in features.categories]
    layer = next((layer for layer in network.layers if layer.name == "embeddings"), None)
    if layer is None or name not in names:
        raise ValueError(
            f"{name!r} has no embedding; there are {', '.join(names) or 'none'}."
            if layer is not None else "This network has no deep part."
        )
    place = names.index(name)
    sizes = [feature.size for feature in features.categories]
    begin = sum(sizes[:place]) + 1  # the first stands for missing and new values
    vectors = keras.ops.convert_to_numpy(layer.embeddings)[begin : begin + sizes[place] - 1]
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    known = features.categories[place].values
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -np.inf)
    rows = {}
    for value in values or known[:6]:
        nearest = np.argsort(-alike[known.index(value)])[: min(count, len(known) - 1)]
        rows[value] = [f"{known[k]} ({alike[known.index(value), k]:.2f})" for k in nearest]
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis(name)
    frame.columns = [f"nearest {k + 1}" for k in range(frame.shape[1])]
    return frame


def calibration(data: TableData, found: Found) -> Figure:
    """`plots.reliability` of the headline; for values what is predicted against what is true."""
    truth, said = data.target[found.rows], found.answers[found.headline]
    if not data.classes:
        some = np.random.default_rng(0).permutation(len(truth))[:MOST_DRAWN]
        figure, axis = plt.subplots(figsize=(5.5, 5), layout="constrained")
        axis.plot(said[some], truth[some], ".", alpha=0.4)
        axis.axline((truth.mean(), truth.mean()), slope=1, color=plots.GREY, linestyle=":")
        axis.set(title="Prediction and truth", xlabel=f"predicted {data.target_name}",
                 ylabel=f"true {data.target_name}")  # fmt: skip
        plt.close(figure)
        return figure
    if len(data.classes) == 2:
        return plots.reliability(truth, said[:, 1], positive=f"“{data.classes[1]}”")
    return plots.reliability(truth, said)


def _groups(data: TableData, name: str) -> pd.Series:
    values = data.frame[name]
    if name in data.columns.of("number"):
        parts = pd.qcut(pd.Series(as_numbers(values)), 4, duplicates="drop")
        names = [f"above {part.left:.4g}, to {part.right:.4g}" for part in parts.cat.categories]
        names[0] = f"up to {parts.cat.categories[0].right:.4g}"
        return parts.cat.rename_categories(names)
    return values.astype("string").str.strip().replace("", "(missing)")
