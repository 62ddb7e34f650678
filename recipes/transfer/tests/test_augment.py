"""Augmentation does what section 4.1 says, in training only, and the same again from a seed."""

import keras
import numpy as np
import pytest

from common import training
from recipes.transfer.augment import (
    IMAGENET,
    ColourNoise,
    CropAndMirror,
    augmented,
    colour_axes,
    ten_crop_probabilities,
    ten_crops,
)
from recipes.transfer.schedule import modern_optimizer

RANDOM = np.random.default_rng(0)
# Each pixel says where it was.
ROWS, COLUMNS = np.meshgrid(np.arange(12), np.arange(14), indexing="ij")
PLACES = np.stack([ROWS, COLUMNS, 0 * ROWS], axis=-1)[None].astype("float32")


def call(layer, pictures, training=True):
    return keras.ops.convert_to_numpy(layer(pictures, training=training))


def pictures(count=6, side=8):
    return RANDOM.integers(0, 256, (count, side, side, 3)).astype("uint8")


def test_colour_axes_are_those_of_the_covariance():
    given = pictures(5)
    colours = colour_axes(given)
    pixels = given.reshape(-1, 3) / 255
    covariance = np.cov(pixels.T, bias=True)
    axes, variances = np.array(colours.axes), np.array(colours.variances)
    np.testing.assert_allclose(axes.T @ np.diag(variances) @ axes, covariance, atol=1e-9)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    assert list(variances) == sorted(variances, reverse=True)
    np.testing.assert_allclose(colours.mean, pixels.mean(axis=0) * 255)
    np.testing.assert_allclose(colours.deviation, pixels.std(axis=0) * 255)


def test_colours_of_pictures_of_many_sizes_and_of_wrong_ones():
    many = [pictures(1, side)[0] for side in (3, 5)]
    joined = np.concatenate([picture.reshape(-1, 3) for picture in many])
    np.testing.assert_allclose(colour_axes(many).mean, joined.mean(axis=0))
    with pytest.raises(ValueError, match=r"pictures: one of shape \(5, 5, 1\); give red, green"):
        colour_axes([many[0], np.zeros((5, 5, 1))])
    with pytest.raises(ValueError, match="pictures is empty"):
        colour_axes([])


def test_light_changes_a_whole_picture_along_the_axes():
    grey = np.full((4000, 2, 2, 3), 100, "float32")
    layer = ColourNoise(IMAGENET.axes, IMAGENET.variances, 0.1, seed=1)
    moved = call(layer, grey) - 100
    assert np.ptp(moved, axis=(1, 2)).max() < 1e-4  # the same at every pixel
    along = moved[:, 0, 0] @ np.array(IMAGENET.axes).T
    np.testing.assert_allclose(along.mean(axis=0), 0, atol=0.3)
    expected = 0.1 * np.array(IMAGENET.variances) * 255
    np.testing.assert_allclose(along.std(axis=0), expected, rtol=0.05)
    assert np.abs(np.corrcoef(along.T) - np.eye(3)).max() < 0.06


def test_nothing_happens_without_training():
    given = pictures().astype("float32")
    light = ColourNoise(IMAGENET.axes, IMAGENET.variances, 10.0)
    np.testing.assert_array_equal(call(light, given, training=False), given)
    np.testing.assert_array_equal(call(CropAndMirror(8, 2), given, training=False), given)
    middle = call(CropAndMirror(4), given, training=False)
    np.testing.assert_array_equal(middle, given[:, 2:6, 2:6])


def test_windows_are_everywhere_and_whole():
    layer = CropAndMirror(10, seed=3)
    found = call(layer, np.repeat(PLACES, 400, axis=0)).astype(int)
    assert found.shape == (400, 10, 10, 3)
    tops, mirrored = found[:, 0, 0, 0], found[:, 0, 0, 1] > found[:, 0, -1, 1]
    lefts = found[..., 1].min(axis=(1, 2))
    for window, top, left, turned in zip(found, tops, lefts, mirrored, strict=True):
        expected = PLACES[0, top : top + 10, left : left + 10]
        np.testing.assert_array_equal(window, expected[:, ::-1] if turned else expected)
    assert set(tops) == {0, 1, 2} and set(lefts) == {0, 1, 2, 3, 4}
    assert 0.4 < mirrored.mean() < 0.6
    assert np.abs(np.corrcoef([tops, lefts, mirrored]) - np.eye(3)).max() < 0.2


