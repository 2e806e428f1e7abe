"""Byte-pair encoding: which merges are learnt, how text is cut, and what training refuses."""

import random
from collections import Counter
from itertools import pairwise

import pytest
from tokenizer_record import RECORDED, TEXTS

from mlstack_lib import bpe
from mlstack_lib.errors import BadInput
from mlstack_lib.tokenizer import CharTokenizer, Tokenizer


def random_words(rng, letters, n=60):
    return "".join(rng.choice(letters) for _ in range(n))


def merged(word, pair, new):
    out = []
    for token in word:
        out.append(token)
        if out[-2:] == list(pair) and len(out) > 1:
            out[-2:] = [new]
    return out


# Learning ----------------------------------------------------------------------------------------


def test_training_gives_the_recorded_merges(tokenizer):
    assert [[ord(a), ord(b)] for a, b in tokenizer._merges] == RECORDED["merges"]
    assert tokenizer.vocab_size == RECORDED["vocab_size"]


def test_the_most_frequent_pair_is_merged_first():
    tokenizer = Tokenizer.train(["xy zab zab"], 257 + 3)
    assert [tokenizer.decode([i]) for i in (257, 258, 259)] == ["ab", "zab", " zab"]


@pytest.mark.parametrize(
    ("text", "first"),
    [("ba ab", "ab"), ("ac ab", "ab"), ("ab cd cd", "cd"), ("\u00e0\u00e9", "\u00e9")],
    ids=["left id", "right id", "count before id", "ids, not bytes: A9 comes before A0"],
)
def test_equal_counts_are_decided_by_the_smaller_ids(text, first):
    tokenizer = Tokenizer.train([text], 258)
    assert tokenizer.decode_bytes([257]) == first.encode("utf-8")


@pytest.mark.parametrize("letters", ["a", "ab", "abc ", "xy'st  \n", "\u4f60\u4f61 \U0001f600"])
def test_merges_are_those_of_counting_all_pairs_afresh_each_time(letters):
    rng = random.Random(letters)
    texts = [random_words(rng, letters) for _ in range(20)]
    tokenizer = Tokenizer.train(texts, 400, ())
    counts = Counter(piece for text in texts for p in bpe.pieces(text) for piece in p)
    words = {p: [bpe.ALPHABET.index(byte) for byte in p.encode("utf-8")] for p in counts}
    want = []
    while len(want) < 400 - 256:
        pairs = Counter()
        for piece, word in words.items():
            for pair in pairwise(word):
                pairs[pair] += counts[piece]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        words = {p: merged(word, best, 256 + len(want)) for p, word in words.items()}
        want.append(best)
    assert [(ord(a), ord(b)) for a, b in tokenizer._merges] == want
    assert all(tokenizer.encode(p).tolist() == word for p, word in words.items())


def test_a_text_with_too_few_pairs_gives_a_smaller_vocabulary():
    assert Tokenizer.train(["abc"], 1000).vocab_size == 257 + 2
    assert Tokenizer.train([], 1000).vocab_size == 257


def test_training_takes_any_iterable_and_does_not_join_its_texts():
    one_by_one = Tokenizer.train((text for text in ("ab", "ab", "cd")), 300)
    assert one_by_one.vocab_size == 257 + 2
    assert one_by_one.fingerprint == Tokenizer.train(["ab", "ab", "cd"], 300).fingerprint


def test_progress_is_shown_on_stderr_and_only_when_asked_for(capsys):
    Tokenizer.train(["ab ab"], 300)
    assert capsys.readouterr() == ("", "")
    Tokenizer.train(["ab ab"], 300, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "merges" in shown.err


def test_training_does_not_know_special_tokens_in_the_text():
    tokenizer = Tokenizer.train(["<|endoftext|>"] * 3, 300)
    assert len(tokenizer.encode("<|endoftext|>")) == 3
    assert tokenizer.end_of_text not in tokenizer.encode("<|endoftext|>")


@pytest.mark.parametrize("vocab_size", [0, 256, 257, 65_536])
def test_an_impossible_vocab_size_is_refused_with_the_possible_ones(vocab_size):
    with pytest.raises(BadInput, match=rf"from 258 .* to 65535, got {vocab_size}"):
        Tokenizer.train(["text"], vocab_size, ("<|a|>", "<|b|>"))


@pytest.mark.parametrize(
    "token", ["", "hello", "'s", "<||>", " a", "<\u00e9>", "<a>\u00e9", "<a>\n"]
)
def test_a_special_token_that_ordinary_text_could_be_is_refused(token):
    with pytest.raises(BadInput, match="write it as <|name|>"):
        Tokenizer.train(["text"], 300, (token,))


@pytest.mark.parametrize("cls", [Tokenizer, CharTokenizer])
def test_one_text_in_place_of_a_list_is_refused(cls):
    arguments = ("text", 300) if cls is Tokenizer else ("text",)
    with pytest.raises(BadInput, match=r"write \[text\]"):
        cls.train(*arguments)


# Cutting and applying ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("I'll we've it's", ["I", "'ll", " we", "'ve", " it", "'s"]),
        ("he'd can't I'm you're", ["he", "'d", " can", "'t", " I", "'m", " you", "'re"]),
        ("IT'S 'tis", ["IT", "'", "S", " '", "tis"]),
        ("a  b \n\n c\n", ["a", " ", " b", " \n\n", " c", "\n"]),
        ("x1\u00b2 3.14 _y", ["x", "1\u00b2", " 3", ".", "14", " _", "y"]),
        ("e\u0301\u200d\u4f60!", ["e", "\u0301\u200d", "\u4f60", "!"]),
        ("a\u00a0b\x1fc", ["a", "\u00a0", "b", "\x1f", "c"]),
    ],
)
def test_text_is_cut_as_gpt2_cuts_it(text, pieces):
    assert [piece for part in bpe.pieces(text) for piece in part] == pieces


def test_long_texts_are_cut_where_no_piece_ends_up_in_two_parts(tokenizer, monkeypatch):
    text = "".join(TEXTS.values()) * 3
    want = tokenizer.encode(text).tolist()
    for size in (1, 2, 7, 50):
        monkeypatch.setattr(bpe, "_CHUNK", size)
        assert [p for part in bpe.pieces(text) for p in part] == bpe._PIECE.findall(text)
        assert tokenizer.encode(text).tolist() == want


def test_long_pieces_are_merged_like_short_ones(monkeypatch):
    rng = random.Random(1)
    texts = [random_words(rng, letters, 700) for letters in ("a", "ab", "abcdefgh", "!?")]
    tokenizer = Tokenizer.train([text[:400] for text in texts], 500)
    at_once = [tokenizer.encode(text).tolist() for text in texts]
    monkeypatch.setattr(bpe, "_LONG", 10_000)
    assert [tokenizer.encode(text).tolist() for text in texts] == at_once
