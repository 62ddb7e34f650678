"""Unpack downloaded archives without letting a member out of the target folder."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from common.download import DatasetError, disk_errors, require_space

DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError
)  # fmt: skip


def extract(archive: Path, folder: Path) -> Path:
    """Unpack a zip or tar archive (also .gz, .bz2, .xz) into the new folder `folder`; return it.

    The folder appears with all members or not at all. Raises DatasetError if the archive is damaged
    or not an archive, if a member would leave the folder (``../evil``, an absolute path), is a link
    or a device, or if the disk has no room.
    """
    if folder.exists():
        raise DatasetError(f"{folder} exists already; remove it before unpacking {archive.name}")
    aside = folder.with_name(folder.name + ".aside")
    shutil.rmtree(aside, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    what = f"Unpacking {archive.name}"
    try:
        with disk_errors(folder.parent, f"more than {archive.stat().st_size:,} bytes", what):
            _unpack(archive, aside, what)
        os.replace(aside, folder)
    except DAMAGED as error:
        raise DatasetError(f"{archive} cannot be unpacked: {error}. Fetch it again.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _unpack(archive: Path, aside: Path, what: str) -> None:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            infos = opened.infolist()
            for info in infos:
                kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the packer wrote none
                plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
                _refuse_evil(archive, info.filename, plain)
            require_space(aside.parent, sum(info.file_size for info in infos), what)
            aside.mkdir()
            opened.extractall(aside)
        return
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
        for member in members:
            _refuse_evil(archive, member.name, member.isfile() or member.isdir())
        require_space(aside.parent, sum(member.size for member in members), what)
        aside.mkdir()
        opened.extractall(aside, members, filter="data")


def _refuse_evil(archive: Path, name: str, plain: bool) -> None:
    windows = PureWindowsPath(name)  # splits at both kinds of slash
    if PurePosixPath(name).is_absolute() or windows.anchor or ".." in windows.parts:
        reason = "would be written outside the folder"
    elif not plain:
        reason = "is a link or a device, not a plain file"
    else:
        return
    raise DatasetError(f"{archive}: refused, its member {name!r} {reason}. Nothing was unpacked.")
