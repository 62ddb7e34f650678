"""Candidates are weighed on development rows, never on test rows."""

import numpy as np
import pytest

from recipes.text_cnn import choose, data, reproduce
from recipes.text_cnn.reproduce import parted
from recipes.text_cnn.tests.conftest import NETWORK, toy_corpus


@pytest.mark.parametrize("candidate", choose.CANDIDATES)
def test_candidates_are_valid(candidate):
    sets, how = choose.CANDIDATES[candidate]
    rest = parted(how)[1]
    assert set(sets) <= {*choose.FOLDED, *choose.PHRASES}
    assert rest.pop("linear") in ("read", "beside", "none") and set(rest) <= {"openings"}


@pytest.mark.parametrize("name", reproduce.SETS)
def test_what_was_chosen_is_valid(name):
    rest = parted(reproduce.CHOSEN[name])[1]
    assert set(rest) <= {"linear", "openings"}


def test_development_rows_are_no_test_rows():
    corpus = toy_corpus()
    own = next(choose.development_folds(corpus, 1))
    np.testing.assert_array_equal(own.validation, np.flatnonzero(corpus.split == "validation"))
    corpus.split[corpus.split == "validation"] = "train"  # as TREC
    folds = list(choose.development_folds(corpus, 3))
    assert len(folds) == 3
    for fold in folds:
        assert len(fold.validation) and not set(fold.validation) & set(fold.train)
        assert (corpus.split[np.concatenate([fold.train, fold.validation])] == "train").all()


def test_the_table_names_every_candidate(tmp_path, monkeypatch, capsys):
    corpus = toy_corpus()
    monkeypatch.setattr(data, "load", lambda name: corpus)
    monkeypatch.setattr(choose, "KEPT", tmp_path)
    small = {"epochs": 1, "minimum_count": 1, "buckets": 100, "network": NETWORK}
    small |= {"linear": "read", "openings": True}
    monkeypatch.setattr(choose, "CANDIDATES", {"one": ((corpus.name,), small)})
    assert choose.main(["networks", "--data", corpus.name, "--folds", "1"]) == 0
    out = capsys.readouterr().out
    assert "one" in out and "the linear model alone" in out
