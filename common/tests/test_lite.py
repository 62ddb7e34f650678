"""Each kind of LiteRT file answers as its network; whole weights take a fourth of the room."""

import keras
import numpy as np
import pytest

from common import lite

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow",
                                reason="LiteRT files are made by TensorFlow")  # fmt: skip


def test_every_kind(tmp_path):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([
        keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(64, 3, activation="relu"), keras.layers.Conv2D(128, 3, 2),
        keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5, activation="softmax"),
    ])  # fmt: skip
    pictures = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8)
    wanted = np.asarray(network.predict_on_batch(pictures.astype(np.float32)))
    made = lite.convert(network, pictures, tmp_path, lite.KINDS)
    assert list(made) == list(lite.KINDS)
    for kind, bound in zip(lite.KINDS, (1e-5, 5e-3, 2e-2), strict=True):
        found, pace = lite.run(made[kind], pictures)
        assert np.abs(found - wanted).max() < bound and pace > 0
    sizes = {kind: path.stat().st_size for kind, path in made.items()}
    assert sizes["int8_weights"] < 0.4 * sizes["float32"]
    assert list(lite.convert(network, pictures, tmp_path / "usual")) == ["float32", "int8"]
