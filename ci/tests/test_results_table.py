"""The generated README tables."""

from __future__ import annotations

import json

import pytest
import yaml

from ci import recipe as recipes
from ci.results_table import (
    Record,
    ResultsError,
    block,
    compact,
    footer,
    main,
    read_records,
    rewrite,
    seeds,
)

MARKERS = "# Tiny\n\n<!-- results:begin tiny -->\nold\n<!-- results:end -->\n\nThe end.\n"


def record(data, variant, value, **more):
    """One line of results/tiny.json."""
    base = {
        "data": data, "variant": variant, "metric": "accuracy", "value": value,
        "low": value - 0.01, "high": value + 0.01, "n": 1066, "interval": "Wilson 95 %",
        "seeds": [1], "preset": "full", "synthetic": False, "seconds": 90.0,
        "peak_memory_mb": 900.0, "commit": "abc1234", "date": "2026-11-21T12:00:00+00:00",
        "machine": {"cpu": "A fine CPU", "cores": 2, "memory_gb": 23.4, "gpus": []},
        "fingerprint": "sha256:0",
    }  # fmt: skip
    return {**base, **more}


RECORDS = [
    record("mr", "ours", 0.8123, seeds=[1, 2, 3]),
    record("mr", "tfidf-lr", 0.778),
    record("mr", "without n-grams", 0.79),
    record("cr", "ours", 0.81, n=3775, date="2026-11-22T12:00:00+00:00"),
    record("mr", "ours", 0.02, metric="calibration_error"),
    record("sample", "ours", 0.9, synthetic=True),
]
TABLES = [
    {"title": "Against the paper", "data": ["cr", "mr", "sample", "trec"],
     "variants": ["ours", "tfidf-lr", "rand"], "published": ["CNN-rand"]},
    {"title": "Ablation", "data": ["mr"], "variants": ["ours", "without n-grams"]},
    {"title": "Calibration", "variants": ["ours"], "metric": "calibration_error",
     "unit": "plain"},
]  # fmt: skip


@pytest.fixture
def root(own_project):
    """A project with results, tables and both READMEs."""
    folder = own_project / "recipes" / "tiny"
    content = yaml.safe_load((folder / "recipe.yaml").read_text())
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**content, "tables": TABLES}))
    (folder / "README.md").write_text(MARKERS)
    (own_project / "README.md").write_text(MARKERS)
    (own_project / "results").mkdir()
    (own_project / "results" / "tiny.json").write_text(json.dumps(RECORDS))
    return own_project


def test_tables_are_written_and_then_checked(root, capsys):
    assert main(["--root", str(root), "--check"]) == 1
    assert "python -m ci.results_table" in capsys.readouterr().err
    assert (root / "README.md").read_text() == MARKERS
    assert main(["--root", str(root)]) == 0
    assert main(["--root", str(root), "--check"]) == 0
    text = (root / "recipes" / "tiny" / "README.md").read_text()
    lines = text.splitlines()
    assert lines[0] == "# Tiny" and lines[-1] == "The end."
    assert "| data | ours | tfidf-lr | CNN-rand (published) | n | seeds |" in lines
    mr = "| mr | 81.2 (80.2–82.2) | 77.8 (76.8–78.8) | 76.1 | 1066 | 1–3 |"
    assert lines.index(mr) - 1 == lines.index("| cr | 81.0 (80.0–82.0) | – | – | 3775 | 1 |")
    assert "| data | ours | without n-grams | n | seeds |" in lines
    assert "| mr | 0.02 (0.01–0.03) | 1066 | 1 |" in lines
    assert "rand |" not in text.replace("CNN-rand", "")  # a variant without results
    assert "A fine CPU, 2 cores, 23 GB · commit abc1234 · 2026-11-21 to 2026-11-22 · 3 min" in text
    assert "CNN-rand: Kim 2014, Table 2" in text and "Wilson 95 %" in text
    # The project's README shows the first table only.
    assert "Ablation" in text and "Ablation" not in (root / "README.md").read_text()
    changed = json.loads((root / "results" / "tiny.json").read_text())
    changed[0]["value"] = 0.83
    (root / "results" / "tiny.json").write_text(json.dumps(changed))
    assert main(["--root", str(root), "--check"]) == 1


def test_synthetic_and_real_results_never_share_a_table(root):
    found = recipes.load(root / "recipes" / "tiny")
    records = read_records(root / "results" / "tiny.json")
    parts = block(found, records, "results/tiny.json").split("**Against the paper**")[1:]
    assert len(parts) == 2
    assert "| mr |" in parts[0] and "| sample |" not in parts[0]
    assert "| sample |" in parts[1] and "| mr |" not in parts[1].split("Ablation")[0]
    assert "synthetic data" in parts[1] and "synthetic data" not in parts[0]


def test_without_tables_or_results(own_project):
    found = recipes.load(own_project / "recipes" / "tiny")
    assert "make reproduce" in block(found, [], "results/tiny.json")
    (own_project / "tiny.json").write_text(json.dumps(RECORDS))
    text = block(found, read_records(own_project / "tiny.json"), "results/tiny.json")
    assert "| mr | 81.2 (80.2–82.2) | 77.8 (76.8–78.8) | 79.0 (78.0–80.0) | 76.1 |" in text


def test_two_results_for_one_place_are_refused_until_a_preset_is_chosen(root):
    twice = [*RECORDS, record("mr", "ours", 0.5, preset="real")]
    (root / "results" / "tiny.json").write_text(json.dumps(twice))
    records = read_records(root / "results" / "tiny.json")
    found = recipes.load(root / "recipes" / "tiny")
    with pytest.raises(ResultsError, match="two records of accuracy of ours on mr .presets full"):
        block(found, records, "results/tiny.json")
    for table in found[0].tables:
        table.presets = ["full"]
    assert "81.2" in block(found, records, "results/tiny.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "not readable as JSON"), ("{}", "the whole file"), ('[{"data": "mr"}]', "variant")],
)
def test_a_broken_results_file_is_named(tmp_path, content, words):
    (tmp_path / "tiny.json").write_text(content)
    with pytest.raises(ResultsError, match=words) as error:
        read_records(tmp_path / "tiny.json")
    assert "tiny.json" in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [("<!-- results:begin tiny -->\n", "1 results:begin but 0"),
     ("<!-- results:begin toni -->\n<!-- results:end -->", "toni, which is no recipe"),
     ("<!-- results:end -->\n<!-- results:begin tiny -->", "pair the markers"),
     ("<!-- results:begin tiny -->\n<!-- results:begin tiny -->\n<!-- results:end -->"
      "<!-- results:end -->", "pair the markers")],
)  # fmt: skip
def test_broken_markers_are_refused(tmp_path, text, words):
    with pytest.raises(ResultsError, match=words):
        rewrite(text, {"tiny": "new\n"}, tmp_path / "README.md")


def test_a_readme_without_its_block_is_told(root, capsys):
    (root / "README.md").write_text("# Project\n")
    assert main(["--root", str(root)]) == 1
    assert "<!-- results:begin tiny -->" in capsys.readouterr().err


def test_many_seeds_are_counted_and_a_p_value_stands_with_its_number():
    row = Record(**record("mr", "ours", 0.036, low=0.02, high=0.05, seeds=list(range(0, 700, 100)),
                          interval="McNemar, p = 0.004"))
    assert compact(row, "percent") == "3.6 (2.0–5.0), p = 0.004"
    assert seeds([row]) == "7 from 0 to 600"
    assert "p = 0.004" not in footer([row], [], "results.json")
