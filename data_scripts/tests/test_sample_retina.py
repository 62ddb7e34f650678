"""Drawn eyes show what labels.csv and the masks say, grades follow the rules, a seed fixes all."""

import csv
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from data_scripts import draw_fundus, draw_lesions
from data_scripts import sample_retina as sample
from data_scripts.draw_lesions import KINDS, Counts, edema_of, grade_of


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def drawn(grade, seed, level="easy", **more):
    return sample.draw(grade, level, np.random.default_rng(seed), **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("retina")
    sample.write(found, train=26, test=9, copies=2)
    return found


@pytest.fixture(scope="module")
def labels(folder):
    return {row["image"]: row for row in table(folder / "labels.csv")}


def test_the_same_for_a_seed(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        sample.write(tmp_path / name, train=2, test=1, seed=seed, copies=1)
    a, b, c = ({p.relative_to(tmp_path / n).as_posix(): p.read_bytes()
                for p in (tmp_path / n).rglob("*.*")} for n in "abc")  # fmt: skip
    assert len(a) == 2 * (2 + 1 + 1) + 4 and a == b and a.keys() == c.keys()
    assert all(a[name] != c[name] for name in a if name.endswith(".jpg"))


def test_a_photograph_does_not_depend_on_the_others(folder, tmp_path):
    sample.write(tmp_path, train=3, test=1, copies=0)
    names = ("train/train_0000.jpg", "train/train_0002.jpg", "test/test_0000.jpg",
             "masks/train_0002.png")  # fmt: skip
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("counts", "grade"),
    [
        (Counts(), 0),
        (Counts(microaneurysms=1), 1),
        (Counts(microaneurysms=300), 1),
        (Counts(haemorrhages=(0, 1, 0, 0)), 2),
        (Counts(hard_exudates=1), 2),
        (Counts(cotton_wool_spots=1), 2),
        (Counts(venous_beading=1), 2),
        (Counts(haemorrhages=(20, 20, 20, 20)), 2),
        (Counts(haemorrhages=(21, 21, 20, 90)), 2),
        (Counts(haemorrhages=(21, 21, 21, 21)), 3),
        (Counts(venous_beading=2), 3),
        (Counts(irma=1), 3),
        (Counts(new_vessels=1), 4),
        (Counts(preretinal_haemorrhage=1, irma=4), 4),
    ],
)
def test_grades_by_the_international_scale(counts, grade):
    assert grade_of(counts) == grade


def test_the_grade_drawn_is_the_grade_asked_for():
    """And what is counted is there to be seen, the smallest not hidden by others."""
    shown = set()
    for seed in range(3):
        random = np.random.default_rng([seed, 8])
        eye = draw_fundus.draw_eye(draw_fundus.look(random), sample.EYES[seed % 2], random)
        for grade in [0, 1, 2, 2, 3, 3, 3, 4, 4, 4]:
            lesions = draw_lesions.draw_lesions(eye, sample.wanted(grade, random), random)
            assert grade_of(lesions.counts) == grade, lesions.counts
            there = {kind for kind in KINDS if np.any(getattr(lesions.counts, kind))}
            masks = {kind: cover > draw_lesions.SEEN for kind, cover in lesions.covers.items()}
            assert there == {kind for kind, mask in masks.items() if mask.any()}
            shown |= there
            small = masks.pop("microaneurysms", np.zeros(eye.field.shape, bool))
            assert not any((small & mask).any() for mask in masks.values())
    assert shown == set(KINDS)


def test_labels_agree_with_counts_and_masks(folder, labels):
    copies = {row["copy"] for row in table(folder / "duplicates.csv")}
    bits = [row["kind"] for row in table(folder / "masks/kinds.csv")]
    assert bits == list(KINDS) and len(labels) == 26 + 9 + 2
    for name, row in labels.items():
        mask = np.asarray(Image.open(folder / "masks" / Path(name).with_suffix(".png").name))
        assert mask.shape == (sample.SIZE, sample.SIZE) and mask.dtype == np.uint8
        counts = {kind: int(row[kind]) for kind in KINDS if kind != "haemorrhages"}
        counts = Counts(**counts, haemorrhages=tuple(map(int, row["haemorrhages"].split())))
        for bit, kind in enumerate(KINDS):
            assert (mask >> bit & 1).any() == (row[kind] not in ("0", "0 0 0 0"))
        if row["ungradable"]:
            assert row["grade"] == row["dme_risk"] == "" and counts == Counts()
            continue
        fovea = float(row["fovea_x"]), float(row["fovea_y"])
        exudates = (mask >> KINDS.index("hard_exudates") & 1).astype(bool)
        assert int(row["dme_risk"]) == edema_of(exudates, fovea, float(row["disc_diameter"]))
        assert (int(row["grade"]) == grade_of(counts)) == (name not in copies)
    assert {row["grade"] for row in labels.values()} >= set("01234")
    assert {row["source"] for row in labels.values()} == {"synthetic"}


def test_each_mask_lies_where_its_lesions_change_the_eye():
    """New vessels grow from veins and may hide the beads of one: they are drawn by themselves."""
    random = np.random.default_rng(2)
    eye = draw_fundus.draw_eye(draw_fundus.look(random), "left", random)
    plan = {"microaneurysms": 9, "haemorrhages": [3, 4, 5, 6], "hard_exudates": 2,
            "cotton_wool_spots": 2, "venous_beading": [2, 3], "irma": [0]}  # fmt: skip
    others = {"new_vessels": 2, "preretinal_haemorrhage": 1}
    first, second = (draw_lesions.draw_lesions(eye, each, random) for each in (plan, others))
    assert first.counts.microaneurysms == 9 and first.counts.haemorrhages == (3, 4, 5, 6)
    assert first.counts.venous_beading == second.counts.new_vessels == 2
    assert [*second.covers, *first.covers] == list(reversed(KINDS))

    def paint(lesions):
        return draw_lesions.paint(eye, lesions, 1, np.random.default_rng(0))

    for lesions in (first, second):
        whole = paint(lesions)
        for kind, cover in lesions.covers.items():
            change = np.abs(whole - paint(lesions.without((kind,)))).max(2)
            assert (change[cover > draw_lesions.SEEN] > 0.01).mean() > 0.9, kind
            assert change[cover == 0].max() == 0, kind
    y, x = np.nonzero(first.covers["venous_beading"] > draw_lesions.SEEN)
    assert (x < eye.fovea[0] + 3).all()  # quadrants 2 and 3 of a left eye lie to the left
    assert 100 < (y < eye.fovea[1]).sum() < len(y) - 100


@pytest.mark.parametrize(("grade", "seed"), [(2, 4), (3, 1), (4, 0)])
def test_a_photograph_differs_where_the_masks_are(grade, seed):
    """And nowhere else; harder is fainter; outside the field of view all is black."""
    whole, faint = drawn(grade, seed, eye="left"), drawn(grade, seed, "hard", eye="left")
    bare = drawn(grade, seed, eye="left", leave_out=KINDS)
    assert bare.grade == bare.edema == 0 and whole.grade == faint.grade == grade
    seen = np.any([*whole.masks.values()], axis=0)
    assert not (seen & ~whole.field).any()
    change = np.abs(whole.pixels.astype(int) - bare.pixels).max(2)
    weaker = np.abs(faint.pixels.astype(int) - bare.pixels).max(2)
    assert (change[seen] > 2).mean() > 0.9 and 2 < weaker[seen].mean() < 0.7 * change[seen].mean()
    assert change[cv2.dilate(seen.astype(np.uint8), np.ones((31, 31))) == 0].max() == 0
    assert (whole.pixels[cv2.dilate(whole.field.astype(np.uint8), np.ones((5, 5))) == 0] == 0).all()


def test_what_is_left_out_changes_the_grade():
    whole = drawn(4, 0, leave_out=("new_vessels", "preretinal_haemorrhage"))
    assert whole.grade == grade_of(whole.counts) < 4


def test_risk_of_edema():
    mask = np.zeros((200, 200), bool)
    assert edema_of(mask, (100, 100), 50) == 0
    mask[100, 155] = True
    assert edema_of(mask, (100, 100), 50) == 1
    mask[140, 130] = True  # exactly one disc away
    assert edema_of(mask, (100, 100), 50) == 2
    assert edema_of(mask, (155, 20), 50) == 1


def test_exudates_are_drawn_at_either_risk():
    random, found = np.random.default_rng(1), []
    eye = draw_fundus.draw_eye(draw_fundus.look(random), "right", random)
    for _ in range(16):
        cover = draw_lesions.draw_lesions(eye, {"hard_exudates": 2}, random).covers
        exudates = cover["hard_exudates"] > draw_lesions.SEEN
        y, x = np.nonzero(exudates)
        nearest = np.hypot(x - eye.fovea[0], y - eye.fovea[1]).min() / eye.look.disc
        assert nearest < 0.9 or nearest > 1.05  # no case is doubtful
        found.append(edema_of(exudates, eye.fovea, eye.look.disc))
        assert found[-1] == (2 if nearest < 1 else 1)
    assert set(found) == {1, 2}


@pytest.mark.parametrize("eye", sample.EYES)
def test_disc_and_fovea_lie_where_they_are_said_to(eye):
    """The disc is bright, the fovea dark, the disc is on the side of the nose, and below it not."""
    for seed in range(3):
        found = drawn(0, [seed, 5], eye=eye)
        green = cv2.GaussianBlur(found.pixels[..., 1].astype(float), (0, 0), 5)
        (disc_x, disc_y), (fovea_x, fovea_y) = found.disc, found.fovea
        middle = np.median(green[found.field])
        assert green[round(disc_y), round(disc_x)] > 1.25 * middle
        assert green[round(fovea_y), round(fovea_x)] < 0.9 * middle
        assert (disc_x > fovea_x) == (eye == "right")
        assert 2.3 < np.hypot(disc_x - fovea_x, disc_y - fovea_y) / found.disc_diameter < 2.8
        assert fovea_y > disc_y


def test_a_patient_has_two_eyes(labels):
    gaps, patients = [], {}
    for row in labels.values():
        patients.setdefault(row["patient"], []).append(row)
    for rows in patients.values():
        assert len({row["disc_diameter"] for row in rows}) == 1
        assert [row["eye"] for row in rows] in (["right", "left"], ["right"], ["left"])
        if len(rows) == 2 and all(row["grade"] for row in rows):
            gaps.append(abs(int(rows[0]["grade"]) - int(rows[1]["grade"])))
    assert len(gaps) > 12 and max(gaps) == 1 and np.mean(gaps) < 0.5
    across = {row["disc_diameter"] for row in labels.values()}
    assert len(across) > 12  # cameras differ between patients


def test_duplicates_are_the_same_file_with_another_grade(folder, labels):
    listed = {(row["image"], row["copy"]) for row in table(folder / "duplicates.csv")}
    same = {pair for pair in combinations(labels, 2)
            if (folder / pair[0]).read_bytes() == (folder / pair[1]).read_bytes()}  # fmt: skip
    assert same == listed and len(listed) == 2
    assert [labels[first]["split"] for first, _ in listed].count("test") == 1
    for row in table(folder / "duplicates.csv"):
        first, copy = labels[row["image"]], labels[row["copy"]]
        assert copy["split"] == "train" and first["patient"] != copy["patient"]
        assert (row["grade"], row["copy_grade"]) == (first["grade"], copy["grade"])
        assert first["grade"] != copy["grade"]


def test_ungradable_photographs_show_why():
    good = drawn(2, 3)
    found = {reason: drawn(2, 3, ungradable=reason) for reason in sample.UNGRADABLE}
    for reason, each in found.items():
        assert each.ungradable == reason and each.grade is None and each.edema is None
        assert each.counts == Counts() and not any(mask.any() for mask in each.masks.values())

    def sharp(each):
        inner = cv2.erode(each.field.astype(np.uint8), np.ones((25, 25))) > 0
        soft = cv2.GaussianBlur(each.pixels[..., 1].astype(float), (0, 0), 2)
        return np.abs(cv2.Laplacian(soft, cv2.CV_64F))[inner].mean()

    light = {reason: each.pixels[each.field].mean() for reason, each in found.items()}
    assert light["dark"] < 25 and light["overexposed"] > 225
    assert 40 < good.pixels[good.field].mean() < 180
    assert sharp(found["blurred"]) < 0.5 * sharp(good)
    x, y = map(round, good.disc)
    assert found["no_eye"].pixels[y, x].mean() < 0.8 * good.pixels[y, x].mean()


def test_a_stated_share_is_ungradable(labels):
    for split, count in (("train", 26), ("test", 9)):
        reasons = [row["ungradable"] for row in labels.values() if row["split"] == split]
        expected = len(range(sample.UNGRADABLE_EVERY // 2, count, sample.UNGRADABLE_EVERY))
        assert len([reason for reason in reasons if reason]) == expected
        assert set(reasons) <= {"", *sample.UNGRADABLE}


def test_artefacts_and_quality_say_nothing_of_the_grade():
    found = [[drawn(grade, [seed, 2]) for grade in (0, 4)] for seed in range(3)]
    for healthy, ill in found:
        assert (healthy.artefacts, healthy.quality) == (ill.artefacts, ill.quality)
        assert healthy.disc == ill.disc and (healthy.field == ill.field).all()
    assert len({healthy.artefacts for healthy, _ in found}) > 1


def test_readers_agree_more_on_easy_photographs_and_when_skilled():
    random = np.random.default_rng(0)

    def right(level, reader, grade):
        said = [sample.reader_says(grade, level, reader, random) for _ in range(300)]
        assert set(said) <= set(range(5))
        return np.mean(np.array(said) == grade)

    share = {level: np.mean([right(level, k, g) for k in range(8) for g in range(5)])
             for level in sample.LEVELS}  # fmt: skip
    assert share["easy"] > share["medium"] + 0.05 and share["medium"] > share["hard"] + 0.05
    assert share["hard"] > 0.4 and share["easy"] < 1
    assert np.mean([right("medium", 0, g) for g in range(5)]) > 0.1 + np.mean(
        [right("medium", 7, g) for g in range(5)])  # fmt: skip
    blank = [sample.reader_says(None, "easy", 0, random) for _ in range(200)]
    assert 0.8 < blank.count(None) / 200 < 1


def test_eight_simulated_readers_read_the_test_photographs(folder, labels):
    rows = table(folder / "readers.csv")
    assert [row["image"] for row in rows] == [n for n, r in labels.items() if r["split"] == "test"]
    columns = list(rows[0])[1:]
    assert columns == [f"simulated_reader_{k}" for k in range(1, 9)]
    said = {row[column] for row in rows for column in columns}
    assert said <= {"", *"01234"} and len(said) > 3


def test_files_say_that_they_are_synthetic(folder):
    assert b"synthetic" in Image.open(folder / "test/test_0000.jpg").info["comment"]


def test_bad_arguments(tmp_path):
    for words, mend in (((5, "easy"), "grade=5"), ((1, "impossible"), "medium")):
        with pytest.raises(ValueError, match=mend):
            sample.draw(*words, np.random.default_rng(0))
    for more, mend in (({"eye": "middle"}, "'right', 'left'"), ({"ungradable": "odd"}, "no_eye"),
                       ({"leave_out": ("drusen",)}, "drusen.*irma")):  # fmt: skip
        with pytest.raises(ValueError, match=mend):
            drawn(1, 0, **more)
    for more, mend in (({"train": 0}, "train=0"), ({"test": -1}, "test=-1"), ({"seed": -3}, "-3"),
                       ({"train": 4, "copies": 3}, "copies=3.* to 2")):  # fmt: skip
        with pytest.raises(ValueError, match=mend):
            sample.write(tmp_path / "none", **more)
    assert not (tmp_path / "none").exists()
    for counts, mend in ((Counts(haemorrhages=(1, 2, 3)), "four"), (Counts(irma=5), "irma=5"),
                         (replace(Counts(), microaneurysms=-1), "-1")):  # fmt: skip
        with pytest.raises(ValueError, match=mend):
            grade_of(counts)


def test_the_command_line(tmp_path, capsys):
    assert sample.main([str(tmp_path), "--train", "6", "--test", "1", "--seed", "5"]) == 0
    assert "synthetic" in capsys.readouterr().out
    assert len(table(tmp_path / "labels.csv")) == 6 + 1 + 3
