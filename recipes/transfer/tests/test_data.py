"""Whatever lies in a folder or a table becomes labelled pictures, and what cannot is named."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.validation import DataError
from common.vision import inspect_pictures
from recipes.transfer import data


def picture(path, seed=0, size=(40, 30), **options):
    """A picture of some coarse random blocks; the seed is what it looks like."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC).save(path, **options)
    return path


@pytest.fixture
def classes(tmp_path):
    """Two classes of eight pictures each."""
    for k, name in enumerate(("cats", "dogs")):
        for n in range(8):
            picture(tmp_path / name / f"{n}.png", seed=100 * k + n)
    return tmp_path


def test_the_sample_says_what_it_is(drawn, folder):
    assert drawn.classes == sorted(drawn.classes) and len(drawn.classes) == 6
    counts = drawn.rows["split"].value_counts()
    assert dict(counts) == {"train": 54, "test": 36, "unknown": 16}
    assert set(drawn.part("unknown")["label"]) == {-1}
    assert set(drawn.rows["level"]) == {"easy", "medium", "hard"}
    assert drawn.part("test")["radius"].between(20, 60).all()
    assert "of no class" in str(drawn.card()) and not drawn.report.dropped


def test_the_first_door_is_synthetic():
    found = data.load("sample", limit=40)
    assert found.synthetic and 30 <= len(found) <= 50
    assert "synthetic" in str(found.card())
    assert len(data.load("sample").rows) == 720


def test_without_parts_a_fifth_is_set_apart(classes):
    found = data.load(classes)
    assert dict(found.rows["split"].value_counts()) == {"train": 12, "test": 4}
    assert set(found.part("test")["label"]) == {0, 1}
    again = data.load(classes, seed=0)
    assert again.fingerprint == found.fingerprint != data.load(classes, seed=1).fingerprint


@pytest.mark.parametrize(("parts", "wanted"), [
    (("train", "val"), {"train": 2, "test": 2}),
    (("training", "valid", "test"), {"train": 4, "test": 2}),
])  # fmt: skip
def test_parts_as_folders(tmp_path, parts, wanted):
    for k, part in enumerate(parts):
        for n, name in enumerate(("cats", "dogs")):
            for more in range(2 if part.startswith("train") else 1):
                picture(tmp_path / part / name / f"{more}.jpg", seed=10 * k + 3 * n + more)
        if part.startswith("train"):
            for n, name in enumerate(("cats", "dogs")):
                picture(tmp_path / part / name / "x.jpg", seed=500 + n)
    counts = dict(data.load(tmp_path).rows["split"].value_counts())
    assert set(counts) == {"train", "test"} and counts["test"] == wanted["test"]
    assert counts["train"] == 6 + (2 if len(parts) == 3 else 0)


def test_a_table_of_paths(classes):
    rows = [(f"{name}/{n}.png", kind, "train" if n < 6 else "test")
            for name, kind in (("cats", "10"), ("dogs", "9")) for n in range(8)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["filename", "label", "split"])
    frame.loc[3, "filename"] = "cats/nowhere.png"
    frame.loc[4, "label"] = ""
    frame.loc[5, "split"] = "later"
    frame.to_csv(classes / "labels.csv", index=False)
    found = data.load(classes / "labels.csv")
    assert found.classes == ["9", "10"]  # as people count
    assert dict(found.rows["split"].value_counts()) == {"train": 9, "test": 4}
    said = found.report.summary()
    assert "row 5" in said and "no file" in said and "row 6" in said and "no label" in said
    assert "'later'" in said
    with pytest.raises(DataError, match="no column 'kind'.*filename, label, split"):
        data.load(classes / "labels.csv", label_column="kind")
    with pytest.raises(DataError, match="dropped"):
        data.load(classes / "labels.csv", strict=True)


