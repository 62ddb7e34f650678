"""A recipe folder with several notebooks, from its recipe.yaml to README and gallery."""

from __future__ import annotations

import json

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

from ci import gallery, results_table, summary
from ci import recipe as recipes
from ci.lint import lint_folder
from ci.lint import main as lint
from ci.plan import find
from ci.recipe import RecipeError
from ci.run import STAMP, main
from ci.tests.conftest import PAIR
from ci.tests.test_results_table import record

NAMES = ["pair/first", "pair/second"]


@pytest.fixture
def folder(pair_project):
    """The folder of the two notebooks."""
    return pair_project / "recipes" / "pair"


def test_every_document_is_a_recipe_named_after_its_notebook(pair_project, folder):
    found = recipes.load(folder)
    assert [one.name for one in found] == NAMES
    assert {one.folder_name for one in found} == {"pair"}
    assert "WINDOWS" in found[0].parameters and "WINDOWS" not in found[1].parameters
    assert [one.name for one in recipes.find_all(pair_project)] == [*NAMES, "tiny"]
    (folder / "recipe.yaml").write_text("---\n" + yaml.safe_dump(PAIR[0]))
    assert [one.name for one in recipes.load(folder)] == ["pair"]  # one document, one marker


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ([PAIR[0], PAIR[0]], "document 2: notebook: an earlier document is pair/first already"),
        ([*PAIR, {**PAIR[0], "notebook": "./first.ipynb"}], "document 3: notebook: an earlier"),
        ([*PAIR, None], "document 3: expected `key: value` lines; is there a `---` too many?"),
        ([PAIR[0], {**PAIR[1], "headlines": 1}], "document 2: headlines"),
        ([PAIR[0], {**PAIR[1], "presets": {"quick": {"WINDOWS": [3]}, "full": {}, "real": {}}}],
         "document 2: presets → quick: no parameter WINDOWS"),
        ([], "expected `key: value` lines"), ([{**PAIR[0], 1: 2}], "1: Keys should be strings"),
    ],
)  # fmt: skip
def test_a_wrong_document_is_refused_with_its_place(folder, documents, words):
    (folder / "recipe.yaml").write_text(yaml.safe_dump_all(documents))
    with pytest.raises(RecipeError) as error:
        recipes.load(folder)
    assert words in str(error.value) and str(folder / "recipe.yaml") in str(error.value)


def test_both_notebooks_run_and_get_a_page_each(pair_project, tmp_path):
    out = tmp_path / "runs"
    assert main(["pair", "--root", str(pair_project), "-o", str(out)]) == 0
    results = summary.read(out)
    assert [(r.recipe, r.state, r.folder) for r in results] == [
        ("pair/first", "ok", "pair/first/quick"), ("pair/second", "ok", "pair/second/quick"),
    ]  # fmt: skip
    executed = nbformat.read(out / "pair" / "second" / "quick" / "second.ipynb", as_version=4)
    assert executed.metadata[STAMP]["source"] == "recipes/pair/second.ipynb"
    gallery.build(out, tmp_path / "gallery", pair_project, say=lambda text: None)
    pages = ["pair-first-quick.html", "pair-second-quick.html"]
    assert {p.name for p in (tmp_path / "gallery").iterdir()} == {"index.html", *pages}
    soup = BeautifulSoup((tmp_path / "gallery" / "index.html").read_text(), "html.parser")
    cards = soup.select("article")
    assert [card.h2.a and card.h2.a["href"] for card in cards] == [*pages, None]
    assert "python -m ci.run tiny" in cards[2].get_text()


@pytest.mark.parametrize(
    ("names", "ran"),
    [
        (["pair"], NAMES), (["pair/"], NAMES), (["pair/second"], NAMES[1:]), ([], [*NAMES, "tiny"]),
        (["pair/second", "pair", "tiny"], ["pair/second", "pair/first", "tiny"]),  # each once
    ],
)  # fmt: skip
def test_names_choose_folders_or_notebooks(pair_project, tmp_path, fake_execute, names, ran):
    main([*names, "--root", str(pair_project), "-o", str(tmp_path / "out")])
    assert [r.recipe for r in summary.read(tmp_path / "out")] == ran
    folders = [str(tmp_path / "out" / name / "quick") for name in ran]
    assert [p["OUTPUT_DIR"] for p in fake_execute] == folders


