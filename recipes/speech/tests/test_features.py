"""Features are librosa's, piece by piece as well as whole, and survive being saved."""

import keras
import librosa
import numpy as np
import pytest

from recipes.speech.features import FLOOR, Cepstra, LogMel, Standardised

RATE = 16_000


def speech_like(seconds=1.0, seed=0):
    """A buzz with a wandering pitch under noise: energy in all bands."""
    random = np.random.default_rng(seed)
    time = np.arange(int(RATE * seconds)) / RATE
    pitch = np.cumsum(120 + 40 * np.sin(3 * time)) / RATE
    buzz = sum(np.sin(2 * np.pi * k * pitch) / k for k in range(1, 30))
    return (0.1 * buzz + 0.01 * random.normal(size=len(time))).astype(np.float32)


def librosas(samples, bands=64):
    samples = np.concatenate([np.zeros(512 - 160, np.float32), samples])
    found = librosa.stft(samples, n_fft=512, hop_length=160, win_length=400, center=False)
    return librosa.feature.melspectrogram(S=np.abs(found) ** 2, sr=RATE, n_mels=bands, fmin=20.0).T


@pytest.mark.parametrize("bands", [40, 64, 80])
def test_energies_are_librosas(bands):
    samples = speech_like()
    found = np.asarray(LogMel(RATE, bands)(samples[None]))[0]
    np.testing.assert_allclose(found, np.log(librosas(samples, bands) + FLOOR), atol=2e-3)
    assert len(found) == 100


def test_cepstra_are_librosas():
    samples = speech_like(seed=1)
    energies = LogMel(RATE, 64)(samples[None])
    found = np.asarray(Cepstra(26)(energies))[0]
    decibel = 10 * np.log10(librosas(samples) + FLOOR)
    wanted = librosa.feature.mfcc(S=decibel.T, n_mfcc=26).T
    np.testing.assert_allclose(found, wanted, atol=0.05)
    with pytest.raises(ValueError, match="count=65"):
        Cepstra(65)(energies)


def test_pieces_give_the_frames_of_the_whole():
    samples, layer = speech_like(), LogMel(RATE)
    whole, cut = np.asarray(layer(samples[None]))[0], 40 * layer.step
    first = np.asarray(layer(samples[None, :cut]))[0]
    second = np.asarray(layer.within(samples[None, cut - layer.before :]))[0]
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-4)


def test_matrices_give_what_the_fast_transform_gives():
    layer, samples = LogMel(RATE), speech_like()[None]
    wanted = np.asarray(layer.within(samples))
    np.testing.assert_allclose(np.asarray(layer.within(samples, plain=True)), wanted, atol=2e-3)


def test_a_rest_that_is_no_whole_step_gives_no_frame():
    layer = LogMel(RATE)
    assert [layer(np.zeros((1, n), np.float32)).shape[1] for n in (159, 160, 479)] == [0, 1, 2]
    assert layer.compute_output_shape((3, 479)) == (3, 2, 64)


def test_bands_are_standardised_as_they_were_learned():
    energies = np.random.default_rng(0).normal(-5, 3, size=(200, 4)).astype(np.float32)
    layer = Standardised()
    layer.build((None, None, 4))
    layer.learn(energies.mean(axis=0), energies.std(axis=0))
    found = np.asarray(layer(energies[None]))[0]
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-5)
    assert not layer.trainable_weights


def test_silence_and_full_scale_are_finite():
    for samples in (np.zeros(RATE), np.ones(RATE), np.sign(np.sin(np.arange(RATE)))):
        assert np.isfinite(np.asarray(LogMel(RATE)(samples[None].astype(np.float32)))).all()


def test_layers_can_be_saved(tmp_path):
    inputs = keras.Input((None,))
    outputs = Cepstra(13)(LogMel(RATE, 40)(inputs))
    keras.Model(inputs, outputs).save(tmp_path / "features.keras")
    model = keras.saving.load_model(tmp_path / "features.keras")
    samples = speech_like(0.3)[None]
    wanted = Cepstra(13)(LogMel(RATE, 40)(samples))
    np.testing.assert_allclose(model.predict(samples, verbose=0), np.asarray(wanted), atol=1e-3)
    assert model.output_shape == (None, None, 13)
