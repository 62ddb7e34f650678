"""A taught network leaves the project and comes back the same; published modules are loaded."""

import keras
import numpy as np
import pytest

from common.validation import DataError
from recipes.neural_style import fast, one_pass, pictures, predict

tf = pytest.importorskip("tensorflow")
on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModel")


@pytest.fixture(scope="module")
def taught():
    keras.utils.set_random_seed(0)
    return one_pass.Taught(fast.transformer(4, 1))


@on_tensorflow
@pytest.mark.parametrize("size", [(48, 64), (45, 63)])
def test_exported_it_gives_the_same_picture(taught, content, size, tmp_path):
    pixels = content[: size[0], : size[1]]
    folder = taught.export(tmp_path / "export", pixels)
    serve = tf.saved_model.load(str(folder)).signatures["stylise"]
    pictures.save(tmp_path / "in.png", pixels)
    found = serve(picture=tf.constant((tmp_path / "in.png").read_bytes()))
    own = pictures.as_bytes(taught(pictures.read(tmp_path / "in.png").pixels))
    assert np.abs(found["pixels"].numpy().astype(int) - own).max() <= 1
    (tmp_path / "out.jpg").write_bytes(found["jpeg"].numpy())
    assert pictures.read(tmp_path / "out.jpg").size == size


def test_on_other_backends_it_says_what_is_needed(taught, content, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="KERAS_BACKEND=tensorflow"):
        taught.export(tmp_path, content)


class Mixture(tf.Module):
    """Takes a photograph and a painting, as the published module does: here their mean colours."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3]),
                                  tf.TensorSpec([None, None, None, 3])])  # fmt: skip
    def __call__(self, photograph, painting):
        colour = tf.reduce_mean(painting, axis=(1, 2), keepdims=True)
        return [(photograph + colour) / 2]


def test_a_module_for_any_style_by_its_folder(content, styles, tmp_path):
    tf.saved_model.save(Mixture(), str(tmp_path / "module"))
    network = one_pass.AnyStyle(str(tmp_path / "module"), styles[0])
    wanted = (content + styles[0].mean(axis=(0, 1))) / 2
    np.testing.assert_allclose(network(content), wanted, atol=0.01)


def test_one_with_signatures_alone(content, styles, tmp_path):
    module = Mixture()

    spec = [tf.TensorSpec([None, None, None, 3], name=name)
            for name in ("placeholder", "placeholder_1")]  # fmt: skip

    @tf.function(input_signature=spec)
    def serve(placeholder, placeholder_1):
        return {"output_0": module(placeholder, placeholder_1)[0]}

    holder = tf.Module()
    tf.saved_model.save(holder, str(tmp_path / "module"), signatures=serve)
    network = one_pass.AnyStyle(str(tmp_path / "module"), styles[0])
    np.testing.assert_allclose(
        network(content), (content + styles[0].mean(axis=(0, 1))) / 2, atol=0.01
    )


def test_what_is_no_module_is_named(styles, tmp_path):
    with pytest.raises(DataError, match="no_module cannot be loaded"):
        one_pass.AnyStyle(str(tmp_path / "no_module"), styles[0])
    with pytest.raises(DataError, match="holds no fast.keras"):
        one_pass.Taught.load(tmp_path)
    (tmp_path / "fast.keras").write_text("no model")
    with pytest.raises(DataError, match="cannot be loaded"):
        one_pass.Taught.load(tmp_path)


def test_from_the_command_line(taught, content, tmp_path, capsys):
    taught.save(tmp_path / "fast")
    pictures.save(tmp_path / "in.png", content)
    place = [str(tmp_path / "fast"), str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    assert predict.main([*place, "--size", "48"]) == 0
    assert pictures.read(tmp_path / "out.png").size == (36, 48)
    assert predict.main([place[0], str(tmp_path / "none.png"), place[2]]) == 1
    assert "none.png is no file" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        predict.main([*place, "--size", "8"])
    assert stop.value.code == 2
