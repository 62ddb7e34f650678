"""The runner, through its command line and real kernels."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest

from ci import follow, summary
from ci.plan import UsageError, missing_data
from ci.recipe import AtMost
from ci.run import STAMP, main
from ci.tests.conftest import start


def wait_for(condition, seconds=60):
    """Poll until `condition()` is true; its value then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError("waited in vain")


def test_good_run(runs, project):
    assert runs.codes["quick"] == 0, runs.said["quick"]
    folder = runs.out / "tiny" / "quick"
    result = runs.result("quick")
    assert result["state"] == "ok"
    assert result["metric"]["value"] == 0.871 and result["metric"]["variant"] == "ours"
    assert result["synthetic"] is True and result["picture"] == "picture.png"
    assert result["minutes"] > 0 and result["peak_memory_mb"] > 50
    assert "87.1 (85.1–89.1)" in runs.said["quick"] and "≥ 80.0" in runs.said["quick"]
    assert not list(folder.glob("*.running.ipynb"))
    # The plots are inline although MPLBACKEND=agg was set, and the recipe's modules were found.
    log = (folder / "log.txt").read_text()
    assert "answer 42" in log and "backend module://matplotlib_inline" in log
    notebook = nbformat.read(folder / "tiny.ipynb", as_version=4)
    stamp = notebook.metadata[STAMP]
    source = project / "recipes" / "tiny" / "tiny.ipynb"
    assert stamp["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert stamp["source"] == "recipes/tiny/tiny.ipynb" and stamp["preset"] == "quick"
    assert stamp["parameters"]["EPOCHS"] == 3 and stamp["state"] == "ok"
    assert stamp["parameters"]["OUTPUT_DIR"] == str(folder)


def test_failing_cell_is_shown_and_the_partial_notebook_kept(runs):
    said = runs.said["fail"]
    assert runs.codes["fail"] == 1
    assert "cell 4/8 do the work" in said
    assert "ValueError: the red reason" in said and "\x1b" not in said
    assert "│ from helper import ANSWER" in said
    notebook = nbformat.read(runs.out / "tiny" / "fail" / "tiny.ipynb", as_version=4)
    assert notebook.metadata[STAMP]["state"] == "failed"
    assert any(o.output_type == "error" for c in notebook.cells for o in c.get("outputs", []))


def test_killed_kernel_is_a_failure_with_a_reason(runs):
    assert runs.codes["die"] == 1
    assert "the kernel died" in runs.result("die")["reason"]


def test_run_below_its_floor_fails(runs):
    assert runs.codes["poor"] == 1
    reason = runs.result("poor")["reason"]
    assert "accuracy 0.55 is below the floor 0.8" in reason
    assert "no loss of variant ours" in reason


def test_metrics_of_an_earlier_run_do_not_count_and_are_not_deleted(runs):
    assert runs.codes["silent"] == 1
    assert "from an earlier run" in runs.result("silent")["reason"]
    assert (runs.out / "tiny" / "silent" / "metrics.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tiny", "-p", "EPOHCS", "3"], "did you mean EPOCHS?"),
        (["tiny", "-p", "EPOCHS", "ten"], "EPOCHS takes an int (default 10), got 'ten'"),
        (["tiny", "-p", "OUTPUT_DIR", "x"], "-o DIR"),
        (["tyni"], "did you mean tiny?"),
        (["tiny", "--preset", "fast"], "no preset fast. Valid: quick, full"),
    ],
)
def test_wrong_use_is_refused_before_anything_starts(project, tmp_path, capsys, arguments, words):
    assert main([*arguments, "--root", str(project), "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert not (tmp_path / "out").exists()
    if "EPOHCS" in arguments:
        assert "BATCH_SIZE (32)" in said  # the valid names are listed


def test_list_names_presets_and_parameters(project, capsys):
    assert main(["tiny", "--list", "--root", str(project)]) == 0
    said = capsys.readouterr().out
    assert "quick (about 1 min)" in said and "EPOCHS = 10  # passes over" in said


def test_interrupts_and_time_limit_leave_no_process_behind(project, tmp_path):
    starts = {
        "int": start(project, tmp_path / "int", "--preset", "sleep"),
        "kill": start(project, tmp_path / "kill", "--preset", "sleep"),
        "limit": start(project, tmp_path / "limit", "--preset", "sleep", "--timeout", "0.2"),
    }
    files = {how: tmp_path / how / "tiny" / "sleep" / "pids" for how in starts}
    processes = {}
    for how, file in files.items():
        # The kernel, and a process that it started in a session of its own. On a very slow
        # machine the time limit may come first.
        ended = starts["limit"].poll if how == "limit" else lambda: None
        wait_for(lambda f=file, e=ended: e() or (f.exists() and len(f.read_text().split()) == 2))
        if ended() is None:
            processes[how] = [psutil.Process(int(pid)) for pid in file.read_text().split()]
    starts["int"].send_signal(signal.SIGINT)
    starts["kill"].kill()
    said = {how: process.communicate(timeout=120)[0] for how, process in starts.items()}
    for how, started in processes.items():
        _, alive = psutil.wait_procs(started, timeout=30)
        assert not alive, how
    assert starts["int"].returncode == 130 and "stopped before its end" in said["int"]
    assert starts["limit"].returncode == 1 and "time limit of 0.2 min" in said["limit"]
    for how in ("int", "limit"):
        folder = tmp_path / how / "tiny" / "sleep"
        notebook = nbformat.read(folder / "tiny.ipynb", as_version=4)
        assert notebook.metadata[STAMP]["state"] == "failed"
        (entry,) = json.loads((tmp_path / how / "summary.json").read_text())["runs"]
        assert entry["state"] == "failed"
    # A killed runner could rename nothing: what it left is not called like a whole notebook.
    left = {p.name for p in (tmp_path / "kill" / "tiny" / "sleep").glob("*.ipynb")}
    assert left == {"tiny.running.ipynb"}


def test_plain_papermill_runs_the_same_notebook(project, tmp_path):
    source = project / "recipes" / "tiny" / "tiny.ipynb"
    command = [sys.executable, "-m", "papermill", source, tmp_path / "out.ipynb", "-p"]
    command += ["OUTPUT_DIR", tmp_path, "--cwd", source.parent, "--no-progress-bar"]
    env = {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"}
    done = subprocess.run([*map(str, command)], env=env, timeout=120, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "metrics.json").exists()


def test_a_user_s_data_may_have_another_measure(project, tmp_path, monkeypatch, capsys):
    def execute(source, target, parameters, *, log, **_):
        record = {"data": "my.csv", "metric": "r2", "variant": "ours", "value": 0.51234}
        metrics = {"data": {"name": "my.csv"}, "headline": {"metric": "r2", "variant": "ours"}}
        log.with_name("metrics.json").write_text(json.dumps({**metrics, "metrics": [record]}))
        return follow.Outcome()

    monkeypatch.setattr("ci.run.execute", execute)
    usual = ["tiny", "--root", str(project), "-o", str(tmp_path)]
    assert main([*usual, "-p", "DATA", "my.csv"]) == 0
    assert "r2 0.512" in capsys.readouterr().out
    assert main(usual) == 1  # the preset itself must have the recipe's
    assert "metrics.json has no accuracy" in capsys.readouterr().out


def test_floors_are_for_the_preset_as_it_stands(project, tmp_path, fake_execute, capsys):
    usual = ["tiny", "--root", str(project), "-o", str(tmp_path)]
    assert main(usual) == 1
    assert main([*usual, "-p", "SEED", "7"]) == 1  # another seed is still the preset
    assert main([*usual, "-p", "EPOCHS", "3"]) == 1  # so is the preset's own value
    assert main([*usual, "-p", "EPOCHS", "1"]) == 0
    assert "floors of quick not checked: EPOCHS changed" in capsys.readouterr().out
    assert [p["SEED"] for p in fake_execute if "SEED" in p] == [7]
    (entry,) = summary.read(tmp_path)
    assert entry.floor == "" and entry.published[0].value == pytest.approx(0.761)


def test_a_users_file_is_found_from_the_notebooks_folder(
    project, tmp_path, fake_execute, monkeypatch
):
    (tmp_path / "mine.csv").write_text("text,label\n")
    (tmp_path / "mr").mkdir()
    monkeypatch.chdir(tmp_path)
    usual = ["tiny", "--root", str(project), "-o", str(tmp_path / "out")]
    main([*usual, "-p", "DATA", "mine.csv"])
    main([*usual, "-p", "DATA", "mr"])  # the set, not the folder that happens to be here
    assert [p["DATA"] for p in fake_execute] == [str(tmp_path / "mine.csv"), "mr"]


def test_missing_data_is_skipped_with_its_reason(
    project, tmp_path, fake_execute, monkeypatch, capsys
):
    from common import datasets
    from common.download import TransferError

    def refuse(name):
        raise TransferError(f"{name} cannot be had:\n no network")

    monkeypatch.setattr(datasets, "load", refuse)
    monkeypatch.setenv("RECIPES_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RECIPES_MIRROR", raising=False)
    usual = ["tiny", "--root", str(project), "-o", str(tmp_path / "out")]
    presets = ["--preset", "quick", "--preset", "full", "--skip-missing", "-p", "SEED", "2"]
    assert missing_data("mr") and not missing_data("sample") and not missing_data("my.csv")
    assert main([*usual, *presets]) == 1  # quick is below its floor; full is skipped
    assert "skipped: mr cannot be had: no network" in capsys.readouterr().out
    states = {r.preset: r.state for r in summary.read(tmp_path / "out")}
    assert states == {"quick": "failed", "full": "skipped"}
    assert len(fake_execute) == 1
    monkeypatch.setenv("RECIPES_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="nowhere"):
        missing_data("mr")


def test_stop_at_the_first_failure_only_when_asked(project, tmp_path, fake_execute):
    usual = ["tiny", "--root", str(project), "-o", str(tmp_path), "--preset", "quick"]
    assert main([*usual, "--preset", "poor", "--no-keep-going"]) == 1
    assert len(fake_execute) == 1
    assert main([*usual, "--preset", "poor"]) == 1
    assert len(fake_execute) == 3


def test_two_runs_never_share_a_folder(project, tmp_path, fake_execute, capsys):
    from filelock import FileLock

    (tmp_path / "tiny" / "full").mkdir(parents=True)
    with FileLock(tmp_path / "tiny" / "full" / ".running.lock"):
        code = main(["--root", str(project), "-o", str(tmp_path), "--preset", "full"])
    assert code == 1 and not fake_execute
    assert "another run is at work" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("floor", "value", "fine"),
    [(0.8, 0.8, True), (0.8, 0.79, False), (AtMost(max=0.2), 0.2, True),
     (AtMost(max=0.2), 0.21, False), (0.8, float("nan"), False), (0.8, None, False)],
)  # fmt: skip
def test_floors_are_one_sided(floor, value, fine):
    metrics = {
        "headline": {"variant": "ours"},
        "metrics": [{"metric": "a", "variant": "b", "value": 1.0 - (value or 0)},
                    {"metric": "a", "variant": "ours", "value": value}],
    }  # fmt: skip
    assert (summary.below_floors(metrics, {"a": floor}) == []) is fine


@pytest.mark.parametrize("content", ["", "{}", '{"headline": {}, "data": {}, "metrics": []}'])
def test_broken_metrics_are_told(tmp_path, content):
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(ValueError, match="metrics.json is not as it should be"):
        summary.read_metrics(tmp_path)


def test_progress_on_a_terminal_and_in_a_log(monkeypatch, capsys):
    progress = follow.Progress("tiny quick", 2)
    progress.cell = "cell 3/9 train"
    progress.show()  # a log gets no line yet
    monkeypatch.setattr(follow, "LINE_EVERY", 0)
    progress.show()
    progress.terminal = True
    progress.show()
    lines = capsys.readouterr().out
    assert lines.startswith("▶ tiny quick: about 2:00\ntiny quick · 0:00 of about 2:00 · cell 3/9")
    assert lines.count("cell 3/9") == 2 and "\r\x1b[K" in lines
    assert follow.clock(3725) == "1:02:05"
