"""Every published layout becomes one table; what is wrong is named by file and row."""

import numpy as np
import pytest

from common import datasets
from common.validation import DataError
from recipes.retina import layouts
from recipes.retina.tests.trees import brief, read, said, tree

IDRID = "B. Disease Grading/2. Groundtruths/{}. IDRiD_Disease Grading_{} Labels.csv"
PHOTOS = "B. Disease Grading/1. Original Images/{}/{}.jpg"


def idrid(root):
    head = "Image name,Retinopathy grade,Risk of macular edema ,,,"
    return tree(root, {
        IDRID.format("a", "Training"): [head, "IDRiD_001,3,2,,,", "IDRiD_002,0,0,,,",
                                        "IDRiD_003,5,0,,,", "IDRiD_004,1,0,,,",
                                        "IDRiD_002,0,0,,,", "IDRiD_005,two,,,,"],
        IDRID.format("b", "Testing"): [head, "IDRiD_001,4,3,,,", "IDRiD_002,2,1,,,"],
    }, [*(PHOTOS.format("a. Training Set", f"IDRiD_00{n}") for n in (1, 2, 3, 5)),
        *(PHOTOS.format("b. Testing Set", f"IDRiD_00{n}") for n in (1, 2)),
        "A. Segmentation/1. Original Images/a. Training Set/IDRiD_001.jpg"])  # fmt: skip


@pytest.mark.parametrize("inside", ["", "B. Disease Grading"])
def test_idrid(tmp_path, inside):
    root = idrid(tmp_path) / inside
    assert layouts.recognise(root) == "idrid"
    rows, report = read(root)
    assert brief(rows, "grade", "dme_risk", "split", "line") == [
        ("IDRiD_001", 3, 2, "train", 2), ("IDRiD_002", 0, 0, "train", 3),
        ("IDRiD_001", 4, -1, "test", 2), ("IDRiD_002", 2, 1, "test", 3),
    ]  # fmt: skip
    # Each part has its own photographs, and those of the segmentation are others.
    assert "a. Training Set" in rows["path"][0] and "Segmentation" not in rows["path"][0]
    assert "b. Testing Set" in rows["path"][2]
    assert (rows["patient"] == "").all() and (rows["eye"] == "").all()
    wrong = said(report, "grade outside 0 to 4")
    assert "Training Labels.csv, row 4: IDRiD_003: '5' is no grade" in wrong[0]
    assert "row 7" in wrong[1] and "'two'" in wrong[1]
    assert "row 5" in said(report, "missing file")[0]
    assert "row 6: IDRiD_002.jpg is that of row 3" in said(report, "duplicate row")[0]
    assert "'3'" in said(report, "risk of macular edema")[0]
    assert report.dropped == 4


def labels(root):
    return tree(root, {"labels.csv": [
        "image,grade,dme_risk,split,original_name,patient,eye", "images/a.jpg,0,0,train,,p1,left",
        "images/b.jpg,4,1,test,x,p1,right", "../c.jpg,1,0,train,,,", "images/../a.jpg,1,,train,,,",
        "images/d.jpg,,,train,,,", "images/e.jpg,1,0,later,,,", "images/f.jpg,2,0,train,,,",
        "images/f.jpg,3,0,train,,,", "/images/a.jpg,1,,train,,,", ",1,,train,,,",
        "images/b.jpg,4,1,train,x,p1,both",
    ]}, [*(f"images/{name}.jpg" for name in "abdef"), "masks/a.png", "../c.jpg"])  # fmt: skip


def test_this_projects_own_form(tmp_path):
    root = labels(tmp_path / "set")
    assert layouts.recognise(root) == "labels"
    rows, report = read(root)
    assert brief(rows, "grade", "patient", "eye", "split") == [
        ("a", 0, "p1", "left", "train"), ("b", 4, "p1", "right", "test"),
        ("d", -1, "", "", "train"),
    ]  # fmt: skip
    outside = said(report, "outside the folder")
    assert [each.split(":")[0] for each in outside] == [
        "labels.csv, row 4", "labels.csv, row 5", "labels.csv, row 10"]  # fmt: skip
    two = said(report, "two grades for one picture")
    assert len(two) == 2 and "row 8" in two[0] and "row 9" in two[1] and "2 and 3" in two[0]
    assert "row 6" in said(report, "no grade")[0]
    assert "'later'" in said(report, "no part")[0] and "row 11" in said(report, "no picture")[0]
    # Of the same row in train and test, that of the test part is kept.
    assert "row 12" in said(report, "duplicate row")[0]


def test_the_projects_mirror():
    mirror = datasets.mirror_folder()
    if mirror is None or not (mirror / "retina").is_dir():
        pytest.skip("RECIPES_MIRROR names no folder with retina/")
    rows, report = read(mirror / "retina")
    assert len(rows) == 464 and not report
    counts = rows.groupby("split")["grade"].value_counts().unstack()
    assert counts.loc["train"].tolist() == [134, 20, 136, 74, 49]
    assert counts.loc["test"].tolist() == [17, 3, 16, 9, 6]


