"""Unpacking: good archives whole, evil and broken ones not at all."""

import io
import stat
import tarfile
import zipfile

import pytest

from common.archives import extract
from common.download import DatasetError


def make_zip(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "text")
    return path


def make_tar(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for member in members:
            if isinstance(member, str):
                member = tarfile.TarInfo(member)
            member.size = 4 if member.isfile() else 0
            archive.addfile(member, io.BytesIO(b"text"))
    return path


def link(name, target, kind=tarfile.SYMTYPE):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def zip_link(path):
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc")
    return path


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_good_archive(tmp_path, make):
    folder = extract(make(tmp_path / "archive", "a.txt", "./sub/b..txt"), tmp_path / "out")
    assert (folder / "a.txt").read_text() == "text"
    assert (folder / "sub" / "b..txt").read_text() == "text"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "out"]


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/tmp/evil", "..\\evil", "C:\\evil", "\\\\host\\share\\evil"],
)
def test_member_outside_the_folder_is_refused(tmp_path, make, name):
    archive = make(tmp_path / "archive", "good.txt", name)
    with pytest.raises(DatasetError, match="refused, its member .*evil.* outside the folder"):
        extract(archive, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("*evil*")) and not list(tmp_path.rglob("good.txt"))
    assert not list((tmp_path / "deep").iterdir())


@pytest.mark.parametrize(
    "make",
    [
        zip_link,
        lambda path: make_tar(path, link("link", "/etc")),
        lambda path: make_tar(path, link("link", "../..")),
        lambda path: make_tar(path, link("link", "/etc/passwd", tarfile.LNKTYPE)),
        lambda path: make_tar(path, link("pipe", "", tarfile.FIFOTYPE)),
    ],
)
def test_links_and_devices_are_refused(tmp_path, make):
    with pytest.raises(DatasetError, match="is a link or a device"):
        extract(make(tmp_path / "archive"), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_damaged_archives_are_one_clear_error(tmp_path):
    whole = make_tar(tmp_path / "whole", *(f"{n}.txt" for n in range(500)))
    damaged = tmp_path / "damaged"
    damaged.write_bytes(whole.read_bytes()[:-100])
    text = tmp_path / "text"
    text.write_text("not an archive")
    for archive in (damaged, text):
        with pytest.raises(DatasetError, match=f"{archive.name} cannot be unpacked"):
            extract(archive, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_existing_folder_is_kept(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(DatasetError, match="exists already"):
        extract(make_zip(tmp_path / "archive", "a"), tmp_path / "out")


def test_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 3})())
    with pytest.raises(DatasetError, match="Needed: 4 bytes, free: 3 bytes"):
        extract(make_zip(tmp_path / "archive", "a"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
