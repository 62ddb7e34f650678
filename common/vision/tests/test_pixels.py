"""Pictures in batches as a network takes them, and what it saw in them kept by content."""

import numpy as np
import pytest
from PIL import Image

from common.validation import DataError
from common.vision import features, pixels


def test_an_odd_shape_is_cropped_to_its_middle(tmp_path):
    pixels_ = np.zeros((20, 60, 3), np.uint8)
    pixels_[:, 20:40] = 255
    Image.fromarray(pixels_).save(tmp_path / "wide.png")
    assert pixels.read(tmp_path / "wide.png", 10).min() == 255


def test_batches_come_in_order_and_say_what_cannot_be_read(rows, tmp_path):
    paths = rows["path"].tolist()[:7]
    whole = np.stack([pixels.read(path, 24) for path in paths])
    blocks = list(pixels.stream(paths, 24, 3))
    assert [len(block) for block in blocks] == [3, 3, 3]
    np.testing.assert_array_equal(np.concatenate(blocks)[:7], whole)
    assert not np.concatenate(blocks)[7:].any()
    problems = {}
    list(pixels.stream([*paths[:2], tmp_path / "no.png"], 24, 2, problems=problems))
    assert list(problems) == [2] and "no file" in problems[2]
    with pytest.raises(DataError, match="no file"):
        list(pixels.stream([tmp_path / "no.png"], 24, 2))


def test_features_are_computed_once(backbone, rows, tmp_path, monkeypatch):
    monkeypatch.setenv("RECIPES_CACHE", str(tmp_path / "cache"))
    rows = rows.head(5)
    said = []
    digests = rows["sha256"].tolist()
    first = features.cached(backbone, rows["path"].tolist(), digests, log=said.append)
    copies = [tmp_path / f"{k}.jpg" for k in range(5)]
    for copy, path in zip(copies, rows["path"], strict=True):
        copy.write_bytes(open(path, "rb").read())
    again = features.cached(backbone, copies, digests, log=said.append)  # another name for it
    np.testing.assert_array_equal(first, again)
    assert "0 from the cache" in said[0] and "0 computed, 5 from the cache" in said[-1]
    np.testing.assert_allclose(first, features.compute(backbone, rows["path"]), atol=1e-6)
