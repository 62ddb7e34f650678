"""The witness says what its member says; the masks of the criteria lie where they were drawn."""

import numpy as np
import pandas as pd

from recipes.skin import explain, prepare
from recipes.skin.tests.conftest import SIZE


def test_the_witness_answers_as_its_member(run):
    bad = run.lesions.is_malignant(np.arange(7))
    paths = run.lesions.part("test")["path"].head(5).tolist()
    squared = prepare.prepared(paths, SIZE)
    why = explain.witness(run.members[0], bad)
    white = explain.white(squared, "shades_of_grey")
    found = np.asarray(why.model.predict_on_batch(white.astype(np.float32))["logit"])[:, 0]
    member = run.members[0]
    seen = run.seen["test"]
    one_view = {"maps": seen.maps(np.arange(5), 0), "below": seen.below[:5, 0]}
    logits = np.asarray(member.model.predict_on_batch(one_view))
    wanted = logits[:, bad].mean(axis=1) - logits[:, ~bad].mean(axis=1)
    np.testing.assert_allclose(found, wanted, atol=2e-2)
    maps = why.maps(white[:2], steps=2)
    assert set(maps) == {"shares", "Grad-CAM", "integrated gradients"}


def test_criteria_are_those_that_decide_for_the_class(run, drawn):
    rows = run.lesions.part("test")
    masks = explain.criteria(drawn / "masks", rows, SIZE, run.lesions.classes)
    assert masks.shape == (len(rows), SIZE, SIZE)
    kinds = pd.read_csv(drawn / "masks" / "kinds.csv", keep_default_na=False)
    assert masks.any(axis=(1, 2)).mean() > 0.5 and masks.mean() < 0.4
    # Another class's criteria lie elsewhere, or nowhere.
    other = explain.criteria(drawn / "masks", rows.assign(label=(rows["label"] + 3) % 7), SIZE,
                             run.lesions.classes)  # fmt: skip
    assert (masks != other).any() and other.mean() < masks.mean() and len(kinds) > 5
