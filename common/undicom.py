"""Make pictures of DICOM files, without what these tell of patients: no diagnostic export.

    python -m common.undicom scans/ pictures/

Every file below the folder that is DICOM, whatever its name, becomes a PNG of the same name under
the second folder, and a row of undicom.csv there: which fields were dropped (never their values),
or why there is no picture. Names of files and folders stay as they are, and may tell something too.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from PIL import Image

from common import files, pictures, privacy
from common.validation import DataError

BURNED = "Burned In Annotation"  # text may stand in the pixels


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 where no file could be converted, or 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m common.undicom")
    parser.add_argument("input", type=Path, help="a DICOM file, or a folder, searched to its depth")
    parser.add_argument("output", type=Path, help="folder for the pictures")
    options = parser.parse_args(arguments)
    try:
        print(convert(options.input, options.output))
    except (DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def convert(source: Path, target: Path) -> str:
    """Write the pictures and the table; returns a summary in words.

    Raises:
        DataError: there is no DICOM file, or none can be converted.
    """
    if not source.exists():
        raise DataError(f"{source} does not exist. Give a DICOM file, or a folder with some.")
    folder = source if source.is_dir() else source.parent
    paths = sorted(source.rglob("*")) if source.is_dir() else [source]
    rows, made, told = [], 0, 0
    for path in paths:
        if target in path.parents or not (path == source or pictures.is_dicom(path)):
            continue
        name = path.relative_to(folder)
        picture = target / name.with_name(f"{name.name.removesuffix('.dcm')}.png")
        try:
            pixels, dropped = privacy.dicom(path)
        except DataError as error:
            rows.append((name, "", "", str(error).removeprefix(f"{path}").lstrip(": ")))
            continue
        with files.whole(picture) as aside:
            Image.fromarray(pixels).save(aside)
        made, told = made + 1, told + any(each.startswith(BURNED) for each in dropped)
        rows.append((name, picture.relative_to(target), "; ".join(dropped), ""))
    if not made:
        why = f" {rows[0][0]}: {rows[0][3]}" if rows else " It holds no DICOM file."
        raise DataError(f"{source}: nothing could be converted.{why}")
    with files.whole(target / "undicom.csv") as aside, aside.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("file", "picture", "dropped fields", "problem"), *rows])
    words = f"{made:,} pictures in {target}; without one: {len(rows) - made:,} (see undicom.csv)."
    if told:
        words += f" In {told:,} of them text may stand in the pixels themselves: look at them."
    return words


if __name__ == "__main__":
    sys.exit(main())
