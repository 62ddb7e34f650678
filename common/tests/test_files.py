"""What breaks off while it writes leaves nothing, and nothing old is lost."""

import pytest

from common import files


def test_folders_are_made_and_only_the_file_remains(tmp_path):
    files.write_text(tmp_path / "a" / "b.json", "ü")
    assert (tmp_path / "a" / "b.json").read_text(encoding="utf-8") == "ü"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]


def test_an_interrupted_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "numbers.npz"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), files.whole(path) as aside:
        assert aside.suffix == ".npz" and aside.parent == tmp_path
        aside.write_bytes(b"half")
        assert path.read_bytes() == b"old"
        raise KeyboardInterrupt
    assert [found.name for found in tmp_path.iterdir()] == ["numbers.npz"]
    assert path.read_bytes() == b"old"


def test_a_change_of_code_or_settings_is_another_key(tmp_path):
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "b.py").write_text("")
    both = [tmp_path / "a.py", str(tmp_path / "b.py")]
    key = files.work_key(both, rows=3, shape=(1, 2))
    assert key == files.work_key(both, shape=(1, 2), rows=3)
    assert key != files.work_key(both, shape=(1, 2), rows=4)
    (tmp_path / "a.py").write_text("x = 2")
    assert key != files.work_key(both, rows=3, shape=(1, 2))


def test_a_folder_is_replaced_once_the_new_one_is_whole(tmp_path):
    folder = tmp_path / "model"
    for content in ("old", "new"):
        with files.whole_folder(folder) as aside:
            (aside / content).write_text(content)
    assert [path.name for path in folder.iterdir()] == ["new"]
    with pytest.raises(KeyboardInterrupt), files.whole_folder(folder) as aside:
        (aside / "half").write_text("")
        raise KeyboardInterrupt
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
