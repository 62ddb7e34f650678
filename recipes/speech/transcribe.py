"""Transcribe sound files with a trained model, headlessly.

    python -m recipes.speech.transcribe build/runs/speech/real/transcriber talk.mp3 more/ \\
        --output out --srt --hot "november=2, thirteen=1"

Every file gets <name>.json (pieces and words with times in seconds), with --srt also <name>.srt.
Long recordings are cut where nobody speaks. A file that cannot be used is told, and the others are
done. Exit code 0; 1 where a file or the model cannot be used; 2 for a wrong command.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from common import files
from common.validation import DataError


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m recipes.speech.transcribe")
    parser.add_argument("model", type=Path, help="folder 'transcriber' of a finished run")
    parser.add_argument("inputs", type=Path, nargs="+", help="sound files, or folders of them")
    parser.add_argument("--output", type=Path, default=None,
                        help="folder for what is written; beside each file if not told")
    parser.add_argument("--lm", type=Path, default=None,
                        help="another language model, in the ARPA form")
    parser.add_argument("--hot", default="", help='words that are expected: "november=2, stop=1"')
    parser.add_argument("--srt", action="store_true", help="write subtitles too")
    options = parser.parse_args(arguments)
    try:
        hot = hot_words(options.hot)
        paths = targets(options.inputs, options.output)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return transcribe(options.model, paths, options.lm, hot, options.srt)


def transcribe(model: Path, paths: Mapping[Path, Path], language: Path | None,
               hot: dict[str, float], srt: bool) -> int:  # fmt: skip
    """Write what is said in each file to its target, by another suffix; the exit code."""
    # Heavy imports after the cheap checks: a mistyped path is answered at once.
    from recipes.speech import audio, pieces
    from recipes.speech.transcriber import Transcriber

    try:
        transcriber = Transcriber.load(model, language).with_hot(hot)
        transcriber.read  # noqa: B018  a hot word that cannot be written is told before all work
    except (DataError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    failed = 0
    for path, target in paths.items():
        try:
            samples = audio.read(path).samples
        except DataError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        said = [
            pieces.Said(begin / audio.RATE, end / audio.RATE, found[0].text, found[0].confidence,
                        found[0].words)
            for (begin, end), found in _read(transcriber, samples, pieces.cut(samples, audio.RATE))
        ]  # fmt: skip
        content = {"file": str(path), "seconds": round(len(samples) / audio.RATE, 3),
                   "learned from synthetic speech": transcriber.synthetic,
                   "text": " ".join(each.text for each in said if each.text),
                   "pieces": pieces.as_json(said)}  # fmt: skip
        written = {".json": json.dumps(content, ensure_ascii=False, indent=1)}
        if srt:
            written[".srt"] = pieces.as_srt(said)
        try:
            for suffix, text in written.items():
                files.write_text(target.with_suffix(suffix), text)
        except OSError as error:
            print(f"error: {path} is not written down: {error}", file=sys.stderr)
            failed += 1
            continue
        print(f"{path}: {content['text'] or '(nothing heard)'}")
    if failed:
        print(f"{failed} of {len(paths)} files could not be used.", file=sys.stderr)
    return 1 if failed else 0


def _read(transcriber, samples, places):
    found = transcriber.transcribe([samples[begin:end] for begin, end in places])
    return zip(places, found, strict=True)


def targets(inputs: Iterable[Path], output: Path | None) -> dict[Path, Path]:
    """Sound files that are named, and those of folders in their depth, with where each one goes.

    Raises:
        DataError: one does not exist, a folder holds no sound file, or two would go to one place.
    """
    from recipes.speech.layouts import SUFFIXES

    found: dict[Path, Path] = {}
    for each in inputs:
        if not each.exists():
            raise DataError(f"{each} does not exist. Give a sound file, or a folder of them.")
        inside = [each]
        if each.is_dir():
            inside = [path for path in sorted(each.rglob("*")) if path.suffix.lower() in SUFFIXES]
        if not inside:
            raise DataError(f"{each} holds no sound file ({', '.join(SUFFIXES)}).")
        top = each.parent if each.is_file() else each
        for path in inside:
            found[path] = (output or top) / path.relative_to(top)
    places: dict[Path, Path] = {}
    for path, target in found.items():
        other = places.setdefault(target.with_suffix(""), path)
        if other != path:
            raise DataError(f"{other} and {path} would be written to one file, "
                            f"{target.with_suffix('.json')}. Give them apart.")  # fmt: skip
    return found


def hot_words(line: str) -> dict[str, float]:
    """Of "november=2, stop=1": words and what is added to their log10 probability.

    Raises:
        DataError: a part is no word with a number.
    """
    found = {}
    for part in filter(None, (each.strip() for each in line.split(","))):
        word, _, value = (each.strip() for each in part.partition("="))
        try:
            found[word.lower()] = float(value)
        except ValueError:
            found = None
        if not word or " " in word or found is None or not math.isfinite(found[word.lower()]):
            raise DataError(f"--hot: {part!r} is no single word with a number, as in november=2.")
    return found


if __name__ == "__main__":
    sys.exit(main())
