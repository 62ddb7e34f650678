"""The catalogue itself and the command ``python -m data_scripts.fetch``."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from common import datasets
from common.download import TransferError
from data_scripts.fetch import main

ROOT = Path(datasets.__file__).parents[1]
MIRROR = Path(os.environ.get("RECIPES_MIRROR") or "/nonexistent")
needs_mirror = pytest.mark.skipif(not MIRROR.is_dir(), reason="RECIPES_MIRROR names no folder")
SETS = ["mr", "subj", "cr", "trec", "sst1", "sst2", "word2vec_8k", "glove_twitter_12k"]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RECIPES_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def offline(monkeypatch):
    """No mirror and no network; notes the addresses that were asked."""
    monkeypatch.delenv("RECIPES_MIRROR", raising=False)
    asked = []

    def download(url, *rest):
        asked.append(url)
        raise TransferError(f"{url}: no connection to the server")

    monkeypatch.setattr(datasets, "download", download)
    return asked


def test_catalogue_is_complete():
    assert set(SETS) <= set(datasets.names())
    for name in datasets.names():
        found = datasets.entry(name)
        assert found.title and found.licence and found.citation and found.note
        if found.task == "text classification":
            assert found.counts.classes >= 2 and found.counts.splits and found.prepare
        if any(file.url is None for file in found.files):
            assert "No address" in found.note


@needs_mirror
def test_catalogue_agrees_with_the_mirrors_list_of_originals():
    with open(MIRROR / "raw" / "origin.csv", newline="") as file:
        origin = {row["sha256"]: row for row in csv.DictReader(file)}
    for name in SETS[:6]:
        for file in datasets.entry(name).files:
            row = origin[file.sha256]
            assert (file.name, file.bytes, file.url) == (row["file"], int(row["bytes"]), row["url"])
            assert (MIRROR / file.mirror).stat().st_size == file.bytes


@needs_mirror
@pytest.mark.parametrize("name", SETS[6:])
def test_word_vectors_are_what_the_catalogue_says(name):
    found = datasets.entry(name)
    with numpy.load(datasets.load(name) / found.files[0].name, allow_pickle=False) as arrays:
        assert arrays["words"].shape == (found.counts.rows,)
        assert arrays["vectors"].shape == (found.counts.rows, found.counts.dimensions)


def test_list_shows_every_set(capsys, offline):
    assert main(["--list"]) == 0
    out = capsys.readouterr().out
    for name in SETS:
        assert f"\n{name} " in out
    assert "to download" in out and "not to be had" in out and "RECIPES_MIRROR is not set" in out
    assert offline == []


@needs_mirror
def test_fetch_then_list_then_verify(capsys):
    assert main(["cr", "trec"]) == 0
    out = capsys.readouterr().out
    assert "cr: 1 file, 374.1 kB, verified" in out and "trec: 2 files, 311.9 kB" in out
    assert main(["cr", "mr", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "cached" in lines[1] and "in mirror" in lines[2]
    assert main(["cr", "trec", "--verify"]) == 0
    assert capsys.readouterr().out.count("good ") == 8  # 3 in the cache, 3 in the mirror, 2 made


@needs_mirror
@pytest.mark.parametrize("which", ["custrev.all", "cr.csv"])
def test_verify_names_bad_files(capsys, which):
    assert main(["cr"]) == 0
    bad = next(datasets.cache_folder().rglob(which))
    bad.write_bytes(bad.read_bytes()[:-1])
    assert main(["--verify"]) == 1
    assert f"wrong content: {bad}" in capsys.readouterr().err


def test_verify_of_an_absent_set(capsys, offline):
    assert main(["--verify"]) == 0  # nothing here, so nothing is bad
    assert main(["mr", "--verify"]) == 1
    assert "absent  mr" in capsys.readouterr().out


def test_licences(capsys):
    assert main(["mr", "glove_twitter_12k", "--licences"]) == 0
    out = capsys.readouterr().out
    assert "Seeing stars" in out and "Public Domain Dedication" in out and "SST" not in out


def test_failure_is_told_and_the_others_are_still_tried(capsys, offline):
    assert main(["mr", "word2vec_8k", "subj"]) == 1
    err = capsys.readouterr().err
    assert "failed: mr, word2vec_8k, subj" in err
    assert "No address serves this file" in err and 'DATA="sample"' in err
    assert [url.rpartition("/")[2] for url in offline] == ["rt-polarity.all", "subj.all"]


def test_all_means_every_set(capsys, offline):
    assert main(["--all"]) == 1
    assert f"failed: {', '.join(datasets.names())}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sts1"], "Did you mean 'sst1'?"),
        ([], "name a set"),
        (["mr", "--all"], "either names or --all"),
        (["--list", "--verify"], "not allowed with"),
    ],
)
def test_wrong_commands(capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_exit_code_of_the_command():
    command = [sys.executable, "-m", "data_scripts.fetch"]
    for arguments, code in ((["mr", "--licences"], 0), (["nothing_like_it"], 2)):
        done = subprocess.run(command + arguments, cwd=ROOT, capture_output=True, timeout=60)
        assert done.returncode == code
