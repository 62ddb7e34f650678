"""AlexNet has the paper's layers, numbers and beginnings, at any size, and its parts come out."""

import keras
import numpy as np
import pytest

from recipes.transfer.alexnet import (
    MODERN_PARTS,
    PAPER_PARTS,
    GroupedConvolution,
    LocalResponseNormalization,
    layer_table,
    modern,
    paper,
)
from recipes.transfer.augment import colour_axes

RANDOM = np.random.default_rng(0)
CLASSES, WIDTH = 3, 0.04
PICTURES = RANDOM.integers(0, 256, (8, 32, 32, 3)).astype("float32")
LABELS = np.arange(8) % CLASSES


def call(model, pictures=PICTURES):
    return keras.ops.convert_to_numpy(model(pictures))


@pytest.fixture(scope="module")
def whole():
    return paper(1000)


def test_the_paper_has_60965224_parameters_and_724_million_multiply_adds(whole):
    """The count of the published network (Caffe's bvlc_alexnet has the same groups and sizes)."""
    table = layer_table(whole).set_index("layer")
    assert whole.count_params() == table.parameters["total"] == 60_965_224
    assert table.multiply_adds["total"] == pytest.approx(724.4, abs=0.1)
    assert table.output[["conv1", "pool1", "pool2", "pool5"]].tolist() == [
        "55 x 55 x 96", "27 x 27 x 96", "13 x 13 x 256", "6 x 6 x 256"]  # fmt: skip
    # Each filter of conv2 sees 5 x 5 of 48 maps, at 27 x 27 places.
    assert table.parameters["conv2"] == 256 * (5 * 5 * 48 + 1)
    assert table.multiply_adds["conv2"] == pytest.approx(256 * 5 * 5 * 48 * 27 * 27 / 1e6)
    for share in ("share_of_parameters", "share_of_work"):
        assert table[share].iloc[:-1].sum() == pytest.approx(1) == table[share]["total"]
    dense = ["dense6", "dense7", "logits"]
    assert table.share_of_parameters[dense].sum() > 0.95 and table.share_of_work[dense].sum() < 0.1


def test_the_paper_begins_as_section_5_says(whole):
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "dense7", "logits"):
        layer = whole.get_layer(name)
        kernel = keras.ops.convert_to_numpy(layer.kernel)
        assert kernel.std() == pytest.approx(0.01, rel=0.03)
        bias = set(np.unique(keras.ops.convert_to_numpy(layer.bias)))
        assert bias == {float(name in ("conv2", "conv4", "conv5", "dense7"))}
    first, second = (whole.get_layer(f"conv{number}").kernel for number in (4, 5))
    assert np.abs(np.array(first)[..., :256] - np.array(second)).max() > 0.01  # not the same draw


def test_sums_of_a_narrow_network_begin_with_the_spread_of_the_paper():
    kernel = keras.ops.convert_to_numpy(paper(CLASSES, 32, 0.25).get_layer("conv3").kernel)
    spread = kernel.std() * np.sqrt(kernel[..., 0].size)
    assert spread == pytest.approx(0.01 * np.sqrt(3 * 3 * 256), rel=0.03)


@pytest.mark.parametrize("network", [paper, modern])
@pytest.mark.parametrize("size, sides", [
    (227, [55, 27, 13, 6]), (128, [64, 31, 15, 7]), (64, [64, 31, 15, 7]), (32, [32, 15, 7, 3]),
    (15, [15, 7, 3, 1]),
])  # fmt: skip
def test_maps_at_every_size(network, size, sides):
    model = network(CLASSES, size, WIDTH)
    names = ("conv1", "pool1", "pool2", "pool5")
    assert [model.get_layer(name).output.shape[1] for name in names] == sides
    assert model.output.shape == (None, CLASSES)


@pytest.mark.parametrize("network, parts", [(paper, PAPER_PARTS), (modern, MODERN_PARTS)])
def test_every_part_can_be_left_out(network, parts):
    def kinds(model):
        return [(layer.__class__.__name__, layer.output.shape) for layer in model.layers]

    usual = network(CLASSES, 32, WIDTH)
    for part in parts:
        model = network(CLASSES, 32, WIDTH, {part})
        assert part not in [layer.name for layer in model.layers]
        assert call(model).shape == (8, CLASSES)
        if part in ("relu", "overlap", "pool", "groups"):  # other settings of the same layers
            assert model.to_json() != usual.to_json()
        else:
            assert len(kinds(model)) < len(kinds(usual))
    everything = network(CLASSES, 32, WIDTH, set(parts))
    assert call(everything).shape == (8, CLASSES)


