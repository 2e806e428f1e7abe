# %% [markdown] id="title"
# # 06 Turn text into numbers
#
# A network takes numbers; people write text. The tokenizer between them decides how long a text is for
# the model, and so how much of it the model sees at once.
#
# **What you build.** A tokenizer as GPT-2 has it: text to bytes, bytes to tokens and back; then batches
# from a file on disk, a split that does not leak, and a loss that different tokenizers can share.
#
# **What you can do afterwards.** You can
# - write a character as UTF-8 bytes, and say why models read bytes and not words;
# - learn the merges of byte-pair encoding, apply them in the right order, and decode;
# - make batches from a memory-mapped file;
# - split a text so that the validation loss does not lie, and give it in bits per byte;
# - say what a larger vocabulary gains and costs, and where it stops to help.
#
# **What you need.** Chapter 03 (loss, nats). No GPU. About 90 minutes.

# %% id="setup"
import tempfile
from collections import Counter
from importlib.util import find_spec
from itertools import chain, pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from mlstack_lib import bpe
from mlstack_lib.course import figures, use
from mlstack_lib.course.exercises import chapter_06 as given
from mlstack_lib.course.figures import show
from mlstack_lib.course.pictures.tokens import draw_tokens, draw_utf8, draw_windows
from mlstack_lib.course.texts import HARBOUR
from mlstack_lib.data import BatchSampler
from mlstack_lib.errors import BadInput
from mlstack_lib.presets import PRESETS
from mlstack_lib.tokenizer import CharTokenizer, Tokenizer

figures.style()

# %% [markdown] id="bytes"
# ## 1. Text is bytes
#
# Unicode gives every character a number, its **code point**. On disk a code point becomes 1 to 4 **bytes**
# (numbers from 0 to 255), by a rule called **UTF-8**. A code point below 128 is one byte, itself. For the
# others, the first byte begins with as many 1 bits as there are bytes, then a 0; each further byte begins
# with 10. The bits left over hold the code point. In code, `>>` moves bits to the right, `& 0x3F` keeps
# the last six, and `|` puts bits together:


# %% id="utf8"
def utf8(code):
    """The UTF-8 bytes of a code point."""
    last = [0x80 | code >> shift & 0x3F for shift in (12, 6, 0)]
    if code < 0x80:
        return bytes([code])
    if code < 0x800:  # 11 bits: 5 + 6
        return bytes([0xC0 | code >> 6, *last[2:]])
    if code < 0x10000:  # 16 bits: 4 + 6 + 6
        return bytes([0xE0 | code >> 12, *last[1:]])
    return bytes([0xF0 | code >> 18, *last])  # 21 bits: 3 + 6 + 6 + 6


names = ["capital A", "e with acute", "middle (Chinese)", "grinning face"]
characters = dict(zip(names, "A\u00e9\u4e2d\U0001f600", strict=True))
for name, character in characters.items():
    code, right = ord(character), utf8(ord(character)) == character.encode("utf-8")
    print(f"{name:16} {code:7,}  {utf8(code).hex(' '):11}  as Python's: {right}")

show(draw_utf8(characters), "Figure {figure:utf8}. The same characters, bit by bit. Grey and bold: the "
     "bits that say how many bytes there are, or that this is a further one. Blue: the code point.")  # fmt: skip

# %% [markdown] id="units"
# In figure {figure:utf8} a further byte can never be mistaken for a first one.
#
# A model picks from a fixed list, its **vocabulary**. Each entry is a **token** and has a number, its **id**.
# What should the entries be? Here are three answers, for a small text written for this course.
# **Predict before you run:** if the entries are the characters of this text, what becomes of a word with
# an accent?

# %% id="units-code"
print(HARBOUR[:176])
pieces = list(chain.from_iterable(bpe.pieces(HARBOUR)))
print(f"words and signs: {len(pieces):5,} in the text, {len(set(pieces)):3} different ones")
print(f"characters:      {len(HARBOUR):5,} in the text, {len(set(HARBOUR)):3} different ones")
print(f"bytes:           {len(HARBOUR.encode()):5,} in the text, 256 possible ones\n")
try:
    CharTokenizer.train([HARBOUR]).encode("caf\u00e9")
except BadInput as error:
    print(ascii(str(error).partition(";")[0]))
print("as bytes:", list("caf\u00e9".encode()))

