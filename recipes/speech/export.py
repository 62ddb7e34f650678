"""The recogniser outside this project: SavedModel of waveforms, ONNX, and LiteRT piece by piece."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from common import export, files
from common.forms import megabytes
from common.quiet import quiet_start
from recipes.speech import audio
from recipes.speech.decode import best_path
from recipes.speech.stream import PIECE, Step, Stream, stepper
from recipes.speech.transcriber import Transcriber

SIGNATURE = "transcribe"
EXAMPLES = 4  # recordings on which the export must answer as Python does
TOLERANCE = 1e-3  # of a probability there


def saved_model(transcriber: Transcriber, samples: Sequence[np.ndarray], name: str, recorded: dict,
                output_dir: str | Path) -> Path:  # fmt: skip
    """A SavedModel from waveforms to text and probabilities, with its card.

    Args:
        samples: recordings for the example; the first four are taken.
        name: of the data, for the card. recorded: what `results.record` gave, for the card.

    Returns:
        The folder of the new version, OUTPUT_DIR/export/<n>.

    Raises:
        ExportError: the export answers otherwise than Python.
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    export.require_tensorflow()
    from recipes.speech.serving import module

    samples, transcriber = list(samples)[:EXAMPLES], transcriber.in_float32()
    block = np.zeros((len(samples), max(map(len, samples))), np.float32)
    for row, each in zip(block, samples, strict=True):
        row[: len(each)] = each
    logits = transcriber.logits(samples)
    longest = max(map(len, logits))
    shares = np.zeros((len(samples), longest, transcriber.alphabet.size), np.float32)
    for row, each in zip(shares, logits, strict=True):
        chances = np.exp(each - each.max(axis=1, keepdims=True))
        row[: len(each)] = chances / chances.sum(axis=1, keepdims=True)
    check = {"text": np.array([best_path(each, transcriber.alphabet) for each in logits], object),
             "probabilities": shares}  # fmt: skip
    folder = Path(output_dir) / "export"
    made = export.saved_model(folder, module(transcriber), SIGNATURE,
                              {"samples": block, "count": [len(each) for each in samples]},
                              check, TOLERANCE)  # fmt: skip
    _card(transcriber, name, recorded, folder)
    return made


def lite(transcriber: Transcriber, folder: str | Path, frames: int = PIECE) -> Path:
    """folder/step.tflite: the step of `stream.stepper`, for `of_lite`.

    Raises:
        ValueError: the network needs whole recordings.
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    export.require_tensorflow("a LiteRT file")
    import tensorflow as tf

    function, _ = _step(transcriber.in_float32(), frames)
    # Without the network itself its variables become constants, which loops need.
    logging.getLogger("absl").setLevel(logging.ERROR)  # it deplores what is meant
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    path = Path(folder) / "step.tflite"
    with files.whole(path) as aside:
        aside.write_bytes(converter.convert())
    return path


def onnx(transcriber: Transcriber, folder: str | Path, frames: int = PIECE) -> dict[str, Path]:
    """folder/step.onnx, for `of_onnx`, and folder/network.onnx: frames of any number to logits.

    The latter takes "frames" float32 [n, t, bands], t a multiple of 4, and "count" int32 [n].

    Raises:
        RuntimeError: Keras runs on another backend than TensorFlow.
    """
    export.require_tensorflow("an ONNX file")
    import tensorflow as tf
    import tf2onnx

    transcriber = transcriber.in_float32()
    made, model = {}, transcriber.model
    signature = [tf.TensorSpec((None, None, transcriber.layer.bands), tf.float32, name="frames"),
                 tf.TensorSpec((None,), tf.int32, name="count")]  # fmt: skip
    whole = tf.function(lambda frames, count: {"logits": model({"frames": frames, "count": count},
                                                               training=False)},
                        input_signature=signature)  # fmt: skip
    wanted = {"network": (whole, signature)}
    if model.is_streaming:
        wanted["step"] = _step(transcriber, frames)
    for name, (function, signature) in wanted.items():
        made[name] = Path(folder) / f"{name}.onnx"
        found, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=17)
        with files.whole(made[name]) as aside:
            aside.write_bytes(found.SerializeToString())
    return made


def of_lite(path: str | Path, transcriber: Transcriber, threads: int = 1) -> Step:
    """A LiteRT file's step, for `stream.Stream`."""
    from ai_edge_litert.interpreter import Interpreter

    with quiet_start(re.compile("INFO: Created TensorFlow Lite")):
        engine = Interpreter(str(path), num_threads=threads)
        engine.allocate_tensors()
    takes = {each["name"]: each for each in engine.get_input_details()}
    gives = [each["index"] for each in engine.get_output_details()]
    inputs = [takes[name]["index"] for name in _names(transcriber)]

    def step(given):
        for index, each in zip(inputs, given, strict=True):
            engine.set_tensor(index, each)
        engine.invoke()
        return [engine.get_tensor(index) for index in gives]

    return _like(transcriber, step, takes["samples"]["shape"][1])


