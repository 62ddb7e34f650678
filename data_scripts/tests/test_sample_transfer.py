"""Drawn pictures are what their names and pictures.csv say, and the same for a seed."""

import csv

import numpy as np
import pytest
from PIL import Image

from data_scripts import sample_transfer as sample


def test_the_same_for_a_seed(tmp_path):
    for name in ("a", "b"):
        sample.write(tmp_path / name, train=3, test=1, unknown=1)
    sample.write(tmp_path / "c", train=3, test=1, unknown=1, seed=1)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.jpg"))
    assert len(files) == 6 * 4 + 4
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    changed = [(tmp_path / "a" / f).read_bytes() != (tmp_path / "c" / f).read_bytes()
               for f in files]  # fmt: skip
    assert all(changed)
    with open(tmp_path / "a" / "pictures.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"] for row in rows} == {file.as_posix() for file in files}
    assert {row["level"] for row in rows if row["path"].startswith("train")} == set(sample.LEVELS)
    assert Image.open(tmp_path / "a" / files[0]).size == (sample.SIZE, sample.SIZE)


@pytest.mark.parametrize("name", (*sample.CLASSES, *sample.UNKNOWN))
def test_the_shape_lies_where_it_is_said_to(name):
    """Inside its circle the surface's two colours stand apart; the ground is cloudy."""
    rng = np.random.default_rng(3)
    inside, outside = [], []
    for _ in range(8):
        found = sample.draw(name, "easy", rng)
        y, x = np.mgrid[: sample.SIZE, : sample.SIZE]
        far = np.hypot(x - found.x, y - found.y)
        steep = np.abs(np.diff(found.pixels.astype(float), axis=1, prepend=0)).mean(axis=2)
        inside.append(steep[far < found.radius].mean())
        outside.append(steep[far > 1.1 * found.radius][sample.SIZE :].mean())
        assert 0.16 * sample.SIZE <= found.radius <= 0.3 * sample.SIZE
    assert np.mean(inside) > 1.3 * np.mean(outside)


def test_harder_is_fainter_and_noisier():
    def spread(level):
        pictures = [sample.draw("striped_disc", level, np.random.default_rng(k)).pixels
                    for k in range(6)]  # fmt: skip
        return np.mean([np.abs(np.diff(p.astype(float), axis=0)).mean() for p in pictures])

    noise = {level: spread(level) for level in sample.LEVELS}
    assert noise["easy"] < noise["medium"] < noise["hard"]
    contrasts = [contrast for contrast, _ in sample.LEVELS.values()]
    assert contrasts == sorted(contrasts, reverse=True)


def test_colours_say_nothing_of_the_class():
    means = {name: np.mean([sample.draw(name, "easy", np.random.default_rng([k, 7])).pixels
                            for k in range(30)]) for name in sample.CLASSES}  # fmt: skip
    assert np.ptp(list(means.values())) < 25


def test_unknown_names():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="striped_disc"):
        sample.draw("striped_square", "easy", rng)
    with pytest.raises(ValueError, match="medium"):
        sample.draw("striped_disc", "impossible", rng)
