"""Records of a yes-or-no question: intervals hold their value, groups count once."""

import numpy as np
import pandas as pd
import pytest

from common import screening_records as records

RANDOM = np.random.default_rng(0)
ILL = RANDOM.random(200) < 0.4
SCORE = np.clip(0.35 * ILL + RANDOM.normal(0.3, 0.15, 200), 0, 1)


def test_pictures_of_one_patient_count_together():
    right = np.repeat(RANDOM.random(50) < 0.6, 4)
    alone = records.spread(np.arange(200), np.mean, right)
    grouped = records.spread(np.repeat(np.arange(50), 4), np.mean, right)
    assert alone.value == grouped.value == right.mean()
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_an_honest_probability_has_a_small_error_and_an_interval_that_holds_it():
    shares = RANDOM.random(2000)
    ill = RANDOM.random(2000) < shares
    honest = records.calibration(ill, shares, np.arange(2000))
    boasting = records.calibration(ill, np.where(shares > 0.5, 0.99, 0.01), np.arange(2000))
    assert honest.low <= honest.value <= honest.high and honest.value < 0.05 < 0.2 < boasting.value


def test_calibration_is_of_the_probability_itself():
    """Too high below a half and too low above it are two errors; of the confidence they cancel."""
    shares = np.repeat([0.3, 0.7], 1000)
    ill = np.concatenate([np.arange(1000) < 100, np.arange(1000) < 900])
    assert records.calibration(ill, shares, np.arange(2000)).value == pytest.approx(0.2)


def test_an_interval_holds_its_value():
    """Of a class with one picture, which most draws have not."""
    classes = np.array([0] * 20 + [1])
    found = records.spread(np.arange(21), lambda k: np.mean(k == 1), classes)
    assert found.low <= found.value <= found.high
    rare = records.spread(np.arange(21), lambda k: len(np.unique(k)), classes)
    assert rare.low <= rare.value == 2 <= rare.high


def test_a_rate_out_of_reach_becomes_the_nearest_one():
    ill, score = np.array([1, 1, 1, 0, 0, 0], bool), np.array([0.9, 0.8, 0.1, 0.2, 0.3, 0.4])
    with pytest.warns(UserWarning, match="A sensitivity of 0.95 cannot be reached.*0.667 is taken"):
        chosen = records.two_points(ill, score, 0.95, 0.95)
    assert chosen["sensitive"] == 0.8
    with pytest.raises(ValueError, match="0 positive"):
        records.two_points(np.zeros(6, bool), score, 0.95, 0.95)
    with pytest.raises(ValueError, match="1.5"):
        records.two_points(ill, score, 1.5, 0.95)


def test_thresholds_reach_their_rates_and_are_told_elsewhere():
    chosen = records.two_points(ILL, SCORE, 0.95, 0.9)
    assert chosen["sensitive"] < chosen["specific"]
    there = records.at(ILL, SCORE, chosen, 0.1)
    assert there["sensitive"].sensitivity.value >= 0.95
    assert there["specific"].specificity.value >= 0.9
    found = records.of_points("drawn", "ours", there, [0])
    assert [each["variant"] for each in found] == 2 * ["ours, sensitive point"] + (
        2 * ["ours, specific point"]
    )
    assert [each["metric"] for each in found] == 2 * ["sensitivity", "specificity"]
    assert all(each["low"] <= each["value"] <= each["high"] for each in found)
    with pytest.raises(ValueError, match="sensitivity"):
        records.two_points(ILL, np.zeros(200), 0.95, 0.9)


def test_a_curve_becomes_a_record_for_each_size_and_figure():
    curve = pd.DataFrame({"photographs": [40, 80], "kappa": [0.5, 0.6], "kappa least": [0.4, 0.6],
                          "kappa most": [0.55, 0.6]})  # fmt: skip
    found = records.of_curve("drawn", "ours", curve, "photographs", {"kappa": "quadratic kappa"},
                             [0])  # fmt: skip
    assert [each["variant"] for each in found] == ["ours, 40 photographs", "ours, 80 photographs"]
    assert {each["metric"] for each in found} == {"quadratic kappa"}
    assert (found[0]["low"], found[0]["value"], found[0]["high"]) == (0.4, 0.5, 0.55)
    assert found[1]["n"] == 80 and "least and most" in found[0]["interval"]
