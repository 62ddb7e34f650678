"""Downloads from a real local server: right, wrong, cut off, slow, absent, and a full disk."""

import errno
import hashlib
import random

import pytest

from common import download as module
from common.download import DatasetError, TransferError, download
from common.tests.local_server import Server, cut_off, stalling, whole

BODY = random.Random(1).randbytes(200_000)
SHA = hashlib.sha256(BODY).hexdigest()
SIZE = len(BODY)
PATH = "/set/data.bin"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("RECIPES_TIMEOUT", raising=False)
    monkeypatch.setattr(module, "BACKOFF_SECONDS", 0.0)
    with Server() as running:
        yield running


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "data.bin"


def get(server, target, sha=SHA, size=SIZE, path=PATH):
    download(server.url(path), target, sha, size)


def left(target):
    return sorted(path.name for path in target.parent.iterdir())


def ranges(server):
    return [wanted for _, wanted in server.requests]


def test_right_file(server, target):
    server.routes[PATH] = whole(BODY)
    get(server, target)
    assert target.read_bytes() == BODY
    assert left(target) == ["data.bin"]
    assert ranges(server) == [None]


def test_redirect_is_followed(server, target):
    server.routes["/old"] = lambda handler: handler.answer(b"", 302, Location=PATH)
    server.routes[PATH] = whole(BODY)
    get(server, target, path="/old")
    assert target.read_bytes() == BODY


def test_wrong_digest_is_removed_and_named(server, target):
    other = bytes(len(BODY))
    server.routes[PATH] = whole(other)
    with pytest.raises(DatasetError) as caught:
        get(server, target)
    message = str(caught.value)
    assert "data.bin" in message and SHA in message
    assert hashlib.sha256(other).hexdigest() in message
    assert left(target) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("length", [10, len(BODY) + 10])
def test_wrong_size_is_refused_before_it_is_fetched(server, target, length):
    server.routes[PATH] = whole(bytes(length))
    with pytest.raises(DatasetError, match=r"expected 200,000 bytes.*no longer serves"):
        get(server, target)
    assert left(target) == []


