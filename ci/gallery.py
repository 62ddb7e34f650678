"""A static gallery of executed notebooks: `python -m ci.gallery RUNS_DIR -o DIR`.

Every page is one file that a browser shows without any network; its content-security policy
forbids the rest.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import mimetypes
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jinja2
import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from ci import recipe as recipes
from ci import summary
from ci.execute import label
from ci.recipe import ROOT, show
from ci.run import STAMP
from ci.summary import RunResult
from common import files

TEMPLATES = Path(__file__).with_name("templates")
POLICY = (
    "default-src 'none'; img-src data:; media-src data:; font-src data:; frame-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
# No widgets and no notebook JavaScript: both ask a server for their code.
SHOWN_TYPES = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg"]
SHOWN_TYPES += ["text/plain"]
NO_ALT = "No description has been provided for this image"  # nbconvert's words
EXTERNAL = re.compile(r"\s*(?:https?:)?//", re.I)
CSS_EXTERNAL = re.compile(r"url\(\s*['\"]?\s*(?:https?:)?//[^)]*\)", re.I)
CSS_IMPORT = re.compile(r"@import[^;]*;?", re.I)
# LaTeX that mathtext writes in another way.
SAME_MATH = {r"\lVert": r"\Vert", r"\rVert": r"\Vert", r"\lvert": r"\vert", r"\rvert": r"\vert"}
SAME_MATH |= {r"\tfrac": r"\frac", r"\argmax": r"\operatorname{argmax}"}
THUMBNAIL = (800, 500)  # pixels, at most


@lru_cache(maxsize=1024)
def formula(tex: str, display: bool) -> str:
    """LaTeX as an inline SVG in the text's own colour; as readable code where mathtext gives up."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path as Outline
    from matplotlib.textpath import TextPath

    text = " ".join(tex.split())
    for name, other in SAME_MATH.items():
        text = re.sub(re.escape(name) + r"(?![A-Za-z])", lambda _, o=other: o, text)
    size, margin = 16.0, 0.5
    try:
        path = TextPath((0, 0), f"${text}$", size, prop=FontProperties(math_fontfamily="stix"))
        box = path.get_extents()
        if not box.width:
            raise ValueError("nothing to draw")
    except ValueError:
        tag = "pre" if display else "code"
        return f'<{tag} class="math">{html.escape(tex.strip())}</{tag}>'
    letters = {
        Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q",
        Outline.CURVE4: "C", Outline.CLOSEPOLY: "Z",
    }  # fmt: skip
    drawn = []
    for points, code in path.iter_segments(simplify=False, curves=True):
        numbers = [] if code == Outline.CLOSEPOLY else points
        drawn.append(letters[code] + " ".join(f"{v:.2f}" for v in numbers))
    x, y = box.x0 - margin, -box.y1 - margin
    width, height = box.width + 2 * margin, box.height + 2 * margin
    style = f"width:{width / size:.3f}em;height:{height / size:.3f}em;"
    style += f"vertical-align:{(box.y0 - margin) / size:.3f}em"
    svg = (
        f'<svg role="img" aria-label="{html.escape(text, quote=True)}" style="{style}" '
        f'viewBox="{x:.2f} {y:.2f} {width:.2f} {height:.2f}">'
        f'<path transform="scale(1,-1)" fill="currentColor" d="{"".join(drawn)}"/></svg>'
    )
    return f'<div class="formula">{svg}</div>' if display else svg


class Renderer(IPythonRenderer):
    """nbconvert's Markdown with formulas drawn instead of left to a MathJax server."""

    def inline_math(self, body: str) -> str:
        """`$…$`."""
        return formula(body, False)

    def block_math(self, body: str) -> str:
        """`$$…$$`."""
        return formula(body, True)

    def latex_environment(self, name: str, body: str) -> str:
        r"""`\\begin{…}…\\end{…}`."""
        if name in ("equation", "equation*"):
            return formula(body, True)
        return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", True)


class Exporter(HTMLExporter):
    """nbconvert's bare body, with formulas drawn."""

    @jinja2.pass_context
    def markdown2html(self, context, source):
        """Markdown cells and outputs to HTML."""
        attachments = context.get("cell", {}).get("attachments", {})
        renderer = Renderer(escape=False, attachments=attachments, exclude_anchor_links=True)
        return MarkdownWithMath(renderer=renderer).render(source)


def notebook_body(notebook: nbformat.NotebookNode, folders: list[Path]) -> str:
    """An executed notebook as HTML that refers to nothing outside itself.

    `folders` are where relative pictures are looked for.
    """
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/latex" in data and "text/html" not in data:
                data["text/markdown"] = data.pop("text/latex")
            for kind in ("image/png", "image/jpeg"):
                if kind in data:
                    told = output.metadata.setdefault(kind, {})
                    told.setdefault("alt", f"Figure drawn by the cell “{label(cell.source)}”")
    config = Config({"NbConvertBase": {"display_data_priority": SHOWN_TYPES}})
    exporter = Exporter(
        config=config, template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True
    )
    body, _ = exporter.from_notebook_node(notebook)
    soup = BeautifulSoup(body, "html.parser")
    localise(soup, folders)
    return str(soup)


