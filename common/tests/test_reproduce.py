"""The command line over data sets: a choice of sets, a folder for each, wrong names refused."""

import pytest

from common import device
from common.reproduce import ROOT, over_sets


@pytest.fixture
def asked(monkeypatch):
    seen = {}
    monkeypatch.setattr(device, "setup", lambda **wish: seen.update(wish))
    return seen


def run(arguments):
    found = []
    code = over_sets("recipes.some.reproduce", {"a": 1, "b": 2}, lambda *job: found.append(job),
                     seed=3, precision="mixed_bfloat16", arguments=arguments)  # fmt: skip
    return code, found


def test_all_sets_into_folders_of_their_own(asked):
    folder = ROOT / "build/reproduce_some"
    assert run([]) == (0, [("a", folder / "a"), ("b", folder / "b")])
    assert asked["seed"] == 3 and asked["precision"] == "mixed_bfloat16"


def test_some_sets_elsewhere(asked, tmp_path):
    assert run(["--data", "b", "-o", str(tmp_path)]) == (0, [("b", tmp_path / "b")])


def test_an_unknown_set_is_refused_before_anything_starts(asked, capsys):
    with pytest.raises(SystemExit) as stop:
        run(["--data", "c"])
    assert stop.value.code == 2 and "choose from" in capsys.readouterr().err and not asked
