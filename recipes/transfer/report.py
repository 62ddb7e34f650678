"""What a run found, in numbers and words: the evaluation cells of retrain and classify."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from common import files, metrics, results
from common.records import gain, record, share
from common.vision import backbones, baselines, explain, features, head, pixels
from common.vision.backbones import Backbone
from recipes.transfer import strangers
from recipes.transfer.data import Pictures
from recipes.transfer.familiar import NONE, learn
from recipes.transfer.labeller import Labeller

OURS, FROZEN = "ours", "frozen backbone"
BASELINES = (baselines.COLOURS, baselines.NEAREST)
SEEDS = 3  # of each point of the learning curve


@dataclass(frozen=True)
class Tested:
    """A labeller's answers on the test part.

    Attributes:
        labels: of the test pictures, int [n].
        logits: float [n, classes], divided by the temperature. answers: see `Labeller.answers`.
    """

    labels: np.ndarray
    logits: np.ndarray
    answers: pd.DataFrame

    @property
    def right(self) -> np.ndarray:
        """Whether the likeliest class is the true one, bool [n]; "none of these" does not count."""
        return self.logits.argmax(axis=1) == self.labels

    @property
    def probabilities(self) -> np.ndarray:
        """float [n, classes]."""
        return self.answers.iloc[:, -self.logits.shape[1] :].to_numpy(float)


def test(labeller: Labeller, rows: pd.DataFrame, log=print) -> Tested:
    """Ask for every picture of some rows that have a label."""
    found = features.of_rows(labeller.backbone, rows, log)
    logits = labeller.head.logits(found) / labeller.head.temperature
    return Tested(rows["label"].to_numpy(), logits, labeller.answers(found))


def measure(data: Pictures, arms: dict[str, np.ndarray], seeds: list[int], ours: str = OURS
            ) -> list[dict]:  # fmt: skip
    """Accuracy of each arm with Wilson's interval, and ours against each by McNemar's test.

    Args:
        arms: whether each test picture was right, bool [n] by name; `ours` among them.
    """
    return [*accuracies(data, arms, seeds),
            *(gain(data.name, ours, name, arms[ours], right, seeds)
              for name, right in arms.items() if name != ours)]  # fmt: skip


def accuracies(data: Pictures, arms: dict[str, np.ndarray], seeds: list[int]) -> list[dict]:
    """Accuracy of each arm with Wilson's interval, as records."""
    return [share(data.name, name, "accuracy", right, seeds) for name, right in arms.items()]


def cross_validated(data: Pictures, trained: head.Head, seeds: list[int]) -> list[dict]:
    """Accuracy on the training pictures, each named by a head that had not seen it."""
    right = trained.held_out.argmax(axis=1) == data.part("train")["label"].to_numpy()
    return [share(data.name, OURS, "accuracy, cross-validated", right, seeds)]


def measure_probabilities(data: Pictures, found: Tested, seeds: list[int]) -> list[dict]:
    """Log loss (nats) and expected calibration error of our answers, with bootstrap intervals."""
    surprise = -np.log(np.maximum(found.probabilities[np.arange(len(found.labels)), found.labels],
                                  1e-12))  # fmt: skip
    loss = metrics.bootstrap(np.mean, surprise)
    error = metrics.bootstrap(metrics.expected_calibration_error, found.labels,
                              found.probabilities, n=500)  # fmt: skip
    # The bootstrap of an error that cannot be negative lies above it.
    error = error.model_copy(update={"low": min(error.low, error.value),
                                     "high": max(error.high, error.value)})  # fmt: skip
    return [record(data.name, OURS, "log loss", loss, seeds),
            record(data.name, OURS, "calibration error", error, seeds)]


def learning_curve(
    data: Pictures, train: np.ndarray, tested: np.ndarray, strength: float,
    counts: Sequence[int] = (1, 2, 5, 10, 20, 50, 100, 200), seeds: int = SEEDS,
) -> pd.DataFrame:  # fmt: skip
    """Test accuracy of a head on a few pictures of each class: mean, least and most over draws.

    Args:
        train, tested: features [n, d] of both parts.
        strength: of the regularisation, as chosen on all.
        counts: pictures of each class; those that a class cannot give are left out.
    """
    labels, truth = (data.part(part)["label"].to_numpy() for part in ("train", "test"))
    most = int(np.bincount(labels).min())
    wanted = [count for count in counts if count < most / 1.4] + [most]
    rows = []
    for count in wanted:
        accuracies = []
        for seed in range(seeds if count < most else 1):
            random = np.random.default_rng([seed, count])
            chosen = np.concatenate([random.permutation(np.flatnonzero(labels == k))[:count]
                                     for k in range(len(data.classes))])  # fmt: skip
            kernel, bias = head.one(train[chosen], labels[chosen], len(data.classes), strength)
            accuracies.append(float(((tested @ kernel + bias).argmax(axis=1) == truth).mean()))
        rows.append((count, np.mean(accuracies), min(accuracies), max(accuracies)))
    return pd.DataFrame(rows, columns=["pictures of each class", "accuracy", "least", "most"])


def doubtful(data: Pictures, labeller: Labeller, most: int = 12) -> pd.DataFrame:
    """Training pictures whose label is probably wrong, see `head.doubtful`; also reported."""
    rows, table = data.part("train"), labeller.head.probabilities(labeller.head.held_out)
    found = head.doubtful(labeller.head, rows["label"].to_numpy())
    for k in found:
        said = (f"is called {data.classes[rows.label[k]]}, and looks like "
                f"{data.classes[table[k].argmax()]}")  # fmt: skip
        data.report.add("label in doubt", said, file=rows.path[k], action="kept")
    names = np.array(data.classes, object)
    return pd.DataFrame({
        "path": rows["path"].to_numpy()[found], "label": names[rows["label"].to_numpy()[found]],
        "looks like": names[table[found].argmax(axis=1)],
        "probability of its label": table[found, rows["label"].to_numpy()[found]],
    }).head(most)  # fmt: skip