def test_endless_body_without_a_length_is_stopped(server, target):
    def route(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(bytes(65536))
        except OSError:
            pass

    server.routes[PATH] = route
    with pytest.raises(DatasetError, match="more than the 200,000 bytes expected"):
        get(server, target)
    assert left(target) == []


def test_cut_off_transfer_resumes(server, target):
    server.routes[PATH] = cut_off(BODY, 150_000)
    get(server, target)
    assert target.read_bytes() == BODY
    first, second = ranges(server)
    assert first is None
    start = int(second.removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= 150_000


def test_cut_off_transfer_restarts_without_ranges(server, target):
    server.routes[PATH] = cut_off(BODY, 150_000, ranges=False)
    get(server, target)
    assert target.read_bytes() == BODY
    assert len(server.requests) == 2 and ranges(server)[1] is not None


def test_part_of_an_earlier_run_is_continued(server, target):
    target.parent.mkdir()
    target.with_name("data.bin.part").write_bytes(BODY[:70_000])
    server.routes[PATH] = whole(BODY)
    get(server, target)
    assert target.read_bytes() == BODY
    assert ranges(server) == ["bytes=70000-"]
    assert left(target) == ["data.bin"]


@pytest.mark.parametrize("length", [70_000, len(BODY), len(BODY) + 5])
def test_foreign_part_is_replaced(server, target, length):
    """A part that is not the beginning of this file costs a restart, never a wrong file."""
    target.parent.mkdir()
    target.with_name("data.bin.part").write_bytes(bytes(length))
    server.routes[PATH] = whole(BODY)
    get(server, target)
    assert target.read_bytes() == BODY
    assert ranges(server)[-1] is None


def test_wrong_range_restarts(server, target):
    target.parent.mkdir()
    target.with_name("data.bin.part").write_bytes(BODY[:70_000])

    def route(handler):
        if handler.headers.get("Range"):
            span = f"bytes 0-{len(BODY) - 1}/{len(BODY)}"
            handler.answer(BODY, 206, Content_Range=span)
        else:
            handler.answer(BODY)

    server.routes[PATH] = route
    get(server, target)
    assert target.read_bytes() == BODY


def test_refused_range_restarts(server, target):
    target.parent.mkdir()
    target.with_name("data.bin.part").write_bytes(BODY[:70_000])

    def route(handler):
        if handler.headers.get("Range"):
            handler.answer(b"", 416)
        else:
            handler.answer(BODY)

    server.routes[PATH] = route
    get(server, target)
    assert target.read_bytes() == BODY and len(server.requests) == 2


def test_always_cut_off_fails_and_leaves_nothing_that_looks_whole(server, target):
    server.routes[PATH] = lambda handler: handler.answer(BODY[:-1], Content_Length=str(len(BODY)))
    with pytest.raises(TransferError, match="cut off.*tried 4 times"):
        get(server, target)
    assert not target.exists()


def test_404_is_final(server, target):
    with pytest.raises(TransferError, match=r"data\.bin: .*HTTP 404"):
        get(server, target)
    assert len(server.requests) == 1
    assert not target.exists()


def test_busy_server_is_tried_again(server, target):
    def route(handler):
        if len(server.requests) < 3:
            handler.send_error(503)
        else:
            handler.answer(BODY)

    server.routes[PATH] = route
    get(server, target)
    assert target.read_bytes() == BODY and len(server.requests) == 3


@pytest.mark.parametrize("at", [0, 70_000])
def test_slow_server_names_the_timeout(server, target, monkeypatch, at):
    monkeypatch.setenv("RECIPES_TIMEOUT", "0.2")
    monkeypatch.setattr(module, "TRIES", 2)
    server.routes[PATH] = stalling(BODY, at)
    with pytest.raises(TransferError, match=r"no data for 0\.2 s \(RECIPES_TIMEOUT"):
        get(server, target)
    assert not target.exists()


@pytest.mark.parametrize("text", ["soon", "0", "-3", "inf", "nan"])
def test_wrong_timeout_is_refused(server, target, monkeypatch, text):
    monkeypatch.setenv("RECIPES_TIMEOUT", text)
    with pytest.raises(DatasetError, match=f"RECIPES_TIMEOUT='{text}'"):
        get(server, target)


def test_no_server(target, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "BACKOFF_SECONDS", 0.0)
    with Server() as gone:
        url = gone.url(PATH)
    with pytest.raises(TransferError, match="no connection to the server"):
        download(url, target, SHA, len(BODY))
    assert not target.exists()


def test_disk_full_at_the_write(server, target, monkeypatch):
    server.routes[PATH] = whole(BODY)
    write = module._Sink.write

    def full_after_64_kib(sink, chunk):
        if sink.file.tell() >= 65536:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(sink, chunk)

    monkeypatch.setattr(module._Sink, "write", full_after_64_kib)
    with pytest.raises(DatasetError) as caught:
        get(server, target)
    message = str(caught.value)
    assert "Needed: 200,000 bytes, free: " in message and str(target.parent) in message
    assert left(target) == []


def test_too_small_a_disk_is_seen_before_the_transfer(server, target):
    server.routes[PATH] = whole(BODY)
    with pytest.raises(DatasetError, match=r"Needed: 1,000,000,000,000,000,000 bytes, free: "):
        get(server, target, size=10**18)
    assert server.requests == []


def test_copy_refuses_a_wrong_source_and_leaves_it_alone(tmp_path):
    source, target = tmp_path / "source", tmp_path / "cache" / "target"
    source.write_bytes(b"something else")
    with pytest.raises(DatasetError, match="source has the wrong content") as caught:
        module.copy(source, target, SHA)
    assert SHA in str(caught.value)
    assert source.read_bytes() == b"something else"
    assert left(target) == []


@pytest.mark.parametrize(
    ("size", "text"), [(999, "999 bytes"), (1000, "1.0 kB"), (1_259_719, "1.3 MB")]
)
def test_readable(size, text):
    assert module.readable(size) == text
