"""Changed copies are of the same lesion, drawn by the file and not by its place."""

import numpy as np
import pytest

from recipes.skin import changes

SIZE = 96


@pytest.fixture(scope="module")
def blob():
    y, x = np.mgrid[:SIZE, :SIZE]
    picture = np.full((SIZE, SIZE, 3), (200, 160, 140), np.uint8)
    picture[np.hypot((y - 50) / 1.5, x - 46) < 16] = (90, 60, 50)
    return picture


def test_the_lesion_stays_in_the_picture_and_its_size_changes_little(blob):
    random = np.random.default_rng(0)
    areas = [np.mean(changes.changed(blob, random)[..., 0] < 150) for _ in range(60)]
    own = np.mean(blob[..., 0] < 150)
    assert np.exp(-0.45) < min(areas) / own < 0.9 and 1.1 < max(areas) / own < np.exp(0.45)


def test_it_turns_and_mirrors_and_changes_the_light(blob):
    random = np.random.default_rng(1)
    copies = np.stack([changes.changed(blob, random) for _ in range(40)]).astype(float)
    longer = [np.std(np.nonzero(each[..., 0] < 150)[0]) > np.std(np.nonzero(each[..., 0] < 150)[1])
              for each in copies]  # fmt: skip
    assert 5 < sum(longer) < 35
    assert copies[:, 2, 2].std(axis=0).min() > 5


def test_copies_belong_to_the_file(blob):
    other = blob[::-1]
    digests = ["ab" * 32, "cd" * 32]
    found = changes.drawn(np.stack([blob, other]), digests, 3)
    again = changes.drawn(np.stack([other, blob]), digests[::-1], 2)
    assert found.shape == (2, 3, SIZE, SIZE, 3)
    np.testing.assert_array_equal(found[:, :2], again[::-1])
    assert np.abs(found[0, 0].astype(int) - found[0, 1]).max() > 20
    assert (changes.drawn(blob[None], digests[:1], 1, seed=1)[0, 0] != found[0, 0]).any()


def test_turns_are_those_of_the_taps(blob):
    found = changes.turned(blob[None], 4)[0]
    np.testing.assert_array_equal(found[3], blob[::-1, ::-1])
    np.testing.assert_array_equal(found[1], blob[:, ::-1])
