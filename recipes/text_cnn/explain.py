"""Which n-grams decided: an exact account of a sentence's class scores.

The class scores of these networks are linear in the pooled features, and each pooled feature is
the response of one filter to one n-gram (maximum) or the average of its responses (mean). So,
beside the sum of the linear model's n-grams,

    score[c] = bias[c] + sum over filters and places of share[place, filter] * weight[filter, c]

holds to the last bit of rounding, without any approximation by gradients. Every share is handed
in equal parts to the words under the filter. The linear model's scores are a sum over n-grams to
begin with, each shared by its first and last word, so the account is exact for the whole
classifier. (A filter over words that carry evidence also hears, through it, of the linear model's
n-grams that reach beyond its window, such as a "not" a few words before.) Two more views: the
n-grams that each filter likes best, and coloured text.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from recipes.text_cnn.classifier import SentenceClassifier
from recipes.text_cnn.linear import LinearNgrams
from recipes.text_cnn.model import WordConvolution
from recipes.text_cnn.ngrams import lowered
from recipes.text_cnn.text import Encoder, chunks, token_lists

TOGETHER = 64  # sentences that go through a network at a time


@dataclass(frozen=True)
class Explanation:
    """Attributions of one sentence.

    Attributes:
        tokens: the words as read.
        scores: float [tokens, classes], what each word adds to each class score.
        bias: float [classes]; `scores.sum(0) + bias` is what the softmax is taken of.
        fired: list of (n-gram, class number, contribution), strongest first.
    """

    tokens: list[str]
    scores: np.ndarray
    bias: np.ndarray
    fired: list[tuple[str, int, float]]


def explain(classifier: SentenceClassifier, text: str) -> Explanation:
    """Attribute the class scores of one sentence to its words, networks and linear model alike."""
    tokens = token_lists([text], lower=False)[0]
    scores = np.zeros((len(tokens), len(classifier.classes)))
    bias = np.zeros(len(classifier.classes))
    fired: dict[str, np.ndarray] = {}
    weight = 1 / len(classifier.members)
    for member in classifier.members:
        view = FilterView(member, classifier.encoder, classifier.linear)
        for gram, words, added in view.contributions(text):
            _hand_out(gram, words, weight * added, scores, bias, fired)
        bias += weight * view.bias
        if classifier.linear and "evidence" not in view.inputs:  # else it is in the network's
            bias += weight * classifier.linear.bias
    if classifier.linear:
        scores += classifier.linear.token_evidence([text])[0]
        for firsts, lasts, every in classifier.linear.parts(lowered(next(chunks([text])))):
            triples = zip(firsts.numpy(), lasts.numpy(), every.numpy(), strict=True)
            for first, last, added in triples:
                gram = " ".join(tokens[first : last + 1]).lower()
                fired[gram] = fired.get(gram, 0) + added
    ranked = []
    for gram, added in fired.items():
        centred = added - added.mean()
        ranked.append((gram, int(centred.argmax()), float(centred.max())))
    ranked.sort(key=lambda item: -item[2])
    return Explanation(tokens, scores, bias, ranked)


def _hand_out(gram, words, added, scores, bias, fired) -> None:
    if not len(words):
        bias += added  # a window of padding alone belongs to no word
        return
    scores[words.start : words.stop] += added / len(words)
    key = gram.lower()
    fired[key] = fired.get(key, 0) + added


class FilterView:
    """Opens a network of `model.py` at its convolutions."""

    def __init__(self, model: keras.Model, encoder: Encoder, linear: LinearNgrams | None = None):
        self.encoder, self.linear = encoder, linear
        self.inputs = [tensor.name for tensor in model.inputs]
        kinds = (keras.layers.Conv1D, WordConvolution)  # ours; the paper's
        self.windows = [layer for layer in model.layers if isinstance(layer, kinds)]
        self.widths = [int(layer.name.removeprefix("window_")) for layer in self.windows]
        self.ours = isinstance(self.windows[0], keras.layers.Conv1D)  # masked, with mean pooling
        self.kernel, self.bias = (
            keras.ops.convert_to_numpy(value) for value in model.get_layer("logits").weights
        )
        self.probe = keras.Model(model.inputs, [layer.output for layer in self.windows])

    def activations(self, text: str) -> tuple[list[str], list[np.ndarray], list[int]]:
        """Tokens, responses [places, filters] of each window, and the first token of place 0."""
        return next(self.all_activations([text]))

    def all_activations(self, texts) -> Iterator[tuple[list[str], list[np.ndarray], list[int]]]:
        """The same for each of some texts, in their order; those of one length go together."""
        texts = list(texts)
        tokens, encoded = token_lists(texts, lower=False), self.encoder.encode(texts)
        evidence = np.concatenate(self.linear.token_evidence(texts)) if self.linear else None
        offsets = [-((width - 1) // 2) if self.ours else -width for width in self.widths]
        found: list[list[np.ndarray]] = [[] for _ in texts]
        for length in np.unique(encoded.lengths):
            alike = np.flatnonzero(encoded.lengths == length)
            for start in range(0, len(alike), TOGETHER):
                rows = alike[start : start + TOGETHER]
                given = encoded.inputs(rows)
                if evidence is not None:
                    given["evidence"] = encoded.padded(evidence, rows)
                outputs = self.probe({name: given[name] for name in self.inputs})
                outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
                for out in map(keras.ops.convert_to_numpy, outputs):
                    for row, response in zip(rows, out, strict=True):
                        # Nothing but padding is masked after the convolution.
                        found[row].append(response * 0 if self.ours and not length else response)
        for own, responses in zip(tokens, found, strict=True):
            yield own, responses, offsets

    def contributions(self, text: str) -> list[tuple[str, range, np.ndarray]]:
        """What each n-gram adds to the class scores, as (n-gram, its words, float [classes])."""
        tokens, responses, offsets = self.activations(text)
        count, row, found = len(tokens), 0, []
        for width, response, offset in zip(self.widths, responses, offsets, strict=True):
            filters = response.shape[1]
            share = np.zeros_like(response, dtype=float)  # [places, filters]
            share[response.argmax(0), np.arange(filters)] = response.max(0)
            added = share @ self.kernel[row : row + filters]
            row += filters
            if self.ours:  # the mean follows the maximum
                mean = response[:count] / max(count, 1)
                added[: len(mean)] += mean @ self.kernel[row : row + filters]
                row += filters
            for place, score in enumerate(added):
                first = place + offset
                words = range(max(first, 0), max(min(first + width, count), max(first, 0)))
                found.append((" ".join(tokens[words.start : words.stop]), words, score))
        return found

    def strongest_ngrams(
        self, texts, classes: list[str], filters: int = 8, examples: int = 5
    ) -> pd.DataFrame:
        """The n-grams that the most decisive filters respond to most.

        Args:
            texts: sentences to search.
            classes: class names.
            filters: rows of the table; those whose response moves the scores most.
            examples: n-grams per row.

        Returns:
            Table with window, filter, class, pull (score per unit of response times mean peak
            response) and n-grams.
        """
        best: dict[tuple[int, int], dict[str, float]] = {}
        peaks = [np.zeros(layer.filters) for layer in self.windows]
        for tokens, responses, offsets in self.all_activations(texts):
            for number, (response, offset) in enumerate(zip(responses, offsets, strict=True)):
                width = self.widths[number]
                places, values = response.argmax(0), response.max(0)
                peaks[number] += values / len(texts)
                for index, (place, value) in enumerate(zip(places, values, strict=True)):
                    first = max(place + offset, 0)
                    gram = " ".join(tokens[first : max(place + offset + width, first)])
                    seen = best.setdefault((number, index), {})
                    seen[gram] = max(seen.get(gram, 0.0), float(value))
        rows, row = [], 0
        for number, layer in enumerate(self.windows):
            weight = self.kernel[row : row + layer.filters]
            row += layer.filters * (2 if self.ours else 1)
            centred = weight - weight.mean(axis=1, keepdims=True)
            for index in range(layer.filters):
                towards = int(centred[index].argmax())
                grams = sorted(best.get((number, index), {}).items(), key=lambda item: -item[1])
                rows.append(
                    {
                        "window": self.widths[number],
                        "filter": index,
                        "class": classes[towards],
                        "pull": centred[index, towards] * peaks[number][index],
                        "n-grams": " · ".join(gram for gram, _ in grams[:examples] if gram),
                    }
                )
        table = pd.DataFrame(rows).sort_values("pull", ascending=False)
        return table.head(filters).reset_index(drop=True)


def coloured_html(explanation: Explanation, positive: int, classes: list[str]) -> str:
    """A sentence as HTML, each word shaded by how far it pulls towards one class.

    Blue pulls towards `classes[positive]`, orange away from it; the words are escaped, so markup
    in a sentence is shown and never run.
    """
    centred = explanation.scores - explanation.scores.mean(axis=1, keepdims=True)
    pull = centred[:, positive] if len(centred) else np.zeros(0)
    scale = np.abs(pull).max(initial=1e-9)
    spans = []
    for token, value in zip(explanation.tokens, pull, strict=True):
        red, green, blue, alpha = colour_of(value, scale)
        shade = f"rgba({255 * red:.0f},{255 * green:.0f},{255 * blue:.0f},{alpha:.2f})"
        spans.append(
            f'<span title="{value:+.2f}" style="background:{shade};padding:1px 3px;'
            f'border-radius:3px">{html.escape(token)}</span>'
        )
    head = f"<b>{html.escape(str(classes[positive]))}</b>"
    return f'<div style="line-height:1.9">{head} &larr; {" ".join(spans)}</div>'


def colour_of(value: float, scale: float) -> tuple[float, float, float, float]:
    """Blue for a pull towards the class, orange for one away from it, stronger where it is larger.

    The strongest is still light enough for dark text. Returns red, green, blue, alpha in 0 to 1.
    """
    colour = (0.34, 0.61, 0.85) if value > 0 else (0.95, 0.60, 0.25)
    return (*colour, min(1.0, abs(value) / scale))
