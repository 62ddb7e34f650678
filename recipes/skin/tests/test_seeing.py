"""What was seen once comes from the cache, block by block, and is the same."""

import numpy as np
import pytest

from recipes.skin import prepare, seeing
from recipes.skin.changes import turned
from recipes.skin.tests.conftest import SIZE, fresh


@pytest.fixture(scope="module")
def rows(run):
    return run.lesions.part("train").head(20)


def test_it_is_what_the_lower_part_makes(rows, monkeypatch):
    monkeypatch.setattr(seeing, "BLOCK", 8)
    said = []
    found = seeing.of_files(fresh(), rows["path"], rows["sha256"], log=said.append)
    direct = fresh().see(turned(prepare.prepared(rows["path"].tolist(), SIZE), 2))
    every = np.arange(len(found))
    for view in range(2):
        np.testing.assert_allclose(found.maps(every, view), direct.maps(every, view), atol=1e-2)
    some = found.of(np.array([17, 3]))  # of the third block and the first
    np.testing.assert_array_equal(some.maps(np.array([1, 0]), np.array([0, 1])),
                                  [found.maps([3], 0)[0], found.maps([17], 1)[0]])
    assert isinstance(found.blocks[0], np.memmap)
    np.testing.assert_allclose(found.below, direct.below, rtol=1e-4, atol=1e-4)
    assert "20 computed" in said[-1]


def test_a_stopped_run_goes_on_after_the_last_block(rows, monkeypatch):
    monkeypatch.setattr(seeing, "BLOCK", 7)
    see, asked = seeing.Cut.see, []

    def stopping(self, pictures, *others, **options):
        asked.append(len(pictures))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return see(self, pictures, *others, **options)

    monkeypatch.setattr(seeing.Cut, "see", stopping)
    with pytest.raises(KeyboardInterrupt):
        seeing.of_files(fresh(), rows["path"], rows["sha256"], log=None)
    first = seeing.of_files(fresh(), rows["path"], rows["sha256"], log=None)
    assert asked == [7, 7, 7, 6]
    again = seeing.of_files(fresh(), rows["path"], rows["sha256"], log=None)
    assert len(asked) == 4 and np.array_equal(again.maps(range(20), 0), first.maps(range(20), 0))


def test_another_light_is_seen_anew(rows):
    one, other = (seeing.of_files(fresh(constancy=kind), rows["path"], rows["sha256"], log=None)
                  for kind in ("none", "grey_world"))  # fmt: skip
    assert np.abs(one.below - other.below).max() > 1e-3


def test_a_full_disk_is_no_failure(rows, monkeypatch):
    monkeypatch.setattr(seeing, "SPARE", 1e18)
    said = []
    other = fresh(constancy="none")
    found = seeing.of_files(other, rows["path"], rows["sha256"][::-1], log=said.append)
    assert len(found) == 20 and "held in memory" in said[-1]
