"""Files of every kind, in threads and from the cache, give what one after the other would give."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image

from common import pictures
from common.validation import DataError
from recipes.retina import disc, normalize, preprocess
from recipes.retina.preprocess import of_file, prepare
from recipes.retina.tests import plain
from recipes.retina.tests.drawn import fundus, save

LARGE = dict(height=900, width=1200, x=620, y=440, radius=400)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RECIPES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def paths(tmp_path):
    """Six photographs, the last larger than the others."""
    return [save(tmp_path / "eyes" / f"{k}.jpg", fundus(x=230 + 8 * k, seed=k), quality=92)
            for k in range(5)] + [save(tmp_path / "eyes" / "5.jpg", fundus(**LARGE))]  # fmt: skip


def quiet(*given, **more):
    return prepare(*given, log=None, **more)


@pytest.mark.parametrize("leveling", normalize.LEVELINGS)
@pytest.mark.parametrize("size", [299, 150])
def test_as_the_definition_says(leveling, size, tmp_path):
    given = [fundus(x=100, radius=150, seed=1), fundus(**LARGE), fundus(300, 500, y=150, seed=2)]
    for k, pixels in enumerate(given):
        path = save(tmp_path / f"{k}.jpg", pixels, quality=92)
        made, wanted = of_file(path, size, leveling)[0], plain.prepared(path, size, leveling)
        assert np.array_equal(made, wanted), np.abs(made.astype(int) - wanted).max()


@pytest.mark.parametrize("leveling", normalize.LEVELINGS)
def test_decoding_small_is_hardly_seen(leveling, tmp_path):
    path = save(tmp_path / "large.jpg", fundus(1500, 2000, 1000, 750, 700), quality=92)
    small, found = of_file(path, 256, leveling)
    data = path.read_bytes()
    assert preprocess.decoded(path, data, 256)[0].shape == (375, 500, 3)
    whole, _ = preprocess.pixels_of(path, data, None)
    off = np.abs(small.astype(int) - normalize.normalized(whole, 256, leveling))
    assert off.mean() < {"none": 1.5, "graham": 6, "clahe": 4}[leveling]
    exact = disc.find(whole)
    assert abs(found.x - exact.x) < 4 and abs(found.radius - exact.radius) < 4  # of 2000 pixels


def test_a_small_disc_in_a_large_picture_is_decoded_whole(tmp_path):
    path = save(tmp_path / "small.jpg", fundus(1600, 1600, 900, 700, 260), quality=92)
    made, found = of_file(path, 299)
    assert abs(found.radius - 260) < 2 and abs(found.x - 900) < 2
    whole = normalize.normalized(preprocess.pixels_of(path, path.read_bytes(), None)[0], 299)
    assert np.array_equal(made, whole)


def of_a_camera():
    """What cameras write about an upright photograph."""
    exif = Image.Exif()
    exif[271], exif[274] = "A camera", 1
    return exif


@pytest.mark.parametrize("enough", [None, 50, 100, 112, 113, 225, 400, 900])
@pytest.mark.parametrize("options", [
    dict(), dict(progressive=True), dict(subsampling=0), dict(optimize=True, quality=40),
    dict(exif=of_a_camera()),
], ids=["plain", "progressive", "subsampling", "optimised", "camera"])  # fmt: skip
def test_the_short_way_of_decoding_gives_the_same_pixels(tmp_path, enough, options):
    path = save(tmp_path / "eye.jpg", fundus(**LARGE), **options)
    pixels, width = preprocess.pixels_of(path, path.read_bytes(), enough)
    image, _ = pictures.decode(path, path.read_bytes(), enough=enough)
    assert width == 1200 and np.array_equal(pixels, np.asarray(image))


def test_the_short_way_is_taken_where_nothing_is_to_be_done(tmp_path, monkeypatch):
    eye = fundus(**LARGE)
    for exif, short in ((Image.Exif(), True), (of_a_camera(), True), (turned(), False)):
        path = save(tmp_path / "eye.jpg", eye, exif=exif)
        with monkeypatch.context() as patch:
            asked = []
            patch.setattr(preprocess.cv2, "imdecode", lambda *_, asked=asked: asked.append(1))
            preprocess.pixels_of(path, path.read_bytes(), None)
        assert bool(asked) == short


def turned():
    exif = Image.Exif()
    exif[274] = 6
    return exif


def files_of_all_kinds(folder):
    """name: (path, most that the mean level may be off)"""
    eye = fundus(x=200, radius=150)
    grey = cv2.cvtColor(eye, cv2.COLOR_RGB2GRAY)
    deep = np.uint16(grey) * 257
    clear = np.dstack([eye, np.uint8(255 * (np.hypot(*(np.mgrid[:400, :500] + 0.5 - np.array(
        [200, 200])[:, None, None])) < 150))])  # fmt: skip
    cmyk = Image.fromarray(eye).convert("CMYK")
    folder.mkdir()
    Image.fromarray(deep).save(folder / "deep.png")
    cv2.imwrite(str(folder / "deep_colour.png"), np.uint16(eye[..., ::-1]) * 257)
    cmyk.save(folder / "ink.jpg", quality=95)
    return {
        "png": save(folder / "plain.png", eye),
        "tiff": save(folder / "plain.tif", eye),
        "turned": save(folder / "turned.jpg", np.rot90(eye), exif=turned(), quality=95),
        "grey": save(folder / "grey.jpg", grey, quality=95),
        "grey of 16 bit": folder / "deep.png",
        "colour of 16 bit": folder / "deep_colour.png",
        "clear round it": save(folder / "clear.png", clear),
        "ink": folder / "ink.jpg",
    }


def test_files_of_all_kinds(tmp_path):
    found = files_of_all_kinds(tmp_path / "kinds")
    made = quiet(list(found.values()), 128)
    assert len(made) == len(found), made.report.summary()
    colour = made.pixels[0].astype(int)
    grey = cv2.cvtColor(made.pixels[0], cv2.COLOR_RGB2GRAY)[..., None].astype(int)
    for kind, pixels, eye in zip(found, made.pixels, made.discs, strict=True):
        assert abs(eye.x - 200) < 2 and abs(eye.y - 200) < 2 and abs(eye.radius - 150) < 2, kind
        off = np.abs(pixels - (grey if "grey" in kind else colour)).mean()
        assert off < (8 if kind == "ink" else 4), (kind, off)


def spoilt(folder, whole):
    """Files that cannot be used: name: what is said of it."""
    folder.mkdir()
    (folder / "cut.jpg").write_bytes(whole.read_bytes()[:6000])
    (folder / "almost.jpg").write_bytes(whole.read_bytes()[:-300])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "words.jpg").write_text("not a picture")
    save(folder / "black.png", np.zeros((300, 300, 3), np.uint8))
    save(folder / "white.png", np.full((300, 300, 3), 255, np.uint8))
    save(folder / "tiny.png", fundus(20, 20, 10, 10, 8))
    return {"cut.jpg": "cut off", "almost.jpg": "cut off", "empty.jpg": "0 bytes",
            "words.jpg": "no picture", "black.png": "one brightness",
            "white.png": "one brightness", "tiny.png": "20 x 20 pixels",
            "nowhere.jpg": "no file"}  # fmt: skip


def test_bad_files_are_named_and_left_out(paths, tmp_path):
    bad = spoilt(tmp_path / "bad", paths[0])
    given = [*paths[:2], *(tmp_path / "bad" / name for name in bad), *paths[2:]]
    lines = []
    for _ in range(2):  # made, and from the cache
        made = prepare(given, 96, log=lines.append)
        assert made.kept.tolist() == [0, 1, *range(10, 14)]
        assert made.report.dropped == len(bad)
        said = {os.path.basename(each.file): each.message
                for each in made.report.first("not prepared", 20)}  # fmt: skip
        assert said.keys() == bad.keys()
        for name, words in bad.items():
            assert words in said[name] and name not in said[name], said[name]
    assert np.array_equal(made.pixels, quiet(paths, 96).pixels)
    assert "6 of 14 photographs" in lines[0] and "12 were new" in lines[0]
    assert "0 were new" in lines[2] and "8 dropped" in lines[3]


def test_all_bad_is_no_crash(tmp_path):
    made = quiet([tmp_path / "nowhere.jpg", save(tmp_path / "b.png", np.zeros((90, 90, 3), "u1"))])
    assert len(made) == 0 and made.pixels.shape == (0, 512, 512, 3) and made.report.dropped == 2
    assert len(quiet([])) == 0


def test_one_file_says_what_is_wrong(tmp_path, paths):
    for name, words in spoilt(tmp_path / "bad", paths[0]).items():
        with pytest.raises(DataError, match=words) as raised:
            of_file(tmp_path / "bad" / name, 96)
        assert str(raised.value).count(name) == 1
    assert issubclass(disc.NoDisc, DataError)


@pytest.mark.parametrize("leveling", normalize.LEVELINGS)
def test_threads_change_nothing(paths, leveling, cache):
    one = quiet(paths, 200, leveling, workers=1)
    serial = np.stack([of_file(path, 200, leveling)[0] for path in paths])
    os.rename(cache, cache.with_name("other"))
    many = quiet(paths, 200, leveling, workers=5)
    assert np.array_equal(one.pixels, many.pixels) and np.array_equal(one.pixels, serial)
    assert one.discs == many.discs == [of_file(path, 200)[1] for path in paths]
    assert many.kept.tolist() == list(range(6))
    assert many.pixels.dtype == np.uint8 and not many.pixels.flags.writeable


def test_a_renamed_file_is_known(paths, tmp_path, monkeypatch):
    first = quiet(paths, 96)
    moved = [path.rename(tmp_path / f"moved{k}.jpg") for k, path in enumerate(paths)]
    monkeypatch.setattr(preprocess, "_of_bytes", None)  # whoever calls it crashes
    again = quiet(moved[::-1], 96)
    assert np.array_equal(again.pixels, first.pixels[::-1])
    assert np.array_equal(again.store[again.rows], again.pixels)
    assert again.discs == first.discs[::-1]
    digests = [json.loads(file.read_text()) for file in tmp_path.rglob("index.json")][0]["digests"]
    for path in moved:
        path.unlink()
    assert len(quiet(paths, 96, digests=digests)) == 6  # known digests: nothing is read


def test_what_is_new_joins_what_was_there(paths, tmp_path, monkeypatch):
    first = quiet(paths[:2], 96)
    held = first.pixels.copy()
    twin = tmp_path / "twin.jpg"
    twin.write_bytes(paths[4].read_bytes())
    done, of_bytes = [], preprocess._of_bytes

    def counted(path, *rest):
        done.append(path)
        return of_bytes(path, *rest)

    monkeypatch.setattr(preprocess, "_of_bytes", counted)
    both = quiet([twin, *paths], 96)
    assert sorted(done) == sorted([twin, paths[2], paths[3], paths[5]])
    assert both.store.shape == (6, 96, 96, 3) and both.rows[0] == both.rows[5]
    assert np.array_equal(both.pixels[1:3], held) and np.array_equal(both.pixels[0], both.pixels[5])
    assert np.array_equal(first.pixels, held)  # who reads the old array may go on
    assert np.array_equal(both.pixels[6], of_file(paths[5], 96)[0])


def test_other_settings_and_other_content_are_other_work(paths):
    quiet(paths[:1], 96)
    for settings in (dict(size=97), dict(leveling="graham"), dict(share=0.9)):
        made = quiet(paths[:1], **dict(dict(size=96), **settings))
        assert np.array_equal(made.pixels[0], of_file(paths[0], **dict(
            dict(size=96), **settings))[0])  # fmt: skip
    save(paths[0], fundus(seed=9))
    assert np.array_equal(quiet(paths[:1], 96).pixels[0], of_file(paths[0], 96)[0])


def test_a_run_that_is_cut_off_leaves_what_was_there(paths, cache, monkeypatch):
    held, threads = quiet(paths[:2], 96).pixels.copy(), cv2.getNumThreads()

    def cut_off(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(preprocess, "_ahead", cut_off)
        with pytest.raises(KeyboardInterrupt):
            quiet(paths, 96)
    assert np.array_equal(quiet(paths[:2], 96).pixels, held)
    assert len(quiet(paths, 96)) == 6
    assert not list(cache.rglob("*.part")) and cv2.getNumThreads() == threads


def test_three_at_once_do_not_disturb_each_other(paths):
    before = cv2.getNumThreads()
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda size: quiet(paths, size).pixels.copy(), (96, 96, 80)))
    assert np.array_equal(found[0], found[1]) and found[2].shape == (6, 80, 80, 3)
    assert cv2.getNumThreads() == before


def test_whatever_happens_the_others_go_on(paths, monkeypatch):
    of_bytes = preprocess._of_bytes

    def odd(path, *rest):
        if path == paths[2]:
            raise KeyError("an odd file")
        return of_bytes(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(preprocess, "_of_bytes", odd)
        made = quiet(paths, 96)
    assert made.kept.tolist() == [0, 1, 3, 4, 5]
    assert "an odd file" in made.report.summary()
    assert len(quiet(paths, 96)) == 6  # tried again: its content was not to blame


def test_settings_are_checked_before_any_work(paths):
    with pytest.raises(ValueError, match="2 digests are given for 6 paths"):
        quiet(paths, digests=["a", "b"])
    with pytest.raises(ValueError, match="leveling='equal' must be one of"):
        quiet(paths, leveling="equal")


def test_progress_is_told(paths, monkeypatch):
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(preprocess.time, "perf_counter", lambda: next(clock))
    lines = []
    prepare(paths, 96, log=lines.append)
    assert lines[0] == "2 of 6 photographs, 0 a second, 16 s left"
    assert lines[-1] == "6 of 6 photographs at 96 pixels, levelled by 'none'; 6 were new"
