"""Pictures in and out: whatever a camera, a scanner or a paint program writes."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from common import files
from common.validation import DataError, Report

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm")
NAMED = 5  # files at most that an error names
_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L")


@dataclass(frozen=True)
class Picture:
    """A picture in memory.

    Attributes:
        name: of its file, without folder and suffix.
        pixels: float32 [height, width, 3], red, green and blue from 0 to 1 (sRGB).
        notes: what was done to make it so ("turned upright", "put on white", ...).
    """

    name: str
    pixels: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[:2]


def read(path: str | Path, behind: str = "white", smallest: int = 1) -> Picture:
    """A picture from a file: turned upright, in sRGB, what is transparent put on white.

    Args:
        path: of the file.
        behind: colour that shows where the picture is transparent.
        smallest: pixels that the shorter side must have.

    Raises:
        DataError: no file, empty, cut off, too small or no picture; it says which, and what to do.
    """
    path = Path(path)
    image, notes = decode(path, bytes_of(path), behind, deep=True)
    require_size(path, image.height, image.width, smallest)
    pixels = np.asarray(image, np.float32)
    pixels = np.repeat(pixels[..., None], 3, axis=2) if image.mode == "F" else pixels / 255
    return Picture(path.stem, pixels, tuple(notes))


def bytes_of(path: Path) -> bytes:
    """A file's content.

    Raises:
        DataError: there is no such file, or nothing in it.
    """
    if not path.is_file():
        raise DataError(f"{path} is no file. Give the path of a picture.")
    data = path.read_bytes()
    if not data:
        raise DataError(f"{path} is empty (0 bytes). Copy it again.")
    return data


def is_dicom(path: Path) -> bool:
    """Whether a file has DICOM's mark, whatever its name; not one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def unwanted(path: Path) -> str:
    """Why a file whose name is not that of a picture is left out, in words."""
    if is_dicom(path):
        return ("is a DICOM file, which tells of its patient; python -m common.undicom FOLDER OUT "
                "makes pictures that do not")  # fmt: skip
    return "is no picture by its name"


def require_size(path: str | Path, height: int, width: int, smallest: int) -> None:
    """Refuse a picture whose shorter side is below `smallest` pixels.

    Raises:
        DataError: it names the file and both sides.
    """
    if min(height, width) < smallest:
        raise DataError(f"{path} has {width} x {height} pixels; at least {smallest} each way are "
                        "needed.")


def decode(
    path: str | Path, data: bytes, behind: str = "white", enough: int | None = None,
    deep: bool = False,
) -> tuple[Image.Image, list[str]]:  # fmt: skip
    """A picture of a file's bytes: RGB, upright, in sRGB, 8 bits a channel.

    Args:
        path: of the file, for errors.
        data: its content.
        behind: colour that shows where the picture is transparent.
        enough: a JPEG may be decoded at a half, a quarter or an eighth of its size, several times
            as quickly, as long as both sides keep so many pixels.
        deep: leaves grey of more than 8 bits as it is, in mode "F" from 0 to 1.

    Returns:
        The picture, and what was done to make it so ("turned upright", "put on white", ...).

    Raises:
        DataError: cut off, too large or no picture; it says which, and what to do.
    """
    try:
        image, notes = _decoded(data, behind, enough)
        if image.mode == "F" and not deep:
            light = np.round(np.asarray(image) * 255).astype(np.uint8)
            image = Image.fromarray(light).convert("RGB")
        return image, notes
    except UnidentifiedImageError:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if array is None:
            raise DataError(
                f"{path} is no picture that can be read here. Save it as PNG or JPEG."
            ) from None
        return Image.fromarray(np.ascontiguousarray(array[..., ::-1])), []
    except Image.DecompressionBombError as error:
        raise DataError(f"{path} is too large ({error}). Make it smaller first.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} is damaged or cut off ({error}). Copy it again.") from error


