"""The grader as one TensorFlow graph: file bytes in, answers out, without OpenCV or Python.

It is `preprocess.decoded`, `disc.find`, `normalize.normalized` and `quality.check` once more, with
the same constants and OpenCV's ways of rounding. What is different:

* `disc.find` looks at the largest connected component of what is bright; TensorFlow has no such
  operation, so all that is bright is looked at here. On black that makes no difference. Writing, a
  ruler or a second picture beside the disc give border points of their own, which the vote of the
  circles has to get over: with much of it no disc is found, or a less exact one.
* `Grader.grade` judges the quality of the pixels that it prepares; here a JPEG that is too small
  for that is decoded once more, as `quality.check` decodes a file.
* EXIF orientation and colour profiles are not read.
* A file that is no whole JPEG or PNG ends the batch with TensorFlow's error.

For study; it is no medical device.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from recipes.retina import disc, normalize, quality
from recipes.retina.data import GRADES
from recipes.retina.disc import Disc
from recipes.retina.grader import Grader
from recipes.retina.serving_quality import (
    CUT,
    NO_EYE,
    RATIOS,
    crop,
    decoded,
    halved,
    normalized,
    ratio,
    verdict,
)

SERVED = ("none", "graham")  # levellings
# Numbers that have no name in `disc`; tests/test_serving.py holds both to each other.
_LEAST_POINTS, _TAILS, _LEAST_ABOVE = 16, (0.01, 0.95), 3
_RINGS, _OUTSIDE = ((-4, -1), (1, 4)), 1.06
# `integers(0, n)` of numpy is the upper half of n times such a number, so `disc` and this draw the
# same triples (but for a rejection once in millions of numbers).
_DRAWN = np.random.default_rng(0).integers(0, 2**32, (disc.TRIPLES, 3), np.uint32).astype(np.int64)
_LENGTHS = 9  # of a `Disc`


def module(grader: Grader) -> tf.Module:
    """A module whose `grade` takes the bytes of photographs, for `common.export.saved_model`.

    Its answer, a dictionary: "grade" int32 [n], -1 where no disc is seen; "probabilities" float32
    [n, 5], "referable" and, where it was learned, "edema" float32 [n], not a number where no disc
    is seen; "refer_<name>" bool [n] for each operating point, false there; "quality" string [n]:
    empty, or what is wrong in the words that `quality.check` begins with.

    Raises:
        ValueError: a levelling that the graph cannot do.
    """
    return _Serving(grader)


class _Serving(tf.Module):
    def __init__(self, grader: Grader):
        super().__init__()
        made = grader.preparation
        if made.leveling not in SERVED:
            raise ValueError(f"leveling={made.leveling!r} cannot be exported as a graph; train "
                             "with leveling=\"none\" or \"graham\" for serving.")  # fmt: skip
        self.size, self.leveling, self.share = made.size, made.leveling, made.share
        self.network, self.thresholds = grader.network, dict(grader.thresholds)
        self.variables_kept = grader.network.variables
        self.has_edema = grader.has_edema

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="photograph")])
    def grade(self, photograph):
        shape = [self.size, self.size, 3]
        kinds = (tf.TensorSpec(shape, tf.float32), tf.TensorSpec([], tf.bool),
                 tf.TensorSpec([], tf.string))  # fmt: skip
        # One after the other: a photograph takes far more memory than it leaves.
        pixels, is_known, said = tf.map_fn(self.prepared, photograph, parallel_iterations=1,
                                           fn_output_signature=kinds)  # fmt: skip
        pixels.set_shape([None, *shape])
        answers = self.network(pixels, training=False)
        best = tf.argmax(answers[:, : len(GRADES)], axis=1, output_type=tf.int32)
        answers = tf.where(is_known[:, None], answers, np.float32(np.nan))
        probabilities, referable = answers[:, : len(GRADES)], answers[:, len(GRADES)]
        found = {"grade": tf.where(is_known, best, -1), "probabilities": probabilities,
                 "referable": referable, "quality": said}  # fmt: skip
        for name, threshold in self.thresholds.items():
            found[f"refer_{name}"] = referable >= np.float32(threshold)
        if self.has_edema:
            found["edema"] = answers[:, len(GRADES) + 1]
        return found

    def prepared(self, content):
        """Of a file's bytes: float32 [size, size, 3], whether a disc is seen, and the verdict."""
        pixels, lengths = seen(content, self.size, self.share)
        found = Disc(*tf.unstack(lengths))
        is_known = found.radius > 0
        blank = tf.zeros([self.size, self.size, 3])
        picture = tf.cond(is_known, lambda: normalized(pixels, found, self.size, self.leveling,
                                                       self.share), lambda: blank)  # fmt: skip
        if self.size < quality.SIZE:
            # For the verdict, a JPEG is decoded again where the network does with fewer pixels.
            how = ratio(content, self.size)
            is_small = 2 * found.radius < normalize.SHARE * quality.SIZE
            is_shrunk = (how < len(RATIOS) - 1) & is_known & is_small
            pixels, lengths = tf.cond(
                is_shrunk | (how != ratio(content, quality.SIZE)),
                lambda: seen(content, quality.SIZE, normalize.SHARE), lambda: (pixels, lengths),
            )  # fmt: skip
        return picture, is_known, judged(pixels, Disc(*tf.unstack(lengths)))


