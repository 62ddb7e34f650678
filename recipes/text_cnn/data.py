"""The three doors to labelled sentences: the sample, a published set by name, a user's own file.

`load` turns any of them into one `TextData`, `TextData.card` shows what it holds, and `folds`
deals its rows to training, validation and test. Nothing after this module knows which door it was.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from common import datasets
from common.validation import DataError, Report
from recipes.text_cnn import reader
from recipes.text_cnn.textdata import TextData, assemble, fingerprint, keys, report_repeats

__all__ = ["Fold", "TextData", "folds", "load"]

HELD_OUT = 0.1  # share of a user's rows for test, and again for validation


@dataclass(frozen=True)
class Fold:
    """One division of the rows; the arrays hold row numbers, int64 and ascending.

    Attributes:
        number: from 0.
        train, validation, test: no row is in two of them; phrases are in train only.
        repeated: test rows whose text, case and spaces aside, also stands in train.
    """

    number: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    repeated: int


def load(
    data: str | os.PathLike,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    strict: bool = False,
    limit: int | None = None,
    seed: int = 0,
) -> TextData:
    """Load labelled sentences.

    Args:
        data: "sample" (made here, synthetic), the name of a published set, or the path of a CSV,
            TSV or JSON-lines file.
        text_column, label_column, split_column: columns of a user's file; None guesses them.
        strict: refuse a user's file if anything is reported of it but the guess of its columns,
            instead of dropping bad rows and going on.
        limit: keep about this many rows, the same share of every class and part.
        seed: of the sample, of a user's split and of the rows that `limit` keeps.

    Returns:
        TextData. A user's file without a split column is split 80/10/10 by class, and texts that
        are equal but for case and spaces stay on one side.

    Raises:
        DataError: the word is no door, or the file cannot be used.
        DatasetError: a published set cannot be had.
        ValueError: `limit` is out of range.
    """
    published = [n for n in datasets.names() if datasets.entry(n).task == "text classification"]
    if isinstance(data, str) and data == "sample":
        found = _sample(seed)
    elif isinstance(data, str) and data in published:
        found = _published(data)
    elif isinstance(data, str) and not _is_path(data):
        near = get_close_matches(data.lower(), ["sample", *published], n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"DATA={data!r} is no data set and no file.{hint} The three doors: 'sample' "
            f"(synthetic, no network); a published set ({', '.join(published)}); the path of your "
            "own .csv, .tsv or .jsonl file."
        )
    else:
        path = Path(data).expanduser()
        found = _own_file(path, text_column, label_column, split_column, seed)
        # A guess that was right is no fault of the file.
        found.report.raise_if_strict(
            strict and bool(set(found.report.counts) - {"columns guessed"})
        )
    return found if limit is None else _limited(found, limit, seed)


def folds(
    data: TextData, *, folds: int = 10, seed: int = 0, validation_fraction: float = 0.1
) -> Iterator[Fold]:
    """Deal the rows to training, validation and test.

    Where the data has its own test part there is one fold. Else the rows are folded as in Kim
    2014, section 3: `folds` parts of equal class shares, each of them the test part once. Without
    an own validation part, `validation_fraction` of the training rows of each class is held out.

    Args:
        data: from `load`.
        folds: 1 gives the first of ten folds; 2 or more give all of them.
        seed: of the folds and of the validation part.
        validation_fraction: 0 <= validation_fraction <= 0.5.

    Raises:
        DataError: a class has fewer rows than there are folds.
        ValueError: `folds` or `validation_fraction` is out of range.
    """
    if folds < 1:
        raise ValueError(f"folds={folds} must be 1 (the first of ten) or more.")
    if not 0 <= validation_fraction <= 0.5:
        raise ValueError(f"validation_fraction={validation_fraction} must be from 0 to 0.5.")
    normalised = keys(data.texts)
    rest, validation = np.flatnonzero(data.split == "train"), data.split == "validation"
    if (data.split == "test").any():
        dealt = [(rest, np.flatnonzero(data.split == "test"))]
    else:
        rows = np.flatnonzero(data.split == "cv")
        parts = 10 if folds == 1 else folds
        _check_class_sizes(data, rows, parts)
        splitter = StratifiedKFold(parts, shuffle=True, random_state=seed)
        dealt = [(rows[a], rows[b]) for a, b in splitter.split(rows, data.labels[rows])][:folds]
    for number, (train, test) in enumerate(dealt):
        held_out = np.flatnonzero(validation)
        if not len(held_out) and validation_fraction:
            if data.is_phrase[train].any():
                # A phrase may come from a sentence that is held out.
                raise DataError(f"{data.name}: phrases need a validation part of their own.")
            chosen = _share(data.labels[train], validation_fraction, seed + number)
            held_out, train = train[chosen], np.delete(train, chosen)
        seen = set(normalised[train])
        repeated = sum(key in seen for key in normalised[test])
        yield Fold(number, train, held_out, test, repeated)


def _is_path(data: str) -> bool:
    return bool(data.strip()) and (
        Path(data).suffix != "" or os.sep in data or "/" in data or Path(data).exists()
    )


def _sample(seed: int) -> TextData:
    from data_scripts.sample_text_cnn import CLASSES, generate

    frame = generate(seed=seed)
    return assemble(
        name="sample",
        synthetic=True,
        classes=list(CLASSES),
        texts=frame["text"].to_list(),
        labels=[CLASSES.index(label) for label in frame["label"]],
        split=frame["split"].to_list(),
        report=Report(f"synthetic reviews, seed {seed}"),
        licence="none needed: synthetic texts, written by data_scripts/sample_text_cnn.py",
        citation="",
        bayes_accuracy=frame.attrs["bayes_accuracy"],
    )


def _published(name: str) -> TextData:
    entry = datasets.entry(name)
    path = datasets.load(name) / f"{name}.csv"
    # CR holds four empty texts; without keep_default_na they would become numbers (NaN), and so
    # would a sentence such as "null".
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    report = Report(f"{name} ({entry.title})")
    level = frame["level"] if "level" in frame else pd.Series("sentence", index=frame.index)
    data = assemble(
        name=name,
        synthetic=False,
        classes=list(entry.counts.class_names),
        texts=frame["text"].to_list(),
        labels=frame["label"].astype(int).to_list(),
        split=[reader.SPLITS[part] for part in frame["split"]],
        is_phrase=(level == "phrase").to_numpy(),
        report=report,
        licence=entry.licence,
        citation=entry.citation.strip(),
    )
    lines = np.arange(len(frame)) + 2
    for row in np.flatnonzero(data.texts == ""):
        message = "the text is empty, as published"
        report.add("empty text", message, file=path.name, row=int(lines[row]), action="kept")
    report_repeats(data, lines, path.name)
    return data


def _own_file(path: Path, text: str | None, label: str | None, split: str | None, seed: int):
    report = Report(str(path))
    rows = reader.read(path, report, text, label, split)
    numeric = all(re.fullmatch(r"-?\d{1,18}", name) for name in set(rows.labels))
    classes = sorted(set(rows.labels), key=int if numeric else lambda name: (name.casefold(), name))
    number = {name: i for i, name in enumerate(classes)}
    labels = np.array([number[name] for name in rows.labels])
    parts = rows.splits or _split(path, np.array(rows.texts, object), labels, seed)
    data = assemble(
        name=path.name,
        synthetic=False,
        classes=classes,
        texts=rows.texts,
        labels=labels,
        split=parts,
        report=report,
        licence="not stated: the user's own file",
        citation="",
    )
    report_repeats(data, np.array(rows.lines), str(path))
    return data


def _share(strata: np.ndarray, fraction: float, seed: int, each: bool = False) -> np.ndarray:
    """Ascending places of about `fraction` of the rows, the same share of every stratum.

    With `each`, every stratum gives at least one row; else one with few rows may give none.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(strata))
    shuffled = pd.Series(strata[order])
    groups = shuffled.groupby(shuffled)
    rank = groups.cumcount() + (0.0 if each else 0.5)
    place = (rank / groups.transform("size")).to_numpy()
    chosen = np.argsort(place, kind="stable")[: round(fraction * len(strata))]
    return np.sort(order[chosen])


