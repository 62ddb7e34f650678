"""Draw pigmented skin lesions of seven classes, with the criteria that dermatoscopy tells them by.

The classes are those of HAM10000 (Tschandl et al., The HAM10000 dataset, Scientific Data 5:180161,
2018). A melanoma differs from a nevus by the ABCD rule (Stolz et al., ABCD rule of dermatoscopy,
Eur. J. Dermatol. 4, 1994: asymmetry, border, colours, structures) and the seven-point checklist
(Argenziano et al., Arch. Dermatol. 134(12), 1998: atypical network, blue-whitish veil, atypical
vessels, streaks, dots and globules, blotches, regression). The other classes' criteria are those
of Kittler et al., J. Am. Acad. Dermatol. 74(6), 2016; of actinic keratosis also Zalaudek et al.,
Br. J. Dermatol. 155(5), 2006; of dermatofibroma Zaballos et al., Arch. Dermatol. 144(1), 2008.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from data_scripts.draw_skin import BLOOD, cloud, planes
from data_scripts.draw_skin_structures import KINDS, Hand, Layer, hill

CLASSES = {"akiec": "actinic keratosis or Bowen's disease", "bcc": "basal cell carcinoma",
           "bkl": "seborrheic keratosis or solar lentigo", "df": "dermatofibroma",
           "mel": "melanoma", "nv": "melanocytic nevus", "vasc": "angioma"}  # fmt: skip
MALIGNANT = ("akiec", "bcc", "mel")
# Of each class, the structures that a reader decides by; others may be there as well.
DECISIVE = {"akiec": ("pseudonetwork", "scale", "vessels"),
            "bcc": ("vessels", "nests", "ulceration"),
            "bkl": ("milia_cysts", "comedo_openings", "ridges"), "df": ("scar", "network"),
            "mel": ("atypical_network", "blue_white_veil", "streaks", "globules", "regression"),
            "nv": ("network", "globules"), "vasc": ("lacunae",)}  # fmt: skip
# How clearly the structures are seen, and how far melanoma, nevus and keratosis look alike.
LEVELS = {"easy": (1.0, 0.1), "medium": (0.65, 0.55), "hard": (0.42, 0.95)}
SEEN = 0.35  # of a structure's cover, from where on it belongs to its mask


@dataclass(frozen=True)
class Lesion:
    """A lesion on the plate.

    Attributes:
        inside: float32 [PLATE, PLATE], 1 where the lesion is; below 0.5 it is skin.
        absorbed: float32 [3, PLATE, PLATE], optical density but for the structures.
        layers: the structures, from the lowest to the highest.
        clearness: from 0 to 1, of the structures.
    """

    inside: np.ndarray
    absorbed: np.ndarray
    layers: tuple[Layer, ...]
    clearness: float

    def without(self, kinds: tuple[str, ...]) -> Lesion:
        """The same but for structures of these kinds.

        Raises:
            ValueError: a kind that is not among `KINDS`.
        """
        for kind in kinds:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is no structure; there are {', '.join(KINDS)}.")
        return replace(self, layers=tuple(x for x in self.layers if x.kind not in kinds))

    def covers(self) -> dict[str, np.ndarray]:
        """Of each kind that there is, float32 [PLATE, PLATE] from 0 to 1."""
        found = {}
        for layer in self.layers:
            found[layer.kind] = np.maximum(found.get(layer.kind, 0), layer.cover)
        return found


def paint(skin: np.ndarray, lesion: Lesion) -> np.ndarray:
    """The skin with the lesion in it, float32 [3, PLATE, PLATE] from 0 to 1."""
    pixels = skin.copy()
    rows, columns = (np.flatnonzero(lesion.inside.any(axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    absorbed, part = lesion.absorbed[:, *box].copy(), pixels[:, *box]
    for layer in lesion.layers:
        if not layer.opaque:
            absorbed += lesion.clearness * layer.cover[box] * planes(layer.colour)
    part *= np.exp(-absorbed)
    # What lies above the pigment is darker in dark skin, too, but less so.
    light = np.float32(math.sqrt(float(np.median(skin[:, ::8, ::8])) / 0.7))
    for layer in lesion.layers:
        if layer.opaque:
            shown = lesion.clearness * layer.cover[box]
            part += shown * (light * planes(layer.colour) - part)
    return pixels


def draw_lesion(dx: str, level: str, random: np.random.Generator) -> Lesion:
    """A lesion in the middle of the plate.

    Args:
        dx: of `CLASSES`.
        level: of `LEVELS`.

    Raises:
        ValueError: a class or a level that there is not.
    """
    for name, value, values in (("dx", dx, CLASSES), ("level", level, LEVELS)):
        if value not in values:
            raise ValueError(f"{name}={value!r}: one of {', '.join(map(repr, values))}.")
    clearness, alike = LEVELS[level]
    hand = Hand(random, alike)
    brown, blood = {"akiec": _akiec, "bcc": _bcc, "bkl": _bkl, "df": _df, "mel": _mel, "nv": _nv,
                    "vasc": _vasc}[dx](hand, random, alike)  # fmt: skip
    absorbed = hand.inside * np.maximum(brown, 0, dtype=np.float32) * planes(hand.tint)
    absorbed += hand.inside * np.maximum(blood, 0, dtype=np.float32) * planes(BLOOD)
    return Lesion(hand.inside, absorbed, tuple(hand.layers), clearness)


# Each of these draws a class and returns the densities of its brown and of its blood, both a number
# or float32 [PLATE, PLATE].


def _some(random: np.random.Generator, little: float, much: float) -> float:
    """A density: little of it in two lesions of three, or else up to much."""
    return random.uniform(0, little if random.random() < 0.65 else much)


def _nv(hand: Hand, random: np.random.Generator, alike: float):
    """Symmetric, one or two browns; network, globules, or globules within a network."""
    hand.shape((45, 88), 0.02 + 0.06 * alike, random.uniform(3, 6) - 2 * alike, 1 + 2.5 * alike,
               0.1 + 0.1 * alike, int(3 * alike * random.random()))  # fmt: skip
    paler = random.uniform(-0.3 - 0.3 * alike, 0.6)
    brown = random.uniform(0.24, 0.62) * (1 + paler * (1 - hand.out**2)) + 0.05 * cloud(12, random)
    brown += alike * (0.3 * random.random() * hand.along + 0.12 * cloud(7, random))
    blood = _some(random, 0.05, 0.3)
    pattern, strength = random.choice(["network", "globules", "both"]), random.uniform(0.5, 0.75)
    fade = np.clip(3.2 - 3 * hand.out, 0, 1)  # lines thin out towards the edge
    if pattern == "globules":
        hand.globules(1)
    elif pattern == "network":
        hand.network(fade, strength)
    else:
        hand.network(fade * (hand.out > 0.5), strength)
        hand.globules(hand.out < 0.5)
    return brown + _like_others(hand, random, 0.6 * alike), blood


def _like_others(hand: Hand, random: np.random.Generator, chance: float):
    """What melanoma, nevus and keratosis may have in common; returns a density of brown."""
    brown = 0
    if random.random() < chance:  # darker to one side
        patch = hand.patch(hand.side(0.2, 0.5), random.uniform(0.25, 0.45) * hand.radius, 4, 0.35)
        brown = random.uniform(0.2, 0.6) * patch
    if random.random() < 0.6 * chance:
        brown = brown + 1.2 * hand.dots(int(random.integers(8, 30)), _half(hand, random))
    if random.random() < 0.6 * chance:
        hand.milia_cysts(int(random.integers(1, 5)))
    return brown


def _half(hand: Hand, random: np.random.Generator) -> np.ndarray:
    """One side of the lesion, by an uneven line: float32 [PLATE, PLATE] from 0 to 1."""
    return hill(hand.along + 0.3 * cloud(8, random), 0.1)


def _mel(hand: Hand, random: np.random.Generator, alike: float):
    """Asymmetric in outline, colour and structure; three colours or more."""
    hand.shape((52, 95), 0.1 - 0.045 * alike, random.uniform(1.2, 3), 4 - 1.5 * alike,
               0.2 - 0.05 * alike, int(random.integers(0, 4)))  # fmt: skip
    uneven = 1 - 0.6 * alike
    brown = random.uniform(0.25, 0.65) + uneven * (0.22 * cloud(7, random) + 0.3 * hand.along)
    brown = np.maximum(brown, 0.1)
    for _ in range(int(random.integers(1, 3))):  # blotches, almost black
        patch = hand.patch(hand.side(0.2, 0.6), random.uniform(0.2, 0.35) * hand.radius, 3, 0.4)
        brown += uneven * random.uniform(0.4, 1) * patch
    blood = random.uniform(0.05, 0.45) * hand.patch(hand.side(0.4, 0.7), 0.5 * hand.radius, 8)
    if random.random() < 0.2 * alike:  # hardly any pigment
        brown, blood = 0.3 * brown, blood + random.uniform(0.15, 0.3)
    fewest, half = round(3.8 - 2.6 * alike), _half(hand, random)
    chosen = random.permutation(5)[: random.integers(fewest, fewest + 2)]
    if random.random() < 0.6 * alike:  # of the nevus that it grew in
        hand.network((1 - half) * np.clip(3.2 - 3 * hand.out, 0, 1), random.uniform(0.5, 0.75))
    if 0 in chosen:
        hand.atypical_network(half)
    if 1 in chosen:
        hand.irregular_globules(1 - half if 0 in chosen else hand.out > 0)
    if 2 in chosen:
        hand.regression()
    if 3 in chosen:
        hand.blue_white_veil()
    if 4 in chosen:
        hand.streaks()
    return brown + _like_others(hand, random, 0.4 * alike), blood


def _bkl(hand: Hand, random: np.random.Generator, alike: float):
    """Stuck on the skin, sharply cut; cysts and plugs, a brain's folds, or a fingerprint."""
    hand.shape((50, 92), 0.05 + 0.02 * alike, random.uniform(0.7, 1.3) + 2.2 * alike, 2, 0.15,
               int(random.integers(0, 5)))  # fmt: skip
    brown = random.uniform(0.15, 0.75) + 0.1 * cloud(14, random)
    brown += (0.1 + 0.08 * alike) * cloud(5, random) + 0.08 * (1 - 0.5 * alike) * cloud(60, random)
    brown += 0.25 * alike * random.random() * hand.along
    many, pattern = 1 - 0.7 * alike, random.choice(["plugs", "brain", "fingerprint"])
    if pattern != "plugs":
        hand.ridges(brain=pattern == "brain")
    if pattern == "fingerprint":
        brown *= 0.6
    if random.random() < 0.7 * alike:  # what looks like a melanocytic network
        hand.network(_half(hand, random), random.uniform(0.4, 0.65))
    if pattern == "plugs" or random.random() < 0.3:
        hand.comedo_openings(int(2 + many * random.integers(4, 14)))
    if pattern == "plugs" or random.random() < 0.5:
        hand.milia_cysts(int(2 + many * random.integers(4, 24)))
    return brown + _like_others(hand, random, 0.5 * alike), _some(random, 0.1, 0.35)