def judged(pixels: tf.Tensor, found: Disc) -> tf.Tensor:
    """What `quality.check` begins with, string []; empty for a gradable photograph."""
    return tf.case(
        [(found.radius <= 0, lambda: tf.constant(NO_EYE)),
         (found.share_seen < quality.LEAST_SEEN, lambda: tf.constant(CUT))],
        default=lambda: verdict(*crop(pixels, found, quality.SIZE)),
    )  # fmt: skip


def seen(content: tf.Tensor, size: int, share: float) -> tuple[tf.Tensor, tf.Tensor]:
    """As `preprocess.decoded`: int32 [height, width, 3], and its disc as `find` gives it."""
    how, whole = ratio(content, size), ratio(content, None)
    pixels = decoded(content, how)
    lengths = find(pixels)

    def again():
        larger = decoded(content, whole)
        return larger, find(larger)

    twice = 2 * Disc(*tf.unstack(lengths)).radius
    is_small = (twice > 0) & (twice < share * size) & (how < whole)
    return tf.cond(is_small, again, lambda: (pixels, lengths))


def find(pixels: tf.Tensor) -> tf.Tensor:
    """`disc.find` without components: float64 [9], the lengths and shares of a `Disc` in order.

    All of them are 0 where no disc is seen.

    Args:
        pixels: int32 [height, width, 3].
    """
    light, factor = _light(pixels)
    black, bright = _levels(light)
    shares, last = tf.constant(disc.THRESHOLDS, tf.float64), len(disc.THRESHOLDS) - 1
    can_be = tf.reduce_min(tf.shape(pixels)[:2]) >= disc.SMALLEST
    can_be &= bright - black >= disc.LEAST_CONTRAST

    def goes_on(number, best):
        border = best[-1]  # its share; 0 where none is found
        share = shares[tf.minimum(number, last)]
        is_done = (border >= disc.ENOUGH_BORDER) | (border > 0) & (share > disc.THRESHOLDS[0])
        return can_be & (number <= last) & ~is_done

    def better(number, best):
        found = _disc(light, black, bright, shares[number])
        return number + 1, tf.where(found[-1] > best[-1], found, best)

    nothing = tf.zeros([_LENGTHS], tf.float64)
    lengths = tf.while_loop(goes_on, better, [0, nothing])[1]
    best = Disc(*tf.unstack(lengths))
    found, (height, width) = best.scaled(factor), tf.unstack(tf.shape(light))
    full_height, full_width = (tf.cast(each, tf.float64)
                               for each in tf.unstack(tf.shape(pixels)[:2]))  # fmt: skip
    right = tf.where(best.right == tf.cast(width, tf.float64),
                     tf.minimum(found.x + found.radius, full_width), found.right)  # fmt: skip
    bottom = tf.where(best.bottom == tf.cast(height, tf.float64),
                      tf.minimum(found.y + found.radius, full_height), found.bottom)  # fmt: skip
    return tf.stack([found.x, found.y, found.radius, found.left, found.top, right, bottom,
                     found.share_seen, found.share_border])  # fmt: skip


