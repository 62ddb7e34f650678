"""Batches hold what they should, masks cut what they may, and a broken training ends the same."""

from dataclasses import replace

import numpy as np
import pytest

from data_scripts import sample_speech
from recipes.speech import augment, batches, data, prepare, train
from recipes.speech.alphabet import Alphabet
from recipes.speech.batches import Batches, Masks
from recipes.speech.features import LogMel
from recipes.speech.prepare import Heard
from recipes.speech.train import Curve, Settings
from recipes.speech.transcriber import Transcriber

SMALL = Settings(width=16, blocks=1, kernel=5, right=2, bands=16, epochs=3, copies=2, seconds=20)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, own_cache):
    folder = tmp_path_factory.mktemp("spoken")
    sample_speech.write(folder, train=24, validation=6, test=6)
    return data.load(folder, log=None)


def heard(*counts, bands=4, seed=0):
    frames = np.random.default_rng(seed).normal(size=(sum(counts), bands)).astype(np.float16)
    return Heard(frames, np.cumsum([0, *counts])[:-1], np.array(counts))


def test_every_utterance_comes_once_an_epoch_each_copy_in_its_turn():
    counts = np.random.default_rng(0).integers(50, 400, 30)
    made = Batches([heard(*counts, seed=k) for k in range(3)], [[1, 2]] * 30, np.zeros(4), 12)
    seen = {}
    for epoch in range(3):
        plan = made.planned(epoch)
        assert sorted(place for batch in plan for place, _ in batch) == list(range(30))
        for batch in plan:
            longest = max(batches.rounded(counts[place]) for place, _ in batch)
            assert len(batch) == 1 or len(batch) * longest <= 1_200
            for place, copy in batch:
                seen.setdefault(place, set()).add(copy)
        assert plan == made.planned(epoch)
    assert all(copies == {0, 1, 2} for copies in seen.values())
    assert made.planned(0) != made.planned(3)


def test_batches_hold_the_frames_and_letters():
    copies, letters = [heard(40, 70, 33)], [[1], [2, 3, 3], [4, 4]]
    made = Batches(copies, letters, np.zeros(4), 100)
    plan = made.planned(0)
    (given, wanted), = made.made(plan, np.random.default_rng(0))
    assert given["frames"].shape == (3, 96, 4)
    for row, count, each, (place, _) in zip(given["frames"], given["count"], wanted, plan[0],
                                            strict=True):  # fmt: skip
        np.testing.assert_array_equal(row[:count], copies[0][place].astype(np.float32))
        assert not row[count:].any() and each[each > 0].tolist() == letters[place]


def test_more_letters_than_frames_are_skipped_and_counted():
    made = Batches([heard(40, 40)], [[1] * 5, [1, 1, 1, 1, 1, 1]], np.zeros(4), 100)
    assert [place for batch in made.planned(0) for place, _ in batch] == [0]
    assert made.skipped(2) == {1: 2} and made.skipped(0) == {}
    assert batches.needed([1, 1, 2, 2]) == 6


def test_masks_stay_within_what_is_allowed():
    wanted = Masks.of(augment.parsed("bands 0 3, times 0 0.2 1 after 0.5"))
    masks, usual = replace(wanted, time_masks=4, share=0.25), np.ones(8)
    random, cut = np.random.default_rng(0), []
    for _ in range(200):
        frames = np.zeros((100, 8), np.float32)
        masks.cut(frames, usual, random)
        bands, times = frames.all(axis=0).sum(), frames.all(axis=1).sum()
        assert bands <= 6 and times <= 25
        assert set(np.unique(frames)) <= {0, 1}
        cut.append((bands, times))
    assert np.mean(cut, axis=0)[0] > 1 and np.mean(cut, axis=0)[1] > 10
    frames = np.zeros((10, 8), np.float32)
    Masks.of([]).cut(frames, usual, random)
    assert not frames.any()
    assert masks.at(5, 10) == masks and masks.at(4, 10) == replace(masks, steps=masks.steps[:1])
    two = Masks.of(augment.parsed("speed 1 1, bands 0 8, bands 0 16 after 0.99"))
    assert [step.most for step in two.at(0, 10).steps] == [8]
    assert [step.most for step in two.at(9, 10).steps] == [8, 16]  # in the last epoch at least
    few = Masks.of(augment.parsed("bands 2 2 0.25"))
    cut = []
    for _ in range(400):
        frames = np.zeros((10, 8), np.float32)
        few.cut(frames, usual, random)
        cut.append(frames.any())
    assert 0.18 < np.mean(cut) < 0.32


