"""What a step will need is known before it, near enough, and what does not fit is refused."""

import subprocess
import sys

import pytest

from recipes.neural_style import features, memory, network
from recipes.neural_style.settings import Settings
from recipes.neural_style.targets import Wish
from recipes.neural_style.workshop import Workshop

MEASURE = """
import numpy as np, psutil
from common import machine
from recipes.neural_style import memory, network
from recipes.neural_style.settings import Settings
from recipes.neural_style.targets import Wish
from recipes.neural_style.workshop import Workshop
random = np.random.default_rng(0)
photograph, painting = (random.random((side, 512, 3), np.float32) for side in (384, 512))
wish = Wish(photograph, [painting])
found = network.find("small")
shop = Workshop(found, Settings(size=1024, scales=1, steps=2), "")
studio = shop.studio()
before = psutil.Process().memory_info().rss
studio.make(wish, log=None)
used = machine.peak_memory_mb() - before / 2**20
print(memory.estimate_mb(studio.extractor, studio.settings, 768, 1024) / used)
"""


def test_the_estimate_is_near_what_is_used():
    printed = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True)
    assert printed.returncode == 0, printed.stderr[-2000:]
    ratio = float(printed.stdout.split()[-1])
    assert 0.7 < ratio < 1.8, ratio


def test_the_largest_size_that_fits_is_named(content, styles, tmp_path, monkeypatch):
    extractor = features.vgg19(["block3_conv4"], None)
    how = Settings(size=2000, content_layers={"block3_conv4": 1.0})
    limit = memory.estimate_mb(extractor, how, 600, 800)
    with pytest.raises(MemoryError, match="SIZE=2000 needs about") as error:
        memory.check(extractor, how, (480, 640), limit_mb=limit)
    fits = int(str(error.value).split("fits is SIZE=")[1].split(";")[0])
    assert 780 <= fits <= 800
    smaller, pieces = (how.model_copy(update=change) for change in ({"size": fits}, {"tile": 512}))
    assert memory.check(extractor, smaller, (480, 640), limit_mb=limit) <= limit
    needed = memory.estimate_mb(extractor, how, 1500, 2000)
    assert memory.check(extractor, pieces, (480, 640), limit_mb=10_000.0) < needed / 3
    budget = memory.within_budget(
        extractor, how.model_copy(update={"budget_mb": 2500}), (480, 640)
    )
    assert budget.tile % 32 == 0 and memory.estimate_mb(extractor, budget, 1500, 2000) <= 2500
    larger = budget.model_copy(update={"tile": budget.tile + 32})
    assert memory.estimate_mb(extractor, larger, 1500, 2000) > 2500
    with pytest.raises(MemoryError, match="budget_mb=100 does not do for SIZE=2000"):
        memory.within_budget(extractor, how.model_copy(update={"budget_mb": 100}), (480, 640))
    monkeypatch.setattr(memory, "available_mb", lambda: 50.0)
    shop = Workshop(network.find("small"), Settings(size=512), tmp_path)
    with pytest.raises(MemoryError, match="or set MORE"):
        shop.make(Wish(content, styles[:1]))
    assert not list(tmp_path.iterdir())


def test_small_pictures_and_deep_networks_have_tiles_that_can_be(content, styles, tmp_path):
    found = network.find("small")
    with pytest.raises(MemoryError, match="budget_mb=64 does not do for SIZE=100"):
        Workshop(found, Settings(size=100, budget_mb=64), tmp_path).make(Wish(content, styles[:1]))
    deep = features.vgg19(["block5_conv1"], None)
    how = Settings(size=512, budget_mb=330, content_layers={"block5_conv1": 1.0})
    tile = memory.within_budget(deep, how, (384, 512)).tile
    assert tile >= 208  # what features so deep see
    assert memory.estimate_mb(deep, Settings(size=512, style_scale=4), 384, 512) > 2 * (
        memory.estimate_mb(deep, Settings(size=512), 384, 512)
    )
