"""Columns of a table, named in one line of the parameters cell."""

import pytest

from common.parameters import columns


def test_words_and_names():
    assert columns("path: file name, label:kind", ("path", "label")) == {
        "path": "file name", "label": "kind"}  # fmt: skip
    assert columns("", ("path", "label")) == {}


@pytest.mark.parametrize(("line", "words"), [
    ("pth: file", "Did you mean path?"), ("path", 'Write "path: file, label: kind"'),
    ("path:", "'path:' is not understood"), ("label = kind", "is not understood"),
])  # fmt: skip
def test_what_is_not_understood(line, words):
    with pytest.raises(ValueError) as error:
        columns(line, ("path", "label"))
    assert words in str(error.value)
