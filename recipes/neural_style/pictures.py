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
SMALLEST = 32  # pixels of the shorter side: below, no deep layer has anything to see
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


def read(path: str | Path, behind: str = "white") -> Picture:
    """A picture from a file: turned upright, in sRGB, what is transparent put on white.

    Args:
        path: of the file.
        behind: colour that shows where the picture is transparent.

    Raises:
        DataError: no file, empty, cut off, too small or no picture; it says which, and what to do.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is no file. Give the path of a picture.")
    data = path.read_bytes()
    if not data:
        raise DataError(f"{path} is empty (0 bytes). Copy it again.")
    try:
        pixels, notes = _decoded(data, behind)
    except UnidentifiedImageError:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if array is None:
            raise DataError(
                f"{path} is no picture that can be read here. Save it as PNG or JPEG."
            ) from None
        pixels, notes = array[..., ::-1] / np.float32(255), []
    except Image.DecompressionBombError as error:
        raise DataError(f"{path} is too large ({error}). Make it smaller first.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} is damaged or cut off ({error}). Copy it again.") from error
    if min(pixels.shape[:2]) < SMALLEST:
        height, width = pixels.shape[:2]
        raise DataError(f"{path} has {width} x {height} pixels; at least {SMALLEST} each way are "
                        "needed.")
    return Picture(path.stem, np.ascontiguousarray(pixels, np.float32), tuple(notes))


def _decoded(data: bytes, behind: str) -> tuple[np.ndarray, list[str]]:
    image, notes = Image.open(io.BytesIO(data)), []
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"the first of its {image.n_frames} pictures")
    turned = ImageOps.exif_transpose(image)
    if turned.size != image.size or image.getexif().get(274, 1) != 1:
        notes.append("turned upright")
    profile, image = image.info.get("icc_profile"), turned
    if image.mode in _SIXTEEN_BIT:
        grey = np.asarray(image, np.float32)
        notes.append("grey, 16 bit")
        return np.repeat(grey[..., None] / max(65535.0, float(grey.max())), 3, axis=2), notes
    if image.mode == "F":
        grey = np.asarray(image, np.float32)
        grey = (grey - grey.min()) / max(float(np.ptp(grey)), 1e-9)
        return np.repeat(grey[..., None], 3, axis=2), [*notes, "grey, stretched to 0 to 1"]
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
    return np.asarray(image.convert("RGB"), np.float32) / 255, notes


def read_mask(path: str | Path) -> np.ndarray:
    """float32 [height, width] from 0 (left alone) to 1 (selected), of a grey or coloured picture.

    Raises:
        DataError: see `read`; or nothing is selected.
    """
    mask = read(path, behind="black").pixels.mean(axis=2)  # what is transparent is not selected
    if mask.max() < 0.02:
        raise DataError(f"{path} selects nothing: it is black. White is what is selected.")
    return mask


def listed(folder: str | Path, report: Report | None = None) -> list[Path]:
    """The readable pictures of a folder by name; every other file is reported, hidden ones not.

    Raises:
        DataError: none is left.
    """
    folder, found = Path(folder), []
    for path in sorted(folder.iterdir(), key=_in_order):
        if path.name.startswith(".") or path.is_dir():
            continue
        try:
            if path.suffix.lower() not in SUFFIXES:
                raise DataError(f"{path} is no picture by its name.")
            read(path)
            found.append(path)
        except DataError as error:
            if report is not None:
                said = str(error).removeprefix(f"{path} ")
                report.add("no picture", said, file=path, action="dropped")
    if not found:
        raise DataError(f"{folder} holds no picture that can be read "
                        f"({', '.join(SUFFIXES)}).")
    return found


def _in_order(path: Path) -> list:
    """Names as people count: frame 9 before frame 10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


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


def fitted(size: tuple[int, int], longest: int, multiple: int = 1) -> tuple[int, int]:
    """Height and width with the longer one about `longest` pixels, in the same proportion.

    Args:
        size: height and width that there are.
        longest: pixels wanted.
        multiple: both become multiples of it; 1 leaves `longest` as it is.
    """
    # A panorama becomes longer than asked rather than squashed: its shorter side must be seen.
    factor = max(longest / max(size), SMALLEST / min(size))
    height, width = (side * factor for side in size)
    return round(height / multiple) * multiple, round(width / multiple) * multiple


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
