"""plots: what the figures say, with many, few, long-named and absent classes."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402

from common import plots  # noqa: E402
from common.history import History  # noqa: E402

RNG = np.random.default_rng(0)


def saved(figure, tmp_path):
    """Save the figure and return the pixels of its picture, float [height, width, 4]."""
    path = tmp_path / "picture.png"
    figure.savefig(path)
    return plt.imread(path)


def texts(axis):
    return [text.get_text() for text in axis.texts]


def assert_nothing_is_cut_off(figure):
    """Every visible text lies within the picture."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    frame = figure.bbox.padded(2)
    for axis in figure.axes:
        labels = [axis.title, axis._left_title, axis.xaxis.label, axis.yaxis.label, *axis.texts]
        for side in (axis.xaxis, axis.yaxis):
            low, high = sorted(side.get_view_interval())
            labels += [label for place, label in zip(side.get_ticklocs(), side.get_ticklabels(),
                                                     strict=False) if low <= place <= high]
        for label in labels:
            if label.get_text() and label.get_visible() and axis.get_visible():
                box = label.get_window_extent(renderer)
                assert frame.x0 <= box.x0 and box.x1 <= frame.x1, label.get_text()
                assert frame.y0 <= box.y0 and box.y1 <= frame.y1, label.get_text()


def test_history_has_a_panel_a_measure_and_marks_the_best_epoch(tmp_path):
    logs = {"loss": [0.7, 0.5, 0.4], "accuracy": [0.6, 0.7, 0.8],
            "val_loss": [0.7, 0.6, 0.65], "val_accuracy": [0.6, 0.7, 0.68]}
    figure = plots.history(History(metrics=logs, seconds=[1, 1, 1], best_epoch=2))
    loss, accuracy = figure.axes
    assert (loss.get_title(loc="left"), accuracy.get_title(loc="left")) == ("loss", "accuracy")
    assert loss.get_xlabel() == "epoch"
    training, validation, best = accuracy.get_lines()
    assert list(training.get_xdata()) == [1, 2, 3]
    assert list(training.get_ydata()) == logs["accuracy"]
    assert list(validation.get_ydata()) == logs["val_accuracy"]
    assert list(best.get_xdata()) == [2, 2]
    assert all(tick == int(tick) for tick in loss.get_xticks())
    assert_nothing_is_cut_off(figure)
    picture = saved(figure, tmp_path)
    np.testing.assert_array_equal(picture[:3, :3], 1.0)  # white, not transparent


def test_history_of_one_epoch_and_of_none():
    figure = plots.history({"loss": [0.5]})
    assert len(figure.axes) == 1
    assert list(figure.axes[0].get_lines()[0].get_ydata()) == [0.5]
    with pytest.raises(ValueError, match="no epochs"):
        plots.history(History())


def test_confusion_counts_shares_and_a_class_without_examples():
    labels = [0, 0, 0, 1, 1]
    predictions = [0, 0, 1, 1, 2]
    figure = plots.confusion(labels, predictions, ["bad", "good", "absent"])
    axis = figure.axes[0]
    assert texts(axis) == ["2", "1", "0", "0", "1", "1", "no examples"]
    shares = axis.images[0].get_array()
    np.testing.assert_allclose(shares[:2], [[2 / 3, 1 / 3, 0], [0, 0.5, 0.5]])
    assert np.ma.getmaskarray(shares)[2].all() or np.isnan(np.ma.getdata(shares)[2]).all()
    assert "accuracy 60.0 % of 5 examples" in axis.get_title(loc="left")
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted class", "true class")
    assert all(label.get_rotation() == 0 for label in axis.get_xticklabels())
    assert_nothing_is_cut_off(figure)


def test_confusion_shortens_and_turns_long_names():
    names = [f"a very long class name that goes on and on {i}" for i in range(6)]
    figure = plots.confusion(range(6), range(6), names)
    axis = figure.axes[0]
    shown = [label.get_text() for label in axis.get_yticklabels()]
    assert max(map(len, shown)) <= 22 and len(set(shown)) == 6  # the telling end is kept
    assert all(label.get_rotation() == 50 for label in axis.get_xticklabels())
    assert_nothing_is_cut_off(figure)


