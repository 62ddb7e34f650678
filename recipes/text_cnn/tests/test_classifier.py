"""Raw strings in, labels out: saved, loaded, exported, and from the command line."""

import csv
import gzip
import subprocess
import sys
import tracemalloc

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from common import export
from common.validation import DataError
from recipes.text_cnn import linear
from recipes.text_cnn.classifier import FORMAT, SentenceClassifier
from recipes.text_cnn.predict import main, predict_file

TEXTS = ["a lovely film .", "the plot was dreadful", "", "🙂 <b>unheard</b> it's", "x " * 600]


@pytest.mark.parametrize("kind", ["classifier", "beside", "networks_alone"])
def test_it_learned_the_toy_corpus(request, kind, corpus, fold):
    classifier = request.getfixturevalue(kind)
    right = classifier.probabilities(corpus.texts[fold.test]).argmax(1) == corpus.labels[fold.test]
    assert right.mean() > 0.95


def test_saved_and_loaded_gives_the_same(classifier, tmp_path):
    again = SentenceClassifier.load(classifier.save(tmp_path / "classifier"))
    np.testing.assert_allclose(
        classifier.probabilities(TEXTS), again.probabilities(TEXTS), atol=1e-6
    )
    assert again.classes == classifier.classes
    if keras.backend.backend() == "tensorflow":  # XLA would compile for every length
        assert not any(member.jit_compile for member in again.members)
    classifier.save(tmp_path / "classifier")  # replaces the older one
    assert [path.name for path in tmp_path.iterdir()] == ["classifier"]


@pytest.mark.parametrize("kind", ["classifier", "beside", "networks_alone"])
def test_the_export_takes_raw_strings_and_agrees(request, kind, tmp_path):
    classifier = request.getfixturevalue(kind)
    check = {"label": classifier.predict(TEXTS), "probabilities": classifier.probabilities(TEXTS)}
    folder = export.saved_model(tmp_path, classifier.module(), "classify", {"text": TEXTS}, check)
    served = tf.saved_model.load(str(folder)).signatures["serving_default"]
    for text in TEXTS:  # one at a time as in a batch
        given = served(text=tf.constant([text]))["probabilities"].numpy()
        np.testing.assert_allclose(given, classifier.probabilities([text]), atol=1e-5)


def test_the_linear_models_score_stands_beside_networks_that_do_not_read_it(
    beside, corpus
):
    texts = corpus.texts[:20]
    alone = SentenceClassifier(beside.classes, beside.encoder, beside.members)
    product = softmax(alone.scores(texts).mean(0), 1) * beside.linear.predict_proba(texts)
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(beside.probabilities(texts), expected, atol=1e-5)


def test_no_text_gives_no_row(classifier):
    assert classifier.probabilities([]).shape == (0, 2)


def test_a_folder_without_a_classifier_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no classifier"):
        SentenceClassifier.load(tmp_path)


def test_a_classifier_of_another_version_is_refused_by_name(classifier, tmp_path):
    state = classifier.save(tmp_path / "classifier") / "classifier.json"
    state.write_text(state.read_text().replace(f'"format": {FORMAT}', '"format": 1'))
    with pytest.raises(DataError, match="another version .* Train it again"):
        SentenceClassifier.load(tmp_path / "classifier")


def test_no_members_are_refused(classifier):
    with pytest.raises(ValueError, match="at least one network"):
        SentenceClassifier(["a", "b"], classifier.encoder, [])


@pytest.fixture(scope="module")
def model(classifier, tmp_path_factory):
    return classifier.save(tmp_path_factory.mktemp("model") / "classifier")


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_file_keeps_its_rows_and_gains_columns(model, classifier, tmp_path, capsys):
    source = tmp_path / "in.csv"
    source.write_text(
        '\ufeffid;review\n1;"a lovely; film"\n2;"two\nlines, dreadful"\n3;\n4;a;b\n', "utf-8"
    )
    assert main([str(model), str(source), str(tmp_path / "out.csv")]) == 0
    rows = rows_of(tmp_path / "out.csv")
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["label"] for row in rows] == ["positive <b>", "negative", "", ""]
    assert "empty" in rows[2]["problem"] and "3 fields" in rows[3]["problem"]
    expected = classifier.probabilities(["a lovely; film"])[0, 1]
    assert float(rows[0]["confidence"]) == pytest.approx(expected, abs=1e-5)
    assert "4 rows, 2 without an answer" in capsys.readouterr().out


