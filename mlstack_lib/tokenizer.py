"""From text to token ids and back: byte-level BPE, and one token a character.

The file is the `tokenizer.json` of Hugging Face `tokenizers`, which gives the same ids for it. What
is learnt is the same too: special tokens get the first ids, then come the 256 bytes in the order
of `bpe.ALPHABET`, then one token a merge. One thing can differ: a letter or digit newer than the
Unicode tables of one of the two libraries is neither for it, and text is cut differently there.
"""

import codecs
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import regex
from tqdm import tqdm

from . import bpe, tokenizer_json
from .errors import BadInput
from .files import write_bytes

END_OF_TEXT = "<|endoftext|>"
_CACHE_ENTRIES = 1 << 18
_CACHED_LENGTH = 64  # characters; longer pieces hardly ever come again

# ASCII, with a letter or digit and a sign other than the apostrophe. No piece holds both of these,
# so that a special token can never be the name of an ordinary one.
_SPECIAL = regex.compile(r"(?=.*[A-Za-z0-9])(?=.*[!-&(-/:-@\[-`{-~])[ -~]+")


class Tokenizer:
    """Byte-level BPE: any text has ids, and they give the text back.

    Made by `train` or `load_tokenizer`. kind "bpe"; vocab_size, all tokens; special_tokens,
    {text: id}; end_of_text, the id of <|endoftext|> or None.
    """

    kind = "bpe"

    def __init__(
        self, tokens: Sequence[bytes], merges: Iterable[str], special_tokens: dict[str, int]
    ) -> None:
        """tokens: the bytes of each id; merges: pairs as in `bpe`, in order; special: {text: id}.

        All 256 bytes are tokens, and the ids of merged tokens rise in the order of the merges.
        """
        self.special_tokens = dict(special_tokens)
        self.end_of_text = self.special_tokens.get(END_OF_TEXT)
        self.vocab_size = len(tokens)
        self._tokens = list(tokens)
        special = set(self.special_tokens.values())
        known = {token: chr(i) for i, token in enumerate(tokens) if i not in special}
        self._byte_tokens = "".join(known[bytes([byte])] for byte in range(256))
        self._merges = {a + b: known[tokens[ord(a)] + tokens[ord(b)]] for a, b in merges}
        self._pairs = {token: pair for pair, token in self._merges.items()}
        self._cache = _Cache(self._encode_piece)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int,
        special_tokens: Sequence[str] = (END_OF_TEXT,),
        progress: bool = False,
    ) -> Self:
        """Learn a vocabulary from texts: see `bpe.learn_merges` for which pair is merged next.

        vocab_size counts special tokens, bytes and merges. Where the texts have too few pairs for
        it, the vocabulary stays smaller, as with `tokenizers`. Special tokens get ids from 0;
        inside texts they are ordinary text. progress shows bars on stderr. Raises BadInput.
        """
        special = {token: i for i, token in enumerate(dict.fromkeys(special_tokens))}
        first = _checked_first_id(special, vocab_size)
        counts: Counter[str] = Counter()
        for text in tqdm(_checked_texts(texts), desc="texts", disable=not progress):
            for pieces in bpe.pieces(text):
                counts.update(pieces)
        byte_tokens = "".join(chr(len(special) + bpe.ALPHABET.index(byte)) for byte in range(256))
        words = [bpe.utf8(piece).decode("latin-1").translate(byte_tokens) for piece in counts]
        n = vocab_size - first
        merges = bpe.learn_merges(words, list(counts.values()), first, n, progress)
        tokens = [text.encode("utf-8") for text in special] + [bytes([b]) for b in bpe.ALPHABET]
        for a, b in merges:
            tokens.append(tokens[ord(a)] + tokens[ord(b)])
        return cls(tokens, merges, special)

    def _encode_piece(self, piece: str) -> bytes:
        word = bpe.utf8(piece).decode("latin-1").translate(self._byte_tokens)
        word = bpe.apply_merges(word, self._merges, self._pairs)
        return word.encode("utf-16-le", "surrogatepass")  # ids below 65,536: two bytes for each

    def encode(self, text: str, allow_special: bool = False) -> np.ndarray:
        """Return the ids of text, (n,) uint16.

        With allow_special the text of a special token is that token (the longest, where several
        begin), else it is ordinary text. Raises BadInput for a lone surrogate.
        """
        special = self.special_tokens if allow_special else {}
        ids = bytearray()
        for part in _split(text, special):
            if part in special:
                ids += special[part].to_bytes(2, "little")
                continue
            for pieces in bpe.pieces(part):
                ids += b"".join(map(self._cache.__getitem__, pieces))
        return np.frombuffer(ids, "<u2").astype(np.uint16, copy=False)

    def decode_bytes(self, ids: Sequence[int] | np.ndarray) -> bytes:
        """Return the bytes of ids (n,), special tokens as their text; BadInput if out of range."""
        return b"".join(map(self._tokens.__getitem__, _checked_ids(ids, self.vocab_size)))

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Return the text of ids (n,), U+FFFD for bytes that are not UTF-8; see decode_bytes."""
        return self.decode_bytes(ids).decode("utf-8", "replace")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the saved file, 64 hexadecimal digits."""
        return hashlib.sha256(self._file()).hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the tokenizer to path, all of it or nothing; raises CouldNotFinish."""
        write_bytes(path, self._file())

    def _file(self) -> bytes:
        return tokenizer_json.bpe_json(self._tokens, list(self._merges), self.special_tokens)


class CharTokenizer:
    """One token a character, ids in the order of the characters' codes.

    Made by `train` or `load_tokenizer`. kind "char"; vocab_size, the number of characters; no
    special tokens: special_tokens is empty, end_of_text None.
    """

    kind = "char"
    end_of_text = None

    def __init__(self, characters: str) -> None:
        """characters: those of the vocabulary, each once, in rising order of their codes."""
        self.special_tokens: dict[str, int] = {}
        self.vocab_size = len(characters)
        self._characters = characters
        self._codes = _codes(characters)

    @classmethod
    def train(cls, texts: Iterable[str]) -> Self:
        """Take the characters that occur in texts: at least one, at most 65,535; else BadInput."""
        characters: set[str] = set()
        for text in _checked_texts(texts):
            characters.update(text)
        if not 1 <= len(characters) <= bpe.MAX_VOCAB:
            raise BadInput(
                f"train: expected text with 1 to {bpe.MAX_VOCAB} different characters, got "
                f"{len(characters)}; give other text, or train a Tokenizer"
            )
        in_order = "".join(sorted(characters))
        bpe.utf8(in_order)  # raises for a lone surrogate
        return cls(in_order)

    def encode(self, text: str, allow_special: bool = False) -> np.ndarray:
        """Return the ids of text, (n,) uint16; there are no special tokens to allow.

        Raises BadInput for a character that is not in the vocabulary.
        """
        codes = _codes(text)
        ids = np.searchsorted(self._codes, codes)
        known = self._codes.take(ids, mode="clip") == codes
        if not known.all():
            at = int(np.argmin(known))
            raise BadInput(
                f"encode: the character {text[at]!r} (U+{ord(text[at]):04X}) at position {at} is "
                f"not one of the {self.vocab_size:,} that this tokenizer knows; leave it out, or "
                "train a tokenizer on text that has it"
            )
        return ids.astype(np.uint16)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Return the text of ids (n,); raises BadInput for an id out of range."""
        return "".join(map(self._characters.__getitem__, _checked_ids(ids, self.vocab_size)))

    def decode_bytes(self, ids: Sequence[int] | np.ndarray) -> bytes:
        """Return the text of ids (n,) as UTF-8; raises BadInput for an id out of range."""
        return self.decode(ids).encode("utf-8")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the saved file, 64 hexadecimal digits."""
        return hashlib.sha256(self._file()).hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the tokenizer to path, all of it or nothing; raises CouldNotFinish."""
        write_bytes(path, self._file())

    def _file(self) -> bytes:
        return tokenizer_json.char_json(self._characters)


