"""Labelled sentences in memory: their arrays, their card, and what repeats among them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from common.card import DataCard
from common.validation import Report

PARTS = ("cv", "train", "validation", "test")


@dataclass(frozen=True)
class TextData:
    """Labelled sentences. All arrays have one entry per row.

    Attributes:
        name: "sample", the catalogue's name, or the file's name.
        synthetic: True where no human wrote the texts.
        classes: class names; label i means `classes[i]`.
        texts: object array of str.
        labels: int32.
        split: str, "cv" (to be folded), "train", "validation" or "test".
        is_phrase: bool; phrases (of SST) serve for training only.
        report: what was guessed, mended, dropped or found suspicious.
        licence, citation: of the data.
        fingerprint: sha256 of the content.
        bayes_accuracy: the best accuracy possible, where it is known.
    """

    name: str
    synthetic: bool
    classes: list[str]
    texts: np.ndarray
    labels: np.ndarray
    split: np.ndarray
    is_phrase: np.ndarray
    report: Report
    licence: str
    citation: str
    fingerprint: str
    bayes_accuracy: float | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def groups(self) -> np.ndarray:
        """Rows that belong together, int [rows]: equal texts, and phrases with their sentence.

        A phrase goes with the first training sentence that it stands in. What is estimated on one
        part of the training rows for another must not see a sentence's phrases beside it.
        """
        normalised = keys(self.texts)
        group = pd.factorize(normalised)[0]
        if not self.is_phrase.any():
            return group
        holders: dict[str, list[int]] = {}
        for row in np.flatnonzero(~self.is_phrase & (self.split == "train")):
            for word in set(normalised[row].split()):
                holders.setdefault(word, []).append(row)
        whole = set(group[~self.is_phrase])
        for row in np.flatnonzero(self.is_phrase):
            if group[row] in whole:  # a phrase that is a whole sentence
                continue
            words = normalised[row].split()
            rarest = min((holders.get(word, []) for word in words), key=len, default=[])
            inside = (r for r in rarest if f" {normalised[row]} " in f" {normalised[r]} ")
            found = next(inside, None)
            if found is not None:
                group[row] = group[found]
        return group

    def card(self) -> DataCard:
        """Count classes, words, duplicates and leakage; phrases are counted apart."""
        sentences = ~self.is_phrase
        parts = [part for part in PARTS if part in self.split]
        split, labels = self.split[sentences], self.labels[sentences]
        texts = self.texts[sentences]
        table = pd.crosstab(pd.Categorical(labels, range(len(self.classes))), split, dropna=False)
        table = table.reindex(columns=parts, fill_value=0)
        table.index, table.columns = pd.Index(self.classes, name="class"), parts
        words = np.array([len(text.split()) for text in texts])
        facts = {
            "rows": f"{len(texts):,}",
            "words a row": f"mean {words.mean():.1f}, at most {words.max()} (split at blanks)",
        }
        if self.is_phrase.any():
            facts["phrases, training only"] = f"{self.is_phrase.sum():,}"
        for kind, values in (("exact", texts), ("but for case and spaces", keys(texts))):
            facts[f"repeated texts, {kind}"] = f"{pd.Series(values).duplicated().sum():,}"
            if "test" in parts:
                train = set(values[split == "train"])
                for part in [part for part in parts if part != "train"]:
                    leaked = sum(key in train for key in values[split == part])
                    facts[f"{part} texts also in train, {kind}"] = f"{leaked:,}"
        if self.bayes_accuracy is not None:
            facts["best possible accuracy"] = f"{self.bayes_accuracy:.1%}"
        facts["licence"] = self.licence
        if self.citation:
            facts["cite"] = self.citation
        facts["sha256"] = self.fingerprint
        return DataCard(self.name + (" (synthetic)" if self.synthetic else ""), table, facts)


def assemble(texts: Sequence[str], labels, split, report: Report, **fields) -> TextData:
    """Make arrays of lists and add the fingerprint; `fields` are those of TextData."""
    fields.setdefault("is_phrase", np.zeros(len(texts), bool))
    array = np.empty(len(texts), object)
    array[:] = texts
    data = TextData(
        texts=array,
        labels=np.asarray(labels, np.int32),
        split=np.asarray(split, "U10"),
        report=report,
        fingerprint="",
        **fields,
    )
    return replace(data, fingerprint=fingerprint(data))


def fingerprint(data: TextData) -> str:
    """sha256 over class names, texts, labels and parts."""
    digest = hashlib.sha256(json.dumps(data.classes).encode())
    columns = (data.texts, data.labels.tolist(), data.split.tolist(), data.is_phrase.tolist())
    for row in zip(*columns, strict=True):
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()


def keys(texts: np.ndarray) -> np.ndarray:
    """Texts made equal that differ only in case and spaces."""
    made_equal = np.empty(len(texts), object)
    made_equal[:] = [" ".join(text.casefold().split()) for text in texts]
    return made_equal


def report_repeats(data: TextData, lines: np.ndarray, file: str) -> None:
    """Report sentences that repeat, contradict each other, or stand in two parts."""
    normalised = keys(data.texts)
    first: dict[str, int] = {}
    in_train: dict[str, int] = {}
    for row in np.flatnonzero(~data.is_phrase):
        if data.split[row] == "train" and normalised[row]:
            in_train.setdefault(normalised[row], row)
    for row in np.flatnonzero(~data.is_phrase):
        if not normalised[row]:
            continue
        earlier = first.setdefault(normalised[row], row)
        if earlier != row:
            same = "the same text" if data.texts[row] == data.texts[earlier] else "nearly the text"
            names = [data.classes[data.labels[i]] for i in (row, earlier)]
            kind, more = "duplicate text", ""
            if names[0] != names[1]:
                kind, more = "conflicting labels", f", {names[0]!r} here and {names[1]!r} there"
            message = f"{same} as line {lines[earlier]}{more}"
            data.report.add(kind, message, file=file, row=int(lines[row]), action="kept")
        if data.split[row] in ("validation", "test") and normalised[row] in in_train:
            message = f"{data.split[row]} text that also stands in train, line "
            message += str(lines[in_train[normalised[row]]])
            data.report.add("leakage", message, file=file, row=int(lines[row]), action="kept")
