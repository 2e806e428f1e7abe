"""Chapter 06: a byte-pair encoder and batches of tokens, and the checks of its exercises."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np

from ... import bpe
from ..cases import Case
from ..judging import exercise

# ---- what the chapter builds ----


def merge_pair(ids, pair, token):
    """The list of ids with `token` for every `pair` of neighbours, from left to right."""
    merged = []
    ### BEGIN SOLUTION
    for i in ids:
        if merged and (merged[-1], i) == pair:
            merged[-1] = token
        else:
            merged.append(i)
    ### END SOLUTION
    return merged


merge_pair_ = merge_pair  # the name that the chapter gives to the learner's


def count_pairs(words, counts):
    """{pair: how often it occurs}, for words (lists of ids) that occur counts times each."""
    total = Counter()
    for word, count in zip(words, counts, strict=True):
        for pair in pairwise(word):
            total[pair] += count
    return total


def learn_merges(words, counts, first_id, n):
    """Up to n pairs in the order of their merges; merge i makes the token first_id + i."""
    merges = []
    ### BEGIN SOLUTION
    while len(merges) < n and (total := count_pairs(words, counts)):
        best = min(total, key=lambda pair: (-total[pair], pair))
        words = [merge_pair_(word, best, first_id + len(merges)) for word in words]
        merges.append(best)
    ### END SOLUTION
    return merges


def apply_merges(ids, token_of):
    """The list of ids after all merges that token_of {pair: token} allows, smallest token first."""
    ### BEGIN SOLUTION
    while known := [pair for pair in pairwise(ids) if pair in token_of]:
        first = min(known, key=token_of.get)
        ids = merge_pair_(ids, first, token_of[first])
    return list(ids)
    ### END SOLUTION


def decode(ids, alphabet, merges):
    """The text of ids: first come the bytes of alphabet, then one token for each pair of merges."""
    ### BEGIN SOLUTION
    tokens = [bytes([byte]) for byte in alphabet]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    return b"".join(tokens[i] for i in ids).decode("utf-8", "replace")
    ### END SOLUTION


def windows_at(ids, starts, context):
    """(idx, targets), both (B, T) int32: T = context ids from each start, and those one later."""
    ### BEGIN SOLUTION
    places = np.asarray(starts)[:, None] + np.arange(context + 1)
    windows = ids[places].astype(np.int32)
    return windows[:, :-1], windows[:, 1:]
    ### END SOLUTION


def bits_per_byte(loss, n_tokens, n_bytes):
    """Bits for each byte of a text, from the mean loss of its tokens in nats."""
    ### BEGIN SOLUTION
    return loss * n_tokens / n_bytes / np.log(2)
    ### END SOLUTION


def count_model(train, valid, vocab_size, order=2):
    """The mean loss in nats of the tokens of valid, predicted by counts of those of train.

    train, valid: lists of arrays of ids. The first token of an array has nothing before it: it is
    not predicted.
    """
    seen, total, losses = Counter(), Counter(), []
    for ids in map(tuple, map(np.ndarray.tolist, train)):
        for i in range(len(ids)):
            for k in range(min(order, i) + 1):
                seen[ids[i - k : i + 1]] += 1
                total[ids[i - k : i]] += 1
    for ids in map(tuple, map(np.ndarray.tolist, valid)):
        for i in range(1, len(ids)):
            p = 1 / vocab_size
            for k in range(min(order, i) + 1):
                p = (seen[ids[i - k : i + 1]] + p) / (total[ids[i - k : i]] + 1)
            losses.append(-math.log(p))
    return math.fsum(losses) / len(losses)


# ---- the checks ----


@exercise("6.1 merge a pair")
def check_merge_pair(mine):
    once = "from left to right; an id is used up by one merge"
    cases = [
        ([1, 2, 3, 1, 2], (1, 2), 9, [9, 3, 9], "every place where the pair stands, the last too"),
        ([2, 1, 3, 1, 1, 2], (1, 2), 9, [2, 1, 3, 1, 9], "left first, then right, side by side"),
        ([5, 5, 5], (5, 5), 9, [9, 5], once),
        ([5, 5, 5, 5, 5], (5, 5), 9, [9, 9, 5], once),
        ([1, 2, 2, 1, 2], (1, 2), 9, [9, 2, 9], "what follows a merged pair is still there"),
        ([300, 7, 300, 7], (300, 7), 301, [301, 301], "ids may be tokens that were made before"),
        ([4, 5], (5, 4), 9, [4, 5], "where the pair does not stand, nothing changes"),
        ([4], (4, 4), 9, [4], "one id has no neighbour"),
        ([], (1, 2), 9, [], "no ids, no pairs"),
    ]
    for ids, pair, token, want, look in cases:
        case = Case(f"ids {ids}, pair {pair}, token {token}", look)
        _new_list(case, case.call(mine, ids, pair, token), ids, want)
    return f"{len(cases)} lists"


def _new_list(case, got, ids, want):
    """Require that a function of ids gave `want`, as a list of its own."""
    case.require(
        isinstance(got, list), f"it returned {type(got).__name__}, want a list", look=False
    )
    case.equal(got, want)
    case.require(got is not ids, "it returned the list it got: make a new one", look=False)


@exercise("6.2 learn merges")
def check_learn_merges(mine):
    cases = [
        ([[1, 2, 1, 2, 1, 2, 3]], [1], 2, [(1, 2), (9, 9)],
         "pairs are counted afresh after each merge, and merge i makes the token first_id + i"),
        ([[4, 5]], [1], 1, [(4, 5)], "n merges are wanted, even of pairs that occur only once"),
        ([[1, 2], [3, 4]], [1, 5], 1, [(3, 4)], "a word counts as often as it occurs"),
        ([[3, 8], [7, 5], [3, 6]], [1, 1, 1], 2, [(3, 6), (3, 8)],
         "of equally frequent pairs the smallest comes first, as Python compares tuples"),
        ([[2, 5], [6, 1], [2, 8], [8, 1], [2, 7]], [1, 1, 1, 1, 1], 1, [(2, 5)],
         "a pair never reaches from one word into the next"),
        ([[1, 2, 4], [1, 2, 3]], [2, 2], 3, [(1, 2), (9, 3), (9, 4)],
         "merge i makes the token first_id + i"),
        ([[1, 2], [1, 2]], [3, 4], 5, [(1, 2)], "when no pair is left, it is done"),
        ([[1, 2, 3]], [1], 0, [], "n = 0 asks for no merge"),
    ]  # fmt: skip
    for words, counts, n, want, look in cases:
        _learns(mine, words, counts, 9, n, want, look)
    rng = np.random.default_rng(0)
    for first_id in (4, 6, 300):
        words = [rng.integers(0, 4, size=rng.integers(1, 12)).tolist() for _ in range(30)]
        counts = rng.integers(1, 9, size=30).tolist()
        strings = ["".join(map(chr, word)) for word in words]
        merges = bpe.learn_merges(strings, counts, first_id, 40)
        want = [(ord(left), ord(right)) for left, right in merges]
        _learns(mine, words, counts, first_id, 40, want, _AFRESH)
    return f"{len(cases)} small texts, and 3 of 40 merges equal to the package's"


_AFRESH = "count afresh, take the most frequent pair, the smallest of equals; the package does so"


def _learns(mine, words, counts, first_id, n, want, look):
    given = f"words {words}, counts {counts}" if len(words) < 9 else f"{len(words)} random words"
    case = Case(f"{given}, first_id {first_id}, n {n}", look)
    mine_words = [list(word) for word in words]
    got = case.call(mine, mine_words, counts, first_id, n)
    changed = "it changed a word it was given: make new lists"
    case.require(mine_words == words, changed, look=False)
    kind = f"it returned {type(got).__name__}, want a list of pairs"
    case.require(isinstance(got, list), kind, look=False)
    case.require(len(got) == len(want), f"it gives {len(got)} merges, want {len(want)}")
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        case.equal(g, w, f"merge {i}")


@exercise("6.3 apply merges")
def check_apply_merges(mine):
    order = "the pair with the smallest token goes first, wherever it stands"
    cases = [
        ([1, 2, 3], {(1, 2): 11, (2, 3): 10}, [1, 10], order),
        ([1, 2, 3], {(1, 2): 10, (10, 3): 12, (2, 3): 11}, [12], "go on with what was made"),
        ([1, 2, 3, 4], {(1, 2): 11, (11, 3): 13, (3, 4): 10}, [11, 10],
         "not the longest token: the one that was learnt first"),
        ([1, 2, 5, 1, 2, 2], {(1, 2): 10}, [10, 5, 10, 2], "a merge is made everywhere"),
        ([6, 6, 6, 6, 6], {(6, 6): 10, (10, 10): 11}, [11, 6], "go on until no pair is known"),
        ([3, 2, 1], {(1, 2): 10, (2, 3): 11}, [3, 2, 1], "no known pair: nothing to do"),
        ([1], {(1, 1): 10}, [1], "one id has no neighbour"),
        ([], {(1, 1): 10}, [], "no ids, no pairs"),
    ]  # fmt: skip
    for ids, token_of, want, look in cases:
        case = Case(f"ids {ids}, token_of {token_of}", look)
        _new_list(case, case.call(mine, ids, token_of), ids, want)
    rng = np.random.default_rng(1)
    text = "".join(map(chr, rng.integers(0, 4, size=200)))
    merges = bpe.learn_merges([text], [1], 4, 40)
    tokens = {pair: chr(4 + i) for i, pair in enumerate(merges)}
    pairs = {token: pair for pair, token in tokens.items()}
    backwards = {tuple(map(ord, pair)): ord(tokens[pair]) for pair in reversed(merges)}
    for _ in range(20):
        word = "".join(map(chr, rng.integers(0, 4, size=15)))
        want = list(map(ord, bpe.apply_merges(word, tokens, pairs)))
        case = Case(f"ids {list(map(ord, word))}, 40 merges learnt from random ids", order)
        case.equal(case.call(mine, list(map(ord, word)), backwards), want)
    return f"{len(cases)} small cases, and 20 equal to the package's"


@exercise("6.4 decode")
def check_decode(mine):
    plain, euro = bytes(range(256)), [0xE2, 0x82, 0xAC]
    cases = [
        ("ids of 'sea'", [115, 101, 97], plain, [], "sea", "an id below 256 is one byte"),
        ("ids [256, 257], merges 's' 'e' and then 'se' 'a'", [256, 257], plain,
         [(115, 101), (256, 97)], "sesea", "a merged token is its left part, then its right part"),
        ("the three bytes of the euro sign, an id each", euro, plain, [], "\u20ac",
         "join all bytes first, then decode: a token need not be a whole character"),
        ("the euro sign as two tokens, two bytes and one", [256, euro[2]], plain,
         [tuple(euro[:2])], "\u20ac",
         "join all bytes first, then decode: a token need not be a whole character"),
        ("ids [97, 0x82, 98], where 0x82 alone is no character", [97, 0x82, 98], plain, [],
         "a\ufffdb", 'bytes that are no UTF-8 become U+FFFD: .decode("utf-8", "replace")'),
        ("ids [0, 220, 256] in the order of GPT-2", [0, 220, 256], bpe.ALPHABET, [(0, 220)],
         "! ! ", "the byte of id i is alphabet[i], which need not be i"),
        ("ids of 'ab' as an array", np.array([97, 98], np.uint16), plain, [], "ab",
         "ids may be a list or an array"),
        ("no ids", [], plain, [(97, 98)], "", "no ids, no text"),
    ]  # fmt: skip
    for given, ids, alphabet, merges, want, look in cases:
        case = Case(given, look)
        case.equal(case.call(mine, ids, alphabet, merges), want, "text")
    return f"{len(cases)} texts"


@exercise("6.5 windows")
def check_windows_at(mine):
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 60_000, size=50).astype(np.uint16)
    for starts, context in [([3, 0, 20], 5), ([7], 1), ([44, 45, 2, 2], 4), ([10, 11], 30)]:
        at = f"ids (50,) uint16, starts {starts}, context {context}"
        case = Case(at, "idx from the start on; targets are the same window, one token later")
        got = case.call(mine, ids, np.array(starts), context)
        case.require(
            isinstance(got, tuple) and len(got) == 2, "it must return a pair: idx and targets"
        )
        for name, array, shift in zip(("idx", "targets"), got, (0, 1), strict=True):
            rows = [ids[start + shift : start + shift + context] for start in starts]
            case.equal(array, np.array(rows, np.int32), name)
    return "4 batches"


@exercise("6.6 bits per byte")
def check_bits_per_byte(mine):
    cases = [
        ("log(256) nats, 10 tokens, 10 bytes", math.log(256), 10, 10, 8.0,
         "one byte out of 256 equally likely ones is 8 bits"),
        ("log(2) nats, 30 tokens, 120 bytes", math.log(2), 30, 120, 0.25,
         "loss * n_tokens is all of the text; how much of it falls to each byte?"),
        ("3.2 nats, 443 tokens, 1387 bytes", 3.2, 443, 1387, 3.2 * 443 / 1387 / math.log(2),
         "a bit is log(2) nats"),
        ("0 nats, 5 tokens, 9 bytes", 0.0, 5, 9, 0.0, "what is certain costs nothing"),
    ]  # fmt: skip
    for given, loss, n_tokens, n_bytes, want, look in cases:
        case = Case(given, look)
        case.equal(case.call(mine, loss, n_tokens, n_bytes), want, "bits per byte")
    return f"{len(cases)} losses"