class StreamDecoder:
    """Decodes ids that come one at a time, each character as soon as its last byte is there."""

    def __init__(self, tokenizer: Tokenizer | CharTokenizer) -> None:
        """tokenizer: the one that made the ids."""
        self._tokenizer = tokenizer
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """Return the text that token completes, often none; raises BadInput if out of range."""
        return self._utf8.decode(self._tokenizer.decode_bytes([token]))

    def finish(self) -> str:
        """Return U+FFFD if the ids end inside a character, else nothing; then starts afresh."""
        return self._utf8.decode(b"", final=True)


def load_tokenizer(path: str | Path) -> Tokenizer | CharTokenizer:
    """Read what `save` wrote, or a byte-level BPE file of `tokenizers`, such as GPT-2's.

    Raises BadInput for a file that is missing, damaged, or of another kind.
    """
    kind, parts = tokenizer_json.read(Path(path))
    return Tokenizer(*parts) if kind == "bpe" else CharTokenizer(*parts)


# ---- shared parts ----


class _Cache(dict):
    """piece: its ids as bytes, computed when first asked for; emptied when full."""

    def __init__(self, compute: Callable[[str], bytes]) -> None:
        self.compute = compute

    def __missing__(self, piece: str) -> bytes:
        ids = self.compute(piece)
        if len(piece) <= _CACHED_LENGTH:
            if len(self) >= _CACHE_ENTRIES:
                self.clear()
            self[piece] = ids
        return ids


def _split(text: str, special: dict[str, int]) -> list[str]:
    if not special:
        return [text]
    longest_first = sorted(special, key=len, reverse=True)
    return regex.split(f"({'|'.join(map(regex.escape, longest_first))})", text)


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _checked_texts(texts: Iterable[str]) -> Iterable[str]:
    if isinstance(texts, str):
        raise BadInput("train: expected a list of texts, got one text; write [text]")
    return texts


def _checked_first_id(special: Iterable[str], vocab_size: int) -> int:
    """Return the id of the first merged token, if the arguments of `train` can be satisfied."""
    special = list(special)
    for token in special:
        if not _SPECIAL.fullmatch(token):
            raise BadInput(
                "train: expected special tokens of ASCII with a letter or digit and a bracket or "
                f"the like, which no ordinary token can be, got {token!r}; write it as <|name|>"
            )
    first = len(special) + 256
    if not first <= vocab_size <= bpe.MAX_VOCAB:
        raise BadInput(
            f"train: expected a vocab_size from {first} (256 bytes and {len(special)} special) to "
            f"{bpe.MAX_VOCAB}, got {vocab_size}"
        )
    return first


def _checked_ids(ids: Sequence[int] | np.ndarray, vocab_size: int) -> list[int]:
    ids = np.asarray(ids)
    if ids.size == 0:
        return []
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise TypeError(f"decode: expected integers (n,), got {ids.dtype} {ids.shape}")
    wrong = np.flatnonzero((ids < 0) | (ids >= vocab_size))
    if wrong.size:
        raise BadInput(
            f"decode: expected ids from 0 to {vocab_size - 1}, got {ids[wrong[0]]} at position "
            f"{wrong[0]}; are they from another tokenizer?"
        )
    return ids.tolist()