def test_eyepacs(tmp_path):
    root = tree(tmp_path, {
        "trainLabels.csv": ["image,level", "10_left,0", "10_right,1", "13_left,9", "15_left,2"],
        "retinopathy_solution.csv": ["image,level,Usage", "1_left,4,Private", "1_right,3,Public",
                                     "2_left,0,Secret"],
    }, ["train/10_left.jpeg", "train/10_right.jpeg", "train/13_left.jpeg", "test/1_left.jpeg",
        "test/1_right.jpeg", "test/2_left.jpeg"])  # fmt: skip
    assert layouts.recognise(root) == "eyepacs"
    rows, report = read(root)
    assert brief(rows, "grade", "patient", "eye", "split") == [
        ("10_left", 0, "10", "left", "train"), ("10_right", 1, "10", "right", "train"),
        ("1_left", 4, "1", "left", "test"), ("1_right", 3, "1", "right", "validation"),
    ]  # fmt: skip
    assert "trainLabels.csv, row 4: 13_left" in said(report, "grade outside 0 to 4")[0]
    assert "row 5" in said(report, "missing file")[0] and "'Secret'" in said(report, "no part")[0]


def test_a_part_without_its_photographs_is_one_finding(tmp_path):
    solution = ["image,level,Usage", *(f"{n}_left,0,Public" for n in range(50))]
    tables = {"trainLabels.csv": ["image,level", "90_left,0"], "retinopathy_solution.csv": solution}
    root = tree(tmp_path, tables, ["train/90_left.png"])
    rows, report = read(root)
    assert brief(rows, "grade") == [("90_left", 0)]  # stored as PNG
    assert "none of its 50 pictures" in said(report, "no pictures")[0] and report.dropped == 1
    (root / "train" / "90_left.png").unlink()
    with pytest.raises(DataError, match="no picture is left"):
        read(root)


def test_aptos(tmp_path):
    names = [f"train_images/{n}.png" for n in ("0a", "0b", "0c", "0d")]
    root = tree(tmp_path, {
        "train.csv": ["id_code,diagnosis", "0a,2", "0b,0", "0c,-3", "0d,1"],
        "test.csv": ["id_code", "1a", "1b"],
    }, [*names, "train_images/0d.jpg", "test_images/1a.png"])  # fmt: skip
    assert layouts.recognise(root) == "aptos"
    rows, report = read(root)
    assert brief(rows, "grade", "split") == [("0a", 2, "train"), ("0b", 0, "train")]
    assert "row 4" in said(report, "grade outside 0 to 4")[0]
    assert "0d.jpg and 0d.png" in said(report, "several files")[0]


def test_messidor2(tmp_path):
    root = tree(tmp_path, {
        "messidor_data.csv": ["image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable",
                              "20051020_43808_0100_PP.png,0,0,1", "IM000012.jpg,2,1,1",
                              "IM000013.jpg,,,0", "IM000014.jpg,1,0,1"],
        "messidor-2.csv": ["left;right", "20051020_43808_0100_PP.png;IM000012.JPG",
                           "IM000013.JPG;IM000099.JPG"],
    }, ["IMAGES/20051020_43808_0100_PP.png",
        *(f"IMAGES/IM0000{n}.JPG" for n in (12, 13, 14))])  # fmt: skip
    assert layouts.recognise(root) == "messidor2"
    rows, report = read(root)
    assert brief(rows, "grade", "dme_risk", "patient", "eye", "split") == [
        ("20051020_43808_0100_PP", 0, 0, "pair 1", "left", ""),
        ("IM000012", 2, 2, "pair 1", "right", ""), ("IM000014", 1, 0, "", "", ""),
    ]  # fmt: skip
    assert "row 4: IM000013.jpg" in said(report, "ungradable")[0] and report.dropped == 1
    assert "1 pictures are in no pair" in said(report, "no pair")[0]


