"""Every form answers as Python does; files in, decisions out."""

import json

import keras
import numpy as np
import pytest

from common.vision.listing import some
from recipes.skin import export, prepare
from recipes.skin.classifier import Classifier, network
from recipes.skin.tests.conftest import SIZE, fresh

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow",
                                     reason="a SavedModel needs TensorFlow")  # fmt: skip
RECORDED = {
    "data": {"name": "drawn", "synthetic": True, "rows": 6, "licence": "none", "fingerprint": "x"},
    "metrics": [], "commit": None, "dirty": False, "versions": {}, "parameters": {},
    "date": "today", "recipe": "skin",
}  # fmt: skip


@tensorflow_only
def test_forms_agree(run, tmp_path):
    test = some(run.lesions.part("test"), 30)
    saved = export.saved_model(run.product, test["path"], "drawn", RECORDED, tmp_path)
    card = (tmp_path / "export" / "README.md").read_text()
    assert "no medical device" in card and "malignant_sensitive" in card
    pocket = network(fresh, run.members[:1], run.wanted, 1.3, views=1)
    examples = prepare.prepared(test["path"].tolist(), SIZE)
    lites = export.lite(pocket, examples, tmp_path)
    table = export.compared(run.product, pocket, test, saved, lites)
    assert table.loc["SavedModel, from files", "same class"] > 0.95
    assert table.loc["SavedModel, from files", "malignant off by"] < 0.01
    one = table.loc["Keras, one member, one view"]
    assert table.loc["LiteRT float32, one member, one view", "malignant off by"] == pytest.approx(
        one["malignant off by"], abs=1e-3)  # fmt: skip
    assert one["MB"] < table.loc["Python, from files", "MB"]


@tensorflow_only
def test_the_graph_says_what_python_says(run, tmp_path):
    import tensorflow as tf

    from recipes.skin.serving import module

    paths = run.lesions.part("test")["path"].head(5).tolist()
    table = run.product.classify(paths)
    served = module(run.product)  # it must live as long as its function
    found = served.classify(tf.constant([open(path, "rb").read() for path in paths]))
    np.testing.assert_allclose(found["malignant"].numpy(), table["probability of malignant"],
                               atol=5e-3)  # fmt: skip
    assert [name.decode() for name in found["class"].numpy()] == table["class"].tolist()
    assert found["malignant_sensitive"].numpy().dtype == bool


def test_another_backend_is_refused_in_words(run, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="TensorFlow"):
        export.saved_model(run.product, [], "drawn", RECORDED, tmp_path)


def test_a_file_that_the_graph_cannot_decode_counts_as_wrong(run):
    own = np.full((2, 7), 1 / 7, np.float32)
    own[:, 0] += 0.1
    found = own.copy()
    found[1] = np.nan
    labels = np.array([0, 0])
    accuracy, balanced, area, same, call, off = export._agreement(run.product, found, own, labels)
    assert (accuracy, balanced, same, call) == (0.5, 0.5, 0.5, 0.5)
    assert np.isnan(area) and off == 0 and json.dumps(accuracy) == "0.5"
    assert isinstance(run.product, Classifier)
