"""Pre-trained word vectors for a vocabulary: word2vec text and binary, GloVe text, .npz.

Files are read as a stream and only the wanted words are kept, so that the three million words of
Google News take no more memory than the vocabulary.
"""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from common import datasets
from common.validation import DataError

_BLOCK = 1 << 20  # bytes read at once
_LONGEST_WORD = 10_000  # bytes; a longer one means that the place in the file was lost
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Coverage:
    """How much of a vocabulary a file of vectors knows.

    Attributes:
        source: the file or the set's name.
        dimension: numbers per vector.
        types, known_types: words of the vocabulary, and those that have a vector.
        other_case: known words that were found only in another case ("paris" as "Paris").
        running, known_running: the same weighted with the counts; None without counts.
        spread: unknown words are drawn from U[-spread, spread].
    """

    source: str
    dimension: int
    types: int
    known_types: int
    other_case: int
    running: int | None
    known_running: int | None
    spread: float

    def __str__(self) -> str:
        text = (
            f"{self.source}: {self.known_types:,} of {self.types:,} words "
            f"({self.known_types / self.types:.1%}) have a vector of {self.dimension} numbers"
        )
        if self.running:
            text += f", {self.known_running / self.running:.1%} of the running words"
        return text + (
            f"; {self.other_case:,} in another case. The others are drawn from "
            f"U[-{self.spread:.3f}, {self.spread:.3f}]."
        )


def load_vectors(
    path_or_name: str | os.PathLike,
    vocabulary: Sequence[str],
    counts: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, Coverage]:
    """Read the vectors of a vocabulary.

    A word is looked up as it is, then without regard to case. A word without a vector is drawn
    from U[-a, a], where a gives it the variance of the known vectors (Kim 2014, section 3.1).

    Args:
        path_or_name: a set of the catalogue (word2vec_8k, glove_twitter_12k) or a file: word2vec
            text or binary, GloVe text (each gzipped or not), or .npz with words and vectors.
        vocabulary: words, one for each row of the matrix.
        counts: how often each word occurs in the texts, for the coverage of running words.
        seed: of the drawn vectors.

    Returns:
        float32 matrix [len(vocabulary), dimension] and its Coverage.

    Raises:
        DataError: the file is missing, damaged or holds none of the words.
    """
    if not len(vocabulary) or (counts is not None and len(counts) != len(vocabulary)):
        raise ValueError("The vocabulary must not be empty, and counts must be as long as it is.")
    path = _find(path_or_name)
    wanted: dict[str, list[int]] = {}
    folded: dict[str, list[int]] = {}
    for row, word in enumerate(vocabulary):
        wanted.setdefault(word, []).append(row)
        folded.setdefault(word.lower(), []).append(row)
    found: dict[int, np.ndarray] = {}
    exact: set[int] = set()
    for place, word, vector in _stream(path, wanted, folded):
        if not np.isfinite(vector).all():
            raise DataError(f"{path}, {place}: the vector of {word!r} holds NaN or infinity.")
        for row in wanted.get(word, ()):
            if row not in exact:
                found[row] = vector
                exact.add(row)
        for row in folded.get(word.lower(), ()):
            found.setdefault(row, vector)  # files begin with the frequent words
    if not found:
        raise DataError(
            f"{path} has no vector for any of the {len(vocabulary)} words "
            f"({', '.join(map(repr, vocabulary[:5]))} ...). Is it of the same language?"
        )
    rows = sorted(found)
    known = np.stack([found[row] for row in rows]).astype(np.float32)
    spread = float(np.sqrt(3 * known.var()))  # the variance of U[-a, a] is a^2 / 3
    random = np.random.default_rng(seed)
    matrix = random.uniform(-spread, spread, (len(vocabulary), known.shape[1])).astype(np.float32)
    matrix[rows] = known
    return matrix, Coverage(
        source=str(path_or_name),
        dimension=known.shape[1],
        types=len(vocabulary),
        known_types=len(rows),
        other_case=len(rows) - len(exact),
        running=None if counts is None else int(np.sum(counts)),
        known_running=None if counts is None else int(np.asarray(counts)[rows].sum()),
        spread=spread,
    )


def identity(path_or_name: str | os.PathLike) -> tuple[str, int, int]:
    """Path, bytes and time of change of a file of vectors, to tell whether it is still the same."""
    path = _find(path_or_name)
    return str(path), path.stat().st_size, path.stat().st_mtime_ns


def _find(path_or_name: str | os.PathLike) -> Path:
    sets = [name for name in datasets.names() if datasets.entry(name).task == "word vectors"]
    if path_or_name in sets:
        files = sorted(
            path for path in datasets.load(path_or_name).iterdir() if path.suffix == ".npz"
        )
        return files[0]
    path = Path(path_or_name).expanduser()
    if not path.is_file():
        raise DataError(
            f"{path} is no file of word vectors. Give the path of one (word2vec, GloVe or .npz) or "
            f"one of the sets {', '.join(sets)}."
        )
    return path


