"""What tests of this folder share: a cache of their own, and a network that was never taught."""

import keras
import numpy as np
import pytest

from common.vision.tests.conftest import own_cache
from recipes.speech.alphabet import Alphabet
from recipes.speech.model import Recogniser
from recipes.speech.ngram import estimate
from recipes.speech.transcriber import Transcriber

__all__ = ["own_cache"]
LETTERS = " abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="session")
def untaught():
    """A transcriber that writes nonsense, always the same."""
    keras.utils.set_random_seed(1)  # of the first weights, whichever test asks first
    model = Recogniser(1 + len(LETTERS), bands=16, width=16, blocks=2, kernel=5, right=2, seed=1)
    model.learn_scale([np.random.default_rng(0).normal(-6, 3, size=(50, 16))])
    language = estimate([["go", "on"], ["stop"], ["a", "dog"], ["yes"], ["no"]], 2)
    return Transcriber(model, Alphabet(LETTERS), language, synthetic=True)
