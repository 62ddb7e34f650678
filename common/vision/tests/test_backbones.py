"""Where a network is from, what it is given, and that its top is taken apart rightly."""

import keras
import numpy as np
import pytest

from common import datasets
from common.validation import DataError
from common.vision import backbones, squeezenet
from common.vision.layers import ChannelMeans


@pytest.mark.parametrize(("name", "words"), [
    ("mobilnet_v2", "Did you mean 'mobilenet_v2'"), ("ResNet51V2", "Did you mean 'ResNet"),
    ("no/such/folder", "no folder with a saved_model.pb"),
])  # fmt: skip
def test_unknown_names(name, words):
    with pytest.raises(DataError, match=words):
        backbones.find(name)


def test_every_network_of_keras_is_of_a_known_family():
    networks = [name for name in dir(keras.applications) if name[0].isupper()]
    assert len(networks) > 30
    for name in networks:
        assert any(name.startswith(family) for family in backbones.FAMILIES), name


def test_auto_takes_what_is_at_hand(monkeypatch, tmp_path):
    monkeypatch.delenv("RECIPES_MIRROR", raising=False)
    monkeypatch.setenv("RECIPES_CACHE", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    found = backbones.find("auto")
    assert found.name == "small" and not found.classes and found.has_maps
    with pytest.raises(DataError, match="not to be had now"):
        backbones.find("squeezenet")


def test_the_small_network_is_small_and_was_taught():
    from common.vision import small

    assert small.WEIGHTS.stat().st_size < 1.5e6
    found = backbones.find("small")
    assert found.size == 96 and found.model.count_params() < 700_000
    random = small.network()
    taught, untaught = (
        np.std([np.std(weight) for weight in model.get_weights() if weight.ndim == 1])
        for model in (found.model, random)
    )
    assert taught > 2 * untaught  # statistics of batch norm are those of photographs


def test_a_network_of_keras_is_taken_apart(tmp_path):
    """Backbone and top one after the other are the whole network."""
    whole = keras.applications.MobileNet(
        alpha=0.25, input_shape=(64, 64, 3), weights=None, classifier_activation=None
    )
    maps, kernel, bias = backbones._taken_apart(whole)
    assert kernel.shape == (256, 1000)
    top = backbones.linear_top(kernel, bias, maps.shape[1:])
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    part = backbones._prepared(keras.Model(whole.input, maps), 64, "tf")
    found = keras.ops.convert_to_numpy(top(part(pixels)))
    wanted = keras.ops.convert_to_numpy(whole(pixels / 127.5 - 1)).reshape(2, 1000)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_preparations():
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    plain = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Identity()])
    for mode in ("tf", "caffe", "torch"):
        found = keras.ops.convert_to_numpy(backbones._prepared(plain, 32, mode)(pixels))
        wanted = keras.applications.imagenet_utils.preprocess_input(pixels.copy(), mode=mode)
        np.testing.assert_allclose(found, np.asarray(wanted), atol=1e-3)


def test_channel_means_survive_saving(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 3)), ChannelMeans((1.0, 2.0, 3.0))])
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    pixels = np.arange(48, dtype=np.float32).reshape(1, 4, 4, 3)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(loaded(pixels)),
                                  pixels[..., ::-1] - np.float32([1, 2, 3]))  # fmt: skip


def test_squeezenet_has_the_published_shape(tmp_path):
    random, arrays, width = np.random.default_rng(0), {}, 96
    plan = [("conv1", 7, 3, 96)]
    for number, (squeeze, expand) in enumerate(
        ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)), 2
    ):
        plan += [(f"fire{number}/squeeze1x1", 1, width, squeeze),
                 (f"fire{number}/expand1x1", 1, squeeze, expand),
                 (f"fire{number}/expand3x3", 3, squeeze, expand)]  # fmt: skip
        width = 2 * expand
    plan.append(("conv10", 1, 512, 1000))
    for name, side, inside, outside in plan:
        arrays[f"{name}/kernel"] = random.normal(0, 0.05, (side, side, inside, outside))
        arrays[f"{name}/bias"] = np.zeros(outside)
    np.savez(tmp_path / "w.npz", **arrays)
    part, top = squeezenet.load(tmp_path / "w.npz", 227)
    assert part.output_shape[1:] == (13, 13, 512)  # table 1 of the paper
    assert part.count_params() + top.count_params() == 1_248_424
    assert top.output_shape == (None, 1000)


on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's")


@on_tensorflow
def test_a_saved_model_as_backbone(tmp_path):
    import tensorflow as tf

    class Eyes(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
        def __call__(self, images):
            return tf.concat([tf.reduce_mean(images, [1, 2]), tf.reduce_max(images, [1, 2])], 1)

    tf.saved_model.save(Eyes(), str(tmp_path / "eyes"))
    found = backbones.find(str(tmp_path / "eyes"), 32)
    assert found.size == 32 and not found.has_maps
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    seen = found.views.predict(pixels, verbose=0)
    assert seen.shape == (3, 2, 6)
    np.testing.assert_allclose(seen[:, 0, :3], pixels.mean(axis=(1, 2)) / 255, atol=1e-5)
    with pytest.raises(DataError, match="cannot be used"):
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "saved_model.pb").write_bytes(b"no")
        backbones.find(str(tmp_path / "broken"), 32)


@pytest.mark.parametrize(("name", "top1"), [
    ("mobilenet_v2", 0.66), ("squeezenet", 0.53), ("mobilenet_025_128", 0.36),
])  # fmt: skip
def test_real_weights_name_photographs(name, top1, monkeypatch):
    """On every fifth of the 500 validation photographs; floors a little below the mirror's own."""
    monkeypatch.delenv("RECIPES_CACHE", raising=False)
    if datasets.state(name) == "not to be had" or datasets.state("imagenette") == "not to be had":
        pytest.skip("neither cache nor mirror has the weights and photographs")
    from recipes.transfer import data, names

    found = data.load("imagenette", limit=300)
    records = names.another(name, found, [0])
    assert records[0]["value"] > top1 - 0.08 and records[1]["value"] > records[0]["value"]
