"""Tokens: what stands between documents, what is counted, and a cache noticed when damaged."""

import errno
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from mlstack_lib import data
from mlstack_lib.data import (
    BatchSampler,
    Corpus,
    load_corpus,
    prepare,
    validation_windows,
)
from mlstack_lib.errors import BadInput, CouldNotFinish

TEXTS = {"train": ["Größe", "two\nlines", "<3"], "valid": ["four", "5"]}


@dataclass
class ByteTokenizer:
    """One token a byte, 256 ends a text; counts what it encodes."""

    end_of_text: int | None = 256
    fingerprint: str = "bytes"
    vocab_size: int = 257
    encoded: int = 0

    def encode(self, text: str) -> np.ndarray:
        self.encoded += 1
        return np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.uint16)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def corpus_of(texts=TEXTS, separated=True, fingerprint="f") -> Corpus:
    return Corpus("mine", fingerprint, separated, lambda split: iter(texts[split]))


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def as_bytes(ids: np.ndarray) -> bytes:
    return b"".join(b"|" if i == 256 else bytes([i]) for i in ids)


# ---- tokens ----------------------------------------------------------------------------------


def test_end_of_text_stands_after_each_document():
    tokens = prepare(corpus_of(), ByteTokenizer(), progress=False)
    assert as_bytes(tokens.train).decode("utf-8") == "Größe|two\nlines|<3|"
    assert as_bytes(tokens.valid) == b"four|5|"


def test_without_an_end_of_text_a_line_break_stands_between_documents():
    tokens = prepare(corpus_of(), ByteTokenizer(end_of_text=None), progress=False)
    assert as_bytes(tokens.train).decode("utf-8") == "Größe\ntwo\nlines\n<3"


@pytest.mark.parametrize("end_of_text", [256, None])
def test_one_continuous_text_gets_no_separator(end_of_text):
    corpus = corpus_of({"train": ["To be, "], "valid": ["or not."]}, separated=False)
    tokens = prepare(corpus, ByteTokenizer(end_of_text), progress=False)
    assert as_bytes(tokens.train) == b"To be, "
    assert as_bytes(tokens.valid) == b"or not."


@pytest.mark.parametrize("end_of_text", [256, None])
def test_bytes_counted_are_those_of_the_text_alone(end_of_text):
    tokens = prepare(corpus_of(), ByteTokenizer(end_of_text), progress=False)
    assert tokens.train_bytes == len("Größetwo\nlines<3".encode())
    assert tokens.valid_bytes == 5
    assert (tokens.train_documents, tokens.valid_documents) == (3, 2)


def test_tokens_are_memory_mapped_uint16_and_read_only():
    tokens = prepare(corpus_of(), ByteTokenizer(), progress=False)
    for ids in (tokens.train, tokens.valid):
        assert isinstance(ids, np.memmap)
        assert ids.dtype == np.uint16
        assert not ids.flags.writeable


