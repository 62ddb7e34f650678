"""The language model of a corpus, and a network joined with it.

It counts n-grams of the training transcripts, and of a text of the user's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from common.validation import DataError
from recipes.speech.alphabet import normalised
from recipes.speech.data import PARTS, Corpus
from recipes.speech.decode import Decoder, tuned
from recipes.speech.model import Recogniser
from recipes.speech.ngram import NGram, estimate
from recipes.speech.report import heard
from recipes.speech.transcriber import Transcriber

ORDER = 4  # words


def of_corpus(corpus: Corpus, text: str | Path | None = None, order: int = ORDER) -> NGram:
    """n-grams of the training transcripts, and of the lines of a text file if one is given.

    A path that ends with .arpa is a finished model and is read as it is.

    Raises:
        DataError: the file cannot be read, or holds no word that the alphabet can write.
    """
    if text and str(text).endswith(".arpa"):
        if not Path(text).expanduser().is_file():
            raise DataError(f"TEXT={str(text)!r} does not exist.")
        return NGram.read(Path(text).expanduser())
    sentences = [line.split() for line in corpus.part("train")["transcript"]]
    return estimate(sentences + (lines_of(text, corpus) if text else []), order)


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


def joined(model: Recogniser, corpus: Corpus, language: NGram) -> tuple[Transcriber, list[dict]]:
    """A network with a language model, and the weights of both that were tried, see `tuned`.

    They are chosen on the validation part, greedily heard.
    """
    plain = Transcriber(model, corpus.alphabet, synthetic=corpus.synthetic)
    search, tried = tuned(Decoder(corpus.alphabet, language), heard(corpus, plain, "validation"),
                          corpus.part("validation")["transcript"].tolist())  # fmt: skip
    return replace(plain, language=language, search=search), tried


def facts(model: NGram, corpus: Corpus) -> pd.DataFrame:
    """Perplexity by word and the share of unknown words, a row for each part of the corpus."""
    rows = {}
    for part in PARTS:
        perplexity, unknown = model.perplexity(
            [text.split() for text in corpus.part(part)["transcript"]])  # fmt: skip
        rows[part] = {"perplexity": round(perplexity, 1), "unknown words": f"{unknown:.2%}"}
    return pd.DataFrame.from_dict(rows, orient="index")
