"""Byte-pair encoding: cut text into pieces, learn merges, apply them.

A token is written here as the one character whose code is its id. A piece of text that has been
cut into tokens (a word) is then a plain string, a pair of tokens is a string of two characters,
and merging a pair everywhere in a word, from left to right, is `str.replace`.

BPE: Sennrich, Haddow, Birch 2016, arXiv:1508.07909. On bytes, with the pattern that cuts text into
pieces and the signs of the bytes: Radford et al. 2019 (GPT-2), `encoder.py` of its release.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise, repeat
from operator import add

import regex
from tqdm import tqdm

from .errors import BadInput

MAX_VOCAB = 0xFFFF  # ids fit uint16, and one code is left over for "no token"
_NONE = chr(MAX_VOCAB)
_LONG = 512  # tokens; from here on one pass over all merges beats looking for the next one
_CHUNK = 1 << 20  # characters; bounds the list of pieces that is held at a time

# A contraction; letters, digits or other signs, with one space before; white space, which leaves
# its last character to what follows. The Unicode tables of `regex` say what a letter is.
_PIECE = regex.compile(r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
_CUT = regex.compile(r"\S\s")  # no piece holds these two side by side: text can be cut between them

# GPT-2 writes a byte as one visible character: itself in Latin-1 where that is visible, else
# U+0100 and on. In the order of these characters the bytes get their ids.
_VISIBLE = bytes([*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)])
_HIDDEN = bytes(sorted(set(range(256)) - set(_VISIBLE)))
ALPHABET = _VISIBLE + _HIDDEN
SIGN_OF = {b: chr(b) for b in _VISIBLE} | {b: chr(0x100 + i) for i, b in enumerate(_HIDDEN)}


def pieces(text: str) -> Iterator[list[str]]:
    """Cut text into the pieces that tokens never reach across; yields lists of them, in order."""
    start = 0
    while start < len(text):
        cut = _CUT.search(text, start + _CHUNK)
        end = cut.start() + 1 if cut else len(text)
        yield _PIECE.findall(text, start, end)
        start = end


def utf8(text: str) -> bytes:
    """Return text as UTF-8; raises BadInput for a lone surrogate, which has none."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInput(
            f"text: expected characters, got the lone surrogate U+{ord(text[error.start]):04X} "
            f"in {text[:40]!r}; read the file with errors='replace'"
        ) from None


# ---- learning ----


def merge_pair(word: str, pair: str, token: str) -> tuple[str, list[str], list[str]]:
    """Merge pair into token: returns the new word, the pairs that went and those that came."""
    parts = word.split(pair)  # one occurrence between each two
    gone, came = [], []
    for left, right in pairwise(parts):
        if left:
            gone.append(left[-1] + pair[0])
            came.append(left[-1] + token)
        if right:
            gone.append(pair[1] + right[0])
            came.append(token + right[0])
    touching = parts[1:-1].count("")
    gone += [pair[1] + pair[0]] * touching
    came += [token + token] * touching
    return token.join(parts), gone, came


def count_pairs(words: list[str], counts: list[int]) -> tuple[Counter[str], dict[str, set[int]]]:
    """Return how often each pair occurs, given how often each word does, and the words it is in."""
    total: Counter[str] = Counter()
    where = defaultdict(set)
    for i, word in enumerate(words):
        for pair in map(add, word, word[1:]):
            total[pair] += counts[i]
            where[pair].add(i)
    return total, where


def learn_merges(
    words: list[str], counts: list[int], first_id: int, n: int, progress: bool = False
) -> list[str]:
    """Return up to n pairs in the order of their merges, the most frequent pair first.

    Equally frequent pairs go by their ids: the smallest left id first, then the smallest right id.
    Words are changed in place; merge i makes the token first_id + i. Fewer than n merges come back
    when every word is one token before. Only words that hold the pair are looked at, and the
    heap holds counts that may have fallen since: those go back in with what they are now.
    """
    total, where = count_pairs(words, counts)
    heap = [(-count, pair) for pair, count in total.items()]
    heapq.heapify(heap)
    merges: list[str] = []
    bar = tqdm(total=n, desc="merges", disable=not progress)
    while heap and len(merges) < n:
        count, pair = heapq.heappop(heap)
        if total[pair] != -count:
            if total[pair]:
                heapq.heappush(heap, (-total[pair], pair))
            continue
        new = _merge_everywhere(pair, chr(first_id + len(merges)), words, counts, total, where)
        for other in new:  # they hold the new token, so their counts are complete and only fall
            heapq.heappush(heap, (-total[other], other))
        merges.append(pair)
        bar.update()
    bar.close()
    return merges


def _merge_everywhere(pair, token, words, counts, total, where) -> set[str]:
    new = set()
    for i in where.pop(pair):
        words[i], gone, came = merge_pair(words[i], pair, token)
        for other in gone:
            total[other] -= counts[i]
        for other in came:
            total[other] += counts[i]
            where[other].add(i)
        new.update(came)
    return new


# ---- applying ----


def apply_merges(word: str, token_of: dict[str, str], pair_of: dict[str, str]) -> str:
    """Merge in word the pair whose merge was learnt first, again and again, until none is left.

    token_of maps pairs to tokens, whose ids rise in the order of the merges; pair_of is the
    inverse. In that order a merge never makes an earlier one possible, so one pass does it too.
    """
    if len(word) >= _LONG:
        for pair, token in token_of.items():
            word = word.replace(pair, token)
        return word
    while len(word) > 1:
        token = min(map(token_of.get, map(add, word, word[1:]), repeat(_NONE)))
        if token == _NONE:
            break
        word = word.replace(pair_of[token], token)
    return word
