"""The file of a tokenizer: the `tokenizer.json` of Hugging Face `tokenizers`, written and read.

A byte-level BPE is a "BPE" model behind a "ByteLevel" pre-tokenizer, as GPT-2's is; one token a
character is a "WordLevel" model behind a "Split" that cuts at every character. What else such a
file may ask for is refused by name, since it would change the ids.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from . import bpe
from .errors import BadInput

_ADDED_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
_BYTE_LEVEL |= {"use_regex": True}
_BPE_UNUSED = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")
_BPE_FLAGS = ("fuse_unk", "byte_fallback", "ignore_merges")
_NO_MATTER = {"trim_offsets": True}  # about offsets into the text, which are not used here
_EACH_CHARACTER = {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated"}
_EACH_CHARACTER |= {"invert": False}
_BYTE_OF = {sign: byte for byte, sign in bpe.SIGN_OF.items()}


# ---- writing ----


def bpe_json(tokens: Sequence[bytes], merges: Sequence[str], special: dict[str, int]) -> bytes:
    """Return the file of a `Tokenizer`, from the arguments that it is made of."""
    names = ["".join(map(bpe.SIGN_OF.get, token)) for token in tokens]
    for text, i in special.items():
        names[i] = text
    model = {"type": "BPE"} | dict.fromkeys(_BPE_UNUSED) | dict.fromkeys(_BPE_FLAGS, False)
    model["vocab"] = {name: i for i, name in enumerate(names)}
    model["merges"] = [[names[ord(a)], names[ord(b)]] for a, b in merges]
    return _json(special, _BYTE_LEVEL, _BYTE_LEVEL, model)


def char_json(characters: str) -> bytes:
    """Return the file of a `CharTokenizer`, from the argument that it is made of."""
    vocab = {character: i for i, character in enumerate(characters)}
    model = {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"}
    return _json({}, _EACH_CHARACTER, {"type": "Fuse"}, model)


def _json(special: dict[str, int], pre_tokenizer: dict, decoder: dict, model: dict) -> bytes:
    flags = dict.fromkeys(_ADDED_FLAGS, False)
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": text, **flags, "special": True} for text, i in special.items()
        ],
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": decoder,
        "model": model,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


# ---- reading ----


def read(path: Path) -> tuple[str, tuple]:
    """Return the kind of the tokenizer in path, "bpe" or "char", and what it is made of.

    Raises BadInput for a file that is not there, is not JSON, or asks for what is not done here.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(
            f"tokenizer: cannot read {path}: {error.strerror}; give a file that `save` wrote"
        ) from None
    except ValueError as error:
        raise BadInput(
            f"tokenizer: expected JSON in {path}, got {error}; give a file that `save` wrote"
        ) from None
    try:
        unsupported = _unsupported(document)
        if not unsupported and document["model"]["type"] == "BPE":
            return "bpe", _bpe_parts(document)
        if not unsupported:
            return "char", (_characters(document["model"]["vocab"]),)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"tokenizer: {path} is not a whole tokenizer.json ({type(error).__name__}: {error}); "
            "give a file that `save` wrote"
        ) from None
    raise BadInput(
        f"tokenizer: expected byte-level BPE or one token a character, got {path} with "
        f"{', '.join(unsupported)}; train a tokenizer on your text instead"
    )


def _unsupported(document: dict) -> list[str]:
    """Name what the file asks for and would change the ids."""
    model = document["model"]
    if model["type"] not in ("BPE", "WordLevel"):
        return [f"a {model['type']} model"]
    wanted = _BYTE_LEVEL if model["type"] == "BPE" else _EACH_CHARACTER
    cut = {**wanted, "type": None, **(document["pre_tokenizer"] or {})}
    found = [] if {**cut, **_NO_MATTER} == {**wanted, **_NO_MATTER} else ["another pre_tokenizer"]
    after = document.get("post_processor")
    if after and after["type"] != "ByteLevel":
        found.append(f"a {after['type']} post_processor")
    found += [f"a {key}" for key in ("normalizer", "truncation", "padding") if document.get(key)]
    if model["type"] == "BPE":
        found += [key for key in (*_BPE_UNUSED, *_BPE_FLAGS[1:]) if model.get(key)]
    for token in document["added_tokens"]:
        if not token["special"] or any(token[flag] for flag in _ADDED_FLAGS[:3]):
            found.append(f"the added token {token['content']!r}")
    return found


def _bpe_parts(document: dict) -> tuple[list[bytes], list[str], dict[str, int]]:
    special = {token["content"]: token["id"] for token in document["added_tokens"]}
    vocab = document["model"]["vocab"] | special
    names = _names_by_id(vocab)
    tokens = [
        name.encode("utf-8") if name in special else bytes(map(_BYTE_OF.__getitem__, name))
        for name in names
    ]
    ids = {token: i for i, token in enumerate(tokens) if names[i] not in special}
    if not all(bytes([byte]) in ids for byte in range(256)):
        raise ValueError("not every byte is a token")
    ready = {ids[bytes([byte])] for byte in range(256)}
    merges, last = [], -1
    for merge in document["model"]["merges"]:
        a, b = (vocab[name] for name in (merge.split(" ") if isinstance(merge, str) else merge))
        made = ids[tokens[a] + tokens[b]]
        if made <= last or not {a, b} <= ready:
            raise ValueError(f"the merge {merge} comes before its parts, or against the ids")
        merges.append(chr(a) + chr(b))
        ready.add(made)
        last = made
    return tokens, merges, special


def _characters(vocab: dict[str, int]) -> str:
    names = _names_by_id(vocab)
    if not names or names != sorted(names) or any(len(name) != 1 for name in names):
        raise ValueError("its tokens are not single characters in the order of their codes")
    return "".join(names)


def _names_by_id(vocab: dict[str, int]) -> list[str]:
    names = sorted(vocab, key=vocab.__getitem__)
    if [vocab[name] for name in names] != list(range(len(names))) or len(names) > bpe.MAX_VOCAB:
        raise ValueError(f"its ids are not 0, 1, 2, ..., at most {bpe.MAX_VOCAB} of them")
    return names
