"""Optical flow and what it must not be believed for, on a film whose motion is known."""

import numpy as np
import pytest

from data_scripts import sample_neural_style
from recipes.neural_style import flow


@pytest.fixture(scope="module")
def film():
    return sample_neural_style.film(4)


@pytest.fixture(scope="module")
def found(film):
    frames = film.frames.astype(np.float32) / 255
    back = [flow.motion(frames[k], frames[k - 1]) for k in (1, 2, 3)]
    forth = [flow.motion(frames[k - 1], frames[k]) for k in (1, 2, 3)]
    return frames, back, forth


def test_the_flow_is_the_film_s(film, found):
    _, back, _ = found
    for k in range(3):
        error = np.linalg.norm(back[k] - film.flow[k], axis=2)[film.visible[k]]
        assert np.median(error) < 0.15 and (error < 1).mean() > 0.9


def test_the_known_flow_carries_each_frame_to_the_next(film):
    frames = film.frames.astype(np.float32) / 255
    for k in range(3):
        carried = flow.warped(frames[k], film.flow[k])
        right = np.abs(carried - frames[k + 1]).mean(axis=2)
        assert right[film.visible[k]].mean() < 0.02
        assert right[~film.visible[k]].mean() > 0.1  # the disc was elsewhere


def test_what_was_hidden_is_not_believed(film, found):
    _, back, forth = found
    for k in range(3):
        sure = flow.trust(back[k], forth[k])
        assert sure[~film.visible[k]].mean() < 0.45  # bare sky came out behind the disc
        assert sure[film.visible[k]].mean() > 0.85
        assert flow.trust(back[k], forth[k], boundaries=False).sum() > sure.sum()


def test_long_term_trust_counts_every_pixel_once():
    near = np.array([[1.0, 0.0, 0.0]])
    far = np.array([[1.0, 1.0, 0.0]])
    found = flow.long_term([near, far])
    np.testing.assert_array_equal(found, [[[1, 0, 0]], [[0, 1, 0]]])


def test_flicker_is_nothing_for_the_film_itself_and_grows_with_noise(found):
    frames, _, _ = found
    noisy = [np.clip(f + np.random.default_rng(k).normal(0, 0.1, f.shape), 0, 1).astype(np.float32)
             for k, f in enumerate(frames)]  # fmt: skip
    steady = flow.flicker(list(frames), list(frames))
    # Noise of its own in both pictures; the warp's averaging takes some of it away.
    assert steady < 0.03 and 0.08 < flow.flicker(noisy, list(frames)) < 0.15
    with pytest.raises(ValueError, match="1 pictures of 4 frames"):
        flow.flicker(noisy[:1], list(frames))
