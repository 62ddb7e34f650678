"""The three doors of every recipe's DATA: the sample, a published set, the user's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from common.validation import DataError


def own_path(data: str | os.PathLike, published: Sequence[str], what: str,
             parameter: str = "DATA") -> Path:  # fmt: skip
    """The user's own data: the third door, once the first two are found to be others.

    Args:
        published: names of the second door. what: in words, what the third one takes.
        parameter: that names the door.

    Raises:
        DataError: there is no such path; it says what the doors are and which word is near.
    """
    path = Path(data).expanduser()
    if not path.exists():
        near = get_close_matches(str(data).lower(), ["sample", *published], n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(f"{parameter}={str(data)!r} is no data set and no path.{hint} The three "
                        f"doors: 'sample' (synthetic, no network); a published set "
                        f"({', '.join(published)}); {what}.")
    return path
