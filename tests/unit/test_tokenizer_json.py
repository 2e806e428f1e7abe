"""The file of a tokenizer: written whole or not at all, read back as it was, refused by name."""

import hashlib
import json
import os

import numpy as np
import pytest
from tokenizer_record import RECORDED, TEXTS

from mlstack_lib import bpe, tokenizer_json
from mlstack_lib.errors import BadInput, CouldNotFinish
from mlstack_lib.tokenizer import CharTokenizer, Tokenizer, load_tokenizer


def document(tokenizer, folder):
    tokenizer.save(folder / "saved.json")
    return json.loads((folder / "saved.json").read_text(encoding="utf-8"))


def written(document, folder):
    path = folder / "changed.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


# Writing -----------------------------------------------------------------------------------------


def test_special_tokens_and_bytes_have_the_recorded_ids(tokenizer, tmp_path):
    vocab = document(tokenizer, tmp_path)["model"]["vocab"]
    assert [vocab[name] for name in RECORDED["names"]] == list(range(2 + 256))


def test_a_saved_tokenizer_loads_as_it_was(tokenizer, tmp_path):
    for saved in (tokenizer, CharTokenizer.train(TEXTS.values())):
        saved.save(tmp_path / "tokenizer.json")
        loaded = load_tokenizer(tmp_path / "tokenizer.json")
        assert type(loaded) is type(saved)
        assert (loaded.kind, loaded.vocab_size) == (saved.kind, saved.vocab_size)
        assert (loaded.special_tokens, loaded.end_of_text) == (
            saved.special_tokens,
            saved.end_of_text,
        )
        assert loaded.fingerprint == saved.fingerprint
        for text in TEXTS.values():
            assert np.array_equal(loaded.encode(text, True), saved.encode(text, True))


def test_kind_and_end_of_text_say_what_a_tokenizer_is(tokenizer):
    assert (tokenizer.kind, CharTokenizer.train(["a"]).kind) == ("bpe", "char")
    assert (tokenizer.end_of_text, tokenizer.special_tokens["<|user|>"]) == (0, 1)
    assert Tokenizer.train(["a"], 300, ("<|user|>",)).end_of_text is None


def test_the_fingerprint_is_the_hash_of_the_file_and_differs_with_the_merges(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "a.json")
    assert tokenizer.fingerprint == hashlib.sha256((tmp_path / "a.json").read_bytes()).hexdigest()
    fewer = Tokenizer.train(TEXTS.values(), 479, RECORDED["special_tokens"])
    assert fewer.fingerprint != tokenizer.fingerprint


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tokenizer, tmp_path, monkeypatch, call, error
):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(os, call, fail)
    wanted = CouldNotFinish if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(wanted):
        tokenizer.save(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["tokenizer.json"]


def test_saving_into_a_folder_that_is_not_there_is_refused(tokenizer, tmp_path):
    with pytest.raises(CouldNotFinish, match="cannot write .*No such file"):
        tokenizer.save(tmp_path / "none" / "tokenizer.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        (b"\xff\xfe\x00", "expected JSON"),
        (b"{", "expected JSON"),
        (b"[]", "not a whole tokenizer.json"),
        (b'{"model": {"type": "Unigram"}}', "a Unigram model"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(BadInput, match=message):
        load_tokenizer(tmp_path / "t.json")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("normalizer",), {"type": "NFC"}, "a normalizer"),
        (("truncation",), {"max_length": 9}, "a truncation"),
        (("padding",), {"pad_id": 0}, "a padding"),
        (("pre_tokenizer",), None, "another pre_tokenizer"),
        (("pre_tokenizer", "add_prefix_space"), True, "another pre_tokenizer"),
        (("post_processor",), {"type": "TemplateProcessing"}, "a TemplateProcessing"),
        (("model", "byte_fallback"), True, "byte_fallback"),
        (("added_tokens", 0, "lstrip"), True, r"added token '<\|endoftext\|>'"),
        (("added_tokens", 0, "special"), False, "added token"),
        (("model", "vocab", "a"), 5000, "ids are not 0, 1, 2"),
        (("model", "merges", 3), ["a"], "not enough values"),
        (("model", "merges", 3), ["a", "\u00ff"], "KeyError"),
        (("model", "merges"), None, "TypeError"),
    ],
)
def test_what_would_change_the_ids_is_refused_by_name(tokenizer, tmp_path, place, value, message):
    changed = inner = document(tokenizer, tmp_path)
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(BadInput, match=message):
        load_tokenizer(written(changed, tmp_path))


