"""The product: what it answers, saved and loaded, from the command line, exported."""

import csv
from dataclasses import replace

import keras
import numpy as np
import pytest

from common import lite, results
from common.vision import explain, pixels
from common.vision.head import Head
from recipes.transfer import export, familiar, predict, report
from recipes.transfer.familiar import NONE, Familiarity
from recipes.transfer.labeller import Labeller, of_imagenet

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports are TensorFlow's"
)


def test_answers(labeller, seen, drawn):
    found = labeller.answers(seen)
    assert list(found.columns) == ["label", "probability", "likest", "familiar", *labeller.columns]
    table = found[labeller.columns].to_numpy()
    np.testing.assert_allclose(table.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(table.max(axis=1), found["probability"])
    strange = found["familiar"] < labeller.familiarity.threshold
    assert (found["label"][strange] == NONE).all()
    assert (found["label"][~strange] == found["likest"][~strange]).all()
    assert strange.mean() < 0.2


def test_a_class_may_be_called_anything(labeller, drawn):
    """ImageNet has one that is called "file"."""
    odd = replace(labeller, classes=["file", "label", "probability", "problem", "likest", "a b"])
    found = odd.label(drawn.part("test")["path"][:2])
    assert found["file"].str.endswith(".jpg").all() and "probability_file" in found


def test_broken_files_have_no_answer_and_hurt_nobody(labeller, drawn, tmp_path):
    good = drawn.part("test")["path"].tolist()[:3]
    (tmp_path / "cut.jpg").write_bytes(open(good[0], "rb").read()[:700])
    found = labeller.label([good[0], tmp_path / "cut.jpg", tmp_path / "nowhere.png", good[1]])
    alone = labeller.label([good[1]])
    assert found["problem"].map(bool).tolist() == [False, True, True, False]
    assert "cut" in found["problem"][1] and "no file" in found["problem"][2]
    assert found["label"][1] == "" and np.isnan(found["probability"][1])
    assert found["probability"][3] == pytest.approx(alone["probability"][0], abs=1e-6)


def test_saved_and_loaded(labeller, drawn, tmp_path):
    paths = drawn.part("test")["path"].tolist()[:5]
    before = labeller.label(paths)
    loaded = Labeller.load(labeller.save(tmp_path / "labeller"))
    after = loaded.label(paths)
    assert (before["label"] == after["label"]).all()
    numbers = ["familiar", *labeller.columns]
    np.testing.assert_allclose(before[numbers].to_numpy(float), after[numbers].to_numpy(float),
                               atol=1e-6)  # fmt: skip
    pictures = pixels.load(paths, labeller.backbone.size)
    np.testing.assert_allclose(loaded.heat(pictures), labeller.heat(pictures), atol=1e-5)
    with pytest.raises(FileNotFoundError, match="holds no labeller"):
        Labeller.load(tmp_path)


def test_a_map_adds_up_to_the_answer(labeller, drawn):
    pictures = pixels.load(drawn.part("test")["path"][:9], labeller.backbone.size)
    maps = labeller.backbone.maps(pictures)
    logits = labeller.head.logits(maps.mean(axis=(1, 2)))
    heats = labeller.heat(pictures)
    lead = (logits - logits.mean(axis=1, keepdims=True)).max(axis=1)
    bias = labeller.head.bias - labeller.head.bias.mean()
    np.testing.assert_allclose(heats.mean(axis=(1, 2)) + bias[logits.argmax(axis=1)], lead,
                               atol=1e-3)  # fmt: skip
    whole = explain.heat(maps, labeller.head.kernel, np.zeros(9, int))
    np.testing.assert_allclose(labeller.heat(pictures, np.zeros(9, int)), whole, atol=1e-5)


def test_the_network_of_one_view(labeller, drawn):
    pictures = pixels.load(drawn.part("test")["path"][:4], labeller.backbone.size)
    found = labeller.network().predict(pictures.astype(np.float32), verbose=0)
    maps = labeller.backbone.maps(pictures)
    wanted = labeller.head.probabilities(labeller.head.logits(maps.mean(axis=(1, 2))))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_thousand_names(backbone):
    found = of_imagenet(backbone)
    assert found.classes == list(backbone.classes)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), np.uint8)
    maps = backbone.maps(pictures)
    logits = keras.ops.convert_to_numpy(backbone.top(maps))
    np.testing.assert_allclose(found.head.logits(maps.mean(axis=(1, 2))), logits, atol=1e-4)
    with pytest.raises(ValueError, match="no such head"):
        of_imagenet(replace(backbone, top=None))


