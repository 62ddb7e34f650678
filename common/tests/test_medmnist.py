"""A .npz file of MedMNIST becomes PNG files once, and what is none is refused in plain words."""

import os
import pickle

import numpy as np
import pytest
from PIL import Image

from common import medmnist
from common.validation import DataError


def arrays(colour=True, labels=(2, 0, 1), **others):
    """Three pictures for training and two for each other part."""
    random, found = np.random.default_rng(0), {}
    for part, count in {"train": 3, "val": 2, "test": 2}.items():
        shape = (count, 7, 7, 3) if colour else (count, 7, 7)
        found[f"{part}_images"] = random.integers(0, 256, shape, np.uint8)
        found[f"{part}_labels"] = np.array(labels[:count], np.uint8)[:, None]
    return found | others


def write(path, **options):
    np.savez_compressed(path, **arrays(**options))
    return path


@pytest.mark.parametrize("colour", [True, False])
def test_pictures_and_labels_are_those_of_the_file(tmp_path, colour):
    path = write(tmp_path / "dermamnist_64.npz", colour=colour)
    rows = medmnist.unpack(path, tmp_path / "cache")
    assert rows["label"].tolist() == [2, 0, 1, 2, 0, 2, 0] and rows["label"].dtype == np.int64
    assert rows["split"].tolist() == ["train"] * 3 + ["validation"] * 2 + ["test"] * 2
    assert rows["number"].tolist() == [1, 2, 3, 1, 2, 1, 2]
    expected = np.concatenate([arrays(colour)[f"{part}_images"] for part in medmnist.PARTS])
    for at, each in enumerate(rows["path"]):
        assert (np.asarray(Image.open(each)) == expected[at]).all()


def test_it_is_written_once_and_mended(tmp_path, monkeypatch):
    path, cache = write(tmp_path / "retinamnist.npz"), tmp_path / "cache"
    first = medmnist.unpack(path, cache)
    before = [(each, open(each, "rb").read()) for each in first["path"]]
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", None)  # nothing more is to be written
        assert medmnist.unpack(path, cache).equals(first)
    os.remove(first["path"][1])
    medmnist.unpack(path, cache)
    assert before == [(each, open(each, "rb").read()) for each in first["path"]]
    assert len(list(cache.iterdir())) == 1


def test_another_file_of_that_name_has_a_folder_of_its_own(tmp_path):
    first = medmnist.unpack(write(tmp_path / "a.npz"), tmp_path / "cache")
    other = medmnist.unpack(write(tmp_path / "a.npz", labels=(1, 1, 1)), tmp_path / "cache")
    assert set(first["path"]).isdisjoint(other["path"]) and set(other["label"]) == {1}


def test_the_common_cache_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("RECIPES_CACHE", str(tmp_path / "all"))
    rows = medmnist.unpack(write(tmp_path / "a.npz"))
    assert rows["path"].str.startswith(str(tmp_path / "all" / "medmnist")).all()


def test_an_interrupted_writer_leaves_nothing(tmp_path, monkeypatch):
    path, real, written = write(tmp_path / "a.npz"), Image.Image.save, []

    def save(self, place, *arguments):
        written.append(place)
        if len(written) == 3:
            raise KeyboardInterrupt
        return real(self, place, *arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Image.Image, "save", save)
        medmnist.unpack(path, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert len(medmnist.unpack(path, tmp_path / "cache")) == 7


@pytest.mark.parametrize(("change", "said"), [
    ({"val_labels": None}, "has no val_labels; it has train_images"),
    ({"train_images": np.zeros((3, 7, 7, 7), np.uint8)}, "train_images.*Volumes"),
    ({"test_images": np.zeros((2, 7, 7, 3))}, "test_images is float64"),
    ({"test_labels": np.zeros((2, 14), np.uint8)}, "14 labels for each"),
    ({"test_labels": np.zeros((2, 1))}, "not whole numbers"),
    ({"val_images": np.zeros((5, 7, 7, 3), np.uint8)}, "val has 5 pictures and 2 labels"),
])  # fmt: skip
def test_what_is_no_such_set_is_refused(tmp_path, change, said):
    found = {key: value for key, value in arrays(**change).items() if value is not None}
    np.savez_compressed(tmp_path / "a.npz", **found)
    with pytest.raises(DataError, match=said):
        medmnist.unpack(tmp_path / "a.npz", tmp_path / "cache")
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").iterdir())


class Trap:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickles_are_never_loaded(tmp_path):
    trap = np.array([Trap(tmp_path / "sprung")], object)
    np.savez(tmp_path / "a.npz", **arrays(train_labels=trap))
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(DataError, match="no whole .npz file of plain arrays"):
            medmnist.unpack(tmp_path / name, tmp_path / "cache")
    assert not (tmp_path / "sprung").exists()


def test_damaged_files_are_named(tmp_path):
    whole = write(tmp_path / "a.npz").read_bytes()
    for content in (b"", b"hello", whole[:200], whole[:-30]):
        (tmp_path / "b.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"b\.npz is no whole"):
            medmnist.unpack(tmp_path / "b.npz", tmp_path / "cache")
    np.save(tmp_path / "c.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"c\.npy is no whole"):
        medmnist.unpack(tmp_path / "c.npy", tmp_path / "cache")
    with pytest.raises(DataError, match="is no file"):
        medmnist.unpack(tmp_path / "d.npz", tmp_path / "cache")
