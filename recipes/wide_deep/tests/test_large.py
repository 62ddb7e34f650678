"""A file that is read in pieces gives what a table in memory gives."""

import numpy as np
import pandas as pd
import pytest

from common.validation import DataError
from data_scripts.sample_wide_deep import World
from recipes.wide_deep import large
from recipes.wide_deep.predictor import TablePredictor
from recipes.wide_deep.prepared import OnDisk


@pytest.fixture(scope="module")
def log():
    return World(users=50, apps=20, exceptions=10).log(1200).frame


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(large, "PIECE", 1000)
    monkeypatch.setattr(large, "HELD_OUT", 500)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_every_row_is_written_once(log, small_pieces, tmp_path, suffix):
    path = tmp_path / f"log{suffix}"
    log.to_parquet(path) if suffix == ".parquet" else log.to_csv(path, index=False)
    columns, features, target, train = large.prepare(
        path, "installed", tmp_path / "out", "visit: ignore", log=lambda line: None
    )
    ids, numbers = (OnDisk(tmp_path / "out" / f"{name}.npy") for name in ("ids", "numbers"))
    assert "place" in columns.used  # five follow each other: no fixed step may fall in with them
    whole = features.arrays(log)
    assert len(target) == len(ids) == len(log) and 0 < len(log) - train < 1000

    def rows(ids, numbers, target):
        table = np.concatenate([ids, numbers, target[:, None]], axis=1)
        return table[np.lexsort(table.T)]

    np.testing.assert_allclose(
        rows(ids[:], numbers[:], target),
        rows(whole["ids"], whole["numbers"], log["installed"].to_numpy()),
    )
    # Values are counted in all training rows, not only in those that are looked at.
    apps = next(f for f in features.categories if f.name == "app")
    assert sum(apps.counts) == train


def test_the_command_trains_and_saves(log, small_pieces, tmp_path, capsys):
    log.to_parquet(tmp_path / "log.parquet")
    arguments = [str(tmp_path / "log.parquet"), "--target", "installed", "-o", str(tmp_path / "o"),
                 "--columns", "visit: ignore", "--batch-size", "256", "--epochs", "2"]  # fmt: skip
    assert large.main(arguments) == 0
    said = capsys.readouterr().out
    assert "6,000 rows; area on" in said and "peak memory" in said
    predictor = TablePredictor.load(tmp_path / "o" / "predictor")
    assert predictor.predict(log.head(5)).shape == (5, 2)
    assert large.main(arguments) == 0
    assert "Continuing after epoch 2" in capsys.readouterr().out
    log.assign(installed=1 - log["installed"]).to_parquet(tmp_path / "log.parquet")
    assert large.main(arguments) == 1  # what was learned of other labels is not taken for this
    assert "--restart" in capsys.readouterr().err
    assert large.main([*arguments, "--restart"]) == 0


@pytest.mark.parametrize(
    "content, message",
    [("a,b\n1,2\n", "no column 'installed'"), ("installed,b\n2,x\n1,y\n", "not '2'"),
     ("installed,b\n", "no rows")],
)  # fmt: skip
def test_unusable_files_are_one_clear_error(tmp_path, capsys, content, message):
    path = tmp_path / "log.csv"
    path.write_text(content)
    assert large.main([str(path), "--target", "installed", "-o", str(tmp_path / "o")]) == 1
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ") and error.count("\n") == 1
    assert not list(tmp_path.glob("o/*.npy"))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="no file"):
        next(large.pieces(tmp_path / "log.parquet"))
    (tmp_path / "log.txt").write_text("x")
    with pytest.raises(DataError, match="parquet or .csv"):
        next(large.pieces(tmp_path / "log.txt"))


def test_pieces_are_all_rows_in_order(log, small_pieces, tmp_path):
    log.to_parquet(tmp_path / "log.parquet")
    again = pd.concat(list(large.pieces(tmp_path / "log.parquet")), ignore_index=True)
    np.testing.assert_array_equal(again["app"].astype(str), log["app"].astype(str))
