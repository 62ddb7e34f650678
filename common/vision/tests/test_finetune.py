"""Fine-tuning changes what it should, in the sizes it should, and no statistics."""

import keras
import numpy as np
import pytest

from common.vision import finetune, pixels
from common.vision.backbones import Backbone
from common.vision.tests.conftest import SIZE, network


@pytest.fixture
def fresh():
    return Backbone("tiny", "tiny", "tiny", SIZE, network())


def tune(fresh, rows, trained, folder, **changes):
    wish = {"epochs": 2, "share": 1.0, "batch_size": 16, "log": None, **changes}
    return finetune.tune(fresh, trained, pixels.load(rows["path"], SIZE), rows["label"].to_numpy(),
                         rows["group"].to_numpy(), folder, **wish)  # fmt: skip


def test_kernels_move_and_statistics_do_not(fresh, rows, trained, tmp_path):
    norms = [layer for layer in fresh.model.layers
             if isinstance(layer, keras.layers.BatchNormalization)]  # fmt: skip
    before = [layer.get_weights() for layer in norms]
    kernel = fresh.model.layers[-2].get_weights()[0].copy()
    found = tune(fresh, rows, trained, tmp_path)
    for layer, old in zip(norms, before, strict=True):
        for a, b in zip(layer.get_weights(), old, strict=True):
            np.testing.assert_array_equal(a, b)
    assert np.abs(found.backbone.model.layers[-2].get_weights()[0] - kernel).max() > 1e-5
    assert found.backbone.key != fresh.key and len(found.history.metrics["loss"]) == 2
    assert found.better == (found.after < found.before)


def test_only_the_share_from_the_top_is_trained(fresh):
    chosen = finetune.unfreeze(fresh, 0.5)
    names = [layer.name for layer in chosen]
    assert len(names) == 1 and fresh.model.layers[-2].name == names[0]
    assert not fresh.model.layers[2].trainable


def test_lower_layers_take_smaller_steps():
    """One step of Adam is as large as the rate, whatever the gradient: so factors show plainly."""
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(
        keras.layers.Dense(4, use_bias=False)(inputs)))  # fmt: skip
    before = [weight.copy() for weight in model.get_weights()]
    model.compile(finetune.GradedAdamW([0.1, 1.0], learning_rate=0.01, weight_decay=0.0), "mse")
    model.train_on_batch(np.ones((8, 3)), np.full((8, 1), 9.0))
    moved = [np.abs(a - b).max() for a, b in zip(model.get_weights(), before, strict=True)]
    assert moved[0] == pytest.approx(0.001, rel=0.05) and moved[1] == pytest.approx(0.01, rel=0.05)


def test_the_optimizer_survives_saving():
    one = finetune.GradedAdamW([0.5, 1.0], learning_rate=0.1)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(one))
    assert again.factors == [0.5, 1.0]


def test_a_stopped_run_ends_as_an_unbroken_one(rows, trained, tmp_path):
    whole = tune(Backbone("tiny", "", "tiny", SIZE, network()), rows, trained, tmp_path / "a")
    # The schedule goes by all epochs, so the first run is stopped and not shorter.
    class Stop(Exception):
        pass

    def stop(line):
        if "epoch 1/2" in line:
            raise Stop

    with pytest.raises(Stop):
        tune(Backbone("tiny", "", "tiny", SIZE, network()), rows, trained, tmp_path / "b",
             log=stop)  # fmt: skip
    said = []
    later = tune(Backbone("tiny", "", "tiny", SIZE, network()), rows, trained, tmp_path / "b",
                 log=said.append)  # fmt: skip
    assert "Continuing after epoch 1" in said[0]
    for a, b in zip(whole.backbone.model.get_weights(), later.backbone.model.get_weights(),
                    strict=True):  # fmt: skip
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_head_is_where_it_begins(fresh, rows, trained):
    model = finetune.network(fresh, trained, 0)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)
    maps = keras.ops.convert_to_numpy(fresh.model(pixels))
    wanted = trained.logits(maps.mean(axis=(1, 2)))
    found = keras.ops.convert_to_numpy(model(pixels, training=False))
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    changed = keras.ops.convert_to_numpy(model(pixels, training=True))
    assert np.abs(changed - wanted).max() > 1e-3


@pytest.mark.parametrize("changes", [{"share": 0.0}, {"share": 1.5}, {"epochs": 0}])
def test_wrong_wishes(fresh, rows, trained, tmp_path, changes):
    with pytest.raises(ValueError, match="must lie above 0"):
        tune(fresh, rows, trained, tmp_path, **changes)
