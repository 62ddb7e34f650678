"""Parameters that cannot work stop before anything is computed."""

import pytest

from recipes.retina.config import Retina

GOOD = {
    "DATA": "sample", "OUTPUT_DIR": "x", "SEED": 0, "EPOCHS": None, "BATCH_SIZE": None,
    "LIMIT": None, "RESUME": True, "COLUMNS": "", "SUBGROUPS": "", "READERS": None,
    "STRICT": False, "BACKBONE": "small", "SIZE": 512, "LEVELING": "graham", "KIND": "questions",
    "SENSITIVITY": 0.97, "SPECIFICITY": 0.98, "PREVALENCE": 0.1, "MEMORY": "grow",
    "PRECISION": "float32",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [
    ("SIZE", 32), ("LEVELING", "grahm"), ("KIND", "ordinal"), ("SENSITIVITY", 0.3),
    ("SPECIFICITY", 1.2), ("PREVALENCE", 0), ("BACKBONE", ""), ("COLUMNS", "grade diagnosis"),
])  # fmt: skip
def test_a_wrong_value_names_its_parameter(name, value):
    with pytest.raises(ValueError, match=name):
        Retina.check({**GOOD, name: value})


def test_only_linear_questions_can_be_taught_further():
    with pytest.raises(ValueError, match="EPOCHS=3"):
        Retina.check({**GOOD, "KIND": "coral", "EPOCHS": 3})
    assert Retina.check({**GOOD, "KIND": "softmax", "EPOCHS": 3}).EPOCHS == 3


def test_the_door_is_what_load_takes():
    wish = {**GOOD, "SUBGROUPS": "camera, sex ,", "COLUMNS": "grade: diagnosis", "LIMIT": 50}
    door = Retina.check(wish).door
    assert door["also"] == ("camera", "sex") and door["columns"] == {"grade": "diagnosis"}
    assert door["limit"] == 50 and door["readers"] is None
    assert Retina.check(GOOD).door["columns"] is None
