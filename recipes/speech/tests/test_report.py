"""Records, tables, pictures and texts of a run, on a corpus that is spoken in a moment."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common import results
from common.history import History
from common.validation import DataError
from data_scripts import sample_speech
from recipes.speech import config, data, examples, language, look, prepare, report, train
from recipes.speech.alphabet import Alphabet
from recipes.speech.audio import RATE
from recipes.speech.batches import Masks
from recipes.speech.ngram import estimate
from recipes.speech.transcriber import Transcriber

PARAMETERS = dict(
    DATA="sample", OUTPUT_DIR="x", SEED=0, EPOCHS=3, BATCH_SIZE=None, LIMIT=None, RESUME=True,
    COLUMNS="", ALPHABET=None, STRICT=False, NETWORK="fast", WIDTH=64, BLOCKS=2,
    AHEAD=3, CHANGES="speed 0.9 1.1", START=None, TEXT=None, STRANGERS=None, MEMORY="grow",
    PRECISION="float32",
)  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, own_cache):
    folder = tmp_path_factory.mktemp("spoken")
    sample_speech.write(folder, train=30, validation=6, test=12)
    return data.load(folder, log=None)


@pytest.fixture(scope="module")
def written(corpus, untaught):
    logits = report.heard(corpus, untaught)
    return report.written(corpus, untaught, logits), logits


def test_both_ways_of_reading_are_measured(corpus, written):
    found, logits = written
    assert set(found) == {report.GREEDY, report.MODEL} and len(logits) == 12
    measured = report.measure(corpus, found, [0])
    names = {(each["variant"], each["metric"]) for each in measured}
    assert names == {(way, f"{unit} error rate") for way in found for unit in ("word", "letter")}
    for each in measured:
        assert each["low"] <= each["value"] <= each["high"] and each["n"] == 10
    shown = results.table(measured, [], corpus.name)
    assert shown["value"].str.endswith("%").all()
    told = report.verdict(corpus, found)
    assert "12 recordings of voices that it never heard (" in told
    unknown = replace(corpus, rows=corpus.rows.assign(speaker=""))
    assert "12 recordings (" in report.verdict(unknown, found)
    same = replace(corpus, rows=corpus.rows.assign(speaker="ann"))
    assert "12 recordings (" in report.verdict(same, found)


def test_curves_are_recorded_and_read_again(corpus, tmp_path):
    points = [{"minutes": 0.5 * k, "epoch": k, "wer": 1 / k, "cer": 0.1} for k in range(1, 9)]
    taught = train.Taught(None, None, corpus.alphabet, History(seconds=[30.0] * 8), points, {2: 8})
    measured = report.learning_curve(corpus, taught, "fast", [0])
    assert [each["variant"] for each in measured] == [f"fast after {k} min" for k in (1, 2, 5)]
    assert [each["value"] for each in measured] == [1 / 2, 1 / 4, 1 / 8]
    assert report.training(corpus, taught, [0])[0]["value"] == 4
    (tmp_path / "speech.json").write_text(json.dumps(measured))
    found = report.recorded_curves(corpus.name, tmp_path / "speech.json")
    assert [each["minutes"] for each in found["fast, recorded"]] == [1, 2, 5]
    assert report.recorded_curves("another", tmp_path / "speech.json") == {}
    assert report.recorded_curves(corpus.name, tmp_path / "none.json") == {}
    name = Path(corpus.part("train")["path"].iloc[2]).name
    assert f"{name} (8 of 8 epochs)" in report.skipped(corpus, taught)
    assert report.skipped(corpus, replace(taught, skipped={})).startswith("No utterance")


def test_strangers_are_heard_as_a_whole(corpus, untaught, tmp_path):
    examples.broken(tmp_path / "others", corpus)
    found = report.Strangers.heard_by(untaught, tmp_path / "others", log=None)
    assert set(found.corpus.rows["split"]) == {"test"} and len(found.table) == examples.GOOD + 1
    assert {each["data"] for each in found.measure([0])} == {"strangers: others"}
    assert "of which it learned nothing" in found.verdict and 0 <= found.known < 1
    assert "words of the language model. 7 more could not be used" in found.verdict
    none = report.Strangers.heard_by(untaught, None)
    assert none.measure([0]) == [] and none.table.empty and "none" in none.verdict
    with pytest.raises(DataError, match="STRANGERS='nowhere'"):
        report.Strangers.heard_by(untaught, "nowhere")


def test_errors_lie_somewhere(written):
    table = written[0][report.MODEL]
    kinds = report.by_kind(table)
    assert set(kinds) == {"speaker", "words said", "decibels above noise"}
    for each in kinds.values():
        assert each["words"].sum() == table["words"].sum()
    assert "decibels above noise" not in report.by_kind(table.assign(snr=""))
    shown = report.best_and_worst(table)
    assert (shown["word errors"].tail(3) > 0).all()


def test_pictures_and_players(corpus, untaught, written, tmp_path):
    found, logits = written
    samples = prepare.samples_of(corpus.part("test").iloc[0], RATE)
    figure = look.picture(corpus, found, samples, logits[0], corpus.alphabet, untaught.layer,
                          tmp_path)  # fmt: skip
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    assert "word error rate" in figure.axes[0].get_title(loc="left") + figure.axes[0].get_title()
    frames = [np.zeros((80, 16)), np.zeros((90, 16))]
    shown = [axis.images[0].get_array() for axis in look.learned(frames, Masks(), np.ones(16)).axes]
    assert not shown[0].any() and shown[1].any()
    points = [{"minutes": k, "epoch": k, "wer": 1 / k, "cer": 0.1} for k in (1, 2)]
    axis = look.curve({"fast": points}, "a curve", goal=9).axes[0]
    assert axis.get_xlabel() == "minutes of training" and len(axis.lines) == 2
    page = look.listen(report.best_and_worst(found[report.GREEDY]))
    assert page.count("<audio") == len(report.best_and_worst(found[report.GREEDY]))
    assert "data:audio/ogg;base64," in page


def test_the_language_model_is_of_the_training_part_and_a_text(corpus, tmp_path):
    model = language.of_corpus(corpus)
    said = {word for text in corpus.part("train")["transcript"] for word in text.split()}
    assert model.vocabulary == said
    (tmp_path / "more.txt").write_text("The quick brown Fox, 42 times!\n\n größe\n")
    more = language.of_corpus(corpus, tmp_path / "more.txt")
    assert {"quick", "brown", "fox"} <= more.vocabulary and "42" not in more.vocabulary
    assert language.unit_of(corpus) == "words"
    facts = language.facts(model, corpus)
    assert facts.index.tolist() == list(data.PARTS)
    assert facts.loc["train", "unknown words"] == "0.00%"
    finished = estimate([["only", "this"]], 2).write(tmp_path / "own.arpa")
    assert language.of_corpus(corpus, finished).vocabulary == {"only", "this"}
    (tmp_path / "none.txt").write_text("42 ... \n")
    for name in ("none.txt", "nowhere.txt"):
        with pytest.raises(DataError, match=name):
            language.of_corpus(corpus, tmp_path / name)


@pytest.mark.parametrize("letters", [" abcdefghijklmnopqrstuvwxyz", ""])
def test_letters_are_counted_where_words_never_come_twice(corpus, untaught, letters, tmp_path):
    texts = [f"{chr(97 + k % 26)}{chr(97 + k // 26)}x" for k in range(len(corpus))]
    new = replace(corpus, rows=corpus.rows.assign(transcript=texts), alphabet=Alphabet(letters))
    assert language.unit_of(new) == "letters"
    (tmp_path / "text.txt").write_text("\n".join(texts))
    assert language.unit_of(new, tmp_path / "text.txt") == "words"
    finished = estimate([["only", "this"]], 2).write(tmp_path / "own.arpa")
    assert language.unit_of(new, finished) == "words"
    model = language.of_corpus(new, unit="letters")
    assert language.unit_of(corpus, model.write(tmp_path / "letters.arpa")) == (
        "letters" if new.alphabet.names == corpus.alphabet.names else "words")
    assert set(model.vocabulary) <= set(new.alphabet.names)
    facts = language.facts(model, new, "letters")
    assert 1 < facts.loc["test", "perplexity by letter"] < 60
    network = train.network(train.Settings(width=16, blocks=1, kernel=5, right=2, bands=16),
                            new.alphabet.size)  # fmt: skip
    joined, tried = language.joined(network, new, model, "letters")
    assert {each["beta"] for each in tried} == {0.0} and joined.unit == "letters"
    sound = [prepare.samples_of(new.rows.iloc[0], RATE)]
    loaded = Transcriber.load(joined.save(tmp_path / "saved"))
    with pytest.raises(DataError, match="own.arpa counts words"):
        Transcriber.load(tmp_path / "saved", finished)
    assert loaded.transcribe(sound)[0][0].text == joined.transcribe(sound)[0][0].text


def test_broken_recordings_are_shown_of_few_too(corpus, tmp_path):
    few = replace(corpus, rows=corpus.rows[corpus.rows["split"] == "train"].head(2))
    assert len(data.load(examples.broken(tmp_path / "few", few), log=None)) == examples.GOOD + 1


def test_broken_recordings_are_shown(corpus, tmp_path):
    found = data.load(examples.broken(tmp_path / "broken", corpus), log=None)
    assert len(found) == examples.GOOD + 1 and found.report.dropped == 7


def test_parameters_are_checked_and_become_settings(tmp_path):
    run = config.Speech.check(PARAMETERS)
    assert run.settings.width == 64 and run.settings.right == 3 and run.settings.epochs == 3
    assert run.door["alphabet"] is None and run.door["columns"] is None
    assert config.Speech.check({**PARAMETERS, "BATCH_SIZE": 40}).settings.seconds == 40
    wrong = {"NETWORK": "slow", "CHANGES": "sped 1 2", "AHEAD": -1, "COLUMNS": "file", "WIDHT": 3}
    more = [("AHEAD", 15), *(("ALPHABET", each) for each in (" ABC", " aab", "abc", " "))]
    assert config.Speech.check({**PARAMETERS, "ALPHABET": " abc'é"}).door["alphabet"] == " abc'é"
    assert config.Speech.check({**PARAMETERS, "NETWORK": "deepspeech2", "AHEAD": 20})
    (tmp_path / "empty").mkdir()
    more += [("START", str(tmp_path / "empty")), ("TEXT", "no.txt"), ("STRANGERS", "ljspeach"),
             ("STRANGERS", "sample")]  # fmt: skip
    for name, value in [*wrong.items(), *more]:
        with pytest.raises(ValueError, match=name):
            config.Speech.check({**PARAMETERS, name: value})


def test_the_sample_is_spoken_once(own_cache, monkeypatch):
    small = lambda folder: real(folder, train=12, validation=3, test=3)  # noqa: E731
    real = sample_speech.write
    monkeypatch.setattr(sample_speech, "write", small)
    first = data.load("sample", log=None)
    monkeypatch.setattr(sample_speech, "write", lambda folder: pytest.fail("spoken again"))
    second = data.load("sample", log=None)
    assert first.synthetic and first.fingerprint == second.fingerprint and len(first) == 18
    assert "synthetic" in str(first.card())
    pd.testing.assert_frame_equal(first.rows, second.rows)
