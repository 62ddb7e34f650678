"""Recordings with their transcripts as published sets lay them out, and as people do, as one table.

* manifests: CSV with wav_filename, wav_filesize and transcript (Mozilla DeepSpeech's form; more
  columns are welcome, paths are from the manifest's own folder);
* AN4 as published: etc/an4_<part>.fileids and .transcription beside wav/;
* Free Spoken Digits: recordings/<digit>_<speaker>_<number>.wav, 0 to 4 to be tested with;
* LibriSpeech: <part>/<speaker>/<chapter>/ with <speaker>-<chapter>.trans.txt;
* Common Voice: <part>.tsv beside clips/;
* LJSpeech: metadata.csv beside wavs/;
* TED-LIUM: <part>/stm/*.stm beside <part>/sph/, or any .stm beside its recordings;
* a folder of x.wav with x.txt, also below train, dev and test.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from common.table import PART_NAMES, read_lines, read_table
from common.validation import DataError, Report
from common.vision.shelf import walked

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".caf",
            ".sph", ".nist", ".w64", ".rf64")  # fmt: skip
DIGITS = "zero one two three four five six seven eight nine".split()
# What a column may be called, most telling first.
GUESSES = {
    "path": ("wav_filename", "audio_filepath", "path", "audio", "file", "filename", "file_name",
             "wav"),
    "transcript": ("transcript", "sentence", "text", "transcription"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "split": ("split", "part", "set", "subset"), "snr": ("snr",),
}  # fmt: skip
COLUMNS = ["path", "transcript", "speaker", "split", "begin", "end", "line", "snr"]
WHOLE = float("nan")  # the begin and the end of a recording that is one utterance
_MARKS = re.compile(r"</?s>|\([^()]*\)\s*$")  # of AN4's sentences
_UNHEARD = re.compile(r"<[^<>]*>|\{[^{}]*\}|\(\d+\)")  # fillers of STM, and numbers of readings
_STM_LABEL = re.compile(r"^<[^<>]*>\s+")


@dataclass(frozen=True)
class Listed:
    """Recordings as a source lists them; none of them was opened yet.

    Attributes:
        source: folder or file.
        rows: "path"; "transcript" as written; "speaker" ("" unknown); "split" (train, validation,
            test, "" untold); "begin" and "end" in seconds (nan: the whole file); "line" in the
            table that names it (0: none); "snr" in decibels, if a manifest tells it.
        report: what could not be listed.
    """

    source: Path
    rows: pd.DataFrame = field(repr=False)
    report: Report = field(repr=False)


def read(path: str | os.PathLike, columns: dict[str, str] | None = None) -> Listed:
    """A data set's recordings.

    Args:
        path: a folder in one of the layouts, or a manifest.
        columns: names of a manifest's columns by the words of `GUESSES`; others are guessed.

    Raises:
        DataError: it is of no layout, a column is missing, or nothing is left.
    """
    source = Path(path).expanduser()
    report = Report(str(source))
    if source.is_file():
        reader = _stm if source.suffix.lower() == ".stm" else _manifest
        rows = list(reader(source, report, columns or {}))
    elif source.is_dir():
        rows = _of_folder(source, report, columns or {})
    else:
        raise DataError(f"{source} does not exist.")
    if not rows:
        raise DataError(f"{source} holds no recording with a transcript. {report.summary()} Give a "
                        "folder of x.wav with x.txt, a CSV with wav_filename and transcript, or a "
                        "set as it was published.")  # fmt: skip
    rows = [(*row, *[""] * (len(COLUMNS) - len(row))) for row in rows]
    return Listed(source, pd.DataFrame(rows, columns=COLUMNS), report)


def _of_folder(source: Path, report: Report, columns: dict[str, str]) -> list[tuple]:
    found = list(walked(source))
    at = {suffix: [each for each in found if each.name.lower().endswith(suffix)]
          for suffix in (".trans.txt", ".stm", ".fileids", ".tsv", ".csv")}  # fmt: skip
    layouts: list[tuple[Iterable[Path], Callable]] = [
        (at[".trans.txt"], _librispeech), (at[".stm"], _stm), (at[".fileids"], _an4),
        ([path for path in at[".tsv"] if (path.parent / "clips").is_dir()
          and path.stem in PART_NAMES], _common_voice),
        ([path for path in at[".csv"] if path.name == "metadata.csv"
          and (path.parent / "wavs").is_dir() and "|" in _header(path)], _ljspeech),
        ([path for path in at[".csv"] if _is_manifest(path, columns)], _manifest),
    ]  # fmt: skip
    for tables, reader in layouts:
        if rows := [row for table in tables for row in reader(table, report, columns)]:
            return rows
    sounds = [each for each in found if each.suffix.lower() in SUFFIXES]
    if rows := list(_spoken_digits(source, sounds)):
        return rows
    return list(_beside(source, sounds, report))


def _lines(path: Path, report: Report) -> list[str]:
    """Lines of one table among several; one that cannot be read is told, the others stay."""
    try:
        return read_lines(path, report)
    except DataError as error:
        report.add("table cannot be read", str(error), file=path)
        return []


def _header(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(4096).partition(b"\n")[0].decode("utf-8", "replace")


def _is_manifest(path: Path, columns: dict[str, str]) -> bool:
    cells = {cell.strip(' "\r\ufeff') for cell in re.split(r"[,;\t]", _header(path))}
    lower = {cell.lower() for cell in cells}
    return all(columns[word] in cells if columns.get(word) else bool(lower & set(GUESSES[word]))
               for word in ("path", "transcript"))  # fmt: skip


def _manifest(path: Path, report: Report, columns: dict[str, str]) -> Iterable[tuple]:
    table = read_table(path, report)
    places = {}
    for word, guesses in GUESSES.items():
        wanted = columns.get(word)
        if wanted and wanted not in table.columns:
            raise DataError(f"{path} has no column {wanted!r}; it has {', '.join(table.columns)}.")
        name = wanted or next((each for each in guesses if each in table.columns), None)
        if name is None and word in ("path", "transcript"):
            raise DataError(f"{path} has no column for the {word}; it has "
                            f"{', '.join(table.columns)}. Name it: COLUMNS = \"{word}: ...\".")
        places[word] = table.columns.index(name) if name else None
    own = _part_of(path.stem)
    for line, number, fields in table.records:
        told = {word: "" if place is None or fields[place] is None else str(fields[place]).strip()
                for word, place in places.items()}  # fmt: skip
        if not told["path"]:
            report.add("no file named", "the row names no recording", file=path, row=number)
            continue
        split = PART_NAMES.get(told["split"].lower(), "") or own
        if told["split"] and not split:
            said = f"{told['split']!r} is no part; taken for training"
            report.add("unknown part", said, file=path, row=number, action="kept")
        yield (str(path.parent / told["path"].replace("\\", "/")), told["transcript"],
               told["speaker"], split, WHOLE, WHOLE, line, told["snr"])  # fmt: skip


def _an4(path: Path, report: Report, _) -> Iterable[tuple]:
    """etc/<set>_<part>.fileids and .transcription, one line of each for a recording."""
    folder, spoken = path.parent.parent, path.with_suffix(".transcription")
    if not spoken.is_file():
        report.add("no transcripts", f"{spoken.name} is missing beside it", file=path)
        return
    texts = {}
    for number, text in enumerate(_lines(spoken, report), 1):
        if name := re.search(r"\(([^()]*)\)\s*$", text):
            texts[name[1]] = (" ".join(_MARKS.sub(" ", text).split()), number)
    for number, text in enumerate(_lines(path, report), 1):
        identity = text.strip()
        if not identity:
            continue
        said = texts.get(Path(identity).name)
        if said is None:
            report.add("no transcript", f"{identity} is not in {spoken.name}", file=path,
                       row=number)  # fmt: skip
            continue
        found = _sound(folder / "wav" / identity) or _sound(path.parent / Path(identity).name)
        yield (str(found or folder / "wav" / f"{identity}.wav"), said[0],
               Path(identity).parent.name, _part_of(path.stem), WHOLE, WHOLE, said[1])  # fmt: skip


def _librispeech(path: Path, report: Report, _) -> Iterable[tuple]:
    top = path.parent.parent.parent.name.lower()
    split = next((part for word, part in PART_NAMES.items() if top.startswith(f"{word}-")), "")
    for number, text in enumerate(_lines(path, report), 1):
        identity, _, said = text.strip().partition(" ")
        if identity:
            found = _sound(path.parent / identity) or path.parent / f"{identity}.flac"
            yield (str(found), said, identity.partition("-")[0], split, WHOLE, WHOLE, number)


def _common_voice(path: Path, report: Report, columns: dict[str, str]) -> Iterable[tuple]:
    for row in _manifest(path, report, columns):
        file = Path(row[0])
        yield (str(file.parent / "clips" / file.name), *row[1:])


def _ljspeech(path: Path, report: Report, _) -> Iterable[tuple]:
    """Lines of id|as written|with numbers spelled out, no header, quotes mean nothing."""
    for number, text in enumerate(_lines(path, report), 1):
        cells = text.split("|")
        if len(cells) < 2:
            report.add("no transcript", f"line {number} has no '|'", file=path, row=number)
            continue
        found = _sound(path.parent / "wavs" / cells[0]) or path.parent / "wavs" / f"{cells[0]}.wav"
        yield (str(found), cells[-1].strip(), "lj", "", WHOLE, WHOLE, number)


def _stm(path: Path, report: Report, _) -> Iterable[tuple]:
    """Lines of: recording channel speaker begin end <label> words (NIST's STM)."""
    part = _part_of(path.stem, path.parent.parent.name if path.parent.name == "stm" else "")
    for number, text in enumerate(_lines(path, report), 1):
        if not text.strip() or text.startswith(";;"):
            continue
        cells = text.split(None, 5)
        try:
            name, _, speaker, begin, end = cells[:5]
            begin, end = float(begin), float(end)
        except ValueError:
            report.add("no segment", f"line {number} is not: recording channel speaker begin end "
                       "words", file=path, row=number)  # fmt: skip
            continue
        said = _STM_LABEL.sub("", cells[5]) if len(cells) > 5 else ""
        if said.strip() == "ignore_time_segment_in_scoring":
            continue
        said = " ".join(_UNHEARD.sub(" ", said).split())
        near = (path.parent / name, path.parent.parent / "sph" / name)
        found = next((sound for each in near if (sound := _sound(each))), near[-1])
        yield (str(found), said, speaker, part, begin, end, number)


def _spoken_digits(source: Path, sounds: list[Path]) -> Iterable[tuple]:
    """All of them, or none: one file of another name makes it a folder of something else."""
    told = [re.fullmatch(r"(\d)_([A-Za-z]+)_(\d+)", each.stem) for each in sounds]
    if sounds and all(told):
        for path, name in zip(sounds, told, strict=True):
            split = "test" if int(name[3]) < 5 else "train"
            yield (str(path), DIGITS[int(name[1])], name[2], split, WHOLE, WHOLE, 0)


def _beside(source: Path, sounds: list[Path], report: Report) -> Iterable[tuple]:
    for path in sounds:
        text = path.with_suffix(".txt")
        if not text.is_file():
            report.add("no transcript", f"there is no {text.name} beside it", file=path)
            continue
        inside = path.relative_to(source).parts[:-1]
        split = PART_NAMES.get(inside[0].lower(), "") if inside else ""
        speaker = inside[-1] if len(inside) > bool(split) else ""
        try:
            said = " ".join(" ".join(read_lines(text, report)).split())
        except DataError as error:
            report.add("transcript cannot be read", str(error), file=path)
            continue
        yield (str(path), said, speaker, split, WHOLE, WHOLE, 0)


def _sound(path: Path) -> Path | None:
    """The recording of a name without its suffix, or with it."""
    if path.suffix.lower() in SUFFIXES and path.is_file():
        return path
    for suffix in SUFFIXES:
        for each in (suffix, suffix.upper()):
            if (found := path.with_name(path.name + each)).is_file():
                return found
    return None


def _part_of(*names: str) -> str:
    """Which part a table is of, by what it or its folders are called: train, an4_test."""
    words = [word for name in names for word in re.split(r"[^a-z]+", name.lower())]
    return next((PART_NAMES[word] for word in words if word in PART_NAMES), "")