# %% [markdown] id="units-why"
# What is not on the list has no number. Words have that fault at every new name. Bytes never have it: all
# text of all languages is made of the same 256. But a text in bytes is long, and a model reads a limited
# number of ids at once, its **context**.
#
# The compromise: start from bytes, and give frequent sequences an id of their own. Common words are then one
# token, rare ones a few, and anything can still be written.
#
# ## 2. Merge the most frequent pair
#
# **Byte-pair encoding** (BPE) was made to compress files (Gage 1994). Count all pairs of neighbours, replace
# the most frequent one by a new id, and repeat. Do it by eye first: which pair is the most frequent here?

# %% id="hand-count"
line = "the north, the other, the mother"
ids = list(line.encode())
for (left, right), count in Counter(pairwise(ids)).most_common(3):
    print(f"{chr(left)!r} then {chr(right)!r}: {count} times")

# %% [markdown] id="merge"
# ### Exercise 6.1: merge a pair
#
# Write `merge_pair(ids, pair, token)`: go from left to right, and where the two ids of `pair` stand side by
# side, put `token` in their place.
#
# - `ids`: a list of integers; `pair`: a tuple of two ids; `token`: an id that is not in `ids`.
# - Returns a new list. Example: `merge_pair([1, 2, 3, 1, 2], (1, 2), 9)` is `[9, 3, 9]`.
# - Think of `[5, 5, 5]` and the pair `(5, 5)`: the middle one can be used only once. The left two win.
#
# <details><summary>Hint</summary>
#
# Build the new list as you go. Before you append an id, look at the last one in the new list: do the two
# make the pair? Then the last one becomes `token`, and nothing is appended.
#
# </details>

# %% id="merge-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_06.py:merge_pair

# %% id="merge-check"
merge_pair_ = use("6.1 merge a pair", merge_pair, given.merge_pair)

# %% [markdown] id="hand-loop"
# Now repeat. New tokens are numbered from 256 on, after the bytes. Of equally frequent pairs the one with
# the smaller left id comes first, then the one with the smaller right id: without a rule, two runs could give
# two vocabularies.


# %% id="hand-loop-code"
def merge_most_frequent(ids, tokens):
    """The ids with their most frequent pair merged; its bytes are appended to tokens."""
    pairs = Counter(pairwise(ids))
    best = min(pairs, key=lambda pair: (-pairs[pair], pair))
    tokens.append(tokens[best[0]] + tokens[best[1]])
    return merge_pair_(ids, best, len(tokens) - 1)


ids, tokens = list(line.encode()), [bytes([byte]) for byte in range(256)]
rows = {"bytes": [chr(i) for i in ids]}
for step in range(1, 8):
    ids = merge_most_frequent(ids, tokens)
    print(f"merge {step}: new token {tokens[-1].decode()!r}; {len(ids)} ids left")
    rows[f"merge {step}"] = [tokens[i].decode() for i in ids]

show(draw_tokens(rows), "Figure {figure:merges}. The line after each merge, a box a token. Tokens grow "
     "out of tokens: th, the, the with its space. A space is drawn as an open box.")  # fmt: skip

# %% [markdown] id="cut"
# ## 3. Cut first, then learn
#
# In the last rows of figure {figure:merges} a comma, a space, `the` and another space have become one token.
# The same loop on all of `HARBOUR` goes further:

# %% id="uncut"
ids, tokens = list(HARBOUR.encode()), [bytes([byte]) for byte in range(256)]
for _ in range(344):
    ids = merge_most_frequent(ids, tokens)
print([token.decode() for token in sorted(tokens, key=len)[-6:]])

# %% [markdown] id="cut-why"
# Whole phrases, good for this text and for no other. So GPT-2 (Radford and others 2019) first cuts text into
# **pieces** that no merge may cross: a word, a number or a run of signs, each with at most *one* space
# before it; endings such as `'t`; other white space.

# %% id="pieces"
print(*bpe.pieces('"Pip didn\'t see 12 boats," said Tom.'))