def test_deepdrid(tmp_path):
    head = ("patient_id,image_id,image_path,Overall quality,left_eye_DR_Level,right_eye_DR_Level,"
            "patient_DR_Level,Clarity,Field definition,Artifact")  # fmt: skip
    part = "regular_fundus_images/regular-fundus-{0}/{1}"
    evaluation = "regular_fundus_images/Online-Challenge1&2-Evaluation/{}"
    # Rows as they are published; those of 56 are named for one eye and graded for the other.
    path = r"\regular-fundus-training\{0}\{0}_{1}.jpg"
    root = tree(tmp_path, {
        part.format("training", "regular-fundus-training.csv"): [
            head, f"3,3_l1,{path.format(3, 'l1')},0,1,,1,8,6,6",
            f"3,3_r1,{path.format(3, 'r1')},0,,0,1,10,8,0",
            f"56,56_r3,{path.format(56, 'r3')},0,1,,1,10,8,1",
            f"4,4_r1,{path.format(4, 'r1')},0,,5,5,8,6,6"],
        part.format("validation", "regular-fundus-validation.csv"): [
            head, "265,265_l1,\\regular-fundus-validation\\265\\265_l1.jpg,0,3,,4,4,8,10"],
    }, [*(part.format("training", f"Images/{name[:-3]}/{name}.jpg")
          for name in ("3_l1", "3_r1", "56_r3", "4_r1")),
        part.format("validation", "Images/265/265_l1.jpg"),
        evaluation.format("Images/347/347_l1.jpg")])  # fmt: skip
    (root / evaluation.format("Challenge1_labels.xlsx")).write_bytes(b"PK\x03\x04")
    assert layouts.recognise(root) == "deepdrid"
    rows, report = read(root)
    expected = [
        ("3_l1", 1, "3", "left", "train"), ("3_r1", 0, "3", "right", "train"),
        ("56_r3", 1, "56", "left", "train"), ("265_l1", 3, "265", "left", "validation"),
    ]  # fmt: skip
    columns = ("grade", "patient", "eye", "split")
    assert brief(rows, *columns) == expected
    assert "row 4: 56_r3: named as the right eye" in said(report, "eye")[0]
    assert "row 5: 4_r1" in said(report, "ungradable")[0]
    assert "save it as CSV" in said(report, "workbook")[0]
    (root / evaluation.format("Challenge1_labels.csv")).write_text("image_id,DR_Levels\n347_l1,2\n")
    rows, report = read(root)
    assert brief(rows, *columns) == [*expected, ("347_l1", 2, "347", "left", "test")]
    assert not said(report, "workbook")


def test_medmnist(tmp_path):
    found = {}
    for part, grades in {"train": (4, 0), "val": (7,), "test": (1,)}.items():
        found[f"{part}_images"] = np.zeros((len(grades), 5, 5, 3), np.uint8)
        found[f"{part}_labels"] = np.array(grades, np.uint8)[:, None]
    np.savez(tmp_path / "retinamnist_64.npz", **found)
    assert layouts.recognise(tmp_path / "retinamnist_64.npz") == "medmnist"
    rows, report = read(tmp_path / "retinamnist_64.npz", cache=tmp_path / "cache")
    assert brief(rows, "grade", "split", "line") == [
        ("train_000001", 4, "train", 1), ("train_000002", 0, "train", 2),
        ("test_000001", 1, "test", 1)]  # fmt: skip
    assert "retinamnist_64.npz, row 1" in said(report, "grade outside 0 to 4")[0]
    np.savez(tmp_path / "dermamnist.npz", **found)
    with pytest.raises(DataError, match="is dermamnist"):
        read(tmp_path / "dermamnist.npz", cache=tmp_path / "cache")


def test_what_fits_nothing_is_told_what_would(tmp_path):
    lines = ["image,level,split", "a.png,1,train"]
    near = tree(tmp_path / "near", {"labels.csv": lines}, ["a.png"])
    with pytest.raises(DataError) as caught:
        layouts.recognise(near)
    assert "labels.csv has no column grade; it has image, level, split." in str(caught.value)
    assert all(f"\n  {name}: " in str(caught.value) for name in layouts.LAYOUTS)
    with pytest.raises(DataError, match="labels.csv has no column grade"):
        read(near, layout="labels")
    with pytest.raises(DataError, match="holds nothing"):
        (tmp_path / "bare").mkdir()
        layouts.recognise(tmp_path / "bare")
    with pytest.raises(DataError, match="does not exist"):
        layouts.recognise(tmp_path / "none")
    with pytest.raises(DataError, match="one picture"):
        layouts.recognise(near / "a.png")
    with pytest.raises(DataError, match="no table of the layout aptos"):
        read(near, layout="aptos")
    with pytest.raises(DataError, match="cannot be read as table"):
        read(near, layout="table")
    with pytest.raises(ValueError, match="none of idrid"):
        read(near, layout="idrit")


def test_labels_of_a_folder_below_are_not_the_layout(tmp_path):
    labels(tmp_path / "outer" / "set")
    with pytest.raises(DataError, match="no layout that is known here; it holds c.jpg, set"):
        layouts.recognise(tmp_path / "outer")


def test_two_layouts_in_one_folder_are_not_guessed(tmp_path):
    aptos = {"aptos/train.csv": ["id_code,diagnosis", "0a,2"]}
    root = tree(idrid(tmp_path), aptos, ["aptos/train_images/0a.png"])
    with pytest.raises(DataError, match="idrid and aptos"):
        layouts.recognise(root)
    assert len(read(root, layout="aptos")[0]) == 1 and len(read(root / "aptos")[0]) == 1
    tree(root, {f"copy/{name}": lines for name, lines in aptos.items()})
    with pytest.raises(DataError, match="give the folder of one"):
        read(root, layout="aptos")


def test_a_table_of_a_published_layout_asks_for_its_folder(tmp_path):
    root = tree(tmp_path, {"train.csv": ["id_code,diagnosis", "a,2"]}, ["a.png"])
    with pytest.raises(DataError, match="layout aptos: give the folder"):
        read(root / "train.csv")
    assert brief(read(root / "train.csv", layout="table")[0], "grade") == [("a", 2)]