def test_bad_requests_name_the_parameter():
    with pytest.raises(ValueError, match="without=conv1, conv9: .* conv2, .*, dense6, .*lrn"):
        paper(CLASSES, 32, without=["conv9", "conv1"])
    with pytest.raises(ValueError, match="without=lrn: .*batch_norm"):
        modern(CLASSES, 32, without="lrn")
    with pytest.raises(ValueError, match="size=14: write a whole number of at least 15"):
        paper(CLASSES, 14)
    with pytest.raises(ValueError, match="width=0: write a share above 0"):
        paper(CLASSES, 32, 0)
    with pytest.raises(ValueError, match="classes=1: write a whole number of at least 2"):
        modern(1, 32)
    with pytest.raises(ValueError, match="dropout=1: write a share"):
        modern(CLASSES, 32, dropout=1)
    with pytest.raises(ValueError, match="n=4: write an odd number"):
        LocalResponseNormalization(n=4)


@pytest.mark.parametrize("settings", [
    {}, {"k": 1.0, "n": 3, "alpha": 0.5, "beta": 0.6}, {"n": 9, "alpha": 0.1}, {"n": 1},
])  # fmt: skip
def test_response_normalisation_is_the_formula_of_section_3_3(settings):
    k, n, alpha, beta = ({"k": 2, "n": 5, "alpha": 1e-4, "beta": 0.75} | settings).values()
    maps = 50 * RANDOM.normal(size=(2, 3, 3, 7)).astype("float32")
    expected = np.empty_like(maps)
    for channel in range(7):
        first, last = max(0, channel - n // 2), min(6, channel + n // 2)
        squares = sum(maps[..., j] ** 2 for j in range(first, last + 1))
        expected[..., channel] = maps[..., channel] / (k + alpha * squares) ** beta
    layer = LocalResponseNormalization(**settings)
    again = LocalResponseNormalization.from_config(layer.get_config())
    np.testing.assert_allclose(call(layer, maps), expected, rtol=1e-5)
    np.testing.assert_allclose(call(again, maps), expected, rtol=1e-5)


def test_groups_are_separate_and_the_same_as_those_of_keras():
    maps = RANDOM.normal(size=(2, 6, 6, 8)).astype("float32")
    ours = GroupedConvolution(10, 3, padding="same", groups=2, activation="relu")
    theirs = keras.layers.Conv2D(10, 3, padding="same", groups=2, activation="relu")
    found = call(ours, maps)
    theirs.build(maps.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(found, call(theirs, maps), atol=1e-5)
    maps[..., 4:] += 1
    changed = call(ours, maps)
    np.testing.assert_array_equal(found[..., :5], changed[..., :5])
    assert np.abs(found[..., 5:] - changed[..., 5:]).max() > 0.01


@pytest.mark.parametrize("network", [paper, modern])
def test_pixels_are_centred_inside(network):
    colours = colour_axes(PICTURES)
    model = network(CLASSES, 32, WIDTH, colours=colours)
    centred = keras.Model(model.input, model.layers[1].output)
    found = call(centred)
    np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), 0, atol=1e-3)
    expected = PICTURES.std(axis=(0, 1, 2)) if network is paper else 1
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), expected, rtol=1e-3)


@pytest.mark.parametrize("network", [paper, modern])
def test_saved_and_loaded_is_the_same_network(network, tmp_path):
    model = network(CLASSES, 32, WIDTH, colours=colour_axes(PICTURES))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(call(model), call(again), atol=1e-6)


@pytest.mark.parametrize("network", [paper, modern])
def test_class_scores_are_float32_under_mixed_precision(network):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = network(CLASSES, 32, WIDTH)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("conv2").compute_dtype == "bfloat16"
    logits = model(PICTURES)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert np.isfinite(keras.ops.convert_to_numpy(logits)).all()


@pytest.mark.parametrize("network", [paper, modern])
def test_training_learns_a_few_pictures_by_heart(network):
    keras.utils.set_random_seed(0)
    model = network(CLASSES, 16, 0.1, without=["dropout"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    few = PICTURES[:, :16, :16]
    losses = model.fit(few, LABELS, batch_size=8, epochs=50, verbose=0).history["loss"]
    assert losses[-1] < 0.6, losses  # guessing costs 1.1
