"""Which names: ImageNet's thousand, those of a trained labeller, or those that the data brings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from common import results
from common.download import sha256_of
from common.records import share
from common.vision import backbones, features, head, pixels
from common.vision.backbones import Backbone
from recipes.transfer import familiar, look, strangers
from recipes.transfer.data import Pictures
from recipes.transfer.labeller import Labeller, of_imagenet

THOUSAND, TRAINED = "thousand names", "names of the data"


@dataclass(frozen=True)
class Named:
    """A labeller, and what its classes have to do with the data's.

    Attributes:
        labeller: the one to ask.
        kind: `THOUSAND` or `TRAINED`.
        said: in a sentence, where the names are from.
        places: for each class of the data its number among the labeller's; None without data.
    """

    labeller: Labeller
    kind: str
    said: str
    places: np.ndarray | None = None


def find(
    data: Pictures | None, backbone: Backbone, saved: str | None = None, *, kept: float = 0.95,
    seed: int = 0,
) -> Named:  # fmt: skip
    """Names for pictures.

    Args:
        data: labelled pictures, or None. If all its classes are among ImageNet's thousand and the
            backbone knows these, it is asked for the thousand; else a head is trained on the
            training part.
        saved: the folder of a labeller that retrain has left; it goes before everything.
        kept: share of training pictures that "none of these" must not take.

    Raises:
        FileNotFoundError, DataError: there is no labeller in `saved`.
        ValueError: no data, and a backbone without names of its own.
    """
    if saved:
        labeller = Labeller.load(Path(saved).expanduser())
        places = None
        if data is not None:
            places = np.array([labeller.classes.index(name) if name in labeller.classes else -1
                               for name in data.classes])  # fmt: skip
        return Named(labeller, TRAINED, f"the labeller in {saved}", places)
    known = backbone.top is not None and backbone.linear
    if data is None:
        if not known:
            raise ValueError(
                f"BACKBONE={backbone.name!r} knows no names of its own, and DATA brings none. Take "
                "mobilenet_v2, or name a labeller that retrain has left in LABELLER."
            )
        return Named(of_imagenet(backbone), THOUSAND, "ImageNet's thousand classes")
    places = in_imagenet(data.classes, backbone) if known else None
    train = data.part("train")
    if places is not None:
        labeller = of_imagenet(backbone)
        seen = features.of_rows(backbone, train)
        # The backbone has seen more than these; so every second one sets the middle, the others
        # the threshold.
        sense = familiar.learn_once(
            "cosine", labeller.head, seen.mean(axis=1), places[train["label"].to_numpy()],
            np.arange(len(train))[::2], kept=kept,
        )  # fmt: skip
        said = (f"ImageNet's thousand classes, {len(places)} of which are the data's; 'none of "
                f"these' keeps {kept:.0%} of the training part")
        return Named(replace(labeller, familiarity=sense), THOUSAND, said, places)
    seen = features.of_rows(backbone, train)
    labels, groups = train["label"].to_numpy(), train["group"].to_numpy()
    trained = head.fit(seen, labels, groups, classes=len(data.classes), seed=seed)
    sense = familiar.learn("neighbour", trained, seen.mean(axis=1), labels, groups, kept=kept,
                           seed=seed)  # fmt: skip
    return Named(Labeller(backbone, trained, data.classes, sense), TRAINED,
                 f"a head trained on {len(train):,} pictures of {data.name}",
                 np.arange(len(data.classes)))  # fmt: skip


def in_imagenet(classes: list[str], backbone: Backbone) -> np.ndarray | None:
    """The number of each class among ImageNet's by its name, case and plural aside; None if one is
    not there."""
    known = {_plain(name): k for k, name in reversed(list(enumerate(backbone.classes)))}
    found = [known.get(_plain(name)) for name in classes]
    return None if None in found else np.array(found)


def _plain(name: str) -> str:
    name = name.lower().replace("_", " ").strip()
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def measure(named: Named, data: Pictures, seeds: list[int]) -> tuple[list[dict], np.ndarray]:
    """First and first five answers on the test part, as records, and whether the first is right."""
    rows = data.part("test")
    logits = named.labeller.head.logits(_seen(named, rows))
    return _records(data, named.kind, logits, named.places[rows["label"].to_numpy()], seeds)


def another(name: str, data: Pictures, seeds: list[int]) -> list[dict]:
    """The same for the thousand names of another backbone, one view; its variant has its name."""
    backbone = backbones.find(name)
    rows = data.part("test")
    ask = keras.Sequential([backbone.model, backbone.top])
    blocks = pixels.stream(rows["path"], backbone.size, 32)
    logits = np.concatenate([keras.ops.convert_to_numpy(ask.predict_on_batch(block))
                             for block in (each.astype(np.float32) for each in blocks)])
    places = in_imagenet(data.classes, backbone)
    records, _ = _records(data, f"{THOUSAND}, {name}", logits[: len(rows)],
                          places[rows["label"].to_numpy()], seeds)  # fmt: skip
    return records


def _records(data, variant, logits, truth, seeds):
    order = np.argsort(-logits, axis=1)[:, :5]
    first, five = order[:, 0] == truth, (order == truth[:, None]).any(axis=1)
    return [share(data.name, variant, "accuracy", first, seeds),
            share(data.name, variant, "top-5 accuracy", five, seeds)], first  # fmt: skip


def measure_unknown(
    named: Named, data: Pictures, unknown: pd.DataFrame, seeds: list[int]
) -> list[dict]:
    """How well "none of these" is told: the area under the curve, and both shares."""
    return strangers.records(data, named.kind, *_familiar(named, data, unknown),
                             named.labeller.familiarity.threshold, seeds)  # fmt: skip


def _familiar(named: Named, data: Pictures, unknown: pd.DataFrame) -> list[np.ndarray]:
    return [named.labeller.answers(_seen(named, rows))["familiar"].to_numpy()
            for rows in (data.part("test"), unknown)]  # fmt: skip


def _seen(named: Named, rows: pd.DataFrame) -> np.ndarray:
    return features.of_rows(named.labeller.backbone, rows, log=None)


def best(named: Named, paths: list, count: int = 5) -> pd.DataFrame:
    """The likeliest names of each file with their probabilities, and whether it is familiar."""
    found = named.labeller.label(paths)
    table = found[named.labeller.columns].to_numpy()
    names = np.array(named.labeller.classes, object)
    rows = []
    for k, row in enumerate(table):
        order = np.argsort(-row)[:count]
        said = ", ".join(f"{names[j]} {row[j]:.0%}" for j in order if row[j] >= 0.005)
        rows.append((Path(found["file"][k]).name, found["label"][k],
                     found["problem"][k] or said))  # fmt: skip
    return pd.DataFrame(rows, columns=["file", "answer", "likeliest"])


def described(
    named: Named, data: Pictures | None, paths: list[Path], door: str
) -> tuple[dict, dict]:
    """What `results.record` wants to know of the data, and the headline."""
    if data is not None:
        return results.describe(data), {"metric": "accuracy", "variant": named.kind}
    digest = hashlib.sha256("".join(map(sha256_of, paths)).encode()).hexdigest()
    found = {"name": Path(door).name, "synthetic": False, "fingerprint": digest,
             "licence": "not stated: the user's own", "rows": len(paths)}  # fmt: skip
    return found, {"metric": "share named", "variant": named.kind}


def measure_loose(named: Named, paths: list[Path], about: dict) -> list[dict]:
    """How many of some pictures without labels get a name, as a record."""
    known = named.labeller.label(paths)["label"].to_numpy() != familiar.NONE
    return [share(about["name"], named.kind, "share named", known, [])]


def some(
    named: Named, data: Pictures | None, paths: list[Path], count: int, seed: int
) -> tuple[list[str], list[str | None] | None]:
    """Paths to show, and what they truly are, in the labeller's words, where that is known."""
    if data is None:
        return [str(path) for path in paths[:count]], None
    rows = data.part("test")
    rows = rows.sample(min(count, len(rows)), random_state=seed)
    truth = named.places[rows["label"].to_numpy()]
    return rows["path"].tolist(), [named.labeller.classes[k] if k >= 0 else None for k in truth]


