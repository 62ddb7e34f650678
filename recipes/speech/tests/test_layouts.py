"""Each published layout becomes the same table; what cannot be listed is named."""

import math

import pytest

from common.validation import DataError
from recipes.speech import layouts


def made(folder, **texts):
    """Files by path; bytes are recordings that nobody opens here."""
    for name, content in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            path.write_bytes(content or b"RIFF")
    return folder


def rows(listed):
    return [(row.path.rpartition("/")[2], row.transcript, row.speaker, row.split)
            for row in listed.rows.itertuples()]  # fmt: skip


def test_manifests_of_deepspeech(tmp_path):
    table = "wav_filename,wav_filesize,transcript,speaker\na/x.wav,12,yes,ann\nb/y.flac,12,go,bob\n"
    made(tmp_path, **{"train.csv": table, "dev.csv": table.replace("x.wav", "z.wav")})
    found = layouts.read(tmp_path)
    assert rows(found) == [
        ("z.wav", "yes", "ann", "validation"), ("y.flac", "go", "bob", "validation"),
        ("x.wav", "yes", "ann", "train"), ("y.flac", "go", "bob", "train"),
    ]  # fmt: skip
    assert found.rows["path"][2] == str(tmp_path / "a" / "x.wav") and found.rows["line"][2] == 2
    assert math.isnan(found.rows["begin"][0])
    one = layouts.read(tmp_path / "train.csv")
    assert len(one.rows) == 2


def test_columns_may_have_other_names(tmp_path):
    made(tmp_path, **{"mine.csv": "clip;said\nx.wav;hello\n;nothing\n"})
    with pytest.raises(DataError, match="no column for the path; it has clip, said"):
        layouts.read(tmp_path / "mine.csv")
    found = layouts.read(tmp_path / "mine.csv", {"path": "clip", "transcript": "said"})
    assert rows(found) == [("x.wav", "hello", "", "")]
    assert "names no recording" in found.report.summary()
    with pytest.raises(DataError, match="no column 'voice'"):
        layouts.read(tmp_path / "mine.csv", {"path": "voice"})


def test_an4_as_it_was_published(tmp_path):
    made(tmp_path, **{
        "etc/an4_train.fileids": "an4_clstk/fash/an251-fash-b\nan4_clstk/fash/an253-fash-b\n",
        "etc/an4_train.transcription": "<s> YES </s> (an251-fash-b)\n",
        "etc/an4_test.fileids": "an4test_clstk/fcaw/an406-fcaw-b\n",
        "etc/an4_test.transcription": "<s> RUBOUT G M E F THREE NINE </s> (an406-fcaw-b)\n",
        "wav/an4_clstk/fash/an251-fash-b.wav": b"", "wav/an4test_clstk/fcaw/an406-fcaw-b.sph": b"",
    })  # fmt: skip
    found = layouts.read(tmp_path)
    assert sorted(rows(found)) == [
        ("an251-fash-b.wav", "YES", "fash", "train"),
        ("an406-fcaw-b.sph", "RUBOUT G M E F THREE NINE", "fcaw", "test"),
    ]
    assert "an253-fash-b is not in an4_train.transcription" in found.report.summary()


def test_spoken_digits(tmp_path):
    made(tmp_path, **{"recordings/7_theo_3.wav": b"", "recordings/0_jackson_12.wav": b""})
    assert sorted(rows(layouts.read(tmp_path))) == [
        ("0_jackson_12.wav", "zero", "jackson", "train"), ("7_theo_3.wav", "seven", "theo", "test"),
    ]  # fmt: skip


def test_librispeech(tmp_path):
    made(tmp_path, **{
        "LibriSpeech/dev-clean/84/121123/84-121123.trans.txt": "84-121123-0000 GO DO YOU HEAR\n",
        "LibriSpeech/dev-clean/84/121123/84-121123-0000.flac": b"",
        "LibriSpeech/train-clean-100/19/198/19-198.trans.txt": "19-198-0001 NORTHANGER ABBEY\n",
    })  # fmt: skip
    assert rows(layouts.read(tmp_path)) == [
        ("84-121123-0000.flac", "GO DO YOU HEAR", "84", "validation"),
        ("19-198-0001.flac", "NORTHANGER ABBEY", "19", "train"),
    ]