def _bcc(hand: Hand, random: np.random.Generator, alike: float):
    """Pink and pearly; branching vessels, blue-grey nests, an ulcer."""
    hand.shape((48, 88), 0.05, random.uniform(3, 7), 3, 0.15)
    brown = _some(random, 0.06, 0.3) + 0.04 * cloud(9, random)
    blood = random.uniform(0.18, 0.38) + 0.06 * cloud(8, random)
    pale = np.clip(0.6 * cloud(6, random), 0, 1)  # a pearl's sheen
    chosen = random.permutation(3)[: random.integers(2 if alike < 0.7 else 1, 4)]
    if 0 in chosen:
        hand.nests(int(random.integers(2, 10 - 4 * alike)))
    if 1 in chosen:
        hand.ulceration()
    if 2 in chosen or 0 not in chosen:  # an ulcer alone may be anything's
        hand.vessels(int(random.integers(2, 7 - 3 * alike)))
    if random.random() < 0.4 * alike:
        hand.scale()
    return brown - 0.08 * pale, blood * (1 - 0.5 * pale)


def _akiec(hand: Hand, random: np.random.Generator, alike: float):
    """Red and rough, without a clear border; a strawberry's pattern, or coiled vessels."""
    hand.shape((52, 92), 0.07, random.uniform(7, 12), 5, 0.15)
    brown = _some(random, 0.08, 0.35)
    blood = random.uniform(0.28, 0.48) + 0.07 * cloud(10, random)
    if random.random() < 0.6:
        hand.pseudonetwork()
        blood *= 0.7
    else:
        hand.coiled_vessels()
    hand.scale()
    if random.random() < 0.3 * alike:
        hand.vessels(2)
    return brown + 0.06 * cloud(14, random), blood


def _df(hand: Hand, random: np.random.Generator, alike: float):
    """A white scar in the middle of a delicate network that fades into the skin."""
    hand.shape((44, 78), 0.025, random.uniform(5, 9), 1.5)
    rim = np.exp(-(((hand.out - 0.7) / 0.35) ** 2))
    brown = random.uniform(0.28, 0.6) * (rim + alike * random.random() * (1 - rim))
    brown += 0.04 * cloud(12, random)
    hand.network(np.clip(2.6 - 2.2 * hand.out, 0, 1) * (hand.out > 0.4), random.uniform(0.25, 0.4))
    hand.scar()
    return brown, random.uniform(0.02, 0.25)


def _vasc(hand: Hand, random: np.random.Generator, alike: float):
    """Lakes of blood, red to blue and black, with pale septa between them."""
    hand.shape((40, 78), 0.05, random.uniform(0.9, 1.8), 2, 0.12)
    hand.lacunae()
    return _some(random, 0.05, 0.4), random.uniform(0.2, 0.5) + 0.06 * cloud(12, random)
