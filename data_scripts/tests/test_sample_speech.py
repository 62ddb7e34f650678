"""Synthetic speech: what is said is what the tables say, parts share no voice, a seed fixes all."""

import csv
import filecmp
import re
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest
import soundfile

from data_scripts import rooms, sample_speech, speak
from data_scripts.sentences import KINDS, sentence
from data_scripts.speak import SpeechError, Voice


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("speech")
    sample_speech.write(found, train=20, validation=6, test=6)
    return found


def test_recordings_are_as_the_tables_say(folder):
    for part, count in (("train", 20), ("validation", 6), ("test", 6)):
        rows = table(folder / f"{part}.csv")
        assert len(rows) == count
        for row in rows:
            samples, rate = soundfile.read(folder / row["wav_filename"])
            assert rate == 16_000 and samples.ndim == 1
            assert int(row["wav_filesize"]) == 44 + 2 * len(samples)
            words = len(row["transcript"].split())
            assert 0.1 < len(samples) / rate / words < 1.5
            assert 0.05 < np.abs(samples).max() <= 1


def test_no_voice_is_in_two_parts(folder):
    chosen = sample_speech.voices(0)
    names = [voice.name for part in chosen.values() for _, voice in part]
    assert len(set(names)) == len(names) == sum(sample_speech.SPEAKERS.values())
    speakers = [{row["speaker"] for row in table(folder / f"{part}.csv")}
                for part in sample_speech.SPEAKERS]  # fmt: skip
    assert not speakers[0] & speakers[1] and not (speakers[0] | speakers[1]) & speakers[2]


def test_a_seed_fixes_everything(folder, tmp_path):
    sample_speech.write(tmp_path, train=20, validation=6, test=6)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.*"))
    same, other, failed = filecmp.cmpfiles(folder, tmp_path, map(str, files), shallow=False)
    assert not other and not failed and len(same) == 20 + 6 + 6 + 3
    assert sample_speech.voices(1) != sample_speech.voices(0)


@pytest.mark.parametrize("kind", KINDS)
def test_sentences_are_plain_words(kind):
    random = np.random.default_rng(0)
    for _ in range(100):
        text, said = sentence(random, kind)
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyz ")
        assert text == said.lower() == " ".join(text.split())
        if kind == "spelled":
            assert all(word.isupper() for word in said.split()[1:])


def test_what_cannot_be_spoken_is_told(tmp_path):
    for name in ("en-us+nobody", "nowhere"):
        with pytest.raises(SpeechError, match=f"no voice {re.escape(repr(name))}"):
            speak.speak([("hello", Voice(name))], tmp_path)
    with pytest.raises(SpeechError, match="sentence 0 is empty"):
        speak.speak([("", Voice("en-us"))], tmp_path)


def test_a_deep_folder_is_no_hindrance(tmp_path, monkeypatch):
    """espeak-ng has room for a path of some 140 characters; environments lie deeper than that."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    (deep / "espeak-ng-data").symlink_to(espeakng_loader.get_data_path())
    package = tmp_path / "instead" / "espeakng_loader.py"
    package.parent.mkdir()
    package.write_text(
        f"def get_data_path(): return {str(deep / 'espeak-ng-data')!r}\n"
        f"def get_library_path(): return {espeakng_loader.get_library_path()!r}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    path = speak.speak([("hello", Voice("en-us+f3"))], tmp_path)[0]
    assert soundfile.info(path).duration > 0.3


def test_a_room_lasts_and_noise_is_as_loud_as_told():
    click = np.zeros(16_000, np.float32)
    click[0] = 1
    near, far = (rooms.room(click, 16_000, each, np.random.default_rng(0)) for each in (0.1, 1.0))
    assert np.square(far[8_000:]).sum() > 100 * np.square(near[8_000:]).sum()
    tone = 0.1 * np.sin(np.arange(16_000) / 5).astype(np.float32)
    rest = rooms.noise(tone, 16_000, 10, np.random.default_rng(0)) - tone
    assert 10 * np.log10(np.mean(tone**2) / np.mean(rest**2)) == pytest.approx(10, abs=0.1)


def test_the_command_says_what_it_wrote(tmp_path, capsys):
    arguments = [str(tmp_path / "x"), "--train", "2", "--validation", "1", "--test", "1"]
    assert sample_speech.main(arguments) == 0
    assert "synthetic speech" in capsys.readouterr().out
    assert len(list(Path(tmp_path / "x").rglob("*.flac"))) == 4