def test_common_voice(tmp_path):
    head = "client_id\tpath\tsentence\tup_votes\n"
    made(tmp_path, **{
        "de/train.tsv": head + "abc\tcv_1.mp3\tGuten Tag, Welt!\t2\n",
        "de/validated.tsv": head + "abc\tcv_9.mp3\tnicht noch einmal\t2\n",
        "de/test.tsv": head + "xyz\tcv_2.mp3\tAuf Wiedersehen\t2\n", "de/clips/cv_1.mp3": b"",
    })  # fmt: skip
    found = layouts.read(tmp_path)
    assert rows(found) == [("cv_2.mp3", "Auf Wiedersehen", "xyz", "test"),
                           ("cv_1.mp3", "Guten Tag, Welt!", "abc", "train")]
    assert "/clips/" in found.rows["path"][0]


def test_ljspeech(tmp_path):
    made(tmp_path, **{"metadata.csv": 'LJ1|Printing "in 1455"|Printing "in fourteen"\nbroken\n',
                      "wavs/LJ1.wav": b""})  # fmt: skip
    found = layouts.read(tmp_path)
    assert rows(found) == [("LJ1.wav", 'Printing "in fourteen"', "lj", "")]
    assert "line 2 has no '|'" in found.report.summary()


def test_segments_of_tedlium(tmp_path):
    made(tmp_path, **{
        "legacy/dev/stm/Talk_2009.stm":
            ";; a remark\nTalk_2009 1 Talk 16.5 20.25 <o,f0,male> so <unk> i(2) went {UH} home\n"
            "Talk_2009 1 inter 20 21 <o,,> ignore_time_segment_in_scoring\nTalk_2009 1 x y\n",
        "legacy/dev/sph/Talk_2009.sph": b"",
    })  # fmt: skip
    found = layouts.read(tmp_path)
    assert rows(found) == [("Talk_2009.sph", "so i went home", "Talk", "validation")]
    assert found.rows[["begin", "end"]].to_numpy().tolist() == [[16.5, 20.25]]
    assert "line 4 is not" in found.report.summary()
    assert len(layouts.read(tmp_path / "legacy" / "dev" / "stm" / "Talk_2009.stm").rows) == 1


def test_a_folder_of_recordings_and_texts(tmp_path):
    made(tmp_path, **{"train/ann/a.wav": b"", "train/ann/a.txt": "hello\n there\n", "b.flac": b"",
                      "b.txt": "bye", "c.ogg": b""})  # fmt: skip
    found = layouts.read(tmp_path)
    assert sorted(rows(found)) == [("a.wav", "hello there", "ann", "train"),
                                   ("b.flac", "bye", "", "")]
    assert "c.ogg: there is no c.txt beside it" in found.report.summary()


def test_what_is_none_of_these(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        layouts.read(tmp_path / "nowhere")
    made(tmp_path, **{"readme.md": "nothing"})
    with pytest.raises(DataError, match="no recording with a transcript"):
        layouts.read(tmp_path)


def test_columns_are_found_in_a_folders_table(tmp_path):
    made(tmp_path, **{"list.csv": "clip,words\na.wav,hello\n"})
    found = layouts.read(tmp_path, {"path": "clip", "transcript": "words"}).rows
    assert found["transcript"].tolist() == ["hello"]
    made(tmp_path, **{"hugging/metadata.csv": "file_name,transcription\na.wav,good morning\n"})
    (tmp_path / "hugging" / "wavs").mkdir()
    listed = layouts.read(tmp_path / "hugging")
    assert listed.rows["transcript"].tolist() == ["good morning"] and not listed.report


def test_ljspeech_lies_deeper(tmp_path):
    made(tmp_path, **{"LJSpeech-1.1/metadata.csv": "LJ001-0001|Dr. A|doctor a\n",
                      "LJSpeech-1.1/wavs/LJ001-0001.wav": ""})  # fmt: skip
    assert layouts.read(tmp_path).rows["transcript"].tolist() == ["doctor a"]


def test_other_encodings_are_read(tmp_path):
    (tmp_path / "a.wav").touch(), (tmp_path / "b.wav").touch()
    (tmp_path / "a.txt").write_bytes("grüße an müller".encode("cp1252"))
    (tmp_path / "b.txt").write_bytes("zwölf".encode("utf-16"))
    listed = layouts.read(tmp_path)
    assert sorted(listed.rows["transcript"]) == ["grüße an müller", "zwölf"]
    assert "encoding" in listed.report.counts


def test_an_empty_table_among_others_is_told(tmp_path):
    made(tmp_path, **{"train-clean/1/2/1-2.trans.txt": "1-2-0001 GO ON\n",
                      "train-clean/1/2/1-2-0001.flac": None,
                      "train-clean/3/4/3-4.trans.txt": ""})  # fmt: skip
    listed = layouts.read(tmp_path)
    assert len(listed.rows) == 1 and "3-4.trans.txt" in listed.report.summary()