# %% [markdown] id="learn"
# A space belongs to the word after it: ` boats` is not `boats`.
#
# Cutting also saves work. The pieces of the text are copies of a few; call those **words**, signs too. Keep each once, with
# its count; `count_pairs`, below, counts pairs in this form.
#
# ### Exercise 6.2: learn merges
#
# Write `learn_merges(words, counts, first_id, n)`: the loop of section 2, but on words with counts.
#
# - `words`: a list of lists of ids, not to be changed; `counts`: a list, how often each word occurs.
# - Merge number i (from 0) makes the token `first_id + i`, in every word that has the pair.
# - Returns the list of pairs, in the order of their merges: `n` of them, or fewer if no pair is left.
# - Example: `learn_merges([[1, 2, 4], [1, 2, 3]], [2, 2], 9, 3)` is `[(1, 2), (9, 3), (9, 4)]`.
#
# <details><summary>Hint 1: which pair</summary>
#
# As in `merge_most_frequent`: `min` with a key that is a tuple, first the negative count, then the pair.
#
# </details>
# <details><summary>Hint 2: the loop</summary>
#
# `total = count_pairs(words, counts)`; stop if it is empty. Then find the pair, make a new list of words
# with `merge_pair_`, and append the pair to `merges`.
#
# </details>

# %% id="learn-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_06.py:count_pairs


# quote mlstack_lib/course/exercises/chapter_06.py:learn_merges

# %% id="learn-check"
learn_merges_ = use("6.2 learn merges", learn_merges, given.learn_merges)

# %% [markdown] id="learn-harbour"
# One detail of GPT-2 before we learn from `HARBOUR`: it numbers the bytes in an order of its own, printable
# ones first (`!` is 0). `bpe.ALPHABET` holds the bytes in this order; we take it over, so that our ids
# equal those of others.

# %% id="learn-harbour-code"
byte_id = {byte: i for i, byte in enumerate(bpe.ALPHABET)}


def to_ids(piece):
    """The ids of a piece's bytes."""
    return [byte_id[byte] for byte in piece.encode()]


copies = Counter(pieces)
words, counts = [to_ids(piece) for piece in copies], list(copies.values())
merges = learn_merges_(words, counts, 256, 344)

tokens = [bytes([byte]) for byte in bpe.ALPHABET]
for left, right in merges:
    tokens.append(tokens[left] + tokens[right])
print("first:", [token.decode() for token in tokens[256:270]])
print("last: ", [token.decode() for token in tokens[-8:]])

# %% [markdown] id="work"
# First come endings and common words, last whole words that occur a few times.
#
# How much work was that? Count the pairs looked at in all rounds, in three ways: over the whole text; over
# each word once, as you did; over those words only that hold the pair just merged, for no other count has
# changed. **Predict:** how far are the three apart?

# %% id="work-code"
now = [list(word) for word in words]
text = distinct = holding = 0
for i, pair in enumerate(merges):
    text += sum(n * (len(word) - 1) for word, n in zip(now, counts, strict=True))
    distinct += sum(len(word) - 1 for word in now)
    for j, word in enumerate(now):
        if pair in pairwise(word):
            holding += len(word) - 1
            now[j] = merge_pair_(word, pair, 256 + i)
print(f"whole text:           {text:7,} pairs looked at")
print(f"each word once:       {distinct:7,}")
print(f"words with the pair:  {holding:7,}")

# %% [markdown] id="work-quote"
# The package works the third way: `where` knows the words of each pair, and a **heap**, a list that gives its
# largest entry quickly, finds the next pair. A token is a single character there, so a pair is two characters.
#
# quote mlstack_lib/bpe.py:learn_merges
#
# ## 4. Encode and decode
#
# To encode new text, cut it into pieces, and merge in each what was learnt. Left to right seems natural:

# %% id="left-to-right"
token_of = {pair: 256 + i for i, pair in enumerate(merges)}


def left_to_right(ids):
    """Merge the first pair that is known, from the left, again and again."""
    while known := [pair for pair in pairwise(ids) if pair in token_of]:
        ids = merge_pair_(ids, known[0], token_of[known[0]])
    return ids


print("left to right gives", [tokens[i].decode() for i in left_to_right(to_ids(" now"))])
print("the token ' no' is", tokens.index(b" no"), "  the token 'ow' is", tokens.index(b"ow"))

