"""A killed training continued equals an unbroken one, bit for bit, on every backend."""

import importlib.util
import json
import os
import signal
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Run as a program: "kill" dies by SIGKILL in the middle of the third epoch; "compare" continues
# that run and also trains without a break, and prints both results as JSON.
PROGRAM = """
import hashlib, json, os, signal, sys
import keras, numpy as np, tensorflow as tf
from common import training

rng = np.random.default_rng(5)
words = rng.integers(1, 50, (256, 12)).astype("int32")
labels = (words < 10).any(axis=1).astype("int32")

def build(averaged):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((None,), dtype="int32")
    hidden = keras.layers.SpatialDropout1D(0.2)(keras.layers.Embedding(50, 16)(inputs))
    hidden = keras.layers.Conv1D(16, 3, activation="relu")(hidden)
    hidden = keras.layers.BatchNormalization()(keras.layers.GlobalMaxPooling1D()(hidden))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Dropout(0.5)(hidden))
    model = keras.Model(inputs, outputs)
    rate = keras.optimizers.schedules.CosineDecay(0.01, 40)
    model.compile(keras.optimizers.AdamW(rate, use_ema=averaged, ema_momentum=0.9),
                  "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

def train(epoch):
    order = np.random.default_rng((1, epoch)).permutation(256)
    noise = np.random.rand(256) < 0.05  # the global generator: seeded by fit for each epoch
    data = (words[order], np.where(noise, 1 - labels, labels)[order])
    return tf.data.Dataset.from_tensor_slices(data).batch(32)

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.armed = epoch == 2
    def on_train_batch_end(self, batch, logs=None):
        if self.armed and batch == 3:
            os.kill(os.getpid(), signal.SIGKILL)

def run(averaged, output_dir, callbacks=()):
    model = build(averaged)
    history = training.fit(model, train, (words, labels), epochs=5, output_dir=output_dir,
                           callbacks=callbacks, restore_best=False, log=None)
    state = b"".join(keras.ops.convert_to_numpy(v).tobytes()
                     for v in [*model.variables, *model.optimizer.variables])
    return {"digest": hashlib.sha256(state).hexdigest(), "metrics": history.metrics,
            "resumed_from": history.resumed_from, "after": float(np.random.rand())}

mode, folder, averaged = sys.argv[1], sys.argv[2], sys.argv[3] == "averaged"
if mode == "kill":
    run(averaged, folder, [Kill()])
print(json.dumps({"continued": run(averaged, folder), "unbroken": run(averaged, None)}))
"""


def run_program(mode: str, folder, averaged: str, backend: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["PYTHONPATH"] = os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])
    return subprocess.run([sys.executable, "-c", PROGRAM, mode, str(folder), averaged],
                          env=environment, capture_output=True, text=True, timeout=500)


@pytest.mark.parametrize(
    ("backend", "averaged"),
    [("tensorflow", "averaged"), ("jax", "averaged"), ("torch", "plain")],
)
def test_killed_and_continued_equals_unbroken_bit_for_bit(tmp_path, backend, averaged):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    killed = run_program("kill", tmp_path, averaged, backend)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert sorted(path.name for path in (tmp_path / "checkpoint").iterdir()) == [
        "epoch_0001.npz", "epoch_0002.npz"
    ]
    done = run_program("compare", tmp_path, averaged, backend)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["continued"].pop("resumed_from") == 2
    assert found["unbroken"].pop("resumed_from") == 0
    assert found["continued"] == found["unbroken"]
    assert len(found["unbroken"]["metrics"]["val_loss"]) == 5