def test_an_open_quote_costs_one_row(model, tmp_path):
    lines = ["Review Text,n", '"two', 'lines lovely",1', '"never closed lovely,2']
    (tmp_path / "in.csv").write_text("\n".join([*lines, *["dreadful,3"] * 500]) + "\n")
    predict_file(model, tmp_path / "in.csv", tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert [row["problem"] for row in rows[:3]] == ["", "a quote is never closed", ""]
    assert len(rows) == 502 and rows[0]["Review Text"] == "two\nlines lovely"
    assert {row["label"] for row in rows[2:]} == {"negative"}


def test_a_row_that_csv_refuses_costs_no_other(model, tmp_path):
    odd = '"lovely ' + "x" * 140_000
    (tmp_path / "in.csv").write_text(f"text,n\n{odd},1\ndreadful,2\nlovely,3\n")
    predict_file(model, tmp_path / "in.csv", tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as file:
        csv.field_size_limit(1_000_000)
        rows = list(csv.DictReader(file))
    csv.field_size_limit(131_072)
    assert [row["label"] for row in rows[1:]] == ["negative", "positive <b>"] and len(rows) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_encodings_and_gzip(model, tmp_path, encoding):
    source = tmp_path / "in.tsv.gz"
    with gzip.open(source, "wb") as file:
        file.write("text\tn\ncafé lovely\t1\n".encode(encoding))
    predict_file(model, source, tmp_path / "out.csv")
    (row,) = rows_of(tmp_path / "out.csv")
    assert row["text"] == "café lovely" and row["label"] == "positive <b>"


@pytest.mark.parametrize(
    "content, arguments, message",
    [
        ("", [], "is empty"),
        ("a,b\n1,2\n", [], "say which holds the sentences"),
        ("a,b\n1,2\n", ["--text-column", "c"], "no column 'c'"),
        ("text,label\nx,y\n", [], "already has the column"),
        ('{"text": "x"}\n', [], "looks like JSON lines"),
    ],
)
def test_unusable_input_is_one_clear_error(model, tmp_path, capsys, content, arguments, message):
    source = tmp_path / "in.csv"
    source.write_text(content)
    assert main([str(model), str(source), str(tmp_path / "out.csv"), *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not list(tmp_path.glob("*out*"))


def test_missing_input_and_missing_model(model, tmp_path, capsys):
    assert main([str(model), str(tmp_path / "no.csv"), str(tmp_path / "out.csv")]) == 1
    (tmp_path / "in.csv").write_text("text\nx\n")
    assert main([str(tmp_path), str(tmp_path / "in.csv"), str(tmp_path / "out.csv")]) == 1
    errors = capsys.readouterr().err
    assert "no.csv is no file" in errors and "holds no classifier" in errors


def test_a_broken_off_prediction_leaves_nothing_that_looks_whole(model, tmp_path, monkeypatch):
    (tmp_path / "in.csv").write_text("text\n" + "lovely\n" * 10)

    def break_off(self, texts):
        raise KeyboardInterrupt

    monkeypatch.setattr(SentenceClassifier, "probabilities", break_off)
    with pytest.raises(KeyboardInterrupt):
        predict_file(model, tmp_path / "in.csv", tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_the_command_works_in_a_process_of_its_own(model, tmp_path):
    """Nothing that this test session has imported may be needed to load the layers."""
    (tmp_path / "in.csv").write_text("text\na lovely film\n")
    command = [sys.executable, "-m", "recipes.text_cnn.predict"]
    subprocess.run([*command, model, tmp_path / "in.csv", tmp_path / "out.csv"], check=True)
    assert rows_of(tmp_path / "out.csv")[0]["problem"] == ""


def test_memory_does_not_grow_with_the_rows(model, tmp_path, monkeypatch):
    monkeypatch.setattr(linear, "WORTH_TRACING", 0)  # tracing takes its memory once
    peaks = []
    for rows in (2_000, 20_000):
        (tmp_path / "in.csv").write_text("text\n" + "a lovely film, was it not?\n" * rows)
        tracemalloc.start()
        predict_file(model, tmp_path / "in.csv", tmp_path / "out.csv", "text", size=500)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