def test_padding_is_the_picture_mirrored_outward():
    layer = CropAndMirror(12, padding=4, mirror=False, seed=3)
    found = call(layer, np.repeat(PLACES, 400, axis=0))
    outward = np.pad(PLACES[0], [(4, 4), (4, 4), (0, 0)], mode="reflect")
    windows = [outward[top : top + 12, left : left + 12] for top in range(9) for left in range(11)]
    missing = [not any(np.array_equal(window, other) for other in windows) for window in found]
    assert not any(missing)
    assert len(np.unique(found, axis=0)) > 80  # of 99


def test_the_same_seed_draws_the_same_and_a_loaded_layer_too():
    given = pictures().astype("float32")
    for layer in (CropAndMirror(8, 3, seed=5), ColourNoise(IMAGENET.axes, IMAGENET.variances,
                                                           seed=5)):  # fmt: skip
        again = type(layer).from_config(layer.get_config())
        first = call(layer, given)
        np.testing.assert_array_equal(first, call(again, given))
        assert not np.array_equal(first, call(layer, given))  # and goes on


def test_augmented_trains_the_weights_of_the_model(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(),
                              keras.layers.Dense(2, kernel_initializer="zeros")])  # fmt: skip
    given = pictures(side=10).astype("float32")
    trained = augmented(model, side=10, colours=colour_axes(given))
    assert [layer.output.shape[1:] for layer in model.layers] == [(192,), (2,)]  # as before
    assert trained.input_shape == (None, 10, 10, 3)
    trained.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    trained.fit(given, np.arange(6) % 2, verbose=0)
    assert np.abs(np.array(model.get_weights()[0])).max() > 0
    middle = keras.ops.convert_to_numpy(model(given[:, 1:9, 1:9]))
    np.testing.assert_allclose(trained.predict(given, verbose=0), middle, rtol=1e-5, atol=1e-4)
    trained.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(given, verbose=0), middle, rtol=1e-5, atol=1e-4)


def test_a_continued_training_sees_what_an_unbroken_one_would(tmp_path):
    given, labels = pictures(32).astype("float32"), np.arange(32) % 2

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return given[index::2], labels[index::2]

    def train(epochs, folder):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255),
                                  keras.layers.Flatten(), keras.layers.Dense(2)])  # fmt: skip
        trained = augmented(model, padding=2, colours=colour_axes(given))
        trained.compile(modern_optimizer(2, 4),
                        keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        training.fit(trained, lambda epoch: Batches(), epochs=epochs, output_dir=tmp_path / folder,
                     log=None)  # fmt: skip
        return model.get_weights()

    unbroken = train(4, "unbroken")
    train(2, "broken")
    for found, expected in zip(train(4, "broken"), unbroken, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_ten_crops_are_corners_middle_and_mirrors():
    crops = ten_crops(PLACES, 10)
    assert crops.shape == (1, 10, 10, 10, 3) and crops.dtype == PLACES.dtype
    corners = [tuple(crop[0, 0, :2].astype(int)) for crop in crops[0, :5]]
    assert corners == [(0, 0), (0, 4), (2, 0), (2, 4), (1, 2)]
    np.testing.assert_array_equal(crops[0, 5:], crops[0, :5, :, ::-1])
    padded = ten_crops(PLACES, 12, padding=4)
    np.testing.assert_array_equal(padded[0, 0, 4:, 4:], PLACES[0, :8, :8])
    np.testing.assert_array_equal(padded[0, 4], PLACES[0, :, 1:13])


def test_probabilities_are_the_mean_over_the_crops():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255),
                              keras.layers.Flatten(), keras.layers.Dense(4)])  # fmt: skip
    given = pictures(5, 10)
    found = ten_crop_probabilities(model, given, batch_size=2)
    shares = [keras.ops.convert_to_numpy(keras.ops.softmax(model(ten_crops(given, 8)[:, crop])))
              for crop in range(10)]  # fmt: skip
    assert found.shape == (5, 4)
    np.testing.assert_allclose(found, np.mean(shares, axis=0), atol=1e-5)


def test_bad_requests_name_the_parameter():
    with pytest.raises(ValueError, match="size=0: write a whole number of at least 1"):
        CropAndMirror(0)
    with pytest.raises(ValueError, match="padding=-1: write a whole number of at least 0"):
        CropAndMirror(8, -1)
    with pytest.raises(ValueError, match="size=16, but the pictures are 8 x 8; write at most 8"):
        CropAndMirror(16)(pictures())
    with pytest.raises(ValueError, match="size=13, but the pictures are 12 x 14"):
        ten_crops(PLACES, 13)
    with pytest.raises(ValueError, match="padding=8: write less than the 8 pixels"):
        CropAndMirror(8, 8)(pictures())
    with pytest.raises(ValueError, match="deviation=-1"):
        ColourNoise(IMAGENET.axes, IMAGENET.variances, -1)
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(3,\)"):
        ColourNoise(IMAGENET.axes[:2], IMAGENET.variances)