def _split(path: Path, texts: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """80/10/10 by class; equal texts move together, by the class of the first of them."""
    group = pd.factorize(keys(texts))[0]
    first = np.unique(group, return_index=True)[1]
    if len(first) < 2 / HELD_OUT:
        raise DataError(
            f"{path} has {len(first)} different texts, too few to hold some out; give at least "
            f"{round(2 / HELD_OUT)}."
        )
    parts = np.full(len(first), "train", "U10")
    rest = np.arange(len(first))
    for name, fraction in (("test", HELD_OUT), ("validation", HELD_OUT / (1 - HELD_OUT))):
        chosen = _share(labels[first[rest]], fraction, seed)
        parts[rest[chosen]] = name
        rest = np.delete(rest, chosen)
    parts = parts[group]
    # A class whose texts all repeat those of another class may have been dealt away with them.
    missing = np.setdiff1d(labels, labels[parts == "train"])
    parts[np.isin(group, group[np.isin(labels, missing)])] = "train"
    return parts


def _limited(data: TextData, limit: int, seed: int) -> TextData:
    strata = np.char.add(data.split, np.char.add("/", data.labels.astype("U")))
    sentences = np.flatnonzero(~data.is_phrase)
    kinds = len(np.unique(strata[sentences]))
    if limit < kinds:
        raise ValueError(
            f"limit={limit} is too small: {data.name} has {kinds} combinations of class and part, "
            "and each must keep a row."
        )
    if limit >= len(sentences):
        return data
    fraction = limit / len(sentences)
    kept = [sentences[_share(strata[sentences], fraction, seed, each=True)]]
    phrases = np.flatnonzero(data.is_phrase)
    if len(phrases):
        kept.append(phrases[_share(strata[phrases], fraction, seed, each=True)])
    rows = np.sort(np.concatenate(kept))
    arrays = {name: getattr(data, name)[rows] for name in ("texts", "labels", "split", "is_phrase")}
    part = replace(data, **arrays)
    return replace(part, fingerprint=fingerprint(part))


def _check_class_sizes(data: TextData, rows: np.ndarray, parts: int) -> None:
    counts = np.bincount(data.labels[rows], minlength=len(data.classes))
    small = int(counts.argmin())
    if counts[small] < parts:
        raise DataError(
            f"{data.name}: class {data.classes[small]!r} has {counts[small]} rows, fewer than the "
            f"{parts} folds. Merge it with another class, add rows, raise the limit if there "
            "is one, or ask for fewer folds."
        )
