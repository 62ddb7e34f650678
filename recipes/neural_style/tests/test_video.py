"""A film is steadier than its frames made one by one, and goes on where it stopped."""

import cv2
import numpy as np
import pytest

from common.validation import DataError
from data_scripts import sample_neural_style
from recipes.neural_style import flow, pictures, video
from recipes.neural_style.stylise import Studio
from recipes.neural_style.targets import Wish
from recipes.neural_style.video import Consistency


@pytest.fixture(scope="module")
def frames():
    return [pictures.resized(each / np.float32(255), 52, 96)
            for each in sample_neural_style.film(4).frames]  # fmt: skip


@pytest.fixture(scope="module")
def studio(extractor, tiny):
    return Studio(extractor, tiny.model_copy(update={"size": 96, "start": "noise"}), "tiny")


@pytest.fixture(scope="module")
def painting(styles):
    return Wish(None, styles[:1])


def test_a_film_flickers_less_than_its_frames_alone(studio, frames, painting, tmp_path):
    held = video.make(studio, frames, painting, tmp_path, Consistency(weight=20.0, steps=12),
                      log=None)  # fmt: skip
    alone = video.make(studio, frames, painting, tmp_path, Consistency(weight=0.0), log=None)
    assert flow.flicker(held.made, frames) < flow.flicker(alone.made, frames) / 2


def test_a_stopped_film_goes_on_with_the_next_frame(studio, frames, painting, tmp_path):
    how = Consistency(weight=5.0, steps=3, passes=2)
    whole = video.make(studio, frames, painting, tmp_path / "whole", how, log=None)
    lines = []

    def stop(line):
        lines.append(line)
        if len(lines) == 6:  # in the second pass
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        video.make(studio, frames, painting, tmp_path / "broken", how, log=stop)
    lines.clear()
    made = video.make(studio, frames, painting, tmp_path / "broken", how, log=lines.append)
    assert len(lines) == 2
    for one, other in zip(made.made, whole.made, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_film_is_written_and_read_again(frames, tmp_path):
    path = video.write(frames, tmp_path / "film.mp4", 12.0)
    again = video.read_frames([path])
    assert len(again) == 4 and video.frame_rate([path]) == pytest.approx(12.0)
    assert np.abs(np.array(again) - np.array(frames)).mean() < 0.03
    assert len(video.read_frames([path], limit=3)) == 3
    folder = video.write(frames, tmp_path / "frames", 12.0)
    assert [path.name for path in sorted(folder.iterdir())][0] == "frame_0001.png"


def test_what_is_no_film_is_named(frames, tmp_path):
    with pytest.raises(DataError, match="There is no film"):
        video.read_frames([])
    (tmp_path / "words.mp4").write_text("no film")
    with pytest.raises(DataError, match=r"words.mp4 holds 0 frame\(s\)"):
        video.read_frames([tmp_path / "words.mp4"])
    for k, size in enumerate(((40, 60), (40, 60), (50, 60))):
        cv2.imwrite(str(tmp_path / f"{k}.png"), np.zeros((*size, 3), np.uint8))
    with pytest.raises(DataError, match="2.png is 60 x 50 pixels, the first frame 60 x 40"):
        video.read_frames([tmp_path / f"{k}.png" for k in range(3)])


def test_colours_and_shares_hold_for_every_frame(studio, frames, styles, tmp_path):
    from recipes.neural_style import colours

    kept = studio.with_settings(studio.settings.model_copy(update={"colours": "content"}))
    film = video.make(kept, frames[:3], Wish(None, styles[:1]), tmp_path, Consistency(steps=4),
                      log=None)  # fmt: skip
    for frame, made in zip(film.frames, film.made, strict=True):
        # But for what cannot be shown at all, giving the colours again changes nothing.
        assert np.abs(made - colours.with_colours_of(made, frame, "lab")).mean() < 0.01
    mixed, first, second = (
        video.make(studio, frames[:2], wish, tmp_path, Consistency(steps=12), log=None).made[1]
        for wish in (Wish(None, styles, [0.0, 1.0]), Wish(None, styles[:1]), Wish(None, styles[1:]))
    )
    assert np.abs(mixed - second).mean() < 0.5 * np.abs(mixed - first).mean()


def test_limits_and_formats_are_refused_before_any_work(frames, tmp_path):
    video.write(frames, tmp_path / "film.mp4", 12.0)
    with pytest.raises(ValueError, match="limit=1; a film has at least two"):
        video.read_frames([tmp_path / "film.mp4"], limit=1)
    small = video.read_frames([tmp_path / "film.mp4"], limit=2, longest=64)
    assert max(small[0].shape) == 64
    video.check_output(tmp_path / "out.mp4")
    video.check_output(tmp_path / "folder")
    with pytest.raises(DataError, match="OpenCV cannot write .words here"):
        video.check_output(tmp_path / "out.words")
