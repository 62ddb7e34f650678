"""Utterances of like length together, and what is cut out of their frames while training.

SpecAugment: D. Park et al., Interspeech 2019, sections 2 and 3 (masks of bands and of times).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import keras
import numpy as np

from recipes.speech.alphabet import Alphabet, needed
from recipes.speech.augment import MASKS, Step
from recipes.speech.model import THINNED
from recipes.speech.prepare import Heard

GRAIN = 32  # batches are as long as the longest utterance, up to a multiple of so many frames
JITTER = 0.1  # of an utterance's length: how far sorting by length is blurred, so batches differ


@dataclass(frozen=True)
class Masks:
    """What is cut out of an utterance's frames.

    Attributes:
        steps: of `augment.MASKS`, the least and the most of one mask, in bands or in seconds, and
            for which utterances.
        band_masks: how many of bands. time_masks: how many of times for every second.
        share: most of an utterance that masks of time may take.
    """

    steps: tuple[Step, ...] = (Step("bands", 0, 16), Step("times", 0, 0.3))
    band_masks: int = 2
    time_masks: float = 1.0
    share: float = 0.3

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Masks:
        """Those that a line of changes asks for, see `augment.parsed`."""
        return cls(tuple(step for step in steps if step.name in MASKS))

    def at(self, epoch: int, epochs: int) -> Masks:
        """Those that are cut out in an epoch, from 0, of so many."""
        kept = tuple(step for step in self.steps if step.begin(epochs) <= epoch)
        return replace(self, steps=kept)

    def cut(self, frames: np.ndarray, usual: np.ndarray, random: np.random.Generator) -> None:
        """Put the usual value of each band [d] where something is cut out, in frames [t, d]."""
        count, bands = frames.shape
        left = int(self.share * count)
        for step in self.steps:
            if random.random() >= step.chance:
                continue
            is_bands = step.name == "bands"
            times = self.band_masks if is_bands else random.poisson(self.time_masks * count / 100)
            for _ in range(times):
                if is_bands:
                    least, most = (min(int(each), bands - 1) for each in step.limits)
                    width = random.integers(least, most + 1)
                    first = random.integers(0, bands - width + 1)
                    frames[:, first : first + width] = usual[first : first + width]
                else:
                    least, most = (min(int(each * 100), left) for each in step.limits)
                    width = random.integers(least, most + 1)
                    first = random.integers(0, count - width + 1)
                    frames[first : first + width] = usual
                    left -= width


@dataclass
class Batches:
    """Utterances to learn from or to be judged by.

    Attributes:
        copies: frames of the same utterances, recorded or changed; an epoch takes of each
            utterance one copy, the next one the next time.
        stages: (epoch, copy) pairs: from this epoch on, copies from this one up to the next pair's
            are taken, and no others.
        letters: numbers of each utterance's letters.
        usual: of each band, what stands where something is cut out, float [bands].
        seconds: of sound that a batch has at most, silence that fills it up among it.
        masks: cut out while training; None nothing. epochs: of the whole training.
    """

    copies: Sequence[Heard]
    letters: Sequence[Sequence[int]]
    usual: np.ndarray = field(repr=False)
    seconds: float = 120.0
    masks: Masks | None = None
    epochs: int = 1
    seed: int = 0
    stages: Sequence[tuple[int, int]] = ((0, 0),)

    def planned(self, epoch: int) -> list[list[tuple[int, int]]]:
        """Batches of (utterance, copy), in the order of the epoch."""
        random = np.random.default_rng((self.seed, epoch))
        chosen, counts = self._chosen(epoch)
        short = set(self._too_short(counts).tolist())
        order = np.argsort(counts * random.uniform(1 - JITTER, 1 + JITTER, len(counts)))
        batches, longest = [[]], 0
        for place in order:
            if place in short:
                continue
            longest = max(longest, rounded(counts[place]))
            if batches[-1] and (len(batches[-1]) + 1) * longest > self.seconds * 100:
                batches.append([])
                longest = rounded(counts[place])
            batches[-1].append((int(place), int(chosen[place])))
        return [batches[k] for k in random.permutation(len(batches)) if batches[k]]

    def _chosen(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Of each utterance the copy that this epoch takes, and its frames."""
        begun = [copy for begin, copy in self.stages if begin <= epoch]
        later = [copy for begin, copy in self.stages if begin > epoch]
        count = (later or [len(self.copies)])[0] - begun[-1]
        first = np.random.default_rng(self.seed).integers(0, count, len(self.letters))
        chosen = begun[-1] + (first + epoch) % count
        counts = np.array([each.counts for each in self.copies])
        return chosen, counts[chosen, np.arange(len(chosen))]

    @cached_property
    def _needed(self) -> np.ndarray:
        """Of each utterance the fewest frames of the network's that can spell it, int [n]."""
        return np.array([needed(letters) for letters in self.letters], int)

    def _too_short(self, counts: np.ndarray) -> np.ndarray:
        """Numbers of the utterances that have more letters than frames."""
        return np.flatnonzero(self._needed > -(-counts // THINNED))

    def skipped(self, epochs: int) -> dict[int, int]:
        """Utterances by number that had more letters than frames, and in how many epochs."""
        found: dict[int, int] = {}
        for epoch in range(epochs):
            for place in self._too_short(self._chosen(epoch)[1]).tolist():
                found[place] = found.get(place, 0) + 1
        return found

    def steps(self) -> int:
        """How many batches all epochs have, about."""
        ends = [*(begin for begin, _ in self.stages[1:]), self.epochs]
        return sum(len(self.planned(begin)) * (end - begin)
                   for (begin, _), end in zip(self.stages, ends, strict=True))  # fmt: skip

    def made(self, planned: list[list[tuple[int, int]]], random: np.random.Generator,
             masks: Masks | None = None) -> Iterator[tuple[dict, np.ndarray]]:  # fmt: skip
        """({"frames": float32 [n, t, bands], "count": int32 [n]}, letters int32 [n, l])."""
        for batch in planned:
            found = [np.asarray(self.copies[copy][place], np.float32) for place, copy in batch]
            counts = np.array([len(each) for each in found], np.int32)
            frames = np.zeros((len(batch), rounded(counts.max()), found[0].shape[1]), np.float32)
            for row, each in zip(frames, found, strict=True):
                row[: len(each)] = each
                if masks:
                    masks.cut(row[: len(each)], self.usual, random)
            yield {"frames": frames, "count": counts}, padded([self.letters[place]
                                                                for place, _ in batch])

    def epoch(self, number: int):
        """One epoch's data as Keras takes it: a tf.data.Dataset, or a generator elsewhere."""
        planned = self.planned(number)
        # Another stream of numbers than the one that the plan was drawn from.
        masks = self.masks and self.masks.at(number, self.epochs)
        made = self.made(planned, np.random.default_rng((self.seed, number, 1)), masks)
        if keras.backend.backend() != "tensorflow":
            return _Counted(made, len(planned))
        import tensorflow as tf

        bands = self.copies[0].frames.shape[1]
        signature = ({"frames": tf.TensorSpec((None, None, bands), tf.float32),
                      "count": tf.TensorSpec((None,), tf.int32)},
                     tf.TensorSpec((None, None), tf.int32))  # fmt: skip
        found = tf.data.Dataset.from_generator(lambda: made, output_signature=signature)
        return found.apply(tf.data.experimental.assert_cardinality(len(planned))).prefetch(4)


class _Counted:
    """An iterable whose length is known."""

    def __init__(self, made: Iterator, count: int):
        self.made, self.count = made, count

    def __iter__(self):
        return self.made

    def __len__(self):
        return self.count


def rounded(count: int) -> int:
    """Frames up to a multiple of `GRAIN`."""
    return -(-int(count) // GRAIN) * GRAIN


def padded(letters: Sequence[Sequence[int]]) -> np.ndarray:
    """int32 [n, most letters], 0 beyond each one's end."""
    found = np.zeros((len(letters), max(1, max(map(len, letters)))), np.int32)
    for row, each in zip(found, letters, strict=True):
        row[: len(each)] = each
    return found


def letters_of(transcripts: Sequence[str], alphabet: Alphabet) -> list[list[int]]:
    """Numbers of transcripts that the alphabet can write."""
    return [alphabet.encode(text) for text in transcripts]
