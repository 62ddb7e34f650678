"""screening_plots: what the figures say, that nothing is cut off, and that none stays open."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402

from common import plots, screening, screening_plots, screening_tables  # noqa: E402
from common.tests.test_plots import assert_nothing_is_cut_off  # noqa: E402

RNG = np.random.default_rng(0)
LABELS = RNG.random(600) < 0.25
SCORES = RNG.normal(size=600) + 2.5 * LABELS
OTHER = RNG.normal(size=600) + 1.5 * LABELS
CALIBRATED = 1 / (1 + np.exp(-(2.5 * SCORES - 4.2)))
POINTS = {"high sensitivity": screening.measure(LABELS, SCORES, 0.6, prevalence=0.02),
          "high specificity": screening.measure(LABELS, SCORES, 2.1, prevalence=0.02)}
GRADES = pd.DataFrame({f"reader {k}": np.round(2 * LABELS + RNG.normal(0.5, 0.8, 600))
                       for k in range(5)})
PANEL = screening_tables.readers(LABELS, GRADES, 2, SCORES)


def named(axis, start):
    """The only line or container of the axis whose label begins so."""
    handles, names = axis.get_legend_handles_labels()
    (found,) = [one for one, name in zip(handles, names, strict=True) if name.startswith(start)]
    return found


def legend(figure):
    return [text.get_text() for one in figure.legends for text in one.get_texts()]


def assert_legend_is_whole(figure):
    """The legend lies within the picture and off the panels."""
    (one,) = figure.legends
    box, frame = one.get_window_extent(), figure.bbox.padded(2)
    assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0
    assert all(box.y1 <= axis.get_tightbbox().y0 + 2 for axis in figure.axes if axis.get_visible())


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    before = plt.get_fignums()
    yield
    assert plt.get_fignums() == before


def test_roc_has_curves_points_readers_and_an_enlarged_corner():
    figure = screening_plots.roc(LABELS, {"network": SCORES, "baseline": OTHER}, POINTS, PANEL,
                                 corner=(0.4, 0.5), title="Referable retinopathy")
    whole, corner = figure.axes
    area = screening.auc(LABELS, SCORES)
    assert legend(figure) == [
        f"network, AUC {area}", f"baseline, AUC {screening.auc(LABELS, OTHER)}", "5 readers",
        "their majority",
        *[f"{name}: sensitivity {100 * point.sensitivity.value:.1f} %, specificity "
          f"{100 * point.specificity.value:.1f} %" for name, point in POINTS.items()]]
    for axis in (whole, corner):
        curve = named(axis, "network")
        assert np.trapezoid(curve.get_ydata(), curve.get_xdata()) == pytest.approx(area.value)
        readers, star = named(axis, "5 readers"), named(axis, "their majority")
        assert list(readers.get_xdata()) == [1 - one.specificity.value for one in PANEL.readers]
        assert list(readers.get_ydata()) == [one.sensitivity.value for one in PANEL.readers]
        assert readers.get_markerfacecolor() == "none" and star.get_marker() == "*"
        point = POINTS["high sensitivity"]
        line, _, bars = named(axis, "high sensitivity")
        assert (line.get_xdata()[0], line.get_ydata()[0]) == (
            1 - point.specificity.value, point.sensitivity.value)
        across, up = (bar.get_segments()[0] for bar in bars)
        assert sorted(across[:, 0]) == pytest.approx(
            [1 - point.specificity.high, 1 - point.specificity.low])
        assert sorted(up[:, 1]) == pytest.approx([point.sensitivity.low, point.sensitivity.high])
    assert whole.get_title(loc="left") == "Referable retinopathy"
    assert corner.get_xlim()[1] == 0.4 and corner.get_ylim()[0] == 0.5
    assert (whole.get_xlabel(), whole.get_ylabel()) == ("1 − specificity", "sensitivity")
    assert_nothing_is_cut_off(figure)
    assert_legend_is_whole(figure)


def test_roc_of_a_model_alone_and_with_many_points():
    figure = screening_plots.roc(LABELS, {"network": SCORES}, corner=None)
    assert len(figure.axes) == 1 and len(legend(figure)) == 1
    many = {f"point {k}": POINTS["high sensitivity"] for k in range(8)}
    assert len(legend(screening_plots.roc(LABELS, {"network": SCORES}, many))) == 9
    with pytest.raises(ValueError, match="scores is empty"):
        screening_plots.roc(LABELS, {})
    with pytest.raises(ValueError, match="leave out pictures without a score"):
        screening_plots.roc(LABELS, {"network": np.where(LABELS, SCORES, np.nan)})


def test_decision_curve_has_models_everybody_and_nobody():
    table = screening.decision_curve(LABELS, CALIBRATED, n=50)
    figure = screening_plots.decision_curve({"network": table, "again": table})
    (axis,) = figure.axes
    assert legend(figure) == ["refer everybody", "network", "again", "refer nobody"]
    np.testing.assert_array_equal(named(axis, "network").get_ydata(), table["model"])
    np.testing.assert_array_equal(named(axis, "refer everybody").get_ydata(), table["refer all"])
    assert set(named(axis, "refer nobody").get_ydata()) == {0}
    bands = [each.get_paths()[0].vertices for each in axis.collections]
    assert len(bands) == 3
    assert bands[1][:, 1].max() == pytest.approx(table["high"].max())
    # The fall of "everybody" does not squeeze the curves; their own bands are whole.
    low, high = axis.get_ylim()
    assert low > table["refer all"].min() and low < min(table["low"].min(), 0)
    assert high > table["high"].max()
    assert "net benefit" in axis.get_ylabel()
    assert_nothing_is_cut_off(figure)
    assert_legend_is_whole(figure)
    with pytest.raises(ValueError, match="curves is empty"):
        screening_plots.decision_curve({})


def test_predictive_values_pass_through_their_marks():
    figure = screening_plots.predictive_values(POINTS, [0.01, 0.02, 0.25])
    positive, negative = figure.axes
    assert positive.get_title(loc="left") == "Positive predictive value"
    assert legend(figure)[:2] == list(POINTS)
    assert legend(figure)[2:] == ["at the pictures' own prevalence", "at the stated prevalence"]
    for axis, side in ((positive, "positive"), (negative, "negative")):
        for colour, (name, point) in zip(plots.PALETTE, POINTS.items(), strict=False):
            curve = named(axis, name)
            stated = getattr(point.elsewhere, side)
            assert curve.get_ydata()[1] == pytest.approx(stated.value)
            marks = [one[0] for one in axis.containers if to_hex(one[0].get_color()) == to_hex(
                colour)]
            assert [one.get_xdata()[0] for one in marks] == [LABELS.mean(), 0.02]
            assert marks[0].get_ydata()[0] == getattr(point.predictive, side).value
            assert marks[1].get_markerfacecolor() == "white"
    assert negative.get_xscale() == "log"
    assert_nothing_is_cut_off(figure)
    assert_legend_is_whole(figure)


def test_predictive_values_where_nothing_is_called_positive():
    silent = screening.measure(LABELS, SCORES, 99)
    figure = screening_plots.predictive_values({"silent": silent})
    assert np.isnan(named(figure.axes[0], "silent").get_ydata()).all()
    assert np.isfinite(named(figure.axes[1], "silent").get_ydata()).all()
    assert "at the stated prevalence" not in legend(figure)
    with pytest.raises(ValueError, match="points is empty"):
        screening_plots.predictive_values({})
    with pytest.raises(ValueError, match="prevalence=1.0"):
        screening_plots.predictive_values(POINTS, [1.0])


def test_subgroups_are_a_forest_with_the_small_ones_marked():
    groups = pd.DataFrame({"sex": np.where(RNG.random(600) < 0.5, "female", "male"),
                           "site": ["palms and soles"] * 12 + ["trunk"] * 588})
    table = screening_tables.subgroups(LABELS, SCORES, 1.0, groups)
    assert list(table["too small"]) == [False, False, False, True, False]
    figure = screening_plots.subgroups(table, "By sex and site")
    areas = figure.axes[0]
    names = [label.get_text() for label in areas.get_yticklabels()]
    assert names[0] == f"all pictures  ({LABELS.sum()} of 600)"
    assert names[3] == f"site: palms and soles  ({LABELS[:12].sum()} of 12)"
    places = areas.get_yticks()
    assert np.allclose(np.diff(places), [1.45, 1, 1.45, 1])  # a gap before each variable
    for axis, name in zip(figure.axes, ("auc", "sensitivity", "specificity"), strict=True):
        dotted, *lines = axis.get_lines()
        assert set(dotted.get_xdata()) == {table[name].iloc[0]}
        np.testing.assert_array_equal([line.get_xdata() for line in lines[::2]],
                                      table[[f"{name} low", f"{name} high"]])
        assert [line.get_xdata()[0] for line in lines[1::2]] == list(table[name])
        hollow = [line.get_markerfacecolor() == "white" for line in lines[1::2]]
        assert hollow == list(table["too small"])
    assert "grey: too few to judge by" in figure.get_suptitle()
    assert "grey" not in screening_plots.subgroups(table.head(3)).get_suptitle()
    assert_nothing_is_cut_off(figure)
