"""Grade every photograph of a folder with a trained grader, headlessly. For study only.

    python -m recipes.retina.predict build/runs/retina/real/grader folder/ out.csv

Every file has one row in the output; one that cannot be read, or holds no eye, has an empty grade
and says why under "problem"; one that should not be graded says why under "quality".
"""

from __future__ import annotations

import sys
from pathlib import Path

from common.vision import answer_files

BLOCK = 64  # photographs at a time: their prepared pixels are held


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 for an input that cannot be used, or 2 for a wrong command."""
    return answer_files.main("python -m recipes.retina.predict",
                             "folder 'grader' of a finished run", predict, arguments)  # fmt: skip


def predict(model: Path, source: Path, target: Path) -> str:
    """Grade `source` and write `target`; returns a summary in words.

    The output's columns are those of `grader.Grader.grade`.

    Raises:
        FileNotFoundError: no grader in `model`.
        DataError: the input is missing or holds no file, or the grader is another version's.
    """
    paths = answer_files.files_of(source)
    # Heavy imports after the cheap checks: a mistyped path is answered at once.
    from recipes.retina.data import GRADES
    from recipes.retina.grader import NOTICE, Grader

    grader = Grader.load(model)
    found, words = answer_files.write(source, target, paths, grader.grade, BLOCK)
    counts = found["grade"].value_counts().sort_index()
    graded = ", ".join(f"{count:,} {GRADES[grade]}" for grade, count in counts.items()) or "none"
    referred = ", ".join(f"{name}: {(found[f'refer, {name}'] == 'yes').sum():,}"
                         for name in grader.thresholds)  # fmt: skip
    poor = (found["quality"] != "").sum()
    return (f"{words} Grades: {graded}. Referred at the point {referred}. "
            f"Should not be graded (see 'quality'): {poor:,}. {NOTICE}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
