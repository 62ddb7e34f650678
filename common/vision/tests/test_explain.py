"""A heat map is the answer taken apart: its places add up to the logit."""

import numpy as np

from common.vision import explain


def test_places_add_up_to_the_lead():
    random = np.random.default_rng(0)
    maps, kernel = random.normal(size=(5, 4, 3, 7)), random.normal(size=(7, 6))
    classes = np.array([0, 5, 2, 2, 1])
    found = explain.heat(maps, kernel, classes)
    logits = maps.mean(axis=(1, 2)) @ kernel
    lead = logits[np.arange(5), classes] - logits.mean(axis=1)
    assert found.shape == (5, 4, 3)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), lead, rtol=1e-4)


def test_evidence_that_all_classes_share_is_no_reason():
    random = np.random.default_rng(0)
    maps, kernel = random.normal(size=(2, 4, 4, 7)), random.normal(size=(7, 3))
    shared = kernel + random.normal(size=(7, 1)) * 10
    classes = np.array([1, 2])
    np.testing.assert_allclose(explain.heat(maps, kernel, classes),
                               explain.heat(maps, shared, classes), atol=1e-4)  # fmt: skip


def test_pointing():
    heats = np.zeros((3, 7, 7))
    heats[0, 0, 0] = heats[1, 6, 6] = heats[2, 3, 3] = 1
    hit = explain.points_into(heats, [10, 10, 50], [10, 10, 50], [8, 8, 2], 100)
    assert hit.tolist() == [True, False, True]
    middle = explain.middle_hits([10, 40, 50], [10, 50, 50], [8, 8, 2], 100, 7)
    assert middle.tolist() == [False, True, True]


def test_overlay():
    heat = np.zeros((4, 4), np.float32)
    heat[1, 1], heat[3, 3] = 2, -5
    large = explain.enlarged(heat, 32)
    assert large.shape == (32, 32) and 0 <= large.min() and large.max() <= 1
    assert large[10:14, 10:14].mean() > 0.5 and large[24:, 24:].max() < 0.1
    picture = np.full((32, 32, 3), 120, np.uint8)
    found = explain.overlay(picture, heat)
    assert found.dtype == np.uint8 and found.shape == picture.shape
    assert (explain.overlay(picture, np.zeros((4, 4), np.float32)) == 120).all()
    assert np.ptp(found[8:16, 8:16].astype(int), axis=2).max() > 20  # warm where it speaks