def test_a_folder_s_path_means_all_its_notebooks(pair_project, folder, monkeypatch):
    assert [one.name for one in find(str(folder), pair_project)] == NAMES
    monkeypatch.chdir(folder)
    assert [one.name for one in find(".", pair_project)] == NAMES


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pair/secnod"], "no recipe pair/secnod, did you mean pair/second?"),
        (["second"], "no recipe second, did you mean pair/second?"),
        (["piar"], "did you mean pair? Valid: pair, pair/first, pair/second, tiny"),
        (["tiny/tiny"], "did you mean tiny?"),
        (["pair", "-p", "WINDOWS", "[3]"], "pair/second: no parameter WINDOWS"),
        (["pair", "--preset", "fast"], "pair/first, pair/second: no preset fast. Valid: quick, "
                                       "full, real"),
        (["pair", "pair/first", "--preset", "real"], "pair/first: no preset real"),
    ],
)  # fmt: skip
def test_wrong_use_names_the_notebook(pair_project, tmp_path, capsys, arguments, words):
    usual = ["--root", str(pair_project), "-o", str(tmp_path / "out")]
    assert main([*arguments, *usual]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_mistyped_name_is_told_although_another_recipe_is_broken(pair_project, capsys):
    (pair_project / "recipes" / "tiny" / "recipe.yaml").write_text("title: x")
    assert main(["pair/frist", "--root", str(pair_project)]) == 2
    assert "did you mean pair/first?" in capsys.readouterr().err


def test_a_preset_of_one_notebook_skips_the_other(pair_project, tmp_path, fake_execute):
    main(["pair", "--preset", "real", "--root", str(pair_project), "-o", str(tmp_path)])
    reasons = {r.recipe: r.reason for r in summary.read(tmp_path) if r.state == "skipped"}
    assert reasons == {"pair/first": "has no preset real"}
    assert [p["SEED"] for p in fake_execute] == [2]


def test_list_names_every_notebook(pair_project, capsys):
    assert main(["--list", "--root", str(pair_project)]) == 0
    said = capsys.readouterr().out
    assert all(f"{name}: " in said for name in [*NAMES, "tiny"]) and "real (about 1" in said
    assert main(["pair/second", "--list", "--root", str(pair_project)]) == 0
    said = capsys.readouterr().out
    assert "pair/first" not in said and "EPOCHS = 10" in said


def test_lint_wants_a_document_for_every_notebook(pair_project, folder, capsys):
    assert lint(["--root", str(pair_project)]) == 0, capsys.readouterr().out
    nbformat.write(nbformat.read(folder / "first.ipynb", as_version=4), folder / "third.ipynb")
    (line,) = lint_folder(folder)
    assert "recipe.yaml does not name third.ipynb – mend: give it a document" in line


def write_results(root):
    """Results of both notebooks in one file, and READMEs with a place for them."""
    marks = "# Here\n\n<!-- results:begin pair -->\n<!-- results:end -->\n"
    (root / "recipes" / "pair" / "README.md").write_text(marks)
    tiny = "<!-- results:begin tiny -->\n<!-- results:end -->\n"
    (root / "recipes" / "tiny" / "README.md").write_text(tiny)
    (root / "README.md").write_text(marks + tiny)
    (root / "results").mkdir()
    measured = [record("mr", variant, 0.8) for variant in ("first", "second", "other")]
    (root / "results" / "pair.json").write_text(json.dumps(measured))


def titles(path):
    """The titles of a README's tables, in order."""
    lines = path.read_text().splitlines()
    return [line.split("**")[1] for line in lines if line.startswith("**")]


def test_one_results_file_fills_the_tables_of_all_documents(pair_project, folder):
    write_results(pair_project)
    assert results_table.main(["--root", str(pair_project)]) == 0
    assert results_table.main(["--root", str(pair_project), "--check"]) == 0
    assert titles(folder / "README.md") == [
        "first.ipynb, main table", "first.ipynb, other table",
        "second.ipynb, main table", "second.ipynb, other table",
    ]  # fmt: skip
    short = titles(pair_project / "README.md")
    assert short == ["first.ipynb, main table", "second.ipynb, main table"]
    assert "Generated from `results/pair.json`" in (folder / "README.md").read_text()


def test_results_of_several_notebooks_need_tables(pair_project, folder, capsys):
    write_results(pair_project)
    bare = [{**document, "tables": []} for document in PAIR]
    (folder / "recipe.yaml").write_text(yaml.safe_dump_all(bare))
    assert results_table.main(["--root", str(pair_project)]) == 1
    said = capsys.readouterr().err
    assert "results/pair.json: results of several notebooks" in said and "recipe.yaml" in said
    # A notebook without numbers of its own needs none.
    (folder / "recipe.yaml").write_text(yaml.safe_dump_all([PAIR[0], bare[1]]))
    assert results_table.main(["--root", str(pair_project)]) == 0