def of_onnx(path: str | Path, transcriber: Transcriber, threads: int = 1) -> Step:
    """An ONNX file's step, for `stream.Stream`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options)
    names = list(_names(transcriber))

    def step(given):
        return session.run(None, dict(zip(names, given, strict=True)))

    return _like(transcriber, step, session.get_inputs()[0].shape[1])


def _step(transcriber: Transcriber, frames: int):
    """The step as a TensorFlow function, and what it takes; outputs are named in their order."""
    import tensorflow as tf

    made = stepper(transcriber.model, transcriber.layer, frames)
    specs = [tf.TensorSpec(each.shape, each.dtype, name=each.name) for each in made.inputs]

    def step(*given):
        found = made(list(given), training=False)
        return {f"out_{place:03d}": each for place, each in enumerate(found)}

    return tf.function(step, input_signature=specs), specs


def _names(transcriber: Transcriber):
    """Of a step's inputs, in order."""
    yield from ("samples", "count")
    for place, own in enumerate(transcriber.model.start(1)):
        yield from (f"state_{place}_{number}" for number in range(len(own)))


def _like(transcriber: Transcriber, run, size: int) -> Step:
    layer, model = transcriber.layer, transcriber.model
    start = [np.zeros(each.shape, np.float32) for own in model.start(1) for each in own]
    frames = (int(size) - layer.before) // layer.step
    return Step(run, start, frames, layer.before, model.lag, layer.step, model.settings["classes"])


def _card(transcriber: Transcriber, name: str, recorded: dict, folder: Path) -> None:
    alphabet = transcriber.alphabet.letters or "the bytes of UTF-8"
    export.model_card(
        folder,
        title=f"Speech recognition: {name}",
        task="Writes down what is said in a recording, letter by letter, without a language model.",
        inputs=f"`samples`: float32 [n, t], from -1 to 1, {audio.RATE:,} a second; `count`: int32 "
               "[n], how many of each row are of its recording",
        outputs="`text`: string [n]; `probabilities`: float32 [n, t / 640, letters], the blank "
                "first, 0 beyond a recording's end",
        limits=[
            f"It writes in {alphabet!r} and in the language that it learned from.",
            "It knows the voices, rooms and microphones that it learned from; others cost errors.",
            "Without the language model it errs more often than the figures with one.",
            "Nobody's words should be held against them because a machine wrote them down.",
        ],
        record=recorded,
    )  # fmt: skip


def forms(transcriber: Transcriber, samples: np.ndarray, folder: str | Path) -> pd.DataFrame:
    """One recording in every form: size, speed on one thread, and whether it says the same.

    Returns:
        A row a form: "MB", "real-time factor" (seconds of work for a second of sound; the network
        as a whole uses all cores), "largest difference" of a logit from the whole recording's,
        "same text". LiteRT and ONNX files are written to the folder.
    """
    transcriber = transcriber.in_float32()
    whole, seconds = transcriber.logits([samples])[0], len(samples) / audio.RATE
    spent = _pace(lambda: transcriber.logits([samples]))
    rows = {"network, whole": [megabytes(transcriber.model), spent / seconds, 0.0, True]}
    steps, made = {}, onnx(transcriber, folder)
    if transcriber.model.is_streaming:
        steps = {"network, piece by piece": (transcriber.model, transcriber.stream().step)}
        path = lite(transcriber, folder)
        steps["LiteRT, piece by piece"] = path, of_lite(path, transcriber)
        steps["ONNX, piece by piece"] = made["step"], of_onnx(made["step"], transcriber)
    for name, (form, step) in steps.items():
        stream = Stream(step, transcriber.alphabet)
        stream.feed(samples)
        stream.finish()
        spent = _pace(lambda step=step: Stream(step, transcriber.alphabet).feed(samples))
        rows[name] = [megabytes(form), spent / seconds,
                      float(np.abs(stream.logits - whole).max()),
                      stream.text == best_path(whole, transcriber.alphabet)]  # fmt: skip
    columns = ["MB", "real-time factor", "largest difference", "same text"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _pace(work: Callable[[], object], times: int = 3) -> float:
    """Seconds, the least of some times; the first of all is not counted."""
    work()
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)