# %% [markdown] id="apply"
# After ` n` it went on with `o`. But the token `ow` is older than ` no`: in training every `ow` was merged
# first, in ` now` too. Cut as ` no`, `w`, the word would be one that the model has never seen. Merges are
# applied in the order in which they were learnt.
#
# ### Exercise 6.3: apply merges
#
# Write `apply_merges(ids, token_of)`.
#
# - `ids`: a list of ids; `token_of`: a dictionary, `{pair: token}`; smaller tokens were learnt earlier.
# - Among the pairs of neighbours that `token_of` knows, merge the one with the **smallest token**, wherever it
#   stands; then look again, until none is known. Returns a new list.
# - Example: `apply_merges([1, 2, 3], {(1, 2): 11, (2, 3): 10})` is `[1, 10]`.
#
# <details><summary>Hint</summary>
#
# `left_to_right` needs one change: not the first of the known pairs, but the `min` of them, by what
# `token_of` says of each. And it must return a new list even if there was nothing to do.
#
# </details>

# %% id="apply-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_06.py:apply_merges

# %% id="apply-check"
apply_merges_ = use("6.3 apply merges", apply_merges, given.apply_merges)


# %% id="encode-code"
def encode(text):
    """The ids of a text."""
    pieces = chain.from_iterable(bpe.pieces(text))
    return [i for piece in pieces for i in apply_merges_(to_ids(piece), token_of)]


print(f"{len(HARBOUR.encode()):,} bytes became {len(encode(HARBOUR)):,} tokens")
print([tokens[i].decode() for i in encode(" now, the lighthouses glow")])

# %% [markdown] id="decode-intro"
# A word that is not in the text is made of parts. Decoding looks simpler: the text of each token, joined.
# **Predict:** a Chinese character is how many tokens here? What is one of them, alone, as text?

# %% id="decode-trap"
ids = encode("\u4e2d")
print("ids:", ids, "  bytes:", b"".join(tokens[i] for i in ids).hex(" "))
print("each token alone:  ", *[ascii(tokens[i].decode("utf-8", "replace")) for i in ids])
print("all bytes together:", ascii(b"".join(tokens[i] for i in ids).decode("utf-8")))

# %% [markdown] id="decode"
# A token may be a part of a character. Alone it is no valid UTF-8, and shown as U+FFFD, the sign for that. So
# first join all bytes, then decode.
#
# ### Exercise 6.4: decode
#
# Write `decode(ids, alphabet, merges)`, the text of `ids`.
#
# - `ids`: a list of ids, or an array; `alphabet`: 256 bytes, `alphabet[i]` is the byte of id `i`; `merges`: a
#   list of pairs, of which number i made the token `256 + i`.
# - Returns a string. Bytes that are not UTF-8 become U+FFFD: `.decode("utf-8", "replace")`.
# - Example: `decode([256, 97], bytes(range(256)), [(115, 101)])` is `"sea"`.
#
# <details><summary>Hint</summary>
#
# Make the list `tokens`, as after exercise 6.2: a `bytes` of length 1 for each byte of the alphabet, then for
# each merge the sum of its two parts. `b"".join(...)` joins.
#
# </details>

# %% id="decode-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_06.py:decode

# %% id="decode-check"
decode_ = use("6.4 decode", decode, given.decode)

# %% [markdown] id="same"
# ## 5. The same ids as in production
#
# The package's `Tokenizer` is what you have built. It saves itself in the format of `tokenizers`, the library of
# Hugging Face, which many published models use. Does it give your ids?

# %% id="same-package"
tokenizer = Tokenizer.train([HARBOUR], 600, special_tokens=())
samples = [HARBOUR, "Caf\u00e9 \u4e2d \U0001f600\n\n  x = 1_000;", " now", "aaaaaaa", ""]
for text in samples:
    ids = tokenizer.encode(text)
    same = encode(text) == ids.tolist()
    back = decode_(ids, bpe.ALPHABET, merges) == tokenizer.decode(ids) == text
    print(f"{ascii(text[:8]):26} {len(ids):5,} ids, same as yours: {same}, text comes back: {back}")

# %% [markdown] id="same-tests"
# The package in turn agrees with `tokenizers`, as the tests show (`tests/unit/test_tokenizer_referee.py`). If that
# library is installed here, this cell compares yours:

# %% id="same-live" tags=["nbval-ignore-output"] reason="tokenizers is not installed everywhere"
folder = tempfile.TemporaryDirectory()
if find_spec("tokenizers"):
    from tokenizers import Tokenizer as Production

    tokenizer.save(Path(folder.name, "tokenizer.json"))
    production = Production.from_file(str(Path(folder.name, "tokenizer.json")))
    same = [production.encode(text).ids == encode(text) for text in samples]
    print("your ids are those of tokenizers:", all(same))
