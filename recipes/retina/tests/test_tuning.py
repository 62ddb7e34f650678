"""Teaching further moves the last layers alone, and is judged by photographs it has not seen."""

import keras
import numpy as np
import pytest

from common.vision import backbones
from common.vision.taps import Taps
from recipes.retina import learning, review, tuning
from recipes.retina.grader import Grader, Preparation
from recipes.retina.learning import Task
from recipes.retina.tests.tasks import rows_of

SIZE, COUNT = 64, 60


def lesions(seed=0):
    """Grey pictures with as many red spots as the grade says, twice; uint8 [n, size, size, 3]."""
    random = np.random.default_rng(seed)
    pictures = random.normal(128, 6, (COUNT, SIZE, SIZE, 3)).clip(0, 255).astype(np.uint8)
    grades = np.arange(COUNT) % 5
    for picture, grade in zip(pictures, grades, strict=True):
        for top, left in random.integers(4, SIZE - 10, (2 * grade, 2)):
            picture[top : top + 6, left : left + 6] = (200, 30, 30)
    return pictures, grades


@pytest.fixture(scope="module")
def pictures():
    return lesions()


def fresh():
    return Taps.of(backbones.find("small", SIZE), views=1)


@pytest.fixture(scope="module")
def task(pictures):
    pixels, grades = pictures
    seen = fresh().compute(pixels).mean(axis=1)
    edema = np.where(np.arange(COUNT) % 3 == 0, -1, (grades > 2).astype(int))
    return Task(seen, grades, edema, np.arange(COUNT), np.ones(COUNT, bool))


@pytest.fixture(scope="module")
def tuned(task, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    return tuning.tune(fresh(), task, pictures[0], folder, kind="questions", strength=10.0,
                       epochs=2, log=None)  # fmt: skip


def test_it_begins_as_the_mean_of_the_members(task, pictures):
    taps = fresh()
    begun = learning.Learner(task, "questions", 3, 60).fit(np.arange(COUNT), 10.0)
    model = tuning.network(taps, begun, 0)
    found = model.predict_on_batch(pictures[0][:4].astype(np.float32))
    grade, edema = begun.logits(taps.compute(pictures[0][:4]).mean(axis=1))
    np.testing.assert_allclose(found["grade"][:, 0], grade.mean(axis=1), atol=2e-2)
    np.testing.assert_allclose(found["edema"][:, 0, 0], edema.mean(axis=1), atol=2e-2)


def kernels(taps):
    """Of the convolutions, the first layer first."""
    model = taps.backbone.model
    return [keras.ops.convert_to_numpy(layer.kernel) for layer in model._flatten_layers()
            if hasattr(layer, "kernel")]  # fmt: skip


def test_the_last_layers_move_and_the_first_ones_stay(tuned):
    before, after = (kernels(each) for each in (fresh(), tuned.taps))
    moved = [np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True)]
    assert moved == sorted(moved) and moved[-1] and not moved[0]
    assert tuned.taps.backbone.key != fresh().backbone.key
    assert "further" in tuned.taps.backbone.said


def test_it_is_judged_by_photographs_it_has_not_seen(tuned, task):
    assert 0 < len(tuned.validation) < COUNT / 3
    assert np.isfinite([tuned.before, tuned.after]).all()
    assert tuned.better == (tuned.after < tuned.before)
    assert tuned.history.epochs == 2


def test_a_grader_on_the_tuned_backbone(tuned, task, pictures):
    pixels, grades = pictures
    begun = learning.Learner(task, "questions", 3, 60).fit(np.arange(COUNT), 10.0)
    old = Grader.of(Preparation(SIZE), fresh(), begun, {"sensitive": 0.5, "specific": 0.5})
    made, seen, trained = review.regraded(old, tuned, task, pixels, "questions", 10.0, (0.8, 0.8),
                                          rows_of(task), 0)  # fmt: skip
    assert set(made.thresholds) == {"sensitive", "specific"} and len(seen) == COUNT
    over, _ = trained.above(seen.features)
    np.testing.assert_allclose(made.answers(pixels)[:, 5], over[:, 1], atol=1e-2)
    assert ((over[:, 1] > 0.5) == (grades >= 2)).mean() > 0.8


def test_a_stopped_run_goes_on(task, pictures, tuned, tmp_path):
    settings = {"kind": "questions", "strength": 10.0, "epochs": 2, "log": None}

    class Stop(Exception):
        pass

    steps = []

    def stopping(*arguments, **options):
        steps.append(1)
        if len(steps) > 8:  # in the second epoch
            raise Stop
        return original(*arguments, **options)

    original = tuning._Epoch.__getitem__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning._Epoch, "__getitem__", stopping)
        with pytest.raises(Stop):
            tuning.tune(fresh(), task, pictures[0], tmp_path, **settings)
    again = tuning.tune(fresh(), task, pictures[0], tmp_path, **settings)
    for one, other in zip(again.taps.backbone.model.get_weights(),
                          tuned.taps.backbone.model.get_weights(), strict=True):  # fmt: skip
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize(("wish", "words"), [
    ({"kind": "coral"}, "coral"), ({"share": 0.0}, "share=0.0"), ({"epochs": 0}, "epochs=0"),
])  # fmt: skip
def test_wrong_wishes(task, pictures, tmp_path, wish, words):
    with pytest.raises(ValueError, match=words):
        tuning.tune(fresh(), task, pictures[0], tmp_path,
                    **{"kind": "questions", "strength": 1.0, "log": None, **wish})  # fmt: skip
    assert not list(tmp_path.iterdir())
