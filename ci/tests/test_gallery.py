"""The gallery, made from real runs."""

from __future__ import annotations

import re

import nbformat
import pytest
from bs4 import BeautifulSoup

from ci import gallery, summary
from ci.tests.conftest import write_project

LOADS = ("src", "srcset", "poster", "data", "background", "xlink:href", "action", "formaction")


def external_resources(page: str) -> list[str]:
    """Everything that a browser would fetch from elsewhere to show the page."""
    soup = BeautifulSoup(page, "html.parser")
    tags = [(tag, name) for name in LOADS for tag in soup.find_all(attrs={name: True})]
    found = [f"{t.name} {t[n]}" for t, n in tags if not t[n].startswith(("data:", "#"))]
    found += [str(tag) for tag in soup.find_all(["link", "base", "iframe", "embed", "object"])]
    found += [str(tag) for tag in soup.find_all(href=True) if tag.name != "a"
              and not tag["href"].startswith("#")]  # fmt: skip
    css = [tag.get_text() for tag in soup.find_all("style")]
    css += [tag["style"] for tag in soup.find_all(style=True)]
    for text in css:
        found += re.findall(r"@import.*", text)
        found += [u for u in re.findall(r"url\(([^)]*)\)", text) if "data:" not in u]
    scripts = [tag.get_text() for tag in soup.find_all("script")]
    found += [text for text in scripts if "//" in text and "://" in text]
    return found


@pytest.fixture
def pages(shown_runs, project, tmp_path) -> dict[str, str]:
    """The gallery's files by name."""
    gallery.build(shown_runs, tmp_path / "gallery", project, say=lambda text: None)
    return {p.name: p.read_text(encoding="utf-8") for p in (tmp_path / "gallery").iterdir()}


def test_pages_need_no_network_and_say_so_to_the_browser(pages):
    assert set(pages) == {"index.html", "tiny-quick.html", "tiny-fail.html"}
    for name, page in pages.items():
        assert external_resources(page) == [], name
        policy = BeautifulSoup(page, "html.parser").find("meta", {"http-equiv": True})
        assert "default-src 'none'" in policy["content"]


def test_the_check_above_can_fail():
    page = '<img src="https://a/b.png"><style>@import "x"; p {background: url(//a/b)}</style>'
    assert len(external_resources(page + '<link href="https://a/s.css">')) == 5


def test_the_page_shows_what_the_notebook_shows(pages):
    soup = BeautifulSoup(pages["tiny-quick.html"], "html.parser")
    assert "answer 42" in soup.get_text()
    alts = [img["alt"] for img in soup.find_all("img")]
    assert any(alt.startswith("Figure drawn by the cell") for alt in alts)
    assert "the idea, drawn" in alts  # the recipe's own picture, embedded
    drawn = [svg["aria-label"] for svg in soup.find_all("svg")]
    assert any(r"\sum_{i=1}^{N}" in text for text in drawn)
    assert r"\begin{cases} a & b \end{cases}" in [c.get_text() for c in soup.select("code.math")]
    # Left out with a note, what stands beside it kept.
    notes = [note.get_text() for note in soup.select(".left-out")]
    assert notes == ["Open in Colab", "a script that needs the network",
                     "not shown: https://example.org/x.png"]  # fmt: skip
    assert soup.find("a", href="https://example.org/c") is not None
    assert "Coloured <words>" in soup.get_text()
    assert "sha256 of the source" in soup.select_one("details.stamp").get_text()


def test_cards_tell_value_data_and_state(pages):
    soup = BeautifulSoup(pages["index.html"], "html.parser")
    good, skipped, failed = soup.select("article")
    text = " ".join(good.get_text(" ").split())
    assert "87.1 % 95 % interval 85.1 to 89.1" in text and "Nothing is learned here" in text
    assert good.select_one(".synthetic") and good.h2.a["href"] == "tiny-quick.html"
    assert good.img["src"].startswith("data:image/png") and "A tiny recipe" in good.img["alt"]
    assert "commit" in good.select_one(".stamp").get_text()
    assert "mr is not at hand" in skipped.get_text() and skipped.img is None
    assert skipped.h2.a is None
    assert "ValueError: the red reason" in failed.get_text() and "failed" in failed["class"]
    assert failed.h2.a["href"] == "tiny-fail.html"


def test_every_recipe_has_a_place_even_before_its_first_run(shown_runs, tmp_path):
    root = tmp_path / "other"
    write_project(root)
    (root / "recipes" / "tiny").rename(root / "recipes" / "newer")
    page = gallery.build(shown_runs, tmp_path / "gallery", root, say=lambda text: None)
    assert "python -m ci.run newer" in page.read_text()


def test_text_of_a_summary_is_escaped(shown_runs, project, tmp_path):
    (run, *_) = summary.read(shown_runs)
    bad = run.model_copy(update={"title": "<script>alert(1)</script>", "preset": "x"})
    summary.add(shown_runs, bad)
    page = gallery.build(shown_runs, tmp_path / "gallery", project, say=lambda text: None)
    assert "<script>alert" not in page.read_text()


def test_no_runs_is_an_error_that_says_what_to_do(tmp_path, capsys):
    assert gallery.main([str(tmp_path), "-o", str(tmp_path / "gallery")]) == 1
    assert "python -m ci.run" in capsys.readouterr().err


def test_files_outside_the_given_folders_are_never_embedded(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (tmp_path / "inside" / "a b.png").write_bytes(b"x")
    folders = [tmp_path / "inside"]
    assert gallery.as_data("../secret.png", folders) is None
    assert gallery.as_data(str(tmp_path / "secret.png"), folders) is None
    assert gallery.as_data("//example.org/a.png", folders) is None
    assert gallery.as_data("a%20b.png", folders) == "data:image/png;base64,eA=="


def test_latex_outputs_widgets_and_local_links(tmp_path):
    outputs = [
        nbformat.v4.new_output("display_data", {"text/latex": "$x^2$", "text/plain": "x"}),
        nbformat.v4.new_output(
            "display_data",
            {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "100%"},
        ),
        nbformat.v4.new_output(
            "display_data",
            {"text/html": '<img src="a.png" srcset="https://a/b 2x"><video src="https://a/v.mp4">'},
        ),
    ]
    (tmp_path / "a.png").write_bytes(b"x")
    cells = [
        nbformat.v4.new_code_cell("show()", outputs=outputs),
        nbformat.v4.new_markdown_cell("[model](model.py) [top](#top) [web](https://example.org)"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {"x": {}}})
    page = gallery.notebook_body(notebook, [tmp_path])
    soup = BeautifulSoup(page, "html.parser")
    assert soup.svg["aria-label"] == "x^2" and "100%" in soup.get_text()
    assert external_resources(page) == []
    assert soup.img["src"] == "data:image/png;base64,eA=="
    assert [a.get("href") for a in soup.find_all("a")] == [None, "#top", "https://example.org"]
