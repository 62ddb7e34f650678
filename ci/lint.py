"""Check the notebooks and recipe folders: `python -m ci.lint [PATHS] [--fix]`.

One line per finding: `path:cell N: what – mend: command or instruction`.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import mistune
import nbformat
from nbformat import NotebookNode
from nbformat.validator import NotebookValidationError

from ci import recipe as recipes
from ci.parameters import parse_parameters
from ci.recipe import ROOT, RecipeError, shown

TAGS = ("setup", "parameters", "metrics", "export")  # in this order
PARAMETERS = ("DATA", "OUTPUT_DIR", "SEED", "EPOCHS", "BATCH_SIZE", "LIMIT", "RESUME")
MOST_LINES = 15
MOST_PARAMETERS = 20
PARAMETERS_WITHIN = 3  # code cells from the top
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
NOTEBOOK_METADATA = {"kernelspec", "language_info", "accelerator"}
CELL_METADATA = {"tags"}
# Only the usual drives: `\w:\d` in a pattern and `f:\mathbb{R}` in a formula are no paths.
ABSOLUTE = re.compile(r"(?<![\w.~\\-])(?:/(?:home|root|Users)\b[^\s\"'`)]*|[C-E]:\\\w*)")
TEST_SWITCH = re.compile(r"^(IS_|IN_)?(TEST|TESTING|TEST_MODE|TEST_RUN|SMOKE_TEST|CI)$")
HTML_FILE = re.compile(r"<(?:img|a|video|audio|source)\b[^>]*?\b(?:src|href)=[\"']([^\"']+)", re.I)


class Findings(list[str]):
    """The lines to print for one notebook."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = shown(path)
        self.fix = f"python -m ci.lint {self.path} --fix"

    def add(self, what: str, mend: str, cell: int | None = None) -> None:
        """One finding; cells count from 1, as Jupyter's reader sees them."""
        place = self.path if cell is None else f"{self.path}:cell {cell}"
        self.append(f"{place}: {what} – mend: {mend}")


def clean(notebook: NotebookNode) -> None:
    """Take away, in place, everything that a run or an editor leaves behind."""
    notebook.nbformat, notebook.nbformat_minor = 4, max(5, notebook.get("nbformat_minor", 5))
    for key in set(notebook.metadata) - NOTEBOOK_METADATA:
        del notebook.metadata[key]
    notebook.metadata["kernelspec"] = dict(KERNEL)
    notebook.metadata["language_info"] = {"name": "python"}
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells):
        for key in set(cell.metadata) - CELL_METADATA:
            del cell.metadata[key]
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if not cell.get("id") or cell.id in seen:
            cell["id"] = next(i for i in _ids(number) if i not in seen)
        seen.add(cell.id)


def _ids(number: int) -> Iterator[str]:
    yield f"cell-{number}"
    yield from (f"cell-{number}-{i}" for i in range(1, 10_000))


def read(path: Path) -> tuple[str, NotebookNode]:
    """A notebook's text and its content as it is, without the repairs that nbformat makes.

    Raises ValueError or NotebookValidationError for a file that no repair makes a notebook.
    """
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("nbformat") != 4:
        raise ValueError("format 4 is needed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # missing ids: found or mended by us
        nbformat.validate(nbformat.from_dict(content), relax_add_props=True)
    return text, nbformat.v4.reads(text)


def lint_notebook(path: Path) -> list[str]:
    """All findings of one notebook file."""
    found = Findings(path)
    try:
        text, notebook = read(path)
    except (OSError, ValueError, NotebookValidationError) as error:
        found.add(f"not a valid notebook: {str(error).splitlines()[0]}", "save it from JupyterLab")
        return found
    _check_clean(notebook, text, found)
    _check_tags(notebook, found)
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            _check_code(cell, number, found)
        elif cell.cell_type == "markdown":
            _check_files(cell.source, path, number, found, set(cell.get("attachments", {})))
        for match in ABSOLUTE.finditer(cell.source):
            mend = "use OUTPUT_DIR, a relative path or a parameter"
            found.add(f"absolute path {match[0]}", mend, number)
    return found


def _check_clean(notebook: NotebookNode, text: str, found: Findings) -> None:
    count = len(found)
    kernel = dict(notebook.metadata.get("kernelspec", {}))
    if kernel != KERNEL:
        found.add(f"kernelspec is {kernel}, not plain python3", found.fix)
    extra = sorted(set(notebook.metadata) - NOTEBOOK_METADATA)
    if extra:
        found.add(f"notebook metadata {', '.join(extra)}", found.fix)
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells, 1):
        if not cell.get("id") or cell.id in seen:
            found.add("cell id missing or used twice", found.fix, number)
        seen.add(cell.get("id", ""))
        if cell.get("outputs"):
            found.add("outputs are kept", found.fix, number)
        if cell.get("execution_count") is not None:
            found.add("execution count is kept", found.fix, number)
        extra = sorted(set(cell.metadata) - CELL_METADATA)
        if extra:
            found.add(f"cell metadata {', '.join(extra)}", found.fix, number)
    if len(found) == count:
        clean(notebook)
        if nbformat.writes(notebook) + "\n" != text:
            found.add("the file is not laid out as nbformat writes it", found.fix)


