"""The three doors to recordings with transcripts: the sample, published sets, the user's own.

`load` turns any of them into one `Corpus` after every file was heard; nothing after this module
knows which door it was.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from common import datasets, doors, files
from common.card import DataCard
from common.download import sha256_of
from common.history import duration
from common.validation import DataError, Report
from recipes.speech import audio, layouts, strings
from recipes.speech.alphabet import BYTES, Alphabet, digits_in, normalised
from recipes.speech.parts import PARTS, first_look, limited, set_apart

PUBLISHED = ("an4", "fsdd")
TO_HEAR = "ljspeech_24"  # a published set that is too small to learn from
AND = " + "  # between sets that are learned from together
LEFT_OUT = "theo"  # of the Free Spoken Digits' speakers
LONGEST = 60.0  # seconds of an utterance: a batch of one must fit into memory
FRAME = 0.04  # seconds of a frame of what the network says, see `model`


@dataclass(frozen=True)
class Corpus:
    """Recordings that can be learned from.

    Attributes:
        name: the catalogue's name, or the name of the user's folder or file.
        synthetic: True where they were spoken by a synthesizer.
        rows: a row an utterance: "path", "begin", "end" (seconds, nan: the whole file),
            "transcript" (normalised), "speaker", "split" (one of `PARTS`), "seconds", "sha256",
            "lent" (of another set: its voices are learned from, its words are not counted).
        alphabet: what transcripts are written in.
        report: what was dropped and remarked.
        licence, citation: of the recordings.
    """

    name: str
    synthetic: bool
    rows: pd.DataFrame = field(repr=False)
    alphabet: Alphabet
    report: Report = field(repr=False)
    licence: str = ""
    citation: str = ""

    def part(self, split: str) -> pd.DataFrame:
        """The rows of one of `PARTS`."""
        return self.rows[self.rows["split"] == split].reset_index(drop=True)

    def own(self, split: str) -> pd.DataFrame:
        """Those of them that no other set has lent."""
        rows = self.part(split)
        return rows[~rows["lent"]].reset_index(drop=True)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def fingerprint(self) -> str:
        """sha256 over every recording's bytes, segment, transcript and part."""
        lines = [f"{row.sha256} {row.begin} {row.end} {row.transcript} {row.split}"
                 for row in self.rows.itertuples()]  # fmt: skip
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def card(self) -> DataCard:
        """Utterances, minutes and words of each part, speakers, and terms."""
        table = {}
        for split in PARTS:
            rows = self.part(split)
            if rows.empty:
                continue
            words = int(rows["transcript"].str.split().str.len().sum())
            table[split] = {"utterances": len(rows), "minutes": rows["seconds"].sum() / 60,
                            "words": words}  # fmt: skip
            if self.rows["lent"].any():
                table[split]["of other sets"] = int(rows["lent"].sum())
        letters = self.alphabet.letters or "the bytes of UTF-8"
        types = {word for text in self.rows["transcript"] for word in text.split()}
        told = self.rows.loc[self.rows["speaker"] != "", "speaker"].nunique()
        facts = {"speakers": f"{told:,}" if told else "not known", "word types": f"{len(types):,}",
                 "alphabet": letters.replace(" ", "␣"), "licence": self.licence}  # fmt: skip
        if self.citation:
            facts["cite"] = self.citation
        title = self.name + (" (synthetic, spoken by a synthesizer)" if self.synthetic else "")
        return DataCard(title, pd.DataFrame.from_dict(table, orient="index").round(1), facts)


def load(data: str | os.PathLike, *, columns: dict[str, str] | None = None,
         alphabet: str | None = None, speaker: str = LEFT_OUT, strict: bool = False,
         limit: int | None = None, seed: int = 0,
         log: Callable[[str], None] | None = print) -> Corpus:  # fmt: skip
    """Recordings through one of the doors.

    Args:
        data: "sample" (a synthesizer's voices), a published set's name (of "fsdd" digits are
            joined to strings, see `strings`), or a path, see `layouts.read`. Several with " + "
            between them: the first is judged, the others lend it voices, see `lent`.
        columns: see `layouts.read`.
        alphabet: letters to write in, "bytes" for those of UTF-8, None for what is learned.
        speaker: of "fsdd", who is left out to be tested with.
        strict: refuse the user's data if anything in it must be dropped.
        limit: keep about so many utterances of each set, the same share of every part.
        seed: of the division of data without parts, and of what `limit` keeps.
        log: receives how far the check is.

    Raises:
        DataError: the word is no door, or the data cannot be used.
        DatasetError: a published set cannot be had.
    """
    first, *others = several(data)
    if others:
        wish = dict(columns=columns, alphabet=alphabet, speaker=speaker, strict=strict, limit=limit,
                    seed=seed, log=log)  # fmt: skip
        return lent(load(first, **wish), [load(other, **wish) for other in others], alphabet)
    source, name, licence, citation = opened(data)
    listed = layouts.read(source, columns)
    if data == "fsdd":
        listed = layouts.read(strings.joined(listed.rows, speaker))
    letters = "" if alphabet == BYTES else alphabet
    rows, found = spelled(listed.rows, listed.report, letters)
    rows = heard(first_look(rows, limit, seed), listed.report, found, log)
    rows = once(rows, listed.report)
    if rows.empty:
        raise DataError(f"{name}: no utterance can be used. {listed.report.summary()}")
    rows = rows.assign(split=rows["split"].replace("", "train"))
    for part in ("test", "validation"):
        if not (rows["split"] == part).any():
            rows = set_apart(rows, part, name, seed)
    if not (rows["split"] == "train").any():
        raise DataError(f"{name} has nothing to learn from: every utterance is in another part.")
    parts = rows[rows["speaker"] != ""].groupby("speaker")["split"].nunique()
    if (shared := parts[parts > 1].index.tolist()):
        told = ", ".join(map(repr, shared[:3])) + (" and others" if len(shared) > 3 else "")
        listed.report.add("voice in several parts", f"{told}: errors on new voices will be more",
                          file=source, action="kept")  # fmt: skip
    own = data not in ("sample", *PUBLISHED)
    listed.report.raise_if_strict(own and strict and listed.report.dropped > 0)
    rows = limited(rows.assign(lent=False), limit, seed)
    return Corpus(name, data == "sample", rows, found, listed.report, licence, citation)


