"""Parameters are checked before anything is computed."""

import pytest

from recipes.skin.config import Skin
from recipes.skin.cut import CUTS

GOOD = {"DATA": "sample", "OUTPUT_DIR": "out", "SEED": 0, "EPOCHS": 2, "BATCH_SIZE": None,
        "LIMIT": None, "RESUME": True, "COLUMNS": "", "MALIGNANT": "", "READERS": None,
        "STRICT": False, "BACKBONE": "auto", "SIZE": 192, "CONSTANCY": "none",
        "MEMBERS": 1, "SENSITIVITY": 0.9, "SPECIFICITY": 0.9, "PREVALENCE": 0.1,
        "MEMORY": None, "PRECISION": "float32"}  # fmt: skip


def test_good_ones_pass():
    door = Skin.check(GOOD).door
    assert "malignant" not in door and door["columns"] is None
    door = Skin.check({**GOOD, "MALIGNANT": "Mel, bcc ", "COLUMNS": "label: dx"}).door
    assert door["malignant"] == ("mel", "bcc") and door["columns"] == {"label": "dx"}


@pytest.mark.parametrize(("name", "value"), [
    ("EPOCHS", None), ("EPOCHS", 0), ("SIZE", 10), ("MEMBERS", 0),
    ("CONSTANCY", "retinex"), ("SENSITIVITY", 0.2), ("PREVALENCE", 0), ("COLUMNS", "lable: dx"),
])  # fmt: skip
def test_wrong_ones_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        Skin.check({**GOOD, name: value})


def test_backbones_are_those_that_can_be_cut():
    for name in ("auto", *CUTS):
        assert Skin.check({**GOOD, "BACKBONE": name}).BACKBONE == name
    with pytest.raises(ValueError, match="BACKBONE='squeezenet'"):
        Skin.check({**GOOD, "BACKBONE": "squeezenet"})


def test_a_mistyped_name_is_an_error():
    with pytest.raises(ValueError, match="MEMBRES: no such parameter; did you mean MEMBERS"):
        Skin.check({**GOOD, "MEMBRES": 3})