else:
    print("tokenizers is not installed here: python -m pip install tokenizers")

# %% [markdown] id="documents"
# ## 6. From text to batches
#
# A corpus is a set of **documents**: files, articles, or here the stories of `HARBOUR`. Two of them must not
# look like one text, so after each stands a **special token**, `<|endoftext|>`, whose id no ordinary text
# can produce.
#
# Some documents, the **validation split**, are kept from training, to examine the model on. The tokenizer
# is part of the model, so it too learns from the training split alone.

# %% id="documents-code"
stories = HARBOUR.strip().split("\n\n")
train = [story for i, story in enumerate(stories) if i % 7 != 6]
valid = [story for i, story in enumerate(stories) if i % 7 == 6]
tokenizer = Tokenizer.train(train, 400)


def encode_all(documents, tokenizer):
    """The ids of all documents, end-of-text after each, (n,) uint16."""
    ids = [np.append(tokenizer.encode(text), tokenizer.end_of_text) for text in documents]
    return np.concatenate(ids).astype(np.uint16)


train_ids, valid_ids = encode_all(train, tokenizer), encode_all(valid, tokenizer)
print(f"training: {len(train)} stories, {len(train_ids):,} tokens")
print(f"validation: {len(valid)} stories, {len(valid_ids):,} tokens")
written = tokenizer.encode("<|endoftext|>")
print(
    f"the special token is id {tokenizer.end_of_text}; its name as ordinary text: {len(written)} ids"
)

# %% [markdown] id="memmap"
# Large corpora do not fit into memory. They are encoded once, into a file of two bytes a token. A **memory
# map** is an array whose elements stay in the file until they are used.

# %% id="memmap-code"
path = Path(folder.name, "train.bin")
train_ids.tofile(path)
mapped = np.memmap(path, dtype=np.uint16, mode="r")
print(f"{path.stat().st_size:,} bytes in the file, {len(mapped):,} tokens")
print("reads as the ids:", np.array_equal(mapped[500:520], train_ids[500:520]))

# %% [markdown] id="windows"
# The model learns to predict the next token, at every position at once. So a batch is a set of windows at
# random places, and the **targets** are the same windows, moved on by one token.
#
# ### Exercise 6.5: windows
#
# Write `windows_at(ids, starts, context)`.
#
# - `ids` (n,) uint16, possibly a memory map; `starts` (B,) integers; `context`: T. No start is above `n - T - 1`.
# - Returns `(idx, targets)`, both (B, T) int32. Row b of `idx` is `ids[starts[b]]` and the T - 1 ids after it;
#   row b of `targets` begins one id later.
# - Example: for `ids` `[5, 6, 7, 8, 9]`, starts `[0, 1]` and context 3, `idx` is `[[5, 6, 7], [6, 7, 8]]`,
#   `targets` is `[[6, 7, 8], [7, 8, 9]]`.
#
# <details><summary>Hint</summary>
#
# A window needs T + 1 ids. `starts[:, None] + np.arange(context + 1)` broadcasts to (B, T + 1) positions; index
# with it, change the dtype with `.astype`, and cut both results from that.
#
# </details>

# %% id="windows-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_06.py:windows_at

# %% id="windows-check"
windows_at_ = use("6.5 windows", windows_at, given.windows_at)

# %% id="windows-code"
starts = np.random.default_rng(0).integers(0, len(mapped) - 8, size=4)
idx, targets = windows_at_(mapped, starts, 8)
for name, row in [("idx", idx[0]), ("targets", targets[0])]:
    print(f"{name:8}", [tokenizer.decode([i]) for i in row])

theirs = BatchSampler(mapped, batch=4, context=8, rng=np.random.default_rng(0)).next()
print("the package's BatchSampler gives the same:", np.array_equal(theirs, (idx, targets)))

