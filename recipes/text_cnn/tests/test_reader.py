"""What the reader of users' files says about every kind of broken file."""

import csv
import gzip
import json
from pathlib import Path

import pytest

from common.validation import DataError, Report
from recipes.text_cnn.reader import read

GOOD = [("a fine film", "pos"), ("a dull book", "neg"), ("so kind a host", "pos"), ("no", "neg")]


def lines_of(rows, header="text,label", separator=","):
    return "\n".join([header, *(separator.join(row) for row in rows)]) + "\n"


@pytest.fixture
def file(tmp_path):
    def write(content, name="reviews.csv", encoding="utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def reading(path, **columns):
    report = Report(str(path))
    return read(path, report, **columns), report


def refusal(path, **columns) -> str:
    with pytest.raises(DataError) as caught:
        read(path, Report(str(path)), **columns)
    return str(caught.value)


# --- formats and encodings


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(file, separator, ending):
    text = lines_of(GOOD, separator.join(["text", "label"]), separator).replace("\n", ending)
    rows, report = reading(file(text))
    assert list(zip(rows.texts, rows.labels, strict=True)) == GOOD
    assert rows.lines == [2, 3, 4, 5] and rows.splits is None


def test_a_comma_in_semicolon_texts_is_no_separator(file):
    rows, _ = reading(file("text;label\nwell, a film;pos\nbad, bad, bad;neg\n"))
    assert rows.texts == ["well, a film", "bad, bad, bad"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_and_without_mark(file, encoding):
    rows, report = reading(file("text,label\ncafé ☕,gut\nthé,böse\n", encoding=encoding))
    assert rows.texts == ["café ☕", "thé"] and rows.labels == ["gut", "böse"]
    assert not report.counts["encoding"]


def test_utf16_with_little_endian_mark(file):
    content = b"\xff\xfe" + "text,label\nä,pos\nö,neg\n".encode("utf-16-le")
    assert reading(file(content))[0].texts == ["ä", "ö"]


def test_only_the_lines_that_are_not_utf8_are_read_as_windows_1252(file):
    content = "text,label\ncafé,pos\n".encode() + "“thé”,neg\n".encode("cp1252") + b"\x81x,pos\n"
    rows, report = reading(file(content))
    assert rows.texts == ["café", "“thé”", "\x81x"]
    assert report.counts["encoding"] == 2
    assert [item.row for item in report.first("encoding")] == [3, 4]


def test_a_damaged_utf16_file_is_refused(file):
    content = "text,label\na,b\n".encode("utf-16") + b"\x00"
    assert "UTF-16 but is damaged" in refusal(file(content))


def test_gzip_is_known_by_its_bytes(file):
    packed = gzip.compress(lines_of(GOOD).encode())
    assert len(reading(file(packed, "a.csv.gz"))[0].texts) == 4
    assert len(reading(file(packed, "b.csv"))[0].texts) == 4
    assert "cannot be read" in refusal(file(packed[:-9], "c.csv.gz"))


def test_quoted_line_breaks_keep_line_and_record_numbers_apart(file):
    text = 'text,label\n"one\ntwo, ""quoted""",pos\nthree,neg\nfour\n'
    rows, report = reading(file(text))
    assert rows.texts == ['one\ntwo, "quoted"', "three"] and rows.lines == [2, 4]
    assert "1 fields, the header has 2 (record 3)" in report.summary()
    assert report.counts["too few fields"] == 1


def test_tsv_without_quoting_keeps_single_quote_marks(file):
    rows, _ = reading(file('text\tlabel\n"open only\tpos\nthe 5" screen"\tneg\n"in ""a""\t"pos"\n'))
    assert rows.texts == ['"open only', 'the 5" screen"', '"in ""a""'] and rows.labels[2] == "pos"


def test_json_lines(file):
    items = [
        {"sentence": "a", "label": 1},
        {"sentence": "b", "label": 0, "more": [1]},
        {"sentence": "c", "label": True},
        {"sentence": ["no", "text"], "label": 1},
        {"label": 1},
        {"sentence": "d", "label": float("nan")},
        {"sentence": "e \ud83d", "label": 0},
    ]
    text = "".join(json.dumps(item) + "\n" for item in items) + "[1]\n{broken\n"
    rows, report = reading(file(text, "a.jsonl"))
    assert rows.texts == ["a", "b", "c", "e ?"] and rows.labels == ["1", "0", "true", "0"]
    assert report.counts["not JSON"] == 2 and report.counts["not a text"] == 1
    assert report.counts["empty text"] == 1 and report.counts["missing label"] == 1


def test_one_json_array_is_refused_with_the_mend(file):
    assert "one object a line" in refusal(file("[{}, {}]", "a.json"))


# --- files that are no tables


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"", "empty (0 bytes)"),
        (b"\n\n \n", "only blank lines"),
        (b"text,label\n", "header but no rows"),
        (b"text,label\n,\n , \n", "no usable row"),
        (b"only\none\n", "only one column"),
        (b"PK\x03\x04 and so on", "Excel workbook"),
        (b"PAR1 and so on", "Parquet"),
        (bytes(range(256)) * 20, "binary file"),
        ("text,label\na,b\n".encode("utf-16-le"), "UTF-16 without its mark"),
        (b'"text,label\na,pos\nb,neg\n', "quote is never closed"),
    ],
)
def test_files_that_are_no_tables(file, content, expected):
    assert expected in refusal(file(content))


