"""Known and unknown are told apart, and the threshold keeps what it says."""

import numpy as np
import pytest

from common.vision import head
from common.vision.tests.test_head import clouds
from recipes.transfer import familiar


@pytest.fixture(scope="module")
def learned():
    features, labels = clouds(count=100, width=8)
    return head.fit(features, labels), features, labels


def strangers(count=200):
    """Far from every class, in a direction of their own."""
    return np.random.default_rng(5).normal(size=(count, 8)) + np.array([9.0, -9, 9, -9, 0, 0, 0, 0])


@pytest.mark.parametrize("method", familiar.METHODS)
def test_the_threshold_keeps_its_share(method):
    # Near enough to each other that probabilities are not all 1.
    features, labels = clouds(count=200, width=8, apart=1.0)
    trained = head.fit(features, labels)
    other, _ = clouds(count=200, width=8, apart=1.0, seed=2)
    for kept in (0.8, 0.95):
        sense = familiar.learn(method, trained, features, labels, kept=kept)
        scores = sense.score(other, trained.logits(other) / trained.temperature)
        assert scores.shape == (600,)
        assert (scores >= sense.threshold).mean() == pytest.approx(kept, abs=0.07)


@pytest.mark.parametrize("method", ["neighbour", "mahalanobis"])
def test_strangers_are_refused(learned, method):
    trained, features, labels = learned
    sense = familiar.learn(method, trained, features, labels)
    known, _ = clouds(count=100, width=8, seed=3)
    scores = [sense.score(each, trained.logits(each)) for each in (known, strangers())]
    found = familiar.measured(sense, *scores)
    # Lengths are taken away for neighbours: what is far in a new direction is still refused.
    assert found["area"] > 0.97 and found["unknown refused"] > 0.9 and found["known kept"] > 0.85


def test_probabilities_alone_name_strangers_with_confidence(learned):
    """What the notebook says: they tell which, not whether."""
    trained, features, labels = learned
    sense = familiar.learn("probability", trained, features, labels)
    scores = sense.score(strangers(), trained.logits(strangers()) / trained.temperature)
    assert np.median(scores) > 0.9


def test_scores_are_what_the_papers_say(learned):
    trained, features, labels = learned
    logits = np.array([[2.0, 0.0, -1.0]])
    energy = familiar.Familiarity("energy").score(features[:1], logits)
    assert energy == pytest.approx(np.log(np.exp(2) + 1 + np.exp(-1)))
    chance = familiar.Familiarity("probability").score(features[:1], logits)
    assert chance == pytest.approx(np.exp(2) / (np.exp(2) + 1 + np.exp(-1)))
    near = familiar.learn("neighbour", trained, features, labels)
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    wanted = np.sort(units @ units[0])[-familiar.NEIGHBOUR]
    assert near.score(features[:1], logits) == pytest.approx(wanted, abs=1e-5)
    far = familiar.learn("mahalanobis", trained, features, labels)
    centre = features[labels == 1].mean(axis=0)
    assert far.score(centre[None], logits) == pytest.approx(0, abs=1e-3)


def test_a_picture_is_not_its_own_neighbour(learned):
    """Scored by a copy that had it, it would look more familiar than any new one."""
    trained, features, labels = learned
    apart = familiar.held_out_scores("neighbour", trained, features, labels)
    whole = familiar.learn("neighbour", trained, features, labels)
    assert apart.mean() < whole.score(features, trained.held_out).mean()


@pytest.mark.parametrize(("changes", "words"), [
    ({"method": "nearest"}, "probability, energy, cosine"), ({"kept": 1.0}, "kept=1.0"),
])  # fmt: skip
def test_wrong_wishes(learned, changes, words):
    trained, features, labels = learned
    wish = {"method": "energy", **changes}
    with pytest.raises(ValueError, match=words):
        familiar.learn(wish.pop("method"), trained, features, labels, **wish)
