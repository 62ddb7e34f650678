"""A network learns a style, keeps it when saved, and takes pictures of any size."""

import keras
import numpy as np
import pytest
from keras import ops

from data_scripts import sample_neural_style
from recipes.neural_style import fast


@pytest.fixture(scope="module")
def photographs():
    return [sample_neural_style.photograph(name) for name in ("china", "flower")]


@pytest.fixture(scope="module")
def how(tiny):
    return tiny.model_copy(update={"size": 32, "content_weight": 0.05})


@pytest.fixture(scope="module")
def taught(extractor, photographs, styles, how):
    keras.utils.set_random_seed(0)
    network = fast.transformer(4, 1)
    history = fast.teach(network, extractor, photographs, styles[0], how, None, epochs=3, steps=12,
                         batch=2, learning_rate=5e-3, log=None)  # fmt: skip
    return network, history


def test_the_loss_falls(taught):
    losses = taught[1].metrics["loss"]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("size", [(48, 64), (47, 61)])
def test_pictures_of_any_size(taught, content, size):
    pixels = content[: size[0], : size[1]]
    made = fast.apply(taught[0], pixels)
    assert made.shape == pixels.shape and 0 <= made.min() and made.max() <= 1


def test_saved_and_loaded_is_the_same_network(taught, content, tmp_path):
    taught[0].save(tmp_path / "fast.keras")
    again = keras.saving.load_model(tmp_path / "fast.keras", compile=False)
    np.testing.assert_allclose(
        fast.apply(again, content), fast.apply(taught[0], content), atol=1e-5
    )


def test_instances_are_normalised_each_by_itself(taught, content):
    """A picture's result does not hang on what else is in its batch."""
    both = np.stack([content, content[::-1]])
    together = ops.convert_to_numpy(taught[0](both))[0]
    np.testing.assert_allclose(together, fast.apply(taught[0], content), atol=1e-4)


def test_a_stopped_lesson_ends_as_an_unbroken_one(
    extractor, photographs, styles, how, tmp_path
):
    def teach(folder, epochs):
        keras.utils.set_random_seed(0)
        network = fast.transformer(2, 1)
        fast.teach(network, extractor, photographs, styles[0], how, folder, epochs=epochs,
                   steps=3, batch=1, log=None)  # fmt: skip
        return network.get_weights()

    class Stop(Exception):
        pass

    whole = teach(tmp_path / "whole", 3)
    seen = []

    def stop(line):
        seen.append(line)
        if len(seen) == 2:
            raise Stop

    keras.utils.set_random_seed(0)
    network = fast.transformer(2, 1)
    with pytest.raises(Stop):
        fast.teach(network, extractor, photographs, styles[0], how, tmp_path / "broken", epochs=3,
                   steps=3, batch=1, log=stop)  # fmt: skip
    for one, other in zip(teach(tmp_path / "broken", 3), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_folder_and_a_film(taught, tmp_path):
    from recipes.neural_style import one_pass, pictures, video

    for name in ("china", "flower"):
        pictures.save(tmp_path / f"{name}.jpg",
                      sample_neural_style.photograph(name) / np.float32(255))  # fmt: skip
    lines = []
    network = one_pass.Taught(taught[0])
    count = one_pass.apply(network, tmp_path, tmp_path / "out", 64, lines.append)
    assert count == 2 and len(lines) == 2
    assert pictures.read(tmp_path / "out" / "china.png").size == (43, 64)
    frame = pictures.resized(sample_neural_style.photograph("china") / np.float32(255), 48, 64)
    video.write([frame] * 3, tmp_path / "in.mp4", 10.0)
    target = tmp_path / "out.mp4"
    assert one_pass.apply(network, tmp_path / "in.mp4", target, log=lines.append) == 3
    assert len(video.read_frames([tmp_path / "out.mp4"])) == 3


def test_another_style_or_more_steps_begin_anew(extractor, photographs, styles, how, tmp_path):
    def teach(style, epochs=1):
        keras.utils.set_random_seed(0)
        network = fast.transformer(2, 1)
        fast.teach(network, extractor, photographs, style, how, tmp_path, epochs=epochs, steps=1,
                   batch=1, log=None)  # fmt: skip
        return network.get_weights()[0]

    first, other = teach(styles[0]), teach(styles[1])
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(teach(styles[0]), first)
    teach(styles[0], epochs=2)
