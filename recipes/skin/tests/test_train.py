"""Members learn, differ by their seed, and a stopped one goes on; priors move the answer."""

import keras
import numpy as np
import pytest

from common.vision import backbones
from common.vision.taps import Taps
from recipes.skin import train
from recipes.skin.changes import turned
from recipes.skin.cut import Cut

SIZE, COUNT = 48, 90


def spots(seed=0):
    """Skin with one dark, two dark or a red spot: classes 0, 1, 2, the last one rare."""
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], [50, 28, 12])
    pictures = random.normal(190, 8, (COUNT, SIZE, SIZE, 3)).clip(0, 255).astype(np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        colour = (190, 60, 60) if label == 2 else (90, 60, 50)
        for top, left in random.integers(2, SIZE - 14, (1 + (label == 1), 2)):
            picture[top : top + 10, left : left + 10] = colour
    return pictures, labels


def cut():
    return Cut.of(Taps.of(backbones.find("small", SIZE), views=2))


@pytest.fixture(scope="module")
def seen():
    return [(cut().see(turned(pictures, 2)), labels) for pictures, labels in (spots(0), spots(1))]


def teach(seen, folder, **wish):
    (one, labels), (held, held_labels) = seen
    wish = {"epochs": 5, "log": None, **wish}
    return train.teach(cut(), one, labels, held, held_labels, 3, folder, **wish)


@pytest.fixture(scope="module")
def taught(seen, tmp_path_factory):
    return teach(seen, tmp_path_factory.mktemp("taught"))


def test_it_learns(taught, seen):
    held, labels = seen[1]
    right = taught.logits(held).argmax(axis=1) == labels
    assert right.mean() > 0.75 and taught.history.epochs == 5


def test_features_are_standardised_after_a_short_training_too(taught, seen):
    layer = taught.model.get_layer(train.EVEN)
    features = [taught.cut.upper.predict(seen[0][0].maps(np.arange(COUNT), view), verbose=0)
                for view in (0, 1)]  # fmt: skip
    taken = keras.ops.convert_to_numpy(layer.moving_variance) + layer.epsilon
    spread = (np.concatenate(features).var(axis=0) + layer.epsilon) / taken
    assert 0.5 < np.median(spread) < 2


def test_a_last_photograph_alone_is_left_out_of_learning(seen, tmp_path):
    one, labels = seen[0]
    given = (one, labels, np.ones(3), np.arange(COUNT), np.zeros(COUNT, int), 3)
    assert len(train._Epoch(*given, batch_size=COUNT - 1, seed=(0, 0, 1))) == 1
    assert len(train._Epoch(*given, batch_size=COUNT - 2, seed=(0, 0, 1))) == 2
    assert len(train._Epoch(*given, batch_size=COUNT - 1)) == 2  # all are judged


def test_seeds_make_members(taught, seen, tmp_path):
    again, other = teach(seen, tmp_path / "a"), teach(seen, tmp_path / "b", seed=1)
    held = seen[1][0]
    np.testing.assert_allclose(again.logits(held), taught.logits(held), atol=1e-3)
    assert np.abs(other.logits(held) - taught.logits(held)).max() > 1e-2


def test_a_stopped_run_goes_on(taught, seen, tmp_path):
    class Stop(Exception):
        pass

    said = []

    def stopping(words):
        said.append(words)
        if len(said) > 2:
            raise Stop

    with pytest.raises(Stop):
        teach(seen, tmp_path, log=stopping)
    assert any((tmp_path / "checkpoint").iterdir())
    found = teach(seen, tmp_path)
    np.testing.assert_allclose(found.logits(seen[1][0]), taught.logits(seen[1][0]), atol=1e-3)


def test_other_data_does_not_go_on_with_a_checkpoint(seen, tmp_path):
    teach(seen, tmp_path, epochs=1)
    (one, labels), held = seen
    with pytest.raises(ValueError, match="labels"):
        teach([(one, labels[::-1].copy()), held], tmp_path, epochs=1)
    with pytest.raises(ValueError, match="data"):
        teach(seen, tmp_path, epochs=1, data="the same labels of other photographs")


def test_priors_move_the_answer_towards_rare_classes(taught, seen):
    held, labels = seen[1]
    logits, even = taught.logits(held), np.full(3, 1 / 3)
    shares = np.bincount(labels) / len(labels)
    as_they_come = train.priors(logits, taught.frequencies, shares)
    balanced = train.priors(logits, taught.frequencies, even)
    np.testing.assert_allclose(np.exp(balanced).sum(axis=1), 1, rtol=1e-5)
    assert np.exp(balanced)[:, 2].mean() > np.exp(as_they_come)[:, 2].mean()
    # Bayes: odds change by the ratio of the frequencies, and by nothing else.
    change = (balanced - as_they_come) @ [0, -1, 1]
    np.testing.assert_allclose(change, np.log(shares[1] / shares[2]), rtol=1e-4)
    assert taught.frequencies[2] > shares[2] and taught.frequencies.sum() == pytest.approx(1)


def test_photographs_are_mixed_as_their_answers_are(seen):
    one, labels = seen[0]
    weights, rows = np.array([0.5, 1.0, 4.0]), np.arange(0, COUNT, 3)
    arguments = (one, labels, weights, rows, rows * 0, 3, 30)
    plain, answers, weight = train._Epoch(*arguments)[0]
    np.testing.assert_array_equal(answers.argmax(axis=1), labels[rows])
    np.testing.assert_array_equal(weight, weights[labels[rows]].astype(np.float32))
    given, mixed, weighed = train._Epoch(*arguments, seed=(0, 0))[0]
    np.testing.assert_allclose(mixed.sum(axis=1), 1, rtol=1e-6)
    # What a photograph counts for and what it looks like are mixed by the same share.
    assert weighed.sum() != pytest.approx(weight.sum(), rel=1e-6)
    changed = np.flatnonzero(np.abs(given["below"] - plain["below"]).max(axis=1) > 1e-6)
    assert 0 < len(changed) < len(rows) + 1
    for row in changed:
        for other in range(len(rows)):
            line = plain["below"][other] - plain["below"][row]
            share = 1 - (given["below"][row] - plain["below"][row]) @ line / max(line @ line, 1e-9)
            both = share * plain["below"][row] + (1 - share) * plain["below"][other]
            if other != row and np.abs(both - given["below"][row]).max() < 1e-4:
                break
        else:
            pytest.fail(f"row {row} is a mixture of no two")
        maps = share * plain["maps"][row] + (1 - share) * plain["maps"][other]
        np.testing.assert_allclose(given["maps"][row], maps, atol=1e-2)
        parts = share * weight[row] * answers[row] + (1 - share) * weight[other] * answers[other]
        np.testing.assert_allclose(mixed[row] * weighed[row], parts, atol=1e-3)
    again = train._Epoch(*arguments, seed=(0, 0))[0]
    np.testing.assert_array_equal(again[0]["below"], given["below"])


def test_wrong_wishes(seen, tmp_path):
    with pytest.raises(ValueError, match="epochs=0"):
        teach(seen, tmp_path, epochs=0)
    (one, labels), held = seen
    with pytest.raises(ValueError, match="every class needs"):
        teach([(one, labels % 2), held], tmp_path)
