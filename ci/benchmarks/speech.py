"""Speed of speech against how it is often written: `python -m ci.benchmarks.speech`.

Four comparisons, each alternating in one process, ratios taken within each repetition:

* features: *plain* is librosa, one recording after the other; *ours* are batches of like length.
* training: *plain* are two of Keras's LSTM layers on stacked frames, *ours* is `fast`; both have
  the same number of weights, the same frames of 40 ms, loss, optimizer and batch.
* beam search over letters: *plain* is `tf.nn.ctc_beam_search_decoder`, *ours* flashlight-text's by
  `decode.Decoder`; the same beam, on noise, where nothing can be left out early.
* streaming: seconds of work for a second of sound on one thread, of LiteRT and of ONNX; the
  reference is real time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile

from ci.benchmarks.transfer import compare

RATE = 16_000


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m ci.benchmarks.speech")
    parser.add_argument("--recordings", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each at most")
    parser.add_argument("--width", type=int, default=256, help="of the network")
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--steps", type=int, default=5, help="of training in a repetition")
    parser.add_argument("--beam", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args(arguments)
    if min(options.recordings, options.steps, options.beam, options.repetitions) < 1:
        parser.error("counts must be at least 1")

    import numpy as np

    from common import device, results

    print(device.setup(seed=0))
    commit = results.environment()["commit"]
    random = np.random.default_rng(0)
    lengths = random.uniform(0.3, 1.0, options.recordings) * options.seconds * RATE
    sounds = [0.1 * random.normal(size=int(count)).astype("float32") for count in lengths]
    total = sum(map(len, sounds)) / RATE
    compare(f"log-mel frames of {len(sounds)} recordings, commit {commit}", "s of sound/s",
            features(sounds), total, options.repetitions)  # fmt: skip
    arms, seconds, words = training(options)
    compare(f"training, {words}, commit {commit}", "s of sound/s", arms, seconds * options.steps,
            options.repetitions)  # fmt: skip
    logits = [random.normal(size=(75, 28)).astype("float32") for _ in range(8)]
    compare(f"beam search over letters, beam {options.beam}, commit {commit}", "recordings/s",
            beams(logits, options.beam), len(logits), options.repetitions)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        arms, seconds = streaming(options, folder)
        for name, arm in arms.items():
            spent = min(timed(arm) for _ in range(options.repetitions))
            print(f"streaming, {name}, one thread: real-time factor {spent / seconds:.4f} "
                  f"(1.00 times is real time)")  # fmt: skip
    return 0


def features(sounds) -> dict:
    """Librosa one by one, and ours together."""
    import numpy as np

    from recipes.speech import prepare
    from recipes.speech.audio import late_librosa
    from recipes.speech.features import FLOOR, LogMel

    librosa, layer = late_librosa(), LogMel()
    ordered = sorted(sounds, key=len)

    def plain():
        for each in sounds:
            bands = librosa.feature.melspectrogram(
                y=each, sr=RATE, n_fft=512, win_length=400, hop_length=160, n_mels=64, fmin=20.0)
            np.log(bands + FLOOR)

    def ours():
        for begin in range(0, len(ordered), prepare.TOGETHER):
            prepare.frames_of(ordered[begin : begin + prepare.TOGETHER], layer)

    return {"plain, librosa": plain, "ours, together": ours}


def training(options) -> tuple[dict, float, str]:
    """Steps of both networks; seconds of sound in a batch; what they are."""
    import keras
    import numpy as np

    from recipes.speech.layers import Streaming
    from recipes.speech.model import Recogniser
    from recipes.speech.train import Settings, compiled

    class Stacked(Streaming):
        """Four frames as one, and two of Keras's LSTM layers."""

        def __init__(self, width):
            super().__init__()
            self.width, self.stride = width, 4
            self.ways = [keras.layers.LSTM(width, return_sequences=True) for _ in range(2)]

        def call(self, frames, heard):
            shape = keras.ops.shape(frames)
            frames = keras.ops.reshape(frames, (shape[0], shape[1] // 4, 4 * frames.shape[2]))
            for way in self.ways:
                frames = way(frames)
            return frames, heard[:, ::4]

    class Plain(Recogniser):
        """With those in the place of its own layers."""

        def __init__(self, width):
            self.plain_width = width
            super().__init__(28, kind="deepspeech", width=8, dropout=0.0)

        def layers_of(self):
            return [Stacked(self.plain_width)]

    fast = Recogniser(28, width=options.width, blocks=options.blocks)
    width = 8
    while 4 * width * (256 + width + 1) + 4 * width * (2 * width + 1) < fast.count_params():
        width += 4
    plain = Plain(width)
    count = int(options.seconds * 100) // 4 * 4
    rows = max(1, round(100 / options.seconds))
    random = np.random.default_rng(0)
    given = {"frames": random.normal(size=(rows, count, 64)).astype("float32"),
             "count": np.full(rows, count, np.int32)}  # fmt: skip
    letters = random.integers(1, 28, (rows, max(1, count // 16))).astype(np.int32)
    arms = {}
    for name, model in ((f"plain, {plain.count_params():,} weights", plain),
                        (f"ours, {fast.count_params():,} weights", fast)):  # fmt: skip
        compiled(model, Settings(), 10_000)

        def steps(model=model):
            for _ in range(options.steps):
                model.train_on_batch(given, letters)

        arms[name] = steps
    return arms, rows * options.seconds, f"{rows} recordings of {options.seconds:g} s a step"


def beams(logits, beam: int) -> dict:
    """TensorFlow's search and ours, both without a language model."""
    import numpy as np
    import tensorflow as tf

    from recipes.speech.alphabet import Alphabet
    from recipes.speech.decode import Decoder, Search

    read = Decoder(Alphabet(" abcdefghijklmnopqrstuvwxyz")).search(
        Search(beam=beam, letters=28, threshold=1e4))  # fmt: skip
    # TensorFlow's blank is the last class.
    given = np.roll(np.stack(logits, axis=1), -1, axis=2)
    lengths = np.full(len(logits), given.shape[0], np.int32)

    def plain():
        tf.nn.ctc_beam_search_decoder(given, lengths, beam_width=beam, top_paths=1)

    return {"plain, tf.nn": plain, "ours, flashlight": lambda: [read(each) for each in logits]}


def streaming(options, folder: str) -> tuple[dict, float]:
    """A recording in pieces, by form; its seconds."""
    import numpy as np

    from recipes.speech import export
    from recipes.speech.alphabet import Alphabet
    from recipes.speech.model import Recogniser
    from recipes.speech.stream import Stream
    from recipes.speech.transcriber import Transcriber

    model = Recogniser(28, width=options.width, blocks=options.blocks)
    product = Transcriber(model, Alphabet(" abcdefghijklmnopqrstuvwxyz"))
    sound = 0.1 * np.random.default_rng(0).normal(size=int(10 * RATE)).astype("float32")
    steps = {"LiteRT": export.of_lite(export.lite(product, folder), product),
             "ONNX": export.of_onnx(export.onnx(product, folder)["step"], product)}  # fmt: skip
    arms = {name: lambda step=step: Stream(step, product.alphabet).feed(sound)
            for name, step in steps.items()}  # fmt: skip
    return arms, len(sound) / RATE


def timed(work) -> float:
    """Seconds."""
    import time

    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
