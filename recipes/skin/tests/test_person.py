import numpy as np
import pandas as pd
import pytest

from recipes.skin import data, look, person


def people(labels, **told):
    rows = pd.DataFrame({"label": labels, "age": np.nan, "sex": "", "place": ""})
    return rows.assign(**told)


def test_ratios_are_those_of_counting():
    sexes = ["male"] * 60 + ["female"] * 20 + ["male"] * 20 + ["female"] * 60
    rows = people([0] * 80 + [1] * 80, sex=sexes)
    known = person.learn(rows, 2)
    assert list(known.tables) == ["sex"]
    more = person.SMOOTH * 2
    ratio = (60 + more / 2) / (80 + more) / 0.5
    assert known.tables["sex"].loc["male", 0] == pytest.approx(np.log(ratio))
    both = person.joined(np.full((2, 2), 0.5), known.evidence(rows.iloc[[0, 159]]), 1.0)
    assert both[0, 0] == pytest.approx(both[1, 1]) and both[0, 0] > 0.7
    assert both.sum(axis=1) == pytest.approx(1)


def test_what_is_not_told_or_was_never_met_counts_nothing():
    rows = people([0, 0, 1, 1], age=[21, 29, 71, 79], place=["back", "Back ", "face", "face"])
    known = person.learn(rows, 3)  # a class that nobody has
    strangers = people([0, 0], age=[np.nan, 145], place=["unknown", "moon"])
    assert not known.evidence(strangers).any()
    assert known.tables["age"].index.tolist() == ["20s", "70s"]
    assert known.tables["place"].index.tolist() == ["back", "face"]
    assert np.isfinite(known.evidence(rows)).all()
    assert np.allclose(known.evidence(rows)[:, 2], 0)


def test_where_nothing_is_told_there_is_nothing_to_learn():
    assert person.learn(people([0, 1, 1]), 2) is None
    assert person.learn(people([0, 1, 1], sex="male"), 2) is None  # all alike says nothing


def test_trust_follows_what_fits():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    uncertain = np.full((400, 2), 0.5)
    fitting = np.where(np.eye(2)[labels] == 1, 1.0, -1.0)
    assert person.trusted(uncertain, fitting, labels) > 0.9
    assert person.trusted(uncertain, fitting * random.choice([-1, 1], (400, 1)), labels) < 0.1


def test_the_sample_tells(drawn):
    lesions = data.load(drawn)
    known = person.learn(lesions.part("train"), len(lesions.classes))
    assert set(known.tables) == {"age", "sex", "place"}
    old = people([0], age=80.0)
    evidence = dict(zip(lesions.classes, known.evidence(old)[0], strict=True))
    assert evidence["bcc"] > evidence["nv"]
    axes = look.person(known, lesions.classes, "drawn").axes[0]
    assert "age: 80s" in [label.get_text() for label in axes.get_yticklabels()]


def test_beside_the_photograph(drawn):
    lesions = data.load(drawn)
    rows = {part: lesions.part(part) for part in data.PARTS}
    blank = {part: np.full((len(rows[part]), 7), 1 / 7) for part in ("validation", "test")}
    both, trust = person.beside(rows, blank, 7)
    assert 0 < trust <= 1 and both["test"].shape == blank["test"].shape
    bare = {part: table.assign(age=np.nan, sex="", place="") for part, table in rows.items()}
    assert person.beside(bare, blank, 7) is None
