"""What a run found, in numbers, words and pictures: the notebook's evaluation cells."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure

from common import export, metrics, plots, results
from recipes.text_cnn.batches import padded_width
from recipes.text_cnn.classifier import SentenceClassifier
from recipes.text_cnn.data import TextData
from recipes.text_cnn.evaluate import BASELINE, FoldResult, pooled
from recipes.text_cnn.explain import colour_of, explain

HERE = Path(__file__).parent


def published(data: str) -> list[dict]:
    """The published numbers of one set, from recipe.yaml."""
    recipe = yaml.safe_load((HERE / "recipe.yaml").read_text(encoding="utf-8"))
    return [entry for entry in recipe["published"] if entry["data"] == data]


def measure(data: TextData, found: list[FoldResult], seeds: list[int]) -> list[dict]:
    """Accuracy of every arm with its 95 % interval, as records for metrics.json.

    One fold or an official test part: Wilson's interval for a share. Several folds: the mean over
    folds with Student's t.
    """
    records = []
    first = seeds[:: max(1, len(seeds) // len(found))]  # of each fold
    seeds_of = {BASELINE: [], "linear n-grams": [], "one network": first}
    for arm in found[0].probabilities:
        right = pooled(found, arm, data.labels)
        if len(found) == 1:
            interval, kind = metrics.wilson(int(right.sum()), len(right)), "Wilson 95 %"
        else:
            values = [result.accuracy(arm, data.labels) for result in found]
            interval = metrics.mean_over_folds(values)
            kind = f"t over {len(found)} folds, 95 %"
        records.append(
            {
                "data": data.name,
                "variant": arm,
                "metric": "accuracy",
                "value": interval.value,
                "low": interval.low,
                "high": interval.high,
                "n": len(right),
                "seeds": seeds_of.get(arm, seeds),
                "interval": kind,
            }
        )
    return records


def headline(found: list[FoldResult]) -> dict:
    """Which number a reader looks for first."""
    return {"metric": "accuracy", "variant": found[0].headline}


def gain(data: TextData, found: list[FoldResult]) -> list[dict]:
    """How far the classifier is above the baseline on the same sentences, with p-values.

    McNemar's test counts sentences; for several folds the corrected resampled t-test stands
    beside it, which knows that the folds' training rows overlap. Believe what both say.
    """
    own = found[0].headline
    tests = {
        f"gain over {BASELINE}": metrics.paired(
            *(pooled(found, arm, data.labels) for arm in (own, BASELINE))
        )
    }
    if len(found) > 1:
        a, b = ([r.accuracy(arm, data.labels) for r in found] for arm in (own, BASELINE))
        size = len(found[0].test)
        tests[f"gain over {BASELINE} by folds"] = metrics.paired_over_folds(
            a, b, sum(len(r.test) for r in found) - size, size
        )
    return [
        {
            "data": data.name,
            "variant": own,
            "metric": name,
            "value": test.difference,
            "low": test.low,
            "high": test.high,
            "n": test.n,
            "seeds": [],
            "interval": f"{test.method}, p = {test.p:.2g}",
        }
        for name, test in tests.items()
    ]


def table(records: list[dict], data: TextData) -> pd.DataFrame:
    """Measured accuracies beside the published ones."""
    return results.table(records, published(data.name), data.name, data.synthetic)


def verdict(data: TextData, found: list[FoldResult]) -> str:
    """In words: the classifier against the baseline on the same sentences, with a paired test."""
    ours, baseline = (
        pooled(found, arm, data.labels) for arm in (found[0].headline, BASELINE)
    )
    test = metrics.paired(ours, baseline)
    kind = "synthetic " if data.synthetic else ""
    lines = [
        f"{len(ours):,} {kind}test sentences; accuracy {ours.mean():.1%}, tf-idf + logistic "
        f"regression {baseline.mean():.1%}.",
        f"Difference {100 * test.difference:+.1f} points (95 %: {100 * test.low:+.1f} to "
        f"{100 * test.high:+.1f}), p = {test.p:.2g} ({test.method}).",
    ]
    if test.p >= 0.05:
        lines.append("That difference could be luck: the two are not told apart on these rows.")
    if data.bayes_accuracy is not None:
        lines.append(f"The best that any classifier can reach here is {data.bayes_accuracy:.1%}.")
    repeated = sum(result.repeated for result in found)
    if repeated:
        lines.append(f"{repeated:,} of the test texts also stand in training (see the data card).")
    return "\n".join(lines)


def picture(
    records: list[dict],
    data: TextData,
    result: FoldResult,
    classifier: SentenceClassifier,
    output_dir: str | Path,
) -> Figure:
    """Three explained test sentences above the accuracies; also OUTPUT_DIR/picture.png.

    Args:
        records: from `measure`.
        data, result, classifier: what to take the sentences from, and who explains them.
        output_dir: where the gallery looks for picture.png.
    """
    figure = plt.figure(figsize=(8, 5.2), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.25))
    axes = top.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    for line, row in enumerate(telling_rows(data, result, count=3, longest=14)):
        explanation = explain(classifier, data.texts[row])
        label = int(data.labels[row])
        pull = explanation.scores[:, label] - explanation.scores.mean(axis=1)
        colours = [colour_of(value, np.abs(pull).max(initial=1e-9)) for value in pull]
        says = int(result.probabilities[result.headline][result.test == row][0].argmax())
        name = data.classes[label]
        if says != label:
            name += f" (says {data.classes[says]})"
        _coloured_line(axes, 0.92 - 0.36 * line, name, explanation.tokens, colours)
    title = f"Accuracy on {data.name}" + (" (synthetic)" if data.synthetic else "")
    paper = [] if data.synthetic else published(data.name)
    plots.bars_with_intervals(records, paper, title=title, axis=bottom.subplots())
    plt.close(figure)
    return plots.picture(figure, output_dir)


def _coloured_line(axes, height: float, label: str, tokens: list[str], colours) -> None:
    """A class, and below it a sentence whose words are shaded one by one from left to right."""
    drawn = axes.text(0, height, label, weight="bold", size=11, va="center")
    # A letter is about 0.62 of its size wide: long words make the sentence smaller, not cut off.
    gap, letters = 5, sum(map(len, tokens))
    width = 72 * axes.get_figure(root=True).get_size_inches()[0] - gap * len(tokens)
    size = min(11, width / (0.62 * max(letters, 1)))
    drawn = axes.text(0, height - 0.18, " ", size=size, va="center")  # an empty beginning
    for token, colour in zip(tokens, colours, strict=True):
        drawn = axes.annotate(
            token.replace("$", r"\$"), xy=(1, 0), xycoords=drawn, xytext=(gap, 0),
            textcoords="offset points", va="bottom", size=size,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": colour, "edgecolor": "none"},
        )  # fmt: skip


def padding_picture(lengths: np.ndarray, groups: list[np.ndarray]) -> Figure:
    """How long the sentences are, and how much of a batch is padding with and without buckets.

    Args:
        lengths: tokens of each training sentence, int [sentences].
        groups: token counts of the sentences of each length-bucketed batch.
    """
    filled = lengths.sum()
    shares = {
        "by length": 1 - filled / sum(len(group) * padded_width(group.max()) for group in groups),
        "to the longest": 1 - filled / (len(lengths) * lengths.max()),
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    left.hist(lengths, bins=np.arange(lengths.min(), lengths.max() + 2) - 0.5)
    left.set(title="Sentence length", xlabel="tokens", ylabel="sentences")
    bars = right.barh(list(shares), [100 * share for share in shares.values()])
    right.bar_label(bars, fmt="%.0f %%", padding=3)
    right.set(title="Padding in a batch", xlabel="share of zeros in %", xlim=(0, 100))
    plt.close(figure)
    return figure


def pooled_probabilities(
    data: TextData, found: list[FoldResult]
) -> tuple[np.ndarray, np.ndarray]:
    """Labels int [test rows] and probabilities float32 [test rows, classes], fold after fold."""
    rows = np.concatenate([result.test for result in found])
    return data.labels[rows], np.concatenate(
        [result.probabilities[result.headline] for result in found]
    )


def surest_errors(data: TextData, found: list[FoldResult], count: int = 8) -> pd.DataFrame:
    """The wrong answers with the highest confidence."""
    rows = np.concatenate([result.test for result in found])
    truth, table = pooled_probabilities(data, found)
    wrong = np.flatnonzero(table.argmax(1) != truth)
    chosen = wrong[np.argsort(-table[wrong].max(1), kind="stable")[:count]]
    return pd.DataFrame(
        {
            "confidence": table[chosen].max(1).round(3),
            "says": [data.classes[k] for k in table[chosen].argmax(1)],
            "label": [data.classes[k] for k in truth[chosen]],
            "text": data.texts[rows[chosen]],
        }
    )


def telling_rows(
    data: TextData, result: FoldResult, count: int = 6, longest: int = 30
) -> list[int]:
    """Test rows to explain: the surest right answers, classes in turn, then the surest errors."""
    table, truth = result.probabilities[result.headline], data.labels[result.test]
    order = np.argsort(-table.max(1), kind="stable")
    right = table.argmax(1) == truth
    lengths = np.array([len(text.split()) for text in data.texts[result.test]])
    fair = (lengths >= 5) & (lengths <= longest)
    per_class = [
        [k for k in order if right[k] and fair[k] and truth[k] == label]
        for label in range(len(data.classes))
    ]
    turns = [rows[turn] for turn in range(count) for rows in per_class if turn < len(rows)]
    errors = [k for k in order if not right[k] and fair[k]][: count // 3]
    return [int(result.test[k]) for k in turns[: count - len(errors)] + errors]


def export_classifier(
    classifier: SentenceClassifier, data: TextData, run: dict, output_dir: str | Path, texts
) -> Path:
    """Export as a SavedModel, checked on `texts` against the Python pipeline, with a model card.

    Returns:
        The folder of the new version, OUTPUT_DIR/export/<n>.
    """
    texts = [str(text) for text in texts]
    check = {"label": classifier.predict(texts), "probabilities": classifier.probabilities(texts)}
    folder = export.saved_model(
        Path(output_dir) / "export", classifier.module(), "classify", {"text": texts}, check
    )
    names = ", ".join(classifier.classes)
    export.model_card(
        folder.parent,
        title=f"Sentence classifier ({data.name})",
        task=f"Names one of {len(classifier.classes)} classes for a sentence: {names}.",
        inputs="`text`: string [sentences], UTF-8, as written",
        outputs="`label`: string [sentences]; `probabilities`: float32 [sentences, "
        f"{len(classifier.classes)}], in the order {names}",
        limits=[
            "Trained on the sentences named above and no others; accuracy elsewhere is unknown.",
            "Reads one sentence without its context; irony escapes it.",
            "Not for decisions about people.",
        ],
        record=run,
    )
    return folder


def summary(data: TextData, found: list[FoldResult], run: dict, output_dir: str | Path) -> None:
    """A short end: what was reached, how long it took, and where everything lies."""
    first = next(m for m in run["metrics"] if m["variant"] == run["headline"]["variant"])
    parts = [
        f"{data.name}{' (synthetic)' if data.synthetic else ''}: accuracy "
        f"{first['value']:.1%} ({first['low']:.1%} to {first['high']:.1%}), "
        f"{first['n']:,} test sentences, {len(found)} fold(s)",
        f"{run['seconds'] / 60:.1f} min, at most {run['peak_memory_mb']:,.0f} MB of memory",
        f"everything lies in {output_dir}: metrics.json, picture.png, classifier, export",
    ]
    print("\n".join(parts))
