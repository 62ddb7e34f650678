"""The parameters cell."""

from __future__ import annotations

import pytest

from ci.parameters import Parameter, ParameterError, parse_parameters


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        (10, "3", 3), (10, "-3", -3), (0.1, "3", 3.0), (0.1, "1e-3", 1e-3), (False, "True", True),
        (False, "true", True), ("sample", "mr", "mr"), ("sample", "12", "12"),
        ("sample", "null", "null"), ("sample", "'a b'", "a b"), ([3, 4], "[1, 2]", [1, 2]),
        ([3, 4], "1, 2", [1, 2]), ([0.1], "[1, 0.5]", [1, 0.5]), ([], "[a, b]", ["a", "b"]),
        (None, "vectors.txt", "vectors.txt"), (None, "7", 7), (None, "null", None),
    ],
)  # fmt: skip
def test_values_are_read_as_the_defaults_type(default, text, value):
    parsed = Parameter("NAME", default, "", 1).parse(text)
    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize(
    ("default", "text"),
    [(10, "3.5"), (10, "ten"), (10, "True"), (0.1, "low"), (0.1, "True"), (False, "1"),
     (False, "maybe"), ([3, 4], "3"), ([3, 4], "[3, x]"), (10, "None"), ({"a": 1}, "[1]")],
)  # fmt: skip
def test_values_of_another_type_are_refused(default, text):
    with pytest.raises(ParameterError, match="NAME takes"):
        Parameter("NAME", default, "", 1).parse(text)


def test_parameters_are_read_without_running_them():
    source = '"""Settings."""\nA: int = 1  # one\nB = [\n    2,\n]  # two\nC = -0.5\n'
    found = parse_parameters(source)
    assert {p.name: (p.default, p.comment) for p in found.values()} == {
        "A": (1, "one"), "B": ([2], "two"), "C": (-0.5, ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "words"),
    [("A = 2 * 3", "line 1: the value of A is no literal"), ("import os", "line 1: only"),
     ("A = 1\nA = 2", "line 2: A is set twice"), ("A = ", "line 1"), ("A = B = 1", "line 1: only"),
     ("A: int", "line 1: only"), ("A += 1", "line 1")],
)  # fmt: skip
def test_other_code_among_the_parameters_is_refused(source, words):
    with pytest.raises(ValueError, match=words):
        parse_parameters(source)


def test_annotated_parameters_take_the_types_they_name():
    cell = "EPOCHS: int | None = None\nRATE: float | None = 0.1\nWHAT: str | float = 1.0"
    found = parse_parameters(cell)
    assert found["EPOCHS"].parse("3") == 3 and found["EPOCHS"].parse("None") is None
    assert found["RATE"].parse("1") == 1.0 and found["WHAT"].parse("8GB") == "8GB"
    for text in ("many", "0.5", "true"):
        with pytest.raises(ParameterError, match="EPOCHS takes an int or None"):
            found["EPOCHS"].parse(text)
    with pytest.raises(ValueError, match="line 1: the type of EPOCHS"):
        parse_parameters("EPOCHS: Path = None")
