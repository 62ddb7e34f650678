"""device.setup: wrong values, the CPU, settings that came too late, and TensorFlow's GPU calls."""

import importlib.util
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from common import device, machine

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run_python(code: str, backend: str = "tensorflow") -> dict:
    """Run code in a process of its own; the last line it prints is JSON."""
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["PYTHONPATH"] = os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize(
    ("settings", "parameter"),
    [
        ({"memory": 8}, "memory"),
        ({"memory": "8"}, "memory"),
        ({"memory": "0GB"}, "memory"),
        ({"memory": 1.5}, "memory"),
        ({"memory": True}, "memory"),
        ({"visible": 0}, "visible"),
        ({"visible": "0"}, "visible"),
        ({"visible": [-1]}, "visible"),
        ({"visible": [1, 1]}, "visible"),
        ({"precision": "float16"}, "precision"),
        ({"threads": 0}, "threads"),
        ({"threads": 2.0}, "threads"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 2**32}, "seed"),
    ],
)
def test_wrong_value_is_refused_by_name(settings, parameter):
    with pytest.raises(ValueError, match=f"^{parameter}=.*write"):
        device.setup(**settings)


def test_tensorflow_without_accelerator_says_cpu_and_applies_settings():
    found = run_python("""
import json
from common import device
card = device.setup(precision="auto", threads=1, seed=7, memory="8GB")
import keras, tensorflow as tf
first = keras.random.normal((3,)).numpy().tolist()
device.setup(precision="auto", threads=1, seed=7)
second = keras.random.normal((3,)).numpy().tolist()
print(json.dumps({"card": card.model_dump(), "text": str(card), "table": card._repr_markdown_(),
    "same": first == second, "policy": keras.config.dtype_policy().name,
    "pools": [tf.config.threading.get_intra_op_parallelism_threads(),
              tf.config.threading.get_inter_op_parallelism_threads()]}))
""")
    card = found["card"]
    if card["accelerators"]:
        pytest.skip("this machine has an accelerator; the test is about machines without one")
    assert card["backend"] == "tensorflow" and card["versions"]["tensorflow"].startswith("2.")
    assert "CPU (no accelerator in use)" in found["text"]
    assert found["table"].startswith("| Device | |\n|---|---|\n| Backend |")
    assert len(card["warnings"]) == 1 and "memory='8GB' has no effect" in card["warnings"][0]
    assert found["pools"] == [1, 1] and card["threads"] == "1"
    assert found["policy"] == card["precision"] == "float32"
    assert found["same"]
    assert card["machine"]["cores"] >= 1 and card["machine"]["memory_gb"] > 0


def test_threads_set_after_tensorflow_started_are_reported():
    found = run_python("""
import json
import tensorflow as tf
tf.constant(1.0) + 1.0  # starts the runtime
from common import device
card = device.setup(threads=1)
again = device.setup()
print(json.dumps({"warnings": card.warnings, "again": again.warnings, "threads": card.threads}))
""")
    assert len(found["warnings"]) == 1
    assert found["warnings"][0].startswith("threads came too late")
    assert found["threads"] != "1"
    assert found["again"] == []


def test_visible_card_that_is_not_there_is_refused():
    found = run_python("""
import json
from common import device
try:
    device.setup(visible=[63])
except ValueError as error:
    print(json.dumps({"error": str(error)}))
""")
    assert found["error"].startswith("visible=[63]: this machine shows")


class FakeTensorFlow:
    """Stands in for tf.config on a machine with two cards; notes every call in order."""

    def __init__(self, monkeypatch, capability=(9, 0), running=False):
        import tensorflow as tf

        self.calls = []
        self.cards = [SimpleNamespace(name=f"/physical_device:GPU:{i}", device_type="GPU")
                      for i in range(2)]

        def setter(name):
            def call(*values):
                if running:
                    raise RuntimeError("cannot be modified after being initialized")
                self.calls.append((name, *values))
            return call

        config = tf.config
        monkeypatch.setattr(config, "list_physical_devices",
                            lambda kind=None: self.cards if kind == "GPU" else [])
        monkeypatch.setattr(config.experimental, "get_device_details",
                            lambda card: {"device_name": "Card", "compute_capability": capability})
        monkeypatch.setattr(config, "set_visible_devices", setter("visible"))
        monkeypatch.setattr(config, "set_logical_device_configuration", setter("limit"))
        monkeypatch.setattr(config.experimental, "set_memory_growth", setter("growth"))
        monkeypatch.setattr(machine, "nvidia_cards", lambda: (("Card", 40.0), ("Card", 80.0)))


