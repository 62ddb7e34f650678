"""Texts of any language become numbers and texts again; what cannot be spelled is named."""

import pytest

from recipes.speech.alphabet import Alphabet, digits_in, normalised


@pytest.mark.parametrize(("written", "spoken"), [
    ("  Hello,   World! ", "hello world"), ("DON'T stop", "don't stop"), ("don’t", "don't"),
    ("the boys' room", "the boys' room"), ("'tis", "'tis"),
    ("well-known - well", "well-known well"),
    ("Grüße", "grüße"), ("Cafe\u0301", "café"), ("¿Qué tal?", "qué tal"), ("", ""),
    ("a\tb\nc", "a b c"), ("हिन्दी", "हिन्दी"), ("it's 5 o'clock", "it's 5 o'clock"), ("...", ""),
])  # fmt: skip
def test_as_it_is_spoken(written, spoken):
    assert normalised(written) == spoken == normalised(spoken)


def test_there_and_back():
    alphabet = Alphabet.learned(["abc ab", "cab", "bca b", "a c"])
    assert alphabet.letters == " abc" and alphabet.size == 5
    assert alphabet.encode("ab c") == [2, 3, 1, 4] and alphabet.decode([2, 3, 1, 4]) == "ab c"


def test_rare_letters_are_foreign():
    alphabet = Alphabet.learned(["ab"] * 99 + ["aé"] * 2 + ["a1"] * 9)
    assert alphabet.letters == " ab" and alphabet.unknown("abé1") == ["1", "é"]
    with pytest.raises(ValueError, match="'é', which the alphabet has not"):
        alphabet.encode("é")
    with pytest.raises(ValueError, match="No letter is in 3 transcripts"):
        Alphabet.learned(["ab", " "] + ["1"] * 99)


def test_bytes_write_any_language():
    alphabet = Alphabet()
    for text in ("grüße", "日本語", "हिन्दी", "a b"):
        numbers = alphabet.encode(text)
        assert min(numbers) > 0 and max(numbers) < alphabet.size == 257
        assert alphabet.decode(numbers) == text and not alphabet.unknown(text)
    assert alphabet.decode(alphabet.encode("ü")[:1]) == "\ufffd"


def test_a_best_path_collapses():
    alphabet = Alphabet("ab")
    assert alphabet.collapse([0, 1, 1, 0, 1, 2, 2, 0, 0]) == "aab"
    assert alphabet.collapse([]) == alphabet.collapse([0, 0]) == ""


def test_equal_letters_need_a_frame_between():
    alphabet = Alphabet("abel")
    assert alphabet.frames_needed("able") == 4 and alphabet.frames_needed("ball") == 5
    assert alphabet.frames_needed("") == 0


def test_numbers_in_digits():
    assert digits_in("room 42 b") == "42" and digits_in("a4 paper") == "a4" and not digits_in("ten")
