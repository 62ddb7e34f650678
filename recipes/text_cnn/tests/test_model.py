"""The networks keep what the paper and their docstrings say."""

import keras
import numpy as np
import pytest

from recipes.text_cnn.model import PAPER_VARIANTS, WordConvolution, kim_cnn, subword_cnn

WORDS, CLASSES = 30, 3
RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(WORDS, 8)).astype("float32")


def inputs(rows: int = 4, width: int = 6, padding: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    words = random.integers(1, WORDS, (rows, width)).astype("int32")
    evidence = random.normal(size=(rows, width, CLASSES)).astype("float32")
    return {
        # Here the distinct tokens are the words, each of five pieces.
        "indices": np.pad(words, [(0, 0), (0, padding)]),
        "token_words": np.pad(np.arange(WORDS, dtype="int32"), (0, padding)),
        "pieces": np.pad(random.integers(1, 50, 5 * WORDS).astype("int32"), (0, padding)),
        "piece_tokens": np.pad(np.repeat(np.arange(WORDS, dtype="int32"), 5), (0, padding)),
        "evidence": np.pad(evidence, [(0, 0), (0, padding), (0, 0)]),
    }


def words_alone() -> dict[str, np.ndarray]:
    return {name: inputs()[name] for name in ("indices", "token_words")}


def networks():
    for variant in PAPER_VARIANTS:
        vectors = None if variant == "rand" else VECTORS
        yield variant, kim_cnn(WORDS, CLASSES, variant, vectors, dimension=8, filters=5)
    small = {"buckets": 50, "dimension": 8, "piece_dimension": 4, "filters": 5}
    yield "subword", subword_cnn(WORDS, CLASSES, **small)
    yield "subword without pieces", subword_cnn(WORDS, CLASSES, **small | {"piece_dimension": 0})
    evidence = {"evidence_scale": 0.5, "bias": [1.0, 0.0, -2.0]}
    yield "subword with evidence", subword_cnn(WORDS, CLASSES, **small, **evidence)


def call(model, batch):
    names = [tensor.name for tensor in model.inputs]
    return keras.ops.convert_to_numpy(model({name: batch[name] for name in names}))


@pytest.mark.parametrize("name, model", list(networks()))
def test_scores_do_not_depend_on_the_padding(name, model):
    for weight in model.get_layer("logits").weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    for layer in model.layers:  # a bias above zero would let padding win the maximum
        if isinstance(layer, keras.layers.Conv1D | WordConvolution):
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
        if variant not in PAPER_VARIANTS:
            continue
        before = [np.array(weight) for weight in model.weights]
        model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
        target = np.eye(CLASSES, dtype="float32")[[0, 1, 2, 0]]
        model.train_on_batch(words_alone(), target)
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


@pytest.mark.parametrize("window", [1, 3, 4])
def test_words_multiplied_once_give_the_convolution_of_the_sentence(window):
    """Equation 2 of the paper, written as Keras's convolution over the padded word vectors."""
    vectors = np.pad(VECTORS[1:], [(1, 0), (0, 0)])
    indices = inputs(padding=2)["indices"]
    ours = WordConvolution(5, window)
    ours(vectors, indices)
    theirs = keras.layers.Conv1D(5, window, activation="relu")
    padded = np.pad(indices, [(0, 0), (window, window - 1)])
    theirs(vectors[padded])
    ours.bias.assign(np.linspace(-1, 1, 5))
    theirs.set_weights([np.array(weight) for weight in ours.weights])
    found = keras.ops.convert_to_numpy(ours(vectors, indices))
    expected = keras.ops.convert_to_numpy(theirs(vectors[padded]))
    assert found.shape == expected.shape == (4, 8 + window, 5)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_class_vectors_are_held_at_norm_three():
    model = kim_cnn(WORDS, CLASSES, "rand", dimension=8, filters=5)
    kernel = model.get_layer("logits").kernel
    kernel.assign(kernel * 100)
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    model.train_on_batch(words_alone(), np.eye(CLASSES, dtype="float32")[[0] * 4])
    norms = np.linalg.norm(np.array(kernel), axis=0)
    assert (norms <= 3 + 1e-4).all() and norms.max() > 2.9


def test_a_sentence_shorter_than_the_windows_and_an_empty_one_have_scores():
    for _, model in networks():
        batch = {
            "indices": np.array([[1], [0]], "int32"),
            "token_words": np.array([0, 5], "int32"),
            "pieces": np.zeros(0, "int32"),
            "piece_tokens": np.zeros(0, "int32"),
            "evidence": np.zeros((2, 1, CLASSES), "float32"),
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


def test_untrained_network_says_what_the_linear_model_says():
    bias = np.array([1.0, 0.0, -2.0])
    model = subword_cnn(WORDS, CLASSES, 50, evidence_scale=0.5, bias=bias, filters=5)
    batch = inputs()
    np.testing.assert_allclose(call(model, batch), batch["evidence"].sum(1) + bias, atol=1e-5)


def test_filters_see_the_evidence():
    """The same words with evidence moved from one to another give other scores."""
    model = subword_cnn(WORDS, CLASSES, 50, evidence_scale=0.5, filters=20)
    model.get_layer("logits").kernel.assign(RANDOM.normal(size=(160, CLASSES)))
    batch = inputs()
    moved = {**batch, "evidence": batch["evidence"][:, ::-1]}
    assert np.abs(call(model, batch) - call(model, moved)).max() > 0.01