def _stream(path: Path, wanted: dict, folded: dict) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield (place in the file, word, vector) of the words that matter."""

    def matters(word: str) -> bool:
        return word in wanted or word.lower() in folded

    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(b"PK"):
        yield from _from_npz(path, matters)
        return
    opener = gzip.open if start.startswith(b"\x1f\x8b") else open
    try:
        with opener(path, "rb") as file:
            header = file.readline(_LONGEST_LINE)
            sizes = header.split()
            if len(sizes) == 2 and all(size.isdigit() for size in sizes):
                count, dimension = map(int, sizes)
                if not count or not dimension:
                    raise DataError(f"{path}, line 1: {count} vectors of {dimension} numbers.")
                line = file.readline(_LONGEST_LINE)
                if _is_text(line, dimension):
                    yield from _from_text(path, file, line, 2, dimension, count, matters)
                else:
                    yield from _from_binary(path, file, line, dimension, count, matters)
            else:
                if len(sizes) < 3 or not _is_text(header, len(sizes) - 1):
                    raise DataError(
                        f"{path}, line 1: neither a header (count and dimension) nor a word with "
                        "its numbers. Word2vec text or binary, GloVe text and .npz can be read; "
                        "export other models as word2vec."
                    )
                yield from _from_text(path, file, header, 1, len(sizes) - 1, None, matters)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is a damaged or cut-off gzip file: {error}.") from error


def _is_text(line: bytes, dimension: int) -> bool:
    try:
        line.decode("utf-8")
        values = [float(value) for value in line.split()[-dimension:]]
    except ValueError:
        return False
    return len(values) == dimension


def _from_text(path, file: BinaryIO, line: bytes, number: int, dimension: int, count, matters):
    read = 0
    while line:
        if stripped := line.rstrip():
            read += 1
            place = f"line {number}"
            name, _, numbers = stripped.partition(b" ")
            if stripped.count(b" ") != dimension:
                # Not a plain line; some GloVe words hold a space, so split from the right.
                fields = stripped.rsplit(None, dimension)
                if len(fields) != dimension + 1 or (b" " in fields[0] and _is_number(fields[0])):
                    found = len(stripped.split()) - 1
                    raise DataError(
                        f"{path}, {place}: {found} numbers, the others have {dimension}."
                    )
                name, numbers = fields[0], b" ".join(fields[1:])
            word = name.decode("utf-8", "replace")
            if matters(word):
                try:
                    vector = np.array(numbers.split(), dtype=np.float32)
                except ValueError as error:
                    raise DataError(f"{path}, {place}, word {word!r}: {error}.") from error
                yield place, word, vector
        line = file.readline(_LONGEST_LINE)
        number += 1
    if count is not None and read != count:
        raise DataError(f"{path} holds {read} vectors, its header says {count}; it is cut off.")


def _is_number(words: bytes) -> bool:
    """Whether what precedes the vector ends in a number such as 0.12: one number too many."""
    last = words.split()[-1]
    return b"." in last and last.strip(b"-0123456789.e") == b"" and last.strip(b".-") != b""


def _from_binary(path, file: BinaryIO, start: bytes, dimension: int, count: int, matters):
    buffer, at, size = start, 0, 4 * dimension
    for number in range(1, count + 1):
        if len(buffer) - at < size + _LONGEST_WORD:
            buffer = buffer[at:] + file.read(max(_BLOCK, size + _LONGEST_WORD))
            at = 0
        space = buffer.find(b" ", at, at + _LONGEST_WORD)
        place = f"word {number} of {count}"
        if space < 0 and len(buffer) - at >= _LONGEST_WORD:
            raise DataError(
                f"{path}, {place}: no word where one should begin; the dimension {dimension} of "
                "the header does not fit, or this is no word2vec file."
            )
        if space < 0 or len(buffer) < space + 1 + size:
            raise DataError(f"{path}, {place}: the file ends here; it is cut off.")
        word = buffer[at:space].lstrip(b"\n").decode("utf-8", "replace")
        if matters(word):
            values = buffer[space + 1 : space + 1 + size]
            yield place, word, np.frombuffer(values, dtype="<f4")
        at = space + 1 + size
    if (buffer[at:] + file.read(1)).strip():
        raise DataError(f"{path} goes on after the {count} words of its header; it is damaged.")


def _from_npz(path: Path, matters):
    try:
        with np.load(path, allow_pickle=False) as arrays:
            words, vectors = arrays["words"], arrays["vectors"]
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path}: {error}. An .npz needs the arrays words (text, not objects) and vectors."
        ) from error
    if words.dtype.kind == "S":
        words = np.char.decode(words, "utf-8")
    if words.dtype.kind != "U" or vectors.dtype.kind != "f" or vectors.ndim != 2:
        raise DataError(
            f"{path}: words must be text and vectors numbers [words, dimension], not "
            f"{words.dtype} and {vectors.dtype} {list(vectors.shape)}."
        )
    if words.shape != vectors.shape[:1] or not vectors.size:
        raise DataError(f"{path}: {words.size} words but vectors {list(vectors.shape)}.")
    for number, word in enumerate(words.tolist()):
        if matters(word):
            yield f"row {number}", word, vectors[number].astype(np.float32)
