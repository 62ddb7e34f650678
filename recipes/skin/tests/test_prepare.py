"""Every photograph becomes one square, whatever its file."""

import numpy as np
import pytest
from PIL import Image

from common.validation import DataError
from recipes.skin import prepare


def test_whole_and_square(tmp_path):
    random = np.random.default_rng(0)
    pixels = (random.integers(90, 160, (30, 40, 3)) * [1.0, 0.8, 0.6]).astype(np.uint8)
    large = np.kron(pixels, np.ones((5, 5, 1), np.uint8))
    Image.fromarray(large).save(tmp_path / "a.png")
    Image.fromarray(large[::-1]).save(tmp_path / "b.png")
    found = prepare.prepared([tmp_path / "a.png", tmp_path / "b.png"], 64)
    assert found.shape == (2, 64, 64, 3) and found.dtype == np.uint8
    np.testing.assert_allclose(found[1], found[0][::-1], atol=2)
    corner = found[0][0, 0].astype(int)
    assert np.abs(corner - large[0, 0]).max() < 40  # nothing is cut off


def test_order_is_that_of_the_paths(tmp_path):
    paths = [tmp_path / f"{value}.png" for value in range(20)]
    for value, path in enumerate(paths):
        Image.new("RGB", (20, 15), (value * 10,) * 3).save(path)
    found = prepare.prepared(paths, 8, workers=4)
    assert found[:, 0, 0, 0].tolist() == [value * 10 for value in range(20)]


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(DataError, match=r"cut\.jpg"):
        prepare.prepared([tmp_path / "cut.jpg"])
