"""Turn the published sentence sets into CSV files: UTF-8, columns text, label, split[, level].

Each public function is named by a `prepare:` line of the catalogue and is called by
`common.datasets.load` with the original files {name: path} and an empty folder to write in.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.download import DatasetError

Row = tuple[str, ...]
TREE_TOKEN = re.compile(r"[()]|[^\s()]+")
BINARY = {"0": "0", "1": "0", "3": "1", "4": "1"}  # SST-2 leaves the neutral class 2 out


def prepare_mr(originals: dict[str, Path], folder: Path) -> None:
    """Write mr.csv: 10,662 movie-review sentences, 0 negative, 1 positive."""
    _write(folder / "mr.csv", _labelled_lines(originals["rt-polarity.all"], "cv"))


def prepare_subj(originals: dict[str, Path], folder: Path) -> None:
    """Write subj.csv: 10,000 sentences, 0 subjective, 1 objective."""
    _write(folder / "subj.csv", _labelled_lines(originals["subj.all"], "cv"))


def prepare_cr(originals: dict[str, Path], folder: Path) -> None:
    """Write cr.csv: 3,775 customer-review sentences, 0 negative, 1 positive."""
    _write(folder / "cr.csv", _labelled_lines(originals["custrev.all"], "cv"))


def prepare_trec(originals: dict[str, Path], folder: Path) -> None:
    """Write trec.csv: 5,452 training and 500 test questions of six classes."""
    rows = [
        *_labelled_lines(originals["TREC.train.all"], "train"),
        *_labelled_lines(originals["TREC.test.all"], "test"),
    ]
    _write(folder / "trec.csv", rows)


def prepare_sst1(originals: dict[str, Path], folder: Path) -> None:
    """Write sst1.csv: 11,855 sentences and 150,740 training phrases of five classes."""
    _write(folder / "sst1.csv", _treebank(originals), level=True)


def prepare_sst2(originals: dict[str, Path], folder: Path) -> None:
    """Write sst2.csv: SST-1 without its neutral class, 0 negative, 1 positive."""
    rows = (
        (text, BINARY[label], *rest)
        for text, label, *rest in _treebank(originals)
        if label in BINARY
    )
    _write(folder / "sst2.csv", rows, level=True)


def _labelled_lines(path: Path, split: str) -> Iterator[Row]:
    """Yield (text, label, split) from lines of the form ``<label> <text>``."""
    # Split at "\n" only: splitlines() would also split at characters inside a sentence.
    lines = path.read_bytes().decode("cp1252").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        label, space, text = line.partition(" ")
        if not (label.isdigit() and space):
            raise DatasetError(f"{path}, row {number}: no label before the text: {line[:40]!r}")
        yield text.strip(), label, split


def _treebank(originals: dict[str, Path]) -> Iterator[Row]:
    """Yield (text, label, split, level): all sentences, then the phrases of the training trees."""
    trees = {
        split: originals[f"trees_{split}.txt"].read_text("utf-8").removesuffix("\n").split("\n")
        for split in ("train", "dev", "test")
    }
    development = len(trees["dev"])
    if trees["train"][-development:] == trees["dev"]:  # the source's train.txt ends with dev
        del trees["train"][-development:]

    phrases: list[tuple[str, str]] = []
    sentences = set()
    for split, lines in trees.items():
        for line in lines:
            *inner, (text, label) = parse_tree(line)
            yield text, label, split, "sentence"
            if split == "train":
                sentences.add(text)
                phrases += inner
    seen = sentences
    for text, label in phrases:
        if text not in seen:
            seen.add(text)
            yield text, label, "train", "phrase"


def parse_tree(line: str) -> list[tuple[str, str]]:
    """Return (text, label) of every node of a bracketed tree, children before their parent.

    The last one is the whole sentence. The escapes ``\\/`` and ``\\*`` become ``/`` and ``*``.
    Raises DatasetError if the brackets do not match.
    """
    nodes: list[tuple[str, str]] = []
    open_nodes: list[tuple[str, list[str]]] = []  # label and words so far
    tokens = iter(TREE_TOKEN.findall(line))
    try:
        for token in tokens:
            if token == "(":
                open_nodes.append((next(tokens), []))
            elif token == ")":
                label, words = open_nodes.pop()
                nodes.append((" ".join(words), label))
                if open_nodes:
                    open_nodes[-1][1].extend(words)
            else:
                open_nodes[-1][1].append(token.replace("\\/", "/").replace("\\*", "*"))
    except (IndexError, StopIteration):
        open_nodes.append(("", []))
    if open_nodes or not nodes:
        raise DatasetError(f"not a tree with matching brackets: {line[:60]!r}")
    return nodes


def _write(path: Path, rows: Iterable[Row], level: bool = False) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label", "split"] + ["level"] * level)
        writer.writerows(rows)
