"""Files written at once: the old content or the new, never half, and no leftovers."""

import errno
import json
import os
import stat
import sys

import pytest

from mlstack_lib.errors import CouldNotFinish
from mlstack_lib.files import write_atomically, write_bytes, write_json, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_utf8_with_its_own_line_ends(tmp_path):
    write_text(tmp_path / "t", "Größe\n\r\n")
    assert (tmp_path / "t").read_bytes() == "Größe\n\r\n".encode()


def test_bytes_are_written_as_they_are(tmp_path):
    write_bytes(tmp_path / "b", bytes(range(256)))
    assert (tmp_path / "b").read_bytes() == bytes(range(256))


def test_json_comes_back_and_keeps_its_letters_readable(tmp_path):
    write_json(tmp_path / "j", {"word": "Größe", "n": [1, 0.1]})
    text = (tmp_path / "j").read_text(encoding="utf-8")
    assert json.loads(text) == {"word": "Größe", "n": [1, 0.1]}
    assert "Größe" in text
    assert text.endswith("}\n")


def test_what_was_there_is_replaced_and_nothing_else_is_left(tmp_path):
    write_text(tmp_path / "t", "a long old text")
    write_text(tmp_path / "t", "new")
    assert (tmp_path / "t").read_text(encoding="utf-8") == "new"
    assert names(tmp_path) == ["t"]


def test_a_full_disk_leaves_the_old_content_and_gives_the_systems_reason(tmp_path):
    def half(part):
        part.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_text(tmp_path / "t", "old")
    with pytest.raises(CouldNotFinish, match=os.strerror(errno.ENOSPC)) as caught:
        write_atomically(tmp_path / "t", half)
    assert str(tmp_path / "t") in str(caught.value)
    assert (tmp_path / "t").read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["t"]


def test_a_failed_sync_leaves_the_old_content(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    write_text(tmp_path / "t", "old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CouldNotFinish, match=os.strerror(errno.EIO)):
        write_text(tmp_path / "t", "new")
    assert (tmp_path / "t").read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["t"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_another_error_passes_and_leaves_the_old_content(tmp_path, error):
    def fail(part):
        part.write_bytes(b"half of it")
        raise error

    write_text(tmp_path / "t", "old")
    with pytest.raises(error):
        write_atomically(tmp_path / "t", fail)
    assert (tmp_path / "t").read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["t"]


def test_the_content_is_on_the_disk_before_it_takes_the_old_ones_place(tmp_path, monkeypatch):
    calls = []
    sync, put = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("fsync"), sync(file)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("replace"), put(*names)))
    write_text(tmp_path / "t", "new")
    assert calls == ["fsync", "replace"]


def test_a_missing_folder_or_a_file_in_its_place_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(CouldNotFinish) as caught:
            write_text(folder / "t", "new")
        assert str(folder / "t") in str(caught.value)
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits to compare")
def test_who_may_read_a_file_is_what_the_umask_says(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    write_text(tmp_path / "t", "new")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "t")}
    assert len(modes) == 1