def familiarity_figure(named: Named, data: Pictures, unknown: pd.DataFrame) -> Figure:
    """How familiar the test part and pictures of no class are."""
    sense = named.labeller.familiarity
    return look.familiarity(*_familiar(named, data, unknown), sense.threshold, sense.method)


def wrong(named: Named, data: Pictures, first: np.ndarray, most: int) -> Figure | None:
    """The test pictures that were most surely misnamed."""
    seen = _seen(named, data.part("test"))
    sure = named.labeller.answers(seen)["probability"].to_numpy()
    return look.wrong(named.labeller, data, first, sure, most)


def verdict(named: Named, records: list[dict]) -> str:
    """The numbers in words."""
    value = {r["metric"]: r for r in records if r["variant"] == named.kind}
    if "share named" in value:
        found = value["share named"]
        return (f"{found['value']:.0%} of {found['n']} pictures get a name, with "
                f"{named.labeller.backbone.said}.")
    first, five = value["accuracy"], value["top-5 accuracy"]
    return (
        f"{first['n']:,} test pictures, {len(named.labeller.classes):,} names: the first answer is "
        f"right for {first['value']:.1%} (95 %: {first['low']:.1%} to {first['high']:.1%}), one of "
        f"the first five for {five['value']:.1%}, with {named.labeller.backbone.said}.\n"
        f"Of pictures of no class {value['unknown refused']['value']:.0%} are answered with "
        f"{familiar.NONE!r}, and {value['known kept']['value']:.0%} of the test pictures are not "
        f"(area under the curve {value['auc of none of these']['value']:.2f})."
    )


def summary(named: Named, about: dict, recorded: dict, output_dir: str | Path, seconds: float
            ) -> None:  # fmt: skip
    """The run's last words."""
    results.last_words(about["name"], verdict(named, recorded["metrics"]), output_dir, seconds,
                       {"picture.png": "what and why", "labeller": "for predict"})  # fmt: skip
