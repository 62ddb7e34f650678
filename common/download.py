"""Bring one file to disk: verified by sha256, resumable, never partial under its final name.

The transfer itself is pooch's (`pooch.HTTPDownloader`, which uses requests). This module adds what
pooch leaves to its caller: resuming a cut-off transfer, waiting between tries, and errors that say
what to do. Every write goes to a name beside the target first and is renamed when it is whole.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

logger = logging.getLogger(__name__)

TIMEOUT_VARIABLE = "RECIPES_TIMEOUT"
TRIES = 4
BACKOFF_SECONDS = 1.0  # before the second try; doubled before each further one
CONNECT_SECONDS = 10.0  # a server that does not even answer is given up sooner than a slow one
PASSING_STATUS = {408, 425, 429, 500, 502, 503, 504}  # worth another try; other codes are final
UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
SHOW_PROGRESS_FROM = 20_000_000  # bytes; smaller files show a bar only in a terminal


class DatasetError(RuntimeError):
    """A data set cannot be had as it should be; the message says why and what mends it."""


class TransferError(DatasetError):
    """The file could not be brought here: no server, no answer, an HTTP error, always cut off."""


class _StartAgain(Exception):
    """The part that is here cannot be continued with what the server sent."""


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def readable(size: int) -> str:
    """Return a size in bytes as text for people, for example ``1.3 MB``."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def timeout_seconds() -> float:
    """Return the seconds to wait for the next bytes: RECIPES_TIMEOUT, or 30."""
    text = os.environ.get(TIMEOUT_VARIABLE) or "30"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise DatasetError(f"{TIMEOUT_VARIABLE}={text!r} is not a number of seconds above 0")
    return seconds


@contextmanager
def patience() -> Iterator[None]:
    """Give what others fetch inside (Keras, TensorFlow Hub) our timeout, lest it hang for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(timeout_seconds())
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def require_space(folder: Path, needed: int, what: str) -> None:
    """Refuse with DatasetError before anything is written if `folder` has not `needed` bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DatasetError(_disk_full(folder, f"{needed:,} bytes", what))


def _disk_full(folder: Path, needed: str, what: str) -> str:
    free = shutil.disk_usage(folder).free
    return (
        f"{what}: the disk is full. Needed: {needed}, free: {free:,} bytes, in {folder}. "
        "Nothing is left that looks whole. Free some space, or set RECIPES_CACHE to a folder on "
        "another disk."
    )


@contextmanager
def disk_errors(folder: Path, needed: str, what: str) -> Iterator[None]:
    """Turn a full disk or a folder that may not be written into one DatasetError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DatasetError(_disk_full(folder, needed, what)) from error
        if error.errno in UNWRITABLE:
            raise DatasetError(
                f"{what}: cannot write {error.filename or folder} ({error.strerror}). "
                "Set RECIPES_CACHE to a folder that you may write."
            ) from error
        raise


def wrong_digest(what: str, expected: str, got: str, mend: str) -> DatasetError:
    """Return the error for a file whose content is not the one the catalogue promises."""
    return DatasetError(
        f"{what} has the wrong content\n  sha256 expected {expected}\n  sha256 got      {got}\n"
        f"  {mend}"
    )


def copy(source: Path, target: Path, sha256: str) -> None:
    """Copy `source` to `target` if it has the expected sha256, else raise DatasetError.

    `target` appears whole or not at all; `source` is never changed.
    """
    aside = target.with_name(target.name + ".copy")
    size = source.stat().st_size
    with disk_errors(target.parent, f"{size:,} bytes", f"Copying {source}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        require_space(target.parent, size, f"Copying {source}")
        try:
            shutil.copyfile(source, aside)
            got = sha256_of(aside)
            if got != sha256:
                raise wrong_digest(
                    str(source), sha256, got, "Mend: replace that file, or remove it to download."
                )
            os.replace(aside, target)
        finally:
            aside.unlink(missing_ok=True)


def download(url: str, target: Path, sha256: str, size: int) -> None:
    """Download `url` to `target`; return only when its sha256 is the expected one.

    Parameters
    ----------
    url: an http or https address.
    target: the file to make. Its folder is made too. The bytes collect in ``<target>.part``, which
        a later call continues if the server supports Range requests, and replaces if not.
    sha256: the expected digest, in hexadecimal.
    size: the expected size in bytes.

    Raises
    ------
    TransferError: no server, no answer within RECIPES_TIMEOUT seconds, an HTTP error, or a transfer
        that was cut off at each of the tries.
    DatasetError: wrong content (which is removed), or no room on the disk.
    """
    import requests

    timeout = timeout_seconds()
    part = target.with_name(target.name + ".part")
    what = f"Downloading {target.name}"
    problem = ""
    with disk_errors(target.parent, f"{size:,} bytes", what):
        target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(TRIES):
        if attempt:
            logger.info("%s: %s; trying again", what, problem)
            time.sleep(BACKOFF_SECONDS * 2 ** (attempt - 1))
        have = part.stat().st_size if part.exists() else 0
        if have > size:
            part.unlink()
            have = 0
        require_space(target.parent, size - have, what)
        try:
            if have < size:
                _transfer(url, part, size, timeout)
        except _StartAgain as reason:
            part.unlink(missing_ok=True)
            problem = str(reason)
            continue
        except requests.RequestException as error:
            problem = _reason(error, timeout)
            status = getattr(error.response, "status_code", None)
            if status == 416:  # the server has fewer bytes than the part: not its continuation
                part.unlink(missing_ok=True)
            elif status is not None and status not in PASSING_STATUS:
                raise TransferError(f"{url}: {problem}") from error
            continue
        except DatasetError:
            part.unlink(missing_ok=True)
            raise
        received = part.stat().st_size
        if received < size:
            problem = f"cut off after {received:,} of {size:,} bytes"
            continue
        got = sha256_of(part)
        if got == sha256:
            os.replace(part, target)
            return
        part.unlink()
        problem = "the continued file has the wrong content"
        if not have:
            mend = f"It came from {url} and was removed. The address no longer serves this file."
            raise wrong_digest(target.name, sha256, got, mend)
    raise TransferError(f"{url}: {problem}; tried {TRIES} times")


class _Sink:
    """The file that pooch's downloader writes to: counts, shows, and stops at the right size."""

    def __init__(self, file: BinaryIO, name: str, size: int, bar: Any) -> None:
        self.file, self.name, self.size, self.bar = file, name, size, bar

    def write(self, chunk: bytes) -> None:
        if self.file.tell() + len(chunk) > self.size:
            raise DatasetError(
                f"{self.name}: the server sends more than the {self.size:,} bytes expected. "
                "The address no longer serves this file; nothing was kept."
            )
        self.file.write(chunk)
        self.bar.update(len(chunk))

    def flush(self) -> None:
        """Leave flushing to the file: pooch asks for it after every chunk."""


