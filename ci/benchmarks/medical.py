"""Speed of retina against how it is often written: `python -m ci.benchmarks.medical`.

Three comparisons, each alternating in one process, ratios taken within each repetition:

* preparing photographs: *plain* is a loop with OpenCV, one after the other, as plainly as it can be
  written (`recipes.retina.tests.plain`); *ours* is `preprocess.prepare` with an empty cache, hashes
  and files on disk included. Both as the photographs come and enlarged to a camera's size. The
  pictures are compared, too.
* reading an epoch of prepared photographs: *plain* prepares them from their JPEG files, *ours*
  takes them from the cached tensors.
* an epoch of training: *plain* prepares from JPEG files and runs the frozen backbone under the
  heads; *ours* takes pixels from the cache, or trains the same heads on cached features.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from ci.benchmarks.transfer import compare

LEVELING = "graham"


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; exit code 0, or 1 where the pictures differ."""
    parser = argparse.ArgumentParser(prog="python -m ci.benchmarks.medical")
    parser.add_argument("--data", default="sample", help="a published set, or sample")
    parser.add_argument("--photographs", type=int, default=64)
    parser.add_argument("--size", type=int, default=512, help="pixels of a side")
    parser.add_argument("--camera", type=int, default=2048,
                        help="pixels of the shorter side to which they are enlarged")  # fmt: skip
    parser.add_argument("--backbone", default="small")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args(arguments)
    if min(options.photographs, options.repetitions) < 1 or options.size < 64:
        parser.error("counts must be at least 1, --size at least 64")

    from common import device, results
    from recipes.retina import data

    print(device.setup(seed=0))
    rows = data.load(options.data, log=None).part("train").head(options.photographs)
    paths, commit = [Path(path) for path in rows["path"]], results.environment()["commit"]
    words = f"{len(paths)} photographs of {options.data}"
    with tempfile.TemporaryDirectory() as folder:
        large = enlarged(paths, options.camera, Path(folder) / "large")
        most = 0
        for given, how in ((paths, "as they come"), (large, f"of {options.camera} pixels")):
            found = {}
            arms = {"plain": lambda given=given, found=found: found.update(
                        plain=plain(given, options.size)),
                    "ours": lambda given=given, found=found: found.update(
                        ours=ours(given, options.size, folder))}  # fmt: skip
            compare(f"preparing {words}, {how}, to {options.size} pixels, commit {commit}",
                    "photographs/s", arms, len(given), options.repetitions)  # fmt: skip
            most = max(most, different(found["plain"], found["ours"]))
        cached = ours(paths, options.size, folder)
        compare(f"reading an epoch of {words}, commit {commit}", "photographs/s",
                {"plain, from files": lambda: plain(paths, options.size).sum(),
                 "ours, cached": lambda: cached[:].sum()},
                len(paths), options.repetitions)  # fmt: skip
        epochs = training(rows, cached, options)
        compare(f"an epoch of training on {words}, {options.backbone}, commit {commit}",
                "epochs/s", epochs, 1, options.repetitions)  # fmt: skip
    return int(most > 1)


def enlarged(paths: list[Path], camera: int, folder: Path) -> list[Path]:
    """JPEG copies as a camera would give them."""
    import cv2

    folder.mkdir()
    made = [folder / f"{number}.jpg" for number in range(len(paths))]
    for path, target in zip(paths, made, strict=True):
        pixels = cv2.imread(str(path))
        scale = camera / min(pixels.shape[:2])
        larger = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(target), larger)
    return made


def plain(paths: list[Path], size: int):
    """One after the other."""
    import numpy as np

    from recipes.retina.tests import plain as plainly

    return np.stack([plainly.prepared(path, size, LEVELING) for path in paths])


def ours(paths: list[Path], size: int, folder: str):
    """With an empty cache of its own, below the folder; it stays until that is deleted."""
    from recipes.retina import preprocess

    before = os.environ.get("RECIPES_CACHE")
    os.environ["RECIPES_CACHE"] = tempfile.mkdtemp(dir=folder)
    try:
        return preprocess.prepare(paths, size, LEVELING, log=None).pixels
    finally:
        del os.environ["RECIPES_CACHE"]
        if before is not None:
            os.environ["RECIPES_CACHE"] = before


def different(one, other) -> int:
    """Print by how many levels two lots of pictures differ at most, and how many values do."""
    import numpy as np

    apart = np.abs(one.astype(int) - other)
    print(f"the same pictures: {(apart > 0).mean():.4%} of the values differ, by {apart.max()} of "
          "255 at most\n")
    return int(apart.max())


def training(rows, cached, options) -> dict:
    """An epoch through the frozen backbone, and one of the same heads on what it had seen."""
    import keras
    import numpy as np

    from common.vision import backbones
    from common.vision.taps import Taps

    taps = Taps.of(backbones.find(options.backbone, options.size), views=1)
    taps.backbone.model.trainable = False
    paths, grades = [Path(path) for path in rows["path"]], rows["grade"].to_numpy()
    seen = taps.compute(cached[:])[:, 0]
    deep = keras.Sequential([taps.pooled, keras.layers.Dense(5)])
    flat = keras.Sequential([keras.Input(seen.shape[1:]), keras.layers.Dense(5)])
    for model in (deep, flat):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-3), loss)

    def from_files():
        pictures = plain(paths, options.size).astype(np.float32)
        deep.fit(pictures, grades, batch_size=8, epochs=1, verbose=0)

    return {"plain, from files": from_files,
            "ours, from cached pixels": lambda: deep.fit(
                cached[:].astype(np.float32), grades, batch_size=8, epochs=1, verbose=0),
            "ours, from cached features": lambda: flat.fit(
                seen, grades, batch_size=8, epochs=1, verbose=0)}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