def _light(pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """As `disc._light`: int32 [height, width] and the factor, float64 []."""

    def is_large(copy, _):
        sides = tf.shape(copy)[:2]
        return (tf.reduce_max(sides) > disc.WORKING) & (tf.reduce_min(sides) > 1)

    any_size = [tf.TensorShape([None, None, 3]), tf.TensorShape([])]
    copy, factor = tf.while_loop(is_large, lambda copy, factor: (halved(copy), 2 * factor),
                                 [pixels, tf.constant(1.0, tf.float64)], any_size)  # fmt: skip
    light = tf.reduce_max(copy, axis=-1)
    height, width = tf.unstack(tf.shape(light))
    wide = tf.pad(light, [[1, 1], [1, 1]], "SYMMETRIC")
    nine = [wide[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return tf.sort(tf.stack(nine, axis=-1))[..., len(nine) // 2], factor


def _levels(light: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """As `disc._levels`, int32 [] each: of so many sorted pixels the last."""
    values = tf.sort(tf.reshape(light, [-1]))
    ranks = tf.math.ceil(tf.constant(_TAILS, tf.float64) * tf.cast(tf.size(values), tf.float64))
    black, bright = tf.unstack(tf.gather(values, tf.cast(ranks, tf.int32) - 1))
    return black, bright


def _disc(light: tf.Tensor, black: tf.Tensor, bright: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """As `disc._disc`: float64 [9], or zeros."""
    contrast, black = tf.cast(bright - black, tf.float64), tf.cast(black, tf.float64)
    light = tf.cast(light, tf.float64)
    mask = light > black + share * contrast
    points = _border(mask)
    return tf.cond(
        tf.shape(points)[0] < _LEAST_POINTS, lambda: tf.zeros([_LENGTHS], tf.float64),
        lambda: _judged(light, mask, points, black, contrast, share),
    )  # fmt: skip


def _judged(light, mask, points, black, contrast, share) -> tf.Tensor:
    """The rest of `_disc`, where there are points enough."""
    height, width = tf.unstack(tf.shape(mask))
    sides = tf.cast(tf.stack([height, width]), tf.float64)
    x, y, radius, is_one = _circle(points, disc.LEAST_RADIUS * tf.reduce_min(sides),
                                   disc.LARGEST_RADIUS * tf.reduce_max(sides))  # fmt: skip
    agreeing = tf.boolean_mask(points, tf.abs(_off(points, x, y, radius)) < disc.TOLERANCES[-1])
    angles = tf.atan2(agreeing[:, 1] - y, agreeing[:, 0] - x)
    sectors = tf.cast((angles / (2 * np.pi) + 0.5) * disc._SECTORS, tf.int32) % disc._SECTORS
    share_border = tf.cast(tf.size(tf.unique(sectors)[0]), tf.float64) / disc._SECTORS
    is_one &= share_border >= disc.LEAST_BORDER
    is_one &= _count(agreeing[:, 0]) >= disc.LEAST_AGREEING * _count(points[:, 0])
    radius -= 0.5 - share
    across, down = (tf.range(tf.cast(side, tf.float32)) + tf.cast(0.5 - middle, tf.float32)
                    for side, middle in ((width, x), (height, y)))  # fmt: skip
    squares = tf.cast(across**2 + down[:, None] ** 2, tf.float64)
    circle = squares < radius**2
    near, far = (_between(light, squares, radius + begin, radius + end) for begin, end in _RINGS)
    is_one &= near - far >= tf.maximum(disc.LEAST_STEP * (near - black), disc.LEAST_RISE * contrast)
    inside = (light > black + tf.maximum(share * contrast / 2, _LEAST_ABOVE)) & circle
    left, right = _extent(_sums(inside, 0), _sums(circle, 0), x, radius)
    top, bottom = _extent(_sums(inside, 1), _sums(circle, 1), y, radius)
    seen = _middle_within(top, bottom, height)[:, None] & _middle_within(left, right, width)
    pixels_seen, area = _trues(circle & seen), np.pi * radius**2
    is_one &= _trues(inside & seen) >= tf.maximum(disc.LEAST_FILLED * pixels_seen,
                                                  disc.LEAST_SEEN * area)  # fmt: skip
    around = squares > (_OUTSIDE * radius) ** 2
    is_one &= _trues(around & mask) <= disc.MOST_BRIGHT_OUTSIDE * _trues(around)
    share_seen = tf.minimum(pixels_seen / area, 1.0)
    found = tf.stack([x, y, radius, left, top, right, bottom, share_seen, share_border])
    return tf.where(is_one, found, tf.zeros_like(found))


def _border(mask: tf.Tensor) -> tf.Tensor:
    """As `disc._border`, of all that is bright: float64 [n, 2] of x and y, in the same order."""
    found = []
    for turned in (mask, tf.transpose(mask)):
        long = tf.shape(turned, tf.int64)[1]
        lines = tf.where(tf.reduce_any(turned, axis=1))[:, 0]
        rows = tf.cast(tf.gather(turned, lines), tf.int32)
        enters, leaves = tf.argmax(rows, axis=1), long - tf.argmax(rows[:, ::-1], axis=1)
        for ends, at_frame in ((enters, enters == 0), (leaves, leaves == long)):
            pairs = tf.stack([tf.cast(ends, tf.float64), tf.cast(lines, tf.float64) + 0.5], axis=1)
            found.append(tf.boolean_mask(pairs, ~at_frame))
    return tf.concat([*found[:2], *(each[:, ::-1] for each in found[2:])], axis=0)


def _circle(points: tf.Tensor, smallest: tf.Tensor, largest: tf.Tensor) -> tuple:
    """As `disc._circle`: x, y and radius, float64 [] each, and whether they are a circle's."""
    voters = points[:: tf.maximum(1, tf.shape(points)[0] // disc.VOTERS)]
    voters = tf.ensure_shape(voters, [None, 2])
    places = tf.shape(voters, tf.int64)[0] * _DRAWN // 2**32
    centres, radii = _through(tf.gather(voters, places))
    is_good = (radii > smallest) & (radii < largest)
    rest = tf.reduce_sum(centres**2, axis=1) - radii**2
    circles = tf.concat([rest[:, None], -2 * centres, tf.ones_like(rest)[:, None]], axis=1)
    ones, squares = tf.ones_like(voters[:, :1]), tf.reduce_sum(voters**2, axis=1, keepdims=True)
    powers = tf.matmul(circles, tf.concat([ones, voters, squares], axis=1), transpose_b=True)
    agree = tf.abs(powers) < 2 * disc.TOLERANCES[0] * radii[:, None]
    votes = tf.where(is_good, tf.reduce_sum(tf.cast(agree, tf.int32), axis=1), -1)
    best = tf.argmax(votes)
    (x, y), radius, is_one = tf.unstack(centres[best]), radii[best], tf.reduce_any(is_good)
    for tolerance in disc.TOLERANCES:
        near = tf.boolean_mask(points, tf.abs(_off(points, x, y, radius)) < tolerance)
        is_one &= tf.shape(near)[0] >= _LEAST_POINTS
        x, y, radius = _least_squares(near)
    return x, y, radius, is_one & (radius > smallest) & (radius < largest)


def _through(triples: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """As `disc._through`; three points in a line have no radius that is a number below infinity."""
    first = triples[:, 0]
    bx, by = tf.unstack(triples[:, 1] - first, axis=1)
    cx, cy = tf.unstack(triples[:, 2] - first, axis=1)
    twice = 2 * (bx * cy - by * cx)
    b, c = bx**2 + by**2, cx**2 + cy**2
    moved = tf.stack([(cy * b - by * c) / twice, (bx * c - cx * b) / twice], axis=1)
    return first + moved, tf.norm(moved, axis=1)


def _least_squares(points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """As `disc._least_squares`; of no points it is not a number."""
    middle = tf.reduce_mean(points, axis=0)
    across, down = tf.unstack(points - middle, axis=1)
    squares = across**2 + down**2
    xx, xy, yy, xs, ys = (tf.reduce_sum(a * b) for a, b in (
        (across, across), (across, down), (down, down), (across, squares), (down, squares)))
    twice = 2 * (xx * yy - xy * xy)
    x, y = (xs * yy - ys * xy) / twice, (ys * xx - xs * xy) / twice
    radius = tf.sqrt(x * x + y * y + tf.reduce_mean(squares))
    infinite = tf.constant(np.inf, tf.float64)
    return x + middle[0], y + middle[1], tf.where(twice > 0, radius, infinite)


def _extent(bright: tf.Tensor, whole: tf.Tensor, middle: tf.Tensor, radius: tf.Tensor) -> tuple:
    """As `disc._extent`: float64 [] each."""
    length, one = _count(whole), tf.constant(1.0, tf.float64)
    begin, end = tf.maximum(middle - radius, 0.0), tf.minimum(middle + radius, length)
    is_line = tf.cast((bright > 0) & (bright >= disc.CHORD * whole), tf.int32)
    first, last = (tf.cast(tf.argmax(each), tf.float64) for each in (is_line, is_line[::-1]))
    first, last, is_any = first, length - one - last, tf.reduce_any(is_line > 0)
    cut_first = is_any & (first - begin > disc.UNCUT * radius)
    cut_last = is_any & (end - last - one > disc.UNCUT * radius)
    return tf.where(cut_first, first + one, begin), tf.where(cut_last, last, end)


def _off(points, x, y, radius):
    return tf.sqrt((points[:, 0] - x) ** 2 + (points[:, 1] - y) ** 2) - radius


def _between(light, squares, begin, end):
    ring = (squares > begin**2) & (squares < end**2)
    return tf.math.divide_no_nan(tf.reduce_sum(tf.where(ring, light, 0.0)), _trues(ring))


def _sums(mask, axis):
    return tf.reduce_sum(tf.cast(mask, tf.float64), axis=axis)


def _trues(mask):
    return tf.reduce_sum(tf.cast(mask, tf.float64))


def _count(values):
    return tf.cast(tf.size(values), tf.float64)


def _middle_within(begin, end, length):
    middles = tf.range(tf.cast(length, tf.float64)) + 0.5
    return (middles >= begin) & (middles < end)
