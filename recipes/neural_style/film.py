"""A film in one style, held together frame by frame (Ruder et al. 2016), headlessly.

    python -m recipes.neural_style.film in.mp4 out.mp4 --style monet.jpg --size 480

Every finished frame is kept beside the output; a stopped run goes on with the next one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from common.parameters import Precision


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 for an input that cannot be used, or 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m recipes.neural_style.film")
    parser.add_argument("input", type=Path, help="a video, or a folder of frames")
    parser.add_argument("output", type=Path, help="a video, or a folder")
    parser.add_argument("--style", type=Path, required=True, help="the painting")
    parser.add_argument("--size", type=int, default=320, help="pixels of the longer side")
    parser.add_argument("--steps", type=int, default=150, help="of the first frame")
    parser.add_argument("--frame-steps", type=int, help="of every frame after it")
    parser.add_argument("--weight", type=float, help="of the temporal loss")
    parser.add_argument("--passes", type=int, default=1, help="over the film, to and fro")
    parser.add_argument("--limit", type=int, help="at most so many frames")
    parser.add_argument("--weights", default="auto", help="network of the losses, see the README")
    parser.add_argument("--precision", default="float32", choices=get_args(Precision))
    options = parser.parse_args(arguments)
    for name, least in (("size", 32), ("steps", 1), ("passes", 1), ("limit", 2)):
        if getattr(options, name) is not None and getattr(options, name) < least:
            parser.error(f"--{name} must be {least} or more")

    from common import device
    from common.validation import DataError
    from recipes.neural_style import network, pictures, video
    from recipes.neural_style.settings import Settings
    from recipes.neural_style.targets import Wish
    from recipes.neural_style.workshop import Workshop

    print(device.setup(memory="grow", precision=options.precision, seed=0))
    given = {"weight": options.weight, "steps": options.frame_steps, "passes": options.passes}
    try:
        how = video.Consistency(**{k: v for k, v in given.items() if v is not None})
        source = [options.input]
        if options.input.is_dir():
            source = pictures.listed(options.input)
        elif not options.input.is_file():
            raise DataError(f"{options.input} is no video and no folder.")
        video.check_output(options.output)
        painting, found = pictures.read(options.style), network.find(options.weights)
        frames = video.read_frames(source, options.limit, options.size)
        kept = options.output.with_name(f"{options.output.stem}_frames")
        settings = Settings(size=options.size, steps=options.steps)
        studio = Workshop(found, settings, kept).studio_for(frames[0].shape[:2])
    except (DataError, ValueError, MemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(frames):,} frames. {found.said}")
    film = video.make(studio, frames, Wish(None, [painting.pixels]), kept, how)
    video.write(film.made, options.output, video.frame_rate(source),
                options.input if options.input.is_file() else None)  # fmt: skip
    print(f"film: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