def test_no_such_file_names_the_nearest(file):
    path = file(lines_of(GOOD))
    assert "did you mean" in refusal(path.with_name("review.csv"))
    assert "check the path" in refusal(path.parent / "nowhere" / "x.csv")


def test_a_folder_is_refused_and_its_files_named(file):
    assert "name the file itself. It holds reviews.csv" in refusal(file(lines_of(GOOD)).parent)


# --- rows


def test_bad_rows_are_dropped_with_their_lines(file):
    text = "text,label\ngood one,pos\n,pos\nno label,\n\na,b,c\nfine,neg\ntrailing,pos,,\n"
    rows, report = reading(file(text))
    assert rows.texts == ["good one", "fine", "trailing"] and rows.lines == [2, 7, 8]
    dropped = report.to_frame().query("action == 'dropped'").set_index("kind")["row"]
    assert dropped.to_dict() == {
        "empty text": 3,
        "missing label": 4,
        "blank line": 5,
        "too many fields": 6,
    }


def test_nul_bytes_are_removed_and_reported(file):
    rows, report = reading(file("text,label\n" + "long enough, "[:11] + "\0x,pos\nbad one,neg\n"))
    assert rows.texts[0] == "long enoughx" and report.counts["NUL bytes"] == 1


def test_a_quote_that_is_never_closed_costs_one_row(file):
    text = lines_of(GOOD + [('"open', "pos")] + GOOD)
    rows, report = reading(file(text))
    assert len(rows.texts) == 8 and report.counts["open quote"] == 1
    assert report.first("open quote")[0].row == 6


def test_a_quote_that_may_have_swallowed_rows_is_reported(file):
    rows, report = reading(file('text,label\n"open one,pos\nnext one,neg\nlast" one,neg\nb,pos\n'))
    assert len(rows.texts) == 2 and rows.lines == [2, 5]
    (quote,) = report.first("suspicious quote")
    assert quote.row == 2 and "lines 2 to 4 are one quoted row" in quote.message


def test_a_huge_field_costs_one_row(file):
    huge = "x" * (131_072 + 1)  # the csv module's limit, unless somebody raised it
    assert csv.field_size_limit() == 131_072
    rows, report = reading(file(lines_of(GOOD + [(huge, "pos")] + GOOD)))
    assert len(rows.texts) == 8 and report.counts["huge field"] == 1


# --- columns


def test_nested_json_values_do_not_disturb_the_guess(file):
    items = [{"a": [1], "b": f"a long text with number {i}", "c": i % 2} for i in range(20)]
    rows, _ = reading(file("".join(json.dumps(item) + "\n" for item in items), "a.jsonl"))
    assert rows.texts[0] == "a long text with number 0" and rows.labels[:2] == ["0", "1"]


@pytest.mark.parametrize(
    "header, text, label",
    [
        ("id,Review Text,star_rating", "Review Text", "star_rating"),
        ("text,title,label", "text", "label"),
        ("questionText,idx,CATEGORY", "questionText", "CATEGORY"),
        ("label,sentence,label_id", "sentence", "label"),
        ("who,said,mood", "said", "mood"),  # by content
    ],
)
def test_columns_are_guessed_and_the_guess_is_reported(file, header, text, label):
    names = header.split(",")
    rows = []
    for i in range(20):
        values = {text: f"a rather long text with number {i} in it", label: "ab"[i % 2]}
        rows.append([values.get(name, f"u{i}") for name in names])
    found, report = reading(file(lines_of(rows, header)))
    assert found.texts[3] == "a rather long text with number 3 in it" and found.labels[3] == "b"
    (guess,) = report.first("columns guessed")
    assert f"text is column {text!r}" in guess.message
    assert f"label is column {label!r}" in guess.message


