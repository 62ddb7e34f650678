"""Small things that several tests share: a toy corpus, and a classifier trained on it once."""

import numpy as np
import pytest

from common.validation import Report
from recipes.text_cnn.data import Fold
from recipes.text_cnn.settings import Settings
from recipes.text_cnn.textdata import assemble
from recipes.text_cnn.train import train_classifier

NETWORK = {"dimension": 8, "piece_dimension": 8, "filters": 6, "windows": (1, 2)}
GOOD, BAD = ("good", "lovely", "superb", "charming"), ("bad", "awful", "dull", "dreadful")


def toy_corpus(rows: int = 240):
    """Sentences whose class is plain to see, with words of both classes in turn."""
    random = np.random.default_rng(5)
    texts, labels = [], []
    for row in range(rows):
        label = row % 2
        word = random.choice(GOOD if label else BAD)
        filler = " ".join(random.choice(["the", "a", "film", "plot", "is", "was"], 4))
        texts.append(f"{filler} {word} {random.integers(100)} .")
        labels.append(label)
    split = np.array(["train"] * (rows - 80) + ["validation"] * 40 + ["test"] * 40)
    return assemble(
        texts, np.array(labels), split, Report("toy"), name="toy", synthetic=True,
        classes=["negative", "positive <b>"], licence="none", citation="",
    )  # fmt: skip


@pytest.fixture(scope="session")
def corpus():
    return toy_corpus()


@pytest.fixture(scope="session")
def fold(corpus):
    parts = [np.flatnonzero(corpus.split == part) for part in ("train", "validation", "test")]
    return Fold(0, *parts, repeated=0)


@pytest.fixture(scope="session")
def settings():
    return Settings(
        epochs=4, batch_size=16, learning_rate=0.02, minimum_count=1, buckets=500, network=NETWORK
    )


@pytest.fixture(scope="session")
def classifier(corpus, fold, settings):
    return train_classifier(settings, corpus, fold, None, members=2, log=None)[0]


@pytest.fixture(scope="session")
def networks_alone(corpus, fold, settings):
    return train_classifier(settings, corpus, fold, None, members=2, linear="none", log=None)[0]


@pytest.fixture(scope="session")
def beside(corpus, fold, settings):
    return train_classifier(settings, corpus, fold, None, members=2, linear="beside", log=None)[0]
