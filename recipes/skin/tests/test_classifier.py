"""The product: what the members say, an answer or a reason for every file, the same when loaded."""

import numpy as np
import pandas as pd
import pytest

from common.validation import DataError
from recipes.skin import predict, prepare, report
from recipes.skin.classifier import NOTICE, Classifier
from recipes.skin.tests.conftest import SIZE


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    made = tmp_path_factory.mktemp("lesions")
    for k, path in enumerate(run.lesions.part("test")["path"].head(3)):
        (made / f"{k}.jpg").write_bytes(open(path, "rb").read())
    (made / "cut.jpg").write_bytes((made / "0.jpg").read_bytes()[:2000])
    (made / "empty.jpg").touch()
    (made / "notes.txt").write_text("no picture")
    return made


def test_it_says_what_the_members_say(run):
    rows = run.lesions.part("test").head(12)
    squared = prepare.prepared(rows["path"].tolist(), SIZE)
    logits = [member.logits(run.seen["test"])[:12] for member in run.members]
    wanted = report.shares(logits, run.members[0].frequencies, run.wanted, 1.3)
    # Members look at maps kept in half precision.
    np.testing.assert_allclose(run.product.answers(squared), wanted, atol=5e-3)


def test_every_file_has_an_answer_or_a_reason(run, folder):
    names = ["0.jpg", "cut.jpg", "1.jpg", "empty.jpg", "notes.txt", "2.jpg"]
    table = run.product.classify([folder / name for name in names])
    has = table["problem"] == ""
    assert has.tolist() == [True, False, True, False, False, True]
    assert table.loc[has, "class"].isin(run.lesions.classes).all()
    assert (table.loc[~has, ["class", "stands out", "malignant, sensitive"]] == "").all(axis=None)
    shares = table.loc[has, run.product.columns].to_numpy(float)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    first, bad = table.iloc[0], shares[0, np.isin(run.lesions.classes, ["akiec", "bcc", "mel"])]
    assert first["class"] == run.lesions.classes[shares[0].argmax()]
    assert first["stands out"] == run.lesions.classes[(shares[0] / run.wanted).argmax()]
    assert first["probability of malignant"] == pytest.approx(bad.sum(), abs=1e-6)
    called = "yes" if bad.sum() >= run.product.thresholds["specific"] else "no"
    assert first["malignant, specific"] == called


def test_no_files_are_no_rows(run):
    assert len(run.product.classify([])) == 0


def test_saved_and_loaded_it_says_the_same(run, folder, tmp_path):
    run.product.save(tmp_path / "classifier")
    loaded = Classifier.load(tmp_path / "classifier")
    files = [folder / "0.jpg", folder / "1.jpg"]
    pd.testing.assert_frame_equal(loaded.classify(files), run.product.classify(files), atol=1e-5)
    about = tmp_path / "classifier" / "classifier.json"
    text = about.read_text()
    assert NOTICE in text
    about.write_text(text.replace('"format": 1', '"format": 9'))
    with pytest.raises(DataError, match="another version|format"):
        Classifier.load(tmp_path / "classifier")
    with pytest.raises(FileNotFoundError):
        Classifier.load(tmp_path / "nowhere")


def test_predict_answers_a_whole_folder(run, folder, tmp_path, capsys):
    run.product.save(tmp_path / "classifier")
    target = tmp_path / "out.csv"
    assert predict.main([str(tmp_path / "classifier"), str(folder), str(target)]) == 0
    table = pd.read_csv(target, keep_default_na=False)
    assert len(table) == 6 and (table["problem"] != "").sum() == 3
    said = capsys.readouterr().out
    assert "6 files" in said and "Called malignant" in said and NOTICE in said
    assert predict.main([str(tmp_path / "classifier"), str(tmp_path / "nowhere"), "x.csv"]) == 1
    assert "does not exist" in capsys.readouterr().err
