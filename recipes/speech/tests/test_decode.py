"""The beam finds what weighing every path finds; models, hot words and times are what they say."""

import itertools

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from recipes.speech.alphabet import BLANK, SPACE, Alphabet
from recipes.speech.data import FRAME
from recipes.speech.decode import LETTERS, Decoder, Search, best_path, tuned
from recipes.speech.ngram import estimate

AB = Alphabet(" ab")
SENTENCES = [line.split() for line in ("a ab", "b", "ab b", "a a", "ab", "b ab", "a b b")]
WIDE = dict(readings=1_000_000, beam=5000, letters=4, threshold=1e4)


@pytest.fixture(scope="module")
def words():
    return estimate(SENTENCES, 2)


def weighed(logits, alphabet, bonus):
    """Every path of letters by its text: log of the sum, and what the text itself adds."""
    chances, texts = log_softmax(logits, axis=1), {}
    for path in itertools.product(range(alphabet.size), repeat=len(logits)):
        text = " ".join(alphabet.collapse(path).split())
        texts.setdefault(text, []).append(chances[range(len(path)), path].sum())
    found = {text: logsumexp(each) + bonus(text) for text, each in texts.items()}
    return {text: score for text, score in found.items() if np.isfinite(score)}


@pytest.mark.parametrize("seed", range(6))
def test_the_search_over_words_is_that_of_every_path(words, seed):
    logits = 2 * np.random.default_rng(seed).normal(size=(5, 4))
    alpha, beta = 1.3, 0.4

    def bonus(text):
        spoken = text.split()
        if set(spoken) - words.vocabulary:
            return -np.inf
        return alpha * words.score(spoken) + beta * len(spoken)

    wanted = weighed(logits, AB, bonus)
    found = Decoder(AB, words).search(Search(**WIDE, alpha=alpha, beta=beta))(logits)
    best = sorted(wanted, key=wanted.get)[-3:][::-1]
    assert [each.text for each in found[:3]] == best
    np.testing.assert_allclose([each.score for each in found[:3]],
                               [wanted[text] for text in best], atol=1e-3)  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_letters_alone_and_with_a_model_of_letters(seed):
    logits = 2 * np.random.default_rng(seed).normal(size=(5, 4))
    wanted = weighed(logits, AB, lambda text: 0.0)
    found = Decoder(AB).search(Search(**WIDE))(logits)
    assert found[0].text == max(wanted, key=wanted.get)
    model = estimate([list("|".join(line)) for line in SENTENCES], 3)
    given = Decoder(AB, model, LETTERS).search(Search(**WIDE, alpha=30))(logits)
    scores = {each.text: model.score(list(each.text.replace(" ", "|"))) for each in found}
    assert scores[given[0].text] >= np.median(list(scores.values()))


def spelled(text, alphabet, frames=3, sure=6.0):
    """Logits that spell a text, each letter over some frames and a blank after it."""
    path = [number for letter in alphabet.encode(text) for number in [letter] * frames + [BLANK]]
    return sure * np.eye(alphabet.size)[path]


def test_words_have_times_and_confidence():
    alphabet = Alphabet(" abcdeghnopst")
    model = estimate([["stop", "the", "bed"], ["go", "on"]], 2)
    logits = spelled("stop the bed", alphabet)
    found = Decoder(alphabet, model).search()(logits)[0]
    assert found.text == best_path(logits, alphabet) == "stop the bed"
    assert [word.text for word in found.words] == ["stop", "the", "bed"]
    times = [(word.begin, word.end) for word in found.words]
    np.testing.assert_allclose(times[0], (0, 15 * FRAME))
    np.testing.assert_allclose(times[1], (20 * FRAME, 31 * FRAME))
    assert all(0.9 < word.confidence <= 1 + 1e-9 for word in found.words)
    doubtful = Decoder(alphabet, model).search(Search(alpha=0))(0.03 * logits)
    assert min(word.confidence for word in doubtful[0].words) < 0.9
    assert sum(each.confidence for each in doubtful) == pytest.approx(1)
    assert len(doubtful) == Search().readings
    fewer = Decoder(alphabet, model).search(Search(alpha=0, readings=2))(0.03 * logits)
    assert len(fewer) == 2 and sum(each.confidence for each in fewer) == pytest.approx(1)


def test_hot_words_are_preferred_even_if_the_model_has_them_not(words):
    alphabet = Alphabet(" abc")
    # The last letter is c a little more than b, but the model has no such word.
    logits = spelled("ab", alphabet)
    b, c = alphabet.encode("bc")
    logits[4:7, [b, c]] = 3, 3.1
    plain = Decoder(alphabet, words).search(Search(alpha=2))(logits)[0]
    assert plain.text == "ab" and best_path(logits, alphabet) == "ac"
    hot = Decoder(alphabet, words, hot={"ac": 6.0}).search(Search(alpha=2))(logits)[0]
    assert hot.text == "ac"
    with pytest.raises(ValueError, match="xyz.* cannot be written with"):
        Decoder(alphabet, words, hot={"xyz": 1.0})
    with pytest.raises(ValueError, match="'ac'.* are boosted in a model of words; give one"):
        Decoder(alphabet, hot={"ac": 1.0})


def test_weights_are_chosen_where_errors_are_fewest(words):
    random = np.random.default_rng(0)
    texts = [" ".join(line) for line in SENTENCES]
    logits = [spelled(text, AB, sure=2) + random.normal(size=(4 * len(text), 4)) for text in texts]
    decoder = Decoder(AB, words)
    chosen, tried = tuned(decoder, logits, texts, alphas=(0, 1, 4), betas=(-2, 0, 2))
    assert len(tried) == 9
    best = min(tried, key=lambda each: each["wer"])
    own = next(each for each in tried
               if (each["alpha"], each["beta"]) == (chosen.alpha, chosen.beta))  # fmt: skip
    assert own["wer"] == best["wer"]


def test_silence_and_nothing(words):
    assert Decoder(AB, words).search()(np.zeros((0, 4)))[0].text == ""
    silent = 9 * np.eye(4)[[BLANK] * 6]
    assert Decoder(AB, words).search()(silent)[0].text == best_path(silent, AB) == ""
    spaces = 9 * np.eye(4)[[1, 1, BLANK, 1]]
    assert Decoder(AB, words).search()(spaces)[0].text == best_path(spaces, AB) == ""
    with pytest.raises(ValueError, match="upper case"):
        Decoder(AB, estimate([["A", "AB"], ["B"]], 2))
    with pytest.raises(ValueError, match="needs a space"):
        Decoder(Alphabet("ab"), words)


def test_what_ends_within_a_word_is_no_word():
    known = Decoder(AB, estimate([["abb", "a"], ["a"]], 2))
    logits = np.full((6, 4), -9.0)
    logits[range(6), AB.encode("a ab") + [BLANK, BLANK]] = 9
    assert known.search(Search(beam=1, letters=1))(logits)[0].text == "a"
    wide = known.search(Search(beam=50, letters=4, threshold=99))(logits)
    assert {word for each in wide for word in each.text.split()} == {"a", "abb"}


def test_any_script_by_its_bytes():
    alphabet = Alphabet()
    model = estimate([["ja", "ök"], ["über", SPACE.join("é")]], 2)
    logits = spelled("über ök", alphabet, frames=2)
    assert Decoder(alphabet, model).search(Search(letters=20))(logits)[0].text == "über ök"
