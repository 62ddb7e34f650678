"""Write measured results into the READMEs: `python -m ci.results_table [--check]`.

The text between `<!-- results:begin NAME -->` and `<!-- results:end -->` is made from
results/NAME.json and the `tables` in recipe.yaml of the recipe folder NAME. The project's README
gets the first table of each of its notebooks, the folder's own README all of them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ci import recipe as recipes
from ci.recipe import ROOT, Published, Recipe, Table, show
from ci.summary import with_interval
from common import files
from common.results import Metric

BLOCK = re.compile(
    r"(?P<begin><!-- results:begin (?P<name>\S+) -->\n?).*?(?P<end><!-- results:end -->)", re.S
)
MOST_SEEDS = 6  # more are counted, not listed
P_VALUE = re.compile(r", p = \S+$")  # at the end of an interval's description
NONE_YET = "*Not measured yet; `make reproduce` writes the results.*"


class ResultsError(ValueError):
    """A results file or README that no table can be made from; the message says the mend."""


class Record(Metric):
    """One measured number of results/<folder>.json, with where it comes from."""

    preset: str
    synthetic: bool
    seconds: float
    peak_memory_mb: float | None = None
    commit: str | None
    machine: dict[str, Any] | str
    date: str
    fingerprint: str | None = None


def read_records(path: Path) -> list[Record]:
    """The records of a results file, none where there is no file; ResultsError for a bad one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(list[Record]).validate_python(content)
    except FileNotFoundError:
        return []
    except ValidationError as error:
        first = error.errors()[0]
        place = " → ".join(map(str, first["loc"])) or "the whole file"
        raise ResultsError(f"{path}: record {place}: {first['msg']}") from None
    except ValueError as error:
        raise ResultsError(f"{path}: not readable as JSON: {error}") from None


def block(
    found: list[Recipe], records: list[Record], source: str, first_only: bool = False
) -> str:
    """The Markdown of the tables of one folder's recipes, ending in a line break.

    `first_only` takes the first table of each recipe. One recipe without `tables` gets one of all
    its numbers. Raises ResultsError where the records do not tell which table they belong in.
    """
    most = 1 if first_only else None
    tables = [(recipe, table) for recipe in found for table in recipe.tables[:most]]
    if records and not tables:
        if len(found) > 1:  # a record does not say which notebook it is of
            raise ResultsError(
                f"{source}: results of several notebooks, and no `tables:` in "
                f"{found[0].folder / 'recipe.yaml'} – mend: say there which variants each shows"
            )
        tables = [(found[0], everything(found[0], records))]
    parts = []
    for recipe, table in tables:
        # Results on data that we made ourselves must never be read beside real ones.
        for synthetic in (False, True):
            same = [r for r in records if r.synthetic is synthetic]
            part = one_table(recipe, table, same, source)
            if part:
                parts.append(part)
    return "\n\n".join(parts or [NONE_YET]) + "\n"


def everything(recipe: Recipe, records: list[Record]) -> Table:
    """The table of a recipe that describes none: every variant and published number."""
    variants = list(dict.fromkeys(r.variant for r in records))
    published = list(dict.fromkeys(p.of for p in recipe.published))
    return Table(title=recipe.title, variants=variants, published=published)


def choose(table: Table, metric: str, records: list[Record], source: str) -> dict:
    """The records that belong in a table, by (data, variant); ResultsError for two of one place."""
    cells: dict[tuple[str, str], Record] = {}
    for r in records:
        wanted = r.metric == metric and r.variant in table.variants
        wanted = wanted and (not table.data or r.data in table.data)
        if not wanted or (table.presets and r.preset not in table.presets):
            continue
        if (r.data, r.variant) in cells:
            presets = f"{cells[r.data, r.variant].preset} and {r.preset}"
            raise ResultsError(
                f"{source}: two records of {metric} of {r.variant} on {r.data} (presets {presets}) "
                f"– mend: give the table {table.title!r} a `presets:` list, or remove one"
            )
        cells[r.data, r.variant] = r
    return cells


def one_table(recipe: Recipe, table: Table, records: list[Record], source: str) -> str:
    """One table as Markdown, or nothing where no record belongs in it."""
    metric, unit = table.metric or recipe.headline, table.unit or recipe.unit
    cells = choose(table, metric, records, source)
    if not cells:
        return ""
    variants = [v for v in table.variants if any(v == other for _, other in cells)]
    measured = dict.fromkeys(d for d, _ in cells)
    sets = [d for d in table.data or measured if d in measured]
    papers = {
        (p.data, p.of): p
        for p in recipe.published
        if p.metric == metric and p.of in table.published and p.data in sets
    }
    columns = [of for of in table.published if any(of == other for _, other in papers)]
    head = ["data", *variants, *(f"{of} (published)" for of in columns), "n", "seeds"]
    lines = [head, [":--", *["--:"] * (len(head) - 1)]]
    for d in sets:
        row = [cells[d, v] for v in variants if (d, v) in cells]
        ours = [compact(cells.get((d, v)), unit) for v in variants]
        theirs = [show(papers[d, c].scaled, unit) if (d, c) in papers else "–" for c in columns]
        n = ", ".join(str(n) for n in sorted({r.n for r in row}))
        lines.append([d, *ours, *theirs, n, seeds(row)])
    what = metric.replace("_", " ") + (", %" if unit == "percent" else "")
    draws = {cell.interval.startswith("least and most") for cell in cells.values()}
    words = {False: "the 95 % interval", True: "the least and the most of the draws"}
    bracket = " or ".join(words[kind] for kind in sorted(draws))
    title = f"**{table.title}** ({what}; in brackets {bracket})"
    if next(iter(cells.values())).synthetic:
        title += " – **synthetic data, written by this project**"
    escaped = ([c.replace("|", "\\|") for c in line] for line in lines)
    body = "\n".join(f"| {' | '.join(line)} |" for line in escaped)
    end = footer(list(cells.values()), list(papers.values()), source)
    return f"{title}\n\n{body}\n\n<sub>{end}</sub>"


