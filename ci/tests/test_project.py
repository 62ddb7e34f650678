"""Every recipe of this project keeps the house's promises, and runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ci import gallery, lint, recipe, results_table
from ci.run import main
from ci.summary import read

FOLDERS = recipe.folders()
# Weights that a recipe brings along, made by a script of its own.
SHIPPED = ("recipes/neural_style/small.npz", "common/vision/small.npz")


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request) -> Path:
    """Each recipe's folder in turn."""
    return request.param


def test_recipe_yaml_has_floors(folder):
    """What a broken model reaches is stated in each recipe's own tests."""
    for one in recipe.load(folder):
        assert one.headline in one.floors["quick"]
        assert set(one.floors) >= {"quick", "full"}


def test_readme_tables_agree_with_the_results():
    assert results_table.main(["--check"]) == 0


def test_nothing_large_or_downloaded_is_tracked():
    found = subprocess.run(["git", "ls-files", "-z"], cwd=recipe.ROOT, capture_output=True)
    if found.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in found.stdout.decode().split("\0") if name]
    sizes = {name: (recipe.ROOT / name).stat().st_size for name in names
             if (recipe.ROOT / name).is_file()}  # fmt: skip
    assert all(sizes.pop(name) < 3_000_000 for name in SHIPPED)
    assert sizes and not [name for name, size in sizes.items() if size > 500_000]
    assert not [name for name in sizes if name.endswith((".whl", ".npz", ".keras", ".pkl"))]


def test_code_and_notebooks_pass_the_linter():
    assert lint.main([]) == 0


def test_folder_and_notebooks_are_clean(folder):
    assert lint.lint_folder(folder) == []
    for one in recipe.load(folder):
        assert lint.lint_notebook(one.notebook_path) == []


@pytest.mark.slow
def test_quick_runs_and_their_place_in_the_gallery(folder, tmp_path):
    assert main([folder.name, "--preset", "quick", "-o", str(tmp_path)]) == 0
    promised = [(one.name, "ok", one.picture) for one in recipe.load(folder)]
    runs = read(tmp_path)
    assert [(run.recipe, run.state, run.picture) for run in runs] == promised
    page = gallery.build(tmp_path, tmp_path / "gallery").read_text(encoding="utf-8")
    assert all(f'href="{gallery.page_name(run)}"' in page for run in runs)
