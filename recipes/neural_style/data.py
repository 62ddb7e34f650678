"""The three doors: a collection of photographs, paintings, masks and frames, wherever it is."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from common import datasets, files
from common.card import DataCard
from common.download import sha256_of
from common.validation import DataError, Report
from data_scripts import sample_neural_style
from recipes.neural_style import pictures, video
from recipes.neural_style.pictures import Picture

PUBLISHED = ("style",)
KINDS = ("content", "styles", "masks", "frames")


@dataclass(frozen=True)
class Collection:
    """Pictures by kind and name; nothing after this knows which door they came through.

    Attributes:
        name: "sample", the catalogue's name, or the name of the user's file or folder.
        synthetic: True where paintings and film were drawn by this project.
        content, styles, masks: paths by name.
        frames: a film's pictures in their order, or one video file; empty without a film.
        report: what was left out.
        licence, citation: of the pictures.
    """

    name: str
    synthetic: bool
    content: dict[str, Path]
    styles: dict[str, Path]
    masks: dict[str, Path]
    frames: list[Path]
    report: Report = field(repr=False)
    licence: str = ""
    citation: str = ""

    def photograph(self, wanted: str | None) -> Picture:
        """The content named, or the first; a path to a file does as well. Of a film a frame."""
        if not self.content and not wanted and self.frames:
            return Picture("frame 1", video.read_frames(self.frames, 2)[0])
        if not self.content and not wanted:
            raise DataError(f"{self.name} has no photograph; put one into its folder content.")
        return pictures.read(_found("CONTENT", wanted or next(iter(self.content)), self.content))

    def paintings(self, wanted: str | None) -> tuple[list[Picture], list[float]]:
        """The styles named, separated by commas, or the first; and what each counts.

        Args:
            wanted: "starry, scream", or with shares "starry=0.7, scream=0.3".

        Raises:
            DataError: an unknown name, or a share that is no number of 0 or more.
        """
        parts = _listed(wanted) or list(self.styles)[:1]
        if not parts:
            raise DataError(f"{self.name} has no painting; name one in STYLES by its path.")
        found, shares = [], []
        for part in parts:
            name, _, share = (piece.strip() for piece in part.partition("="))
            if not re.fullmatch(r"\d*\.?\d*", share) or share == ".":
                raise DataError(f"STYLES: the share {share!r} of {name} is no number of 0 or more.")
            found.append(pictures.read(_found("STYLES", name, self.styles)))
            shares.append(float(share or 1))
        return found, shares

    def masks_of(self, photograph: str) -> dict[str, np.ndarray]:
        """Masks that begin with this photograph's name; all where there is one photograph."""
        def owner(name):  # the longest name that it begins with
            begun = [each for each in self.content if name.startswith(f"{each}_")]
            return max(begun, key=len, default=None)

        return {name: pictures.read_mask(path) for name, path in self.masks.items()
                if owner(name) == photograph or len(self.content) == 1}  # fmt: skip

    def selections(self, wanted: str | None) -> list | None:
        """The masks named, separated by commas; None for none."""
        names = _listed(wanted)
        found = [pictures.read_mask(_found("MASKS", name, self.masks)) for name in names]
        return found or None

    def __len__(self) -> int:
        return sum(len(getattr(self, kind)) for kind in KINDS)

    @property
    def fingerprint(self) -> str:
        """sha256 over the bytes of every file."""
        paths = [*self.content.values(), *self.styles.values(), *self.masks.values(), *self.frames]
        return hashlib.sha256("".join(map(sha256_of, paths)).encode()).hexdigest()

    def card(self) -> DataCard:
        """How many of what, and their terms."""
        counts = pd.DataFrame(
            {"pictures": [len(getattr(self, kind)) for kind in KINDS]},
            index=pd.Index(KINDS, name="kind"),
        )
        facts = {
            "photographs": ", ".join(self.content) or "none",
            "paintings": ", ".join(self.styles) or "none",
            "licence": self.licence,
        }
        if self.citation:
            facts["cite"] = self.citation
        title = self.name + (" (paintings and film are synthetic)" if self.synthetic else "")
        return DataCard(title, counts, facts, total=False)


