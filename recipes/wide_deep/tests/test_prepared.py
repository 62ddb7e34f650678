"""What is prepared once is not prepared again, and never taken for something else."""

from dataclasses import replace

import numpy as np
import pytest

from recipes.wide_deep import data, prepared


@pytest.fixture(scope="module")
def table():
    return data.load("sample", limit=400)


def test_the_second_time_nothing_is_computed(table, tmp_path, monkeypatch):
    fresh = prepared.prepare(table, None)
    first = prepared.prepare(table, tmp_path)
    monkeypatch.setattr(prepared, "fit", None)  # computing anything would fail
    second = prepared.prepare(table, tmp_path)
    assert (fresh.reused, first.reused, second.reused) == (False, False, True)
    for name, array in fresh.inputs.items():
        np.testing.assert_array_equal(first.inputs[name], array)
        np.testing.assert_array_equal(second.inputs[name], array)
    assert second.features.names() == fresh.features.names()


def test_features_are_those_of_the_training_rows_alone(table, tmp_path):
    other = table.frame.copy()
    other.loc[table.rows("test"), "price"] = 1e6
    changed = prepared.prepare(replace(table, frame=other, fingerprint="another"), None)
    assert changed.features.numbers == prepared.prepare(table, None).features.numbers


@pytest.mark.parametrize("change", ["content", "columns", "settings", "code"])
def test_anything_else_is_computed_anew(table, tmp_path, monkeypatch, change):
    prepared.prepare(table, tmp_path)
    settings = {}
    if change == "content":
        table = replace(table, fingerprint="another")
    elif change == "columns":
        table = replace(table, columns=table.columns.corrected("hour: ignore"))
    elif change == "settings":
        settings = {"minimum_count": 9}
    else:
        monkeypatch.setattr(prepared, "MODULES", ("columns",))
    assert not prepared.prepare(table, tmp_path, **settings).reused


def test_a_broken_off_folder_is_made_anew(table, tmp_path):
    prepared.prepare(table, tmp_path)
    next(tmp_path.rglob("features.npz")).unlink()
    assert not prepared.prepare(table, tmp_path).reused
    assert prepared.prepare(table, tmp_path).reused


def test_large_arrays_stay_on_disk(table, tmp_path, monkeypatch):
    monkeypatch.setattr(prepared, "IN_MEMORY", 1000)
    found = prepared.prepare(table, tmp_path)
    assert found.mixed
    whole = prepared.prepare(table, None).inputs
    rows = np.array([5, 3, 700])
    for name, array in found.inputs.items():
        assert isinstance(array, prepared.OnDisk) and len(array) == len(table)
        np.testing.assert_array_equal(array[rows], whole[name][rows])
        assert not isinstance(array[:2], np.memmap)