def several(data: str | os.PathLike) -> list[str | os.PathLike]:
    """The doors that DATA names; a path that is there is one, whatever its name.

    Raises:
        DataError: nothing stands beside a plus.
    """
    if "+" not in str(data) or Path(data).expanduser().exists():
        return [data]
    names = [each.strip() for each in str(data).split("+")]
    if not all(names):
        raise DataError(f"DATA={str(data)!r}: before and after each + stands a set or a path.")
    return names


def lent(corpus: Corpus, others: list[Corpus], alphabet: str | None = None) -> Corpus:
    """A corpus that also learns from what others learn from and are validated with.

    Their test parts stay aside, and its own validation and test parts are what they were, but for
    recordings that another set has with other words: of such none is left, see `once`.

    Args:
        alphabet: as `load` takes it; None learns one of all transcripts.
    """
    parts, report = [corpus.rows], corpus.report
    for other in others:
        rows = other.rows[other.rows["split"] != "test"]
        voices = [who and f"{who} ({other.name})" for who in rows["speaker"]]
        parts.append(rows.assign(split="train", lent=True, speaker=voices))
        report.take(other.report)
    rows = once(pd.concat(parts, ignore_index=True), report)
    letters = corpus.alphabet if alphabet else Alphabet.of_letters(
        each.alphabet.letters for each in (corpus, *others))
    told = {each.name: each for each in (corpus, *others)}
    spoken = any(each.synthetic for each in told.values())
    return replace(
        corpus, rows=rows, alphabet=letters, synthetic=spoken,
        licence="; ".join(f"{name}: {each.licence}" for name, each in told.items()),
        citation=" ".join(each.citation for each in told.values() if each.citation),
    )  # fmt: skip


def strangers(data: str | os.PathLike, *, columns: dict[str, str] | None = None,
              log: Callable[[str], None] | None = print) -> Corpus:  # fmt: skip
    """Recordings of another kind than those learned from: all of them are its test part.

    Args:
        data: as `load` takes it, or "ljspeech_24". columns, log: see `load`.
    """
    source, name, licence, citation = opened(data, "STRANGERS", (*PUBLISHED, TO_HEAR))
    listed = layouts.read(source, columns)
    rows, alphabet = spelled(listed.rows, listed.report)
    rows = heard(rows, listed.report, alphabet, log).assign(split="test", lent=False)
    if rows.empty:
        raise DataError(f"{name}: no utterance can be used. {listed.report.summary()}")
    name = name if data in (*PUBLISHED, TO_HEAR) else f"strangers: {name}"
    return Corpus(name, data == "sample", rows, alphabet, listed.report, licence, citation)


def opened(data: str | os.PathLike, parameter: str = "DATA",
           published: tuple[str, ...] = PUBLISHED) -> tuple[Path, str, str, str]:  # fmt: skip
    """Where a door leads: folder or file, name, licence, citation; raises as `load`."""
    if data == "sample":
        return sample(), "sample", "none needed: spoken by data_scripts/sample_speech.py", ""
    if data in published:
        entry = datasets.entry(data)
        return datasets.load(data), str(data), entry.licence, entry.citation.strip()
    source = doors.own_path(data, published, "a folder of x.wav with x.txt, a CSV with "
                            "wav_filename and transcript, or a set as it was published",
                            parameter)  # fmt: skip
    return source, source.resolve().name, "not stated: the user's own", ""


def sample() -> Path:
    """The sample's folder; spoken the first time."""
    from data_scripts import rooms, sample_speech, sentences, speak

    key = files.work_key([each.__file__ for each in (rooms, sample_speech, sentences, speak)])
    folder = datasets.cache_folder() / "samples" / f"speech-{key}"
    if not folder.is_dir():
        with files.whole_folder(folder) as aside:
            sample_speech.write(aside)
    return folder


