"""People's own folders and tables: nothing is lost without a word, nobody is in two parts."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.validation import DataError
from recipes.skin import data, review


def paint(path, seed):
    """A picture that looks like no other one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((96, 72), Image.Resampling.BICUBIC).save(path)
    return path


def table_of(folder, **columns):
    """Pictures p0.png ... with the classes mel and nv in turn, and a table of them."""
    count = len(next(iter(columns.values()))) if columns else 60
    for number in range(count):
        paint(folder / "pictures" / f"p{number}.png", number)
    table = pd.DataFrame({"image": [f"p{number}" for number in range(count)],
                          "dx": ["mel", "nv"] * (count // 2), **columns})  # fmt: skip
    return folder / "own.csv", table


def load(path, table, **wish):
    table.to_csv(path, index=False)
    return data.load(path, **wish)


@pytest.mark.parametrize("names", [("train", "val", "test"), ("training", "valid", "testing")])
def test_folders_of_parts_are_the_parts(tmp_path, names):
    for part, (name, count) in enumerate(zip(names, (10, 4, 4), strict=True)):
        for kind in ("benign", "malignant"):
            for number in range(count):
                paint(tmp_path / name / kind / f"{number}.png", (part, number, len(kind)))
    paint(tmp_path / "unknown" / "x.png", 99)
    found = data.load(tmp_path)
    assert found.rows["split"].value_counts().to_dict() == {"train": 20, "validation": 8, "test": 8}
    assert found.malignant == ("malignant",) and "is of no class" in found.report.summary()
    assert "no lesions are told" in found.report.summary()


def test_nobody_is_in_two_parts(tmp_path):
    """Where both are told, photographs of a lesion and lesions of a patient stay together."""
    lesions = [f"l{number // 2}" for number in range(120)]
    patients = [f"p{number // 6}" for number in range(120)]
    found = load(*table_of(tmp_path, lesion_id=lesions, patient_id=patients))
    assert found.rows.groupby("patient")["split"].nunique().max() == 1
    assert found.rows["group"].nunique() == 20


def test_the_table_beside_the_challenge_tells_of_lesions_and_persons(tmp_path):
    _, table = table_of(tmp_path)
    wide = pd.DataFrame({"image": table["image"], "MEL": 1.0 * (table["dx"] == "mel"),
                         "NV": 1.0 * (table["dx"] == "nv")})  # fmt: skip
    wide.to_csv(tmp_path / "ISIC_2019_Training_GroundTruth.csv", index=False)
    pd.DataFrame({"image": table["image"][::-1], "age_approx": 50, "sex": "female",
                  "lesion_id": [f"l{number // 4}" for number in range(60)]}
                 ).to_csv(tmp_path / "ISIC_2019_Training_Metadata.csv", index=False)  # fmt: skip
    found = data.load(tmp_path)
    assert found.rows["group"].nunique() == 15 and (found.rows["age"] == 50).all()
    assert found.rows.groupby("lesion")["split"].nunique().max() == 1


def test_rows_are_named_and_none_lost_in_silence(tmp_path):
    path, table = table_of(tmp_path, age=["40", "about 50"] + ["60"] * 58)
    table["dx"] = table["dx"].replace({"nv": "Nevus"})
    table.loc[7, "dx"] = "nevus"
    again = table.loc[[2, 5]].assign(dx=["mel", "mel"])  # the first as before, the second not
    found = load(path, pd.concat([table, again]))
    said = found.report.summary(20)
    assert "p2.png has a row already" in said and "p5.png is called Nevus and mel" in said
    assert "'about 50' is no number of years" in said
    assert found.classes == ["mel", "Nevus"] and len(found) == 59


def test_what_is_malignant_is_never_guessed(tmp_path):
    path, table = table_of(tmp_path)
    strange = table.assign(dx=["mel", "nv", "AK", "wart"] * 15)
    with pytest.raises(DataError, match="Of wart it is not known"):
        load(path, strange)
    with pytest.raises(DataError, match="MALIGNANT names bbc, which is none"):
        load(path, strange, malignant=("mel", "bbc"))
    assert load(path, strange, malignant=("ak", "mel")).malignant == ("akiec", "mel")
    for kind in ("ak", "akiec", "benign"):  # two words for one
        for number in range(30):
            paint(tmp_path / "folders" / kind / f"{number}.png", (number, len(kind)))
    assert data.load(tmp_path / "folders").malignant == ("ak", "akiec")
    known = table.assign(dx=["Melanoma", "seborrheic_keratosis"] * 30)
    assert load(path, known).malignant == ("Melanoma",)


def test_every_part_needs_both_kinds(tmp_path):
    path, table = table_of(tmp_path)
    part = np.where(np.arange(60) < 40, "train", np.where(np.arange(60) < 50, "val", "test"))
    part[(np.arange(60) >= 40) & (table["dx"] == "mel")] = "train"
    with pytest.raises(DataError, match="part validation has 0 malignant and 5 benign"):
        load(path, table.assign(split=part))


def test_readers_calls_belong_to_the_photograph_that_is_meant(tmp_path):
    for part, count in (("train", 8), ("val", 4), ("test", 4)):
        for kind in ("mel", "nv"):
            for number in range(count):
                paint(tmp_path / "set" / part / kind / f"{part}{number}.png",
                      (len(part), number, len(kind)))  # fmt: skip
    calls = tmp_path / "calls.csv"

    def told(*rows):
        calls.write_text("\n".join(["image,A", *rows]) + "\n")
        return data.load(tmp_path / "set", readers=calls)

    found = told("mel/test0.png,1", "nv/test0.png,0", "gone,1")
    said = {path.split("/")[-2]: call for path, call in found.readers["A"].items()}
    assert said == {"mel": 1, "nv": 0} and "gone for one" in found.report.summary(20)
    with pytest.raises(DataError, match="write the folder before the name"):
        told("test0,1")
    with pytest.raises(DataError, match="two rows for mel/test1"):
        told("mel/test1,1", "mel/test1.png,0")


def test_the_broken_example_is_of_any_classes(tmp_path):
    path, table = table_of(tmp_path, lesion=[f"l{number}" for number in range(80)])
    lesions = load(path, table.assign(dx=["Melanoma", "nevus"] * 40))
    said = data.load(review.broken_example(lesions, tmp_path / "out")).report.summary(20)
    assert "the_same_lesion" in said and "empty.jpg" in said
    few = load(path, table.head(40))
    assert review.broken_example(few, tmp_path / "out") is None
    shutil.rmtree(tmp_path / "pictures")
    with pytest.raises(DataError):
        data.load(path)
