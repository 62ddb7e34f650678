"""results: metrics.json, what it refuses, its provenance, and merging into a recipe's results."""

import json
import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from common import results
from common.results import ResultError

DATA = {"name": "mr", "synthetic": False, "fingerprint": "abc", "licence": "free", "rows": 100}
HEADLINE = {"metric": "accuracy", "variant": "ours"}


def metric(**changes):
    return {"data": "mr", "variant": "ours", "metric": "accuracy", "value": 0.81, "low": 0.8,
            "high": 0.82, "n": 1066, "seeds": [1], "interval": "Wilson 95 %"} | changes


def record(path, metrics=None, data=DATA, parameters=None):
    return results.record(path, "text_cnn", data, HEADLINE, metrics or [metric()],
                          parameters or {"DATA": "mr", "EPOCHS": 3}, time.time() - 5)


def test_record_writes_what_it_returns(tmp_path):
    content = record(tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == content
    assert set(content) == {
        "recipe", "data", "headline", "metrics", "parameters", "seconds", "peak_memory_mb",
        "commit", "dirty", "versions", "backend", "machine", "date",
    }
    assert content["metrics"] == [metric()]
    assert 5 <= content["seconds"] < 60 and content["peak_memory_mb"] > 10
    assert datetime.fromisoformat(content["date"]).utcoffset().total_seconds() == 0
    assert content["versions"]["pandas"] and content["machine"]["cores"] >= 1
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    named = record(tmp_path / "deep" / "other.json")
    assert json.loads((tmp_path / "deep" / "other.json").read_text()) == named


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": math.nan}, r"metrics\[1\] \(mr, b, accuracy\): value is nan"),
        ({"high": math.inf}, r"metrics\[1\] \(mr, b, accuracy\): high is inf"),
        ({"value": 0.83}, "value 0.83 lies outside its interval 0.8 to 0.82"),
        ({"value": 81.0, "low": 80.0, "high": 82.0}, "81.0 is not a fraction; divide percent"),
        ({"low": None}, "low and high come together"),
        ({"n": 0}, "n is 0"),
        ({"seeds": None}, r"metrics\[1\] \(mr, b, accuracy\).seeds"),
        ({"colour": "red"}, r"metrics\[1\] \(mr, b, accuracy\).colour"),
        ({"variant": "ours"}, r"\('mr', 'ours', 'accuracy'\) is given twice"),
    ],
)
def test_unsound_numbers_are_refused_by_name(tmp_path, changes, message):
    with pytest.raises(ResultError, match=message):
        record(tmp_path, [metric(), metric(**({"variant": "b"} | changes))])
    assert list(tmp_path.iterdir()) == []


def test_headline_and_parameters_must_fit(tmp_path):
    with pytest.raises(ResultError, match="headline .* is not among the metrics"):
        record(tmp_path, [metric(variant="other")])
    with pytest.raises(ResultError, match="Parameters must be"):
        record(tmp_path, parameters={"RATE": math.nan})
    with pytest.raises(ResultError, match="Parameters must be"):
        record(tmp_path, parameters={"MODEL": object()})
    with pytest.raises(ResultError, match="data.licence"):
        record(tmp_path, data={key: DATA[key] for key in DATA if key != "licence"})
    assert list(tmp_path.iterdir()) == []


def test_a_metric_may_have_no_interval(tmp_path):
    plain = metric(metric="sentences_per_second", value=5210.0, low=None, high=None, interval="")
    assert record(tmp_path, [metric(), plain])["metrics"][1]["low"] is None


def git(folder, *arguments):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], cwd=folder,
                   check=True, capture_output=True)


