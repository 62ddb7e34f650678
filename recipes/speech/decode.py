"""From logits to text: the best path, or a beam that also asks a language model about words.

The score of a text is log P(letters | sound) + alpha * log10 P(words) + beta * words (Hannun et
al., arXiv 1412.5567, section 2.2, with the n-gram model's own logarithm). The search is that of
flashlight-text: over a tree of the words that are known, or over letters alone. Hot words are
boosted inside the model, so that they gain from the context in which they are likely.
"""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import jiwer
import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import log_softmax

from common.quiet import quiet_start
from recipes.speech.alphabet import BLANK, SPACE, Alphabet
from recipes.speech.data import FRAME
from recipes.speech.ngram import UNKNOWN, NGram

NEVER = -1e4  # log probability that ends a path
WORDS, LETTERS = "words", "letters"
_LOADING = re.compile(r"Loading the LM|Reading |----5---|\*+$")  # what KenLM says each time


class Search(BaseModel):
    """How wide the beam is, and what counts how much.

    A narrower threshold loses words where the language model counts much (alpha of 3 or 4): until a
    word's end only its letters speak for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    beam: int = Field(100, ge=1)
    readings: int = Field(10, ge=1)  # that are given, the best first
    letters: int = Field(7, ge=1)  # that are tried at a frame, the likeliest first
    threshold: float = Field(18.0, gt=0)  # that a path may fall below the best
    alpha: float = Field(1.5, ge=0)  # of the language model
    beta: float = 0.5  # for each word


USUAL = Search()


@dataclass(frozen=True)
class Word:
    """A word with its times in seconds, and the share of the readings that hold it there."""

    text: str
    begin: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """One reading.

    Attributes:
        score: see above. confidence: share of the weight of all readings given.
    """

    text: str
    score: float
    confidence: float
    words: list[Word] = field(repr=False)


def best_path(logits: np.ndarray, alphabet: Alphabet) -> str:
    """The text of the likeliest letter of every frame, float [t, classes]."""
    return SPACE.join(alphabet.collapse(logits.argmax(axis=1)).split())


class Decoder:
    """A beam search, built once for a language model.

    Args:
        alphabet: of the logits.
        model: n-grams of words or letters; None: letters alone, without a model.
        unit: whether the model counts "words" or "letters".
        words: what may be said, where the model counts words; None: the model's vocabulary.
        hot: words with what is added to their log10 probability; they may be new to the model.

    Raises:
        ValueError: a word cannot be written in the alphabet, there is no space in it, or hot words
            have no model of words that they could be boosted in.
    """

    def __init__(self, alphabet: Alphabet, model: NGram | None = None, unit: str = WORDS,
                 words: Iterable[str] | None = None,
                 hot: Mapping[str, float] | None = None):  # fmt: skip
        from flashlight.lib.text import decoder, dictionary

        self.alphabet, self.kit, self.unit = alphabet, decoder, unit
        self.has_words = model is not None and unit == WORDS
        if hot and not self.has_words:
            raise ValueError(f"Hot words {sorted(hot)} are boosted in a model of words; give one.")
        if model is None:
            self.scorer = decoder.ZeroLM()
            return
        model = model.boosted(hot) if hot else model
        names = sorted((model.vocabulary if words is None else set(words)) | set(hot or ()))
        if self.has_words:
            unwritten = [name for name in names if alphabet.letters and alphabet.unknown(name)]
            names = [name for name in names if name not in set(unwritten)]
            if not names:
                raise ValueError(f"No word of the language model can be written with "
                                 f"{alphabet.letters!r}, such as {', '.join(unwritten[:3])}. Is it "
                                 "in upper case? Write it in lower case.")  # fmt: skip
            if hot and set(unwritten) & set(hot):
                raise ValueError(f"{sorted(set(unwritten) & set(hot))} cannot be written with "
                                 f"{alphabet.letters!r}.")  # fmt: skip
        else:  # in the order of the letters' numbers; the blank is never asked for
            names = ["<blank>", *alphabet.names]
        self.names, self.known = [*names, UNKNOWN], frozenset(names)
        with tempfile.TemporaryDirectory() as folder:
            # KenLM reads the whole file before it returns.
            path = model.write(Path(folder) / "model.arpa")
            table = dictionary.Dictionary()
            for name in self.names:
                table.add_entry(name)
            self.scorer = _kenlm(str(path), table)
        if self.has_words:
            self.tree = self._tree(names)

    def _tree(self, names: Sequence[str]):
        if SPACE not in self.alphabet.letters and self.alphabet.letters:
            raise ValueError("A search over words needs a space in the alphabet.")
        tree = self.kit.Trie(self.alphabet.size, self.space)
        begin = self.scorer.start(False)
        for place, name in enumerate(names):
            _, score = self.scorer.score(begin, place)
            tree.insert([*self.alphabet.encode(name), self.space], place, score)
        tree.smear(self.kit.SmearingMode.MAX)
        return tree

    @cached_property
    def space(self) -> int:
        """Its number among the letters."""
        return self.alphabet.encode(SPACE)[0]

    def search(self, search: Search = USUAL) -> Callable[[np.ndarray], list[Hypothesis]]:
        """A function from logits float [t, classes] to readings, the best first."""
        kit, kind = self.kit, self.kit.CriterionType.CTC
        tried = min(search.letters, self.alphabet.size)
        if self.has_words:
            options = kit.LexiconDecoderOptions(
                search.beam, tried, search.threshold, search.alpha, search.beta, float("-inf"),
                0.0, True, kind)  # fmt: skip
            found = kit.LexiconDecoder(options, self.tree, self.scorer, self.space, BLANK,
                                       len(self.names) - 1, [], False)  # fmt: skip
        else:
            options = kit.LexiconFreeDecoderOptions(search.beam, tried, search.threshold,
                                                    search.alpha, 0.0, True, kind)  # fmt: skip
            found = kit.LexiconFreeDecoder(options, self.scorer, self.space, BLANK, [])
        return lambda logits: self._readings(found, search.readings, logits)

    def _readings(self, search, most: int, logits: np.ndarray) -> list[Hypothesis]:
        if not len(logits):
            return [Hypothesis("", 0.0, 1.0, [])]
        chances = log_softmax(np.asarray(logits, np.float64), axis=1)
        # A word ends with a space in the tree, and the last one of a text has none after it.
        last = np.full((1, chances.shape[1]), NEVER)
        last[0, self.space] = 0.0
        chances = np.ascontiguousarray(np.concatenate([chances, last]), np.float32)
        found = search.decode(chances.ctypes.data, *chances.shape)
        texts: dict[str, tuple] = {}
        for begin in range(0, len(found), most):  # the best first; many say the same
            some = found[begin : begin + most]
            for each, spoken in zip(some, self._spoken([each.tokens for each in some]),
                                    strict=True):  # fmt: skip
                # Where every path ends within a word, so does the best.
                if self.has_words and spoken and spoken[-1][0] not in self.known:
                    spoken = spoken[:-1]
                texts.setdefault(SPACE.join([word for word, *_ in spoken]), (each.score, spoken))
            if len(texts) >= most:
                texts = dict(itertools.islice(texts.items(), most))
                break
        scores = np.array([score for score, _ in texts.values()])
        if not len(scores):
            return [Hypothesis("", NEVER, 0.0, [])]
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        places: dict[str, list[tuple]] = {}  # of each word, where it stands in which reading
        for number, (_, spoken) in enumerate(texts.values()):
            for word, begin, end in spoken:
                places.setdefault(word, []).append((begin, end, number))
        readings = [Hypothesis(text, float(score), float(share),
                               [Word(word, begin, end, _share_of(begin, end, places[word], shares))
                                for word, begin, end in spoken])
                    for (text, (score, spoken)), share in zip(texts.items(), shares, strict=True)
                    ]  # fmt: skip
        return sorted(readings, key=lambda each: -each.score)

    def _spoken(self, paths: Sequence[Sequence[int]]) -> list[list[tuple[str, float, float]]]:
        """Words of paths with one letter a frame, and their seconds."""
        numbers = np.array(paths)[:, 1:]  # the first is before all frames
        is_space = numbers == self.space
        is_spoken = (numbers != BLANK) & ~is_space
        is_new = is_spoken.copy()
        is_new[:, 1:] &= numbers[:, 1:] != numbers[:, :-1]
        last_spoken = np.where(is_spoken, np.arange(numbers.shape[1]), -1)
        ends = 1 + np.maximum.accumulate(last_spoken, axis=1)
        found = []
        for row, told, end in zip(numbers.tolist(), is_new | is_space, ends.tolist(), strict=True):
            words, letters, begin = [], [], 0
            for frame in [*np.flatnonzero(told).tolist(), len(row)]:
                if frame < len(row) and row[frame] != self.space:
                    begin = begin if letters else frame
                    letters.append(row[frame])
                elif letters:
                    last = end[min(frame, len(row) - 1)]
                    words.append((self.alphabet.decode(letters), begin * FRAME, last * FRAME))
                    letters = []
            found.append(words)
        return found


def _share_of(begin: float, end: float, places: Sequence[tuple], shares: np.ndarray) -> float:
    """Of the readings that have a word at a time, the shares together."""
    found = {number for first, last, number in places if first < end and last > begin}
    return float(sum(shares[number] for number in found))


def tuned(decoder: Decoder, logits: Sequence[np.ndarray], transcripts: Sequence[str],
          search: Search = USUAL, alphas: Sequence[float] = (0.5, 1, 1.5, 2, 3, 4),
          betas: Sequence[float] = (-1, 0, 1, 2, 3)) -> tuple[Search, list[dict]]:  # fmt: skip
    """The weights with the fewest errors on utterances that were not learned from.

    Returns:
        The search with them, and {"alpha", "beta", "wer"} of every pair that was tried ("cer" with
        a model of letters: where there are no words, one letter spoils a sentence). Of pairs with
        equal errors the one whose neighbours err least is taken: the grid is coarse.
    """
    name, errors = ("wer", jiwer.wer) if decoder.has_words else ("cer", jiwer.cer)
    grid = list(itertools.product(alphas, betas if decoder.has_words else (0.0,)))
    tried = []
    for alpha, beta in grid:
        read = decoder.search(search.model_copy(update={"alpha": alpha, "beta": beta}))
        said = [read(each)[0].text for each in logits]
        tried.append({"alpha": alpha, "beta": beta, name: errors(list(transcripts), said)})
    table = np.array([each[name] for each in tried]).reshape(len(alphas), -1)
    around = np.pad(table, 1, mode="edge")
    rows, columns = table.shape
    smooth = np.mean([around[y : y + rows, x : x + columns] for y in range(3) for x in range(3)],
                     axis=0)  # fmt: skip
    best = min(range(len(grid)), key=lambda k: (table.flat[k], smooth.flat[k]))
    alpha, beta = grid[best]
    return search.model_copy(update={"alpha": alpha, "beta": beta}), tried


def _kenlm(path: str, table):
    from flashlight.lib.text.decoder.kenlm import KenLM

    with quiet_start(_LOADING):
        return KenLM(path, table)