def test_second_call_encodes_nothing_and_gives_the_same():
    first = prepare(corpus_of(), ByteTokenizer(), progress=False)
    tokenizer = ByteTokenizer()
    second = prepare(corpus_of(), tokenizer, progress=False)
    assert tokenizer.encoded == 0
    for name in ("train", "valid"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert second.train_bytes == first.train_bytes
    assert second.fingerprint == first.fingerprint


@pytest.mark.parametrize("changed", ["corpus", "separated", "tokenizer", "version"])
def test_other_text_tokenizer_or_version_does_not_meet_old_tokens(monkeypatch, changed):
    corpus, tokenizer = corpus_of(), ByteTokenizer()
    first = prepare(corpus, tokenizer, progress=False)
    if changed == "corpus":
        corpus = replace(corpus, fingerprint="g")
    elif changed == "separated":
        corpus = replace(corpus, separated=False)
    elif changed == "tokenizer":
        tokenizer.fingerprint = "other"
    else:
        monkeypatch.setattr(data, "VERSION", data.VERSION + 1)
    tokenizer.encoded = 0
    second = prepare(corpus, tokenizer, progress=False)
    assert tokenizer.encoded == 5
    assert second.fingerprint != first.fingerprint


def test_meta_states_corpus_documents_bytes_and_tokens(cache):
    prepare(corpus_of(), ByteTokenizer(), progress=False)
    (path,) = cache.rglob("meta.json")
    meta = json.loads(path.read_text(encoding="utf-8"))
    assert meta["corpus"] == "mine"
    assert meta["tokenizer"] == "bytes"
    for split, counts in {
        "train": {"documents": 3, "bytes": 18, "tokens": 21},
        "valid": {"documents": 2, "bytes": 5, "tokens": 7},
    }.items():
        assert counts.items() <= meta[split].items()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 0x80
    path.write_bytes(raw)


@pytest.mark.parametrize("name", ["train.bin", "valid.bin", "meta.json"])
@pytest.mark.parametrize("damage", [_cut, _flip, Path.unlink, lambda path: path.write_bytes(b"")])
def test_damaged_cache_is_noticed_and_made_anew(cache, name, damage):
    before = prepare(corpus_of(), ByteTokenizer(), progress=False)
    want = before.train.tolist()
    del before
    (path,) = cache.rglob(name)
    damage(path)
    tokenizer = ByteTokenizer()
    again = prepare(corpus_of(), tokenizer, progress=False)
    assert tokenizer.encoded == 5
    assert again.train.tolist() == want
    assert len(files_in(cache)) == 3
    tokenizer.encoded = 0
    prepare(corpus_of(), tokenizer, progress=False)
    assert tokenizer.encoded == 0


def test_progress_goes_to_stderr_and_can_be_turned_off(capsys):
    prepare(corpus_of(), ByteTokenizer(), progress=False)
    assert capsys.readouterr() == ("", "")
    prepare(corpus_of(fingerprint="g"), ByteTokenizer(), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "tokenizing mine train" in err


def test_full_disk_is_named_and_nothing_half_written_stays(cache, monkeypatch):
    calls = []

    def full(file, corpus, tokenizer, split, progress):
        file.write(b"half")
        calls.append(split)
        if split == "valid":
            raise OSError(errno.ENOSPC, "No space left on device")
        return {}

    monkeypatch.setattr(data, "_write_split", full)
    with pytest.raises(CouldNotFinish, match="cannot write .*: No space left on device; "):
        prepare(corpus_of(), ByteTokenizer(), progress=False)
    assert calls == ["train", "valid"]
    assert list((cache / "tokens").iterdir()) == []


def test_cache_that_cannot_be_written_is_named_with_the_systems_reason(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path / "file"))
    with pytest.raises(CouldNotFinish, match="cannot write .*set MLSTACK_DATA"):
        prepare(corpus_of(), ByteTokenizer(), progress=False)


def test_interrupted_encoding_leaves_nothing(cache):
    def interrupted(split: str) -> Iterator[str]:
        yield "text"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(Corpus("mine", "f", True, interrupted), ByteTokenizer(), progress=False)
    assert list((cache / "tokens").iterdir()) == []


@pytest.mark.parametrize("empty", ["train", "valid"])
def test_split_without_a_document_is_bad_input(cache, empty):
    with pytest.raises(BadInput, match=f"no document in its {empty} split"):
        prepare(corpus_of({**TEXTS, empty: []}), ByteTokenizer(), progress=False)
    assert list((cache / "tokens").iterdir()) == []


def test_vocabulary_beyond_uint16_is_bad_input():
    with pytest.raises(BadInput, match="65,536, got 65,537"):
        prepare(corpus_of(), ByteTokenizer(vocab_size=65537), progress=False)


def test_python_stdlib_becomes_tokens():
    corpus = load_corpus("python-stdlib")
    tokens = prepare(corpus, ByteTokenizer(), progress=False)
    assert len(tokens.train) == tokens.train_bytes + tokens.train_documents
    ends = np.flatnonzero(tokens.valid == 256)
    first = next(corpus.documents("valid"))
    assert bytes(tokens.valid[: ends[0]].astype(np.uint8)).decode("utf-8") == first


def test_sampler_takes_the_train_split_and_validation_the_other():
    tokens = prepare(corpus_of(), ByteTokenizer(), progress=False)
    idx, _ = BatchSampler(tokens, 4, 20, np.random.default_rng(3)).next()
    assert np.array_equal(idx, np.tile(tokens.train[:20], (4, 1)))
    ((idx, _),) = validation_windows(tokens, context=6, batch=1)
    assert np.array_equal(idx, tokens.valid[None, :6])