def test_changes_come_when_they_should(corpus):
    rows, layer = corpus.part("validation"), LogMel(bands=16)
    settings = SMALL.model_copy(update={"epochs": 10, "copies": 3,
                                        "steps": "speed 0.9 1.1, noise 5 5 after 0.8"})  # fmt: skip
    copies, stages = train.changed(rows, layer, settings)
    assert stages == [(0, 0), (8, 3)] and len(copies) == 5
    made = Batches(copies, [[1]] * len(rows), np.zeros(16), 60, stages=stages)
    taken = [{copy for batch in made.planned(epoch) for _, copy in batch} for epoch in range(10)]
    assert set().union(*taken[:8]) == {0, 1, 2} and set().union(*taken[8:]) == {3, 4}
    assert np.median(copies[4].frames) > np.median(copies[0].frames) + 1  # noise fills the pauses
    plain = settings.model_copy(update={"steps": "bands 0 2"})
    assert train.changed(rows, layer, plain)[1] == [(0, 0)]
    late = settings.model_copy(update={"steps": "noise 5 5 after 0.5", "copies": 0})
    copies, stages = train.changed(rows, layer, late)
    assert stages == [(0, 0), (5, 1)] and len(copies) == 1 + 2
    slow = settings.model_copy(update={"epochs": 4, "steps": "speed 0.5 0.5 after 0.5"})
    copies, stages = train.changed(rows, layer, slow)
    made = Batches(copies, [[1]] * len(rows), np.zeros(16), 8, epochs=4, stages=stages)
    assert made.steps() == sum(len(made.planned(epoch)) for epoch in (0, 0, 2, 2))
    assert len(made.planned(2)) > len(made.planned(0))


def test_frames_are_computed_once_and_are_the_layers(corpus):
    rows, layer = corpus.part("validation"), LogMel(bands=16)
    found = prepare.of_rows(rows, layer, log=None)
    for place, row in enumerate(rows.itertuples()):
        samples = prepare.samples_of(row, 16_000)
        np.testing.assert_allclose(found[place], np.asarray(layer(samples[None]))[0], atol=5e-3)
        assert len(found[place]) == len(samples) // 160
    again = prepare.of_rows(rows, layer, log=lambda line: pytest.fail(line))
    np.testing.assert_array_equal(again.frames, found.frames)
    steps = augment.parsed("speed 0.8 1.2")
    one, other = (prepare.of_rows(rows, layer, steps, copy, log=None) for copy in (0, 1))
    assert (one.counts != found.counts).any() and (one.counts != other.counts).any()


def test_a_broken_training_ends_as_an_unbroken_one(corpus, tmp_path):
    whole = train.teach(corpus, SMALL, tmp_path / "whole", every=1, log=None)

    def interrupt(line):
        if line.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.teach(corpus, SMALL, tmp_path / "broken", every=1, log=interrupt)
    continued = train.teach(corpus, SMALL, tmp_path / "broken", every=1, log=None)
    assert continued.history.resumed_from == 2
    for one, other in zip(whole.model.weights, continued.model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert [point["epoch"] for point in continued.curve] == [1, 2, 3]
    assert [point["wer"] for point in continued.curve] == [point["wer"] for point in whole.curve]
    spent = np.cumsum(continued.history.seconds) / 60  # of both processes
    np.testing.assert_allclose([point["minutes"] for point in continued.curve], spent)
    losses = whole.history.metrics["loss"]
    assert losses[-1] < losses[0] and not whole.skipped


def test_a_network_learns_what_it_hears_again_and_again(tmp_path, own_cache):
    """Two words, a few voices: a minute's work for nobody, and no chance to guess."""
    rows = sample_speech.voices(0)["train"][:4]
    from data_scripts import speak

    said = [(word, voice) for _, voice in rows for word in ("yes", "no", "stop")] * 2
    paths = speak.speak(said, tmp_path)
    for path, (word, _) in zip(paths, said, strict=True):
        path.with_suffix(".txt").write_text(word)
    corpus = data.load(tmp_path, log=None)
    settings = SMALL.model_copy(update={"epochs": 60, "steps": "", "average": 0.0, "width": 32,
                                        "dropout": 0.0, "rate": 5e-3})  # fmt: skip
    taught = train.teach(corpus, settings, None, every=60, log=None)
    assert taught.curve[-1]["wer"] <= 0.25


@pytest.fixture
def curve(tmp_path):
    class Model:
        stop_training, optimizer = False, type("Optimizer", (), {"learning_rate": 1.0})()

    def made(**given):
        settings = Settings(schedule="plateau", patience=2, **given)
        found = train.Curve(None, ["a b"], None, 1, settings, tmp_path, False)
        found.set_model(Model())
        return found

    def told(curve, *errors):
        rates = []
        for wer in errors:
            curve.points.append({"wer": wer, "rate": curve.model.optimizer.learning_rate})
            curve._react()
            rates.append(curve.model.optimizer.learning_rate)
        return rates

    return made, told


def test_the_rate_is_halved_where_errors_do_not_fall(curve):
    made, told = curve
    rates = told(made(), 0.9, 0.8, 0.8, 0.85, 0.8, 0.8, 0.5, 0.6, 0.6)
    assert rates == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]


