"""Picture files below a folder, to be found as a table of somebody else's names them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from common import pictures


def walked(folder: Path, levels: int | None = None) -> Iterator[Path]:
    """Every file below a folder in the order of names, hidden ones and what macOS adds left out.

    Links to folders are followed, because photographs often lie on another disk; each folder is
    seen once.

    Args:
        levels: of folders to go down at most.
    """
    seen: set[str] = set()
    for place, below, names in os.walk(folder, followlinks=True):
        here, real = Path(place), os.path.realpath(place)
        deep = len(here.relative_to(folder).parts)
        if real in seen or (levels is not None and deep >= levels):
            below.clear()
        else:
            below[:] = sorted(n for n in below if not n.startswith(".") and n != "__MACOSX")
        if real not in seen:
            seen.add(real)
            yield from (here / name for name in sorted(names) if not name.startswith("."))


class Lost(LookupError):
    """A picture that a row names and that is not to be had; `kind` is the finding's."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Shelf:
    """The pictures below a folder, to be found as a published table names them.

    Names are compared without regard to case, and where none has the suffix that the table says,
    any other picture's suffix will do: copies are often stored as PNG or JPEG.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, Path] = {}
        self._names: dict[str, list[Path]] = defaultdict(list)
        for path in walked(folder):
            if path.suffix.lower() in pictures.SUFFIXES:
                self._places[path.relative_to(folder).as_posix().lower()] = path
                self._names[path.name.lower()].append(path)
                self._names[path.stem.lower()].append(path)

    def find(self, name: str) -> Path:
        """The picture of a name or of a path from the folder; it never lies outside.

        Raises:
            Lost: there is none, there are several, or the name leads out of the folder.
        """
        plain = name.replace("\\", "/")
        if PurePosixPath(plain).is_absolute() or PureWindowsPath(name).anchor:
            raise Lost("outside the folder", f"{name} is no path from the folder of the data")
        if ".." in PurePosixPath(plain).parts:
            raise Lost("outside the folder", f"{name} leads out of the folder of the data")
        plain = PurePosixPath(plain).as_posix().lower()
        if plain in self._places:
            return self._places[plain]
        if "/" in plain:
            raise Lost("missing file", f"there is no {name} below {self.folder}")
        stem = PurePosixPath(plain).stem if plain.endswith(pictures.SUFFIXES) else plain
        found = self._names.get(plain) or self._names.get(stem, [])
        if len(found) == 1:
            return found[0]
        if not found:
            raise Lost("missing file", f"there is no picture {name} below {self.folder}")
        some = " and ".join(str(path.relative_to(self.folder)) for path in found[:2])
        raise Lost("several files", f"{name} may be {some}; leave one of them")
