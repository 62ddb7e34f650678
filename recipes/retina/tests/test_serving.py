"""The graph outside Python says what Python says: disc, picture, verdict, answer."""

import os
from dataclasses import astuple, replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from common import lite
from data_scripts import sample_retina
from recipes.retina import disc, export, heads, normalize, preprocess, quality, serving
from recipes.retina import serving_quality as parts
from recipes.retina.disc import Disc
from recipes.retina.grader import NOTICE, Preparation
from recipes.retina.tests import spoil
from recipes.retina.tests.drawn import fundus, save
from recipes.retina.tests.tasks import grader_by_chance

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports are TensorFlow's"
)
SIZE = 128
ANY_PICTURE = [tf.TensorSpec([None, None, 3], tf.int32)]
BIG = dict(height=540, width=600, x=300, y=270, radius=256)


def cut() -> np.ndarray:
    picture = fundus()
    picture[:70], picture[300:] = 6, 6
    return picture


PICTURES = {
    "whole": lambda: fundus(),
    "cut": cut,
    "cut by the frame": lambda: fundus(height=300, y=150),
    "odd sides": lambda: fundus(height=421, width=517, radius=150.3, x=261.2),
    "small": lambda: fundus(height=180, width=190, x=95, y=90, radius=80),
    "dim": lambda: fundus(light=0.2, noise=1),
    "half of it": lambda: spoil.halved(fundus(**BIG)),
    "large": lambda: fundus(height=900, width=1100, x=560, y=440, radius=400),
    "sample": lambda: sample_retina.one(0, 0, 0)[0].pixels,
}


@pytest.fixture(scope="module")
def grader():
    return grader_by_chance(SIZE)


@pytest.fixture(scope="module")
def served(grader):
    return serving.module(grader)


@pytest.fixture(scope="module")
def finds():
    return tf.function(serving.find, input_signature=ANY_PICTURE)


