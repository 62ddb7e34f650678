"""What an operator types: films and lessons from the command line, and what is refused."""

import pytest

from recipes.neural_style import data, film, pictures, predict, teach, video

QUICK = ["--size", "64", "--steps", "2", "--frame-steps", "1", "--weights", "small"]


@pytest.fixture(scope="module")
def sample():
    return data.load("sample")


def test_a_film_of_frames_becomes_a_video(sample, tmp_path, capsys):
    frames, style = sample.frames[0].parent, str(sample.styles["woodcut"])
    output = tmp_path / "out.mp4"
    command = [str(frames), str(output), "--style", style, "--limit", "2", *QUICK]
    assert film.main(command) == 0
    assert len(video.read_frames([output])) == 2
    assert "frame 2/2" in capsys.readouterr().out
    assert film.main(command) == 0  # everything is there already
    assert "frame 2/2" not in capsys.readouterr().out


@pytest.mark.parametrize("change, message", [
    ({0: "no_film.mp4"}, "no_film.mp4 is no video and no folder"),
    ({3: "no_style.jpg"}, "no_style.jpg is no file"),
])  # fmt: skip
def test_a_wrong_film_is_named(sample, tmp_path, capsys, change, message):
    command = [str(sample.frames[0].parent), str(tmp_path / "out.mp4"), "--style",
               str(sample.styles["woodcut"]), "--limit", "2", *QUICK]  # fmt: skip
    for place, value in change.items():
        command[place] = value
    assert film.main(command) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


def test_a_network_is_taught_and_used(sample, tmp_path, capsys):
    photographs, style = sample.content["china"].parent, str(sample.styles["woodcut"])
    command = [str(photographs), "--style", style, "-o", str(tmp_path / "net"), "--steps", "2",
               "--size", "32", "--filters", "2", "--batch-size", "1", "--weights", "small"]
    assert teach.main(command) == 0
    output = tmp_path / "out.png"
    found = predict.main([str(tmp_path / "net"), str(sample.content["china"]), str(output),
                          "--size", "64"])  # fmt: skip
    assert found == 0 and max(pictures.read(output).size) == 64
    (tmp_path / "empty").mkdir()
    assert teach.main([str(tmp_path / "empty"), *command[1:]]) == 1
    assert "holds no picture of at least 32 x 32 pixels" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        teach.main([*command, "--size", "33"])
    assert stop.value.code == 2
