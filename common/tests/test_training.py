"""training.fit and everything around it; test_resume.py kills it and goes on."""

import importlib.util
import os
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import history as history_module
from common import training
from common.checkpoint import CheckpointError

INPUTS = np.random.default_rng(0).normal(size=(96, 6)).astype("float32")
LABELS = (INPUTS.sum(axis=1) > 0).astype("int32")


def build(rate=0.05, metrics=("accuracy",), units=8, **compile_arguments):
    keras.utils.set_random_seed(3)
    layers = [keras.Input((6,)), keras.layers.Dense(units, activation="relu"),
              keras.layers.Dropout(0.3), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy",
                  metrics=list(metrics), **compile_arguments)
    return model


def train(epoch):
    order = np.random.default_rng((1, epoch)).permutation(len(INPUTS))
    return tf.data.Dataset.from_tensor_slices((INPUTS[order], LABELS[order])).batch(16)


def fit(model, output_dir=None, **arguments):
    arguments = {"epochs": 4, "validation": (INPUTS[:32], LABELS[:32]), "log": None} | arguments
    return training.fit(model, arguments.pop("train", train), output_dir=output_dir, **arguments)


class Script(keras.callbacks.Callback):
    """Replays given validation accuracies, so that a test decides which epoch is best."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["val_accuracy"] = self.values[epoch]


@pytest.fixture
def scripted(monkeypatch):
    """Lets a test write the validation accuracy of each epoch."""
    values = []

    def evaluate(model, validation, callbacks):
        epoch = int(keras.ops.convert_to_numpy(model.optimizer.iterations)) // 6 - 1
        return {"val_accuracy": values[epoch]}

    monkeypatch.setattr(training, "_evaluate", evaluate)
    return values


def test_stops_early_with_the_best_epochs_weights(tmp_path, scripted):
    scripted += [0.5, 0.9, 0.6, 0.7, 0.8, 0.95]
    lines = []
    model = build()
    history = fit(model, epochs=6, patience=2, log=lines.append)
    assert history.epochs == 4 and history.best_epoch == 2 and history.stopped_early
    assert lines[-1] == (
        "Stopped early: val_accuracy has not improved for 2 epochs (best in epoch 2)."
    )
    reference = build()
    fit(reference, epochs=2, restore_best=False)
    for mine, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_patience_counts_across_a_resume_and_the_end_is_final(tmp_path, scripted):
    scripted += [0.5, 0.9, 0.6, 0.7, 0.8, 0.95]
    unbroken = build()
    fit(unbroken, epochs=6, patience=3)
    fit(build(), tmp_path, epochs=3, patience=3)
    model = build()
    history = fit(model, tmp_path, epochs=6, patience=3)
    assert (history.resumed_from, history.epochs, history.best_epoch) == (3, 5, 2)
    again = build()
    finished = fit(again, tmp_path, epochs=6, patience=3, train=lambda epoch: 1 / 0)
    assert finished.stopped_early and finished.metrics == history.metrics
    for other in (model, again):
        for mine, theirs in zip(other.get_weights(), unbroken.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_min_mode_restores_the_lowest_loss(scripted, monkeypatch):
    losses = [0.4, 0.2, 0.3, 0.25]
    monkeypatch.setattr(
        training, "_evaluate",
        lambda model, *_: {"val_loss": losses[int(np.array(model.optimizer.iterations)) // 6 - 1]},
    )
    assert fit(build(), monitor="val_loss").best_epoch == 2


def weights_after(**arguments):
    model = build()
    fit(model, **arguments)
    return model.get_weights()


@pytest.mark.parametrize("damage", ["cut off", "changed byte", "best lost"])
def test_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, scripted, damage):
    scripted += [0.5, 0.6, 0.7, 0.4]
    fit(build(), tmp_path, epochs=3)
    newest = tmp_path / "checkpoint" / "epoch_0003.npz"
    content = newest.read_bytes()
    if damage == "cut off":
        newest.write_bytes(content[: len(content) // 2])
    elif damage == "changed byte":
        at = content.index(b"variable_00001") + 200
        newest.write_bytes(content[:at] + bytes([content[at] ^ 255]) + content[at + 1:])
    else:
        (tmp_path / "checkpoint" / "best_0003.npz").unlink()
    lines = []
    model = build()
    history = fit(model, tmp_path, log=lines.append)
    assert history.resumed_from == 2 and history.best_epoch == 3
    assert "epoch_0003.npz is damaged" in lines[0]
    for mine, theirs in zip(model.get_weights(), weights_after(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_without_a_whole_checkpoint_training_starts_anew_and_says_so(tmp_path):
    fit(build(), tmp_path, epochs=3)
    for path in (tmp_path / "checkpoint").glob("epoch_*.npz"):
        path.write_bytes(b"")
    lines = []
    history = fit(build(), tmp_path, epochs=3, log=lines.append)
    assert history.resumed_from == 0 and history.epochs == 3
    assert any("No checkpoint in" in line for line in lines)


def test_checkpoints_do_not_pile_up_and_no_aside_file_stays(tmp_path, scripted):
    scripted += [0.1, 0.2, 0.3, 0.4, 0.5, 0.45]
    fit(build(), tmp_path, epochs=6)
    names = sorted(path.name for path in (tmp_path / "checkpoint").iterdir())
    assert names[-2:] == ["epoch_0005.npz", "epoch_0006.npz"]
    assert "best_0005.npz" in names and len(names) <= 5


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model": {"rate": 0.01}}, "optimizer.learning_rate was 0.05"),
        ({"model": {"units": 9}}, r"variable\.0000 was"),
        ({"seed": 1}, "seed was 0, now 1"),
        ({"settings": {"data": "b"}}, 'settings.data was "a", now "b"'),
        ({"monitor": "val_loss"}, "monitor was"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, change, named):
    settings = {"data": "a"}
    fit(build(), tmp_path, epochs=1, settings=settings)
    model = build(**change.pop("model", {}))
    before = model.get_weights()
    with pytest.raises(CheckpointError, match=named) as error:
        fit(model, tmp_path, **({"settings": settings} | change))
    assert "resume=False" in str(error.value)
    for mine, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_more_epochs_may_be_asked_later_but_not_fewer(tmp_path):
    fit(build(), tmp_path, epochs=2)
    assert fit(build(), tmp_path, epochs=3).epochs == 3
    with pytest.raises(ValueError, match="^epochs=2, but .* holds 3 epochs"):
        fit(build(), tmp_path, epochs=2)


def test_resume_false_starts_anew_and_leaves_other_files(tmp_path):
    fit(build(), tmp_path, epochs=2)
    folder = tmp_path / "checkpoint"
    note, other = folder / "note.txt", folder / ".theirs.7.part.npz"
    # What a run that was killed while it wrote leaves behind.
    killed = [folder / ".epoch_0003.7.part.npz", folder / ".best_0003.7.part.npz"]
    for path in (note, other, *killed):
        path.write_text("mine")
    history = fit(build(), tmp_path, epochs=1, resume=False)
    assert history.resumed_from == 0 and note.exists() and other.exists()
    assert not any(path.exists() for path in (folder / "epoch_0002.npz", *killed))


def test_a_checkpoint_being_written_has_the_name_that_clearing_looks_for(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoint"
    fit(build(), tmp_path, epochs=1)

    def killed(source, target):
        os.link(source, f"{source.parent}/{source.name.replace(str(os.getpid()), '7')}")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "replace", killed)
        fit(build(), tmp_path, epochs=2)
    assert list(folder.glob(".*.part.npz"))
    fit(build(), tmp_path, epochs=1, resume=False)
    assert not list(folder.glob(".*.part.npz"))


def test_interruption_keeps_the_last_checkpoint_and_says_how_to_continue(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    lines = []
    with pytest.raises(KeyboardInterrupt):
        fit(build(), tmp_path, callbacks=[Interrupt()], log=lines.append)
    assert "Interrupted before epoch 3/4" in lines[-1] and "resume=True" in lines[-1]
    model = build()
    assert fit(model, tmp_path).resumed_from == 2
    for mine, theirs in zip(model.get_weights(), weights_after(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_callbacks_see_one_training(tmp_path):
    calls = []

    class Recorder(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            calls.append("begin")

        def on_epoch_end(self, epoch, logs=None):
            calls.append((epoch, "val_loss" in logs))

        def on_test_begin(self, logs=None):
            calls.append("test")

        def on_train_end(self, logs=None):
            calls.append("end")

    fit(build(), epochs=2, callbacks=[Recorder()])
    assert calls == ["begin", "test", (0, True), "test", (1, True), "end"]


def test_a_callback_may_stop_training_for_good(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    history = fit(build(), tmp_path, callbacks=[Stop()])
    assert history.epochs == 2 and history.stopped_early
    assert fit(build(), tmp_path).epochs == 2


def test_steps_are_exact_with_several_steps_per_execution():
    model = build(steps_per_execution=4)
    fit(model, train=lambda epoch: train(epoch).repeat(), steps_per_epoch=10, epochs=2)
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 20  # Keras alone: 24


def test_plain_iterables_and_fixed_datasets_train_too():
    batches = [(INPUTS[i : i + 16], LABELS[i : i + 16]) for i in range(0, 96, 16)]
    from_list, from_dataset = build(), build()
    a = fit(from_list, train=lambda epoch: batches, epochs=2)
    b = fit(from_dataset, train=tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)).batch(16),
            epochs=2)
    assert a.metrics == b.metrics
    c = fit(build(), train=lambda epoch: iter(batches), epochs=2, steps_per_epoch=6)
    assert c.metrics == a.metrics


def unknown_length(epoch):
    return train(epoch).filter(lambda inputs, labels: True)


def test_data_of_unknown_length_does_not_run_the_schedule_ahead():
    with pytest.raises(ValueError, match="unknown length. Give steps_per_epoch"):
        fit(build(), train=unknown_length)
    states = []
    for model, steps in ((build(), 6), (build(steps_per_execution=2), None)):
        fit(model, train=unknown_length, epochs=3, steps_per_epoch=steps, restore_best=False)
        states.append([int(keras.ops.convert_to_numpy(model.optimizer.iterations)),
                       int(keras.ops.convert_to_numpy(model.layers[1].seed_generator.state)[1])])
    assert states == [[18, 18], [18, 18]]  # Keras's fit alone gives 21 of each


@pytest.mark.parametrize(
    ("data", "steps", "message"),
    [
        (lambda epoch: (INPUTS, LABELS), None, "gives a tuple"),
        (lambda epoch: train(epoch).repeat(), None, "without end; give steps_per_epoch"),
        (train, 7, "fewer batches than steps_per_epoch=7"),
        (unknown_length, 7, "fewer batches than steps_per_epoch=7"),
    ],
)
def test_wrong_training_data_is_refused(data, steps, message):
    with pytest.raises(ValueError, match=message):
        fit(build(), train=data, steps_per_epoch=steps)


def test_history_counts_examples_and_makes_a_frame(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(training.time, "perf_counter", lambda: float(next(clock)))
    history = fit(build(), epochs=2)
    assert history.examples_per_second == [96.0, 96.0]  # the fake clock ticks once within fit
    frame = history.to_frame()
    assert list(frame.index) == [1, 2]
    assert {"loss", "val_accuracy", "seconds", "peak_memory_mb"} <= set(frame.columns)
    assert frame["peak_memory_mb"].min() > 10


def test_progress_line_reads_well():
    lines = []
    fit(build(), log=lines.append, epochs=2)
    number = r"[\d.e-]+"
    expected = (rf"epoch 1/2  loss {number}  accuracy {number}  val_loss {number}  val_accuracy "
                rf"{number}  [\d,]+ examples/s  {number} s, {number} s left")
    assert re.fullmatch(expected, lines[0]), lines[0]
    assert lines[1].startswith("epoch 2/2") and "left" not in lines[1] and len(lines) == 2
    samples = {0.04: "0.0 s", 9.96: "10 s", 80: "1 min 20 s", 59.6: "1 min 0 s", 7530: "2 h 5 min"}
    assert {s: history_module.duration(s) for s in samples} == samples


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None,
                    reason="the package tensorboard is not installed")
def test_tensorboard_files_hold_every_epoch_across_a_resume(tmp_path):
    from tensorflow.core.util import event_pb2

    fit(build(), tmp_path, epochs=2, tensorboard=True)
    fit(build(), tmp_path, epochs=3, tensorboard=True)
    for part in ("train", "validation"):
        files = sorted(str(path) for path in (tmp_path / "tensorboard" / part).glob("events.*"))
        events = [event_pb2.Event.FromString(raw.numpy()) for raw in tf.data.TFRecordDataset(files)]
        steps = [event.step for event in events
                 for value in event.summary.value if value.tag == "epoch_loss"]
        assert sorted(steps) == [0, 1, 2]


def test_a_loss_that_is_not_a_number_is_an_error_and_is_not_saved(tmp_path):
    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.layers[-1].bias.assign([np.nan, 0.0])

    with pytest.raises(FloatingPointError, match="nan in epoch 2"):
        fit(build(), tmp_path, callbacks=[Spoil()])
    assert (tmp_path / "checkpoint" / "epoch_0001.npz").exists()
    assert not (tmp_path / "checkpoint" / "epoch_0002.npz").exists()


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_float16"])
def test_low_precision_state_survives(tmp_path, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        unbroken, continued = build(), build()
        expected = fit(unbroken, epochs=3, restore_best=False)
        fit(build(), tmp_path, epochs=2, restore_best=False)
        found = fit(continued, tmp_path, epochs=3, restore_best=False)
    finally:
        keras.config.set_dtype_policy(before)
    assert found.metrics == expected.metrics
    for mine, theirs in zip([*continued.variables, *continued.optimizer.variables],
                            [*unbroken.variables, *unbroken.optimizer.variables], strict=True):
        np.testing.assert_array_equal(np.array(mine), np.array(theirs))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "^epochs=0: write"),
        ({"epochs": True}, "^epochs=True: write"),
        ({"steps_per_epoch": 1.5}, "^steps_per_epoch=1.5: write"),
        ({"patience": 0}, "^patience=0: write"),
        ({"mode": "best"}, "^mode='best': write"),
        ({"seed": -1}, "^seed=-1: write"),
        ({"monitor": "val_kappa"}, "cannot tell whether more"),
        ({"monitor": "val_acc"}, "monitor='val_acc' is not measured; choose one of .*val_accuracy"),
        ({"tensorboard": True}, "needs an output_dir"),
    ],
)
def test_wrong_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(build(), **arguments)


def test_model_must_be_built_and_compiled():
    layers = [keras.layers.Dense(2)]
    with pytest.raises(ValueError, match="not compiled"):
        fit(keras.Sequential(layers))
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="not built"):
        fit(model)
