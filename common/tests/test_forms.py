"""Sizes and paces are what they are called."""

import time

import keras
import pytest

from common import forms


def test_megabytes_of_a_file_a_folder_and_a_model(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.bin").write_bytes(bytes(1_500_000))
    (tmp_path / "y.bin").write_bytes(bytes(500_000))
    assert forms.megabytes(tmp_path) == 2 and forms.megabytes(tmp_path / "y.bin") == 0.5
    model = keras.Sequential([keras.Input((99,)), keras.layers.Dense(100)])
    assert forms.megabytes(model) == pytest.approx(100 * 100 * 4 / 1e6)


def test_pace_is_the_median_without_the_first():
    asked = []

    def one(given):
        asked.append(given)
        time.sleep(0.2 if len(asked) == 1 else 0.01)

    found = forms.pace(one, list(range(50)))
    assert len(asked) == 1 + forms.TIMED and asked[:2] == [0, 0] and 10 <= found < 150