# %% [markdown] id="leak"
# ## 7. A split that does not leak
#
# Why not cut everything into windows, shuffle them, and keep every seventh? To see what happens, we take a
# model that trains in no time: the **count model** predicts a token by how often it followed the two tokens
# before.
#
# quote mlstack_lib/course/exercises/chapter_06.py:count_model
#
# It begins with an equal chance for every token. The counts of tokens at large correct that (`k = 0`), then
# those after the token before (`k = 1`), then those after the two before (`k = 2`). The loss is the mean of
# $-\log p$ of the right token, as in chapter 03.
#
# **Predict:** the same text in windows of 32 tokens, split in two ways. Which way gives the lower
# validation loss?

# %% id="leak-code"
ids = encode_all(stories, tokenizer)
lengths = [len(tokenizer.encode(story)) + 1 for story in stories]
held = np.repeat(np.arange(len(stories)) % 7 == 6, lengths)  # for each token: is its story kept?
starts = np.arange(0, len(ids) - 31, 8)  # windows of 32 tokens, one every 8: neighbours overlap
kept = np.random.default_rng(0).permutation(len(starts)) % 7 == 6
splits = {
    "shuffled windows": [(s, 32, bool(v)) for s, v in zip(starts, kept, strict=True)],
    "by document": [(s, 32, bool(held[s])) for s in starts if held[s] == held[s + 31]],
}
for name, windows in splits.items():
    a = [ids[s : s + n] for s, n, is_valid in windows if not is_valid]
    b = [ids[s : s + n] for s, n, is_valid in windows if is_valid]
    loss = given.count_model(a, b, tokenizer.vocab_size)
    seen = np.zeros(len(ids), bool)
    for s, n, is_valid in windows:
        seen[s : s + n] |= not is_valid
    share = np.mean([seen[s : s + n].mean() for s, n, is_valid in windows if is_valid])
    print(f"{name}: {len(a)} and {len(b)} windows, validation loss {loss:.2f} nats a token")
    print(f"   validation tokens that stand in a training window too: {share:.0%}")

# %% id="leak-figure"
near = {name: [w for w in windows if 780 < w[0] < 1060] for name, windows in splits.items()}
show(draw_windows(near), "Figure {figure:leak}. A part of the text. Above: each validation window lies "
     "under training windows with the same tokens. Below: no token is on both sides.")  # fmt: skip

# %% [markdown] id="leak-why"
# The low loss is a lie. As figure {figure:leak} shows, what the model is examined on stands in training windows,
# with the same tokens before it: the model is asked what it has read. Windows that do not overlap share no token,
# but still a story's names and phrases. Split **by document**, before anything is cut or shuffled. A document that is in the corpus twice leaks too.
#
# ## 8. A loss that can be compared
#
# Long tokens are fewer, and each is harder to predict. So the nats a token of two tokenizers are as little
# comparable as the prices of two bags. What both share is the text, its bytes. Divide the loss of the **whole**
# text by its bytes, and change nats to bits (one bit is $\log 2$ nats): **bits per byte**.
#
# ### Exercise 6.6: bits per byte
#
# Write `bits_per_byte(loss, n_tokens, n_bytes)`.
#
# - `loss`: the mean loss a token, in nats; `n_tokens`: how many tokens were predicted; `n_bytes`: how many bytes
#   the text has. Returns a number.
# - Example: a model that knows nothing, on bytes: `bits_per_byte(np.log(256), 10, 10)` is `8.0`.
#
# <details><summary>Hint</summary>
#
# The loss of the whole text, in nats, is `loss * n_tokens`.
#
# </details>

# %% id="bits-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_06.py:bits_per_byte

# %% id="bits-check"
bits_per_byte_ = use("6.6 bits per byte", bits_per_byte, given.bits_per_byte)

# %% [markdown] id="vocabulary"
# ## 9. How large a vocabulary?
#
# One sentence, cut by four tokenizers; the first has no merges at all.

# %% id="sentence"
rows = {}
for size in [256, 300, 400, 600]:
    small = Tokenizer.train([HARBOUR], size, special_tokens=())
    ids = small.encode("Mara kept the lamp in the lighthouse.")
    rows[f"{size} tokens"] = [small.decode([i]) for i in ids]
show(draw_tokens(rows), "Figure {figure:sentence}. The same sentence with vocabularies of four sizes. "
     "The larger the vocabulary, the fewer tokens.")  # fmt: skip

# %% [markdown] id="trade"
# A larger vocabulary shortens the text (figure {figure:sentence}), so more of it fits into the context. It costs
# parameters: a model keeps C numbers for each token, its **embedding**. And each token is seen less often, so
# less can be learnt about it. **Predict:** from bytes and end of text alone (257) up to 1,000, which size gives
# the fewest bits per byte?

