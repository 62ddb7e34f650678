"""A backbone from a SavedModel: by its folder, or its address on TensorFlow Hub or Kaggle."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from common.download import patience, sha256_of
from common.validation import DataError


@keras.saving.register_keras_serializable(package="vision")
class SavedFeatures(keras.layers.Layer):
    """Features of a loaded SavedModel, frozen: pixels from 0 to 255 -> float32 [n, d].

    Published feature vectors take pixels from 0 to 1, as the hub's common signature for images
    says. (`hub.KerasLayer` does not work with Keras 3.)
    """

    def __init__(self, handle: str, **options):
        super().__init__(trainable=False, **options)
        self.handle, self.loaded = handle, _loaded(handle)

    def call(self, pixels):
        given = pixels / 255
        if callable(self.loaded):
            return self.loaded(given)
        function = self.loaded.signatures["serving_default"]
        (name,) = function.structured_input_signature[1]
        return next(iter(function(**{name: given}).values()))

    def get_config(self):
        return {**super().get_config(), "handle": self.handle}


def backbone(handle: str, size: int) -> tuple[keras.Model, str, str]:
    """A network of `SavedFeatures`, where it is from in words, and what its features hang on.

    Raises:
        DataError: it cannot be loaded, is no network for pictures of this size, or Keras runs on
            another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise DataError("A SavedModel as backbone needs KERAS_BACKEND=tensorflow.")
    inputs = keras.Input((size, size, 3), name="pixels")
    try:
        layer = SavedFeatures(handle, name="saved_model")
        features = layer(np.zeros((2, size, size, 3), np.float32))
        if features.shape.rank not in (2, 4):
            raise ValueError(f"it gives a tensor of shape {features.shape}")
        model = keras.Model(inputs, layer(inputs), name="backbone")
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
        said = str(error).strip().splitlines()[0]
        raise DataError(
            f"BACKBONE={handle!r} cannot be used ({said}). It must be a SavedModel that takes "
            f"pictures [n, {size}, {size}, 3] from 0 to 1 and gives features; SIZE sets the pixels."
        ) from error
    local = Path(handle).expanduser()
    parts = sorted(path for path in local.rglob("*") if path.is_file()) if local.is_dir() else []
    key = "-".join(sha256_of(path)[:12] for path in parts) or handle
    return model, f"the SavedModel {handle}", key


def _loaded(handle: str):
    local = Path(handle).expanduser()
    if local.is_dir():
        return tf.saved_model.load(str(local))
    import tensorflow_hub

    with patience():
        return tensorflow_hub.load(handle)