def _transfer(url: str, part: Path, size: int, timeout: float) -> None:
    """Let pooch append to `part` what is missing, or all if the server ignores the Range."""
    import pooch
    from tqdm import tqdm

    name = part.name.removesuffix(".part")
    terminal = sys.stderr.isatty()
    what = f"Downloading {name}"
    with disk_errors(part.parent, f"{size:,} bytes", what), open(part, "ab") as file:
        have = file.tell()
        # A server that compresses would count lengths and ranges in other bytes than ours.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"

        def before_body(response: Any, *args: Any, **kwargs: Any) -> None:
            if response.is_redirect or response.status_code >= 400:
                return
            compressed = response.headers.get("Content-Encoding", "identity") != "identity"
            if response.status_code == 206:
                total = f"/{size}"
                content_range = response.headers.get("Content-Range", "")
                if compressed or not content_range.startswith(f"bytes {have}-"):
                    raise _StartAgain(f"the server answered with the range {content_range!r}")
                if not content_range.endswith((total, "/*")):
                    raise _StartAgain(f"the server's file has another size ({content_range})")
                return
            file.seek(0)
            file.truncate()
            bar.reset(total=size)
            length = response.headers.get("Content-Length", "")
            if length.isdigit() and int(length) != size and not compressed:
                raise DatasetError(
                    f"{name}: expected {size:,} bytes, but {url} offers {int(length):,}. "
                    "The address no longer serves this file; nothing was kept."
                )

        with tqdm(
            total=size,
            initial=have,
            desc=name,
            unit="B",
            unit_scale=True,
            mininterval=0.1 if terminal else 10.0,
            disable=not terminal and size < SHOW_PROGRESS_FROM,
        ) as bar:
            downloader = pooch.HTTPDownloader(
                chunk_size=1 << 16,
                timeout=(min(CONNECT_SECONDS, timeout), timeout),
                headers=headers,
                hooks={"response": before_body},
            )
            downloader(url, _Sink(file, name, size, bar), None)


def _reason(error: Exception, timeout: float) -> str:
    """Say in a few words why a request failed."""
    import requests
    from urllib3.exceptions import ReadTimeoutError

    if isinstance(error, requests.HTTPError):
        status = error.response.status_code
        hint = ": the file is not (or no longer) there" if status in (404, 410) else ""
        return f"the server answered HTTP {status} {error.response.reason}{hint}"
    if isinstance(error, requests.ConnectTimeout):
        return f"no server answered within {min(CONNECT_SECONDS, timeout):g} s"
    # While the body is read, requests reports a timeout as a ConnectionError around urllib3's.
    inner = error.args[0] if error.args else None
    if isinstance(error, requests.Timeout) or isinstance(inner, ReadTimeoutError):
        return f"no data for {timeout:g} s ({TIMEOUT_VARIABLE} sets how many seconds to wait)"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the transfer was cut off"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return f"{type(error).__name__}: {error}"
