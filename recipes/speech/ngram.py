"""A language model that counts: n-grams with modified Kneser-Ney smoothing, in the ARPA form.

What a word's neighbours say about it: seen n-grams give a little of their weight (the discount) to
what was never seen, and a shorter n-gram counts not how often it came but after how many different
words. S. Chen and J. Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling",
Computer Speech & Language 13, 1999, section 3; lower orders as in K. Heafield et al., "Scalable
Modified Kneser-Ney Language Model Estimation", ACL 2013, section 3. Words or letters, as they come.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import files
from common.validation import DataError

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
# Where there are too few n-grams to reckon discounts from: of those seen once, twice, more often.
USUAL = (0.5, 1.0, 1.5)
NEVER = -99.0  # log10 of the probability of what is never predicted, by the form's convention


@dataclass(frozen=True)
class NGram:
    """Log10 probabilities and back-off weights.

    Attributes:
        tables: for each order from 1: by its words, (log10 probability, log10 back-off).
    """

    tables: list[dict[tuple[str, ...], tuple[float, float]]]

    @property
    def order(self) -> int:
        return len(self.tables)

    @property
    def vocabulary(self) -> set[str]:
        """Words that it knows, without the three marks."""
        return {words[0] for words in self.tables[0]} - {BEGIN, END, UNKNOWN}

    def log10(self, word: str, before: Sequence[str]) -> float:
        """Of a word after others; one that it does not know counts as `UNKNOWN`."""
        known = self.tables[0]
        word = word if (word,) in known else UNKNOWN
        context = tuple(each if (each,) in known else UNKNOWN for each in before)
        context, weight = context[max(0, len(context) - self.order + 1) :], 0.0
        while True:
            found = self.tables[len(context)].get((*context, word))
            if found:
                return weight + found[0]
            if not context:
                return NEVER
            weight += self.tables[len(context) - 1].get(context, (0.0, 0.0))[1]
            context = context[1:]

    def score(self, words: Sequence[str]) -> float:
        """Log10 of a sentence's probability, its end included."""
        whole = [BEGIN, *words, END]
        return sum(self.log10(whole[k], whole[:k]) for k in range(1, len(whole)))

    def perplexity(self, sentences: Iterable[Sequence[str]]) -> tuple[float, float]:
        """Perplexity by word, ends counted, unknown words left out, and the share of these.

        Raises:
            ValueError: no word at all.
        """
        total, counted, unknown, words = 0.0, 0, 0, 0
        known = self.tables[0]
        for sentence in sentences:
            whole = [BEGIN, *sentence, END]
            for k in range(1, len(whole)):
                words += k < len(whole) - 1
                if (whole[k],) in known:
                    total += self.log10(whole[k], whole[:k])
                    counted += 1
                else:
                    unknown += 1
        if not words:
            raise ValueError("There is no word to judge by.")
        return 10 ** (-total / counted), unknown / words

    def boosted(self, hot: Mapping[str, float]) -> NGram:
        """With words made likelier everywhere: log10 is added, and no probability rises above 1.

        The others are left as they are, so that sums are no longer 1. A word that is new begins
        with what an unknown one has.
        """
        tables = [dict(table) for table in self.tables]
        nothing, _ = tables[0].get((UNKNOWN,), (-6.0, 0.0))
        for word in hot:
            tables[0].setdefault((word,), (nothing, 0.0))
        for table in tables:
            for words, (chance, weight) in table.items():
                if words[-1] in hot:
                    table[words] = (min(chance + hot[words[-1]], 0.0), weight)
        return NGram(tables)

    def write(self, path: str | Path) -> Path:
        """The model in the ARPA form, UTF-8."""
        lines = ["\\data\\", *(f"ngram {n}={len(table)}" for n, table in enumerate(self.tables, 1))]
        for n, table in enumerate(self.tables, 1):
            lines += ["", f"\\{n}-grams:"]
            for words, (chance, weight) in sorted(table.items()):
                end = "" if n == self.order or not weight else f"\t{weight:.7g}"
                lines.append(f"{chance:.7g}\t{' '.join(words)}{end}")
        files.write_text(Path(path), "\n".join([*lines, "", "\\end\\", ""]))
        return Path(path)

    @classmethod
    def read(cls, path: str | Path) -> NGram:
        """A model in the ARPA form.

        Raises:
            DataError: it is of no such form; the message names the line.
        """
        tables, current, wanted = [], None, {}
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read as a model in UTF-8 ({error}).") from None
        for number, line in enumerate(lines, 1):
            text = line.strip()
            try:
                if text.startswith("ngram "):
                    order, count = text[6:].split("=")
                    wanted[int(order)] = int(count)
                elif text.endswith("-grams:"):
                    current = int(text[1:].partition("-")[0])
                    tables.append({})
                elif text and text[0] != "\\" and current:
                    chance, words, *weight = text.split("\t")
                    found = tuple(words.split())
                    if len(found) != current:
                        raise ValueError
                    tables[-1][found] = (float(chance), float(weight[0]) if weight else 0.0)
            except (ValueError, IndexError):
                raise DataError(
                    f"{path}, line {number}: {text[:60]!r} is no line of the ARPA form (log10, "
                    "words, back-off, with tabs between)."
                ) from None
        counts = {n: len(table) for n, table in enumerate(tables, 1)}
        if not tables or counts != wanted:
            raise DataError(f"{path} promises {wanted or 'no'} n-grams and holds "
                            f"{counts or 'none'}; copy or make it again.")  # fmt: skip
        return cls(tables)


