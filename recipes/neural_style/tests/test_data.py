"""The three doors lead to the same thing, and what is wrong is named."""

import shutil

import numpy as np
import pytest

from common.validation import DataError
from recipes.neural_style import data, pictures


@pytest.fixture(scope="module")
def sample():
    return data.load("sample")


def test_the_sample_has_everything(sample):
    assert sample.synthetic and len(sample.content) == 2 and len(sample.frames) == 8
    assert sample.photograph(None).name == "china"
    assert [each.name for each in sample.paintings("wood, brush")[0]] == ["woodcut", "brushwork"]
    assert sample.paintings("wood = 0.7, brush=.3")[1] == [0.7, 0.3]
    upper, lower = sample.selections("china_upper, china_lower")
    np.testing.assert_allclose(upper + lower, 1, atol=0.01)
    assert sample.selections(None) is None
    assert list(sample.masks_of("china")) == ["china_lower", "china_upper"]
    assert sample.masks_of("flower") == {}
    assert "synthetic" in str(sample.card())


def test_a_picture_of_one_s_own_with_the_sample_s_paintings(sample, tmp_path):
    pictures.save(tmp_path / "me.jpg", sample.photograph("flower").pixels)
    own = data.load(tmp_path / "me.jpg")
    assert own.photograph(None).name == "me" and "paintings are synthetic" in own.licence
    assert own.paintings(None)[0][0].name == "brushwork"
    assert own.paintings(str(tmp_path / "me.jpg"))[0][0].name == "me"


def test_a_folder_of_one_s_own(sample, tmp_path):
    for kind, name in (("content", "china"), ("styles", "woodcut"), ("masks", "china_upper")):
        (tmp_path / kind).mkdir()
        shutil.copy(getattr(sample, kind)[name], tmp_path / kind)
    (tmp_path / "content" / "broken.jpg").write_bytes(b"")
    own = data.load(tmp_path)
    assert list(own.content) == ["china"] and list(own.styles) == ["woodcut"]
    assert own.report.counts["no picture"] == 1 and "broken.jpg" in own.report.summary()
    flat = data.load(tmp_path / "styles")
    assert list(flat.content) == ["woodcut"] and "brushwork" in flat.styles


@pytest.mark.parametrize("door, message", [
    ("sampel", "Did you mean 'sample'"), ("no/such/folder", "is no collection and no file"),
])  # fmt: skip
def test_a_wrong_door_is_named(door, message):
    with pytest.raises(DataError, match=message):
        data.load(door)


@pytest.mark.parametrize("ask, message", [
    (lambda c: c.paintings("woodcat"), "STYLES: there is no 'woodcat'. Did you mean 'woodcut'"),
    (lambda c: c.paintings("woodcut=much"), "the share 'much' of woodcut is no number"),
    (lambda c: c.photograph("chna"), "CONTENT: there is no 'chna'. Did you mean 'china'"),
    (lambda c: c.selections("x.png"), "x.png is no file"),
])  # fmt: skip
def test_a_wrong_name_is_named(sample, ask, message):
    with pytest.raises(DataError, match=message):
        ask(sample)


def test_twins_counting_and_empty_folders(sample, tmp_path):
    for kind in ("content", "styles", "masks", "frames"):
        (tmp_path / kind).mkdir()
    china = sample.photograph("china").pixels
    for name in ("a.jpg", "a.png", "b.png"):
        pictures.save(tmp_path / "content" / name, china)
    for number in (1, 2, 10):
        pictures.save(tmp_path / "frames" / f"{number}.png", china)
    own = data.load(tmp_path)
    assert list(own.content) == ["a.jpg", "a.png", "b"]
    assert [path.stem for path in own.frames] == ["1", "2", "10"]
    assert own.masks == {} and own.synthetic and "synthetic" in own.licence
    (tmp_path / "frames" / "2.png").unlink()
    (tmp_path / "frames" / "10.png").unlink()
    alone = data.load(tmp_path)
    assert alone.frames == [] and alone.report.counts["one frame"] == 1


def test_masks_belong_to_the_photograph_with_the_longest_name(sample, tmp_path):
    for kind, names in (("content", ("me", "me_2")), ("masks", ("me_sky", "me_2_sky"))):
        (tmp_path / kind).mkdir()
        for name in names:
            pictures.save(tmp_path / kind / f"{name}.png", sample.photograph("china").pixels)
    own = data.load(tmp_path)
    assert list(own.masks_of("me")) == ["me_sky"] and list(own.masks_of("me_2")) == ["me_2_sky"]
