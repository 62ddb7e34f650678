"""validation.Report: exact counts, the first offenders by file and row, saving, strictness."""

import json

import pytest

from common import validation
from common.validation import DataError, Report


def example() -> Report:
    report = Report("reviews.csv")
    for row in range(2, 9):
        report.add("empty text", "the column text is empty", file="/data/reviews.csv", row=row)
    report.add("duplicate", "same text as row 4", file="/data/reviews.csv", row=12, action="kept")
    return report


def test_counts_and_first_offenders():
    report = example()
    assert report.counts == {"empty text": 7, "duplicate": 1} and report.dropped == 7
    assert [finding.row for finding in report.first("empty text")] == [2, 3, 4, 5, 6]
    assert [finding.row for finding in report.first("empty text", n=1)] == [2]
    assert report.first("no such kind") == []


def test_a_report_takes_what_another_found(monkeypatch):
    report, other = example(), Report("more.csv")
    other.add("empty text", "nothing", file="/data/more.csv", row=3)
    other.add("new kind", "odd", action="kept")
    report.take(other)
    assert report.counts == {"empty text": 8, "duplicate": 1, "new kind": 1}
    assert report.dropped == 8 and len(report.to_frame()) == 10
    assert report.first("empty text", 9)[-1].file == "/data/more.csv"
    monkeypatch.setattr(validation, "KEPT_FINDINGS", 8)
    report.take(example())
    assert report.counts["empty text"] == 15 and len(report.first("empty text", 99)) == 8


def test_summary_names_file_and_row_of_the_first():
    assert example().summary().splitlines() == [
        "reviews.csv: 7 dropped, 1 kept with a remark.",
        "  empty text: 7",
        "    reviews.csv, row 2: the column text is empty (dropped)",
        "    reviews.csv, row 3: the column text is empty (dropped)",
        "    reviews.csv, row 4: the column text is empty (dropped)",
        "    and 4 more",
        "  duplicate: 1",
        "    reviews.csv, row 12: same text as row 4 (kept)",
    ]
    assert Report("clean.csv").summary() == "clean.csv: nothing to report."
    report = Report("x")
    report.add("odd", "no place known")
    assert "    no place known (dropped)" in report.summary()


def test_frame_keeps_rows_whole_numbers():
    report = example()
    report.add("encoding", "not UTF-8", file="a.txt", action="kept")
    frame = report.to_frame()
    assert list(frame.columns) == ["kind", "file", "row", "message", "action"]
    assert len(frame) == 9 and str(frame["row"].dtype) == "Int64"
    assert frame["row"].isna().sum() == 1
    assert len(Report("none").to_frame()) == 0


def test_saved_as_json_without_leaving_a_part(tmp_path):
    path = tmp_path / "deep" / "report.json"
    report = example()
    report.add("odd", "naïve, “quoted”")
    report.save(path)
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert saved["counts"] == {"empty text": 7, "duplicate": 1, "odd": 1}
    assert saved["findings"][0] == {
        "kind": "empty text", "message": "the column text is empty", "action": "dropped",
        "file": "/data/reviews.csv", "row": 2,
    }
    assert saved["findings"][-1]["message"] == "naïve, “quoted”"
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]


def test_strict_refuses_and_lenient_goes_on():
    report = example()
    report.raise_if_strict(False)
    Report("clean").raise_if_strict(True)
    with pytest.raises(DataError, match="(?s)row 2.*strict to False"):
        report.raise_if_strict(True)
    assert issubclass(DataError, ValueError)


def test_memory_is_bounded_and_counts_stay_exact(monkeypatch):
    monkeypatch.setattr(validation, "KEPT_FINDINGS", 10)
    report = Report("large")
    for row in range(1, 101):
        report.add("bad", "bad", row=row)
    assert report.counts["bad"] == report.dropped == 100
    assert len(report.to_frame()) == 10
    assert "and 97 more" in report.summary()


def test_unknown_action_is_refused():
    with pytest.raises(ValueError, match="action"):
        Report("x").add("bad", "bad", action="ignored")