def estimate(sentences: Iterable[Sequence[str]], order: int = 3) -> NGram:
    """A model of sentences, each a sequence of words (or of letters).

    Raises:
        ValueError: the order is below 1, no sentence has a word, or one has a mark for a word.
    """
    if order < 1:
        raise ValueError(f"order={order} must be 1 or more.")
    counts = [Counter() for _ in range(order)]
    for sentence in sentences:
        for mark in {BEGIN, END, UNKNOWN}.intersection(sentence):
            told = " ".join(sentence)
            raise ValueError(f"{mark} is a mark of the model; take it out of {told!r}.")
        whole = (BEGIN, *sentence, END) if len(sentence) else ()
        for n in range(1, order + 1):
            counts[n - 1].update(whole[k : k + n] for k in range(len(whole) - n + 1))
    if not counts[0]:
        raise ValueError("There is no sentence with a word to learn from.")
    adjusted = [_adjusted(counts, n) for n in range(1, order + 1)]
    discounts = [_discounts(each) for each in adjusted]
    chances: list[dict] = []
    weights: list[dict] = []
    # Of what was never seen: every word alike, the unknown one and the end among them.
    even = 1 / len(counts[0])  # the begin, which is never predicted, for the unknown word
    for n in range(order):
        chance, weight = _interpolated(adjusted[n], discounts[n], chances[-1] if n else None, even)
        chances.append(chance)
        weights.append(weight)
    return NGram(_tables(chances, weights))


def _adjusted(counts: list[Counter], n: int) -> Counter:
    """Of the highest order, and of what begins a sentence, counts; of others, after how many."""
    if n == len(counts):
        return Counter({words: count for words, count in counts[n - 1].items()
                        if words != (BEGIN,)})  # fmt: skip
    found = Counter(words[1:] for words in counts[n])
    for words, count in counts[n - 1].items():
        if words[0] == BEGIN and n > 1:
            found[words] = count
    found.pop((BEGIN,), None)
    return found


def _discounts(counts: Counter) -> tuple[float, float, float]:
    """Of n-grams seen once, twice, and more often (Chen and Goodman 1999, equation 26)."""
    many = Counter(counts.values())
    ones, twos, threes, fours = (many[k] for k in (1, 2, 3, 4))
    if not all((ones, twos, threes, fours)):
        return USUAL
    share = ones / (ones + 2 * twos)
    found = (1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos,
             3 - 4 * share * fours / threes)  # fmt: skip
    sound = all(0 < each <= k for k, each in enumerate(found, 1))
    return found if sound else USUAL


def _interpolated(counts: Counter, discounts: tuple[float, float, float], shorter: dict | None,
                  even: float) -> tuple[dict, dict]:  # fmt: skip
    """Probabilities by words, and by context what is left for shorter ones (equation 23)."""
    total, left = defaultdict(float), defaultdict(float)
    for words, count in counts.items():
        total[words[:-1]] += count
        left[words[:-1]] += discounts[min(count, 3) - 1]
    chance = {}
    for words, count in counts.items():
        context = words[:-1]
        below = even if shorter is None else shorter[words[1:]]
        own = (count - discounts[min(count, 3) - 1]) / total[context]
        chance[words] = own + left[context] / total[context] * below
    if shorter is None:
        chance[UNKNOWN,] = left[()] / total[()] * even
    return chance, {context: left[context] / total[context] for context in total}


def _tables(chances: list[dict], weights: list[dict]) -> list[dict]:
    tables = []
    for n, chance in enumerate(chances):
        after = weights[n + 1] if n + 1 < len(weights) else {}
        table = {words: (math.log10(each), math.log10(after[words]) if words in after else 0.0)
                 for words, each in chance.items()}  # fmt: skip
        if n == 0:
            begin = after.get((BEGIN,))
            table[BEGIN,] = (NEVER, math.log10(begin) if begin else 0.0)
        tables.append(table)
    return tables
