"""Pictures that nobody has labelled: a file, a folder, an address, or what a camera sees now."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from common import files, pictures
from common.download import TransferError, patience
from common.validation import DataError, Report

MOST_BYTES = 50_000_000  # of a picture at an address


def is_loose(data: str) -> bool:
    """Whether DATA means pictures without labels: see `gather`."""
    if "://" in data or data.partition(":")[0] == "webcam":
        return True
    path = Path(data).expanduser()
    if path.is_file():
        return path.suffix.lower() in pictures.SUFFIXES
    return path.is_dir() and not any(each.is_dir() for each in path.iterdir())


def gather(data: str, output_dir: str | Path) -> tuple[list[Path], Report]:
    """Paths of pictures that can be read, and what is wrong with the others.

    Args:
        data: a picture; a folder of pictures; "https://..." of one; "webcam", or "webcam:1" for the
            second camera. What is fetched is kept in OUTPUT_DIR/fetched.

    Raises:
        DataError: nothing that can be read.
    """
    report = Report(data)
    if "://" in data:
        path = _fetched(data, Path(output_dir) / "fetched")
    elif data.partition(":")[0] == "webcam":
        path = _seen(data, Path(output_dir) / "fetched")
    else:
        path = Path(data).expanduser()
    if path.is_dir():
        return pictures.listed(path, report), report
    pictures.read(path)  # says at once what is wrong with it
    return [path], report


def _fetched(url: str, folder: Path) -> Path:
    import requests

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise DataError(f"DATA={url!r}: pictures are fetched by http and https only.")
    suffix = Path(parts.path).suffix.lower()
    name = hashlib.sha256(url.encode()).hexdigest()[:12]
    target = folder / f"{name}{suffix if suffix in pictures.SUFFIXES else '.jpg'}"
    if target.is_file():
        return target
    try:
        with patience(), requests.get(url, timeout=30, stream=True) as answer:
            answer.raise_for_status()
            content = b""
            for chunk in answer.iter_content(1 << 20):
                content += chunk
                if len(content) > MOST_BYTES:
                    raise TransferError(f"it is larger than {MOST_BYTES:,} bytes")
    except (requests.RequestException, TransferError) as error:
        raise DataError(f"DATA={url!r} cannot be fetched ({error}). Save it as a file first and "
                        "give its path.") from error
    with files.whole(target) as aside:
        aside.write_bytes(content)
    return target


def _seen(camera: str, folder: Path) -> Path:
    import cv2

    number = camera.partition(":")[2] or "0"
    device = cv2.VideoCapture(int(number)) if number.isdecimal() else None
    good, frame = device.read() if device is not None and device.isOpened() else (False, None)
    if device is not None:
        device.release()
    if not good:
        raise DataError(f"DATA={camera!r}: no camera {number} gives a picture here. Give a file.")
    return pictures.save(folder / "webcam.png", frame[..., ::-1] / 255)
