"""recipe.yaml of one notebook; test_several.py has those of several."""

from __future__ import annotations

import nbformat
import pytest
import yaml

from ci import recipe as recipes
from ci.recipe import RecipeError


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
    assert recipe.name == recipe.folder_name == "tiny"
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
        ({"shared": True}, "shared follow from the file"),
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
