"""Networks give piece by piece what they give for a whole recording, whatever lies beside it."""

import keras
import numpy as np
import pytest

from recipes.speech.model import THINNED, Recogniser, spoken

SMALL = dict(classes=7, bands=10, width=12, blocks=2, dropout=0.3)
STREAMING = {
    "fast": dict(kind="fast", kernel=5, right=2), "fast causal": dict(kernel=5, right=0),
    "deepspeech": dict(kind="deepspeech"),
    "deepspeech of cepstra": dict(kind="deepspeech", cepstra=6, recurrent="simple"),
    "deepspeech2": dict(kind="deepspeech2", right=3, recurrent="gru"),
    "lstm": dict(kind="lstm"),
}  # fmt: skip
BOTH = {"deepspeech both": dict(kind="deepspeech", both=True),
        "deepspeech2 both": dict(kind="deepspeech2", both=True)}  # fmt: skip


def network(**options):
    keras.utils.set_random_seed(3)
    model = Recogniser(**SMALL, **options)
    model.learn_scale([np.random.default_rng(1).normal(0.5, 2, size=(100, 10))])
    return model


def frames(count, n=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, count, 10)).astype(np.float32)


def whole(model, given, count):
    found = model({"frames": given, "count": np.asarray(count, np.int32)})
    return keras.ops.convert_to_numpy(found)


@pytest.mark.parametrize("options", [*STREAMING.values(), *BOTH.values()],
                         ids=[*STREAMING, *BOTH])  # fmt: skip
def test_what_lies_beyond_a_recording_is_not_seen(options):
    model, given = network(**options), frames(48)
    alone = whole(model, given[:, :32], [29, 32])
    beside = given.copy()
    beside[0, 29:], beside[1, 32:] = 100.0, -50.0
    found = whole(model, beside, [29, 32])
    assert found.shape == (2, 48 // THINNED, 7)
    np.testing.assert_allclose(found[:, : 32 // THINNED], alone, atol=2e-5)
    assert int(spoken(29)) == 8 and int(spoken(32)) == 8 and int(spoken(33)) == 9


@pytest.mark.parametrize("options", STREAMING.values(), ids=STREAMING)
@pytest.mark.parametrize("piece", [4, 12, 64])
def test_pieces_give_the_numbers_of_the_whole(options, piece):
    model, given = network(**options), frames(64)
    heard = np.ones((2, 64, 1), np.float32)
    heard[0, 50:] = 0
    wanted = whole(model, given, [50, 64])
    beyond = -(-model.lag // piece) * piece
    given = np.concatenate([given, np.full((2, beyond, 10), 9.0, np.float32)], axis=1)
    heard = np.concatenate([heard, np.zeros((2, beyond, 1), np.float32)], axis=1)
    state, found, kept = model.start(2), [], []
    for begin in range(0, given.shape[1], piece):
        part = slice(begin, begin + piece)
        logits, told, state = model.step(given[:, part], heard[:, part], state)
        found.append(keras.ops.convert_to_numpy(logits))
        kept.append(keras.ops.convert_to_numpy(told)[..., 0] > 0.5)
    found, kept = np.concatenate(found, axis=1), np.concatenate(kept, axis=1)
    for row, count in enumerate((50, 64)):
        np.testing.assert_allclose(found[row][kept[row]], wanted[row, : int(spoken(count))],
                                   atol=2e-5)  # fmt: skip


@pytest.mark.parametrize("options", BOTH.values(), ids=BOTH)
def test_who_reads_both_ways_cannot_work_piece_by_piece(options):
    model = network(**options)
    assert not model.is_streaming
    with pytest.raises(ValueError, match="both ways"):
        model.step(frames(4), np.ones((2, 4, 1), np.float32), model.start(2))


@pytest.mark.parametrize("options", [*STREAMING.values(), *BOTH.values()],
                         ids=[*STREAMING, *BOTH])  # fmt: skip
def test_a_network_comes_back_from_its_file(tmp_path, options):
    model, given = network(**options), frames(32)
    model.save(tmp_path / "model.keras")
    back = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(whole(back, given, [32, 30]), whole(model, given, [32, 30]),
                               atol=1e-6)  # fmt: skip
    assert back.lag == model.lag


def test_the_look_ahead_is_told_in_frames():
    assert network(kernel=5, right=2).lag == 2 * 2 * THINNED
    assert network(kernel=5, right=0).lag == 0
    assert network(kind="deepspeech").lag == 8
    assert network(kind="deepspeech2", right=3).lag == 3 * THINNED


def test_the_loss_is_the_sum_over_alignments():
    """Two letters in three frames: every alignment written out."""
    model = network(kernel=5, right=2)
    given = {"frames": frames(12, 1), "count": np.array([12], np.int32)}
    logits = whole(model, given["frames"], [12])[0].astype(np.float64)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    paths = [(1, 2, 0), (1, 2, 2), (1, 1, 2), (0, 1, 2), (1, 0, 2)]
    wanted = -np.log(sum(np.prod(chances[range(3), path]) for path in paths))
    found = model.compute_loss(given, np.array([[1, 2, 0]], np.int32), model(given))
    np.testing.assert_allclose(float(found), wanted, rtol=1e-5)
    assert np.isfinite(float(found))


def test_while_it_learns_the_middle_layer_counts_too():
    model = network(kernel=5, right=2)
    given = {"frames": frames(48, 1), "count": np.array([48], np.int32)}
    last, middle = model(given, training=True)
    assert last.shape == middle.shape == (1, 12, 7) and model.middle == 2
    letters = np.array([[1, 2, 0]], np.int32)
    one, other = (float(model.compute_loss(given, letters, each)) for each in (last, middle))
    both = float(model.compute_loss(given, letters, (last, middle)))
    np.testing.assert_allclose(both, 0.7 * one + 0.3 * other, rtol=1e-5)
    assert network(kind="deepspeech").middle is None


def test_wrong_kinds_are_named():
    with pytest.raises(ValueError, match="'slow' is none of fast, deepspeech, deepspeech2"):
        Recogniser(**SMALL, kind="slow")
    with pytest.raises(ValueError, match="right=5 must be from 0 to kernel - 1 = 4"):
        network(kernel=5, right=5)
    with pytest.raises(ValueError, match="'tape' is none of lstm, gru, simple"):
        network(kind="deepspeech", recurrent="tape")