def _check_tags(notebook: NotebookNode, found: Findings) -> None:
    code = [c for c in notebook.cells if c.cell_type == "code"]
    places = {}
    for tag in TAGS:
        at = [i for i, cell in enumerate(code) if tag in cell.metadata.get("tags", [])]
        if len(at) != 1:
            found.add(f"{len(at)} code cells are tagged `{tag}`, not one", "tag one cell with it")
        else:
            places[tag] = at[0]
    if list(places.values()) != sorted(places.values()):
        order = ", ".join(sorted(places, key=places.get))
        found.add(f"tags come as {order}, not as {', '.join(TAGS)}", "move the cells")
    if places.get("parameters", 0) >= PARAMETERS_WITHIN:
        found.add(
            f"`parameters` is not among the first {PARAMETERS_WITHIN} code cells", "move it up"
        )


def _check_code(cell: NotebookNode, number: int, found: Findings) -> None:
    if "parameters" in cell.metadata.get("tags", []):
        _check_parameters(cell.source, number, found)
        return
    lines = len(cell.source.strip().splitlines())
    if lines > MOST_LINES:
        mend = "split it or move code to a module"
        found.add(f"{lines} lines, at most {MOST_LINES}", mend, number)
    if cell.source.startswith("%%"):
        return  # a shell script or the like
    try:
        tree = parse_cell(cell.source)
    except SyntaxError as error:
        found.add(f"line {error.lineno}: {error.msg}", "edit the cell", number)
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.If, ast.IfExp)):
            names = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
            names |= {n.value for n in ast.walk(node.test) if isinstance(n, ast.Constant)}
            switch = next((n for n in names if isinstance(n, str) and TEST_SWITCH.match(n)), None)
            if switch:
                mend = "let presets in recipe.yaml shrink parameters"
                found.add(f"line {node.lineno}: branches on {switch}", mend, number)


