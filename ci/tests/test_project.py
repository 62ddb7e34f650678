"""Every recipe of this project keeps the house's promises, and runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci import gallery, lint, recipe
from ci.run import main
from ci.summary import read

FOLDERS = recipe.folders()


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request) -> Path:
    """Each recipe's folder in turn."""
    return request.param


def test_recipe_yaml_with_a_floor_that_a_broken_model_cannot_pass(folder):
    one = recipe.load(folder)
    assert one.headline in one.floors["quick"]
    floor = one.floors["quick"][one.headline]
    assert isinstance(floor, recipe.AtMost) or floor > 0


def test_folder_and_notebook_are_clean(folder):
    assert lint.lint_folder(folder) == []
    assert lint.lint_notebook(recipe.load(folder).notebook_path) == []


@pytest.mark.slow
def test_quick_run_and_its_place_in_the_gallery(folder, tmp_path):
    assert main([folder.name, "--preset", "quick", "-o", str(tmp_path)]) == 0
    (run,) = read(tmp_path)
    assert run.state == "ok" and run.picture == recipe.load(folder).picture
    page = gallery.build(tmp_path, tmp_path / "gallery").read_text(encoding="utf-8")
    assert f'href="{folder.name}-quick.html"' in page