def test_merges_against_the_order_of_ids_are_refused(tmp_path):
    changed = document(Tokenizer.train([], 300, ()), tmp_path)
    changed["model"]["vocab"] |= {"ab": 256, "cd": 257}
    changed["model"]["merges"] = [["c", "d"], ["a", "b"]]
    with pytest.raises(BadInput, match="before its parts, or against the ids"):
        load_tokenizer(written(changed, tmp_path))


def test_a_merge_before_its_parts_is_refused(tmp_path):
    changed = document(Tokenizer.train([], 300, ()), tmp_path)
    changed["model"]["vocab"] |= {"abc": 256, "ab": 257}
    changed["model"]["merges"] = [["ab", "c"], ["a", "b"]]
    with pytest.raises(BadInput, match="before its parts, or against the ids"):
        load_tokenizer(written(changed, tmp_path))


def test_a_vocabulary_without_one_of_the_bytes_is_refused(tokenizer, tmp_path):
    changed = document(tokenizer, tmp_path)
    vocab = changed["model"]["vocab"]
    vocab["\u00ff\u00ff"] = vocab.pop("\u00ff")
    with pytest.raises(BadInput, match="not every byte is a token"):
        load_tokenizer(written(changed, tmp_path))


@pytest.mark.parametrize("names", [["b", "a"], ["a", "bc"], []], ids=["order", "two", "none"])
def test_a_vocabulary_that_is_not_sorted_characters_is_refused(tmp_path, names):
    changed = document(CharTokenizer.train(["ab"]), tmp_path)
    changed["model"]["vocab"] = {name: i for i, name in enumerate(names)}
    with pytest.raises(BadInput, match="single characters in the order of their codes"):
        load_tokenizer(written(changed, tmp_path))


def test_a_vocabulary_too_large_for_uint16_is_refused(tmp_path):
    changed = document(CharTokenizer.train(["ab"]), tmp_path)
    changed["model"]["vocab"] = {chr(0x10000 + i): i for i in range(65_536)}
    with pytest.raises(BadInput, match="at most 65535"):
        load_tokenizer(written(changed, tmp_path))


def test_the_layout_of_gpt2s_file_is_read(tokenizer, tmp_path):
    old = document(tokenizer, tmp_path)
    vocab = old["model"]["vocab"]
    names = sorted(vocab, key=vocab.get)
    names = names[2:] + names[:1]  # GPT-2 has its one special token at the end
    old["model"]["vocab"] = {name: i for i, name in enumerate(names)}
    old["model"]["merges"] = [" ".join(merge) for merge in old["model"]["merges"]]
    old["added_tokens"] = [old["added_tokens"][0] | {"id": 478}]
    old["post_processor"] = {"type": "ByteLevel", "trim_offsets": False}
    loaded = load_tokenizer(written(old, tmp_path))
    assert loaded.end_of_text == 478
    for name, text in TEXTS.items():
        assert loaded.encode(text).tolist() == [i - 2 for i in RECORDED["ids"][name]]


def test_the_file_is_written_with_the_signs_of_gpt2():
    assert bpe.SIGN_OF[0x20] == "\u0120"
    assert bpe.SIGN_OF[0x0A] == "\u010a"
    assert bpe.SIGN_OF[0x7F] == "\u0121"
    assert bpe.SIGN_OF[0xAD] == "\u0143"
    assert [bpe.SIGN_OF[byte] for byte in bpe.ALPHABET] == sorted(bpe.SIGN_OF.values())
    assert b"\xc4\xa0the" in tokenizer_json.bpe_json([*map(bytes, [[0]]), b" the"], [], {})
