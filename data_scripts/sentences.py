"""Sentences that people say to machines: digits, commands, dates, spelled names, and small talk.

Made up here from lists of words; they are no excerpt of any corpus.
"""

from __future__ import annotations

import numpy as np

DIGITS = "zero one two three four five six seven eight nine".split()
TENS = "twenty thirty forty fifty".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
ORDINALS = ("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
            "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth "
            "twentieth").split()  # fmt: skip
MONTHS = ("january february march april may june july august september october november "
          "december").split()  # fmt: skip
NAMES = ("anna ben clara david emma frank grace henry iris jack kate liam maria noah olga peter "
         "quinn rosa sam tina ursula victor wendy xavier yara zoe").split()  # fmt: skip
ROOMS = "kitchen bedroom garden garage hall office".split()
THINGS = "lamp radio heater door window fan".split()
KINDS = {"digits": 0.25, "command": 0.25, "date": 0.15, "spelled": 0.15, "talk": 0.2}


def sentence(random: np.random.Generator, kind: str | None = None) -> tuple[str, str]:
    """A transcript in lower case, and how it is given to a synthesizer.

    A spelled letter is a word of its own; a synthesizer must be given it in upper case, or it would
    read "a" as the article.
    """
    kind = kind or str(random.choice(list(KINDS), p=list(KINDS.values())))
    text = _MAKERS[kind](random)
    if kind == "spelled":
        head, tail = text.split(" ", 1)
        spelled = " ".join(word.upper() if len(word) == 1 else word for word in tail.split())
        return text, f"{head} {spelled}"
    return text, text


def _pick(random: np.random.Generator, words) -> str:
    return str(words[random.integers(len(words))])


def _digits(random) -> str:
    return " ".join(_pick(random, DIGITS) for _ in range(random.integers(3, 8)))


def _number(random) -> str:
    if random.random() < 0.4:
        return _pick(random, DIGITS[1:])
    if random.random() < 0.5:
        return _pick(random, TEENS)
    rest = _pick(random, DIGITS)
    return _pick(random, TENS) + ("" if rest == "zero" else f" {rest}")


def _command(random) -> str:
    thing, room, number = _pick(random, THINGS), _pick(random, ROOMS), _number(random)
    return _pick(random, [
        f"turn on the {thing} in the {room}", f"turn off the {thing} in the {room}",
        f"open the {_pick(random, ['door', 'window'])} of the {room}",
        f"set a timer for {number} minutes", f"call {_pick(random, NAMES)}",
        f"play song {number}", "stop", "go back", f"repeat line {number}", "yes", "no",
        f"delete message {number}",
    ])  # fmt: skip


def _date(random) -> str:
    century = _pick(random, ["nineteen", "twenty"])
    year = f"{century} {_number(random)}"
    day, month = _pick(random, ORDINALS), _pick(random, MONTHS)
    return _pick(random, [f"the {day} of {month}", f"{month} {day} {year}",
                          f"the {day} of {month} {year}"])  # fmt: skip


def _spelled(random) -> str:
    name = _pick(random, NAMES)
    return _pick(random, [" ".join(["spell", *name]), f"{name} {' '.join(name)}"])


def _talk(random) -> str:
    name, other = random.choice(NAMES, 2, replace=False)
    return _pick(random, [
        f"{name} is in the {_pick(random, ROOMS)}", f"good morning {name}",
        f"where is {name} today", f"{name} and {other} are at home", "it is cold in here",
        f"tell {name} that i am late", "what time is it", f"the {_pick(random, THINGS)} is broken",
        f"{name} was here in {_pick(random, MONTHS)}", "thank you very much",
        f"we need {_number(random)} more chairs",
        f"did you see {name} in the {_pick(random, ROOMS)}",
    ])  # fmt: skip


_MAKERS = {"digits": _digits, "command": _command, "date": _date, "spelled": _spelled,
           "talk": _talk}  # fmt: skip
