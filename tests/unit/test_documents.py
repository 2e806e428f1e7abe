"""Files to documents: where one ends, what is text, and what is bad input."""

import lzma
import re
from pathlib import Path

import pytest

from mlstack_lib import documents
from mlstack_lib.documents import SEPARATOR, digest, file_documents, file_sha256
from mlstack_lib.errors import BadInput


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def put(name: str, text: str | bytes) -> Path:
    path = Path(name)
    raw = text.encode("utf-8") if isinstance(text, str) else text
    path.write_bytes(lzma.compress(raw) if path.suffix == ".xz" else raw)
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.txt.xz"])
def test_documents_end_at_the_mark_and_lose_the_line_breaks_beside_it(name):
    text = f"\n one\n\ntwo \n{SEPARATOR}\r\nthree{SEPARATOR}four{SEPARATOR}\n{SEPARATOR}\n\nfive\n"
    assert list(file_documents(put(name, text))) == [" one\n\ntwo ", "three", "four", "five"]


def test_file_without_a_mark_is_one_document_kept_as_it_is():
    assert list(file_documents(put("a.txt", "\none\r\ntwo\n\n"))) == ["\none\r\ntwo\n\n"]


def test_byte_order_mark_is_no_text():
    text = f"\ufeffone{SEPARATOR}\ufefftwo"
    assert list(file_documents(put("a.txt", text))) == ["one", "\ufefftwo"]


@pytest.mark.parametrize("text", ["", "\n", f"{SEPARATOR}\n", f" {SEPARATOR}\n\n{SEPARATOR}"])
def test_blank_documents_are_dropped(text):
    assert list(file_documents(put("a.txt", text))) == []


@pytest.mark.parametrize("name", ["a.txt", "a.xz"])
@pytest.mark.parametrize("before", ["", "é\n", f"é{SEPARATOR}\nö\n{SEPARATOR}x", "a\n\n\nb"])
def test_not_utf8_names_the_file_and_the_offset(name, before):
    offset = len(before.encode("utf-8"))
    path = put(name, before.encode("utf-8") + b"\xff and more\n" + SEPARATOR.encode("utf-8"))
    with pytest.raises(BadInput, match=rf"{re.escape(name)}: not UTF-8 at byte offset {offset};"):
        list(file_documents(path))


def test_documents_before_a_damaged_one_are_given():
    path = put("a.txt", (f"good\n{SEPARATOR}\n" * 9).encode("utf-8") + b"\xff")
    reader = file_documents(path)
    assert [next(reader) for _ in range(9)] == ["good"] * 9
    with pytest.raises(BadInput):
        next(reader)


@pytest.mark.parametrize("damage", [lambda raw: raw[:-20], lambda raw: b"not xz" + raw])
def test_damaged_xz_is_bad_input(damage):
    path = put("a.xz", "some text\n" * 1000)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadInput, match=r"a\.xz: not a whole \.xz file"):
        list(file_documents(path))


def test_unreadable_file_is_bad_input():
    for read in (lambda path: list(file_documents(path)), file_sha256):
        with pytest.raises(BadInput, match="cannot read gone"):
            read(Path("gone"))


def test_no_more_is_read_than_the_document_asked_for(monkeypatch):
    read = []
    lines = documents._lines

    def counted(path):
        for line in lines(path):
            read.append(len(line))
            yield line

    monkeypatch.setattr(documents, "_lines", counted)
    reader = file_documents(put("a.txt", f"Story.\n{SEPARATOR}\n" * 1000))
    next(reader)
    assert len(read) == 2


def test_digest_tells_apart_lists_with_the_same_characters():
    lists = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["c", "ab"], []]
    assert len({digest(parts) for parts in lists}) == len(lists)
