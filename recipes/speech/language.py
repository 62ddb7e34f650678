"""The language model of a corpus, and a network joined with it.

It counts n-grams of the training transcripts, and of a text of the user's: of words, or of letters
where words hardly ever come twice.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from common.validation import DataError
from recipes.speech.alphabet import SPACE, Alphabet, normalised
from recipes.speech.data import PARTS, Corpus
from recipes.speech.decode import LETTERS, WORDS, Decoder, tuned
from recipes.speech.model import Recogniser
from recipes.speech.ngram import NGram, estimate
from recipes.speech.report import heard
from recipes.speech.transcriber import Transcriber

TUNED = 500  # utterances that the weights are chosen on, at most
ORDERS = {WORDS: 4, LETTERS: 6}  # KenLM as it is shipped goes up to 6


def unit_of(corpus: Corpus, text: str | Path | None = None) -> str:
    """Letters, where most words of the validation part are in no text to count.

    A finished model is of words, unless it has nothing but letters; raises as `of_corpus`.
    """
    if text and str(text).endswith(".arpa"):
        vocabulary = of_corpus(corpus, text).vocabulary
        return LETTERS if vocabulary <= set(corpus.alphabet.names) else WORDS
    known, held = ({word for line in corpus.own(part)["transcript"] for word in line.split()}
                   for part in ("train", "validation"))  # fmt: skip
    known |= {word for line in (lines_of(text, corpus) if text else []) for word in line}
    return LETTERS if len(held - known) > len(held & known) else WORDS


def of_corpus(corpus: Corpus, text: str | Path | None = None, unit: str = WORDS) -> NGram:
    """n-grams of the training transcripts (not of those that other sets lent), and of the lines of
    a text file if one is given.

    A path that ends with .arpa is a finished model and is read as it is.

    Args:
        unit: what is counted, "words" or "letters".

    Raises:
        DataError: the file cannot be read, or holds no word that the alphabet can write.
    """
    if text and str(text).endswith(".arpa"):
        if not Path(text).expanduser().is_file():
            raise DataError(f"TEXT={str(text)!r} does not exist.")
        return NGram.read(Path(text).expanduser())
    lines = corpus.own("train")["transcript"].tolist()
    lines += [SPACE.join(words) for words in (lines_of(text, corpus) if text else [])]
    return estimate([units(line, corpus.alphabet, unit) for line in lines], ORDERS[unit])


def units(line: str, alphabet: Alphabet, unit: str) -> list[str]:
    """Words or letters of a normalised line, as a model writes them."""
    if unit == WORDS:
        return line.split()
    return [alphabet.names[number - 1] for number in alphabet.encode(line)]


def lines_of(path: str | Path, corpus: Corpus) -> list[list[str]]:
    """Words of each line that can be written in the corpus's alphabet; others are left out."""
    try:
        content = Path(path).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"TEXT={str(path)!r} cannot be read as UTF-8 text ({error}).") from None
    found = [[word for word in normalised(line).split() if not corpus.alphabet.unknown(word)]
             for line in content.splitlines()]  # fmt: skip
    found = [line for line in found if line]
    if not found:
        raise DataError(f"TEXT={str(path)!r} holds no word in {corpus.alphabet.letters!r}.")
    return found


def joined(model: Recogniser, corpus: Corpus, language: NGram, unit: str = WORDS
           ) -> tuple[Transcriber, list[dict]]:  # fmt: skip
    """A network with a language model, and the weights of both that were tried, see `tuned`.

    They are chosen on the validation part, on its first `TUNED` utterances.
    """
    plain = Transcriber(model, corpus.alphabet, synthetic=corpus.synthetic)
    decoder, rows = Decoder(corpus.alphabet, language, unit), corpus.rows
    held = rows.index[rows["split"] == "validation"]
    few = replace(corpus, rows=rows.drop(held[TUNED:]))
    search, tried = tuned(decoder, heard(few, plain, "validation"),
                          few.part("validation")["transcript"].tolist())  # fmt: skip
    return replace(plain, language=language, unit=unit, search=search), tried


def facts(model: NGram, corpus: Corpus, unit: str = WORDS) -> pd.DataFrame:
    """Perplexity by word or letter and the share of unknown ones, a row for each part."""
    rows = {}
    for part in PARTS:
        perplexity, unknown = model.perplexity(
            [units(text, corpus.alphabet, unit) for text in corpus.own(part)["transcript"]])
        rows[part] = {f"perplexity by {unit.rstrip('s')}": round(perplexity, 1),
                      f"unknown {unit}": f"{unknown:.2%}"}  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index")
