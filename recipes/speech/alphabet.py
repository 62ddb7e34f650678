"""Letters as numbers for the network, and numbers as letters; any language, by letters or by bytes.

Number 0 is the blank of connectionist temporal classification (A. Graves et al., ICML 2006).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BLANK = 0
SPACE = " "
RARE = 3  # a letter in fewer transcripts is foreign to them, if they are many
MANY = 50  # transcripts for each one by which that grows
BYTES = "bytes"


@dataclass(frozen=True)
class Alphabet:
    """What can be written.

    Attributes:
        letters: in the order of their numbers, from 1; empty: the bytes of UTF-8.
    """

    letters: str = ""

    @classmethod
    def learned(cls, transcripts: Sequence[str]) -> Alphabet:
        """Of normalised transcripts: letters that several of them hold, and the space.

        Raises:
            ValueError: no letter is in so many.
        """
        rare = min(RARE, 1 + len(transcripts) // MANY)
        held = Counter(letter for text in transcripts for letter in set(text))
        letters = sorted(letter for letter, count in held.items()
                         if count >= rare and not letter.isdigit())  # fmt: skip
        if not set(letters) - {SPACE}:
            raise ValueError(f"No letter is in {rare} transcripts or more; give an alphabet, or "
                             "more recordings.")  # fmt: skip
        # A corpus of single words has no space, but what is recognised later may have several.
        return cls("".join(sorted({SPACE, *letters})))

    @classmethod
    def of_letters(cls, several: Iterable[str]) -> Alphabet:
        """Every letter of several alphabets."""
        return cls("".join(sorted(set().union(*several))))

    @property
    def size(self) -> int:
        """How many classes a network needs, the blank among them."""
        return 1 + (len(self.letters) or 256)

    def encode(self, text: str) -> list[int]:
        """Numbers of a normalised text.

        Raises:
            ValueError: a letter that is none of the alphabet's.
        """
        if not self.letters:
            return [1 + byte for byte in text.encode("utf-8")]
        if unknown := self.unknown(text):
            raise ValueError(f"{text!r} holds {', '.join(map(repr, unknown))}, which the alphabet "
                             "has not.")  # fmt: skip
        return [1 + self.letters.index(letter) for letter in text]

    def unknown(self, text: str) -> list[str]:
        """Letters of a text that the alphabet has not, each once."""
        return [] if not self.letters else sorted(set(text) - set(self.letters))

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of numbers without blanks; bytes that are no UTF-8 become question marks."""
        if self.letters:
            return "".join(self.letters[number - 1] for number in numbers)
        return bytes(number - 1 for number in numbers).decode("utf-8", "replace")

    @property
    def names(self) -> list[str]:
        """Of the numbers from 1 on, as a model of letters writes them: no space within."""
        if not self.letters:
            return [f"<{byte:02x}>" for byte in range(256)]
        return ["|" if letter == SPACE else letter for letter in self.letters]

    def collapse(self, numbers: Iterable[int]) -> str:
        """The text of a best path: repetitions and blanks away (Graves 2006, equation 1)."""
        kept, last = [], BLANK
        for number in numbers:
            if number not in (BLANK, last):
                kept.append(int(number))
            last = number
        return self.decode(kept)

    def frames_needed(self, text: str) -> int:
        """The fewest frames that can spell a text: a blank must stand between two equal letters."""
        return needed(self.encode(text))


def needed(letters: Sequence[int]) -> int:
    """The fewest frames that can spell letters: a blank stands between two equal ones."""
    return len(letters) + sum(a == b for a, b in zip(letters, letters[1:], strict=False))


def normalised(text: str) -> str:
    """A transcript as it is spoken: composed letters in lower case, one space between words.

    Punctuation becomes a space but for apostrophes and hyphens within words.
    """
    text = unicodedata.normalize("NFC", text).lower().replace("’", "'").replace("‐", "-")
    kept = []
    for place, letter in enumerate(text):
        before, after = text[place - 1 : place].isalpha(), text[place + 1 : place + 2].isalpha()
        is_word = unicodedata.category(letter)[0] in "LMN"
        # An apostrophe may also begin or end a word: 'tis, the boys'.
        is_kept = letter == "'" and (before or after) or letter == "-" and before and after
        kept.append(letter if is_word or is_kept else SPACE)
    return SPACE.join("".join(kept).split())


def digits_in(text: str) -> str:
    """The first number that a text writes in digits, or nothing; nobody knows how it was spoken."""
    for word in text.split():
        if any(letter.isdigit() for letter in word):
            return word
    return ""
