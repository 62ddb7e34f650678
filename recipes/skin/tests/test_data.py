"""Three doors, one table: lesions on one side, look-alikes out, bad input named."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.validation import DataError
from recipes.skin import data


@pytest.fixture(scope="module")
def folder(drawn):
    return drawn


@pytest.fixture(scope="module")
def lesions(folder):
    return data.load(folder, readers=folder / "readers.csv")


def told(folder):
    return pd.read_csv(folder / "labels.csv")


def test_every_photograph_is_there_with_its_lesion(lesions, folder):
    table = told(folder)
    assert len(lesions) == len(table) and lesions.classes == sorted(table["dx"].unique())
    assert lesions.rows["lesion"].nunique() == table["lesion_id"].nunique()
    assert lesions.malignant == ("akiec", "bcc", "mel")
    dx = dict(zip(table["image_id"], table["dx"], strict=True))
    for row in lesions.rows.head(20).itertuples():
        assert lesions.classes[row.label] == dx[row.path.rpartition("/")[2].partition(".")[0]]


def test_photographs_of_a_lesion_are_in_one_part(lesions):
    assert lesions.rows.groupby("lesion")["split"].nunique().max() == 1
    assert lesions.rows.groupby("group")["split"].nunique().max() == 1
    assert set(lesions.rows["split"]) == set(data.PARTS)


def test_readers_belong_to_test_photographs(lesions):
    test = set(lesions.part("test")["path"])
    assert set(lesions.readers.index) <= test and lesions.readers.stack().isin([0, 1]).all()


def test_malignant_is_a_question_of_the_class(lesions):
    bad = lesions.is_malignant(lesions.rows["label"])
    names = np.array(lesions.classes)[lesions.rows["label"]]
    assert (bad == np.isin(names, ["mel", "bcc", "akiec"])).all() and 0 < bad.mean() < 1
    assert "malignant share" in str(lesions.card()) and "melanoma" in str(lesions.card())


def test_ham10000_as_it_was_published(folder, tmp_path):
    """Two folders of pictures, a table without parts and without a suffix."""
    table = told(folder)
    for number, part in enumerate(("part_1", "part_2")):
        (tmp_path / f"HAM10000_images_{part}").mkdir()
        for name in table["image_id"][number::2]:
            shutil.copy(folder / "pictures" / f"{name}.jpg", tmp_path / f"HAM10000_images_{part}")
    columns = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]
    table[columns].to_csv(tmp_path / "HAM10000_metadata", index=False)
    found = data.load(tmp_path)
    assert len(found) == len(table) and found.rows.groupby("group")["split"].nunique().max() == 1
    assert found.rows["age"].notna().mean() > 0.8
    assert set(found.rows["sex"]) <= {"", "male", "female"}
    assert len(data.load(tmp_path, limit=200)) < len(found)


def test_a_column_for_each_class(folder, tmp_path):
    """As the ISIC challenges give it; a row with two classes is named."""
    table = told(folder)
    wide = pd.DataFrame({"image": table["image_id"]})
    for name in ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"):
        wide[name] = (table["dx"] == name.lower()).astype(float)
    wide.loc[3, ["MEL", "NV"]] = 1.0
    wide.to_csv(tmp_path / "ISIC2018_Task3_Training_GroundTruth.csv", index=False)
    shutil.copytree(folder / "pictures", tmp_path / "ISIC2018_Task3_Training_Input")
    found = data.load(tmp_path)
    assert len(found) == len(table) - 1 and found.malignant == ("akiec", "bcc", "mel")
    assert "has no class" in found.report.summary()


def test_dermamnist_says_that_it_leaks(tmp_path):
    random, parts = np.random.default_rng(0), {}
    for part, count in (("train", 70), ("val", 21), ("test", 21)):
        parts[f"{part}_images"] = random.integers(0, 256, (count, 28, 28, 3), dtype=np.uint8)
        parts[f"{part}_labels"] = (np.arange(count) % 7)[:, None].astype(np.uint8)
    np.savez(tmp_path / "dermamnist.npz", **parts)
    found = data.load(tmp_path / "dermamnist.npz")
    assert found.classes == list(data.layouts.DERMAMNIST) and len(found.part("validation")) == 21
    assert "flatter" in found.report.summary()


def test_a_folder_for_each_class_with_what_people_have_in_it(folder, tmp_path):
    table = told(folder)
    for dx, rows in table.groupby("dx"):
        (tmp_path / dx).mkdir()
        for name in rows["image_id"]:
            shutil.copy(folder / "pictures" / f"{name}.jpg", tmp_path / dx)
    first = sorted((tmp_path / "mel").iterdir())[0]
    (tmp_path / "mel" / "cut.jpg").write_bytes(first.read_bytes()[:900])
    (tmp_path / "mel" / "notes.txt").write_text("no picture")
    shutil.copy(first, tmp_path / "nv" / "the_same.jpg")
    exif = Image.Exif()
    exif[0x013B] = "Dr. Nobody"
    Image.new("RGB", (90, 90), (200, 150, 130)).save(tmp_path / "nv" / "telling.jpg", exif=exif)
    found = data.load(tmp_path)
    words = " ".join(map(str, found.report.first("private", 999))) + found.report.summary(20)
    for name in ("cut.jpg", "notes.txt", "the_same.jpg", "telling.jpg"):
        assert name in words, name
    assert "Nobody" not in words
    with pytest.raises(DataError, match="strict to False"):
        data.load(tmp_path, strict=True)


@pytest.mark.parametrize(("wish", "words"), [
    ({"data": "ham1000"}, "Did you mean 'ham10000'"),
    ({"data": "FOLDER", "malignant": ("mel", "cancer")}, "MALIGNANT names cancer"),
    ({"data": "FOLDER", "columns": {"label": "diagnose"}}, "no column 'diagnose'; it has"),
    ({"data": "FOLDER", "readers": "WRONG"}, "reader says 'yes'"),
])  # fmt: skip
def test_wrong_wishes(folder, tmp_path, wish, words):
    (tmp_path / "readers.csv").write_text("image,reader\nx,yes\n")
    wish = {name: str(value).replace("FOLDER", str(folder)).replace(
        "WRONG", str(tmp_path / "readers.csv")) if isinstance(value, str) else value
        for name, value in wish.items()}  # fmt: skip
    with pytest.raises(DataError, match=words):
        data.load(**wish)
