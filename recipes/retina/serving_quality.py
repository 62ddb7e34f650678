"""`normalize.normalized` and `quality.measure` in TensorFlow's operations, rounded as by OpenCV.

It is what `serving` does to pixels, decoding included, apart from finding the disc. Pictures are
int32 of 0 to 255 here, [height, width, 3], until they are blurred. A box is four int32 []: first
row, row after the last, and the same of columns.
"""

from __future__ import annotations

import cv2
import numpy as np
import tensorflow as tf

from recipes.retina import normalize, preprocess, quality
from recipes.retina.disc import Disc

NO_EYE = "not a fundus photograph"
CUT = "cut too much"
# In the order of `quality._reason`: what is said, of which measure, with which limit, and whether
# that is the least or the most there may be.
VERDICTS = (
    (NO_EYE, "redness", quality.LEAST_REDNESS, "least"),
    ("too dark", "light", quality.LEAST_LIGHT, "least"),
    ("overexposed", "burnt", quality.MOST_BURNT, "most"),
    ("noisy", "noise", quality.MOST_NOISE, "most"),
    ("blurred", "sharpness", quality.LEAST_SHARPNESS, "least"),
    ("blurred", "detail", quality.LEAST_DETAIL, "least"),
    ("shaken", "steadiness", quality.LEAST_STEADINESS, "least"),
    ("unevenly lit", "evenness", quality.LEAST_EVENNESS, "least"),
)
RATIOS = tuple(preprocess._SCALES)  # that libjpeg shrinks by while it decodes
# Numbers that have no name in `quality.measure`; tests/test_serving.py holds both to each other.
_BURNT_FROM, _CELL, _SOFT_SIGMA, _TENTH, _TO_DEVIATION, _TINY = 245, 8, 2.0, 0.1, 1.4826, 1e-6
# OpenCV's fixed point: red, green and blue in grey, and the weights between two pixels.
_GREY_PARTS, _GREY_BITS, _WEIGHT_BITS = (9798, 19235, 3735), 15, 11


def ratio(content: tf.Tensor, size: int | None) -> tf.Tensor:
    """How `preprocess.decoded` decodes a file's bytes at first, int32 []: for `decoded`.

    Args:
        size: see `preprocess.of_file`; None decodes it whole.
    """
    is_jpeg = tf.io.is_jpeg(content)
    whole = tf.where(is_jpeg, len(RATIOS) - 1, len(RATIOS))
    if size is None:
        return whole
    least = [each * round(preprocess.ENOUGH * size) for each in RATIOS[:-1]]

    def smallest():
        shorter = tf.reduce_min(tf.image.extract_jpeg_shape(content)[:2])
        return tf.reduce_sum(tf.cast(shorter < tf.constant(least), tf.int32))

    return tf.cond(is_jpeg, smallest, lambda: whole)


def decoded(content: tf.Tensor, how: tf.Tensor) -> tf.Tensor:
    """int32 [height, width, 3] of a file's bytes: a JPEG shrunk by RATIOS[how], or a PNG on black.

    Args:
        how: int32 []; len(RATIOS) for a PNG.
    """

    def jpeg(times):
        # Exact, as other decoders are.
        return lambda: tf.cast(tf.io.decode_jpeg(content, 3, times, dct_method="INTEGER_ACCURATE"),
                               tf.int32)  # fmt: skip

    def png():
        pixels = tf.cast(tf.io.decode_png(content, 4), tf.int32)
        return (pixels[..., :3] * pixels[..., 3:] + 127) // 255

    return tf.switch_case(how, [*(jpeg(times) for times in RATIOS), png])