def size_of(path: str | Path, data: bytes) -> tuple[int, int]:
    """Width and height in pixels of a file's bytes, upright, without decoding them.

    Raises:
        DataError: it is no picture; it says which, and what to do.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            turned = image.getexif().get(274, 1) in (5, 6, 7, 8)
            return image.size[::-1] if turned else image.size
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        return decode(path, data)[0].size  # OpenCV may know it; else it says what is wrong


def _decoded(data: bytes, behind: str, enough: int | None) -> tuple[Image.Image, list[str]]:
    image, notes = Image.open(io.BytesIO(data)), []
    if enough:
        image.draft("RGB", (enough, enough))
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"the first of its {image.n_frames} pictures")
    turned = ImageOps.exif_transpose(image)
    if turned.size != image.size or image.getexif().get(274, 1) != 1:
        notes.append("turned upright")
    profile, image = image.info.get("icc_profile"), turned
    if image.mode in _SIXTEEN_BIT:
        grey = np.asarray(image, np.float32)
        notes.append("grey, 16 bit")
        return Image.fromarray(grey / max(65535.0, float(grey.max()))), notes
    if image.mode == "F":
        grey = np.asarray(image, np.float32)
        grey = (grey - grey.min()) / max(float(np.ptp(grey)), 1e-9)
        return Image.fromarray(grey), [*notes, "grey, stretched to 0 to 1"]
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            image = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError):
            notes.append("its colour profile cannot be read and was passed over")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getextrema()[3][0] < 255:
            image = Image.alpha_composite(Image.new("RGBA", image.size, behind), image)
            notes.append(f"what is transparent was put on {behind}")
    if image.mode == "CMYK":
        notes.append("CMYK without a profile: colours may be off")
    return image.convert("RGB"), notes


def listed(folder: str | Path, report: Report | None = None, smallest: int = 1) -> list[Path]:
    """The readable pictures of a folder by name; every other file is reported, hidden ones not.

    Args:
        smallest: see `read`.

    Raises:
        DataError: none is left; the first few files are named with what is wrong.
    """
    folder, found, problems = Path(folder), [], []
    for path in sorted(folder.iterdir(), key=in_order):
        if path.name.startswith(".") or path.is_dir():
            continue
        try:
            if path.suffix.lower() not in SUFFIXES:
                raise DataError(f"{path} {unwanted(path)}.")
            read(path, smallest=smallest)
            found.append(path)
        except DataError as error:
            problems.append(str(error))
            if report is not None:
                said = str(error).removeprefix(f"{path} ")
                report.add("no picture", said, file=path, action="dropped")
    if not found:
        raise DataError(" ".join([f"{folder} holds no picture that can be read "
                                  f"({', '.join(SUFFIXES)}).", *problems[:NAMED]]))
    return found


def in_order(path: Path) -> list:
    """A key that sorts names as people count: frame 9 before frame 10."""
    return _counted(path.name)


def in_order_of_path(path: Path) -> list:
    """`in_order` by the whole path, folder after folder."""
    return [_counted(part) for part in path.parts]


def _counted(name: str) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def named(paths: list[Path]) -> dict[str, Path]:
    """Paths by their names without suffix, or with it where two have the same."""
    stems = [path.stem for path in paths]
    return {
        path.stem if stems.count(path.stem) == 1 else path.name: path for path in paths
    }


def resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """float32 [height, width(, channels)], by areas where it shrinks, else by Lanczos, 0 to 1."""
    old_height, old_width = pixels.shape[:2]
    if (old_height, old_width) == (height, width):
        return pixels
    shrinks = height * width < old_height * old_width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return np.clip(cv2.resize(pixels, (width, height), interpolation=how), 0, 1)


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    """uint8 [height, width, 3] of pixels from 0 to 1."""
    return np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def save(path: str | Path, pixels: np.ndarray, quality: int = 95) -> Path:
    """Write a picture, whole or not at all; the suffix says how.

    Raises:
        DataError: no suffix of a picture.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: the name of a picture ends in {', '.join(SUFFIXES)}.")
    with files.whole(path) as aside:
        Image.fromarray(as_bytes(pixels)).save(aside, quality=quality)
    return Path(path)