def compact(record: Record | None, unit: recipes.Unit) -> str:
    """`81.6 (80.9–82.3)`, a test's p-value after it, or a dash for what was not measured."""
    if not record:
        return "–"
    p = P_VALUE.search(record.interval)
    return with_interval(record.model_dump(), unit) + (p[0] if p else "")


def seeds(records: list[Record]) -> str:
    """The seeds of a row: `1–3`, one by one where they have gaps, or how many where many."""
    all_seeds = sorted({s for r in records for s in r.seeds})
    if len(all_seeds) > 2 and all_seeds == list(range(all_seeds[0], all_seeds[-1] + 1)):
        return f"{all_seeds[0]}–{all_seeds[-1]}"
    if len(all_seeds) > MOST_SEEDS:
        return f"{len(all_seeds)} from {all_seeds[0]} to {all_seeds[-1]}"
    return ", ".join(map(str, all_seeds))


def footer(records: list[Record], papers: list[Published], source: str) -> str:
    """Where the numbers come from: machine, commit, dates, minutes, kinds of interval, papers."""

    def several(values: list[str]) -> str:
        return ", ".join(dict.fromkeys(v for v in values if v))

    dates = sorted(r.date[:10] for r in records)
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    # Every record of a run carries the seconds of the whole run.
    runs = {(r.data, r.preset, r.date, r.seconds) for r in records}
    parts = [
        several([machine(r.machine) for r in records]),
        f"commit {several([r.commit or 'unknown' for r in records])}",
        when,
        f"{sum(run[-1] for run in runs) / 60:.0f} min in all",
    ]
    intervals = several([P_VALUE.sub("", r.interval) for r in records])
    quoted = several([f"{p.of}: {p.source}" for p in papers])
    text = " · ".join(filter(None, parts)) + "."
    text += f" Intervals: {intervals}." if intervals else ""
    text += f" Published: {quoted}." if quoted else ""
    return f"{text} Generated from `{source}`."


def machine(told: dict[str, Any] | str) -> str:
    """A machine in words."""
    if isinstance(told, str):
        return told
    parts = [str(told.get("cpu") or "unknown processor")]
    if told.get("cores"):
        parts.append(f"{told['cores']} cores")
    if told.get("memory_gb"):
        parts.append(f"{told['memory_gb']:.0f} GB")
    parts += [str(gpu) for gpu in told.get("gpus") or []]
    return ", ".join(parts)


def rewrite(text: str, blocks: dict[str, str], readme: Path) -> str:
    """`text` with every block of results made anew; ResultsError for a block that cannot be."""
    begins, ends = text.count("<!-- results:begin"), text.count("<!-- results:end -->")
    if begins != ends or begins != len(BLOCK.findall(text)):
        raise ResultsError(
            f"{readme}: {begins} results:begin but {ends} results:end – mend: pair the markers, "
            "`<!-- results:begin NAME -->` and `<!-- results:end -->`"
        )

    def make(match: re.Match) -> str:
        name = match["name"]
        if name not in blocks:
            raise ResultsError(f"{readme}: a results block names {name}, which is no recipe folder "
                               f"– mend: one of {', '.join(blocks)}")
        return f"<!-- results:begin {name} -->\n{blocks[name]}{match['end']}"

    return BLOCK.sub(make, text)


def update(root: Path = ROOT, check: bool = False) -> list[str]:
    """Rewrite (or only check) all READMEs; returns one line for each that differs or cannot be.

    Raises ResultsError or RecipeError where a table cannot be made.
    """
    short: dict[str, str] = {}
    whole: dict[str, str] = {}
    folders = recipes.folders(root)
    for folder in folders:
        found = recipes.load(folder)
        source = f"results/{folder.name}.json"
        records = read_records(root / source)
        short[folder.name] = block(found, records, source, first_only=True)
        whole[folder.name] = block(found, records, source)
    lines = []
    targets = [(root / "README.md", short, list(short))]
    targets += [(folder / "README.md", whole, [folder.name]) for folder in folders]
    for readme, blocks, expected in targets:
        try:
            text = readme.read_text(encoding="utf-8")
        except FileNotFoundError:
            lines.append(f"{readme}: missing – mend: write it")
            continue
        for name in expected:
            if f"<!-- results:begin {name} -->" not in text:
                lines.append(
                    f"{readme}: no results of {name} – mend: add the lines "
                    f"`<!-- results:begin {name} -->` and `<!-- results:end -->`"
                )
        new = rewrite(text, blocks, readme)
        if new == text:
            continue
        if check:
            lines.append(f"{readme}: results differ – mend: python -m ci.results_table")
        else:
            files.write_text(readme, new)
    return lines


def main(argv: list[str] | None = None) -> int:
    """Entry point; 0 where every README is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m ci.results_table", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if a table differs")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project")
    args = parser.parse_args(argv)
    try:
        lines = update(args.root.resolve(), args.check)
    except (ResultsError, recipes.RecipeError) as error:
        lines = [str(error)]
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