def baseline_arms(data: Pictures, linear: bool = False) -> dict[str, np.ndarray]:
    """Whether each baseline (`linear` adds one) is right on each test picture."""
    train, rows = data.part("train"), data.part("test")
    found = baselines.predictions(train["path"], train["label"].to_numpy(), rows["path"], linear)
    return {name: guess == rows["label"].to_numpy() for name, guess in found.items()}


def another(name: str, data: Pictures, seed: int) -> np.ndarray:
    """Whether a head on another backbone's features is right, bool for each test picture."""
    return test(retrained(name, data, seed), data.part("test")).right


def retrained(name: str, data: Pictures, seed: int, kept: float = 0.95) -> Labeller:
    """A labeller of the data's classes on a backbone's features."""
    backbone, train = backbones.find(name), data.part("train")
    labels, groups = train["label"].to_numpy(), train["group"].to_numpy()
    seen = features.of_rows(backbone, train)
    found = head.fit(seen, labels, groups, classes=len(data.classes), seed=seed)
    sense = learn("neighbour", found, seen.mean(axis=1), labels, groups, kept=kept, seed=seed)
    return Labeller(backbone, found, data.classes, sense)


def measure_backbone(
    data: Pictures, name: str, unknown: pd.DataFrame, seeds: list[int], kept: float = 0.95
) -> list[dict]:
    """Accuracy and sense of the unknown of a head on a backbone; its name is the variant."""
    labeller = retrained(name, data, seeds[0], kept)
    tested = test(labeller, data.part("test"))
    return [*accuracies(data, {name: tested.right}, seeds),
            *strangers.measure(data, name, labeller, unknown, seeds)]  # fmt: skip


def pointing(labeller: Labeller, data: Pictures) -> str:
    """How often the warmest place lies on the thing, where the data says where that is.

    Returns:
        A sentence, with what a guess at the middle would reach; empty where it is not known.
    """
    rows = data.part("test")
    if not {"x", "y", "radius"} <= set(rows) or not labeller.backbone.has_maps:
        return ""
    heats = labeller.heat(pixels.load(rows["path"], labeller.backbone.size))
    circles = (rows["x"], rows["y"], rows["radius"], rows["width"].iloc[0])
    hit = explain.points_into(heats, *circles).mean()
    guess = explain.middle_hits(*circles, heats.shape[2]).mean()
    chance = float((np.pi * rows["radius"] ** 2 / rows["width"] ** 2).mean())
    return (f"The warmest place lies on the shape in {hit:.0%} of {len(rows)} test pictures; the "
            f"middle of the picture does in {guess:.0%}, a place by chance in {chance:.0%}.")


def broken_example(data: Pictures, output_dir: str | Path) -> Path:
    """A folder of classes with all that can be wrong with files, for the reader to see."""
    from PIL import Image

    folder = Path(output_dir) / "own"
    with files.whole_folder(folder) as aside:
        rows = data.part("train").groupby("label").head(6)
        for row in rows.itertuples():
            inside = aside / data.classes[row.label]
            inside.mkdir(exist_ok=True)
            shutil.copyfile(row.path, inside / Path(row.path).name)
        first, second = (aside / name for name in data.classes[:2])
        good = next(first.iterdir())
        (first / "cut.jpg").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
        (first / "empty.png").write_bytes(b"")
        (second / "words.jpg").write_text("this is no picture")
        (second / "notes.txt").write_text("neither is this")
        shutil.copyfile(good, second / "mislabelled_copy.jpg")
        with Image.open(good) as image:
            image.convert("RGB").resize((4, 4)).save(second / "four_pixels.png")
            image.convert("RGBA").rotate(3).resize((96, 96)).save(second / "transparent.png")
    return folder


def table(records: list[dict], data: Pictures) -> pd.DataFrame:
    """The numbers with their intervals."""
    return results.table(records, [], data.name, data.synthetic)


def verdict(data: Pictures, records: list[dict], backbone: Backbone, name: str = OURS) -> str:
    """The same in words."""
    value = {(r["variant"], r["metric"]): r for r in records}
    ours = value[name, "accuracy"]
    kind = "synthetic " if data.synthetic else ""
    lines = [
        f"{ours['n']:,} {kind}test pictures: {ours['value']:.1%} right "
        f"(95 %: {ours['low']:.1%} to {ours['high']:.1%}), with {backbone.said}.",
        f"Colours alone: {value[baselines.COLOURS, 'accuracy']['value']:.1%}; the nearest "
        f"thumbnail: {value[baselines.NEAREST, 'accuracy']['value']:.1%}.",
    ]
    if (name, "unknown refused") in value:
        lines.append(
            f"Of pictures of no class {value[name, 'unknown refused']['value']:.0%} are answered "
            f"with {NONE!r}, and {value[name, 'known kept']['value']:.0%} of the test pictures "
            f"are not (area under the curve {value[name, 'auc of none of these']['value']:.2f})."
        )
    return "\n".join(lines)


def summary(data: Pictures, recorded: dict, output_dir: str | Path, seconds: float,
            backbone: Backbone, ours: str = OURS) -> None:  # fmt: skip
    """The run's last words.

    Args:
        recorded: what `results.record` gave. seconds: that the whole run took.
    """
    results.last_words(data.name, verdict(data, recorded["metrics"], backbone, ours), output_dir,
                       seconds, {"labeller": "the trained labeller"})  # fmt: skip