@pytest.fixture
def policy():
    import keras

    if keras.backend.backend() != "tensorflow":
        pytest.skip("checks TensorFlow's calls; the active backend is another")
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def test_memory_grows_on_every_visible_card(monkeypatch, policy):
    fake = FakeTensorFlow(monkeypatch)
    card = device.setup(memory="grow", precision="auto")
    assert fake.calls == [("growth", fake.cards[0], True), ("growth", fake.cards[1], True)]
    assert card.precision == "mixed_bfloat16"
    assert card.accelerators == ["GPU:0 Card", "GPU:1 Card"]
    assert card.memory == "grows as needed"
    assert any("2 accelerators are visible" in text for text in card.warnings)


@pytest.mark.parametrize(("memory", "megabytes"), [("8GB", 8192), (0.5, 40960), ("1.5 GB", 1536)])
def test_hard_limit_goes_to_the_chosen_card_only(monkeypatch, policy, memory, megabytes):
    fake = FakeTensorFlow(monkeypatch, capability=(7, 5))
    card = device.setup(memory=memory, visible=[1], precision="auto")
    assert fake.calls[0] == ("visible", [fake.cards[1]], "GPU")
    name, chosen, configuration = fake.calls[1]
    assert (name, chosen) == ("limit", fake.cards[1])
    assert configuration[0].memory_limit == megabytes  # half of the second card's 80 GB, not 40
    assert card.precision == "mixed_float16"
    assert card.memory == f"at most {megabytes / 1024:.1f} GB a card"
    assert card.warnings == []


def test_no_accelerator_on_request(monkeypatch, policy):
    fake = FakeTensorFlow(monkeypatch)
    card = device.setup(visible=[], precision="auto")
    assert fake.calls == [("visible", [], "GPU")]
    assert card.accelerators == [] and card.precision == "float32"


def test_old_card_keeps_float32(monkeypatch, policy):
    FakeTensorFlow(monkeypatch, capability=(6, 1))
    assert device.setup(precision="auto", visible=[0]).precision == "float32"


def test_settings_after_the_card_was_taken_are_reported_once_each(monkeypatch, policy):
    FakeTensorFlow(monkeypatch, running=True)
    card = device.setup(memory="8GB", visible=[0])
    late = [text.split()[0] for text in card.warnings if "came too late" in text]
    assert late == ["visible", "memory"]
    assert card.memory == "as set earlier"
    assert len(card.accelerators) == 2  # both stay in use, and the card says so


def test_limit_above_the_card_is_refused(monkeypatch, policy):
    FakeTensorFlow(monkeypatch)
    with pytest.raises(ValueError, match="memory='50GB': the card has 40.0 GB"):
        device.setup(memory="50GB")


def test_share_without_a_known_size_falls_back_to_growth(monkeypatch, policy):
    fake = FakeTensorFlow(monkeypatch)
    monkeypatch.setattr(machine, "nvidia_cards", lambda: ())
    card = device.setup(memory=0.5, visible=[0])
    assert fake.calls[1] == ("growth", fake.cards[0], True)
    assert any("needs nvidia-smi" in text for text in card.warnings)


def test_half_precision_on_a_cpu_without_it_warns(monkeypatch, policy):
    FakeTensorFlow(monkeypatch)
    monkeypatch.setattr(machine, "cpuinfo", lambda: "flags : sse2 avx2")
    card = device.setup(visible=[], precision="mixed_bfloat16")
    assert any("slower than float32" in text for text in card.warnings)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_jax_takes_its_settings_before_the_device_and_reports_late_ones():
    found = run_python("""
import json, os
from common import device, machine
machine.nvidia_cards = lambda: (("Card", 40.0),)
card = device.setup(memory="10GB", threads=2, precision="auto", visible=[])
share = os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"]
again = device.setup(memory="grow")
import keras
print(json.dumps({"card": card.model_dump(), "share": share, "again": again.warnings,
    "grow": os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"],
    "tensor": type(keras.ops.zeros(1)).__module__}))
""", backend="jax")
    assert found["card"]["backend"] == "jax" and found["card"]["accelerators"] == []
    assert (found["share"], found["grow"]) == ("0.2500", "false")
    assert any("taskset" in text for text in found["card"]["warnings"])
    assert found["again"] == []  # nothing to limit on a CPU, so nothing came too late
    assert found["tensor"].startswith("jaxlib")


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_torch_sets_threads_at_any_time():
    found = run_python("""
import json
from common import device
card = device.setup(threads=1, precision="auto", visible=[])
import torch, keras
first, kind = torch.get_num_threads(), keras.ops.zeros(1).device.type
later = device.setup(threads=2)
print(json.dumps({"card": card.model_dump(), "later": later.model_dump(), "kind": kind,
    "threads": [first, torch.get_num_threads()]}))
""", backend="torch")
    assert found["card"]["backend"] == "torch" and found["card"]["precision"] == "float32"
    assert found["card"]["warnings"] == found["later"]["warnings"] == []
    assert found["threads"] == [1, 2]
    assert [found["card"]["threads"], found["later"]["threads"]] == ["1", "2"]
    assert found["kind"] == "cpu"