def parse_cell(source: str) -> ast.Module:
    """A code cell's syntax tree; IPython's own lines (`%…`, `!…`, `?…`) count as `pass`."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.parse(re.sub(r"^(\s*)[%!?].*$", r"\1pass", source, flags=re.M))


def _check_parameters(source: str, number: int, found: Findings) -> None:
    try:
        parameters = parse_parameters(source)
    except ValueError as error:
        found.add(str(error), "write NAME = literal  # comment", number)
        return
    for p in parameters.values():
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", p.name):
            found.add(f"parameter {p.name} is not upper-case", f"call it {p.name.upper()}", number)
        if not p.comment:
            found.add(f"{p.name} has no comment on its line", f"write # after {p.name}", number)
    if len(parameters) > MOST_PARAMETERS:
        found.add(
            f"{len(parameters)} parameters, at most {MOST_PARAMETERS}",
            "derive the rest in the check cell", number,
        )  # fmt: skip
    missing = [name for name in PARAMETERS if name not in parameters]
    if missing:
        mend = "add them, each with a comment"
        found.add(f"parameters missing: {', '.join(missing)}", mend, number)


def linked_files(text: str) -> list[str]:
    """Targets of images and links in Markdown, those of plain HTML tags included."""
    targets = []

    def walk(tokens: Iterable[dict]) -> None:
        for token in tokens:
            if token["type"] in ("link", "image"):
                targets.append(token["attrs"]["url"])
            elif token["type"] in ("block_html", "inline_html"):
                targets.extend(HTML_FILE.findall(token["raw"]))
            walk(token.get("children") or [])

    walk(mistune.create_markdown(renderer="ast", plugins=["table"])(text))
    return targets


def _check_files(
    text: str, path: Path, cell: int | None, found: Findings, attachments: Iterable[str] = ()
) -> None:
    for target in linked_files(text):
        url = urlsplit(target)
        if url.scheme == "attachment":
            missing = unquote(url.path) not in attachments
        elif url.scheme or url.netloc or not url.path:
            continue
        else:
            missing = not (path.parent / unquote(url.path)).exists()
        if missing:
            mend = "add the file or mend the link"
            found.add(f"links to {target}, which does not exist", mend, cell)


def lint_folder(folder: Path) -> list[str]:
    """Findings about a recipe folder as a whole."""
    found = Findings(folder)
    for name in ("recipe.yaml", "README.md", "tests"):
        if not (folder / name).exists():
            found.add(f"{name} is missing", f"write {shown(folder / name)}")
    if (folder / "recipe.yaml").exists():
        try:
            named = [one.notebook_path.resolve() for one in recipes.load(folder)]
        except RecipeError as error:
            found.append(f"{error} – mend: edit recipe.yaml or the parameters cell")
        else:
            for path in sorted(folder.glob("*.ipynb")):
                if path.resolve() not in named:  # no command would ever run it
                    mend = "give it a document of its own there, after `---`, or remove it"
                    found.add(f"recipe.yaml does not name {path.name}", mend)
    readme = folder / "README.md"
    if readme.exists():
        in_readme = Findings(readme)
        _check_files(readme.read_text(encoding="utf-8"), readme, None, in_readme)
        found.extend(in_readme)
    return found


def fix(path: Path) -> bool:
    """Clean one notebook file; True where that changed it. An unreadable one is left alone."""
    try:
        text, notebook = read(path)
    except (ValueError, NotebookValidationError):
        return False  # lint_notebook tells
    clean(notebook)
    new = nbformat.writes(notebook) + "\n"
    if new != text:
        path.write_text(new, encoding="utf-8")
    return new != text


def ruff(paths: list[Path]) -> int:
    """`ruff check` over code and notebooks; its own output says what to mend."""
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--quiet"]
    done = subprocess.run([*command, *map(str, paths)], check=False)
    if done.returncode:
        print("mend: python -m ruff check --fix, the rest by hand", flush=True)
    return done.returncode


def expand(paths: list[Path], root: Path) -> tuple[list[Path], list[Path]]:
    """(recipe folders, notebooks) that the given paths mean; none given means the whole project."""
    folders: list[Path] = []
    for path in paths or [root]:
        if (path / "recipes").is_dir():
            folders += recipes.folders(path)
        elif path.resolve().name == "recipes":
            folders += recipes.folders(path.resolve().parent)
        elif path.resolve().parent.name == "recipes" or (path / "recipe.yaml").exists():
            folders.append(path)  # any other folder holds code only: left to ruff
    notebooks = [p for p in paths if p.suffix == ".ipynb"]
    notebooks += [n for folder in folders for n in sorted(folder.rglob("*.ipynb"))]
    notebooks = [n for n in notebooks if ".ipynb_checkpoints" not in n.parts]
    return folders, list(dict.fromkeys(notebooks))


def main(argv: list[str] | None = None) -> int:
    """Entry point; 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m ci.lint", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="recipe folders or notebooks; all")
    parser.add_argument("--fix", action="store_true", help="strip outputs, counts and metadata")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project")
    args = parser.parse_args(argv)
    absent = [p for p in args.paths if not p.exists()]
    if absent:
        parser.error(f"no such file: {', '.join(map(str, absent))}")
    folders, notebooks = expand(args.paths, args.root)
    findings: list[str] = []
    for path in notebooks:
        if args.fix and fix(path):
            print(f"{shown(path)}: cleaned")
        findings += lint_notebook(path)
    for folder in folders:
        findings += lint_folder(folder)
    print("".join(f"{line}\n" for line in findings), end="", flush=True)
    return 1 if ruff(args.paths or [args.root]) or findings else 0


if __name__ == "__main__":
    sys.exit(main())
