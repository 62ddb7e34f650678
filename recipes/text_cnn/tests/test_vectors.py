"""Word vectors from every format, what is covered, and what is said of damaged files."""

import gzip
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from common import datasets
from common.validation import DataError
from recipes.text_cnn.vectors import load_vectors

WORDS = ["the", "Paris", "film", "FILM", "good", "über"]
VECTORS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
VOCABULARY = ["good", "paris", "film", "unheard", "über"]
ROWS = [4, 1, 2, None, 5]


def text(header: bool, words=WORDS, vectors=VECTORS, end="\n") -> bytes:
    lines = [f"{len(words)} {vectors.shape[1]}"] if header else []
    lines += [f"{w} {' '.join(map(repr, v.tolist()))}" for w, v in zip(words, vectors, strict=True)]
    return "".join(line + end for line in lines).encode()


def binary(words=WORDS, vectors=VECTORS, end=b"\n") -> bytes:
    rows = [w.encode() + b" " + v.tobytes() + end for w, v in zip(words, vectors, strict=True)]
    return f"{len(words)} {vectors.shape[1]}\n".encode() + b"".join(rows)


@pytest.fixture
def file(tmp_path):
    def write(content: bytes, name: str = "vectors") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def refusal(path, vocabulary=VOCABULARY) -> str:
    with pytest.raises(DataError) as caught:
        load_vectors(path, vocabulary)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        text(header=True),
        text(header=False),
        text(header=True, end=" \n"),  # fastText
        text(header=False, end="\r\n"),
        binary(),
        binary(end=b""),  # some writers put nothing between two words
        gzip.compress(text(header=False)),
        gzip.compress(binary()),
    ],
)
def test_formats_are_known_by_their_content(file, content):
    matrix, coverage = load_vectors(file(content), VOCABULARY, counts=[10, 5, 3, 2, 0])
    assert matrix.shape == (5, 5) and matrix.dtype == np.float32
    for row, source in enumerate(ROWS):
        if source is not None:
            np.testing.assert_array_equal(matrix[row], VECTORS[source])
    assert (coverage.types, coverage.known_types, coverage.other_case) == (5, 4, 1)
    assert (coverage.running, coverage.known_running) == (20, 18)
    assert "4 of 5 words (80.0%)" in str(coverage) and "90.0% of the running words" in str(coverage)


def test_npz(tmp_path):
    path = tmp_path / "v.npz"
    np.savez(path, words=np.array(WORDS), vectors=VECTORS.astype(np.float16))
    matrix, coverage = load_vectors(path, VOCABULARY)
    assert matrix.dtype == np.float32 and coverage.known_types == 4
    np.testing.assert_array_equal(matrix[0], VECTORS[4].astype(np.float16))
    assert coverage.running is None and "running" not in str(coverage)


def test_the_own_case_beats_another_case_wherever_it_stands(file):
    for words in (["Film", "film"], ["film", "Film"], ["FILM", "film"]):
        path = file(text(True, words, VECTORS[:2]))
        matrix, coverage = load_vectors(path, ["film", "Film"])
        np.testing.assert_array_equal(matrix[0], VECTORS[words.index("film")])
        # Else the first, which is the most frequent.
        expected = words.index("Film") if "Film" in words else 0
        np.testing.assert_array_equal(matrix[1], VECTORS[expected])


def test_unknown_words_have_the_variance_of_the_known_ones(file):
    known = np.random.default_rng(1).normal(0, 0.3, (400, 20)).astype(np.float32)
    words = [f"w{i}" for i in range(400)]
    path = file(binary(words, known))
    vocabulary = words + [f"new{i}" for i in range(400)]
    matrix, coverage = load_vectors(path, vocabulary, seed=1)
    assert matrix[400:].var() == pytest.approx(known.var(), rel=0.05)
    assert np.abs(matrix[400:]).max() <= coverage.spread
    assert np.array_equal(matrix, load_vectors(path, vocabulary, seed=1)[0])
    assert not np.array_equal(matrix, load_vectors(path, vocabulary, seed=2)[0])