def load(data: str | Path) -> Collection:
    """A collection through one of the three doors.

    Args:
        data: "sample" (two photographs of scikit-learn, paintings drawn here); "style" (published);
            or a path: a picture, a video, a folder of pictures, or a folder with the folders
            content, styles, masks and frames, of which it may have any. What the user's lacks in
            paintings is taken from the sample.

    Raises:
        DataError: no such door, or nothing that can be read behind it.
    """
    if data == "sample":
        licence = ("photographs: CC BY 2.0, as the README of scikit-learn's images says; paintings "
                   "and film: none needed, drawn by data_scripts/sample_neural_style.py")
        return _folder(sample(), "sample", synthetic=True, licence=licence)
    if data in PUBLISHED:
        entry = datasets.entry(data)
        return _folder(datasets.load(data), data, licence=entry.licence,
                       citation=entry.citation.strip())  # fmt: skip
    path = Path(data).expanduser()
    if not path.exists():
        near = get_close_matches(str(data).lower(), ["sample", *PUBLISHED], n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"DATA={str(data)!r} is no collection and no file.{hint} The three doors: 'sample' (no "
            f"network); a published collection ({', '.join(PUBLISHED)}); the path of a picture, a "
            "video or a folder of your own."
        )
    found = _folder(path, path.name) if path.is_dir() else _file(path)
    if found.styles:
        return found
    borrowed = {"styles": load("sample").styles, "synthetic": True,
                "licence": f"{found.licence}; the paintings are synthetic, drawn by this project"}
    return Collection(**{**vars(found), **borrowed})


def sample() -> Path:
    """The sample's folder; drawn the first time."""
    key = files.work_key([sample_neural_style.__file__])
    folder = datasets.cache_folder() / "samples" / f"neural_style-{key}"
    if not folder.is_dir():
        with files.whole_folder(folder) as aside:
            sample_neural_style.write(aside)
    return folder


def _file(path: Path) -> Collection:
    report = Report(str(path))
    if path.suffix.lower() in video.SUFFIXES:
        return Collection(path.name, False, {}, {}, {}, [path], report, licence="yours")
    pictures.read(path)  # says at once what is wrong with it
    return Collection(path.name, False, {path.stem: path}, {}, {}, [], report, licence="yours")


def _folder(
    folder: Path, name: str, synthetic: bool = False, licence: str = "yours", citation: str = ""
) -> Collection:
    report, parts = Report(str(folder)), {}
    for kind in KINDS:
        inside = folder / kind
        empty = not inside.is_dir() or not any(inside.iterdir())
        parts[kind] = [] if empty else pictures.listed(inside, report)
    if len(parts["frames"]) == 1:
        report.add("one frame", "one frame is no film", file=parts["frames"][0], action="dropped")
        parts["frames"] = []
    if not any(parts.values()):
        parts["content"] = pictures.listed(folder, report)
    named = {kind: pictures.named(parts[kind]) for kind in KINDS[:3]}
    return Collection(name, synthetic, **named, frames=parts["frames"], report=report,
                      licence=licence, citation=citation)  # fmt: skip


def _listed(line: str | None) -> list[str]:
    return [part.strip() for part in (line or "").split(",") if part.strip()]


def _found(parameter: str, name: str, known: dict[str, Path]) -> Path:
    if name in known:
        return known[name]
    if os.sep in name or Path(name).suffix:
        return Path(name).expanduser()
    begun = [each for each in known if each.startswith(name)]
    if len(begun) == 1:
        return known[begun[0]]
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise DataError(f"{parameter}: there is no {name!r}.{hint} There are: "
                    f"{', '.join(known) or 'none'}; or give a path.")