@pytest.fixture(scope="module")
def judges():
    def judged(pixels):
        return serving.judged(pixels, Disc(*tf.unstack(serving.find(pixels))))

    return tf.function(judged, input_signature=ANY_PICTURE)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Good, cut, without a disc, too dark; a transparent PNG; a JPEG that is decoded small."""
    folder = tmp_path_factory.mktemp("eyes")
    pictures = {"good": fundus(), "cut": cut(), "black": np.zeros((90, 90, 3), np.uint8),
                "dark": spoil.lit(0.1)(fundus(**BIG))}  # fmt: skip
    found = [save(folder / f"{name}.png", pixels) for name, pixels in pictures.items()]
    seen = np.full((400, 500, 1), 255, np.uint8)
    seen[:100, :, 0] = np.linspace(0, 255, 100)[:, None]
    found.append(save(folder / "clear.png", np.concatenate([fundus(), seen], axis=2)))
    large = fundus(height=1400, width=1500, x=750, y=700, radius=650, seed=2)
    return [*found, save(folder / "large.jpg", large, quality=92)]


def as_tensors(found: Disc) -> Disc:
    return Disc(*tf.unstack(tf.constant(astuple(found), tf.float64)))


def contents(paths) -> tf.Tensor:
    return tf.constant([Path(path).read_bytes() for path in paths])


@pytest.mark.parametrize("name", PICTURES)
def test_the_disc_is_the_same(finds, name):
    pixels = PICTURES[name]()
    wanted = disc.find(pixels)
    # The same border points, the same triples, the same arithmetic: far nearer than half a pixel.
    np.testing.assert_allclose(finds(pixels.astype(np.int32)), astuple(wanted), atol=1e-3)


def test_the_triples_are_the_same():
    for count in (16, 17, 100, 191, 192, 255, 383):
        wanted = np.random.default_rng(0).integers(0, count, (disc.TRIPLES, 3))
        assert np.array_equal(count * serving._DRAWN // 2**32, wanted)


@pytest.mark.parametrize("pixels", [
    np.zeros((90, 90, 3), np.uint8), fundus(20, 20, 10, 10, 8), np.zeros((40, 6000, 3), np.uint8),
    np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8),
    np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, 256, 3)).reshape(256, 256, 3),
    cv2.rectangle(np.zeros((300, 300, 3), np.uint8), (60, 60), (240, 240), (200, 90, 40), -1),
], ids=["black", "tiny", "long", "noise", "ramp", "square"])  # fmt: skip
def test_where_no_disc_is(finds, judges, pixels):
    assert not finds(pixels.astype(np.int32)).numpy().any()
    assert judges(pixels.astype(np.int32)).numpy().decode() == parts.NO_EYE


@pytest.mark.parametrize("spoilt", [
    lambda picture: cv2.putText(picture, "LEFT EYE", (10, 390), 0, 1, (255, 255, 255), 2),
    lambda picture: cv2.rectangle(picture, (0, 330), (90, 399), (255, 255, 255), -1),
    lambda picture: cv2.circle(picture, (40, 360), 35, (200, 200, 200), -1),
], ids=["writing", "label", "second"])  # fmt: skip
def test_the_vote_bears_what_lies_beside_the_disc(finds, spoilt):
    """There is no step for components here."""
    pixels = spoilt(fundus())
    found, wanted = Disc(*finds(pixels.astype(np.int32)).numpy()), disc.find(pixels)
    half = 0.5 * 4  # a pixel of the copy has four of the picture
    for name in ("x", "y", "radius", "left", "top", "right", "bottom"):
        assert abs(getattr(found, name) - getattr(wanted, name)) < half, name


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(("size", "share"), [(SIZE, 0.98), (299, 0.9)])
def test_the_prepared_picture_is_the_same(name, size, share):
    pixels = PICTURES[name]()
    found = disc.find(pixels)
    for leveling in serving.SERVED:
        wanted = normalize.normalized(pixels, size, leveling, share, found).astype(float)
        made = parts.normalized(tf.constant(pixels, tf.int32), as_tensors(found), size, leveling,
                                share)  # fmt: skip
        assert made.shape == wanted.shape and made.dtype == tf.float32
        off = np.abs(made - wanted)
        # "graham" multiplies a pixel that is rounded the other way by 4.
        assert off.mean() < 0.01 and off.max() <= (1 if leveling == "none" else 5), leveling


@pytest.mark.parametrize("name", [*spoil.SPOILT, "sample", "sample, blurred", "blue", "cut"])
def test_the_verdict_is_the_same(judges, name):
    pixels = {"sample": lambda: sample_retina.one(0, 0, 1)[0].pixels,
              "sample, blurred": lambda: sample_retina.one(0, 0, 7)[0].pixels,
              "blue": lambda: fundus()[..., ::-1].copy(), "cut": cut,
              }.get(name, lambda: spoil.SPOILT[name](fundus(**BIG)))()  # fmt: skip
    wanted = quality.check(pixels)
    assert judges(pixels.astype(np.int32)).numpy().decode() == wanted.reason.partition(":")[0]
    if "redness" in wanted.measures:
        found = as_tensors(disc.find(pixels))
        measured = parts.measures(*parts.crop(tf.constant(pixels, tf.int32), found, quality.SIZE))
        assert {*measured, "share_seen"} == set(wanted.measures)
        for measure, value in measured.items():
            assert float(value) == pytest.approx(wanted.measures[measure], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(("size", "radius", "side"), [
    (SIZE, 650, 175), (240, 650, 350), (299, 650, 700), (SIZE, 250, 1400),
])  # fmt: skip
def test_a_jpeg_is_decoded_as_small_as_in_python(tmp_path, size, radius, side):
    drawn = fundus(height=1400, width=1500, x=750, y=700, radius=radius)
    path = save(tmp_path / "eye.jpg", drawn)
    pixels, found, _ = preprocess.decoded(path, path.read_bytes(), size)
    made, lengths = serving.seen(tf.constant(path.read_bytes()), size, normalize.SHARE)
    assert len(pixels) == side and np.array_equal(made, pixels)
    np.testing.assert_allclose(lengths, astuple(found), atol=1e-3)


def test_a_grey_jpeg(tmp_path):
    grey = cv2.cvtColor(fundus(), cv2.COLOR_RGB2GRAY)
    path = save(tmp_path / "grey.jpg", grey)
    made, _ = serving.seen(tf.constant(path.read_bytes()), SIZE, normalize.SHARE)
    assert np.array_equal(made, preprocess.decoded(path, path.read_bytes(), SIZE)[0])


def test_the_answers_are_the_grader_s(grader, served, files):
    found = {name: value.numpy() for name, value in served.grade(contents(files)).items()}
    own = grader.grade(files)
    assert own["grade"].isna().tolist() == [k == 2 for k in range(len(files))]
    assert found["grade"].dtype == np.int32
    assert found["grade"].tolist() == own["grade"].fillna(-1).tolist()
    columns = grader.columns
    for name, wanted in (("probabilities", columns[:5]), ("referable", columns[5]),
                         ("edema", columns[6])):  # fmt: skip
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], own[wanted].to_numpy(float), atol=1e-3)
    for name in ("sensitive", "specific"):
        assert found[f"refer_{name}"].tolist() == (own[f"refer, {name}"] == "yes").tolist()
    verdicts = found["quality"].astype(str).tolist()
    assert verdicts == [quality.check(path).reason.partition(":")[0] for path in files]
    assert verdicts[:4] == ["", "", parts.NO_EYE, "too dark"]


def test_neighbours_do_no_harm(served, files):
    together, alone = served.grade(contents(files)), served.grade(contents(files[3:4]))
    for name, value in alone.items():
        if name != "quality":
            np.testing.assert_allclose(value, together[name][3:4], atol=1e-5)
    assert alone["quality"][0] == together["quality"][3]
    nothing = served.grade(contents(files[2:3]))
    assert nothing["grade"].numpy().tolist() == [-1] and np.isnan(nothing["referable"]).all()
    assert not nothing["refer_sensitive"].numpy().any()


def test_what_a_grader_has_not_is_not_answered(grader, files):
    other = replace(grader, has_edema=False, thresholds={"even": 0.5},
                    preparation=Preparation(SIZE, "none"))  # fmt: skip
    served = serving.module(other)
    found = served.grade(contents(files[:1]))
    assert set(found) == {"grade", "probabilities", "referable", "quality", "refer_even"}
    own = other.grade(files[:1])[other.columns[:5]].to_numpy(float)
    np.testing.assert_allclose(found["probabilities"], own, atol=1e-3)


def test_clahe_is_refused(grader, files, tmp_path):
    other = replace(grader, preparation=Preparation(SIZE, "clahe"))
    with pytest.raises(ValueError, match="leveling='clahe' .* leveling=\"none\" or \"graham\""):
        export.saved_model(other, files, "x", {}, tmp_path)
    assert not any(tmp_path.iterdir())


RECORDED = {
    "data": {"name": "drawn", "synthetic": True, "rows": 6, "licence": "none", "fingerprint": "x"},
    "metrics": [], "commit": None, "dirty": False, "versions": {}, "parameters": {},
    "date": "today", "recipe": "retina",
}  # fmt: skip


@pytest.mark.parametrize("kind", heads.KINDS)
def test_answers_in_whole_numbers_are_the_same(kind, tmp_path):
    """LiteRT's whole numbers have no padding with ones and no running sums."""
    given = np.random.default_rng(0).integers(0, 256, (40, 3 * (heads.WIDTHS[kind] + 1)), np.uint8)
    inputs = keras.Input(given.shape[1:])
    logits = keras.layers.Rescaling(1 / 32, -4)(inputs)
    network = keras.Model(inputs, heads.Answers(kind, 3, 1.4, 0.7)(logits))
    wanted = network.predict(given.astype(np.float32), verbose=0)
    made = lite.convert(network, given, tmp_path)
    for form, within in (("float32", 1e-4), ("int8", 0.1)):
        off = np.abs(lite.run(made[form], given)[0] - wanted)
        assert off.max() < within and off.mean() < within / 5


