"""Data sets by name: order of the places, verification, preparation, several processes."""

import csv
import hashlib
import os
import subprocess
import sys
import time

import pytest
import yaml

from common import datasets, download
from common.catalogue import read_catalogue
from common.datasets import DatasetError
from common.tests.local_server import Server, stalling, whole

BODY = b"0 bad \n1 good , \x93quoted\x94 \n1 caf\xe9\n"  # Windows-1252, as the true originals
BIG = bytes(range(256)) * 1024


def an_entry(server, body=BODY, **changes):
    file = {
        "name": "rt-polarity.all",
        "url": server.url("/rt-polarity.all"),
        "sha256": hashlib.sha256(body).hexdigest(),
        "bytes": len(body),
        "mirror": "raw/toy/rt-polarity.all",
    }
    entry = {
        "title": "Toy",
        "task": "text classification",
        "homepage": "http://example.org",
        "licence": "none",
        "citation": "nobody",
        "counts": {"rows": 3, "class_names": ["bad", "good"], "splits": {"cv": 3}},
        "note": "A note.",
        "files": [file | {key: changes.pop(key) for key in list(changes) if key in file}],
        "prepare": "data_scripts.prepare_text:prepare_mr",
    }
    return entry | changes


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A server, an empty cache, no mirror, and `place.catalogue(**entries)` to write one."""
    for name in ("RECIPES_MIRROR", "RECIPES_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECIPES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "BACKOFF_SECONDS", 0.0)
    path = tmp_path / "catalogue.yaml"
    monkeypatch.setattr(datasets, "CATALOGUE", path)

    def catalogue(**entries):
        path.write_text(yaml.safe_dump(entries, sort_keys=False))
        read_catalogue.cache_clear()

    with Server() as server:
        server.routes["/rt-polarity.all"] = whole(BODY)
        server.catalogue = catalogue
        catalogue(mr=an_entry(server))
        yield server


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    (folder / "raw" / "toy").mkdir(parents=True)
    monkeypatch.setenv("RECIPES_MIRROR", str(folder))
    return folder / "raw" / "toy" / "rt-polarity.all"


def rows(folder, name="mr"):
    with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_network_then_cache(place):
    assert datasets.state("mr") == "to download"
    path = datasets.fetch("mr")["rt-polarity.all"]
    assert path.read_bytes() == BODY and path.is_relative_to(datasets.cache_folder())
    assert datasets.state("mr") == "cached"
    assert datasets.fetch("mr") == {"rt-polarity.all": path}
    assert len(place.requests) == 1


def test_mirror_before_network(place, mirror):
    mirror.write_bytes(BODY)
    assert datasets.state("mr") == "in mirror"
    assert datasets.fetch("mr")["rt-polarity.all"].read_bytes() == BODY
    assert place.requests == []


def test_cache_before_mirror(place, mirror):
    datasets.fetch("mr")
    mirror.write_bytes(b"wrong")
    assert datasets.fetch("mr")["rt-polarity.all"].read_bytes() == BODY


def test_mirror_without_the_file_goes_to_the_network(place, mirror):
    assert datasets.fetch("mr")["rt-polarity.all"].read_bytes() == BODY
    assert len(place.requests) == 1


def test_wrong_file_in_the_mirror_is_named(place, mirror):
    mirror.write_bytes(b"wrong")
    with pytest.raises(DatasetError) as caught:
        datasets.fetch("mr")
    message = str(caught.value)
    assert str(mirror) in message and hashlib.sha256(b"wrong").hexdigest() in message
    assert place.requests == [] and mirror.read_bytes() == b"wrong"


def test_mirror_that_is_no_folder_is_refused(place, monkeypatch):
    monkeypatch.setenv("RECIPES_MIRROR", "/no/such/folder")
    with pytest.raises(DatasetError, match="RECIPES_MIRROR=/no/such/folder is not a folder"):
        datasets.fetch("mr")


@pytest.mark.parametrize("damaged", [BODY[:-1], BODY[:-1] + b"x"])
def test_damaged_cache_is_fetched_again(place, caplog, damaged):
    path = datasets.fetch("mr")["rt-polarity.all"]
    path.write_bytes(damaged)
    assert [check.good for check in datasets.verify("mr")] == [False]
    assert datasets.fetch("mr")["rt-polarity.all"].read_bytes() == BODY
    assert "was damaged" in caplog.text
    assert [check.good for check in datasets.verify("mr")] == [True]


def test_nothing_at_hand_says_what_works(place):
    place.routes.clear()
    with pytest.raises(DatasetError) as caught:
        datasets.load("mr")
    message = str(caught.value)
    for part in (
        "rt-polarity.all", "'mr'", f"{len(BODY)} bytes", place.url("/rt-polarity.all"), "HTTP 404",
        "RECIPES_MIRROR is not set", "raw/toy/rt-polarity.all", 'DATA="sample"', "DATA=\"path/",
    ):  # fmt: skip
        assert part in message


def test_file_without_an_address_needs_the_mirror(place, mirror):
    vectors = an_entry(place, url=None, task="word vectors", prepare=None)
    place.catalogue(vectors=vectors)
    assert datasets.state("vectors") == "not to be had"
    with pytest.raises(DatasetError, match=r"(?s)A note\..*set RECIPES_MIRROR to a folder that"):
        datasets.load("vectors")
    mirror.write_bytes(BODY)
    assert (datasets.load("vectors") / "rt-polarity.all").read_bytes() == BODY


def test_sets_that_share_an_original_fetch_it_once(place):
    place.catalogue(mr=an_entry(place), other=an_entry(place))
    assert datasets.fetch("mr") == datasets.fetch("other")
    assert len(place.requests) == 1


def test_unknown_name_gets_the_nearest(place):
    with pytest.raises(DatasetError, match="'MRR'.*mean 'mr'"):
        datasets.load("MRR")


@pytest.mark.parametrize("where", [{}, {"files": [{}]}, {"counts": {}}])
def test_typing_error_in_the_catalogue_is_an_error(place, where):
    wrong = an_entry(place)
    inner = wrong["files"][0] if "files" in where else wrong["counts"] if where else wrong
    inner["licens"] = "MIT"
    place.catalogue(mr=wrong)
    with pytest.raises(DatasetError, match=r"(?s)catalogue\.yaml.*licens"):
        datasets.names()


@pytest.mark.parametrize(
    ("key", "value"),
    [("mirror", "../up"), ("mirror", "/etc/passwd"), ("sha256", "abc"), ("url", "ftp://x"),
     ("bytes", 0), ("name", "a/b")],
)  # fmt: skip
def test_wrong_values_in_the_catalogue_are_errors(place, key, value):
    place.catalogue(mr=an_entry(place, **{key: value}))
    with pytest.raises(DatasetError, match=rf"mr\.files\.0\.{key}"):
        datasets.names()


def test_load_prepares_once(place):
    folder = datasets.load("mr")
    assert rows(folder) == [
        ["text", "label", "split"],
        ["bad", "0", "cv"],
        ["good , \u201cquoted\u201d", "1", "cv"],
        ["caf\u00e9", "1", "cv"],
    ]
    before = (folder / "mr.csv").stat()
    assert datasets.load("mr") == folder
    assert (folder / "mr.csv").stat() == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_load_needs_no_originals_once_prepared(place):
    folder = datasets.load("mr")
    datasets.fetch("mr")["rt-polarity.all"].unlink()
    place.routes.clear()
    assert datasets.load("mr") == folder and datasets.state("mr") == "cached"


def test_damaged_preparation_is_made_again(place):
    folder = datasets.load("mr")
    whole_file = (folder / "mr.csv").read_bytes()
    (folder / "mr.csv").write_bytes(whole_file[:-4])
    assert (datasets.load("mr") / "mr.csv").read_bytes() == whole_file


def test_other_counts_than_the_catalogue_are_refused(place):
    wrong = an_entry(place)
    wrong["counts"] |= {"rows": 4, "splits": {"cv": 4}}
    place.catalogue(mr=wrong)
    with pytest.raises(DatasetError, match="other rows than the catalogue says"):
        datasets.load("mr")
    assert list((datasets.cache_folder() / "prepared").iterdir()) == []


def test_changed_preparation_code_prepares_anew(place, tmp_path, monkeypatch):
    code = tmp_path / "toy_preparation.py"
    code.write_text("def prepare(originals, folder):\n    (folder / 'out').write_text('one')\n")
    monkeypatch.syspath_prepend(tmp_path)
    place.catalogue(mr=an_entry(place, prepare="toy_preparation:prepare"))
    first = datasets.load("mr")
    code.write_text(code.read_text().replace("one", "another"))
    sys.modules.pop("toy_preparation")
    second = datasets.load("mr")
    assert (first / "out").read_text() == "one" and (second / "out").read_text() == "another"


def test_killed_preparation_is_never_taken_for_whole(place, monkeypatch):
    def broken(originals, folder):
        (folder / "mr.csv").write_text("text,label,split\n")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("data_scripts.prepare_text.prepare_mr", broken)
        with pytest.raises(KeyboardInterrupt):
            datasets.load("mr")
    aside = datasets.prepared_folder("mr")
    aside.with_name(aside.name + ".aside").mkdir()  # what a hard kill leaves
    assert len(rows(datasets.load("mr"))) == 4


def test_cache_that_cannot_be_written_is_named(place, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DatasetError, match=r"cannot write .*cache.*Set RECIPES_CACHE"):
        datasets.load("mr")


# --- several processes

CHILD = """
import logging, sys
from pathlib import Path
from common import datasets
logging.basicConfig(level=logging.WARNING)
datasets.CATALOGUE = Path(sys.argv[1])
print(datasets.fetch("big")["rt-polarity.all"])
"""


def start():
    command = [sys.executable, "-c", CHILD, str(datasets.CATALOGUE)]
    pipe = subprocess.PIPE
    root = os.path.dirname(os.path.dirname(datasets.__file__))
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=root)


@pytest.fixture
def big(place):
    """The catalogue holds a set whose server stalls in the middle of the file."""
    place.catalogue(big=an_entry(place, BIG, prepare=None))
    place.routes["/rt-polarity.all"] = stalling(BIG, 140_000)
    return place


def test_second_process_waits_and_uses_the_first_ones_file(big):
    with start() as first:
        assert big.reached.wait(60)
        with start() as second:
            assert "waiting for another process" in second.stderr.readline()
            big.release.set()
            outputs = [process.communicate(timeout=60)[0] for process in (first, second)]
            assert (first.returncode, second.returncode) == (0, 0)
    assert outputs[0] == outputs[1]
    assert len(big.requests) == 1
    assert datasets.fetch("big")["rt-polarity.all"].read_bytes() == BIG


def test_killed_process_leaves_a_part_that_the_next_one_continues(big):
    with start() as first:
        assert big.reached.wait(60)
        part = None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (part and part.stat().st_size):
            part = next(datasets.cache_folder().rglob("*.part"), None)
            time.sleep(0.01)
        first.kill()
    assert datasets.state("big") == "to download"
    big.routes["/rt-polarity.all"] = whole(BIG)
    assert datasets.fetch("big")["rt-polarity.all"].read_bytes() == BIG
    _, (_, wanted) = big.requests
    assert wanted == f"bytes={2 * 65536}-" or wanted == "bytes=65536-"


def a_listing(folder, lines):
    """An entry whose one file lists others, as it lies in the folder `toy` of a mirror."""
    text = "".join(f"{line}\n" for line in lines).encode()
    (folder / "sha256sums").write_bytes(text)
    return {"name": "sha256sums", "url": None, "sha256": hashlib.sha256(text).hexdigest(),
            "bytes": len(text), "mirror": "toy/sha256sums", "listing": True}  # fmt: skip


@pytest.fixture
def folder_of_two(place, mirror):
    """A mirror's folder with two files below folders, and the catalogue that names its listing."""
    folder = mirror.parents[2] / "toy"
    bodies = {"train/ants/1.jpg": b"an ant", "val/bees/1.jpg": b"a bee"}
    for name, body in bodies.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(body)
    lines = [f"{hashlib.sha256(body).hexdigest()}  ./{name}" for name, body in bodies.items()]
    lines.append(f"{hashlib.sha256(b'notes').hexdigest()}  ./SOURCE.md")
    file = a_listing(folder, lines)
    entry = an_entry(place) | {"files": [file], "prepare": None, "further_bytes": 11}
    place.catalogue(toy=entry)
    place.entry, place.folder = entry, folder
    return place