def normalized(pixels: tf.Tensor, found: Disc, size: int, leveling: str, share: float) -> tf.Tensor:
    """`normalize.normalized`, float32 [size, size, 3], by "none" or "graham".

    Args:
        pixels: int32 [height, width, 3].
        found: its disc, float64 [] each.
    """
    picture, box = crop(pixels, found, size, share)
    (top, bottom, left, right), radius, beyond = box, share * size / 2, 0.0
    inner = picture[top:bottom, left:right]
    if leveling == "graham":
        inner = graham(inner, radius)
        radius, beyond = normalize.SHRUNK * radius, float(normalize.GREY)
    frame = [[top, size - bottom], [left, size - right]]
    circle = tf.constant(normalize.circle(size, radius))[top:bottom, left:right]
    is_inside = tf.pad(circle, frame)[..., None] > 0
    return tf.where(is_inside, tf.pad(tf.cast(inner, tf.float32), [*frame, [0, 0]]), beyond)


def crop(pixels: tf.Tensor, found: Disc, size: int, share: float = normalize.SHARE) -> tuple:
    """`normalize.crop`: int32 [size, size, 3], and the box in which there is photograph."""
    side = tf.maximum(tf.round(2 * found.radius / share), 1.0)
    left, top = (tf.round(middle - side / 2) for middle in (found.x, found.y))
    placed = found.scaled(size / side, left, top)
    begins = [tf.maximum(tf.cast(tf.math.ceil(each), tf.int32), 0)
              for each in (placed.top, placed.left)]  # fmt: skip
    ends = [tf.minimum(tf.cast(each, tf.int32), size) for each in (placed.bottom, placed.right)]
    first = tf.cast(tf.stack([top, left]), tf.int32)
    last, sides = first + tf.cast(side, tf.int32), tf.shape(pixels)[:2]
    before, after = tf.maximum(-first, 0), tf.maximum(last - sides, 0)
    (y, x), (y_end, x_end) = tf.unstack(tf.maximum(first, 0)), tf.unstack(last)
    frame = [*tf.unstack(tf.stack([before, after], axis=1)), [0, 0]]
    cut = tf.pad(pixels[y:y_end, x:x_end], frame)
    picture = tf.cond(size <= normalize.AREA_FROM * side, lambda: _by_areas(cut, size),
                      lambda: _between_pixels(cut, size))  # fmt: skip
    picture.set_shape([size, size, 3])
    return picture, (begins[0], ends[0], begins[1], ends[1])


def _by_areas(cut: tf.Tensor, size: int) -> tf.Tensor:
    """INTER_AREA of a square: a mean is rounded to even, but that of 2 x 2 upwards."""
    means = tf.image.resize(cut, [size, size], "area")
    is_half = tf.shape(cut)[0] == 2 * size
    return tf.cast(tf.where(is_half, tf.floor(means + 0.5), tf.round(means)), tf.int32)


def _between_pixels(cut: tf.Tensor, size: int) -> tf.Tensor:
    """INTER_LINEAR of a square, in OpenCV's whole numbers: it loses an eighth of a level."""
    side = tf.shape(cut)[0]
    step = tf.cast(side, tf.float64) / size
    at = tf.cast((tf.range(size, dtype=tf.float64) + 0.5) * step - 0.5, tf.float32)
    at = tf.clip_by_value(at, 0.0, tf.cast(side - 1, tf.float32))
    first = tf.cast(tf.floor(at), tf.int32)
    second, part = tf.minimum(first + 1, side - 1), at - tf.floor(at)
    weights = [tf.cast(tf.round(each * (1 << _WEIGHT_BITS)), tf.int32) for each in (1 - part, part)]
    rows = sum(tf.gather(cut, places, axis=1) * weight[:, None]
               for places, weight in zip((first, second), weights, strict=True)) // 16  # fmt: skip
    both = sum(tf.gather(rows, places) * weight[:, None, None] // (1 << 16)
               for places, weight in zip((first, second), weights, strict=True))  # fmt: skip
    return (both + 2) // 4


