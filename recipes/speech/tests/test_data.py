"""Every file is heard before it is learned from; what cannot be used is named, others stay."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from common.validation import DataError
from recipes.speech import data, language

RATE = 16_000
WORDS = "one two three four five six seven eight nine ten".split()


def say(path, seconds=1.0, pitch=300.0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(RATE * seconds)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * time), RATE, **options)


@pytest.fixture
def folder(tmp_path):
    """Four speakers with ten utterances each, and a manifest."""
    lines = ["wav_filename,wav_filesize,transcript,speaker"]
    for speaker in "abcd":
        for k in range(10):
            say(tmp_path / speaker / f"{k}.wav", pitch=200 + 20 * k + ord(speaker))
            lines.append(f"{speaker}/{k}.wav,32044,{WORDS[k].upper()} and {WORDS[-k]}!,{speaker}")
    (tmp_path / "all.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def add(folder, name, transcript):
    with (folder / "all.csv").open("a") as file:
        file.write(f'{name},0,"{transcript}",e\n')


def load(folder, **wish):
    return data.load(folder / "all.csv", log=None, **wish)


def test_good_ones_stay_with_speakers_apart(folder):
    corpus = load(folder)
    assert len(corpus) == 40 and corpus.report.dropped == 0
    assert corpus.rows.groupby("speaker")["split"].nunique().max() == 1
    assert set(corpus.rows["split"]) == set(data.PARTS)
    assert corpus.rows["transcript"].str.contains("two and").any()
    assert corpus.rows["seconds"].tolist() == pytest.approx([1.0] * 40)
    assert "d" in corpus.alphabet.letters and "!" not in corpus.alphabet.letters
    assert len(corpus.fingerprint) == 64 and "speakers" in str(corpus.card())


@pytest.mark.parametrize(("make", "transcript", "said"), [
    (lambda path: say(path), "", "no word"), (lambda path: say(path), "room 42", "has '42'"),
    (lambda path: say(path, 61), "one", "lasts 61 seconds, more than 60"),
    (lambda path: say(path, 0.2), "one two three four", "too few for 'one two three four'"),
    (lambda path: path.touch(), "one", "is empty (0 bytes)"),
    (lambda path: path.write_text("no sound"), "one", "cannot be read as sound"),
    (lambda path: soundfile.write(path, np.zeros(RATE), RATE), "one", "is silent"),
    (lambda path: None, "one", "cannot be opened"),
])  # fmt: skip
def test_offenders_are_named_and_left_out(folder, make, transcript, said):
    make(folder / "bad.wav")
    add(folder, "bad.wav", transcript)
    corpus = load(folder)
    assert len(corpus) == 40 and corpus.report.dropped == 1
    words = corpus.report.summary()
    assert "bad.wav, row 42" in words and said in words
    with pytest.raises(DataError):
        load(folder, strict=True)


def test_no_sound_is_in_two_parts(folder):
    lines = (folder / "all.csv").read_text().splitlines()
    parts = ["split", *(["train"] * 28 + ["validation"] * 6 + ["test"] * 6)]
    (folder / "again.wav").write_bytes((folder / "d" / "9.wav").read_bytes())
    lines = [f"{line},{part}" for line, part in zip(lines, parts, strict=True)]
    said = lines[-1].split(",")[2]
    lines += [f"again.wav,0,{said},e,train"]
    (folder / "all.csv").write_text("\n".join(lines) + "\n")
    corpus = load(folder)
    assert len(corpus) == 40 and len(corpus.part("test")) == 6
    assert "again.wav, row 42: is the same sound as 9.wav" in corpus.report.summary()
    (folder / "all.csv").write_text("\n".join([*lines[:-1], "again.wav,0,quite other,e,train"]))
    corpus = load(folder)
    assert len(corpus) == 39 and len(corpus.part("test")) == 5
    assert "9.wav, row 41: is 2 times there, with different transcripts" in corpus.report.summary()


def test_who_is_not_told_speaks_for_himself(folder):
    lines = (folder / "all.csv").read_text().splitlines()
    blank = [line.rsplit(",", 1)[0] + "," for line in lines[1:31]]
    (folder / "all.csv").write_text("\n".join([lines[0], *blank, *lines[31:]]) + "\n")
    for seed in range(6):
        corpus = load(folder, seed=seed)
        assert len(corpus.part("train")) >= 20 and len(corpus.part("test")) >= 2


def test_shared_voices_are_told(folder):
    lines = (folder / "all.csv").read_text().splitlines()
    parts = ["split", *(["train"] * 25 + ["validation"] * 7 + ["test"] * 8)]
    lines = [f"{line},{part}" for line, part in zip(lines, parts, strict=True)]
    (folder / "all.csv").write_text("\n".join(lines) + "\n")
    assert "voice in several parts" in load(folder).report.summary()


def test_a_limit_spares_the_others(folder, monkeypatch):
    heard, read = [], data.audio.read
    monkeypatch.setattr(data.audio, "read", lambda path, **wish: (heard.append(path),
                                                                  read(path, **wish))[1])
    monkeypatch.setattr(data, "first_look", lambda rows, limit, seed: rows.head(2 * limit))
    assert len(load(folder, limit=12)) == 12 and len(heard) == 24


def test_another_set_lends_its_voices(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "more"
    lines = ["wav_filename,transcript,speaker,split"]
    for k, split in enumerate(["train"] * 12 + ["validation"] * 3 + ["test"] * 5):
        say(other / f"{k}.wav", seconds=1.1, pitch=900 + k)
        lines.append(f"{k}.wav,quay jazz {WORDS[k % 10]},a,{split}")
    # One of its recordings is in our test part: that one may not be learned from.
    mine = load(folder)
    (other / "same.wav").write_bytes(Path(mine.part("test")["path"].iloc[0]).read_bytes())
    lines.append(f"same.wav,{mine.part('test')['transcript'].iloc[0]},a,train")
    say(other / "bad.wav")
    lines.append("bad.wav,,a,train")
    (other / "more.csv").write_text("\n".join(lines) + "\n")
    both = data.load(f"{folder / 'all.csv'} + {other / 'more.csv'}", log=None)
    for part in ("validation", "test"):
        assert both.part(part)["sha256"].tolist() == mine.part(part)["sha256"].tolist()
    assert len(both.part("train")) == len(mine.part("train")) + 15
    assert both.own("train")["transcript"].tolist() == mine.part("train")["transcript"].tolist()
    assert both.name == mine.name and both.fingerprint != mine.fingerprint
    assert {"q", "j"} <= set(both.alphabet.letters) and "q" not in mine.alphabet.letters
    assert "a (more.csv)" in set(both.part("train")["speaker"])
    words = both.report.summary()
    assert "same recording twice" in words and "bad.wav" in words
    assert "of other sets" in str(both.card()) and "of other sets" not in str(mine.card())
    assert "jazz" not in language.of_corpus(both).vocabulary
    with pytest.raises(DataError, match="'nothing' is no data set and no path"):
        data.load(f"{folder / 'all.csv'} + nothing", log=None)
    with pytest.raises(DataError, match="before and after each [+] stands a set"):
        data.load(f"{folder / 'all.csv'}+", log=None)


def test_a_path_with_a_plus_is_one_path(folder):
    (folder / "all.csv").rename(folder / "a + b.csv")
    assert len(data.load(folder / "a + b.csv", log=None)) == 40


def test_remarks_stay(folder):
    say(folder / "eight.wav", subtype="PCM_U8")
    add(folder, "eight.wav", "one and two")
    corpus = load(folder)
    assert len(corpus) == 41 and "8 bits a sample" in corpus.report.summary()


def test_an_alphabet_may_be_given(folder):
    say(folder / "x.wav", pitch=777)
    add(folder, "x.wav", "größe")
    assert len(load(folder)) == len(load(folder, alphabet="bytes")) == 41
    english = load(folder, alphabet=" abcdefghijklmnopqrstuvwxyz")
    assert len(english) == 40 and "has 'ßö' in its transcript" in english.report.summary()
    with pytest.raises(DataError, match="no utterance can be used"):
        load(folder, alphabet="xyz")


def test_fewer_of_every_part(folder):
    corpus = load(folder, limit=16)
    assert 14 <= len(corpus) <= 18 and set(corpus.rows["split"]) == set(data.PARTS)


def test_too_few(folder):
    text = (folder / "all.csv").read_text().splitlines()
    (folder / "all.csv").write_text("\n".join(text[:6]) + "\n")
    with pytest.raises(DataError, match="5 utterance"):
        load(folder)
    with pytest.raises(DataError, match="Did you mean 'an4'"):
        data.load("an44")
