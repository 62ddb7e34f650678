"""The synthetic reviews: their true sentiment can be read off the text, and only in order."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from data_scripts import sample_text_cnn as sample
from recipes.text_cnn import data as text_data

SPELLINGS = {  # every spelling of a word that takes sides -> 0 blames, 1 praises
    spelling: side
    for side in (0, 1)
    for word in sample.ADJECTIVES[side]
    for spelling in [word, *sample.misspellings(word)]
} | {noun: side for side in (0, 1) for noun in sample.NOUNS[side]}
ASIDE = ("weather", "bus driver", "calls the old", "elsewhere", "next door", "journey", " day .")


def side_of_claim(words: str) -> int:
    (first, *others) = [SPELLINGS[word] for word in words.split() if word in SPELLINGS]
    assert all(other == first for other in others)
    turned = re.search(r"\b(not|never|hardly|nobody|anything but|far from)\b", words)
    if re.search(r"\b(not only|cannot deny|never fails|never less than)\b", words):
        turned = None
    return first if not turned else 1 - first


def read_like_the_grammar(text: str) -> int:
    """Decode a review with the rules of the module's docstring and nothing else."""
    sentences = [s.strip().lower() for s in re.split(r"(?<= \.) ", text)]
    told = [
        s
        for s in sentences
        if set(s.split()) & set(SPELLINGS) and not any(cue in s for cue in ASIDE)
    ]
    (verdict,) = told
    strong = re.search(rf"\b({'|'.join(w.strip() for w in sample.STRONG)}) (\w+)", verdict)
    if strong:
        return SPELLINGS[strong[2]]
    verdict = verdict.replace("anything but", "hardly")
    if match := re.fullmatch(r"although .*? , (.*)", verdict):
        return side_of_claim(match[1])
    if match := re.fullmatch(r"despite the \w+ \w+ , (.*)", verdict):
        return side_of_claim(match[1])
    if match := re.fullmatch(r"(.*) (?:, although|despite the) .*", verdict):
        return side_of_claim(match[1])
    if match := re.fullmatch(r".* , but (.*)", verdict):
        return side_of_claim(match[1])
    return side_of_claim(verdict.partition(" , and ")[0])


@pytest.fixture(scope="module")
def reviews():
    return sample.generate()


def test_no_misspelling_changes_sides():
    spellings = [
        {s for word in sample.ADJECTIVES[side] for s in [word, *sample.misspellings(word)]}
        for side in (0, 1)
    ]
    assert not spellings[0] & spellings[1]
    others = " ".join(
        sample.PLAIN + sample.NEGATED + sample.SEEMING + sample.NEUTRAL + sample.BESIDE
    )
    assert not (spellings[0] | spellings[1]) & set(re.findall(r"\w+", others.lower()))


def test_every_text_has_one_sentiment_that_can_be_read_off(reviews):
    read = reviews["text"].map(read_like_the_grammar)
    assert (np.array(sample.CLASSES)[read] == reviews["clean_label"]).all()
    # So the reader of the grammar reaches exactly the Bayes accuracy, in each part.
    for _, part in reviews.groupby("split"):
        right = np.array(sample.CLASSES)[read[part.index]] == part["label"]
        assert right.mean() == pytest.approx(reviews.attrs["bayes_accuracy"], abs=1 / len(part))


def test_texts_differ_and_classes_are_balanced(reviews):
    assert reviews["text"].is_unique
    assert (reviews["clean_label"] == "positive").mean() == 0.5
    assert reviews["split"].value_counts().to_dict() == {
        "train": 2800,
        "test": 800,
        "validation": 400,
    }
    assert reviews.attrs["synthetic"]
    words = " ".join(reviews["text"]).split()
    assert 10 < len(words) / len(reviews) < 25
    assert (pd.Series(words).value_counts() == 1).sum() > 200  # rare words and misspellings


def test_a_bag_of_words_stays_far_below_the_bayes_accuracy(reviews):
    train, test = reviews[reviews["split"] == "train"], reviews[reviews["split"] == "test"]
    for longest in (1, 2):
        vectorizer = TfidfVectorizer(ngram_range=(1, longest), sublinear_tf=True)
        model = LogisticRegression(C=3, max_iter=1000)
        model.fit(vectorizer.fit_transform(train["text"]), train["label"])
        accuracy = model.score(vectorizer.transform(test["text"]), test["label"])
        assert 0.65 < accuracy < reviews.attrs["bayes_accuracy"] - 0.08


def test_the_seed_alone_decides(reviews):
    assert sample.generate(100, seed=7).equals(sample.generate(100, seed=7))
    assert not sample.generate(100, seed=7).equals(sample.generate(100, seed=8))
    # On every machine and Python: these are the first words of seed 0.
    assert reviews["text"][0] == "The building is far from pleasant ."


def test_noise_of_any_size_is_exact():
    clean = sample.generate(200, noise=0.0)
    assert (clean["label"] == clean["clean_label"]).all() and clean.attrs["bayes_accuracy"] == 1
    noisy = sample.generate(200, noise=0.2)
    assert (noisy["label"] != noisy["clean_label"]).sum() == 40


@pytest.mark.parametrize("wrong", [{"rows": 5}, {"noise": 0.5}, {"noise": -0.1}])
def test_wrong_parameters_are_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        sample.generate(**wrong)


def test_command_line_writes_a_file_that_the_door_of_users_reads(tmp_path, capsys):
    out = tmp_path / "new" / "reviews.csv"
    sample.main([str(out), "--rows", "100", "--seed", "2"])
    assert "100 synthetic reviews, Bayes accuracy 97.0%" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["reviews.csv"]
    data = text_data.load(out, strict=True)
    assert data.classes == ["negative", "positive"]
    assert data.texts.tolist() == sample.generate(100, 2)["text"].to_list()
    with pytest.raises(SystemExit):
        sample.main([str(out), "--rows", "3"])
    assert "rows=3 is too few" in capsys.readouterr().err
