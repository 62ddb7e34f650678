"""recipe.yaml and the parameters cell."""

from __future__ import annotations

import nbformat
import pytest
import yaml

from ci import recipe as recipes
from ci.recipe import Parameter, ParameterError, RecipeError, parse_parameters


def change(project, **entries):
    """Rewrite entries of the tiny recipe.yaml (None takes one away) and return the folder."""
    folder = project / "recipes" / "tiny"
    content = yaml.safe_load((folder / "recipe.yaml").read_text())
    content.update(entries)
    content = {key: value for key, value in content.items() if value is not None}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(content))
    return folder


def test_load_reads_recipe_and_parameters(project):
    (recipe,) = recipes.find_all(project)
    assert recipe.name == "tiny"
    assert recipe.parameters["EPOCHS"].default == 10
    assert recipe.parameters["EPOCHS"].comment == "passes over the training data"
    assert recipe.parameters["WINDOWS"].kind == "list"
    assert recipe.published[0].scaled == pytest.approx(0.761)
    assert recipe.timeout("quick") == 10 and recipe.timeout("full") == 10


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"headlines": "accuracy"}, "headlines"),
        ({"presets": {"quick": {}}, "minutes": {"quick": 1}}, "full is missing"),
        ({"floors": {"full": {"accuracy": 0.5}}}, "floors: quick"),
        ({"floors": {"quick": {"accuracy": "high"}}}, "floors"),
        ({"floors": {"quick": {"accuracy": 0.8}, "fast": {}}}, "no preset fast"),
        ({"minutes": {"quick": 1}}, "needs its expected minutes"),
        ({"summary": None}, "summary"),
        ({"notebook": "other.ipynb"}, "other.ipynb"),
        ({"published": [{"data": "mr", "metric": "accuracy", "value": 1, "unit": "percentage",
                         "of": "x", "source": "y"}]}, "unit"),
        ({"tables": [{"title": "t", "variants": ["ours"], "published": ["CNN-xyz"]}]}, "CNN-xyz"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_is_refused_with_file_and_entry(own_project, entries, words):
    folder = change(own_project, **entries)
    with pytest.raises(RecipeError) as error:
        recipes.load(folder)
    assert words in str(error.value)
    assert "recipe.yaml" in str(error.value) or "other.ipynb" in str(error.value)


@pytest.mark.parametrize(
    ("preset", "words"),
    [({"EPOHCS": 3}, "did you mean EPOCHS?"), ({"EPOCHS": "many"}, "EPOCHS takes an int")],
)
def test_a_preset_must_fit_the_notebook(own_project, preset, words):
    folder = own_project / "recipes" / "tiny"
    presets = yaml.safe_load((folder / "recipe.yaml").read_text())["presets"]
    change(own_project, presets={**presets, "quick": preset})
    with pytest.raises(RecipeError, match="presets → quick") as error:
        recipes.load(folder)
    assert words in str(error.value)


def test_a_folder_without_recipe_yaml_is_an_error_not_a_gap(own_project):
    (own_project / "recipes" / "tiny" / "recipe.yaml").unlink()
    with pytest.raises(RecipeError, match="missing"):
        recipes.find_all(own_project)


def test_a_notebook_needs_one_parameters_cell(own_project):
    folder = own_project / "recipes" / "tiny"
    notebook = nbformat.read(folder / "tiny.ipynb", as_version=4)
    notebook.cells = [c for c in notebook.cells if "parameters" not in c.metadata.get("tags", [])]
    nbformat.write(notebook, folder / "tiny.ipynb")
    with pytest.raises(RecipeError, match="0 cells are tagged"):
        recipes.load(folder)


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
