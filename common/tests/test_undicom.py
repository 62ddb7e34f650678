"""DICOM files become pictures that do not tell of a patient; what cannot be read is told."""

import csv

import numpy as np
from PIL import Image

from common import pictures, undicom
from common.tests.test_privacy import RAMP, SECRET, write


def test_a_folder_of_scans(tmp_path, capsys):
    scans, target = tmp_path / "scans", tmp_path / "out"
    (scans / "left").mkdir(parents=True)
    write(scans / "left" / "a.dcm", RAMP)
    write(scans / "no_suffix", RAMP, BurnedInAnnotation="YES")
    whole = (scans / "left" / "a.dcm").read_bytes()
    (scans / "cut.dcm").write_bytes(whole[:-100])
    (scans / "notes.txt").write_text("not one")
    assert undicom.main([str(scans), str(target)]) == 0
    said = capsys.readouterr().out
    assert "2 pictures" in said and "without one: 1" in said and "text may stand" in said
    with Image.open(target / "left" / "a.png") as picture:
        assert np.array_equal(np.asarray(picture)[..., 0], RAMP) and not picture.info
    rows = {row["file"]: row for row in csv.DictReader((target / "undicom.csv").open())}
    assert set(rows) == {"left/a.dcm", "no_suffix", "cut.dcm"}
    assert "Patient's Name" in rows["left/a.dcm"]["dropped fields"] and rows["cut.dcm"]["problem"]
    everything = b"".join(path.read_bytes() for path in target.rglob("*") if path.is_file())
    assert SECRET.encode() not in everything


def test_nothing_to_convert(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("not one")
    for source in (tmp_path, tmp_path / "notes.txt", tmp_path / "nowhere"):
        assert undicom.main([str(source), str(tmp_path / "out")]) == 1
        assert "error: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_who_lists_pictures_names_the_way_out(tmp_path):
    write(tmp_path / "a.dcm", RAMP)
    assert "common.undicom" in pictures.unwanted(tmp_path / "a.dcm")
    (tmp_path / "notes.txt").write_text("not one")
    assert pictures.unwanted(tmp_path / "notes.txt") == "is no picture by its name"
    assert pictures.unwanted(tmp_path / "nowhere.txt") == "is no picture by its name"
