"""Batches, resuming, and the protocol: what a killed run gives is what an unbroken one gives."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest

from common.validation import DataError
from recipes.text_cnn.batches import Batches, predict_logits
from recipes.text_cnn.evaluate import BASELINE, FoldResult, evaluate_fold
from recipes.text_cnn.settings import Settings
from recipes.text_cnn.text import Encoder
from recipes.text_cnn.train import taught, train_classifier, train_network


@pytest.fixture(scope="module")
def encoder(corpus, fold):
    return Encoder.fit(corpus.texts[fold.train], buckets=500)


@pytest.fixture(scope="module")
def encoded(corpus, encoder):
    return encoder.encode(corpus.texts)


def test_every_row_is_in_one_batch_and_the_order_hangs_on_seed_and_epoch(corpus, fold, encoded):
    batches = Batches(encoded, corpus.labels, fold.train, 2, 16, seed=3)
    first, again, second = ([rows.tolist() for rows in batches.order(epoch)] for epoch in (0, 0, 1))
    assert first == again != second
    assert sorted(sum(first, [])) == sorted(fold.train)
    assert len(first) == batches.steps == len(list(batches(0)))


def test_channels_are_known_before_a_batch_is_seen(corpus, fold, encoded):
    """Else Keras hands every convolution to XLA, which compiles it anew for every length."""
    evidence = np.zeros((len(encoded.tokens), 2), np.float32)
    batches = Batches(encoded, corpus.labels, fold.train, 2, 16, evidence=evidence)
    spec = batches(0).element_spec[0]
    assert spec["evidence"].shape.as_list() == [None, None, 2]


def test_batches_hold_sentences_of_about_one_length(corpus, encoded):
    texts = ["word " * length for length in np.random.default_rng(0).integers(1, 60, 500)]
    many = Encoder(["word"]).encode(texts)
    rows = np.arange(500)
    ours = Batches(many, rows * 0, rows, 2, 20).order(0)
    by_lot = np.split(np.random.default_rng(1).permutation(rows), 25)
    spread = [np.mean([np.ptp(many.lengths[k]) for k in groups]) for groups in (ours, by_lot)]
    assert spread[0] < spread[1] / 5


def test_labels_travel_with_their_sentences(corpus, fold, encoded):
    batches = Batches(encoded, corpus.labels, fold.train, 2, 16)
    (inputs, targets), rows = next(iter(batches(2))), batches.order(2)[0]
    np.testing.assert_array_equal(targets.numpy().argmax(1), corpus.labels[rows])
    np.testing.assert_array_equal(inputs["indices"].numpy(), batches.arrays(rows)["indices"])


def test_predictions_come_in_the_order_of_the_rows(corpus, classifier):
    rows = np.array([7, 3, 200, 11])
    encoded = classifier.encoder.encode(corpus.texts)
    evidence = np.concatenate(classifier.linear.token_evidence(corpus.texts))
    some, every = (
        predict_logits(
            classifier.members[0],
            Batches(encoded, corpus.labels, part, 2, 16, evidence=evidence),
            size,
        )
        for part, size in ((rows, 2), (np.arange(240), 256))
    )
    np.testing.assert_allclose(some, every[rows], atol=1e-5)


def test_no_rows_and_no_batch_size_are_refused(corpus, encoded):
    with pytest.raises(ValueError, match="no rows"):
        Batches(encoded, corpus.labels, np.array([], int), 2, 16)
    with pytest.raises(ValueError, match="BATCH_SIZE=0"):
        Batches(encoded, corpus.labels, np.arange(4), 2, 0)


def test_early_stopping_needs_rows_to_stop_by(corpus, fold, encoder, encoded):
    with pytest.raises(ValueError, match="patience=5"):
        train_network(
            Settings.as_published(), encoder, encoded, corpus.labels, fold.train, fold.test[:0],
            2, None,
        )  # fmt: skip


def test_a_typo_in_the_settings_is_an_error():
    with pytest.raises(ValueError, match="epohcs"):
        Settings(epohcs=3)


@pytest.mark.parametrize("variant", ["rand", "static", "non-static", "multichannel"])
def test_the_papers_variants_learn(corpus, fold, variant, tmp_path):
    words = sorted({word for text in corpus.texts for word in text.lower().split()})
    vectors = np.random.default_rng(0).normal(size=(len(words), 12)).astype("float32")
    np.savez(tmp_path / "vectors.npz", words=np.array(words), vectors=vectors)
    settings = Settings.as_published(
        variant, epochs=40, patience=20, network={"filters": 8, "dimension": 12}
    )
    classifier, histories = train_classifier(
        settings, corpus, fold, None, members=1, log=None,
        vectors=None if variant == "rand" else str(tmp_path / "vectors.npz"),
    )  # fmt: skip
    right = classifier.probabilities(corpus.texts[fold.test]).argmax(1) == corpus.labels[fold.test]
    assert right.mean() > 0.85
    assert histories[0].best_epoch is not None and classifier.linear is None


def test_one_network_learns_from_the_others(corpus, fold, settings):
    settings = settings.model_copy(update={"epochs": 8})
    classifier, histories = train_classifier(
        settings, corpus, fold, None, members=2, linear="none", distil=True, log=None
    )
    assert len(classifier.members) == 1 and len(histories) == 3
    right = classifier.probabilities(corpus.texts[fold.test]).argmax(1) == corpus.labels[fold.test]
    assert right.mean() > 0.95


def test_what_is_taught_is_half_label_half_teachers(networks_alone, corpus, fold):
    encoded = networks_alone.encoder.encode(corpus.texts)
    goal = taught(networks_alone.members, encoded, None, corpus.labels, fold.train, 2)
    labels = np.eye(2)[corpus.labels]
    teachers = networks_alone.probabilities(corpus.texts)
    np.testing.assert_allclose(
        goal[fold.train], (labels + teachers)[fold.train] / 2, atol=1e-5
    )
    np.testing.assert_array_equal(goal[fold.test], labels[fold.test])


@pytest.mark.parametrize("linear", [True, False, "reed"])
def test_an_unknown_way_with_the_linear_model_is_refused(corpus, fold, settings, linear):
    with pytest.raises(ValueError, match="choose one of read, beside, none"):
        train_classifier(settings, corpus, fold, None, linear=linear)


def test_our_network_takes_outside_vectors(corpus, fold, settings, tmp_path):
    np.savez(tmp_path / "v.npz", words=np.array(["film", "good"]), vectors=np.eye(2, 4, dtype="f4"))
    classifier, _ = train_classifier(
        settings, corpus, fold, None, members=1, vectors=str(tmp_path / "v.npz"), log=None
    )
    table = np.array(classifier.members[0].get_layer("outside_vectors").embeddings)
    assert table.shape == (len(classifier.encoder), 4)
    right = classifier.probabilities(corpus.texts[fold.test]).argmax(1) == corpus.labels[fold.test]
    assert right.mean() > 0.95


def test_probabilities_can_be_learned(corpus, fold, encoded):
    soft = np.random.default_rng(0).dirichlet([1, 1], len(corpus)).astype("float32")
    batches = Batches(encoded, soft, fold.train, 2, 16)
    _, targets = next(iter(batches(1)))
    np.testing.assert_array_equal(targets.numpy(), soft[batches.order(1)[0]])


def test_with_outside_vectors_a_test_word_has_its_vector(corpus, fold, tmp_path):
    texts = corpus.texts.copy()
    texts[fold.test[0]] = "zyxwv"
    changed = replace(corpus, texts=texts)
    np.savez(tmp_path / "v.npz", words=np.array(["film", "zyxwv"]), vectors=np.ones((2, 4), "f4"))
    settings = Settings.as_published("static", epochs=1, patience=1, network={"filters": 2})
    classifier, _ = train_classifier(
        settings, changed, fold, None, members=1, vectors=str(tmp_path / "v.npz"), log=None
    )
    number = classifier.encoder.vocabulary.index("zyxwv") + 2
    table = np.array(classifier.members[0].get_layer("embedding").embeddings)
    np.testing.assert_array_equal(table[number], 1)


def test_a_fold_has_every_arm_and_is_not_computed_twice(corpus, fold, settings, tmp_path):
    result, classifier = evaluate_fold(settings, corpus, fold, tmp_path, members=2, log=None)
    assert set(result.probabilities) == {
        "ours", "one network", "linear n-grams", BASELINE,
    }  # fmt: skip
    assert not list(tmp_path.rglob("checkpoint"))
    said = []
    again, loaded = evaluate_fold(settings, corpus, fold, tmp_path, members=2, log=said.append)
    assert len(said) == 1 and "fold 1 is finished" in said[0]
    for arm, table in result.probabilities.items():
        np.testing.assert_array_equal(table, again.probabilities[arm])
    assert again.histories[0].metrics == result.histories[0].metrics
    np.testing.assert_allclose(
        loaded.probabilities(corpus.texts[:5]), classifier.probabilities(corpus.texts[:5]),
        atol=1e-6,
    )  # fmt: skip
    other, _ = evaluate_fold(settings, corpus, fold, tmp_path, members=1, log=None)
    assert "one network" not in other.probabilities  # other settings are another fold
    assert len(list(tmp_path.rglob("result.npz"))) == 2


def test_a_damaged_fold_is_named(corpus, fold, settings, tmp_path):
    path = tmp_path / "result.npz"
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match="result.npz cannot be read"):
        FoldResult.load(path)


KILLED = """
    import os, signal, sys
    from recipes.text_cnn.tests.conftest import NETWORK, toy_corpus
    from recipes.text_cnn.evaluate import evaluate_fold
    from recipes.text_cnn.data import Fold
    from recipes.text_cnn.settings import Settings
    import numpy as np

    def log(line):
        print(line, flush=True)
        if "--kill" in sys.argv and "epoch 3/4" in line:
            os.kill(os.getpid(), signal.SIGKILL)

    corpus = toy_corpus()
    fold = Fold(0, *[np.flatnonzero(corpus.split == p) for p in ("train", "validation", "test")], 0)
    settings = Settings(epochs=4, batch_size=16, minimum_count=1, buckets=500, network=NETWORK)
    result, _ = evaluate_fold(
        settings, corpus, fold, sys.argv[1], members=2, log=log
    )
    np.save(sys.argv[1] + "/ours.npy", result.probabilities["ours"])
"""


def test_a_killed_run_goes_on_to_the_same_numbers(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(KILLED))

    def run(folder, *options):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        return subprocess.run(
            [sys.executable, str(script), str(folder), *options], env=environment,
            capture_output=True, text=True,
        )  # fmt: skip

    assert run(tmp_path / "whole").returncode == 0
    assert run(tmp_path / "broken", "--kill").returncode == -signal.SIGKILL
    second = run(tmp_path / "broken")
    assert second.returncode == 0, second.stderr
    assert "epoch 1/4" not in second.stdout.split("network 2 of 2")[0]
    np.testing.assert_array_equal(
        np.load(tmp_path / "whole" / "ours.npy"), np.load(tmp_path / "broken" / "ours.npy")
    )
