"""Each change does what it is called, by the measure that it is told, and leaves the rest alone."""

import numpy as np
import pytest

from data_scripts import rooms
from recipes.speech import augment

RATE = 16_000


@pytest.fixture
def tone():
    time = np.arange(RATE) / RATE
    return (0.3 * np.sin(2 * np.pi * 500 * time) * np.hanning(RATE)).astype(np.float32)


def pitch_of(samples):
    return np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples)


def decibel(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_speed_is_a_tapes_and_tempo_keeps_the_pitch(tone, factor):
    fast = augment.speed(tone, RATE, factor)
    assert len(fast) == pytest.approx(RATE / factor, abs=3)
    assert pitch_of(fast) == pytest.approx(500 * factor, abs=4)
    kept = augment.tempo(tone, RATE, factor)
    assert len(kept) == pytest.approx(RATE / factor, rel=0.02)
    assert pitch_of(kept) == pytest.approx(500, abs=8)


def test_pitch_keeps_the_length(tone):
    higher = augment.pitch(tone, RATE, 4)
    assert len(higher) == len(tone)
    assert pitch_of(higher) == pytest.approx(500 * 2 ** (1 / 3), abs=12)


def test_volume_in_decibels(tone):
    assert decibel(augment.volume(tone, RATE, -6)) == pytest.approx(decibel(tone) - 6, abs=0.01)
    assert np.abs(augment.volume(tone, RATE, 40)).max() == 1


@pytest.mark.parametrize("octave", [-6, 0, 3])
def test_a_tilt_is_in_decibels_an_octave(octave):
    time = np.arange(RATE) / RATE
    low, high = (0.1 * np.sin(2 * np.pi * pitch * time) for pitch in (500, 2000))
    found = np.abs(np.fft.rfft(augment.tilt((low + high).astype(np.float32), RATE, octave)))
    assert 20 * np.log10(found[2000] / found[500]) == pytest.approx(2 * octave, abs=0.05)
    assert decibel(augment.tilt(low + high, RATE, octave)) == pytest.approx(decibel(low + high))


@pytest.mark.parametrize("below", [0, 10, 30])
def test_noise_lies_below_by_what_was_asked(tone, below):
    found = augment.noise(tone, RATE, below, np.random.default_rng(0))
    assert decibel(tone) - decibel(found - tone) == pytest.approx(below, abs=0.6)
    short = rooms.mixed(tone, np.ones(100), 20)  # repeated to its length
    assert decibel(tone) - decibel(short - tone) == pytest.approx(20, abs=0.1)


def test_a_room_rings_on_and_is_as_loud():
    click = np.zeros(RATE, np.float32)
    click[1000] = 0.9
    near, far = (augment.room(click, RATE, each, np.random.default_rng(0)) for each in (0.1, 1))
    late = [np.sum(each[1000 + RATE // 4 :] ** 2) / np.sum(each**2) for each in (near, far)]
    assert late[0] < 1e-3 < late[1]
    assert decibel(far) == pytest.approx(decibel(click), abs=1)


@pytest.mark.parametrize("name", augment.CODECS)
def test_codecs_keep_the_tone_and_its_length(tone, name):
    found = augment.codec(tone, RATE, name)
    assert len(found) == len(tone) and found.dtype == np.float32
    assert pitch_of(found) == pytest.approx(500, abs=3)
    assert 0 < np.abs(found - tone).max()


@pytest.mark.parametrize("name", ["telephone", "narrow"])
def test_a_telephone_has_no_treble(name):
    time = np.arange(RATE) / RATE
    treble = (0.3 * np.sin(2 * np.pi * 6000 * time)).astype(np.float32)
    assert decibel(augment.codec(treble, RATE, name)) < decibel(treble) - 25


def test_a_line_of_wishes(tone):
    steps = augment.parsed("speed 0.9 1.1, noise 5 30 0.5,volume -6 6, telephone 0.25")
    assert [(s.name, s.least, s.most, s.chance) for s in steps] == [
        ("speed", 0.9, 1.1, 1), ("noise", 5, 30, 0.5), ("volume", -6, 6, 1),
        ("telephone", 0, 0, 0.25),
    ]  # fmt: skip
    assert augment.parsed("") == []
    one, other = (augment.changed(tone, RATE, steps, np.random.default_rng(k)) for k in (1, 2))
    again = augment.changed(tone, RATE, steps, np.random.default_rng(1))
    np.testing.assert_array_equal(one, again)
    assert len(one) != len(other) or np.abs(one - other).max() > 0
    assert augment.changed(tone, RATE, [], np.random.default_rng(0)) is tone


def test_a_change_may_come_later():
    steps = augment.parsed("noise 5 30 0.5 after 0.25, gsm after 0.5, bands 0 8 after 0.1")
    assert [(s.chance, s.after) for s in steps] == [(0.5, 0.25), (1, 0.5), (1, 0.1)]


def test_shares_are_shares(tone):
    random, step = np.random.default_rng(0), augment.Step("volume", -20, -20, 0.3)
    done = sum(step.apply(tone, RATE, random) is not tone for _ in range(400))
    assert 90 < done < 150


@pytest.mark.parametrize(("line", "said"), [
    ("sped 1 2", "Did you mean speed"), ("noise 5", "the least, the most"), ("noise 30 5", "least"),
    ("speed 0.1 1", "from 0.5 to 2"), ("noise 5 30 2", "share 2"), ("gsm 1 2", "a share"),
    ("volume a b", "as numbers"), ("gsm 0", "share 0"), ("noise 5 30 after", "word after"),
    ("noise 5 30 after x", "as numbers"), ("gsm after 1", "below 1"), ("times 0 9", "from 0 to 5"),
])  # fmt: skip
def test_wrong_wishes_are_named(line, said):
    with pytest.raises(ValueError, match=said):
        augment.parsed(line)
