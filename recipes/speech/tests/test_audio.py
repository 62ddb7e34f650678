"""Whatever soundfile reads becomes one channel at one rate; what cannot be used is named."""

import math

import numpy as np
import pytest
import soundfile

from common.validation import DataError
from recipes.speech import audio


def tone(rate=16_000, seconds=0.5, pitch=440.0, loud=0.4):
    return loud * np.sin(2 * np.pi * pitch * np.arange(int(rate * seconds)) / rate)


def pitch_of(samples, rate=16_000):
    return np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)


@pytest.mark.parametrize(("name", "options"), [
    ("a.wav", {"subtype": "PCM_16"}), ("a.wav", {"subtype": "PCM_U8"}),
    ("a.wav", {"subtype": "FLOAT"}), ("a.wav", {"subtype": "ULAW"}),
    ("a.flac", {}), ("a.ogg", {}), ("a.mp3", {}), ("a.aiff", {}),
    ("a.au", {}), ("a.sph", {"format": "NIST"}),
])  # fmt: skip
def test_every_format_gives_the_same_sound(tmp_path, name, options):
    soundfile.write(tmp_path / name, tone(), 16_000, **options)
    found = audio.read(tmp_path / name)
    assert found.samples.dtype == np.float32 and found.seconds == pytest.approx(0.5, abs=0.1)
    assert pitch_of(found.samples) == pytest.approx(440, abs=5)
    assert np.abs(found.samples).max() == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_every_rate_becomes_one(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(rate), rate)
    found = audio.read(tmp_path / "a.wav")
    assert len(found.samples) == pytest.approx(8_000, abs=2)
    assert pitch_of(found.samples) == pytest.approx(440, abs=3)
    assert f"resampled from {rate:,}" in found.notes[0]
    assert len(audio.read(tmp_path / "a.wav", rate).samples) == rate // 2


def test_remarks(tmp_path):
    both = np.stack([tone(), np.zeros(8_000)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", both, 16_000)
    found = audio.read(tmp_path / "stereo.wav")
    assert found.notes == ["the mean of its 2 channels"]
    assert np.abs(found.samples).max() == pytest.approx(0.2, abs=0.01)
    soundfile.write(tmp_path / "eight.wav", tone(), 16_000, subtype="PCM_U8")
    assert audio.read(tmp_path / "eight.wav").notes == ["8 bits a sample"]
    soundfile.write(tmp_path / "loud.wav", np.clip(tone(loud=3), -1, 1), 16_000)
    assert "clipped: " in audio.read(tmp_path / "loud.wav").notes[0]
    soundfile.write(tmp_path / "louder.wav", tone(loud=3), 16_000, subtype="FLOAT")
    found = audio.read(tmp_path / "louder.wav")
    assert "3.0 times" in found.notes[0] and np.abs(found.samples).max() <= 1


def test_a_segment(tmp_path):
    whole = np.concatenate([tone(pitch=300), tone(pitch=900)])
    soundfile.write(tmp_path / "a.wav", whole, 16_000)
    found = audio.read(tmp_path / "a.wav", begin=0.5, end=1.0)
    assert found.seconds == 0.5 and pitch_of(found.samples) == pytest.approx(900, abs=3)
    assert audio.read(tmp_path / "a.wav", begin=0.75).seconds == 0.25
    assert audio.read(tmp_path / "a.wav", begin=0.75, end=9).seconds == 0.25
    for begin, end in ((2.0, 3.0), (0.5, 0.5), (-1.0, 0.5)):
        with pytest.raises(DataError, match="none of its 1.00 seconds"):
            audio.read(tmp_path / "a.wav", begin=begin, end=end)


def test_a_file_that_was_cut_off_is_used_as_far_as_it_goes(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), 16_000)
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: len(content) // 2])
    found = audio.read(tmp_path / "cut.wav")
    assert found.seconds == pytest.approx(0.25, abs=0.01)
    assert found.notes == ["cut off; 0.25 seconds are left"]


@pytest.mark.parametrize(("name", "content", "said"), [
    ("empty.wav", b"", "0 bytes"), ("picture.wav", b"\x89PNG\r\n\x1a\n", "it is a picture"),
    ("text.wav", b"this is no sound at all" * 9, "cannot be read as sound"),
    ("head.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", "cannot be read as sound"),
])  # fmt: skip
def test_what_is_no_sound(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        audio.read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(("samples", "said"), [
    (np.zeros(8_000), "silent"), (np.full(8_000, 1e-4), "silent"), (tone(seconds=0.01), "0.010 s"),
    (np.zeros(0), "holds no sample"), (np.full(8_000, math.nan), "no numbers"),
])  # fmt: skip
def test_what_cannot_be_used(tmp_path, samples, said):
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(DataError, match=said):
        audio.read(tmp_path / "a.wav")


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="cannot be opened"):
        audio.read(tmp_path / "nowhere.wav")
