"""The set says what was drawn, its parts share no lesion, a seed fixes all."""

import csv

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from data_scripts import draw_skin
from data_scripts import sample_skin as sample
from data_scripts.draw_skin_lesions import CLASSES, LEVELS, MALIGNANT
from data_scripts.draw_skin_structures import KINDS


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def case(dx, seed, level="easy", **more):
    return sample.case(dx, level, np.random.default_rng(seed), **more)


def shoot(drawn, seed, **more):
    return sample.shoot(drawn, np.random.default_rng(seed), **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("skin")
    sample.write(found, lesions=20, test=8)
    return found


@pytest.fixture(scope="module")
def labels(folder):
    return table(folder / "labels.csv")


def test_the_same_for_a_seed(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        sample.write(tmp_path / name, lesions=2, test=1, seed=seed)
    a, b, c = ({p.relative_to(tmp_path / n).as_posix(): p.read_bytes()
                for p in (tmp_path / n).rglob("*.*")} for n in "abc")  # fmt: skip
    assert a == b and len([name for name in a if name.endswith("segmentation.png")]) >= 3
    both = [name for name in a.keys() & c.keys() if name.endswith(".jpg")]
    assert len(both) >= 3 and all(a[name] != c[name] for name in both)


def test_a_photograph_does_not_depend_on_the_others(folder, tmp_path):
    sample.write(tmp_path, lesions=2, test=1)
    found = [p.relative_to(tmp_path) for p in tmp_path.rglob("*_0*.*")]
    assert len(found) >= 9
    for name in found:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    whole = {row["image_id"]: row for row in table(folder / "labels.csv")}
    assert all(whole[row["image_id"]] == row for row in table(tmp_path / "labels.csv"))


def test_columns_are_those_of_ham10000(folder, labels):
    names = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]
    assert [*labels[0]][:7] == names
    assert {row["dx_type"] for row in labels} == {"synthetic"}
    pictures = sorted(path.stem for path in (folder / "pictures").iterdir())
    assert pictures == sorted(row["image_id"] for row in labels)
    for row in labels:
        assert row["dx"] in CLASSES and row["level"] in LEVELS
        assert row["skin_tone"] in draw_skin.TONES and row["sex"] in ("male", "female", "unknown")
        assert set(row["artefacts"].split()) <= set(draw_skin.ARTEFACTS)
        gains = [float(row[f"gain_{colour}"]) for colour in ("red", "green", "blue")]
        assert np.prod(gains) == pytest.approx(1, abs=1e-3) and float(row["exposure"]) > 0.5


def test_a_lesion_stays_in_its_part(labels):
    lesions = {}
    for row in labels:
        lesions.setdefault(row["lesion_id"], []).append(row)
    assert len(lesions) == 28 and len(labels) > 28
    same = ("dx", "age", "sex", "localization", "split", "level", "skin_tone")
    for rows in lesions.values():
        assert len(rows) <= 3 and all(len({row[name] for row in rows}) == 1 for name in same)
        assert len({row["gain_red"] for row in rows}) == len(rows)
    # Nor does a lesion of one part come back in the other under another name.
    parts = [[np.packbits(sample.one(0, part, number)[0].lesion.inside > 0.5).tobytes()
              for number in range(4)] for part in (0, 1)]  # fmt: skip
    assert len({*parts[0], *parts[1]}) == 8


def test_shares_are_as_stated():
    plans = [sample.plan(seed, part, number)
             for seed in (0, 3) for part in (0, 1) for number in range(240)]  # fmt: skip
    assert sum(sample.SHARES.values()) == pytest.approx(1) and set(sample.SHARES) == set(CLASSES)
    for level in LEVELS:
        found = [dx for dx, each, _ in plans if each == level]
        assert len(found) == len(plans) / 3
        for dx, share in sample.SHARES.items():
            assert found.count(dx) / len(found) == pytest.approx(share, abs=0.03)
    counts = [count for _, _, count in plans]
    for count, share in enumerate(sample.PHOTOGRAPHS, 1):
        assert counts.count(count) / len(counts) == pytest.approx(share, abs=0.05)


def test_masks_agree_with_the_files(folder, labels):
    bits = table(folder / "masks/kinds.csv")
    assert [row["kind"] for row in bits] == list(KINDS)
    for row in labels:
        lesion = np.asarray(Image.open(folder / "masks" / f"{row['image_id']}_segmentation.png"))
        found = np.asarray(Image.open(folder / "masks" / f"{row['image_id']}_criteria.png"))
        assert lesion.shape == found.shape == (draw_skin.HEIGHT, draw_skin.WIDTH) == (225, 300)
        assert lesion.dtype == np.uint8 and set(np.unique(lesion)) == {0, 255}
        assert found.dtype == np.uint16
        decisive = sum(1 << int(bit["bit"]) for bit in bits if row["dx"] in bit["decides"].split())
        seen = (found & decisive) > 0
        assert seen.sum() > 20 and (lesion[seen] == 255).mean() > 0.99
        assert 0.04 < (lesion == 255).mean() < 0.75


def test_colours_alone_do_not_tell_the_classes():
    """Balanced accuracy on histograms of 64 colours; seven classes, guessing gives 1 / 7."""

    def histograms(first, count):
        rows, classes = [], []
        for number, dx in enumerate(CLASSES):
            for seed in range(first, first + count):
                drawn = case(dx, [seed, number, 2], tuple(LEVELS)[seed % 3])
                cells = shoot(drawn, [seed, number, 2]).photograph.pixels.astype(int) // 64
                rows.append(np.bincount((cells @ (16, 4, 1)).ravel(), minlength=64))
                classes.append(dx)
        return np.sqrt(np.array(rows) / (draw_skin.WIDTH * draw_skin.HEIGHT)), classes

    (train, classes), (test, truth) = histograms(0, 12), histograms(12, 9)
    model = LogisticRegression(C=10, max_iter=500).fit(train, classes)
    found = balanced_accuracy_score(truth, model.predict(test))
    print(f"colours alone: balanced accuracy {found:.2f}")
    assert 0.2 < found < 0.65


def test_people_are_plausible_and_some_facts_are_missing():
    random = np.random.default_rng(0)
    people = {dx: [sample.person(dx, random) for _ in range(400)] for dx in CLASSES}
    everyone = [each for rows in people.values() for each in rows]
    for name, missing in (("age", ""), ("sex", "unknown"), ("localization", "unknown")):
        share = np.mean([each[name] == missing for each in everyone])
        assert share == pytest.approx(sample.MISSING, abs=0.015)
    ages = {dx: [int(each["age"]) for each in rows if each["age"]] for dx, rows in people.items()}
    assert all(age % 5 == 0 and 5 <= age <= 85 for rows in ages.values() for age in rows)
    assert np.mean(ages["bcc"]) > np.mean(ages["nv"]) + 12

    def share(dx, place):
        return np.mean([each["localization"] == place for each in people[dx]])

    assert share("akiec", "face") > 2 * share("nv", "face")
    assert share("df", "lower extremity") > share("mel", "lower extremity") + 0.1


def test_simulated_readers_are_better_where_it_is_easy_and_when_skilled():
    random = np.random.default_rng(0)

    def right(level, reader):
        looks = random.normal(0, sample.MISLEADING, 200)
        return np.mean([sample.reader_says(ill, level, reader, random, each) == ill
                        for each in looks for ill in (True, False)])  # fmt: skip

    readers = range(len(sample.READERS))
    skill = {level: np.array([right(level, reader) for reader in readers]) for level in LEVELS}
    easy, medium, hard = (skill[level].mean() for level in ("easy", "medium", "hard"))
    assert 0.98 > easy > medium + 0.04 and medium > hard + 0.04 and hard > 0.6
    for found in skill.values():
        assert found[:3].mean() > found[-3:].mean() + 0.08
    eager = [np.mean([sample.reader_says(False, "medium", reader, random) for _ in range(300)])
             for reader in readers]  # fmt: skip
    assert np.ptp(eager) > 0.15  # they differ in what they call malignant, too


def test_the_readers_read_the_test_part(folder, labels):
    rows = table(folder / "readers.csv")
    expected = [row["image_id"] for row in labels if row["split"] == "test"]
    assert [row["image_id"] for row in rows] == expected
    columns = list(rows[0])[1:]
    assert columns == [f"simulated_reader_{k}" for k in range(1, len(sample.READERS) + 1)]
    assert {row[column] for row in rows for column in columns} == {"0", "1"}
    truth = {row["image_id"]: row["dx"] in MALIGNANT for row in labels}
    right = [row[column] == str(int(truth[row["image_id"]])) for row in rows for column in columns]
    assert np.mean(right) > 0.6


def test_files_say_that_they_are_synthetic(folder, labels):
    assert (folder / "README.txt").read_text(encoding="utf-8").startswith("SYNTHETIC")
    picture = Image.open(folder / "pictures" / f"{labels[0]['image_id']}.jpg")
    assert (picture.size, picture.mode) == ((300, 225), "RGB")
    assert b"synthetic" in picture.info["comment"]


def test_bad_arguments(tmp_path):
    for words, mend in ((("wart", 0), "dx='wart'.*'akiec'"),
                        (("nv", 0, "odd"), "level='odd'.*hard")):  # fmt: skip
        with pytest.raises(ValueError, match=mend):
            case(*words)
    with pytest.raises(ValueError, match="tone='VII'.*'VI'"):
        case("nv", 0, tone="VII")
    with pytest.raises(ValueError, match="'horns' is no structure.*lacunae"):
        case("nv", 0, leave_out=("horns",))
    with pytest.raises(ValueError, match="'dust'.*bubbles"):
        shoot(case("nv", 0), 0, artefacts=("dust",))
    for more, mend in (({"lesions": 0}, "lesions=0.*from 1"), ({"test": -1}, "test=-1"),
                       ({"seed": -3}, "seed=-3")):  # fmt: skip
        with pytest.raises(ValueError, match=mend):
            sample.write(tmp_path / "none", **more)
    assert not (tmp_path / "none").exists()


def test_the_command_line(tmp_path, capsys):
    assert sample.main([str(tmp_path), "--lesions", "3", "--test", "1", "--seed", "5"]) == 0
    assert "synthetic" in capsys.readouterr().out
    assert len({row["lesion_id"] for row in table(tmp_path / "labels.csv")}) == 4