def test_every_broken_file_is_named_and_the_rest_goes_on(classes):
    cats, dogs = classes / "cats", classes / "dogs"
    whole = picture(cats / "whole.jpg", 77, (300, 200))
    (cats / "cut.jpg").write_bytes(whole.read_bytes()[:2000])
    (cats / "empty.png").write_bytes(b"")
    (dogs / "words.jpg").write_text("not a picture")
    (dogs / "notes.txt").write_text("nor this")
    (dogs / "gone.jpg").symlink_to(dogs / "nowhere.jpg")
    picture(dogs / "four.png", 5, (4, 4))
    picture(dogs / "tiny.png", 60, (20, 20))
    turned = Image.Exif()
    turned[274] = 6
    picture(dogs / "turned.jpg", 8, exif=turned)
    Image.open(picture(dogs / "clear.png", 9)).convert("RGBA").rotate(9).save(dogs / "clear.png")
    Image.open(picture(dogs / "ink.tif", 10)).convert("CMYK").save(dogs / "ink.tif")
    found = data.load(classes)
    names = {path.rsplit("/", 1)[1] for path in found.rows["path"]}
    assert {"tiny.png", "turned.jpg", "clear.png", "ink.tif", "whole.jpg"} <= names
    assert not names & {"cut.jpg", "empty.png", "words.jpg", "notes.txt", "gone.jpg", "four.png"}
    assert found.report.dropped == 6
    said = found.report.summary(n=20)
    for words in ("cut.jpg", "0 bytes", "words.jpg", "notes.txt", "gone.jpg", "4 x 4",
                  "20 x 20", "upright", "transparent"):  # fmt: skip
        assert words in said, words


def test_look_alikes(classes):
    cats, dogs = classes / "cats", classes / "dogs"
    shutil.copy(cats / "0.png", cats / "copy.png")  # the same file twice
    shutil.copy(cats / "1.png", dogs / "other.png")  # one picture with two labels
    Image.open(cats / "2.png").resize((80, 60)).save(cats / "2.jpg", quality=60)  # kept together
    found = data.load(classes)
    assert found.report.counts["two labels for one picture"] == 2
    assert found.report.counts["the same file twice"] + found.report.counts[
        "in training and in test"] >= 1  # fmt: skip
    rows = found.rows.set_index(found.rows["path"].str.rsplit("/", n=2).str[1:].str.join("/"))
    assert "cats/1.png" not in rows.index and "dogs/other.png" not in rows.index
    assert rows.loc["cats/2.png", "group"] == rows.loc["cats/2.jpg", "group"]
    assert rows.loc["cats/2.png", "split"] == rows.loc["cats/2.jpg", "split"]
    assert rows["group"].nunique() < len(rows)


def test_a_training_picture_that_is_a_test_picture_is_dropped(tmp_path):
    for k, name in enumerate(("cats", "dogs")):
        for n in range(4):
            picture(tmp_path / "train" / name / f"{n}.png", 10 * k + n)
        picture(tmp_path / "test" / name / "t.png", 10 * k + 9)
    picture(tmp_path / "test" / "cats" / "again.jpg", 2, (64, 48), quality=70)
    found = data.load(tmp_path)
    assert found.report.counts["in training and in test"] == 1
    assert "2.png" in found.report.first("in training and in test")[0].file
    assert len(found.part("test")) == 3 and len(found.part("train")) == 7


def test_pictures_that_differ_are_not_alike(drawn):
    seen = inspect_pictures.inspect(drawn.rows["path"])
    bits, looks = seen["bits"].to_numpy(np.uint64), np.stack(seen["thumbnail"])
    assert list(inspect_pictures.near_pairs(bits, looks)) == []
    twice = np.r_[bits, bits[:5]], np.r_[looks, looks[:5]]
    pairs = list(inspect_pictures.near_pairs(*twice))
    assert pairs == [(k, len(bits) + k) for k in range(5)]
    groups = inspect_pictures.groups_of(len(bits) + 5, pairs)
    assert len(set(groups)) == len(bits)


@pytest.mark.parametrize(("make", "words"), [
    (lambda folder: "hymenoptra", "Did you mean 'hymenoptera'"),
    (lambda folder: folder / "nowhere", "no data set and no path"),
    (lambda folder: folder / "cats", r"0 folder\(s\) of classes and 8 pictures"),
])  # fmt: skip
def test_wrong_doors(classes, make, words):
    with pytest.raises(DataError, match=words):
        data.load(make(classes))


def test_too_few_pictures(tmp_path):
    for n in range(8):
        picture(tmp_path / "cats" / f"{n}.png", n)
    picture(tmp_path / "dogs" / "0.png", 50)
    with pytest.raises(DataError, match=r"has 1 picture.*at least 5"):
        data.load(tmp_path)
    with pytest.raises(ValueError, match="limit=3 is too small"):
        data.load("sample", limit=3)
