"""Small trees of tables and pictures in the layouts of data sets, and how tests look at rows."""

from pathlib import Path

from PIL import Image

from common.validation import Report
from recipes.retina import layouts
from recipes.retina.gathering import COLUMNS


def tree(root, tables, names=()):
    """Tables (lines of text) and tiny pictures below a folder."""
    for name, lines in tables.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(root / name)
    return root


def read(path, **options):
    report = Report(str(path))
    rows = layouts.read(path, report, **options)
    assert list(rows.columns) == list(COLUMNS)
    assert all(Path(each).is_file() for each in rows["path"])
    return rows, report


def brief(rows, *columns):
    """Rows as lists of the picture's name without suffix and the columns asked for."""
    names = [Path(each).stem for each in rows["path"]]
    return list(zip(names, *(rows[column].tolist() for column in columns), strict=True))


def said(report, kind):
    return [str(each) for each in report.first(kind, 9)]