def test_given_columns_win(file):
    rows, report = reading(
        file("a,b,text,label\nA1,1,x,p\nA2,2,y,q\n"), text_column="a", label_column="b"
    )
    assert rows.texts == ["A1", "A2"] and rows.labels == ["1", "2"]
    assert not report.counts["columns guessed"]


def test_ambiguous_columns_are_refused_by_name(file):
    message = refusal(file("sentence,review,label\nx,y,1\nz,w,0\n"))
    assert "text column could be any of 'sentence', 'review'" in message
    assert "text_column='sentence'" in message
    several = "".join(f"text number {i} of this file,{i % 2},{i % 3}\n" for i in range(30))
    assert "label column could be any of 'u', 'v'" in refusal(file("text,u,v\n" + several))


def test_wrong_column_name_gets_the_nearest(file):
    message = refusal(file(lines_of(GOOD)), label_column="lable")
    assert "'lable' is not among the columns" in message and "Did you mean 'label'?" in message
    assert "must be different" in refusal(
        file(lines_of(GOOD)), text_column="text", label_column="text"
    )
    doubled = file("text,label,label\na,1,2\nb,0,1\n")
    assert "is twice among the columns" in refusal(doubled, label_column="label")


@pytest.mark.parametrize("header", ["a fine film we saw,1", "a fine film,pos"])
def test_a_missing_header_is_noticed(file, header):
    rows = "".join(f"another text {i},{('pos', 'neg')[i % 2]}\n" for i in range(30))
    assert "looks like a row, not like column names" in refusal(file(header + "\n" + rows))


# --- labels


def test_labels_that_look_the_same_become_one(file):
    text = "text,label\na, pos\nb,pos\nc,cafe\u0301\nd,caf\u00e9\ne,very  good\nf,very good\n"
    rows, report = reading(file(text))
    assert rows.labels == ["pos", "pos", "café", "café", "very good", "very good"]
    assert report.counts["label spelling"] == 3


def test_whole_numbers_lose_their_point(file):
    rows, report = reading(file("text,label\na,1.0\nb,0\nc,1\n"))
    assert rows.labels == ["1", "0", "1"] and report.counts["label spelling"] == 1


def test_case_variants_are_kept_apart_and_reported(file):
    rows, report = reading(file("text,label\na,pos\nb,Pos\nc,pos\nd,nan\n"))
    assert rows.labels == ["pos", "Pos", "pos", "nan"]
    missing, case = report.first("suspicious label")
    assert "'Pos' (1 rows, the first here) and 'pos' (2 rows) differ only in case" in case.message
    assert "looks like a missing value" in missing.message


def test_one_class_only_is_refused(file):
    assert "one class 'pos'" in refusal(file("text,label\na,pos\nb,pos\n"))


def test_a_column_without_classes_is_refused(file):
    rows = "".join(f"text {i},{i * 37}\n" for i in range(60))
    assert "60 different values in 60 rows" in refusal(file("text,label\n" + rows))


def test_small_classes_are_named_with_their_lines(file):
    rows = "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(40)) + "odd,rare\nodder,rare\n"
    _, report = reading(file("text,label\n" + rows))
    (small,) = report.first("small class")
    assert "'rare' has 2 rows (lines 42, 43)" in small.message


# --- splits


def test_split_names_of_any_case(file):
    names = ["TRAIN", "training", "Dev", "val", "validation", "test", "train", "valid"]
    rows = "".join(f"t{i},{i % 2},{name}\n" for i, name in enumerate(names))
    found, _ = reading(file("text,label,split\n" + rows))
    assert found.splits == ["train", "train"] + ["validation"] * 3 + ["test", "train", "validation"]


def test_unknown_split_names_are_refused(file):
    message = refusal(file("text,label,split\na,1,train\nb,0,holdout\n"))
    assert "line 3: 'holdout' is no name of a split" in message


@pytest.mark.parametrize("names", [("train", "dev"), ("test", "test"), ("cv", "train")])
def test_a_split_needs_train_and_test(file, names):
    rows = "".join(f"t{i},{i % 2},{names[i // 2]}\n" for i in range(4))
    assert "It needs rows for train and for test" in refusal(file("text,label,split\n" + rows))


def test_rows_of_classes_that_training_never_sees_are_dropped(file):
    rows = "a,x,train\nb,y,train\nc,x,test\nd,z,test\ne,x,\n"
    found, report = reading(file("text,label,split\n" + rows))
    assert found.texts == ["a", "b", "c"]
    assert report.counts["class not in train"] == 1 and report.counts["missing split"] == 1
    rows = "a,x,train\nb,y,train\nc,z,test\n"
    assert "no class of the test part" in refusal(file("text,label,split\n" + rows))