def halved(pixels: tf.Tensor) -> tf.Tensor:
    """INTER_AREA to a half: means of 2 x 2, int32 [height // 2, width // 2, 3]."""
    height, width = tf.unstack(tf.shape(pixels)[:2] // 2 * 2)
    rows = pixels[:height:2, :width] + pixels[1:height:2, :width]
    return (rows[:, ::2] + rows[:, 1::2] + 2) // 4


def graham(picture: tf.Tensor, radius: float) -> tf.Tensor:
    """`normalize.graham`, float32 of the picture's shape."""
    apart = tf.cast(picture, tf.float32) - _blurred(picture, normalize.SIGMA * radius)
    return tf.round(tf.clip_by_value(normalize.GAIN * apart + normalize.GREY, 0, 255))


def _blurred(picture: tf.Tensor, sigma: float) -> tf.Tensor:
    """As `normalize._blurred`: from a sigma of 4 pixels on at half the size."""

    def kernel(spread):
        return cv2.getGaussianKernel(2 * int(np.ceil(3 * spread)) + 1, spread, cv2.CV_32F).ravel()

    if sigma < normalize.HALVED_FROM:
        return gaussian(tf.cast(picture, tf.float32), kernel(sigma), "twice")
    height, width = tf.unstack(tf.shape(picture)[:2])
    even = tf.pad(picture, [[0, height % 2], [0, width % 2], [0, 0]], "SYMMETRIC")
    half = tf.cast(halved(even), tf.float32)
    soft = gaussian(half, kernel(np.sqrt(sigma**2 - 0.75) / 2), "twice") - 0.125
    return tf.image.resize(soft, tf.shape(even)[:2])[:height, :width]


def verdict(picture: tf.Tensor, box: tuple) -> tf.Tensor:
    """What is wrong, string []; empty where nothing is. Most of the disc must be seen.

    Args:
        picture, box: as `crop` gives them for quality.SIZE.
    """
    found = measures(picture, box)
    said = tf.constant("")
    for words, name, limit, way in reversed(VERDICTS):
        is_wrong = found[name] < limit if way == "least" else found[name] > limit
        said = tf.where(is_wrong, words, said)
    return said


def measures(picture: tf.Tensor, box: tuple) -> dict[str, tf.Tensor]:
    """`quality.measure` without the share seen: float64 [] by name; arguments as for `verdict`."""
    top, bottom, left, right = box
    height, width = bottom - top, right - left
    picture = picture[top:bottom, left:right]
    radius = quality.INNER * normalize.SHARE * quality.SIZE / 2
    inside = tf.constant(normalize.circle(quality.SIZE, radius) > 0)[top:bottom, left:right]
    inside &= _without_margin(height)[:, None] & _without_margin(width)

    def within(values):
        return tf.cast(tf.boolean_mask(values, inside), tf.float64)

    parts = tf.reduce_sum(picture * tf.constant(_GREY_PARTS), axis=-1)
    grey = (parts + (1 << (_GREY_BITS - 1))) // (1 << _GREY_BITS)
    green = tf.cast(picture[..., 1:2], tf.float32)
    once, twice, four = (gaussian(green, _kernel(sigma), "101")[..., 0] for sigma in (1, 2, 4))
    fine, greens = once - twice, within(picture[..., 1])
    rest = within(green[..., 0] - once)
    deviation, coarse = _deviation(within(fine)), _deviation(within(twice - four))
    least, most = _spreads(*(within(each) for each in _slopes(fine)))
    soft = within(_soft(grey))
    reds, blues = tf.reduce_mean(within(picture[..., 0])), tf.reduce_mean(within(picture[..., 2]))
    return {
        "redness": (reds - blues) / tf.maximum(reds + blues, 1.0),
        "light": _quantile(within(grey), 0.5),
        "burnt": tf.reduce_mean(tf.cast(greens >= _BURNT_FROM, tf.float64)),
        "noise": _TO_DEVIATION * _quantile(tf.abs(rest - _quantile(rest, 0.5)), 0.5),
        "sharpness": deviation / tf.maximum(coarse, _TINY),
        "detail": tf.sqrt(tf.maximum(coarse**2 - deviation**2 / 4, 0.0))
        / tf.maximum(_quantile(greens, 0.5), 1.0),
        "steadiness": tf.sqrt(tf.maximum(least, 0.0) / tf.maximum(most, _TINY)),
        "evenness": _quantile(soft, _TENTH) / tf.maximum(_quantile(soft, 0.5), _TINY),
    }


def gaussian(values: tf.Tensor, kernel: np.ndarray, border: str) -> tf.Tensor:
    """float32 [height, width, d] convolved along both axes.

    Args:
        kernel: float32 [k], k odd.
        border: "twice" mirrors with the last row doubled (OpenCV's BORDER_REFLECT), "101" without.
    """
    pad, depth = len(kernel) // 2, values.shape[-1]
    for axis in (0, 1):
        places = _mirrored(tf.shape(values)[axis], pad, border)
        values = tf.gather(values, places, axis=axis)
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        taps = np.repeat(kernel.reshape(shape), depth, axis=2)
        values = tf.nn.depthwise_conv2d(values[None], taps, [1, 1, 1, 1], "VALID")[0]
    return values


def _mirrored(length: tf.Tensor, pad: int, border: str) -> tf.Tensor:
    """Where each place from -pad to length + pad is taken from, int32 [length + 2 * pad].

    tf.pad refuses to mirror more than there is; a disc cut to a strip may need it.
    """
    places = tf.range(-pad, length + pad)
    if border == "twice":
        places %= 2 * length
        return tf.minimum(places, 2 * length - 1 - places)
    period = tf.maximum(2 * length - 2, 1)
    places %= period
    return tf.minimum(places, period - places)


def _kernel(sigma: float) -> np.ndarray:
    """float32 [k]: the kernel that OpenCV's GaussianBlur takes for float32 and no given size."""
    return cv2.getGaussianKernel(round(sigma * 8 + 1) | 1, sigma, cv2.CV_32F).ravel()


def _without_margin(length: tf.Tensor) -> tf.Tensor:
    places = tf.range(length)
    return (places >= quality.MARGIN) & (places < length - quality.MARGIN)


def _slopes(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Sobel's across and down of [height, width]; what they are at the frame is not looked at."""
    wide = tf.pad(values, [[1, 1], [1, 1]])
    rows = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    columns = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    return rows[:, 2:] - rows[:, :-2], columns[2:] - columns[:-2]


def _spreads(across: tf.Tensor, down: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The least and the most variance in any direction: eigenvalues of a 2 x 2 covariance."""
    across, down = across - tf.reduce_mean(across), down - tf.reduce_mean(down)
    count = tf.cast(tf.size(across) - 1, tf.float64)
    xx, yy, xy = (tf.reduce_sum(a * b) / count
                  for a, b in ((across, across), (down, down), (across, down)))  # fmt: skip
    middle, half = (xx + yy) / 2, tf.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    return middle - half, middle + half


def _soft(grey: tf.Tensor) -> tf.Tensor:
    """Grey int32 [height, width] blurred by 16 pixels, at an eighth of the size: float32."""
    shape = tf.shape(grey)
    cells = tf.cast(tf.round(tf.cast(shape, tf.float64) / _CELL), tf.int32)
    used = cells * _CELL
    beyond = tf.maximum(used - shape, 0)

    def sums(values):
        values = tf.pad(values, [[0, beyond[0]], [0, beyond[1]]])[: used[0], : used[1]]
        values = tf.reshape(values, [cells[0], _CELL, cells[1], _CELL])
        return tf.cast(tf.reduce_sum(values, axis=[1, 3]), tf.float32)

    # The last cells may have fewer pixels than the others.
    means = tf.round(sums(grey) / sums(tf.ones_like(grey)))
    soft = gaussian(means[..., None], _kernel(_SOFT_SIGMA), "101")
    return tf.image.resize(soft, shape)[..., 0]


def _deviation(values: tf.Tensor) -> tf.Tensor:
    return tf.math.reduce_std(values)


def _quantile(values: tf.Tensor, share: float) -> tf.Tensor:
    """Between the two nearest of float64 [n], as numpy's percentile and median."""
    ordered = tf.sort(values)
    place = share * tf.cast(tf.size(values) - 1, tf.float64)
    first = tf.cast(tf.floor(place), tf.int32)
    second = tf.minimum(first + 1, tf.size(values) - 1)
    part = place - tf.floor(place)
    return ordered[first] * (1 - part) + ordered[second] * part
