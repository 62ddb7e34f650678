"""The lint's findings, and what --fix mends."""

from __future__ import annotations

import json

import nbformat
import pytest

from ci.lint import linked_files, lint_folder, lint_notebook, main
from ci.tests.conftest import PARAMETERS, tiny_notebook


@pytest.fixture
def lint(own_project):
    """A function that changes the tiny notebook, writes it as it is, and lints it."""
    path = own_project / "recipes" / "tiny" / "tiny.ipynb"

    def run(change) -> str:
        notebook = tiny_notebook()
        change(notebook)
        path.write_text(nbformat.v4.writes(notebook) + "\n")  # without nbformat's repairs
        return "\n".join(lint_notebook(path))

    run.path = path
    return run


def test_the_tiny_notebook_is_clean(own_project, capsys):
    assert main(["--root", str(own_project)]) == 0, capsys.readouterr().out


def swap(a: int, b: int):
    """Exchange two cells."""

    def change(notebook):
        cells = notebook.cells
        cells[a], cells[b] = cells[b], cells[a]

    return change


def source(index: int, text: str):
    """Replace a cell's source."""
    return lambda notebook: notebook.cells[index].update(source=text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda n: n.cells[1].update(execution_count=3), "cell 2: execution count is kept – mend: "
                                                         "python -m ci.lint"),
        (lambda n: n.cells[3].update(outputs=[nbformat.v4.new_output("stream", text="x")]),
         "cell 4: outputs are kept"),
        (lambda n: n.cells[3].metadata.update(scrolled=True), "cell metadata scrolled"),
        (lambda n: n.metadata.update(widgets={}), "notebook metadata widgets"),
        (lambda n: n.metadata.kernelspec.update(name="my-venv"), "not plain python3"),
        (lambda n: n.cells[2].update(id="cell-1"), "cell 3: cell id missing or used twice"),
        (swap(2, 6), "`parameters` is not among the first 3"),
        (swap(6, 7), "tags come as setup, parameters, export, metrics"),
        (lambda n: n.cells[1].metadata.update(tags=[]), "0 code cells are tagged `setup`"),
        (lambda n: n.cells[4].metadata.update(tags=["parameters"]), "2 code cells are tagged"),
        (source(3, "\n".join(f"a{i} = {i}" for i in range(16))), "16 lines, at most 15"),
        (source(3, "a = (1"), "cell 4: line 1"),
        (source(3, "if TEST:\n    a = 1"), "branches on TEST"),
        (source(3, "import os\na = 1 if os.environ.get('CI') else 2"), "branches on CI"),
        (source(3, "p = '/home/me/data'"), "absolute path /home/me/data"),
        (source(3, "p = r'C:\\data'"), "absolute path C:\\data"),
        (source(0, "See /Users/me/x.txt"), "cell 1: absolute path /Users/me/x.txt"),
        (source(0, "![a picture](gone.png)"), "links to gone.png"),
        (source(0, "<img src='gone.png' alt='x'>"), "links to gone.png"),
        (source(0, "![a picture](attachment:x.png)"), "links to attachment:x.png"),
        (source(2, PARAMETERS.replace("SEED = 1", "Seed = 1")), "parameter Seed is not upper"),
        (source(2, PARAMETERS.replace("# rows per step", "")), "BATCH_SIZE has no comment"),
        (source(2, PARAMETERS.replace("LIMIT", "MOST")), "parameters missing: LIMIT"),
        (source(2, PARAMETERS.replace("= 32", "= 2 * 16")), "BATCH_SIZE is no literal"),
        (source(2, PARAMETERS + "".join(f"P{i} = 1  # p\n" for i in range(10))), "21 parameters"),
    ],
)  # fmt: skip
def test_findings(lint, change, words):
    found = lint(change)
    assert words in found
    assert all(" – mend: " in line and "tiny.ipynb" in line for line in found.splitlines())


@pytest.mark.parametrize(
    "change",
    [
        source(3, "%matplotlib inline\n!pip list"),
        source(3, "%%bash\nif then ( nonsense"),
        source(3, "a = 'x'\nb = (\n    '%s'\n    % a\n)"),
        source(3, "import re\nre.compile(r'\\w:\\d')\nurl = 'https://example.org/home/x'"),
        source(0, "$f:\\mathbb{R} \\to \\mathbb{R}$, [here](helper.py#L1), [there](https://a.b/c)"),
        source(3, "split = 'test'\nif split == 'test':\n    a = 1"),
        lambda n: n.metadata.update(accelerator="GPU"),
    ],
)
def test_what_is_fine_is_not_found(lint, change):
    assert lint(change) == ""


def test_fix_strips_and_is_stable(lint, own_project, runs, capsys):
    executed = (runs.out / "tiny" / "quick" / "tiny.ipynb").read_text()
    content = json.loads(executed)
    injected = [c for c in content["cells"] if "injected-parameters" in c["metadata"]["tags"]]
    content["cells"] = [c for c in content["cells"] if c not in injected]
    del content["cells"][1]["id"]
    content["cells"][4]["id"] = content["cells"][3]["id"]
    lint.path.write_text(json.dumps(content))
    assert main(["--root", str(own_project)]) == 1
    said = capsys.readouterr().out
    assert "cell 2: cell id missing" in said and "cell 5: outputs are kept" in said
    assert main(["--root", str(own_project), "--fix"]) == 0
    once = lint.path.read_text()
    assert "cleaned" in capsys.readouterr().out
    assert main([str(lint.path), "--fix"]) == 0
    assert lint.path.read_text() == once
    assert "cleaned" not in capsys.readouterr().out
    assert [c["source"] for c in json.loads(once)["cells"]] == [
        c["source"].splitlines(keepends=True) for c in tiny_notebook().cells
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"nbformat": 3}', '{"nbformat": 4, "cells": 1}'])
def test_a_broken_notebook_is_one_finding_and_left_alone(lint, text):
    lint.path.write_text(text)
    (line,) = lint_notebook(lint.path)
    assert "not a valid notebook" in line
    main([str(lint.path), "--fix"])
    assert lint.path.read_text() == text


def test_a_recipe_folder_is_whole(own_project):
    folder = own_project / "recipes" / "tiny"
    assert lint_folder(folder) == []
    (folder / "README.md").write_text("[the paper](paper.pdf)")
    assert "paper.pdf" in lint_folder(folder)[0]
    (folder / "README.md").unlink()
    (folder / "recipe.yaml").write_text("title: x")
    found = "\n".join(lint_folder(folder))
    assert "README.md is missing" in found and "presets: Field required" in found


def test_ruff_looks_at_code_and_notebooks(own_project, capfd):
    (own_project / "recipes" / "tiny" / "helper.py").write_text("import os\n")
    assert main([str(own_project / "recipes" / "tiny")]) == 1
    assert "F401" in capfd.readouterr().out


def test_linked_files_of_markdown_and_html():
    text = "[a](a.md) ![b](b.png 'B')\n\n[c]: c.md\n[see][c] `![x](x.png)`\n\n<img src=\"d.png\">\n"
    assert linked_files(text) == ["a.md", "b.png", "c.md", "d.png"]
