"""Three doors, one table: twins on one side, leaks and the ungradable out, bad input named."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.validation import DataError
from data_scripts import sample_retina
from recipes.retina import data, review, twins


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("drawn")
    sample_retina.write(found, train=48, test=16, copies=3)
    return found


@pytest.fixture(scope="module")
def eyes(folder):
    return data.load(folder, also=("ungradable",), readers=folder / "readers.csv", log=None)


def test_copies_are_found_by_what_they_show(eyes, folder):
    copies = pd.read_csv(folder / "duplicates.csv")
    found = {frozenset(map(stem, pair)) for pair in eyes.twins[["first", "second"]].to_numpy()}
    assert found == {frozenset(map(stem, pair)) for pair in copies[["image", "copy"]].to_numpy()}
    assert eyes.twins["what"].eq("the same file, two grades").all()
    inside = eyes.rows[eyes.rows["doubtful"]]
    assert len(inside) == 5 and (eyes.rows["split"] == "test")[inside.index].sum() == 1
    leak = stem(copies["copy"].iloc[-1])  # of a test photograph
    assert leak not in map(stem, eyes.rows["path"])
    assert eyes.report.counts["an eye of the test part"] == 1


def stem(path):
    return str(path).rpartition("/")[2].partition(".")[0]


def test_both_eyes_of_a_patient_are_of_one_group(eyes):
    for _, rows in eyes.rows.groupby("patient"):
        assert rows["group"].nunique() == 1
    assert eyes.rows["group"].nunique() > 20


def test_what_cannot_be_graded_is_left_out(eyes):
    rows = eyes.rows
    spoilt = rows["ungradable"] != ""
    assert (rows.loc[spoilt & (rows["ungradable"] != "no_eye"), "refused"] != "").all()
    assert (rows.loc[~spoilt, "refused"] == "").mean() > 0.95
    usable = pd.concat([eyes.part("train"), eyes.part("test")])
    assert (usable["refused"] == "").all() and usable["grade"].between(0, 4).all()
    assert str(len(usable)) in str(eyes.card())


def test_readers_belong_to_photographs(eyes):
    assert eyes.readers.shape == (16, 8) and set(eyes.readers.index) <= set(eyes.rows["path"])
    assert eyes.readers.stack().dropna().between(0, 4).all()


def test_without_parts_patients_are_set_apart_whole(folder, tmp_path):
    table = pd.read_csv(folder / "labels.csv").drop(columns="split")
    table["image"] = [str(folder / name) for name in table["image"]]
    table.rename(columns={"image": "path"}).to_csv(tmp_path / "eyes.csv", index=False)
    found = data.load(tmp_path / "eyes.csv", log=None)
    assert found.rows.groupby("group")["split"].nunique().max() == 1
    assert 0.1 < (found.rows["split"] == "test").mean() < 0.3
    other = data.load(tmp_path / "eyes.csv", seed=1, log=None)
    assert other.fingerprint != found.fingerprint
    few = data.load(tmp_path / "eyes.csv", limit=30, log=None)
    assert 30 <= len(few) <= 40 and set(few.rows["split"]) == {"train", "test"}


def test_broken_and_telling_files_are_named_and_the_rest_goes_on(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "eyes")
    train = sorted((tmp_path / "eyes/train").glob("*.jpg"))
    train[0].write_bytes(train[0].read_bytes()[:2000])
    train[1].write_bytes(b"")
    exif = Image.Exif()
    exif[0x013B] = "Dr. Nobody"
    with Image.open(train[2]) as picture:
        picture.save(train[2], exif=exif)
    found = data.load(tmp_path / "eyes", log=None)
    text = found.report.summary(20)
    assert train[0].name in text and train[1].name in text
    assert "a person" in text and "Nobody" not in text
    with pytest.raises(DataError, match="strict to False"):
        data.load(tmp_path / "eyes", strict=True, log=None)


@pytest.mark.parametrize(("wish", "words"), [
    ({"data": "idird"}, "Did you mean 'idrid'"),
    ({"data": "FOLDER", "also": ("camera",)}, "no column 'camera'; it has image, grade"),
    ({"data": "FOLDER", "readers": "WRONG"}, "reader_1 says '7'"),
    ({"data": "FOLDER/train"}, "no layout that is known"),
])  # fmt: skip
def test_wrong_doors(folder, tmp_path, wish, words):
    (tmp_path / "readers.csv").write_text("image,reader_1\ntest_0000,7\n")
    wish = {key: value if isinstance(value, tuple) else
            value.replace("FOLDER", str(folder)).replace("WRONG", str(tmp_path / "readers.csv"))
            for key, value in wish.items()}  # fmt: skip
    with pytest.raises(DataError, match=words):
        data.load(**wish, log=None)


def test_the_same_eye_in_another_light_is_the_same_eye():
    """Drawn twice with another camera noise, and beside other eyes."""
    looks = []
    for seed in (1, 1, 2, 3):
        drawn = sample_retina.draw(2, "easy", np.random.default_rng(seed))
        pixels = drawn.pixels.astype(float) * (0.7 if len(looks) == 1 else 1)
        from recipes.retina import normalize

        small = normalize.normalized(pixels.astype(np.uint8), twins.SIZE, twins.LEVELING)
        looks.append(small)
    pairs = [(i, j) for i, j, _ in twins.pairs(twins.looks(np.stack(looks)))]
    assert pairs == [(0, 1)]


def test_the_samples_levels_are_in_order(monkeypatch, folder):
    monkeypatch.setattr(data, "sample", lambda: folder)
    found = data.load("sample", log=None)
    assert tuple(found.rows["level"].cat.categories) == data.LEVELS == tuple(sample_retina.LEVELS)
    assert found.synthetic and found.masks == folder / "masks"
    table = review.subgroups(found.part("test"), np.tile(np.linspace(0, 1, 16)[:, None], 7)[
        : len(found.part("test"))], 0.5, ["level"])  # fmt: skip
    names = table.loc[table["variable"] == "level", "group"].tolist()
    assert names == [name for name in data.LEVELS if name in names] and len(names) > 1
