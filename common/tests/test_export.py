"""export: a SavedModel counts only when its reloaded outputs agree; the card says the numbers."""

import os

import numpy as np
import pytest
import tensorflow as tf

from common import export
from common.export import ExportError

RECORD = {
    "recipe": "text_cnn",
    "data": {"name": "mr", "synthetic": False, "fingerprint": "abc", "licence": "free, cite",
             "rows": 10662},
    "metrics": [
        {"data": "mr", "variant": "ours | best", "metric": "accuracy", "value": 0.81, "low": 0.8,
         "high": 0.82, "n": 1066, "seeds": [1, 2], "interval": "Wilson 95 %"},
        {"data": "mr", "variant": "base", "metric": "loss", "value": 0.5, "low": None,
         "high": None, "n": 1066, "seeds": [], "interval": ""},
    ],
    "parameters": {"DATA": "mr", "EPOCHS": 3},
    "commit": "abc1234", "dirty": True, "versions": {"keras": "3.15.1"},
    "date": "2026-11-21T12:00:00+00:00",
}
TEXTS = ["good film", "bad", "", "naïve 好 film film"]


class Counter(tf.Module):
    """Scores a text by the words it knows; holds a table and a variable, as a recipe's does."""

    def __init__(self):
        super().__init__()
        words = tf.lookup.KeyValueTensorInitializer(["good", "bad", "好"], [1.0, -1.0, 2.0])
        self.table = tf.lookup.StaticHashTable(words, 0.0)
        self.scale = tf.Variable(0.5)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text):
        scores = self.table.lookup(tf.strings.split(text))
        probability = tf.sigmoid(self.scale * tf.reduce_sum(scores, axis=1))
        label = tf.where(probability > 0.5, "positive", "nicht positiv – ñ")
        return {"probability": probability, "label": label}

    @tf.function
    def open_signature(self, text):
        return {"text": text}


@pytest.fixture(scope="module")
def module():
    return Counter()


def expected():
    scores = np.array([1.0, -1.0, 0.0, 2.0])
    probability = 1 / (1 + np.exp(-0.5 * scores))
    return {"probability": probability,
            "label": ["positive" if p > 0.5 else "nicht positiv – ñ" for p in probability]}


def test_versions_are_numbered_and_the_export_stands_alone(tmp_path, module):
    folder = tmp_path / "export"
    first = export.saved_model(folder, module, "classify", {"text": TEXTS}, expected())
    second = export.saved_model(folder, module, "classify", {"text": TEXTS})
    (folder / "10").mkdir()
    third = export.saved_model(folder, module, "classify", {"text": TEXTS})
    assert [path.name for path in (first, second, third)] == ["1", "2", "11"]
    assert sorted(path.name for path in folder.iterdir()) == ["1", "10", "11", "2"]
    moved = tmp_path / "elsewhere"
    os.rename(first, moved)
    loaded = tf.saved_model.load(str(moved))
    assert set(loaded.signatures) == {"classify", "serving_default"}
    given = loaded.signatures["serving_default"](text=tf.constant(TEXTS))
    np.testing.assert_allclose(given["probability"].numpy(), expected()["probability"], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability": [0.6, 0.4, 0.5, 0.7]}, "'probability' is up to 0.03.* off `check`; 1e-05"),
        ({"probability": [np.nan] * 4}, "'probability' is up to nan off"),
        ({"probability": [0.5]}, r"shape \(4,\), that of `check` \(1,\)"),
        ({"label": ["positive"] * 4}, "2 of 4 values of the exported model's 'label' differ"),
        ({"colour": [1]}, "gives no 'colour'"),
    ],
)
def test_a_wrong_export_leaves_nothing(tmp_path, module, change, message):
    with pytest.raises(ExportError, match=message):
        export.saved_model(tmp_path, module, "classify", {"text": TEXTS}, expected() | change)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_differs_from_the_module_is_refused(tmp_path):
    class Clock(tf.Module):
        """Never gives the same answer twice."""

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float64, name="x")])
        def add(self, x):
            return {"y": x + tf.timestamp()}

    with pytest.raises(ExportError, match="'y' is up to .* off the module itself"):
        export.saved_model(tmp_path, Clock(), "add", {"x": [1.0, 2.0]})
    assert list(tmp_path.iterdir()) == []


def test_wrong_signature_or_example_is_named(tmp_path, module):
    for name in ("predict", "open_signature"):
        with pytest.raises(ExportError, match=f"signature='{name}'.*input_signature"):
            export.saved_model(tmp_path, module, name, {"text": TEXTS})
    with pytest.raises(ExportError, match=r"inputs \['sentence'\].*takes \['text'\]"):
        export.saved_model(tmp_path, module, "classify", {"sentence": TEXTS})


def test_model_card_says_numbers_data_limits_and_origin(tmp_path):
    path = export.model_card(
        tmp_path / "export", title="Sentiment of sentences", task="Tells good from bad.",
        inputs="text, string [batch]", outputs="probability, float32 [batch]",
        limits=["English film reviews only."], record=RECORD,
    )
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Sentiment of sentences\n\nTells good from bad.\n")
    assert (r"| mr | ours \| best | accuracy | 0.8100 | 0.8000 to 0.8200 (Wilson 95 %) | 1066 "
            "| 1, 2 |") in text
    assert "| mr | base | loss | 0.5000 | – | 1066 | – |" in text
    assert "mr, 10,662 rows, licence: free, cite." in text and "synthetic" not in text
    assert "- English film reviews only." in text
    assert "2026-11-21" in text and "`abc1234`, with uncommitted changes" in text
    assert "keras 3.15.1" in text and "`EPOCHS = 3`" in text
    assert [p.name for p in path.parent.iterdir()] == ["README.md"]


def test_model_card_says_when_the_data_are_synthetic_and_wants_limits(tmp_path):
    texts = {"title": "a", "task": "b", "inputs": "c", "outputs": "d", "limits": ["e"]}
    record = RECORD | {"data": RECORD["data"] | {"synthetic": True}}
    path = export.model_card(tmp_path, record=record, **texts)
    assert "mr (synthetic, made by a script)" in path.read_text(encoding="utf-8")
    with pytest.raises(ExportError, match="limits is empty"):
        export.model_card(tmp_path, record=record, **(texts | {"limits": []}))
    with pytest.raises(ExportError, match="task is empty"):
        export.model_card(tmp_path, record=record, **(texts | {"task": " "}))
