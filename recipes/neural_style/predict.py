"""Give pictures or a film a style in one pass, headlessly.

    python -m recipes.neural_style.predict build/runs/neural_style/quick/fast in.jpg out.jpg
    python -m recipes.neural_style.predict FOLDER_OF_A_HUB_MODULE film.mp4 out.mp4 --style monet.jpg
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 for an input that cannot be used, or 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m recipes.neural_style.predict")
    parser.add_argument("model", help="folder `fast` of a finished run; with --style a module "
                        "for any style, its folder or its address on TensorFlow Hub")
    parser.add_argument("input", type=Path, help="a picture, a folder of pictures, or a video")
    parser.add_argument("output", type=Path, help="a picture, a folder, or a video")
    parser.add_argument("--style", type=Path, help="a painting, for a module that takes any")
    parser.add_argument("--size", type=int, help="pixels of the longer side; as it is unless given")
    options = parser.parse_args(arguments)
    if options.size is not None and options.size < 32:
        parser.error("--size must be 32 or more")

    from common.validation import DataError
    from recipes.neural_style import one_pass, pictures

    try:
        if not options.input.exists():
            raise DataError(f"{options.input} is no file and no folder.")
        if options.style:
            network = one_pass.AnyStyle(options.model, pictures.read(options.style).pixels)
        else:
            network = one_pass.Taught.load(options.model)
        count = one_pass.apply(network, options.input, options.output, options.size)
    except (DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{count} picture(s) in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