def test_training_ends_where_errors_do_not_fall(curve):
    made, told = curve
    one = made(stop=3)
    told(one, 0.9, 0.5, 0.6, 0.6)
    assert not one.model.stop_training
    told(one, 0.5)
    assert one.model.stop_training


def test_a_broken_training_keeps_its_plateaus(corpus, tmp_path):
    settings = SMALL.model_copy(update={"epochs": 5, "schedule": "plateau", "patience": 1,
                                        "rate": 1e-7, "copies": 1})  # fmt: skip
    whole = train.teach(corpus, settings, tmp_path / "whole", every=1, log=None)

    def interrupt(line):
        if line.startswith("epoch 3/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.teach(corpus, settings, tmp_path / "broken", every=1, log=interrupt)
    again = train.teach(corpus, settings, tmp_path / "broken", every=1, log=None)
    rates = [point["rate"] for point in whole.curve]
    assert again.history.resumed_from == 3 and rates[-1] < rates[0] / 2
    assert [point["rate"] for point in again.curve] == rates


def test_an_early_end_is_kept_and_remembered(corpus, tmp_path):
    settings = SMALL.model_copy(update={"epochs": 8, "stop": 1, "rate": 1e-9, "copies": 1})
    taught = train.teach(corpus, settings, tmp_path, every=1, log=None)
    assert taught.history.epochs == 2 and taught.history.stopped_early
    again = train.teach(corpus, settings, tmp_path, every=1, log=None)
    assert again.history.epochs == 2 and again.curve == taught.curve


def test_a_typing_error_in_a_setting_is_an_error():
    with pytest.raises(ValueError, match="widht"):
        Settings(widht=3)


def test_a_network_begins_with_the_layers_of_another():
    one, other = (train.network(SMALL.model_copy(update={"seed": seed, "blocks": 2}), 5 + seed)
                  for seed in (0, 1))  # fmt: skip
    last = [np.array(weight) for weight in other.stack[-1].weights]
    train.transfer(one, other, anew=2)
    for mine, theirs in zip(one.stack[:-1], other.stack[:-1], strict=True):
        for a, b in zip(mine.weights, theirs.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    for before, now in zip(last, other.stack[-1].weights, strict=True):
        np.testing.assert_array_equal(before, np.asarray(now))
    with pytest.raises(ValueError, match="classes 5 there, 6 here"):
        train.transfer(one, other, anew=0)
    wider = train.network(SMALL.model_copy(update={"width": 24}), 5)
    with pytest.raises(ValueError, match="START.*width 16 there, 24 here"):
        train.transfer(one, wider)


def test_a_start_of_the_same_letters_keeps_all(corpus, monkeypatch):
    once = SMALL.model_copy(update={"epochs": 1, "copies": 1, "rate": 1e-9, "average": 0})
    first = train.teach(corpus, once, log=None, every=1)
    monkeypatch.setattr(Curve, "on_epoch_end", lambda *_, **__: None)
    monkeypatch.setattr(Curve, "timed", lambda *_: [])
    for more, kept in (("", True), ("ß", False)):
        other = replace(corpus, alphabet=Alphabet(corpus.alphabet.letters + more))
        found = train.teach(other, once, start=Transcriber(first.model, corpus.alphabet), log=None)
        matrix = np.asarray(found.model.answers.kernel)
        before = np.asarray(first.model.answers.kernel)
        assert (matrix.shape == before.shape and np.allclose(matrix, before, atol=1e-4)) == kept
        mine, theirs = (each.stack[0].convolve.kernel for each in (found.model, first.model))
        np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), atol=1e-4)
