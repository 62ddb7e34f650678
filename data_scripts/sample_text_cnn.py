"""Write synthetic reviews whose meaning hangs on word order, with a known Bayes accuracy.

    python -m data_scripts.sample_text_cnn out.csv --rows 4000 --seed 0

Every review is made by the grammar below; nothing is taken from a real text. The sentiment of a
review follows from its words alone:

* a claim praises or blames ("the plot is dull"); a negation turns it round ("is not dull", "is
  anything but dull"), while some phrases only look like a negation ("nothing short of dull");
* of two clauses the main one decides: the one after "but", the one without "although" or
  "despite"; of a faint and a strong claim the strong one ("a little dull and truly moving");
* what is said of other things than the one reviewed ("The weather was awful") does not count.

So each text has exactly one true sentiment, and who knows the grammar is never in doubt (the test
of the recipe text_cnn reads it off every text). Then the labels of a share `noise` of the rows are
flipped at random, the same share in each split. Nothing in a text tells whether its label was
flipped, so the best possible accuracy, the Bayes accuracy, is 1 - noise: a perfect reader of the
grammar scores just that, in each split to within one row.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import pandas as pd

from common import files

CLASSES = ("negative", "positive")
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}

# Index 0 blames, index 1 praises. Frequent first: words are drawn by Zipf's law, so the last of
# each list are rare.
ADJECTIVES = (
    "bad dull poor awful weak boring terrible clumsy messy bland tedious annoying dreadful flimsy "
    "unpleasant shoddy careless feeble gloomy irritating pointless wretched lifeless grating "
    "insipid ramshackle".split(),
    "good great lovely charming clever solid superb pleasant brilliant reliable delightful elegant "
    "impressive splendid thoughtful refreshing graceful enjoyable witty generous moving polished "
    "exquisite luminous sublime sturdy".split(),
)
NOUNS = (
    "mess disaster letdown chore nuisance failure flop travesty".split(),
    "joy delight treat gem pleasure triumph marvel godsend".split(),
)
ASPECTS = {
    "film": "acting plot ending soundtrack dialogue camerawork".split(),
    "book": "story ending language cover translation pacing".split(),
    "hotel": "breakfast room service lobby bathroom garden".split(),
    "restaurant": "food service music menu dessert kitchen".split(),
    "kettle": "handle lid design switch spout manual".split(),
    "camera": "lens screen menu battery manual casing".split(),
    "museum": "building guide collection garden shop lighting".split(),
    "game": "story music interface sound tutorial artwork".split(),
}
VERY = ("", "", "", "very ", "quite ", "really ", "so ")
FAINT = ("slightly ", "a little ", "a touch ", "a bit ", "faintly ")
STRONG = ("utterly ", "truly ", "absolutely ", "deeply ", "wholly ")

# {s} the thing or an aspect of it; {x} and {y} adjectives of the claim's own side, {z} one of the
# other side; {n} a noun of the own side, {m} one of the other; {v} "very" or nothing.
PLAIN = (
    "{s} is {v}{x}",
    "{s} seems {v}{x}",
    "i found {s} {v}{x}",
    "it is {v}{x}",
    "{s} is a {n}",
    "it was a {n} for me",
    "overall it is {v}{x}",
)
NEGATED = (
    "{s} is not {v}{z}",
    "{s} is not at all {z}",
    "{s} is never {v}{z}",
    "{s} is hardly {z}",
    "i did not find {s} {v}{z}",
    "nobody would call {s} {z}",
    "{s} is anything but {z}",
    "{s} is far from {z}",
    "{s} is not a {z} one",
    "it is not a {m}",
    "overall it is not {v}{z}",
)
SEEMING = (
    "{s} is nothing short of {x}",
    "{s} is not only {x} but {y}",
    "there is no doubt that {s} is {v}{x}",
    "{s} never fails to be {x}",
    "i cannot deny that {s} is {v}{x}",
    "{s} is never less than {x}",
)
NEUTRAL = (
    "We went there on a {day} .",
    "I bought it in a small shop in {name} .",
    "My {person} told me about it .",
    "It took about {number} minutes .",
    "This is one of my {number} reviews here .",
    "The {thing} by {name} came out in spring .",
    "I had read about {name} before .",
    "A {person} from {name} sat next to us .",
    "They also sell postcards for {number} euros .",
)
BESIDE = (
    "The weather was {v}{a} that {day} .",
    "The bus driver was {v}{a} , by the way .",
    "My {person} calls the old {thing} {a} .",
    "Elsewhere i read of a {a} {thing} .",
    "The {thing} next door is said to be {a} .",
    "The journey home was a {k} .",
    "My {person} had a {a} day .",
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
PERSONS = "sister brother neighbour uncle colleague friend cousin teacher".split()
NUMBERS = "two five ten twelve twenty thirty forty ninety".split()
SYLLABLES = "ba ce do fi gu ka lo mi nu pra que ri sto tu va we xi yo zel".split()

# (share, pattern): + is a claim of the review's own side, - one of the other side.
SHAPES = (
    (0.38, "{+}"),
    (0.36, "{+} , and {+}"),
    (0.11, "{-} , but {+}"),
    (0.025, "although {-} , {+}"),
    (0.025, "{+} , although {-}"),
    (0.015, "despite the {z} {aspect} , {+}"),
    (0.015, "{+} despite the {z} {aspect}"),
    (0.035, "{s} is {faint}{z} and {strong}{x}"),
    (0.035, "{s} is {strong}{x} and {faint}{z}"),
)
NEGATION, SEEMING_NEGATION = 0.12, 0.05  # of all claims
NEUTRAL_SHARE, BESIDE_SHARE = 0.5, 0.15  # reviews with such a sentence
TYPO_SHARE = 0.02  # of the adjectives


def misspellings(word: str) -> list[str]:
    """Every misspelling the sample can hold: inner letters swapped, left out or doubled."""
    if len(word) < 5:
        return []
    found = []
    for i in range(1, len(word) - 2):
        found += [
            word[:i] + word[i + 1] + word[i] + word[i + 2 :],
            word[:i] + word[i + 1 :],
            word[:i] + word[i] + word[i:],
        ]
    return [typo for typo in dict.fromkeys(found) if typo != word]


class _Writer:
    """Draws sentences; all chance comes from one NumPy generator."""

    def __init__(self, seed: int):
        self.random = np.random.Generator(np.random.PCG64(seed))

    def pick(self, options):
        return options[int(self.random.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        return float(self.random.random()) < probability

    def zipf(self, words: list[str]) -> str:
        weights = np.cumsum(1.0 / (np.arange(len(words)) + 4.0))
        return words[int(np.searchsorted(weights, self.random.random() * weights[-1], "right"))]

    def adjective(self, side: int) -> str:
        word = self.zipf(ADJECTIVES[side])
        wrong = misspellings(word) if self.chance(TYPO_SHARE) else []
        return self.pick(wrong) if wrong else word

    def name(self) -> str:
        return "".join(self.pick(SYLLABLES) for _ in range(3)).capitalize()

    def fill(self, pattern: str, side: int, thing: str) -> str:
        subject = self.pick(["the " + aspect for aspect in ASPECTS[thing]] + [f"this {thing}"])
        return pattern.format(
            s=subject,
            v=self.pick(VERY),
            x=self.adjective(side),
            y=self.adjective(side),
            z=self.adjective(1 - side),
            n=self.zipf(NOUNS[side]),
            m=self.zipf(NOUNS[1 - side]),
            aspect=self.pick(ASPECTS[thing]),
            faint=self.pick(FAINT),
            strong=self.pick(STRONG),
        )

    def claim(self, side: int, thing: str) -> str:
        draw = float(self.random.random())
        if draw < NEGATION:
            patterns = NEGATED
        elif draw < NEGATION + SEEMING_NEGATION:
            patterns = SEEMING
        else:
            patterns = PLAIN
        return self.fill(self.pick(patterns), side, thing)

    def aside(self, patterns) -> str:
        """A sentence that says nothing of the thing reviewed."""
        return self.pick(patterns).format(
            v=self.pick(VERY),
            a=self.adjective(self.pick((0, 1))),
            k=self.zipf(NOUNS[self.pick((0, 1))]),
            day=self.pick(DAYS),
            name=self.name(),
            person=self.pick(PERSONS),
            number=self.pick(NUMBERS),
            thing=self.pick(list(ASPECTS)),
        )

    def review(self, side: int) -> str:
        thing = self.pick(list(ASPECTS))
        shares = np.cumsum([share for share, _ in SHAPES])
        draw = self.random.random() * shares[-1]
        pattern = SHAPES[int(np.searchsorted(shares, draw, "right"))][1]
        for sign, whose in (("{+}", side), ("{-}", 1 - side)):
            while sign in pattern:
                pattern = pattern.replace(sign, self.claim(whose, thing), 1)
        verdict = self.fill(pattern, side, thing) + " ."
        sentences = [verdict[0].upper() + verdict[1:]]
        for share, patterns in ((NEUTRAL_SHARE, NEUTRAL), (BESIDE_SHARE, BESIDE)):
            if self.chance(share):
                sentences.insert(
                    int(self.random.integers(len(sentences) + 1)), self.aside(patterns)
                )
        return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", " ".join(sentences))


def generate(rows: int = 4000, seed: int = 0, noise: float = 0.03) -> pd.DataFrame:
    """Write synthetic reviews.

    Args:
        rows: number of reviews, at least 20; all texts differ.
        seed: the same seed gives the same rows on every machine.
        noise: share of labels flipped, 0 <= noise < 0.5.

    Returns:
        DataFrame with the columns text, label ("negative" or "positive", flips included), split
        ("train" 70 %, "validation" 10 %, "test" 20 %) and clean_label (before the flips, for
        checks only). `attrs` holds synthetic=True and bayes_accuracy = 1 - noise.

    Raises:
        ValueError: rows or noise out of range.
    """
    if rows < 20:
        raise ValueError(f"rows={rows} is too few for three splits; ask for at least 20.")
    if not 0 <= noise < 0.5:
        raise ValueError(f"noise={noise} is out of range; choose 0 <= noise < 0.5.")
    writer = _Writer(seed)
    texts: dict[str, int] = {}
    while len(texts) < rows:
        # Half of each class; a text drawn before is drawn again.
        side = len(texts) % 2
        texts.setdefault(writer.review(side), side)
    clean = np.fromiter(texts.values(), dtype=np.int64)
    ends = np.round(np.cumsum(list(SHARES.values())) * rows).astype(int)
    split = np.repeat(list(SHARES), np.diff(ends, prepend=0))
    label = clean.copy()
    for part in SHARES:
        members = np.flatnonzero(split == part)
        flipped = writer.random.permutation(members)[: round(noise * len(members))]
        label[flipped] = 1 - label[flipped]
    names = np.array(CLASSES)
    frame = pd.DataFrame(
        {"text": list(texts), "label": names[label], "split": split, "clean_label": names[clean]}
    )
    frame.attrs = {"synthetic": True, "bayes_accuracy": 1.0 - noise}
    return frame


def main(arguments: list[str] | None = None) -> None:
    """Command line: write the sample as CSV."""
    parser = argparse.ArgumentParser(description="Write synthetic reviews as CSV.")
    parser.add_argument("out", type=Path, help="the CSV file to write")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noise", type=float, default=0.03, help="share of labels flipped")
    options = parser.parse_args(arguments)
    try:
        frame = generate(options.rows, options.seed, options.noise)
    except ValueError as error:
        parser.error(str(error))
    with files.whole(options.out) as aside:
        frame.to_csv(aside, index=False)
    print(
        f"{options.out}: {len(frame)} synthetic reviews, "
        f"Bayes accuracy {frame.attrs['bayes_accuracy']:.1%}"
    )


if __name__ == "__main__":
    main()
