"""Numbers say what they say: a painting is no distance from itself, a photograph all of it."""

import numpy as np
import pytest

from recipes.neural_style import data, look, network, report
from recipes.neural_style.settings import Settings
from recipes.neural_style.targets import Wish
from recipes.neural_style.video import Film
from recipes.neural_style.workshop import Workshop


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    settings = Settings(size=64, scales=1, steps=30)
    return Workshop(network.find("small"), settings, tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def made(shop, content, styles):
    names = ("woodcut", "brushwork")
    return {name: shop.make(Wish(content, [style])).pixels
            for name, style in zip(names, styles, strict=True)}  # fmt: skip


def test_similarity(content):
    assert report.similarity(content, content) == pytest.approx(1)
    assert report.similarity(1 - content, content) < 0.1
    noisy = np.clip(content + np.random.default_rng(0).normal(0, 0.1, content.shape), 0, 1)
    assert 0.2 < report.similarity(noisy.astype(np.float32), content) < 0.95


def test_ours_is_nearer_to_the_painting_than_colours_alone(shop, content, styles, made):
    paintings = dict(zip(made, styles, strict=True))
    compared = report.compare(shop.studio(), content, paintings, made)
    left = compared["style left"].unstack()
    assert (left["photograph"] == 1).all() and (left["ours"] < 0.3 * left["colours alone"]).all()
    sample = data.load("sample")
    records = report.measure(sample, compared, [0])
    assert records[0]["value"] == pytest.approx(left["ours"].prod() ** 0.5)
    assert records[0]["low"] <= records[0]["value"] <= records[0]["high"]
    assert "(synthetic)" in report.verdict(sample, records)
    assert "ours" in report.table(records).index


def test_a_film_that_stands_still_does_not_flicker(shop, content, styles):
    random = np.random.default_rng(0)
    frames = [content] * 4
    alone = [np.clip(content + random.normal(0, s, content.shape), 0, 1).astype(np.float32)
             for s in (0.1, 0.1, 0.1, 0.1)]  # fmt: skip
    held = [np.clip(content + random.normal(0, s, content.shape), 0, 1).astype(np.float32)
            for s in (0.02, 0.02, 0.02, 0.02)]  # fmt: skip
    records = report.measure_film(data.load("sample"), shop.studio(), Wish(None, styles[:1]),
                                  Film(frames, held), Film(frames, alone), [0])  # fmt: skip
    values = {(r["variant"], r["metric"]): r["value"] for r in records}
    assert values[report.ALONE, "flicker"] == pytest.approx(0.1 * 2**0.5, rel=0.15)
    assert values[report.OURS, "times less flicker"] == pytest.approx(5, rel=0.15)


def test_the_workshop_compiles_once_and_keeps_what_is_made(shop, content, styles, made):
    before = len(list(shop.output_dir.glob("*.npz")))
    again = shop.make(Wish(content, styles[:1]))
    np.testing.assert_array_equal(again.pixels, made["woodcut"])
    assert len(list(shop.output_dir.glob("*.npz"))) == before
    one, other = shop.studio(), shop.studio(colours="content", steps=5)
    assert one.objectives is other.objectives
    assert one.objectives is not shop.studio(pooling="max").objectives
    with pytest.raises(ValueError, match="pooling"):
        shop.studio(pooling="median")


def test_pictures_of_any_number_and_shape(content, styles, tmp_path):
    for count in (1, 3, 4, 5, 7):
        figure = look.sheet({str(k): (content, styles[0])[k % 2] for k in range(count)})
        assert sum(bool(axis.images) for axis in figure.axes) == count
    page = look.animation({"a": [content, 1 - content], "b": [content] * 2}, tmp_path / "film.gif")
    from PIL import Image

    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 2
    assert 'alt="Animation: a, b"' in page.data


def test_pieces_are_measured_as_the_whole(shop, content, styles, made):
    wish = Wish(content, styles[:1])
    larger = np.kron(made["woodcut"], np.ones((2, 2, 1), np.float32))
    whole, parts = (
        report.distances(shop.studio(tile=tile, size=128), wish, {"larger": larger})
        for tile in (None, 64)
    )
    np.testing.assert_allclose(parts[["content", "style"]], whole[["content", "style"]], rtol=1e-3)
