"""The networks keep what the paper and their docstrings say."""

import keras
import numpy as np
import pytest

from recipes.text_cnn.model import PAPER_VARIANTS, kim_cnn, subword_cnn
from recipes.text_cnn.text import PIECES_PER_WORD

WORDS, CLASSES = 30, 3
RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(WORDS, 8)).astype("float32")


def inputs(rows: int = 4, width: int = 6, padding: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    words = random.integers(1, WORDS, (rows, width)).astype("int32")
    pieces = random.integers(0, 50, (rows, width, PIECES_PER_WORD)).astype("int32")
    return {
        "words": np.pad(words, [(0, 0), (0, padding)]),
        "pieces": np.pad(pieces, [(0, 0), (0, padding), (0, 0)]),
    }


def networks():
    for variant in PAPER_VARIANTS:
        vectors = None if variant == "rand" else VECTORS
        yield variant, kim_cnn(WORDS, CLASSES, variant, vectors, dimension=8, filters=5)
    yield "subword", subword_cnn(WORDS, CLASSES, 50, dimension=8, piece_dimension=4, filters=5)


def call(model, batch):
    names = [tensor.name for tensor in model.inputs]
    return keras.ops.convert_to_numpy(model({name: batch[name] for name in names}))


@pytest.mark.parametrize("name, model", list(networks()))
def test_scores_do_not_depend_on_the_padding(name, model):
    for weight in model.get_layer("logits").weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    for layer in model.layers:  # a bias above zero would let padding win the maximum
        if isinstance(layer, keras.layers.Conv1D):
            layer.bias.assign(RANDOM.normal(size=layer.bias.shape))
    short = call(model, inputs())
    assert short.shape == (4, CLASSES)
    np.testing.assert_allclose(short, call(model, inputs(padding=9)), atol=1e-5)


@pytest.mark.parametrize("name, model", list(networks()))
def test_saved_and_loaded_is_the_same_network(name, model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(call(model, inputs()), call(again, inputs()), atol=1e-6)


def test_static_vectors_stay_and_the_others_learn():
    changed = {}
    for variant, model in networks():
        if variant == "subword":
            continue
        before = [np.array(weight) for weight in model.weights]
        model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
        target = np.eye(CLASSES, dtype="float32")[[0, 1, 2, 0]]
        model.train_on_batch({"words": inputs()["words"]}, target)
        changed[variant] = {
            weight.path.split("/")[0]: not np.allclose(weight, old)
            for weight, old in zip(model.weights, before, strict=True)
            if "embedding" in weight.path
        }
    assert changed == {
        "rand": {"embedding": True},
        "static": {"embedding": False},
        "non-static": {"embedding": True},
        "multichannel": {"embedding": True, "static_embedding": False},
    }


def test_multichannel_is_one_filter_over_both_channels():
    """Section 2.2: before any training both channels are equal, so the response doubles."""
    both = kim_cnn(WORDS, CLASSES, "multichannel", VECTORS, filters=5)
    one = kim_cnn(WORDS, CLASSES, "static", 2 * VECTORS, filters=5)
    weights = [w for w in both.weights if "embedding" not in w.path]
    for target, source in zip(
        [w for w in one.weights if "embedding" not in w.path], weights, strict=True
    ):
        target.assign(source)
    np.testing.assert_allclose(call(both, inputs()), call(one, inputs()), atol=1e-5)


def test_class_vectors_are_held_at_norm_three():
    model = kim_cnn(WORDS, CLASSES, "rand", dimension=8, filters=5)
    kernel = model.get_layer("logits").kernel
    kernel.assign(kernel * 100)
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    model.train_on_batch({"words": inputs()["words"]}, np.eye(CLASSES, dtype="float32")[[0] * 4])
    norms = np.linalg.norm(np.array(kernel), axis=0)
    assert (norms <= 3 + 1e-4).all() and norms.max() > 2.9


def test_a_sentence_shorter_than_the_windows_and_an_empty_one_have_scores():
    for _, model in networks():
        batch = {
            "words": np.array([[5], [0]], "int32"),
            "pieces": np.zeros((2, 1, PIECES_PER_WORD), "int32"),
        }
        assert np.isfinite(call(model, batch)).all()


def test_bad_requests_name_the_parameter():
    with pytest.raises(ValueError, match="variant='random'; choose one of rand"):
        kim_cnn(WORDS, CLASSES, "random")
    with pytest.raises(ValueError, match="give `vectors`"):
        kim_cnn(WORDS, CLASSES, "static")
    with pytest.raises(ValueError, match="29 rows for 30"):
        kim_cnn(WORDS, CLASSES, "static", VECTORS[1:])


def test_parameter_count_of_the_paper():
    """Three widths of 100 filters over 300 dimensions, and one weight per map and class."""
    model = kim_cnn(1000, 2, "rand")
    expected = 1000 * 300 + sum(h * 300 * 100 + 100 for h in (3, 4, 5)) + 300 * 2 + 2
    assert model.count_params() == expected
