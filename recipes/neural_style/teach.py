"""Teach a network one style on a folder of photographs (Johnson et al. 2016), headlessly.

    python -m recipes.neural_style.teach PHOTOGRAPHS --style monet.jpg -o build/monet
    python -m recipes.neural_style.predict build/monet film.mp4 out.mp4

The paper takes 80,000 photographs, 40,000 steps of 4 squares of 256 pixels and four hours on a
card of its time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from common.parameters import Precision


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 for an input that cannot be used, or 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m recipes.neural_style.teach")
    parser.add_argument("photographs", type=Path, help="a folder, searched to its depth")
    parser.add_argument("--style", type=Path, required=True, help="the painting")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the network")
    parser.add_argument("--steps", type=int, default=2000,
                        help="above 100 whole hundreds")
    parser.add_argument("--size", type=int, default=256, help="pixels of a square, times 4")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--content-weight", type=float, default=0.1)
    parser.add_argument("--style-scale", type=float, default=1.0)
    parser.add_argument("--filters", type=int, default=32, help="16 is four times as quick")
    parser.add_argument("--weights", default="auto", help="network of the losses, see the README")
    parser.add_argument("--precision", default="float32", choices=get_args(Precision))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.size % 4 or options.size < 32:
        parser.error("--size must be a multiple of 4 and 32 or more")
    if min(options.steps, options.batch_size, options.filters) < 1:
        parser.error("--steps, --batch-size and --filters must be 1 or more")

    from common import device
    from common.validation import DataError
    from recipes.neural_style import fast, network, pictures
    from recipes.neural_style.one_pass import Taught
    from recipes.neural_style.settings import Settings
    from recipes.neural_style.workshop import Workshop

    print(device.setup(memory="grow", precision=options.precision, seed=options.seed))
    try:
        painting = pictures.read(options.style).pixels
        photographs = fast.photographs(options.photographs, options.size)
        found = network.find(options.weights)
        settings = Settings(size=options.size, content_weight=options.content_weight,
                            style_scale=options.style_scale, seed=options.seed)  # fmt: skip
        studio = Workshop(found, settings, options.output).studio()
    except (DataError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(photographs):,} photographs. {found.said}")
    pupil, epoch = fast.transformer(options.filters), min(100, options.steps)
    fast.teach(
        pupil, studio.extractor, photographs, painting, studio.settings,
        options.output / "lessons", epochs=round(options.steps / epoch), steps=epoch,
        batch=options.batch_size, seed=options.seed,
    )  # fmt: skip
    print(f"taught: {Taught(pupil).save(options.output)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
