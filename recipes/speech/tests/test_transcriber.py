"""The product: alone or beside others a recording reads the same, saved and loaded too."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from common.validation import DataError
from recipes.speech import transcribe
from recipes.speech.audio import RATE
from recipes.speech.decode import best_path
from recipes.speech.transcriber import Transcriber


def sound(seconds, seed=0):
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * np.cumsum(300 + 200 * np.sin(5 * time)) / RATE)
    return (0.2 * wave + 0.01 * random.normal(size=len(time))).astype(np.float32)


def test_a_recording_reads_the_same_beside_others(untaught):
    samples = [sound(seconds, k) for k, seconds in enumerate((1.0, 0.3, 2.5, 0.01, 40.0, 30.0))]
    together = untaught.logits(samples)
    for each, wanted in zip(samples, together, strict=True):
        # Frames are kept in half precision.
        np.testing.assert_allclose(untaught.logits([each])[0], wanted, atol=1e-3)
        assert len(wanted) == -(-(len(each) // 160) // 4)
    texts = [found[0].text for found in untaught.transcribe(samples)]
    assert texts == [untaught.transcribe([each])[0][0].text for each in samples]
    assert untaught.logits([]) == []


def test_words_are_those_of_the_language_model(untaught):
    found = untaught.transcribe([sound(2)])[0]
    assert set(found[0].text.split()) <= untaught.language.vocabulary
    plain = replace(untaught, language=None)
    assert plain.transcribe([sound(2)])[0][0].confidence == 1
    hot = untaught.with_hot({"zebra": 50.0}).transcribe([sound(2)])[0][0]
    assert set(hot.text.split()) <= untaught.language.vocabulary | {"zebra"}


def test_saved_and_loaded_it_reads_the_same(untaught, tmp_path):
    untaught.save(tmp_path / "transcriber")
    loaded = Transcriber.load(tmp_path / "transcriber")
    assert loaded.transcribe([sound(2)])[0][0].text == untaught.transcribe([sound(2)])[0][0].text
    assert loaded.synthetic and loaded.search == untaught.search
    np.testing.assert_allclose(loaded.logits([sound(1)])[0], untaught.logits([sound(1)])[0],
                               atol=1e-5)  # fmt: skip
    about = tmp_path / "transcriber" / "transcriber.json"
    about.write_text(about.read_text().replace('"format": 1', '"format": 0'))
    with pytest.raises(DataError, match="another version"):
        Transcriber.load(tmp_path / "transcriber")
    with pytest.raises(FileNotFoundError, match="holds no transcriber"):
        Transcriber.load(tmp_path)


def test_a_stream_says_what_the_whole_says(untaught):
    samples, stream = sound(3), untaught.stream()
    for begin in range(0, len(samples), 4_000):
        stream.feed(samples[begin : begin + 4_000])
    stream.finish()
    np.testing.assert_allclose(stream.logits, untaught.logits([samples])[0], atol=1e-3)
    assert stream.text == best_path(stream.logits, untaught.alphabet)
    assert untaught.stream().step is stream.step
    for more in (lambda: stream.feed(samples), stream.finish):
        with pytest.raises(ValueError, match="finished; another one needs another Stream"):
            more()


@pytest.fixture(scope="module")
def folder(untaught, tmp_path_factory):
    made = tmp_path_factory.mktemp("talks")
    untaught.save(made / "transcriber")
    (made / "in").mkdir()
    talk = np.concatenate([sound(2, 1), np.zeros(RATE, np.float32), sound(1, 2)])
    soundfile.write(made / "in" / "talk.wav", talk, RATE)
    soundfile.write(made / "in" / "slow.flac", sound(1, 3)[::2], RATE // 2)
    (made / "in" / "broken.wav").write_bytes(b"RIFF and no more")
    (made / "in" / "notes.txt").write_text("no sound")
    return made


def test_files_are_written_down_and_bad_ones_told(folder, tmp_path, capsys):
    arguments = [str(folder / "transcriber"), str(folder / "in"), "--srt"]
    assert transcribe.main([*arguments, "--output", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "broken.wav cannot be read as sound" in said.err and "1 of 3 files" in said.err
    assert {path.name for path in tmp_path.iterdir()} == {
        "talk.json", "talk.srt", "slow.json", "slow.srt"}  # fmt: skip
    content = json.loads((tmp_path / "talk.json").read_text())
    assert content["seconds"] == 4 and content["learned from synthetic speech"]
    begins = [piece["begin"] for piece in content["pieces"]]
    assert len(begins) == 2 and begins[0] == 0 and 2.7 < begins[1] < 3
    for piece in content["pieces"]:
        assert piece["text"].split() == [word["word"] for word in piece["words"]]
        for word in piece["words"]:
            assert piece["begin"] <= word["begin"] < word["end"] <= piece["end"] + 0.05


def test_commands_that_cannot_be(folder, untaught, tmp_path, capsys):
    model, talk = str(folder / "transcriber"), str(folder / "in" / "talk.wav")
    wordless = str(replace(untaught, language=None).save(folder / "wordless"))
    wrong = {
        "does not exist": [model, str(tmp_path / "nowhere.wav")],
        "holds no sound file": [model, str(folder / "transcriber")],
        "would be written to one file": [model, str(folder / "twice")],
        "holds no transcriber": [str(tmp_path), talk],
        "'stop' is no single word with a number": [model, talk, "--hot", "stop"],
        "'new york=2' is no single word": [model, talk, "--hot", "new york=2"],
        "'stop=nan' is no single word": [model, talk, "--hot", "stop=nan"],
        "are boosted in a model of words; give one": [wordless, talk, "--hot", "stop=2"],
        "cannot be written with": [model, talk, "--hot", "größe=2"],
        "no line of the ARPA form": [model, talk, "--lm", str(folder / "bad.arpa")],
    }  # fmt: skip
    (folder / "twice").mkdir()
    for name in ("talk.wav", "talk.flac"):
        soundfile.write(folder / "twice" / name, sound(1), RATE)
    (folder / "bad.arpa").write_text("\\data\\\nngram 1=1\n\\1-grams:\nnonsense\n")
    for message, arguments in wrong.items():
        assert transcribe.main([*arguments, "--output", str(tmp_path)]) == 1
        assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit, match="2"):
        transcribe.main([model])