def spelled(rows: pd.DataFrame, report: Report, letters: str | None = None
            ) -> tuple[pd.DataFrame, Alphabet]:  # fmt: skip
    """Rows whose transcript can be written, normalised, and the alphabet.

    Args:
        letters: of the alphabet; "" for bytes, None to learn them.
    """
    texts = [normalised(text) for text in rows["transcript"]]
    problems: list[tuple[str, str] | None] = []
    for text in texts:
        problem = None
        if not text:
            problem = ("empty transcript", "has no word in its transcript")
        elif digits := digits_in(text):
            said = f"has {digits!r} in its transcript; write it as it is spoken"
            problem = ("digits", said)
        problems.append(problem)
    good = [text for text, problem in zip(texts, problems, strict=True) if not problem]
    if not good:
        raise DataError(f"{report.source}: no transcript can be used. Write words, as they are "
                        "spoken, without digits.")  # fmt: skip
    try:
        alphabet = Alphabet.learned(good) if letters is None else Alphabet(letters)
    except ValueError as error:
        raise DataError(f"{report.source}: {error}") from None
    for place, text in enumerate(texts):
        if not problems[place] and (unknown := alphabet.unknown(text)):
            said = f"has {''.join(unknown)!r} in its transcript, not of {alphabet.letters!r}"
            problems[place] = ("foreign letters", said)
    return _without(rows.assign(transcript=texts), problems, report), alphabet


def heard(rows: pd.DataFrame, report: Report, alphabet: Alphabet,
          log: Callable[[str], None] | None = None) -> pd.DataFrame:  # fmt: skip
    """Rows whose sound can be used, with "seconds" and "sha256"; every file is decoded once."""

    digest = cache(sha256_of)  # one file may hold thousands of utterances

    def one(row) -> tuple[float, str, tuple[str, str] | None, list[str]]:
        path = Path(row.path)
        try:
            sound = audio.read(path, begin=row.begin, end=row.end)
        except DataError as error:
            said = str(error).removeprefix(f"{path} ").removeprefix(f"{path}: ")
            kind = "missing file" if not path.exists() else "cannot be used"
            return 0.0, "", (kind, said), []
        needed = alphabet.frames_needed(row.transcript)
        if needed > sound.seconds / FRAME:
            said = f"lasts {sound.seconds:.2f} seconds, too few for {row.transcript[:40]!r}"
            return 0.0, "", ("too many letters", said), []
        if sound.seconds > LONGEST:
            said = (f"lasts {sound.seconds:.0f} seconds, more than {LONGEST:g}; cut it into "
                    "sentences, each with its transcript")  # fmt: skip
            return 0.0, "", ("too long", said), []
        return sound.seconds, digest(path), None, sound.notes

    seen, began, said = [], time.perf_counter(), 0.0
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:  # decoding leaves Python's lock
        for found in pool.map(one, rows.itertuples()):
            seen.append(found)
            spent = time.perf_counter() - began
            if log and spent - said > 5:
                said, left = spent, (len(rows) - len(seen)) * spent / len(seen)
                log(f"{len(seen):,} of {len(rows):,} recordings heard, {duration(left)} left")
    for row, (*_, notes) in zip(rows.itertuples(), seen, strict=True):
        for note in notes:
            report.add(note.partition(":")[0].partition(";")[0], note, file=row.path,
                       row=row.line or None, action="kept")  # fmt: skip
    rows = rows.assign(seconds=[each[0] for each in seen], sha256=[each[1] for each in seen])
    return _without(rows, [each[2] for each in seen], report)


def once(rows: pd.DataFrame, report: Report) -> pd.DataFrame:
    """Rows of which no two are the same part of the same bytes: none is learned and tested with.

    The one in the test part stays, or else the one in the validation part, or else the first. Those
    whose words differ all go.
    """
    rank = rows["split"].map({"test": 0, "validation": 1}).fillna(2)
    problems: list[tuple[str, str] | None] = [None] * len(rows)
    sounds = rows.groupby(["sha256", "begin", "end"], dropna=False).ngroup().to_numpy()
    for places in pd.Series(sounds).groupby(sounds).indices.values():
        first, *others = sorted(places, key=lambda place: (rank.iloc[place], place))
        kept = Path(rows["path"].iloc[first]).name
        if rows["transcript"].iloc[places].nunique() > 1:
            for place in places:
                said = f"is {len(places)} times there, with different transcripts"
                problems[place] = ("contradiction", said)
        else:
            for place in others:
                problems[place] = ("same recording twice", f"is the same sound as {kept}")
    return _without(rows, problems, report)


def _without(rows: pd.DataFrame, problems: list, report: Report) -> pd.DataFrame:
    """The rows without a problem; the others are reported as dropped."""
    for row, problem in zip(rows.itertuples(), problems, strict=True):
        if problem:
            report.add(problem[0], problem[1], file=row.path, row=row.line or None)
    good = np.array([not problem for problem in problems], bool)
    return rows[good].reset_index(drop=True)
