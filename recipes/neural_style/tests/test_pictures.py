"""Every kind of picture file that a user may bring, and what is said of those that are none."""

import io

import numpy as np
import pytest
from PIL import Image

from common.validation import DataError, Report
from recipes.neural_style import pictures

HEIGHT, WIDTH = 40, 60


@pytest.fixture
def pixels():
    """A red to blue slope with a green block at the upper left."""
    found = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    found[..., 0] = np.linspace(255, 0, WIDTH)
    found[..., 2] = np.linspace(0, 255, WIDTH)
    found[:12, :12] = (0, 255, 0)
    return found


def close(found, pixels, within=0.02):
    np.testing.assert_allclose(found.pixels, pixels / 255, atol=within)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".gif", ".ppm", ".jpg"])
def test_formats(pixels, tmp_path, suffix):
    path = tmp_path / f"a picture{suffix}"
    Image.fromarray(pixels).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    found = pictures.read(path)
    assert found.name == "a picture" and found.size == (HEIGHT, WIDTH)
    assert found.pixels.dtype == np.float32
    if suffix == ".jpg":
        assert np.abs(found.pixels - pixels / 255).mean() < 0.05
    else:
        close(found, pixels, 0.15 if suffix == ".gif" else 0.003)


@pytest.mark.parametrize("flag", range(1, 9))
def test_a_camera_s_turn_is_undone(pixels, tmp_path, flag):
    """The file holds the picture turned; its flag says how a viewer turns it back."""
    stored = {1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1],
              5: pixels.swapaxes(0, 1), 6: np.rot90(pixels, 1),
              7: pixels[::-1, ::-1].swapaxes(0, 1),
              8: np.rot90(pixels, 3)}[flag]  # fmt: skip
    exif = Image.Exif()
    exif[274] = flag
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    found = pictures.read(tmp_path / "a.png")
    close(found, pixels)
    assert ("turned upright" in found.notes) == (flag > 1)


def test_palette_grey_and_alpha(pixels, tmp_path):
    image = Image.fromarray(pixels)
    image.convert("L").save(tmp_path / "grey.png")
    grey = pictures.read(tmp_path / "grey.png").pixels
    assert (grey[..., 0] == grey[..., 2]).all() and grey.std() > 0.02
    image.quantize(64).save(tmp_path / "palette.png")
    close(pictures.read(tmp_path / "palette.png"), pixels, 0.1)
    alpha = image.convert("RGBA")
    alpha.putalpha(Image.fromarray(np.uint8(np.tile(np.linspace(0, 255, WIDTH), (HEIGHT, 1)))))
    alpha.save(tmp_path / "alpha.png")
    found = pictures.read(tmp_path / "alpha.png")
    share = np.tile(np.linspace(0, 1, WIDTH), (HEIGHT, 1))[..., None]
    close(found, 255 * (1 - share) + pixels * share)
    assert "what is transparent was put on white" in found.notes
    image.convert("RGBA").save(tmp_path / "opaque.png")
    assert pictures.read(tmp_path / "opaque.png").notes == ()


def test_sixteen_bits_and_floats(tmp_path):
    slope = np.tile(np.linspace(0, 65535, WIDTH), (HEIGHT, 1))
    Image.fromarray(slope.astype(np.uint16)).save(tmp_path / "deep.png")
    found = pictures.read(tmp_path / "deep.png")
    np.testing.assert_allclose(found.pixels[..., 1], slope / 65535, atol=1e-4)
    Image.fromarray((slope / 1000).astype(np.float32)).save(tmp_path / "float.tif")
    np.testing.assert_allclose(pictures.read(tmp_path / "float.tif").pixels[..., 1], slope / 65535,
                               atol=1e-4)  # fmt: skip
    import cv2

    colours = np.zeros((HEIGHT, WIDTH, 3), np.uint16)
    colours[..., 2] = slope  # red, in OpenCV's order
    for name in ("colours.tif", "colours.png"):
        cv2.imwrite(str(tmp_path / name), colours)
        found = pictures.read(tmp_path / name).pixels
        np.testing.assert_allclose(found[..., 0], slope / 65535, atol=0.005)
        assert not found[..., 1:].any()


