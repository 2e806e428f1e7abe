"""Both tokenizers and the stream: ids, text that comes back, and what is refused."""

import unicodedata

import numpy as np
import pytest
from tokenizer_record import RECORDED, TEXTS

from mlstack_lib import bpe
from mlstack_lib.errors import BadInput
from mlstack_lib.tokenizer import CharTokenizer, StreamDecoder, Tokenizer

# What `tokenizers` does, from the recorded file --------------------------------------------------


@pytest.mark.parametrize("name", TEXTS)
def test_encoding_gives_the_recorded_ids(tokenizer, name):
    assert tokenizer.encode(TEXTS[name]).tolist() == RECORDED["ids"][name]
    with_special = tokenizer.encode(TEXTS[name], allow_special=True)
    assert with_special.tolist() == RECORDED["ids_with_special"][name]


def test_the_recorded_texts_are_nasty():
    text = "".join(TEXTS.values())
    kinds = {unicodedata.category(character) for character in text}
    assert kinds >= {"Cc", "Cf", "Cn", "Co", "Mn", "Lo", "Lt", "Nd", "Nl", "No", "So", "Zl", "Zp"}
    assert all(part in text for part in ("\0", "\r\n", "\u200d", "\u200b", " " * 90, "a" * 300))


# Encoding and decoding ---------------------------------------------------------------------------


def test_any_text_comes_back(tokenizer):
    rng = np.random.default_rng(5)
    noise = rng.bytes(4000)
    texts = [noise.decode("utf-8", "replace"), noise.decode("latin-1"), noise.decode("cp437")]
    texts.append(noise.decode("utf-16-le", "ignore"))
    for text in [*TEXTS.values(), *texts]:
        ids = tokenizer.encode(text)
        assert ids.dtype == np.uint16
        assert ids.ndim == 1
        assert tokenizer.decode(ids) == text


def test_every_byte_has_an_id(tokenizer):
    singles = [tokenizer.decode_bytes([i]) for i in range(2, 2 + 256)]
    assert sorted(singles) == [bytes([byte]) for byte in range(256)]


def test_bytes_that_are_not_utf8_decode_to_the_replacement_character(tokenizer):
    ids = [2 + bpe.ALPHABET.index(byte) for byte in b"a\xff\xe4\xbdb"]
    assert tokenizer.decode_bytes(ids) == b"a\xff\xe4\xbdb"
    assert tokenizer.decode(ids) == "a\ufffd\ufffdb"


@pytest.mark.parametrize("wrong", [-1, 480, 70_000])
def test_an_id_out_of_range_is_refused(tokenizer, wrong):
    with pytest.raises(BadInput, match=f"0 to 479, got {wrong} at position 2"):
        tokenizer.decode([5, 6, wrong, wrong])


@pytest.mark.parametrize("wrong", [[1.5], [[1, 2]], ["a"], 7])
def test_what_is_not_a_list_of_integers_is_refused(tokenizer, wrong):
    with pytest.raises(TypeError, match=r"expected integers \(n,\)"):
        tokenizer.decode(wrong)


def test_a_lone_surrogate_is_refused_by_its_code(tokenizer):
    for call in (
        lambda: tokenizer.encode("ok \ud83d ok"),
        lambda: Tokenizer.train(["ok \ud83d ok"], 300),
        lambda: CharTokenizer.train(["ok \ud83d ok"]),
        lambda: CharTokenizer.train(["ok"]).encode("ok\ud83d"),
    ):
        with pytest.raises(BadInput, match=r"U\+D83D"):
            call()


def test_a_special_token_with_the_bytes_of_an_ordinary_one_stays_apart():
    tokens = [*(bytes([byte]) for byte in range(256)), b"\xc3\xa9", b"\xc3\xa9"]
    tokenizer = Tokenizer(tokens, ["\xc3\xa9"], {"\u00e9": 257})
    assert tokenizer.encode("\u00e9").tolist() == [256]
    assert tokenizer.encode("\u00e9", allow_special=True).tolist() == [257]


def test_special_tokens_are_found_only_when_allowed_and_the_longest_first():
    tokenizer = Tokenizer.train(["text"], 300, ("<|a|>", "<|a|><|b|>"))
    text = "x<|a|><|b|><|a|>y"
    ids = tokenizer.encode(text, allow_special=True).tolist()
    assert [i for i in ids if i < 2] == [1, 0]
    assert min(tokenizer.encode(text)) > 1
    assert tokenizer.decode(ids) == text
    assert Tokenizer.train(["text"], 300, ()).encode(text, allow_special=True).size == len(text)