def test_glove_words_with_spaces_are_passed_over(file):
    odd = b". . . " + b" ".join([b"0.5"] * 5) + b"\n"
    matrix, _ = load_vectors(file(text(False) + odd), ["film"])
    np.testing.assert_array_equal(matrix[0], VECTORS[2])


def test_memory_is_that_of_the_wanted_words(file):
    many = np.zeros((40_000, 100), np.float32)
    many[7] = 1
    path = file(binary([f"w{i}" for i in range(40_000)], many))
    tracemalloc.start()
    matrix, _ = load_vectors(path, ["w7", "other"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert matrix[0].min() == 1
    assert peak < path.stat().st_size / 3


# --- damaged files


@pytest.mark.parametrize(
    "content, expected",
    [
        (text(False) + b"short 1.0 2.0\n", "line 7: 2 numbers, the others have 5"),
        (text(False) + b"long 1.0 2.0 3.0 4.0 5.0 6.0\n", "line 7: 6 numbers, the others have 5"),
        (text(False) + b"lonely\n", "line 7: 0 numbers"),
        (text(False).replace(b"Paris ", b"Paris x", 1), "line 2, word 'Paris'"),
        (text(True).replace(b"6 5", b"7 5", 1), "holds 6 vectors, its header says 7"),
        (b"0 5\n", "0 vectors of 5"),
        (b"{'a': 'python'}\n", "neither a header"),
        (b"\x80\x04\x95 a pickle of a model", "neither a header"),
        (b"", "neither a header"),
        (binary()[:-9], "word 6 of 6: the file ends here"),
        (binary().replace(b"6 5", b"9 5", 1), "word 7 of 9: the file ends here"),
        (binary().replace(b"6 5", b"5 5", 1), "goes on after the 5 words"),
        (b"3 4000\n" + b"x" * 90_000, "no word where one should begin"),
        (gzip.compress(binary())[:-20], "cut-off gzip"),
    ],
)
def test_damaged_files_name_the_place(file, content, expected):
    assert expected in refusal(file(content))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("form", [binary, lambda words, v: text(True, words, v)])
def test_not_a_number_is_refused_by_word(file, bad, form):
    vectors = VECTORS.copy()
    vectors[4, 2] = bad
    message = refusal(file(form(WORDS, vectors)))
    assert "'good' holds NaN or infinity" in message
    load_vectors(file(form(WORDS, vectors)), ["film"])  # not wanted, so it does no harm


@pytest.mark.parametrize(
    "arrays, expected",
    [
        ({"words": np.array(WORDS)}, "needs the arrays words"),
        ({"words": np.array(WORDS, object), "vectors": VECTORS}, "not objects"),
        ({"words": np.array(WORDS), "vectors": VECTORS[:3]}, "6 words but vectors [3, 5]"),
        ({"words": np.array(WORDS), "vectors": VECTORS[0]}, "must be text and vectors numbers"),
    ],
)
def test_damaged_npz(tmp_path, arrays, expected):
    path = tmp_path / "v.npz"
    np.savez(path, **arrays)
    assert expected in refusal(path)
    (tmp_path / "w.npz").write_bytes(path.read_bytes()[:200])
    refusal(tmp_path / "w.npz")


def test_no_word_in_common_and_no_such_file(file, tmp_path):
    assert "no vector for any of the 2 words ('x', 'y'" in refusal(file(binary()), ["x", "y"])
    assert "word2vec_8k, glove_twitter_12k" in refusal(tmp_path / "none.bin")
    with pytest.raises(ValueError, match="counts"):
        load_vectors(file(binary()), ["x"], counts=[1, 2])


@pytest.mark.parametrize("name, dimension", [("word2vec_8k", 300), ("glove_twitter_12k", 25)])
def test_sets_of_the_catalogue(name, dimension, tmp_path, monkeypatch):
    if not Path(os.environ.get(datasets.MIRROR_VARIABLE) or "/no/such/folder").is_dir():
        pytest.skip("RECIPES_MIRROR names no folder with the published sets")
    monkeypatch.setenv(datasets.CACHE_VARIABLE, str(tmp_path))
    matrix, coverage = load_vectors(name, ["film", "good", "qqqq"])
    assert matrix.shape == (3, dimension) and coverage.known_types == 2
