"""A tiny project, runs of it that all tests share, and a recipe of two notebooks to add to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ci import follow
from ci.recipe import ROOT

PARAMETERS = """\
DATA = "sample"  # sample, a published set, or a path
OUTPUT_DIR = "build"  # where everything is written
SEED = 1  # of everything random
EPOCHS = 10  # passes over the training data
BATCH_SIZE = 32  # rows per step
LIMIT = 0  # rows to use; 0 = all
RESUME = False  # go on where a killed run stopped
RATE = 0.1  # learning rate
WINDOWS = [3, 4, 5]  # widths in words
VECTORS = None  # file with word vectors
ACTION = "work"  # what the test wants to happen
"""

SETUP = """\
import json
import os
import subprocess
import sys
import time
from pathlib import Path"""

WORK = """\
# do the work
from helper import ANSWER

Path(OUTPUT_DIR).mkdir(parents=True, exist_ok=True)
print("answer", ANSWER)
if ACTION == "fail":
    raise ValueError("the \\x1b[31mred\\x1b[0m reason")
if ACTION == "die":
    os.kill(os.getpid(), 9)
if ACTION == "sleep":
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"],
                              start_new_session=True)
    Path(OUTPUT_DIR, "pids").write_text(f"{os.getpid()} {worker.pid}")
    time.sleep(300)"""

PLOT = """\
import matplotlib.pyplot as plt

print("backend", plt.get_backend())
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.plot([1, 2, 3], [0.7, 0.8, 0.9])
axes.set(title="Accuracy", xlabel="epoch", ylabel="accuracy")
figure.savefig(Path(OUTPUT_DIR) / "picture.png")
plt.show()"""

METRICS = """\
accuracy = 0.55 if ACTION == "poor" else 0.871
record = {"data": "sample", "variant": "ours", "metric": "accuracy", "value": accuracy,
          "low": accuracy - 0.02, "high": accuracy + 0.02, "n": 1000, "seeds": [SEED]}
metrics = {"recipe": "tiny", "data": {"name": "sample", "synthetic": True},
           "headline": {"metric": "accuracy", "variant": "ours"},
           "metrics": [{**record, "variant": "other", "value": 0.1}, record]}
if ACTION != "silent":
    Path(OUTPUT_DIR, "metrics.json").write_text(json.dumps(metrics))"""

HTML = """\
from IPython.display import HTML, display

display(HTML('<script src="https://cdn.example.org/x.js"></script><p style="color: teal">'
             'Coloured &lt;words&gt; <img src="https://example.org/x.png"></p>'
             '<style>@import url("https://example.org/s.css"); p { margin: 0 }</style>'))"""

EXPORT = """\
Path(OUTPUT_DIR, "model.txt").write_text("a model")"""

TITLE = """\
# A tiny recipe

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://example.org/c)
The softmax $p_k = e^{z_k} / \\sum_j e^{z_j}$ and the loss

$$L = -\\frac{1}{N} \\sum_{i=1}^{N} \\log p_{y_i}$$

What no small renderer knows: $\\begin{cases} a & b \\end{cases}$. It costs \\$5.

![the idea, drawn](idea.png)"""

ACTIONS = ("fail", "die", "poor", "silent", "sleep")

RECIPE = {
    "title": "A tiny recipe",
    "summary": "Nothing is learned here, but everything is run.",
    "paper": {"cite": "Nobody, 2024", "url": "https://example.org/paper"},
    "notebook": "tiny.ipynb",
    "picture": "picture.png",
    "headline": "accuracy",
    "presets": {
        "quick": {"DATA": "sample", "EPOCHS": 3},
        "full": {"DATA": "mr", "EPOCHS": 20},
        **{action: {"ACTION": action} for action in ACTIONS},
    },
    "published": [
        {"data": "mr", "metric": "accuracy", "value": 76.1, "unit": "percent",
         "of": "CNN-rand", "source": "Kim 2014, Table 2"},
    ],
    "floors": {"quick": {"accuracy": 0.8}, "poor": {"accuracy": 0.8, "loss": {"max": 0.5}}},
    "minutes": {"quick": 1, "full": 2, **dict.fromkeys(ACTIONS, 1)},
}  # fmt: skip


# Two notebooks of one folder: the second lacks a parameter, the first a preset.
PAIR_PARAMETERS = {
    "first.ipynb": PARAMETERS,
    "second.ipynb": PARAMETERS.replace("WINDOWS = [3, 4, 5]  # widths in words\n", ""),
}
PAIR = [
    {
        **RECIPE,
        "title": f"Recipe {notebook}",
        "notebook": notebook,
        "presets": {"quick": {"EPOCHS": 3}, "full": {}, **more},
        "floors": {"quick": {"accuracy": 0.8}},
        "minutes": {"quick": 1, "full": 1, **dict.fromkeys(more, 1)},
        "tables": [{"title": f"{notebook}, {place} table", "variants": [variant]}
                   for place, variant in (("main", notebook[:-6]), ("other", "other"))],
    }
    for notebook, more in (("first.ipynb", {}), ("second.ipynb", {"real": {"SEED": 2}}))
]  # fmt: skip


def tagged(source: str, *tags: str):
    """A code cell."""
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def tiny_notebook():
    """The tiny recipe's notebook, as lint wants it."""
    return notebook_of(
        new_markdown_cell(TITLE),
        tagged(SETUP, "setup"),
        tagged(PARAMETERS.strip(), "parameters"),
        tagged(WORK),
        tagged(PLOT),
        tagged(HTML),
        tagged(METRICS, "metrics"),
        tagged(EXPORT, "export"),
    )


