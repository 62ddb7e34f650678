"""Pieces of any size give the logits of the whole recording, and a state is nobody else's."""

import numpy as np
import pytest

from recipes.speech.alphabet import Alphabet
from recipes.speech.features import LogMel
from recipes.speech.model import Recogniser
from recipes.speech.stream import Step, Stream

ALPHABET = Alphabet(" abcde")
KINDS = {
    "fast": dict(kind="fast", kernel=5, right=2), "fast causal": dict(kind="fast", right=0),
    "deepspeech": dict(kind="deepspeech"),
    "deepspeech2": dict(kind="deepspeech2", right=3, recurrent="gru"),
    "lstm": dict(kind="lstm"),
}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def made(request):
    layer = LogMel(16_000, 10)
    model = Recogniser(ALPHABET.size, bands=10, width=12, blocks=2, **request.param)
    model.learn_scale([np.random.default_rng(0).normal(-6, 3, size=(50, 10))])
    return model, layer, Step.of(model, layer, 16)


def sound(count, seed=0):
    return 0.1 * np.random.default_rng(seed).normal(size=count).astype(np.float32)


def whole(model, layer, samples):
    frames = np.asarray(layer(samples[None]))
    count = frames.shape[1]
    frames = np.pad(frames, [(0, 0), (0, -count % 4), (0, 0)])
    return np.asarray(model({"frames": frames, "count": np.array([count], np.int32)}))[0]


@pytest.mark.parametrize("size", [100, 1_600, 4_001, 50_000])
def test_a_recording_in_pieces_is_the_recording(made, size):
    model, layer, step = made
    samples = sound(17_333)
    stream = Stream(step, ALPHABET)
    for begin in range(0, len(samples), size):
        stream.feed(samples[begin : begin + size])
    said, wanted = stream.finish(), whole(model, layer, samples)
    assert len(stream.logits) == len(wanted) == 27
    np.testing.assert_allclose(stream.logits, wanted, atol=2e-5)
    assert said == " ".join(ALPHABET.collapse(wanted.argmax(axis=1)).split())


def test_what_is_known_early_stays(made):
    model, layer, step = made
    samples, stream = sound(32_000, seed=1), Stream(step, ALPHABET)
    stream.feed(samples[:20_000])
    early = stream.logits.copy()
    assert len(early) == max(0, 112 - model.lag) // 4
    stream.feed(samples[20_000:])
    stream.finish()
    np.testing.assert_array_equal(stream.logits[: len(early)], early)


def test_two_streams_do_not_disturb_each_other(made):
    model, layer, step = made
    one, other = Stream(step, ALPHABET), Stream(step, ALPHABET)
    first, second = sound(9_600, seed=2), sound(9_600, seed=3)
    for begin in range(0, 9_600, 2_400):
        one.feed(first[begin : begin + 2_400])
        other.feed(second[begin : begin + 2_400])
    one.finish()
    other.finish()
    np.testing.assert_allclose(one.logits, whole(model, layer, first), atol=2e-5)
    np.testing.assert_allclose(other.logits, whole(model, layer, second), atol=2e-5)


def test_less_than_a_frame_is_nothing(made):
    stream = Stream(made[2], ALPHABET)
    stream.feed(sound(100))
    assert stream.finish() == "" and not len(stream.logits)


def test_what_cannot_stream_says_so():
    model = Recogniser(ALPHABET.size, bands=10, width=12, kind="deepspeech", both=True)
    with pytest.raises(ValueError, match="reads recordings both ways"):
        Step.of(model, LogMel(16_000, 10))
    model = Recogniser(ALPHABET.size, bands=10, width=12, blocks=1)
    with pytest.raises(ValueError, match="frames=10 must be a multiple of 4"):
        Step.of(model, LogMel(16_000, 10), 10)
