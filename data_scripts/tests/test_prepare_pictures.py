"""Published pictures become folders of classes."""

import numpy as np
from PIL import Image

from data_scripts.prepare_pictures import prepare_cifar10


def test_cifar10(tmp_path):
    random = np.random.default_rng(0)
    arrays = {"classes": np.array(["cat", "dog"])}
    for split, count in (("train", 6), ("test", 4)):
        arrays[f"x_{split}"] = random.integers(0, 256, (count, 32, 32, 3), np.uint8)
        arrays[f"y_{split}"] = np.arange(count) % 2
    np.savez(tmp_path / "cifar10_subset.npz", **arrays)
    prepare_cifar10({"cifar10_subset.npz": tmp_path / "cifar10_subset.npz"}, tmp_path / "out")
    found = sorted(p.relative_to(tmp_path / "out").as_posix()
                   for p in (tmp_path / "out").rglob("*.png"))  # fmt: skip
    assert found == [f"test/{c}/{k:04}.png" for c in ("cat", "dog") for k in range(2)] + [
        f"train/{c}/{k:04}.png" for c in ("cat", "dog") for k in range(3)]  # fmt: skip
    pixels = np.asarray(Image.open(tmp_path / "out/train/dog/0001.png"))
    np.testing.assert_array_equal(pixels, arrays["x_train"][3])
