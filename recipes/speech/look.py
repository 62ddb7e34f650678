"""Pictures of speech: what the network sees, when it says what, how its errors fall."""

from __future__ import annotations

import html
import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
from matplotlib.figure import Figure
from scipy.special import softmax

from common import plots
from recipes.speech import errors, prepare
from recipes.speech.alphabet import BLANK, SPACE, Alphabet
from recipes.speech.audio import RATE
from recipes.speech.batches import Masks
from recipes.speech.data import FRAME, Corpus
from recipes.speech.features import STEP, LogMel

SHOWN = 8.0  # seconds of a recording at most


def alignment(samples: np.ndarray, logits: np.ndarray, alphabet: Alphabet, layer: LogMel,
              title: str) -> Figure:  # fmt: skip
    """A spectrogram, and below it each letter's probability where it is likely."""
    plots.use_style()
    samples = samples[: int(SHOWN * RATE)]
    logits = logits[: int(SHOWN / FRAME)]
    energies = keras.ops.convert_to_numpy(layer(samples[None]))[0].T
    chances = softmax(logits, axis=1)
    likely = [k for k in np.argsort(-chances.max(axis=0)) if k != BLANK]
    likely = [k for k in likely if chances[:, k].max() > 0.2] or likely[:1]
    likely.sort(key=lambda k: chances[:, k].argmax())
    figure, (above, below) = plt.subplots(2, 1, figsize=(11, 5.5), sharex=True,
                                          layout="constrained")  # fmt: skip
    seconds = energies.shape[1] * STEP
    below.set_xlim(0, seconds)
    above.imshow(energies, aspect="auto", origin="lower", extent=(0, seconds, 0, layer.bands),
                 cmap="magma")  # fmt: skip
    above.set(title=title, ylabel="mel band")
    above.grid(False)
    times = (np.arange(len(chances)) + 0.5) * FRAME
    for k in likely:
        below.plot(times, chances[:, k])
    best = chances.argmax(axis=1)
    for place in np.flatnonzero((best != BLANK) & (np.diff(best, prepend=BLANK) != 0)):
        name = alphabet.decode([int(best[place])])
        below.annotate("␣" if name == SPACE else name, (times[place], 1.02), ha="center",
                       va="bottom", fontsize="large")  # fmt: skip
    below.plot(times, chances[:, BLANK], color="#bbbbbb", linestyle=":")
    below.set(xlabel="seconds (dotted: blank)", ylabel="probability", ylim=(0, 1.15))
    plt.close(figure)
    return figure


def learned(frames: Sequence[np.ndarray], masks: Masks, usual: np.ndarray, seed: int = 0
            ) -> Figure:  # fmt: skip
    """An utterance's frames as recorded, and its changed copies with parts cut out.

    Args:
        frames: float [t, bands] of the recording, and of copies of it.
    """
    plots.use_style()
    figure, axes = plt.subplots(1, len(frames), figsize=(4 * len(frames), 3), sharey=True,
                                squeeze=False, layout="constrained")  # fmt: skip
    axes = axes[0]
    for place, (axis, each) in enumerate(zip(axes, frames, strict=True)):
        shown = np.array(each, np.float32)
        if place:
            masks.cut(shown, usual, np.random.default_rng((seed, place)))
        axis.imshow(shown.T, aspect="auto", origin="lower", cmap="magma",
                    extent=(0, len(shown) * STEP, 0, shown.shape[1]))  # fmt: skip
        axis.set(title="as recorded" if not place else f"while training, {place}",
                 xlabel="seconds")  # fmt: skip
        axis.grid(False)
    axes[0].set_ylabel("mel band")
    plt.close(figure)
    return figure


def curve(curves: Mapping[str, Sequence[dict]], title: str, goal: float | None = None) -> Figure:
    """Word error rate of the validation part against the minutes of training, by name."""
    plots.use_style()
    figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, points in curves.items():
        axis.plot([point["minutes"] for point in points], [100 * point["wer"] for point in points],
                  marker="o", label=name)  # fmt: skip
    if goal:
        axis.axhline(goal, color="#888888", linestyle="--", label=f"{goal:g} %")
    axis.set(title=title, xlabel="minutes of training", ylabel="word error rate, %")
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    axis.legend()
    plt.close(figure)
    return figure


def picture(corpus: Corpus, found: Mapping[str, pd.DataFrame], samples: np.ndarray,
            logits: np.ndarray, alphabet: Alphabet, layer: LogMel, output_dir: str | Path
            ) -> Figure:  # fmt: skip
    """The run's picture: one recording with its letters, and the error rates in the title."""
    rates = ", ".join(f"{table['word errors'].sum() / table['words'].sum():.1%} {name}"
                      for name, table in found.items())  # fmt: skip
    spoken = "synthetic speech, " if corpus.synthetic else ""
    title = f"{corpus.name} ({spoken}word error rate {rates})"
    figure = alignment(samples, logits, alphabet, layer, title)
    return plots.picture(figure, output_dir)


def player(samples: np.ndarray, rate: int = RATE) -> str:
    """HTML that plays a recording."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="OGG", subtype="VORBIS")
    content = b64encode(buffer.getvalue()).decode()
    return f"<audio controls preload='none' src='data:audio/ogg;base64,{content}'></audio>"


def listen(table: pd.DataFrame) -> str:
    """HTML: rows of `report.written` to be heard, what was said above what was written."""
    blocks = []
    for row in table.itertuples():
        samples = prepare.samples_of(row, RATE)
        name = html.escape(f"{row.speaker} {Path(row.path).name}".strip())
        blocks.append(f"<div style='margin:10px 0'><small>{name}</small><br>{player(samples)}"
                      f"{errors.coloured(row.transcript, row.said)}</div>")  # fmt: skip
    return "".join(blocks)