def test_ids_that_are_surrogate_codes_come_out_right():
    singles = [bytes([byte]) for byte in bpe.ALPHABET]
    pairs = [(i, j) for i in range(224) for j in range(256)]
    tokens = singles + [singles[i] + singles[j] for i, j in pairs]
    tokenizer = Tokenizer(tokens, [chr(i) + chr(j) for i, j in pairs], {})
    ids = tokenizer.encode("\x1b! a").tolist()  # a high surrogate, then a low one
    assert ids == [tokens.index(b"\x1b!"), tokens.index(b" a")]
    assert 0xD800 <= ids[0] < 0xDC00 <= ids[1] < 0xE000
    assert tokenizer.decode(ids) == "\x1b! a"


def test_ids_do_not_depend_on_what_was_encoded_before(tokenizer, monkeypatch):
    monkeypatch.setattr("mlstack_lib.tokenizer._CACHE_ENTRIES", 3)
    fresh = Tokenizer(tokenizer._tokens, tokenizer._merges, tokenizer.special_tokens)
    for name, text in TEXTS.items():
        assert fresh.encode(text).tolist() == RECORDED["ids"][name]
        assert len(fresh._cache) <= 3


def test_a_run_of_a_million_characters_is_encoded(tokenizer):
    ids = tokenizer.encode("a" * 1_000_000)
    assert tokenizer.decode(ids) == "a" * 1_000_000
    assert len(ids) < 20_000


def test_a_stream_gives_each_character_once_it_is_complete(tokenizer):
    stream = StreamDecoder(tokenizer)
    ids = [2 + bpe.ALPHABET.index(byte) for byte in "a\u00e9\U0001f600b".encode()]
    parts = [stream.push(i) for i in ids]
    assert parts == ["a", "", "\u00e9", "", "", "", "\U0001f600", "b"]
    assert stream.finish() == ""


def test_a_stream_gives_the_same_text_as_decoding_at_once(tokenizer):
    rng = np.random.default_rng(6)
    for ids in [rng.integers(0, 480, 2000), *map(tokenizer.encode, TEXTS.values())]:
        stream = StreamDecoder(tokenizer)
        parts = [stream.push(i) for i in ids.tolist()]
        assert "".join(parts) + stream.finish() == tokenizer.decode(ids)


def test_a_stream_that_ends_inside_a_character_says_so_and_starts_afresh(tokenizer):
    stream = StreamDecoder(tokenizer)
    first = 2 + bpe.ALPHABET.index(0xE4)
    assert (stream.push(first), stream.finish()) == ("", "\ufffd")
    assert (stream.push(tokenizer.encode("b")[0]), stream.finish()) == ("b", "")


# Characters --------------------------------------------------------------------------------------


def test_characters_have_ids_in_the_order_of_their_codes():
    letters = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    tokenizer = CharTokenizer.train([letters[::-1], "hii there"])
    assert tokenizer.vocab_size == 65
    assert tokenizer.encode("hii there").tolist() == [46, 47, 47, 1, 58, 46, 43, 56, 43]
    assert tokenizer.encode("hii").dtype == np.uint16


def test_every_text_comes_back_from_its_characters():
    tokenizer = CharTokenizer.train(TEXTS.values())
    for text in TEXTS.values():
        ids = tokenizer.encode(text, allow_special=True)
        assert len(ids) == len(text)
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode_bytes(ids) == text.encode("utf-8")


def test_an_unknown_character_is_refused_by_name_code_and_position():
    tokenizer = CharTokenizer.train(["abd"])
    for text, name in (("abcz", "'c' .U.0063."), ("ab\U0001f600", "'\U0001f600' .U.1F600.")):
        with pytest.raises(BadInput, match=f"{name} at position 2 is not one of the 3"):
            tokenizer.encode(text)


def test_characters_need_some_text_and_know_no_special_tokens():
    with pytest.raises(BadInput, match="got 0"):
        CharTokenizer.train([""])
    with pytest.raises(BadInput, match="got 65792"):
        CharTokenizer.train([chr(c) for c in range(0x10000, 0x10000 + 65_792)])
    tokenizer = CharTokenizer.train(["<|endoftext|>"])
    assert (tokenizer.special_tokens, tokenizer.end_of_text) == ({}, None)
    with pytest.raises(BadInput, match="got -1 at position 0"):
        tokenizer.decode([-1])
