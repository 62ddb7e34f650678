"""Strings of digits: one speaker each, every recording where it belongs, the same for a seed."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from common.validation import DataError
from recipes.speech import layouts, strings
from recipes.speech.layouts import DIGITS

RATE = strings.RATE


@pytest.fixture(scope="module")
def singles(tmp_path_factory):
    """Three speakers with seven recordings of each digit, a pitch for each digit."""
    folder = tmp_path_factory.mktemp("digits") / "recordings"
    folder.mkdir()
    time = np.arange(RATE // 4) / RATE
    for place, speaker in enumerate(("ada", "bob", "cyd")):
        for digit in range(10):
            for number in range(7):
                tone = 0.3 * np.sin(2 * np.pi * (300 + 200 * digit + 20 * place) * time)
                soundfile.write(folder / f"{digit}_{speaker}_{number}.wav", tone, RATE)
    return layouts.read(folder).rows


@pytest.fixture(scope="module")
def table(singles, own_cache):
    folder = strings.joined(singles, "bob")
    return pd.read_csv(folder / "strings.csv").assign(folder=folder)


def test_the_one_who_is_left_out_is_tested_and_nobody_else(table):
    parts = table.groupby("speaker")["split"].agg(set)
    assert parts["bob"] == {"test"} and parts["ada"] == parts["cyd"] == {"train", "validation"}
    counts = table["transcript"].str.split().str.len().groupby(
        [table["split"], table["speaker"]]).sum()  # fmt: skip
    assert counts["test"].to_dict() == {"bob": 70}
    assert counts["validation"].to_dict() == {"ada": 50, "cyd": 50}
    assert counts["train"].to_dict() == {"ada": 3 * 20, "cyd": 3 * 20}
    assert table["transcript"].str.split().str.len().between(strings.FEWEST, 9).all()


def test_what_is_heard_is_what_is_written(table):
    for row in table.head(8).itertuples():
        samples, rate = soundfile.read(row.folder / row.wav_filename)
        assert rate == RATE and row.wav_filesize == 44 + 2 * len(samples)
        loud = np.abs(samples) > 0.01
        edges = np.flatnonzero(np.diff(np.convolve(loud, np.ones(160), "same") > 0))
        heard = []
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            piece = samples[begin:end]
            peak = np.argmax(np.abs(np.fft.rfft(piece, RATE)))
            heard.append(DIGITS[round((peak - 300) / 200)])
        assert " ".join(heard) == row.transcript


def test_the_seed_and_who_is_out_decide(singles, table):
    assert strings.joined(singles, "bob") == table["folder"].iloc[0]
    assert strings.joined(singles, "bob", seed=1) != strings.joined(singles, "ada")
    with pytest.raises(DataError, match="speaker 'eve' is none of ada, bob, cyd"):
        strings.joined(singles, "eve")