def test_a_listing_answers_for_a_whole_folder(folder_of_two):
    assert datasets.state("toy") == "in mirror"
    folder = datasets.load("toy")
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert found == ["sha256sums", "train/ants/1.jpg", "val/bees/1.jpg"]
    assert (folder / "val/bees/1.jpg").read_bytes() == b"a bee"
    assert datasets.state("toy") == "cached"
    assert all(check.good for check in datasets.verify("toy"))
    assert len([c for c in datasets.verify("toy") if c.place == "cache"]) == 3


def test_a_changed_file_of_a_listing_is_refused(folder_of_two):
    (folder_of_two.folder / "train/ants/1.jpg").write_bytes(b"a wasp")
    with pytest.raises(DatasetError, match="1.jpg"):
        datasets.load("toy")


@pytest.mark.parametrize("line", ["0" * 64 + "  ../../outside.jpg", "0" * 64 + "  /etc/passwd",
                                  "no digest  a.jpg"])  # fmt: skip
def test_a_listing_stays_inside_its_folder(folder_of_two, line):
    file = a_listing(folder_of_two.folder, [line])
    folder_of_two.catalogue(toy=folder_of_two.entry | {"files": [file]})
    with pytest.raises(DatasetError, match="sha256sums, line 1"):
        datasets.load("toy")
