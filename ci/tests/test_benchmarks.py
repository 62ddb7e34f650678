"""Every benchmark runs to its end; what it prints is for people and a quiet machine."""

import importlib
from pathlib import Path

import pytest

from ci import benchmarks

SMALL = {
    "medical": ["--photographs", "4", "--size", "64", "--camera", "600", "--repetitions", "1"],
    "neural_style": ["--sizes", "64", "--repetitions", "1", "--steps", "1", "--loss-steps", "2",
                     "--last-block", "1"],
    "speech": ["--recordings", "4", "--width", "16", "--blocks", "1", "--steps", "1",
               "--seconds", "1", "--repetitions", "1", "--beam", "5"],
    "text_cnn": ["--data", "sample", "--limit", "400", "--repetitions", "1", "--epochs", "2"],
    "transfer": ["--data", "sample", "--pictures", "4", "--training", "8", "--size", "32",
                 "--steps", "1", "--repetitions", "1"],
    "wide_deep": ["--rows", "600", "--repetitions", "1", "--epochs", "2"],
}


def test_every_benchmark_is_tried():
    folder = Path(next(iter(benchmarks.__path__)))
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_it_runs(name, capsys):
    assert importlib.import_module(f"ci.benchmarks.{name}").main(SMALL[name]) == 0
    printed = capsys.readouterr().out
    assert "1.00 times" in printed and "repetition 1" in printed
