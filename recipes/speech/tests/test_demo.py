"""What a browser sends becomes the text of the whole recording, whatever its rate and pieces."""

import numpy as np
import pytest

from recipes.speech import demo
from recipes.speech.decode import best_path


@pytest.fixture
def sound():
    return 0.2 * np.random.default_rng(0).normal(size=48_000).astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 48_000, 44_100])
def test_pieces_are_heard_as_a_whole(untaught, sound, rate):
    state, text = None, ""
    for begin in range(0, len(sound), rate // 2):
        piece = (32_767 * np.clip(sound[begin : begin + rate // 2], -1, 1)).astype(np.int16)
        text, state = demo.heard((rate, np.stack([piece, piece], axis=1)), state, untaught)
    said = state.finish()
    logits = state.stream.logits
    assert abs(len(logits) - len(sound) / rate / 0.04) <= 2
    assert said == untaught.read(logits)[0].text
    assert best_path(logits, untaught.alphabet).startswith(text[:-1])
    if rate == 16_000:
        whole = untaught.logits([(32_767 * np.clip(sound, -1, 1)).astype(np.int16) / 32_768])[0]
        np.testing.assert_allclose(logits, whole, atol=1e-3)


def test_a_silent_browser_breaks_nothing(untaught):
    assert demo.heard(None, None, untaught) == ("", None)
    state = demo.Listening(untaught, 48_000)
    assert isinstance(state.finish(), str)


def test_whole_numbers_and_floats_are_the_same_sound():
    floats = np.array([-1, 0, 0.5], np.float32)
    np.testing.assert_allclose(demo.mono((floats * 32_768).clip(-32_768, 32_767)
                                         .astype(np.int16)), floats)  # fmt: skip
    np.testing.assert_allclose(demo.mono(np.stack([floats, -floats], axis=1)), 0)


def test_the_page_is_built(untaught):
    made = demo.page(untaught)
    kinds = [type(block).__name__ for block in made.blocks.values()]
    assert kinds.count("Audio") == 2 and kinds.count("Textbox") == 2


def test_a_wrong_folder_is_told(tmp_path, capsys):
    assert demo.main([str(tmp_path)]) == 1
    assert "transcriber" in capsys.readouterr().err