# %% id="trade-code"
n_bytes = sum(len(text.encode()) for text in valid)
table = []
for size in [257, 300, 400, 500, 600, 1000]:
    t = Tokenizer.train(train, size)
    a, b = encode_all(train, t), encode_all(valid, t)
    loss = given.count_model([a], [b], t.vocab_size)
    bits = bits_per_byte_(loss, len(b) - 1, n_bytes)
    table.append((t.vocab_size, len(a), t.vocab_size * PRESETS["12m"].n_embd / 1000, bits))
    print(f"asked {size:4}, got {t.vocab_size:3}: {len(a):5,} training tokens, "
          f"{loss:.2f} nats a token, {bits:.2f} bits per byte")  # fmt: skip
print("a token from 600 on was seen at most", np.bincount(a)[600:].max(), "times")

# %% id="trade-figure"
sizes, *columns = zip(*table, strict=True)
labels = ["training tokens", "parameters (thousands)", "validation bits per byte"]
figure, panels = plt.subplots(1, 3, figsize=(figures.WIDTH, 2.5))
for axes, column, label in zip(panels, columns, labels, strict=True):
    axes.plot(sizes, column, marker="o")
    axes.set(xlabel="vocabulary size", ylabel=label, xticks=[300, 500, 700])
panels[0].set_ylim(bottom=0)
panels[1].set_ylim(bottom=0)
show(figure, "Figure {figure:trade}. What the vocabulary size changes. Left: the text gets shorter. "
     "Middle: the embedding grows (C = 384). Right: bits per byte, not drawn from 0, fall and rise.")  # fmt: skip
print("the package's presets:", {name: PRESETS[name].vocab_size for name in ("tiny", "12m")})

# %% [markdown] id="trade-why"
# The nats a token rise in every row and say nothing. The bits per byte (figure {figure:trade}) fall at first: with
# longer tokens, the two tokens before reach further back. Which of 300 to 600 is best depends on the stories kept:
# four are too few to tell. The largest did **not** help. Asked for 1,000, training stopped at 769: every word of the training split was
# one token, and no pair was left. What is seen once or twice is too little to learn from.
#
# So the best size grows with the text: from 512 for the tiny preset of the package to 50,257 for the 40 GB that
# GPT-2 learnt from (Radford and others 2019).

# %% [markdown] id="recap"
# ## Recap
#
# You can now
# - write a character as UTF-8 bytes, of which any text is made;
# - learn the merges, the most frequent pair first; apply them, the oldest first; decode, joined bytes only;
# - make batches from a memory-mapped file, targets one token later;
# - split a text by document, and give the loss in bits per byte;
# - say what a larger vocabulary gains and costs: shorter texts, more parameters, rarer tokens.
#
# **Two questions.**
#
# 1. A tokenizer was trained on English. What becomes of a text in Chinese?
# <details><summary>Answer</summary>
#
# It is encoded and comes back unharmed, but each character is up to three tokens, as most Chinese characters
# have three bytes. So the text is long, and little of it fits into the context.
#
# </details>
#
# 2. Your validation loss is 0.4 bits per byte, far below what others report for this corpus. What do you look at
# first?
# <details><summary>Answer</summary>
#
# The split: whether the same documents, or overlapping windows, are on both sides. Then the division: by all
# bytes of the text that was predicted, and by log 2.
#
# </details>
#
# **On your own.** `StreamDecoder` in `mlstack_lib/tokenizer.py` decodes ids that come one at a time, as a model
# makes them. Feed it the ids of a Chinese character and look at what each `push` returns. Then write your own.
#
# **Further reading.**
# - R. Sennrich, B. Haddow, A. Birch, *Neural Machine Translation of Rare Words with Subword Units*, ACL 2016,
#   arXiv:1508.07909: BPE for language.
# - P. Gage, *A New Algorithm for Data Compression*, The C Users Journal, February 1994: where it comes from.
# - A. Radford and others, *Language Models are Unsupervised Multitask Learners*, OpenAI 2019: GPT-2, BPE on bytes.
#
# The solutions: `solutions/06_tokenizer_and_data.ipynb`. Before: chapter 05, AdamW. Next: chapter 07, the
# Transformer.