def test_cmyk(tmp_path):
    Image.new("CMYK", (WIDTH, HEIGHT), (0, 255, 255, 0)).save(tmp_path / "print.jpg")
    found = pictures.read(tmp_path / "print.jpg")
    assert found.pixels[..., 0].mean() > 0.9 and found.pixels[..., 1:].mean() < 0.1
    assert any("CMYK" in note for note in found.notes)


def test_an_animation_gives_its_first_picture(pixels, tmp_path):
    frames = [Image.fromarray(each) for each in (pixels, 255 - pixels)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    found = pictures.read(tmp_path / "film.gif")
    close(found, pixels, 0.15)
    assert found.notes[0] == "the first of its 2 pictures"


def broken(tmp_path, pixels):
    """By name: a file and what must be said of it."""
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)).save(
        data, "JPEG"
    )
    contents = {
        "empty.jpg": (b"", "is empty"), "cut.jpg": (data.getvalue()[:9000], "cut off"),
        "words.png": (b"no picture at all, only words", "no picture that can be read"),
        "zeros.png": (bytes(5000), "no picture that can be read"),
    }  # fmt: skip
    Image.fromarray(pixels[:20, :20]).save(tmp_path / "tiny.png")
    for name, (content, _) in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: said for name, (_, said) in contents.items()} | {"tiny.png": "20 x 20 pixels"}


def test_what_is_no_picture_is_named(pixels, tmp_path):
    for name, said in {**broken(tmp_path, pixels), "absent.png": "is no file"}.items():
        with pytest.raises(DataError) as error:
            pictures.read(tmp_path / name)
        assert name in str(error.value) and said in str(error.value)


def test_a_folder_of_mixed_things(pixels, tmp_path):
    names = broken(tmp_path, pixels)
    Image.fromarray(pixels).save(tmp_path / "b.png")
    Image.fromarray(pixels).save(tmp_path / "a.JPG")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "folder").mkdir()
    report = Report("mixed")
    assert [path.name for path in pictures.listed(tmp_path, report)] == ["a.JPG", "b.png"]
    assert report.counts["no picture"] == len(names) + 1
    with pytest.raises(DataError, match="holds no picture"):
        pictures.listed(tmp_path / "folder")
    (tmp_path / "folder" / "none.jpg").touch()
    with pytest.raises(DataError, match="holds no picture.*none.jpg is empty"):
        pictures.listed(tmp_path / "folder")


def test_sizes():
    assert pictures.fitted((480, 640), 320) == (240, 320)
    assert pictures.fitted((640, 480), 320) == (320, 240)
    assert pictures.fitted((40, 1000), 256) == (32, 800)  # longer rather than squashed
    half = np.full((20, 30, 3), 0.5, np.float32)
    for size in ((10, 15), (41, 33), (20, 30)):
        found = pictures.resized(half, *size)
        assert found.shape == (*size, 3)
        np.testing.assert_allclose(found, 0.5, atol=1e-6)


def test_saved_is_read_again(pixels, tmp_path):
    pictures.save(tmp_path / "out" / "a.png", pixels / 255)
    close(pictures.read(tmp_path / "out" / "a.png"), pixels, 1e-6)


def test_a_mask_that_selects_nothing_is_refused(tmp_path):
    Image.new("L", (WIDTH, HEIGHT), 0).save(tmp_path / "black.png")
    with pytest.raises(DataError, match="black.png selects nothing"):
        pictures.read_mask(tmp_path / "black.png")
    Image.new("L", (WIDTH, HEIGHT), 128).save(tmp_path / "half.png")
    np.testing.assert_allclose(pictures.read_mask(tmp_path / "half.png"), 128 / 255)


def test_a_transparent_mask_selects_what_is_opaque(tmp_path):
    mask = np.full((64, 64, 4), 255, np.uint8)
    mask[32:, :, 3] = 0
    Image.fromarray(mask).save(tmp_path / "mask.png")
    assert pictures.read_mask(tmp_path / "mask.png").mean() == pytest.approx(0.5)


def test_a_picture_needs_the_name_of_one(tmp_path):
    with pytest.raises(DataError, match="the name of a picture ends in .jpg"):
        pictures.save(tmp_path / "out", np.zeros((40, 40, 3)))
