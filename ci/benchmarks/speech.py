"""Speed of speech against how it is often written: `python -m ci.benchmarks.speech`.

Four comparisons, each alternating in one process, ratios taken within each repetition:

* features: *plain* is librosa, one recording after the other; *ours* are batches of like length.
* training: *plain* are two of Keras's LSTM layers on the frames of 10 ms, half as many recordings a
  step; with the larger batches of *ours*, `fast`, also on frames of 20 and 40 ms (ours has 40
  inside).
  All have about the same number of weights, and the same loss and optimizer.
* beam search: *plain* is `tf.nn.ctc_beam_search_decoder`, which knows no words, all recordings at
  once; *ours* `decode.Decoder` as the recipe uses it, one after the other: over words with an
  n-gram model, and over letters without one. The beam is the same; ours leaves out what is far
  below the best.
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
    parser.add_argument("--recordings", type=int, default=2048)
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
    for what, logits in (("noise", noise(random)), ("sentences", spoken(random))):
        compare(f"beam search, {what}, beam {options.beam}, commit {commit}", "recordings/s",
                beams(logits, options.beam, random), len(logits),
                options.repetitions)  # fmt: skip
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
    """Steps of the networks; seconds of sound in what each does at once; what they are."""
    import numpy as np

    from recipes.speech.layers import Context, Recurrent
    from recipes.speech.model import THINNED, Recogniser
    from recipes.speech.train import Settings, compiled

    class Stacked(Recogniser):
        """Two of Keras's LSTM layers on so many frames of 10 ms as one."""

        def __init__(self, width: int, together: int):
            self.together = together
            super().__init__(28, kind="lstm", width=width, blocks=2)

        def layers_of(self):
            width, together = self.settings["width"], self.together
            return [Context(together - 1, 0, together), Recurrent(width), Recurrent(width),
                    Context(0, 0, THINNED // together)]  # fmt: skip

    fast = Recogniser(28, width=options.width, blocks=options.blocks)
    count = int(options.seconds * 100) // 4 * 4
    rows = max(2, round(100 / options.seconds / 2) * 2)
    random = np.random.default_rng(0)
    frames = random.normal(size=(rows, count, 64)).astype("float32")
    letters = random.integers(1, 28, (rows, max(1, count // 16))).astype(np.int32)

    def steps_of(model, size: int):
        compiled(model, Settings(), 10_000)

        def steps():
            for _ in range(options.steps):
                for begin in range(0, rows, size):
                    some = frames[begin : begin + size]
                    given = {"frames": some, "count": np.full(len(some), count, np.int32)}
                    model.train_on_batch(given, letters[begin : begin + size])

        return steps

    arms = {}
    for together, few in ((1, 2), (2, 1), (4, 1)):  # the first as one would write it down
        width = 8
        while weights_of(width, 64 * together) < fast.count_params():
            width += 4
        name = "plain" if together == 1 else f"plain, frames of {10 * together} ms, batches as ours"
        arms[f"{name}, {weights_of(width, 64 * together):,} weights"] = steps_of(
            Stacked(width, together), rows // few)  # fmt: skip
    arms[f"ours, {fast.count_params():,} weights"] = steps_of(fast, rows)
    told = f"{rows} recordings of {options.seconds:g} s at once, plain {rows // 2} and {rows // 2}"
    return arms, rows * options.seconds, told


def weights_of(width: int, inputs: int) -> int:
    """Of two LSTM layers and the letters' matrix."""
    return 4 * width * (inputs + width + 1) + 4 * width * (2 * width + 1) + 28 * (width + 1)


def noise(random) -> list:
    """Logits of eight recordings of 3 s in which nothing is likelier than anything else."""
    return [random.normal(size=(75, 28)).astype("float32") for _ in range(8)]


def spoken(random) -> list:
    """Logits of eight sentences of the sample, three frames a letter.

    Of nine frames in ten the right letter or blank has a probability above 0.9, as of a network
    taught on AN4 (0.87 of its frames); the others tell little.
    """
    import numpy as np

    from data_scripts.sentences import sentence
    from recipes.speech.alphabet import BLANK

    found = []
    while len(found) < 8:
        text, _ = sentence(random)
        if len(text) < 15:
            continue
        logits = random.normal(size=(3 * len(text), 28)).astype("float32")
        right = np.full(len(logits), BLANK)
        right[::3] = [1 + " abcdefghijklmnopqrstuvwxyz".index(letter) for letter in text]
        surely = random.random(len(logits)) < 0.9
        logits[np.arange(len(logits)), right] += np.where(surely, 10, 3)
        found.append(logits)
    return found


def beams(logits, beam: int, random) -> dict:
    """TensorFlow's search over letters, all at once; ours over words, and over letters."""
    import numpy as np
    import tensorflow as tf

    from data_scripts.sentences import sentence
    from recipes.speech.alphabet import Alphabet
    from recipes.speech.decode import Decoder, Search
    from recipes.speech.ngram import estimate

    language = estimate([sentence(random)[0].split() for _ in range(900)], 4)
    alphabet, search = Alphabet(" abcdefghijklmnopqrstuvwxyz"), Search(beam=beam)
    words, letters = (Decoder(alphabet, each).search(search) for each in (language, None))
    lengths = np.array([len(each) for each in logits], np.int32)
    # TensorFlow's blank is the last class.
    given = np.zeros((lengths.max(), len(logits), logits[0].shape[1]), np.float32)
    for place, each in enumerate(logits):
        given[: len(each), place] = np.roll(each, -1, axis=1)

    def plain():
        tf.nn.ctc_beam_search_decoder(given, lengths, beam_width=beam, top_paths=1)

    return {"plain, tf.nn": plain, "ours, words": lambda: [words(each) for each in logits],
            "ours, letters": lambda: [letters(each) for each in logits]}  # fmt: skip


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