def test_commit_and_changes_come_from_the_codes_repository(tmp_path, monkeypatch):
    code = tmp_path / "common"
    (tmp_path / "results").mkdir()
    code.mkdir()
    monkeypatch.setattr(results, "__file__", str(code / "results.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    outside = results.environment()
    assert outside["commit"] is None and outside["dirty"] is None
    git(tmp_path, "init")
    assert results.environment()["commit"] is None  # no commit yet
    (code / "results.py").write_text("1")
    (tmp_path / "results" / "a.json").write_text("[]")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    clean = results.environment()
    assert len(clean["commit"]) >= 7 and clean["dirty"] is False
    (tmp_path / "results" / "a.json").write_text("[1]")
    assert results.environment()["dirty"] is False  # what a reproduction itself writes
    (tmp_path / "new.py").write_text("2")
    assert results.environment()["dirty"] is True


def test_versions_name_only_what_was_loaded():
    code = ("import json; from common import results; "
            "print(json.dumps(results.environment()['versions']))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    versions = json.loads(done.stdout)
    assert "pandas" in versions and "keras" not in versions and "tensorflow" not in versions


def test_table_puts_published_numbers_beside_ours():
    published = [
        {"data": "mr", "metric": "accuracy", "value": 76.1, "unit": "percent", "of": "CNN-rand",
         "source": "Kim 2014, Table 2"},
        {"data": "sst2", "metric": "accuracy", "value": 82.7, "unit": "percent", "of": "CNN-rand",
         "source": "Kim 2014, Table 2"},
    ]
    metrics = [metric(), metric(data="cr"),
               metric(variant="b", metric="loss", value=1.23456, low=None, high=None, interval="")]
    frame = results.table(metrics, published, "mr")
    assert list(frame.index) == ["ours", "b", "CNN-rand"]
    assert list(frame["value"]) == ["81.0 %", "1.235", "76.1 %"]
    assert frame.loc["ours", "95 % interval"] == "80.0 % to 82.0 %"
    assert frame.loc["ours", "source"] == "this run; Wilson 95 %"
    assert frame.loc["CNN-rand", "source"] == "Kim 2014, Table 2"
    assert list(results.table(metrics, published, "mr", synthetic=True).index) == ["ours", "b"]


def test_merge_replaces_the_same_number_and_sorts(tmp_path):
    path = tmp_path / "results" / "text_cnn.json"
    first = record(tmp_path, [metric(), metric(variant="base", value=0.8)])
    other = record(tmp_path, [metric(data="cr")], data=DATA | {"name": "cr", "synthetic": True})
    results.merge(path, [first, other], "real")
    better = record(tmp_path, [metric(value=0.815)]) | {"commit": "abc1234", "dirty": True}
    merged = results.merge(path, [better], "full")
    assert json.loads(path.read_text(encoding="utf-8")) == merged
    assert [(r["data"], r["variant"], r["value"], r["preset"]) for r in merged] == [
        ("cr", "ours", 0.81, "real"), ("mr", "base", 0.8, "real"), ("mr", "ours", 0.815, "full"),
    ]
    assert merged[0]["synthetic"] and not merged[1]["synthetic"]
    assert merged[2]["commit"] == "abc1234-dirty"
    assert set(merged[0]) == {
        "data", "variant", "metric", "value", "low", "high", "n", "seeds", "interval", "preset",
        "synthetic", "seconds", "peak_memory_mb", "commit", "machine", "date", "fingerprint",
    }


def test_merge_refuses_damage_and_leaves_the_file(tmp_path):
    path = tmp_path / "text_cnn.json"
    run = record(tmp_path)
    path.write_text('[{"data": ')
    with pytest.raises(ResultError, match="restore it from git"):
        results.merge(path, [run], "full")
    assert path.read_text() == '[{"data": '
    run["metrics"][0]["value"] = 0.9
    with pytest.raises(ResultError, match="outside its interval"):
        results.merge(path, [run], "full")


def test_merge_loses_nothing_when_several_write_at_once(tmp_path):
    path = tmp_path / "text_cnn.json"
    runs = [record(tmp_path / str(i), [metric(data=f"set{i}")],
                   data=DATA | {"name": f"set{i}"}) for i in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda run: results.merge(path, [run], "full"), runs))
    assert len(json.loads(path.read_text())) == 12


def test_last_words_name_only_what_is_there(tmp_path, capsys):
    for name in ("picture.png", "metrics.json"):
        (tmp_path / name).touch()
    (tmp_path / "grader").mkdir()
    results.last_words("idrid", "All is well.", tmp_path, 75, {
        "grader": "the trained grader", "picture.png": "the first picture", "film.gif": "a film",
    })  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("idrid: done in 1 min 15 s, ") and lines[1] == "All is well."
    assert lines[2:] == [f"  {tmp_path / 'picture.png'}: the first picture",
                         f"  {tmp_path / 'grader'}: the trained grader",
                         f"  {tmp_path / 'metrics.json'}: the numbers"]  # fmt: skip
