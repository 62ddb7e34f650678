"""Sentences spoken by espeak-ng, in processes side by side.

espeak-ng keeps one voice for a whole process and ends it at some faults, so that it is only loaded
in processes of its own (`python -m data_scripts.speak`, lines of JSON in, one file for each out).
Its data is reached by a short link: it has room for some 140 characters of path, no more. What it
says also hangs on what it said before, so that each process says `TOGETHER` sentences, whatever
the machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

RATE, PITCH, RANGE = 1, 3, 4  # espeak_PARAMETER
SYNCHRONOUS, AT_CHARACTER, UTF8 = 2, 1, 1
TOGETHER = 50  # sentences of one process
NORMAL = 50  # pitch and range, from 0 to 100


class Voice(NamedTuple):
    """A speaker.

    name: of espeak-ng, "en-us+f3". words: a minute. pitch, range: 0 to 100, 50 the voice's own.
    """

    name: str
    words: int = 165
    pitch: int = NORMAL
    range: int = NORMAL


class SpeechError(RuntimeError):
    """A sentence could not be spoken."""


def speak(sentences: Sequence[tuple[str, Voice]], folder: str | Path) -> list[Path]:
    """WAV files 00000.wav, ... of sentences, 16 bits, at the synthesizer's rate (22,050 Hz).

    Raises:
        SpeechError: there is nothing to say, the wheel is missing, a voice is unknown, or a process
            ended.
    """
    folder = Path(folder).absolute()  # the processes have another working folder
    paths = [folder / f"{number:05d}.wav" for number in range(len(sentences))]
    lines = []
    for (text, voice), path in zip(sentences, paths, strict=True):
        if not text.strip():
            raise SpeechError(f"sentence {len(lines)} is empty")
        lines.append(json.dumps([text, *voice, str(path)]))
    parts = ["\n".join(lines[k : k + TOGETHER]) for k in range(0, len(lines), TOGETHER)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for code, said in pool.map(_child, parts):
            if code:
                last = (said.strip().splitlines() or [f"it ended with {code}"])[-1]
                raise SpeechError(f"espeak-ng could not speak: {last}")
    return paths


def _child(lines: str) -> tuple[int, str]:
    """Exit status and standard error of a process that says them."""
    found = subprocess.run([sys.executable, "-m", "data_scripts.speak"], input=lines, text=True,
                           stderr=subprocess.PIPE, cwd=Path(__file__).parents[1])  # fmt: skip
    return found.returncode, found.stderr


class _Synthesizer:
    """espeak-ng's library in this process; there can be one."""

    def __init__(self, home: Path):
        import ctypes

        import espeakng_loader

        link = home / "espeak-ng-data"
        link.symlink_to(espeakng_loader.get_data_path(), target_is_directory=True)
        self.kit, self.timbres = ctypes, link / "voices" / "!v"
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate = self.library.espeak_Initialize(SYNCHRONOUS, 0, str(home).encode(), 0)
        if self.rate <= 0:
            raise SpeechError(f"espeak-ng cannot start from {home} (code {self.rate})")
        shape = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int,
                                 ctypes.c_void_p)  # fmt: skip
        self.heard = bytearray()
        self.callback = shape(self._hear)  # kept, or it would be collected while in use
        self.library.espeak_SetSynthCallback(self.callback)
        self.library.espeak_ng_SetRandSeed(ctypes.c_long(0))  # breath is noise

    def _hear(self, samples, count, _) -> int:
        if samples and count > 0:
            self.heard += self.kit.string_at(samples, 2 * count)
        return 0

    def speak(self, text: str, voice: Voice) -> bytes:
        """Samples of 16 bits."""
        _, _, timbre = voice.name.partition("+")
        # A timbre that it has not is no fault to espeak-ng: it speaks without one.
        is_known = not timbre or (self.timbres / timbre).is_file()
        if not is_known or self.library.espeak_SetVoiceByName(voice.name.encode()):
            raise SpeechError(f"espeak-ng has no voice {voice.name!r}")
        for parameter, value in ((RATE, voice.words), (PITCH, voice.pitch), (RANGE, voice.range)):
            if self.library.espeak_SetParameter(parameter, value, 0):
                raise SpeechError(f"espeak-ng refuses {value} for parameter {parameter}")
        self.heard.clear()
        content = text.encode("utf-8")
        code = self.library.espeak_Synth(content, len(content) + 1, 0, AT_CHARACTER, 0, UTF8, None,
                                         None)  # fmt: skip
        if code or self.library.espeak_Synchronize():
            raise SpeechError(f"espeak-ng could not say {text!r} (code {code})")
        return bytes(self.heard)


def main() -> int:
    """Lines [text, voice, words a minute, pitch, range, file] from standard input to files."""
    try:
        with tempfile.TemporaryDirectory() as home:
            synthesizer = _Synthesizer(Path(home))
            for line in sys.stdin:
                text, *voice, path = json.loads(line)
                samples = synthesizer.speak(text, Voice(*voice))
                with wave.open(path, "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(synthesizer.rate)
                    file.writeframes(samples)
    except ImportError:
        print("the wheel espeakng-loader is not installed: pip install espeakng-loader",
              file=sys.stderr)  # fmt: skip
        return 1
    except SpeechError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
