"""Which names are asked, loose pictures, parameters, and the measures in words."""

from dataclasses import replace

import numpy as np
import pytest

from common.validation import DataError
from recipes.transfer import config, familiar, look, loose, names, report, strangers
from recipes.transfer.tests.test_data import picture

RETRAIN = {"DATA": "sample", "OUTPUT_DIR": "out", "SEED": 0, "EPOCHS": None, "BATCH_SIZE": None,
           "LIMIT": None, "RESUME": True, "BACKBONE": "small", "SIZE": None, "TUNED_SHARE": 0.3,
           "BALANCED": False, "FOLDS": 5, "METHOD": "neighbour", "KEPT": 0.95, "UNKNOWN": None,
           "COMPARE": "", "COLUMNS": "", "STRICT": False, "MEMORY": "grow",
           "PRECISION": "float32"}  # fmt: skip


def test_parameters():
    run = config.Retrain.check(RETRAIN | {"COLUMNS": "path: file, label: kind", "COMPARE": "a, b"})
    assert run.door["path_column"] == "file" and run.door["label_column"] == "kind"
    assert run.others == ["a", "b"]
    for wrong, words in (({"COLUMNS": "lable: kind"}, "Did you mean label"),
                         ({"METHOD": "nearest"}, "METHOD"), ({"KEPT": 1.0}, "KEPT"),
                         ({"TUNED_SHARE": 0.0}, "TUNED_SHARE"),
                         ({"BACKBON": "x"}, "did you mean BACKBONE")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            config.Retrain.check(RETRAIN | wrong)


def test_names_of_imagenet_are_found_by_their_words(backbone):
    named = replace(backbone, classes=("ant", "bee", "English springer", "glass", "tench"))
    assert names.in_imagenet(["ants", "bees"], named).tolist() == [0, 1]
    assert names.in_imagenet(["english_springer", "Glass"], named).tolist() == [2, 3]
    assert names.in_imagenet(["ants", "unicorns"], named) is None


def test_the_data_brings_its_own_names(backbone, drawn):
    found = names.find(drawn, backbone)
    assert found.kind == names.TRAINED and found.labeller.classes == drawn.classes
    records, first = names.measure(found, drawn, [0])
    assert records[0]["value"] == first.mean() <= records[1]["value"]
    rows = drawn.part("test")
    said = found.labeller.label(rows["path"])["likest"]
    assert (first == (said == [drawn.classes[k] for k in rows["label"]])).all()


def test_the_thousand_names_where_the_data_is_among_them(backbone, drawn):
    knowing = replace(backbone, classes=(*drawn.classes[::-1], "other"))
    found = names.find(drawn, knowing, kept=0.8)
    assert found.kind == names.THOUSAND and found.places.tolist() == [5, 4, 3, 2, 1, 0]
    train = found.labeller.answers(report.features.of_rows(knowing, drawn.part("train")))
    kept = (train["familiar"] >= found.labeller.familiarity.threshold).mean()
    assert kept == pytest.approx(0.8, abs=0.03)


def test_nothing_to_name_with(backbone):
    with pytest.raises(ValueError, match="knows no names of its own"):
        names.find(None, replace(backbone, top=None))
    with pytest.raises(FileNotFoundError):
        names.find(None, backbone, "no/such/labeller")


def test_a_saved_labeller_goes_before_everything(labeller, backbone, drawn, tmp_path):
    labeller.save(tmp_path / "labeller")
    found = names.find(drawn, backbone, str(tmp_path / "labeller"))
    assert found.labeller.classes == drawn.classes
    assert found.places.tolist() == list(range(6)) and "labeller in" in found.said


def test_loose_pictures(tmp_path):
    one = picture(tmp_path / "one.jpg", 1)
    picture(tmp_path / "two.png", 2)
    (tmp_path / "cut.jpg").write_bytes(one.read_bytes()[:200])
    assert loose.is_loose(str(one)) and loose.is_loose(str(tmp_path))
    assert loose.is_loose("https://example.org/a.jpg") and loose.is_loose("webcam:1")
    assert not loose.is_loose("sample") and not loose.is_loose(str(tmp_path.parent))
    paths, said = loose.gather(str(tmp_path), tmp_path / "out")
    assert [path.name for path in paths] == ["one.jpg", "two.png"]
    assert "cut.jpg" in said.summary()
    for wrong, words in ((str(tmp_path / "cut.jpg"), "damaged"), ("ftp://x/y.jpg", "http"),
                         ("webcam:9", "no camera 9")):  # fmt: skip
        with pytest.raises(DataError, match=words):
            loose.gather(wrong, tmp_path / "out")


def test_an_address_is_fetched_once(tmp_path, monkeypatch):
    from common.tests.local_server import Server, whole

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    body = picture(tmp_path / "a.png", 1).read_bytes()
    with Server() as server:
        server.routes["/a.png"] = whole(body)
        address = server.url("/a.png")
        (path,), _ = loose.gather(address, tmp_path / "out")
        assert path.read_bytes() == body
        del server.routes["/a.png"]
        assert loose.gather(address, tmp_path / "out")[0] == [path]
        with pytest.raises(DataError, match="cannot be fetched"):
            loose.gather(server.url("/none.png"), tmp_path / "out")


def test_measuring_none_of_these(labeller, drawn, seen, tmp_path):
    test = report.features.of_rows(labeller.backbone, drawn.part("test"))
    unknown = strangers.rows_of(drawn, None)
    assert len(unknown) == 16
    table = strangers.methods(drawn, labeller, seen, test, unknown)
    records = strangers.measure(drawn, "ours", labeller, unknown, [0])
    own = table.loc[labeller.familiarity.method]
    assert records[0]["value"] == pytest.approx(own["area"])
    assert records[2]["value"] == pytest.approx(own["unknown refused"])
    assert list(table.index) == list(familiar.METHODS)
    assert {r["metric"] for r in records} == {"auc of none of these", "known kept",
                                              "unknown refused"}  # fmt: skip
    assert all(r["low"] <= r["value"] <= r["high"] for r in records)
    for k in range(3):
        picture(tmp_path / "deep" / f"{k}.png", k)
    (tmp_path / "bad.png").write_bytes(b"")
    assert len(strangers.rows_of(drawn, str(tmp_path))) == 3
    with pytest.raises(DataError, match=r"holds 0 picture\(s\)"):
        strangers.rows_of(drawn, str(tmp_path / "nowhere"))


def test_reports_and_pictures(labeller, drawn, seen, tmp_path):
    test = drawn.part("test")
    tested = report.test(labeller, test, log=None)
    arms = {report.OURS: tested.right, **report.baseline_arms(drawn)}
    records = [*report.measure(drawn, arms, [0]), *report.measure_probabilities(drawn, tested, [0])]
    (held_out,) = report.cross_validated(drawn, labeller.head, [0])
    assert held_out["n"] == 54 and 0 < held_out["value"] < 1
    assert "synthetic" not in report.verdict(drawn, records, labeller.backbone)
    assert "ours" in report.table(records, drawn).index
    means = seen.mean(axis=1), report.features.of_rows(labeller.backbone, test).mean(axis=1)
    curve = report.learning_curve(drawn, *means, 0.01, (1, 3, 50))
    assert curve["pictures of each class"].tolist() == [1, 3, 9]
    assert (curve["least"] <= curve["most"]).all()
    assert curve["accuracy"].iloc[-1] == pytest.approx(curve["most"].iloc[-1])
    assert "warmest place" in report.pointing(labeller, drawn)
    doubts = report.doubtful(drawn, labeller)
    figures = [
        look.batch(drawn), look.curve(curve, {"colours": 0.2}, "curve"), look.doubted(doubts),
        look.strengths(labeller.head.losses), look.wrong(labeller, drawn, tested.right,
                                                         tested.probabilities.max(axis=1)),
        look.familiarity(np.arange(9.0), np.arange(5.0), 3.0, "neighbour"),
    ]  # fmt: skip
    assert all(figure is None or figure.axes for figure in figures)
    assert look.alike(drawn) is None
    own = report.broken_example(drawn, tmp_path)
    from recipes.transfer import data

    said = data.load(own).report.summary(9)
    for name in ("cut.jpg", "empty.png", "words.jpg", "notes.txt", "four_pixels.png",
                 "mislabelled_copy.jpg"):  # fmt: skip
        assert name in said, name
