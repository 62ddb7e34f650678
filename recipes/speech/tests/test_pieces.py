"""Long recordings are cut in pauses, and times are written as players read them."""

import numpy as np
import pytest

from recipes.speech import pieces
from recipes.speech.decode import Word
from recipes.speech.pieces import LINE, Said

RATE = 16_000


def talk(*parts):
    """Seconds of speech (above 0) and of silence (below)."""
    random = np.random.default_rng(0)
    return np.concatenate([random.normal(size=round(abs(part) * RATE)) * (0.1 if part > 0 else 1e-4)
                           for part in parts]).astype(np.float32)  # fmt: skip


def test_pauses_cut_and_short_ones_do_not():
    found = pieces.cut(talk(-1, 2, -1, 1, -0.1, 1, -2), RATE)
    times = np.array(found) / RATE
    np.testing.assert_allclose(times, [(0.85, 3.15), (3.85, 6.25)], atol=0.06)
    assert pieces.cut(np.zeros(0, np.float32), RATE) == []


def test_one_bang_does_not_hide_what_is_said():
    samples = np.concatenate([0.1 * talk(*[2, -1] * 5), talk(-1)])
    samples[-RATE // 2 : -RATE // 2 + RATE // 10] = 0.9
    found = pieces.cut(samples, RATE)
    assert len(found) == 6 and found[0][0] < 0.2 * RATE
    rare = talk(-60, 1, -60)
    (begin, end), = pieces.cut(rare, RATE)
    assert begin / RATE == pytest.approx(59.85, abs=0.1) and (end - begin) / RATE < 1.5


def test_what_is_too_long_is_cut_where_it_is_softest():
    samples = talk(20)
    samples[12 * RATE : 12 * RATE + RATE // 5] *= 0.3
    found = pieces.cut(samples, RATE, longest=15)
    assert [begin for begin, _ in found] == [0, found[0][1]] and found[-1][1] == len(samples)
    assert found[0][1] / RATE == pytest.approx(12.1, abs=0.1)
    assert all((end - begin) / RATE <= 15 for begin, end in pieces.cut(talk(100), RATE, longest=15))


def words(*texts, each=0.5):
    return [Word(text, each * k, each * (k + 1), 0.9) for k, text in enumerate(texts)]


def test_subtitles_have_times_of_the_whole_recording():
    said = [Said(3661.5, 3663, "go on", 0.8, words("go", "on")), Said(3663, 3664, "", 0.1, []),
            Said(3664, 3665, "alone", 0.7, [])]  # fmt: skip
    assert pieces.as_srt(said).split("\n\n") == [
        "1\n01:01:01,500 --> 01:01:02,500\ngo on",
        "2\n01:01:04,000 --> 01:01:05,000\nalone\n",
    ]
    assert pieces.as_json(said)[0]["words"][1] == {
        "word": "on", "begin": 3662.0, "end": 3662.5, "confidence": 0.9}  # fmt: skip


def test_long_lines_are_broken():
    many = words(*["seventeen"] * 12)
    text = pieces.as_srt([Said(0, 6, " ".join(each.text for each in many), 1, many)])
    lines = [line for line in text.splitlines() if line.startswith("seventeen")]
    assert len(lines) == 3 and all(len(line) <= LINE for line in lines)
    assert "00:00:02,000 --> 00:00:04,000" in text
