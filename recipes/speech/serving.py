"""The recogniser as one TensorFlow graph, from waveforms to text."""

from __future__ import annotations

import tensorflow as tf

from recipes.speech.alphabet import BLANK
from recipes.speech.model import THINNED
from recipes.speech.transcriber import Transcriber


def module(transcriber: Transcriber) -> tf.Module:
    """A module whose `transcribe` takes waveforms, for `common.export.saved_model`."""
    return _Serving(transcriber)


class _Serving(tf.Module):
    def __init__(self, transcriber: Transcriber):
        super().__init__()
        self.model, self.layer = transcriber.model, transcriber.layer
        self.variables_kept = transcriber.model.variables
        alphabet = transcriber.alphabet
        letters = alphabet.letters or [bytes([byte]) for byte in range(256)]
        self.letters = tf.constant([b"", *letters])

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="samples"),
                                  tf.TensorSpec([None], tf.int32, name="count")])  # fmt: skip
    def transcribe(self, samples, count):
        """Samples [n, t] at 16,000 a second, and how many of each row are of its recording."""
        frames = self.layer(samples)
        frames = tf.pad(frames, [[0, 0], [0, -tf.shape(frames)[1] % THINNED], [0, 0]])
        heard = count // self.layer.step
        logits = self.model({"frames": frames, "count": heard}, training=False)
        known = tf.sequence_mask((heard + THINNED - 1) // THINNED, tf.shape(logits)[1])
        best = tf.where(known, tf.argmax(logits, axis=2, output_type=tf.int32), BLANK)
        before = tf.pad(best, [[0, 0], [1, 0]], constant_values=BLANK)[:, :-1]
        kept = tf.where(best == before, BLANK, best)
        text = tf.strings.reduce_join(tf.gather(self.letters, kept), axis=1)
        # Letters that were written by halves, of an alphabet of bytes.
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
        text = tf.strings.strip(tf.strings.regex_replace(text, r"\s+", " "))
        shares = tf.nn.softmax(logits) * tf.cast(known, tf.float32)[:, :, None]
        return {"text": text, "probabilities": shares}
