"""Every form outside this project says what Python says, whole or piece by piece."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from recipes.speech import export
from recipes.speech.alphabet import Alphabet
from recipes.speech.decode import best_path
from recipes.speech.model import Recogniser
from recipes.speech.stream import Stream
from recipes.speech.tests.test_transcriber import sound
from recipes.speech.transcriber import Transcriber

RECORD = {"data": {"name": "toy", "synthetic": True, "rows": 3, "licence": "none",
                   "fingerprint": "0" * 64}, "metrics": [], "commit": None, "dirty": False,
          "versions": {}, "parameters": {}, "date": "today", "recipe": "speech"}  # fmt: skip
KINDS = {"fast": dict(kernel=5, right=2), "deepspeech": dict(kind="deepspeech"),
         "deepspeech2": dict(kind="deepspeech2", right=3, recurrent="gru"),
         "lstm": dict(kind="lstm")}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def product(request):
    model = Recogniser(28, bands=16, width=16, blocks=2, **request.param)
    model.learn_scale([np.random.default_rng(0).normal(-6, 3, size=(50, 16))])
    return Transcriber(model, Alphabet(" abcdefghijklmnopqrstuvwxyz"))


def test_a_saved_model_writes_what_python_writes(untaught, tmp_path):
    import tensorflow as tf

    samples = [sound(1.0), sound(0.4, 1), sound(2.03, 2)]
    made = export.saved_model(untaught, samples, "toy", RECORD, tmp_path)
    assert made == tmp_path / "export" / "1"
    assert "synthetic" in (made.parent / "README.md").read_text()
    loaded = tf.saved_model.load(str(made))
    one = sound(1.5, 5)
    found = loaded.signatures["transcribe"](samples=tf.constant(one[None]),
                                            count=tf.constant([len(one)]))  # fmt: skip
    said = found["text"].numpy()[0].decode("utf-8")
    assert said == best_path(untaught.logits([one])[0], untaught.alphabet)


def test_mixed_precision_is_exported_in_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = Recogniser(28, bands=16, width=16, blocks=1, kernel=5, right=2)
        model.learn_scale([np.random.default_rng(0).normal(-6, 3, size=(50, 16))])
        mixed = Transcriber(model, Alphabet(" abcdefghijklmnopqrstuvwxyz"))
        found = export.forms(mixed, sound(1.0), tmp_path)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.compute_dtype == "bfloat16" and found["largest difference"].max() < 1e-3
    exact = mixed.in_float32()
    np.testing.assert_allclose(exact.logits([sound(1.0)])[0], mixed.logits([sound(1.0)])[0],
                               atol=0.1)  # fmt: skip
    assert exact.in_float32() is exact


def test_bytes_become_letters_in_a_saved_model(tmp_path):
    model = Recogniser(257, bands=16, width=16, blocks=1, kernel=5, right=2)
    model.learn_scale([np.random.default_rng(0).normal(-6, 3, size=(50, 16))])
    product = Transcriber(model, Alphabet())
    kernel = np.zeros(model.answers.kernel.shape, np.float32)
    bias = np.zeros(257, np.float32)
    bias[1 + ord("k")] = 5
    model.answers.set_weights([kernel, bias])
    from recipes.speech.serving import module

    served = module(product)  # must live as long as its function
    found = served.transcribe(sound(0.5)[None], np.array([8_000], np.int32))
    assert found["text"].numpy()[0] == b"k"
    half = np.zeros(257, np.float32)
    half[1 + "ü".encode()[0]] = 5  # the first byte of a letter, and never the second
    model.answers.set_weights([kernel, half])
    found = served.transcribe(sound(0.5)[None], np.array([8_000], np.int32))
    said = best_path(product.logits([sound(0.5)])[0], product.alphabet)
    assert found["text"].numpy()[0].decode("utf-8") == said == "\ufffd"


@pytest.mark.parametrize("form", ["lite", "onnx"])
def test_steps_of_other_forms_are_python_s(product, tmp_path, form):
    if form == "lite":
        step = export.of_lite(export.lite(product, tmp_path, 16), product)
    else:
        step = export.of_onnx(export.onnx(product, tmp_path, 16)["step"], product)
    assert step.frames == 16
    samples = sound(2.5, 3)
    own, other = product.stream(16), Stream(step, product.alphabet)
    for begin in range(0, len(samples), 3_000):
        own.feed(samples[begin : begin + 3_000])
        other.feed(samples[begin : begin + 3_000])
    assert own.finish() == other.finish()
    np.testing.assert_allclose(other.logits, own.logits, atol=1e-4)


@pytest.mark.parametrize("both", [False, True])
def test_networks_of_any_length_in_onnx(tmp_path, both):
    import onnxruntime

    model = Recogniser(28, bands=16, width=16, blocks=1, kind="deepspeech2", both=both)
    product = Transcriber(model, Alphabet(" abcdefghijklmnopqrstuvwxyz"))
    made = export.onnx(product, tmp_path)
    assert ("step" in made) == (not both)
    session = onnxruntime.InferenceSession(str(made["network"]))
    for count, rows in ((32, 1), (80, 3)):
        given = {"frames": np.random.default_rng(0).normal(size=(rows, count, 16)).astype("f4"),
                 "count": np.arange(rows, dtype=np.int32) + count - rows}  # fmt: skip
        wanted = np.asarray(model(given))
        np.testing.assert_allclose(session.run(None, given)[0], wanted, atol=1e-4)


def test_what_reads_both_ways_has_no_step(product, tmp_path):
    model = Recogniser(28, bands=16, width=16, kind="deepspeech", both=True)
    with pytest.raises(ValueError, match="reads recordings both ways"):
        export.lite(replace(product, model=model), tmp_path)
    assert not list(tmp_path.iterdir())