def notebook_of(*cells):
    """A notebook with the ids and metadata that lint wants."""
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return new_notebook(
        cells=list(cells), metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )


def write_project(root: Path) -> Path:
    """Write the tiny project below `root` and return the recipe's folder."""
    folder = root / "recipes" / "tiny"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "test_tiny.py").write_text("")
    (folder / "helper.py").write_text("ANSWER = 42\n")
    (folder / "README.md").write_text("# Tiny\n\n![the idea](idea.png)\n")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    nbformat.write(tiny_notebook(), folder / "tiny.ipynb")
    import matplotlib.figure

    matplotlib.figure.Figure(figsize=(2, 1)).savefig(folder / "idea.png")
    return folder


def write_pair(root: Path) -> Path:
    """Write a recipe of two quick notebooks below `root` and return its folder."""
    folder = root / "recipes" / "pair"
    (folder / "tests").mkdir(parents=True)
    (folder / "README.md").write_text("# Pair\n")
    (folder / "recipe.yaml").write_text(yaml.safe_dump_all(PAIR, sort_keys=False))
    for name, parameters in PAIR_PARAMETERS.items():
        notebook = notebook_of(
            new_markdown_cell(f"# {name}"),
            tagged("import json\nfrom pathlib import Path", "setup"),
            tagged(parameters.strip(), "parameters"),
            tagged(METRICS, "metrics"),
            tagged(EXPORT, "export"),
        )
        nbformat.write(notebook, folder / name)
    return folder


def start(root: Path, out: Path, *arguments: object) -> subprocess.Popen:
    """Start the runner as a user does; its output comes back through `communicate`."""
    command = [sys.executable, "-m", "ci.run", "tiny", "--root", root, "-o", out, *arguments]
    env = {**os.environ, "MPLBACKEND": "agg"}  # as in many build systems; must not reach notebooks
    return subprocess.Popen(
        list(map(str, command)), cwd=ROOT, env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        # A build started in the background ignores Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


@dataclass
class Runs:
    """The shared runs: their folder, and what the runner said and returned for each preset."""

    out: Path
    said: dict[str, str]
    codes: dict[str, int]

    def result(self, preset: str) -> dict:
        """The run's entry of summary.json."""
        entries = json.loads((self.out / "summary.json").read_text())["runs"]
        return next(e for e in entries if e["preset"] == preset)


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """Root of the tiny project; not to be changed by tests."""
    root = tmp_path_factory.mktemp("project")
    write_project(root)
    return root


@pytest.fixture
def own_project(tmp_path) -> Path:
    """A copy of the tiny project that a test may change."""
    write_project(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def pair_project(own_project) -> Path:
    """A copy of the tiny project with the recipe of two notebooks, that a test may change."""
    write_pair(own_project)
    return own_project


@pytest.fixture
def fake_execute(monkeypatch):
    """Take the kernel's place: every run writes good metrics for data `mr`, or nothing."""
    seen = []

    def execute(source, target, parameters, *, log, **_):
        seen.append(parameters)
        record = {"data": "mr", "metric": "accuracy", "variant": "ours", "value": 0.5}
        metrics = {"data": {"name": "mr"}, "headline": {"metric": "accuracy", "variant": "ours"}}
        log.with_name("metrics.json").write_text(json.dumps({**metrics, "metrics": [record]}))
        return follow.Outcome()

    monkeypatch.setattr("ci.run.execute", execute)
    return seen


@pytest.fixture(scope="session")
def runs(project, tmp_path_factory) -> Runs:
    """A good run and several bad ones, side by side into one folder through the command line."""
    out = tmp_path_factory.mktemp("runs")
    left = out / "tiny" / "silent"
    left.mkdir(parents=True)
    stale = {
        "data": {"name": "sample"},
        "headline": {"metric": "accuracy", "variant": "ours"},
        "metrics": [{"metric": "accuracy", "variant": "ours", "value": 1.0}],
    }
    (left / "metrics.json").write_text(json.dumps(stale))
    started = {p: start(project, out, "--preset", p) for p in ("quick", *ACTIONS[:-1])}
    said = {preset: process.communicate(timeout=180)[0] for preset, process in started.items()}
    return Runs(out, said, {preset: process.returncode for preset, process in started.items()})


@pytest.fixture
def shown_runs(runs, tmp_path) -> Path:
    """The good and a failed run with a skipped one beside them, as a gallery may meet them."""
    out = tmp_path / "runs"
    shutil.copytree(runs.out, out)
    good, failed = runs.result("quick"), runs.result("fail")
    skipped = {**good, "preset": "full", "state": "skipped", "reason": "mr is not at hand",
               "metric": None, "notebook": None, "picture": None, "data": "mr"}  # fmt: skip
    (out / "summary.json").write_text(json.dumps({"runs": [good, skipped, failed]}))
    return out
