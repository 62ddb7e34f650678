"""The head, its choices, and what it makes of labels that are wrong."""

import numpy as np
import pytest
from scipy.special import softmax

from common.vision import head


def clouds(count=40, classes=3, apart=4.0, width=6, seed=0):
    """Features of classes that lie apart, and their labels."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, width)) * apart
    labels = np.repeat(np.arange(classes), count)
    return random.normal(size=(len(labels), width)) + centres[labels], labels


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_it_learns_what_can_be_learned(classes):
    features, labels = clouds(classes=classes)
    found = head.fit(features, labels)
    assert (found.held_out.argmax(axis=1) == labels).mean() > 0.95
    other, truth = clouds(classes=classes, seed=1)
    assert (found.logits(other).argmax(axis=1) == truth).mean() > 0.95
    assert found.kernel.shape == (6, classes) and found.kernel.dtype == np.float32
    np.testing.assert_allclose(found.probabilities(found.logits(other)).sum(axis=1), 1, rtol=1e-6)


def test_two_classes_are_treated_alike():
    features, labels = clouds(classes=2, apart=0.5)
    one, other = head.fit(features, labels), head.fit(features, 1 - labels)
    np.testing.assert_allclose(one.logits(features), other.logits(features)[:, ::-1], atol=1e-3)
    assert np.abs(one.logits(features).sum(axis=1)).max() < 1e-3  # no class is the reference


def test_views_are_averaged():
    features, labels = clouds()
    views = np.stack([features - 1, features + 1], axis=1)
    one, other = head.fit(features, labels), head.fit(views, labels)
    np.testing.assert_allclose(one.logits(features), other.logits(views), atol=1e-4)


def test_noise_is_held_down_and_signal_is_not():
    random = np.random.default_rng(0)
    noise = random.normal(size=(60, 200))
    labels = np.arange(60) % 2
    assert head.fit(noise, labels).strength <= 1e-3
    features, truth = clouds(classes=2, count=200, apart=1.0)
    found = head.fit(features, truth)
    assert found.strength > 1e-3
    assert found.losses[found.strength] == min(found.losses.values())


def test_look_alikes_stay_on_one_side():
    random = np.random.default_rng(0)
    noise = np.repeat(random.normal(size=(30, 50)), 4, axis=0)  # each picture four times
    labels, groups = np.repeat(np.arange(30) % 2, 4), np.repeat(np.arange(30), 4)
    with_groups = head.fit(noise, labels, groups, strengths=(1.0,))
    without = head.fit(noise, labels, strengths=(1.0,))
    assert (without.held_out.argmax(axis=1) == labels).mean() > 0.95  # learned by heart
    assert (with_groups.held_out.argmax(axis=1) == labels).mean() < 0.8
    for train, test in head.dealt(labels, groups, 5, 0):
        assert not set(groups[train]) & set(groups[test])


def test_balanced_counts_every_class_the_same():
    random = np.random.default_rng(0)
    features = np.r_[random.normal(0, 1, (300, 3)), random.normal(1.2, 1, (15, 3))]
    labels = np.r_[np.zeros(300, int), np.ones(15, int)]
    plain, fair = (head.fit(features, labels, balanced=b, strengths=(1.0,)) for b in (False, True))
    rare = labels == 1
    assert (fair.logits(features).argmax(1)[rare] == 1).mean() > 0.7
    assert (plain.logits(features).argmax(1)[rare] == 1).mean() < 0.5


def test_the_temperature_is_found_again():
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 4)) * 2
    labels = (softmax(logits, axis=1).cumsum(axis=1) > random.random((4000, 1))).argmax(axis=1)
    assert head.temperature_of(logits, labels) == pytest.approx(1, rel=0.1)
    assert head.temperature_of(3 * logits, labels) == pytest.approx(3, rel=0.1)
    assert head.log_loss(np.zeros((5, 4)), np.zeros(5, int)) == pytest.approx(np.log(4))


def test_wrong_labels_are_doubted():
    features, labels = clouds(count=60, apart=2.5)
    wrong = np.random.default_rng(3).choice(len(labels), 6, replace=False)
    told = labels.copy()
    told[wrong] = (labels[wrong] + 1) % 3
    rows = head.doubtful(head.fit(features, told), told)
    assert set(wrong) <= set(rows) and len(rows) <= 12
    assert set(rows[:4]) <= set(wrong)  # the least believed first


def test_features_that_never_change_do_no_harm():
    features, labels = clouds()
    features = np.c_[features, np.full(len(features), 7.0)]
    found = head.fit(features, labels)
    assert np.isfinite(found.kernel).all() and abs(found.kernel[-1]).max() < 1e-3


def test_a_class_of_one_is_an_error():
    features, labels = clouds()
    with pytest.raises(ValueError, match="at least 2"):
        head.fit(features[:81], labels[:81])