def test_confusion_of_many_classes_has_no_numbers_and_few_labels():
    labels = RNG.integers(0, 120, 2000)
    figure = plots.confusion(labels, labels, [f"breed {i}" for i in range(120)])
    axis = figure.axes[0]
    assert not axis.texts
    assert len(axis.get_yticks()) <= plots.LABELS_UP_TO
    assert_nothing_is_cut_off(figure)


def test_confusion_refuses_indices_without_a_class():
    with pytest.raises(ValueError, match="from 0 to 1"):
        plots.confusion([0, 2], [0, 1], ["a", "b"])


def test_reliability_draws_the_curve_with_intervals():
    probabilities = RNG.random(800)
    labels = (RNG.random(800) < probabilities).astype(int)
    figure = plots.reliability(labels, probabilities, bins=5)
    top, bottom = figure.axes
    assert "expected calibration error" in top.get_title(loc="left")
    assert sum(bar.get_height() for bar in bottom.patches) == 800
    segments = top.collections[0].get_segments()
    assert len(segments) == 5
    for (x, low), (_, high) in segments:
        assert 0 <= low < high <= 1 and low < x + 0.15 and high > x - 0.15
    assert_nothing_is_cut_off(figure)
    table = np.stack([1 - probabilities, probabilities], axis=1)
    assert plots.reliability(labels, table).axes[0].get_ylabel() == "accuracy"


MEASURED = [
    {"variant": "tf-idf + logistic regression", "metric": "accuracy", "value": 0.778,
     "low": 0.77, "high": 0.786},
    {"variant": "networks averaged with the vote of a logistic regression over n-grams",
     "metric": "accuracy", "value": 0.82, "low": 0.812, "high": 0.828},
    {"variant": "networks", "metric": "loss", "value": 0.5, "low": None, "high": None},
]
PUBLISHED = [{"of": "CNN-rand", "metric": "accuracy", "value": 76.1, "unit": "percent"}]


def test_variants_stand_beside_published_numbers_on_one_scale():
    figure = plots.bars_with_intervals(MEASURED, PUBLISHED, title="MR")
    axis = figure.axes[0]
    assert texts(axis) == ["77.8", "82.0", "76.1"]
    marks = [line.get_xdata()[0] for line in axis.get_lines() if line.get_marker() in "oD"]
    assert marks == pytest.approx([77.8, 82.0, 76.1])
    bars = [list(line.get_xdata()) for line in axis.get_lines() if len(line.get_xdata()) == 2]
    assert bars[0] == pytest.approx([77.0, 78.6])
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names[2] == "CNN-rand (published)" and "\n" in names[1]
    assert axis.get_xlabel() == "accuracy, %" and axis.get_title(loc="left") == "MR"
    assert_nothing_is_cut_off(figure)


def test_a_metric_without_interval_or_percent():
    figure = plots.bars_with_intervals(MEASURED, PUBLISHED, metric="loss", percent=False)
    assert texts(figure.axes[0]) == ["0.5000"]
    with pytest.raises(ValueError, match="no entry of the metric 'auc'"):
        plots.bars_with_intervals(MEASURED, metric="auc")


def test_more_data_has_a_panel_a_figure_and_what_was_published():
    table = pd.DataFrame({"photographs": [40, 320, 400], "AUC": [0.8, 0.85, 0.9],
                          "AUC least": [0.75, 0.84, 0.9], "AUC most": [0.82, 0.86, 0.9],
                          "kappa": [0.3, 0.5, 0.6], "kappa least": [0.2, 0.4, 0.6],
                          "kappa most": [0.4, 0.6, 0.6]})  # fmt: skip
    figure = plots.more_data(table, "photographs", {"AUC": {"a paper": 0.99}}, "More eyes")
    assert [axis.get_ylabel() for axis in figure.axes] == ["AUC", "kappa"]
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend[-1] == "a paper: 0.990" and len(figure.axes[1].get_legend().get_texts()) == 2
    assert figure.axes[0].get_xlabel() == "training photographs"
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["40", "", "400"]
    assert_nothing_is_cut_off(figure)


def test_figures_are_closed_and_the_style_stays_inside():
    before = plt.rcParams["axes.grid"], list(plt.get_fignums())
    plots.history({"loss": [1.0, 0.5]})
    assert (plt.rcParams["axes.grid"], list(plt.get_fignums())) == before
    with plt.rc_context():
        plots.use_style()
        assert plt.rcParams["axes.grid"] and plt.rcParams["figure.facecolor"] == "white"
