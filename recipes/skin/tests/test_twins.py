"""One photograph stored anew is known again; two lesions that look alike coarsely are not."""

import cv2
import numpy as np
import pytest

from common import datasets
from common.vision import check, inspect_pictures
from recipes.skin import layouts, twins


def lesion(path, seed, quality=95, scale=1.0, light=1.0):
    """A dark blob in the middle of bright skin: coarsely all are one."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:150, :200]
    blob = 1 / (1 + np.exp((np.hypot(rows - 75, columns - 100) - 35) / 4))
    grain = cv2.GaussianBlur(random.normal(0, 20, (150, 200)).astype(np.float32), (0, 0), 1.5)
    picture = (np.array([150.0, 170, 210]) - 90 * blob[..., None] + grain[..., None]) * light
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), picture.clip(0, 255), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return str(path)


def test_the_same_photograph_stored_anew(tmp_path):
    first = lesion(tmp_path / "a.jpg", 0)
    for name, change in {"b": {"quality": 60}, "c": {"scale": 0.8}, "d": {"light": 0.7}}.items():
        assert twins.same(first, lesion(tmp_path / f"{name}.jpg", 0, **change)), change


def test_two_lesions_of_one_look(tmp_path):
    paths = [lesion(tmp_path / f"{seed}.jpg", seed) for seed in range(6)]
    seen = inspect_pictures.inspect(paths)
    looks = np.stack(seen["thumbnail"]).astype(float)
    assert np.corrcoef(looks)[0, 1] > 0.9  # coarsely they are one
    found = [twins.likeness(one, other) for one in paths for other in paths if one < other]
    assert max(found) < twins.LEAST - 0.1


@pytest.mark.skipif(
    datasets.mirror_folder() is None or not (datasets.mirror_folder() / "skin").is_dir(),
    reason="RECIPES_MIRROR names no folder with skin/",
)
def test_lesions_of_ham10000_are_told_apart():
    rows = check.readable(layouts.read(datasets.load("ham10000")))
    bits, looks = rows["bits"].to_numpy(np.uint64), np.stack(rows["thumbnail"])
    lesion_of, path = rows["lesion"].to_numpy(), rows["path"].to_numpy()
    one, other = [], []
    for i, j in inspect_pictures.near_pairs(bits, looks):
        (one if lesion_of[i] == lesion_of[j] else other).append(twins.likeness(path[i], path[j]))
    assert len(other) > 500 and max(other) < 0.2
    assert np.mean(np.array(one) >= twins.LEAST) > 0.6