@pytest.fixture(scope="module")
def exported(grader, files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    saved = export.saved_model(grader, files, "drawn eyes", RECORDED, folder)
    shown = np.stack([normalize.normalized(make(), SIZE, "graham") for make in PICTURES.values()])
    return saved, export.lite(grader, shown, folder), shown


def test_the_saved_model_answers(served, exported, files):
    saved = exported[0]
    loaded = tf.saved_model.load(str(saved))
    found = loaded.signatures["grade"](photograph=contents(files))
    own = served.grade(contents(files))
    assert set(found) == set(own)
    for name in own:
        if name == "quality":
            assert found[name].numpy().tolist() == own[name].numpy().tolist()
        else:
            np.testing.assert_allclose(found[name], own[name], atol=1e-5)
    card = (saved.parent / "README.md").read_text()
    limits = card.partition("## Limits")[2].strip()
    assert limits.startswith(f"- {NOTICE}")
    for words in ("`refer_sensitive` is true from a referable probability of 0.1 on", "-1 where",
                  "largest connected part", "cross-validation", "small network of this project"):
        assert words in card, words


def test_an_example_must_show_a_disc(grader, files, tmp_path):
    with pytest.raises(ValueError, match="None of the 1 photographs .*no bright disc"):
        export.saved_model(grader, files[2:3], "x", RECORDED, tmp_path)


def test_lite_files(grader, exported):
    _, made, shown = exported
    assert set(made) == {"float32", "int8_weights"}
    wanted = grader.answers(shown)
    for kind, within in (("float32", 1e-4), ("int8_weights", 0.02)):
        found, _ = lite.run(made[kind], shown)
        assert found.shape == (len(shown), 7)
        np.testing.assert_allclose(found, wanted, atol=within)


def test_compared(grader, exported, files):
    saved, made, _ = exported
    grades = np.array([0, 2, 3, 1, 4, 2])
    table = export.compared(grader, files, grades, saved, made, log=None)
    assert list(table.columns) == export.COLUMNS
    assert table.index.tolist() == ["Python, from files", "Keras, prepared",
                                    "SavedModel, from files", "LiteRT float32, prepared",
                                    "LiteRT int8_weights, prepared"]  # fmt: skip
    same = table.iloc[:4]
    assert (same[["answered", "same grade", "same referral"]] == 1).all(axis=None)
    assert (same["referable off by"] < 1e-3).all()
    assert (table[["MB", "ms a photograph"]] > 0).all(axis=None)
    right = (grader.grade(files)["grade"] == grades).dropna()
    np.testing.assert_allclose(same["accuracy"], right.mean())
    one_kind = export.compared(grader, files[:2], np.array([0, 1]), None, {}, log=None)
    assert one_kind["AUC"].isna().all() and len(one_kind) == 2
    with pytest.raises(ValueError, match="1 grades are given for 6 paths"):
        export.compared(grader, files, grades[:1], saved, made)


def test_a_form_without_an_answer():
    own = np.eye(7, dtype=np.float32)[:4]
    own[2:, 5] = 0.9
    found = own.copy()
    found[0] = np.nan
    kappa, accuracy, area, answered, grade, referral, off = export._agreement(
        found, own, np.array([0, 1, 2, 3]), 0.5)
    assert (kappa, area, off) == (1, 1, 0)
    assert accuracy == answered == grade == referral == 0.75


def test_real_photographs(grader, served):
    mirror = os.environ.get("RECIPES_MIRROR", "")
    paths = sorted(Path(mirror, "retina", "images").glob("test_*.jpg"))[:50:10] if mirror else []
    if len(paths) < 5:
        pytest.skip("RECIPES_MIRROR names no folder with the published set")
    found, own = served.grade(contents(paths)), grader.grade(paths)
    assert found["grade"].numpy().tolist() == own["grade"].tolist()
    columns = grader.columns
    np.testing.assert_allclose(found["probabilities"], own[columns[:5]].to_numpy(), atol=1e-3)
    assert [each.decode() for each in found["quality"].numpy()] == [""] * 5
    for path in paths:
        data = path.read_bytes()
        pixels, where, _ = preprocess.decoded(path, data, SIZE)
        _, lengths = serving.seen(tf.constant(data), SIZE, normalize.SHARE)
        np.testing.assert_allclose(lengths, astuple(where), atol=1e-3)
        picture, _, _ = served.prepared(tf.constant(data))
        wanted = normalize.normalized(pixels, SIZE, "graham", normalize.SHARE, where)
        assert np.abs(picture - wanted).mean() < 0.01