def localise(soup: BeautifulSoup, folders: list[Path]) -> None:
    """Embed local files, and put a short note in the place of anything from elsewhere."""
    for tag in soup.find_all(["link", "base", "meta"]):
        tag.decompose()
    for tag in soup.find_all("script"):
        if tag.get("src") or "://" in (tag.string or ""):
            leave_out(soup, tag, "a script that needs the network")
    for tag in soup.find_all("style"):
        tag.string = CSS_EXTERNAL.sub("none", CSS_IMPORT.sub("", tag.string or ""))
    for tag in soup.find_all(style=True):
        tag["style"] = CSS_EXTERNAL.sub("none", tag["style"])
    for tag in soup.find_all("a", href=True):
        url = urlsplit(tag["href"])
        if not url.scheme and not url.netloc and url.path:
            del tag["href"]  # a file of the project, not of the gallery
        elif url.scheme in ("http", "https"):
            tag["rel"] = "noopener"
    for name in ("src", "poster", "data", "srcset", "background", "href", "xlink:href"):
        for tag in soup.find_all(attrs={name: True}):
            target = tag[name].strip()
            if tag.name == "a" or target.startswith(("data:", "#")):
                continue
            embedded = None if name == "srcset" else as_data(target, folders)
            if embedded:
                tag[name] = embedded
            elif tag.name == "img" and name == "srcset":
                del tag[name]  # src remains
            else:
                alt = tag.get("alt", NO_ALT)
                leave_out(soup, tag, f"not shown: {target}" if alt == NO_ALT else alt)


def leave_out(soup: BeautifulSoup, tag, what: str) -> None:
    """Replace `tag` by a note."""
    note = soup.new_tag("span", attrs={"class": "left-out"})
    note.string = what
    tag.replace_with(note)


def as_data(target: str, folders: list[Path]) -> str | None:
    """A relative file below one of `folders` as a data URI; None if there is no such file."""
    url = urlsplit(target)
    if url.scheme or url.netloc or EXTERNAL.match(target):
        return None
    for folder in folders:
        path = (folder / unquote(url.path)).resolve()
        if path.is_file() and path.is_relative_to(folder.resolve()):
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            return data_uri(kind, path.read_bytes())
    return None


def data_uri(kind: str, content: bytes) -> str:
    """Content as a `data:` address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def thumbnail(path: Path) -> str:
    """A picture, made small enough for the index, as a data URI."""
    if path.suffix == ".svg":
        return data_uri("image/svg+xml", path.read_bytes())
    from PIL import Image

    with Image.open(path) as picture:
        if picture.mode not in ("RGB", "L"):
            picture = picture.convert("RGBA")
        picture.thumbnail(THUMBNAIL)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", optimize=True)
    return data_uri("image/png", buffer.getvalue())


def styles() -> str:
    """The pages' style sheet with code colours for light and dark."""
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    own = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{own}"


def page_name(run: RunResult) -> str:
    """The file of a run's page; a recipe's name may hold a slash, a file's may not."""
    return f"{run.recipe}-{run.preset}.html".replace("/", "-")


def not_run(recipe: recipes.Recipe) -> RunResult:
    """The place of a recipe of which the folder holds no run."""
    return RunResult(
        recipe=recipe.name,
        title=recipe.title,
        summary=recipe.summary,
        preset="quick",
        state="skipped",
        reason=f"not run yet: python -m ci.run {recipe.name}",
        unit=recipe.unit,
    )


def build(runs: Path, out: Path, root: Path = ROOT, say: Callable[[str], None] = print) -> Path:
    """Write the gallery of a runner's folder into `out`; returns its index.html.

    Every recipe of the project gets a card; one that was not run, failed or was skipped says so.
    Raises FileNotFoundError where `runs` holds no summary.json.
    """
    results = summary.read(runs)
    if not results:
        raise FileNotFoundError(f"{runs / 'summary.json'}: no runs; do `python -m ci.run` first")
    known = {r.recipe for r in results}
    results += [not_run(r) for r in recipes.find_all(root) if r.name not in known]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals |= {"show": show, "styles": styles(), "policy": POLICY}
    cards = []
    for result in results:
        folder = runs / result.folder
        page = page_name(result)
        has_page = bool(result.notebook) and (folder / result.notebook).is_file()
        if has_page:
            notebook = nbformat.read(folder / result.notebook, as_version=4)
            stamp = notebook.metadata.get(STAMP, {})
            body = notebook_body(notebook, [(root / result.source).parent, folder])
            text = environment.get_template("page.html.j2").render(
                run=result, stamp=stamp, body=body
            )
            files.write_text(out / page, text)
        picture = None
        if result.picture and (folder / result.picture).is_file():
            picture = thumbnail(folder / result.picture)
        cards.append({"run": result, "page": page if has_page else None, "picture": picture})
    text = environment.get_template("index.html.j2").render(cards=cards)
    files.write_text(out / "index.html", text)
    say(f"{len(cards)} cards: {out / 'index.html'}")
    return out / "index.html"


def main(argv: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m ci.gallery", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="?", help="the runner's -o; build/runs")
    parser.add_argument("-o", dest="out", type=Path, help="build/gallery")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project")
    args = parser.parse_args(argv)
    root = args.root.resolve()
    runs, out = args.runs or root / "build/runs", args.out or root / "build/gallery"
    try:
        build(runs.resolve(), out.resolve(), root)
    except (OSError, ValueError) as error:
        print(f"ci.gallery: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
