"""Synthetic speech: sentences spoken by many voices of espeak-ng, in rooms and noise.

Nobody spoke. Each voice is one of a synthesizer's, at a pitch and a pace of its own, and is in one
part only; every third recording is in a room, every third in noise.

    <part>/<speaker>/<number>.flac   16 kHz, 16 bits, train, validation and test
    <part>.csv                       wav_filename,wav_filesize,transcript,speaker,snr,room

    python -m data_scripts.sample_speech folder --train 900 --test 120 --seed 0
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr

from data_scripts import rooms, speak
from data_scripts.sentences import sentence
from data_scripts.speak import Voice

RATE = 16_000
# Accents and timbres of espeak-ng that a person understands at once.
ACCENTS = ("en-us", "en", "en-gb-x-rp", "en-us-nyc")
TIMBRES = ("m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f3", "f4", "f5", "adam", "steph",
           "linda", "max")  # fmt: skip
WORDS = (120, 170)  # a minute
SPEAKERS = {"train": 40, "validation": 6, "test": 10}
NOISY, ROOMY = 0.33, 0.33
SNR, REVERBERATION = (5.0, 25.0), (0.15, 0.6)  # decibels, seconds
SILENCE = (0.05, 0.3)  # seconds before and after


def voices(seed: int) -> dict[str, list[tuple[str, Voice]]]:
    """Speakers of each part, by name; none is in two."""
    random = np.random.default_rng((seed, 1))
    pairs = [f"{accent}+{timbre}" for accent in ACCENTS for timbre in TIMBRES]
    chosen = iter(random.permutation(pairs)[: sum(SPEAKERS.values())])
    found = {}
    for part, count in SPEAKERS.items():
        found[part] = [
            (f"{part[:2]}{number:02d}", Voice(str(next(chosen)), int(random.integers(*WORDS)),
                                             int(random.integers(25, 76)),
                                             int(random.integers(30, 71))))
            for number in range(count)
        ]  # fmt: skip
    return found


def write(folder: str | Path, train: int = 900, validation: int = 100, test: int = 120,
          seed: int = 0) -> None:  # fmt: skip
    """Recordings of the three parts, with their tables.

    Raises:
        SpeechError: the synthesizer cannot be used.
    """
    folder, speakers = Path(folder), voices(seed)
    for place, (part, count) in enumerate(
        {"train": train, "validation": validation, "test": test}.items(), 2
    ):
        random = np.random.default_rng((seed, place))
        rows = []
        for number in range(count):
            name, voice = speakers[part][number % len(speakers[part])]
            rows.append((name, voice, *sentence(random)))
        with tempfile.TemporaryDirectory() as aside:
            spoken = speak.speak([(said, voice) for _, voice, _, said in rows], aside)
            table = []
            for number, (path, (name, _, text, _)) in enumerate(zip(spoken, rows, strict=True)):
                file = folder / part / name / f"{number:05d}.flac"
                file.parent.mkdir(parents=True, exist_ok=True)
                samples, noise, room = _recorded(path, random)
                soundfile.write(file, samples, RATE, subtype="PCM_16")
                table.append([file.relative_to(folder).as_posix(), 44 + 2 * len(samples), text,
                              name, noise, room])  # fmt: skip
        with (folder / f"{part}.csv").open("w", newline="", encoding="utf-8") as target:
            names = ["wav_filename", "wav_filesize", "transcript", "speaker", "snr", "room"]
            csv.writer(target).writerows([names, *table])


def _recorded(path: Path, random: np.random.Generator) -> tuple[np.ndarray, str, str]:
    """What a microphone hears, and the ratio of speech to noise and the room as they are told."""
    samples, rate = soundfile.read(path, dtype="float32")
    samples = soxr.resample(samples, rate, RATE, quality="HQ")
    before, after = (np.zeros(int(random.uniform(*SILENCE) * RATE), np.float32) for _ in range(2))
    samples = np.concatenate([before, samples, after])
    samples *= random.uniform(0.2, 0.8) / max(float(np.abs(samples).max()), 1e-6)
    noise = room = ""
    if random.random() < ROOMY:
        seconds = random.uniform(*REVERBERATION)
        samples, room = rooms.room(samples, RATE, seconds, random), f"{seconds:.2f}"
    decibel = random.uniform(*SNR) if random.random() < NOISY else 45.0  # no room is quite silent
    samples = rooms.noise(samples, RATE, decibel, random)
    return samples, f"{decibel:.1f}" if decibel < 45 else noise, room


def main(arguments: list[str] | None = None) -> int:
    """Write a folder of recordings."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=900, help="recordings to learn from")
    parser.add_argument("--validation", type=int, default=100)
    parser.add_argument("--test", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    write(chosen.folder, chosen.train, chosen.validation, chosen.test, chosen.seed)
    print(f"{chosen.folder}: synthetic speech of {sum(SPEAKERS.values())} voices")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