def test_a_folder_from_the_command_line(labeller, drawn, tmp_path, capsys):
    folder, model = tmp_path / "in", tmp_path / "labeller"
    labeller.save(model)
    (folder / "deep").mkdir(parents=True)
    for k, path in enumerate(drawn.part("test")["path"][:4]):
        (folder / ("deep" if k % 2 else ".") / f"{k}.jpg").write_bytes(open(path, "rb").read())
    content = (folder / "0.jpg").read_bytes()
    bad = {"cut.jpg": content[:500], "empty.png": b"", "words.jpg": b"hello", "notes.txt": b"x",
           "zeros.png": bytes(2000), "head.gif": b"GIF89a", "deep/noise.webp": bytes(range(256)),
           "html.jpg": b"<html></html>", "zip.png": b"PK\x03\x04" + bytes(50),
           "half.tif": b"II*\x00" + bytes(9)}  # fmt: skip
    for name, body in bad.items():
        (folder / name).write_bytes(body)
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    bad["gone.jpg"] = None
    assert predict.main([str(model), str(folder), str(tmp_path / "out.csv")]) == 0
    with open(tmp_path / "out.csv", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert set(rows) == {*bad, "0.jpg", "2.jpg", "deep/1.jpg", "deep/3.jpg"}
    for name, row in rows.items():
        assert bool(row["problem"]) == (name in bad), name
        assert bool(row["label"]) == (name not in bad), name
    said = capsys.readouterr().out
    assert "15 files" in said and "(see the column 'problem'): 11" in said
    assert predict.main([str(tmp_path), str(folder), str(tmp_path / "o.csv")]) == 1
    assert predict.main([str(model), str(tmp_path / "no"), str(tmp_path / "o.csv")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert not (tmp_path / "o.csv").exists()


@pytest.fixture(scope="module")
def recorded(labeller, drawn, tmp_path_factory):
    tested = report.test(labeller, drawn.part("test"), log=None)
    arms = {report.OURS: tested.right, **report.baseline_arms(drawn)}
    records = report.measure(drawn, arms, [0])
    return results.record(
        tmp_path_factory.mktemp("out"), "transfer", results.describe(drawn),
        {"metric": "accuracy", "variant": report.OURS}, records, {}, 0.0,
    )  # fmt: skip


@on_tensorflow
@pytest.mark.parametrize("method", familiar.METHODS)
def test_the_saved_model_answers_as_the_labeller(labeller, drawn, recorded, seen, tmp_path, method):
    import tensorflow as tf

    labels = drawn.part("train")["label"].to_numpy()
    sense = familiar.learn(method, labeller.head, seen.mean(axis=1), labels)
    product = Labeller(labeller.backbone, labeller.head, labeller.classes, sense)
    paths = drawn.part("test")["path"].tolist()[:12]
    folder = export.saved_model(product, paths, drawn.name, recorded, tmp_path)
    assert folder.name == "1" and "none of these" in (folder.parent / "README.md").read_text()
    served = tf.saved_model.load(str(folder)).signatures["label"]
    found = served(picture=tf.constant([open(path, "rb").read() for path in paths]))
    own = product.label(paths)
    assert (found["likest"].numpy().astype(str) == own["likest"].to_numpy(str)).all()
    np.testing.assert_allclose(found["probabilities"].numpy(), own[product.columns], atol=0.02)
    spread = float(np.ptp(own["familiar"])) + 1e-6
    np.testing.assert_allclose(found["familiar"].numpy(), own["familiar"], atol=0.2 * spread)


@on_tensorflow
def test_lite_files(labeller, drawn, tmp_path):
    made = export.lite(labeller, drawn.part("train")["path"].tolist()[:20], tmp_path)
    assert set(made) == {"float32", "int8"}
    assert made["int8"].stat().st_size < made["float32"].stat().st_size
    pictures = pixels.load(drawn.part("test")["path"][:10], labeller.backbone.size)
    wanted = labeller.network().predict(pictures.astype(np.float32), verbose=0)
    for kind, within in (("float32", 1e-4), ("int8", 0.1)):
        found, pace = lite.run(made[kind], pictures)
        np.testing.assert_allclose(found, wanted, atol=within)
        assert pace > 0
    table = export.compared(labeller, drawn, None, made, log=None)
    assert table["same answer"].iloc[0] == 1 and table["accuracy"].between(0, 1).all()


def test_a_network_taught_elsewhere_gets_a_sense_of_what_is_familiar(backbone, trained, drawn):
    held = np.arange(0, len(drawn.part("train")), 4)
    product = Labeller.taught(backbone, trained, drawn, held, "neighbour", 0.7)
    found = product.label(drawn.part("test")["path"])
    assert set(found["likest"]) <= set(drawn.classes)
    assert 0 < (found["label"] == NONE).mean() < 0.8


def test_a_head_without_a_temperature():
    found = Head(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    assert found.probabilities(np.array([[0.0, 0.0]]))[0, 0] == 0.5
    assert Familiarity("probability").threshold == -np.inf
