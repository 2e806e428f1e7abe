"""Tokens: a corpus encoded once into memory-mapped files, and the batches drawn from them."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from tqdm import tqdm

from .cache import new_folder
from .corpora import DEFAULT_CORPUS, SPLITS, Corpus, load_corpus
from .documents import digest
from .errors import BadInput, CouldNotFinish
from .folders import cache_folder

__all__ = [
    "DEFAULT_CORPUS",
    "IGNORE",
    "SPLITS",
    "BatchSampler",
    "Corpus",
    "Tokens",
    "load_corpus",
    "prepare",
    "validation_windows",
]

IGNORE = -1  # the target of a position that does not count in the loss
VERSION = 1  # of the token files: change it when the same text would give other files
_STORED = np.dtype("<u2")


# ---- tokens ----


class Encoder(Protocol):
    """What is asked of a tokenizer here."""

    vocab_size: int
    fingerprint: str
    end_of_text: int | None

    def encode(self, text: str) -> np.ndarray:
        """Return the (n,) uint16 ids of a text."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """Both splits of a corpus as token ids.

    train, valid: (n,) uint16, read-only, memory-mapped. train_bytes, valid_bytes: UTF-8 bytes of
    the documents' text, without what separates them: the denominator of bits per byte.
    train_documents, valid_documents: how many. fingerprint: hex key of corpus and tokenizer.
    """

    train: np.ndarray
    valid: np.ndarray
    train_bytes: int
    valid_bytes: int
    train_documents: int
    valid_documents: int
    fingerprint: str


def prepare(corpus: Corpus, tokenizer: Encoder, progress: bool = True) -> Tokens:
    """Return the corpus encoded by the tokenizer, from the cache or else encoded now.

    After each document stands tokenizer.end_of_text; a tokenizer without one (characters) gets
    "\\n" between documents. A corpus that is not `separated` gets neither. Files are encoded one
    document at a time; missing, truncated or altered ones are made anew. progress: a bar on stderr.
    Raises BadInput for a split without a document or a vocabulary beyond uint16, CouldNotFinish
    when the cache cannot be written: then nothing half-written stays there.
    """
    if tokenizer.vocab_size > 1 << 16:
        raise BadInput(f"vocab_size must be at most 65,536, got {tokenizer.vocab_size:,}")
    key = digest([str(VERSION), corpus.fingerprint, str(corpus.separated), tokenizer.fingerprint])
    folder = cache_folder() / "tokens" / key[:32]
    if tokens := _load(folder, key):
        return tokens
    with new_folder(folder) as scratch:
        meta = {"key": key, "corpus": corpus.name, "tokenizer": tokenizer.fingerprint}
        for split in SPLITS:
            with open(scratch / f"{split}.bin", "wb") as file:
                meta[split] = _write_split(file, corpus, tokenizer, split, progress)
        (scratch / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
    if tokens := _load(folder, key):
        return tokens
    raise CouldNotFinish(f"{folder}: the tokens just written cannot be read back; delete it")


def _write_split(
    file: BinaryIO, corpus: Corpus, tokenizer: Encoder, split: str, progress: bool
) -> dict[str, int]:
    """Encode one split into an open file; return its counts."""
    counts = {"documents": 0, "bytes": 0, "tokens": 0, "crc32": 0}
    bar = tqdm(
        desc=f"tokenizing {corpus.name} {split}",
        total=corpus.sizes.get(split),
        unit="B",
        unit_scale=True,
        disable=not progress,
    )
    with bar:
        for ids, size in _encoded(corpus, tokenizer, split):
            data = ids.astype(_STORED).tobytes()
            file.write(data)
            counts["documents"] += 1
            counts["bytes"] += size
            counts["tokens"] += len(ids)
            counts["crc32"] = zlib.crc32(data, counts["crc32"])
            bar.update(size)
    if not counts["documents"]:
        raise BadInput(
            f"corpus {corpus.name!r}: no document in its {split} split, at least 1 needed"
        )
    return counts


def _encoded(corpus: Corpus, tokenizer: Encoder, split: str) -> Iterator[tuple[np.ndarray, int]]:
    """Yield (ids with what separates the document from its neighbours, UTF-8 bytes of its text)."""
    end = tokenizer.end_of_text
    for i, text in enumerate(corpus.documents(split)):
        parts = [tokenizer.encode(text)]
        if corpus.separated and end is not None:
            parts.append(np.array([end], _STORED))
        elif corpus.separated and i:
            parts.insert(0, tokenizer.encode("\n"))
        yield np.concatenate(parts), len(text.encode("utf-8"))


def _load(folder: Path, key: str) -> Tokens | None:
    """Map the token files of a folder; None where any of them is missing or not as noted."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if meta["key"] != key:
            return None
        fields = {}
        for split in SPLITS:
            path, counts = folder / f"{split}.bin", meta[split]
            if path.stat().st_size != _STORED.itemsize * counts["tokens"]:
                return None
            if _crc32(path) != counts["crc32"]:
                return None
            fields[split] = np.memmap(path, _STORED, mode="r")
            fields[f"{split}_bytes"] = counts["bytes"]
            fields[f"{split}_documents"] = counts["documents"]
        return Tokens(**fields, fingerprint=key)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _crc32(path: Path) -> int:
    crc = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return crc


# ---- batches ----


class BatchSampler:
    """Windows at uniformly random places of the training tokens, as nanoGPT draws them.

    tokens: Tokens (its train split is used) or a 1-d array of ids. batch: B windows of context: T
    predictions each. rng: its state is part of state(), so leave it to the sampler alone.
    Raises BadInput when there are fewer than T + 1 tokens.
    """

    def __init__(
        self, tokens: Tokens | np.ndarray, batch: int, context: int, rng: np.random.Generator
    ) -> None:
        _check_shape(batch, context)
        self.ids = tokens.train if isinstance(tokens, Tokens) else tokens
        if len(self.ids) < context + 1:
            raise BadInput(
                f"the corpus has {len(self.ids):,} training tokens, but a context of {context:,} "
                f"needs {context + 1:,}; choose a smaller --context or a longer corpus"
            )
        self.batch, self.context, self.rng = batch, context, rng

    def next(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (idx, targets), both (B, T) int32: targets are idx moved on by one token."""
        places = len(self.ids) - self.context  # a window needs one token more than its context
        starts = self.rng.integers(0, places, size=self.batch, dtype=np.int64)
        windows = self.ids[starts[:, None] + np.arange(self.context + 1)].astype(np.int32)
        # (B, T + 1)
        return np.ascontiguousarray(windows[:, :-1]), np.ascontiguousarray(windows[:, 1:])

    def state(self) -> dict[str, Any]:
        """Return the generator's state as JSON-able values, for restore()."""
        return {"rng": _plain(self.rng.bit_generator.state)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with the batches that followed when state() returned this.

        Raises BadInput when the state is not one, or that of another kind of generator.
        """
        own = self.rng.bit_generator.state["bit_generator"]
        try:
            self.rng.bit_generator.state = state["rng"]
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"restore: expected the state of a {own} generator, got {state!r:.80}"
            ) from error


def validation_windows(
    tokens: Tokens | np.ndarray, context: int, batch: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return an iterator of (idx, targets), both (B, T) int32, over the whole validation split.

    Windows follow each other without overlap, so that each token but the first is the target
    exactly once. Beyond the end idx is 0 and targets IGNORE: every batch has the full shape.
    tokens: Tokens (its valid split is used) or a 1-d array of ids. Raises BadInput at once when
    there are fewer than 2 tokens.
    """
    _check_shape(batch, context)
    ids = tokens.valid if isinstance(tokens, Tokens) else tokens
    if len(ids) < 2:
        raise BadInput(
            f"the corpus has {len(ids)} validation tokens, at least 2 are needed to predict one; "
            "choose a longer corpus"
        )
    return _windows(ids, context, batch)


def _windows(ids: np.ndarray, context: int, batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(ids) - 1, batch * context):
        piece = ids[start : start + batch * context + 1].astype(np.int32)
        # consecutive windows are the rows of one reshaped stretch; only its end needs filling
        idx = np.zeros(batch * context, np.int32)
        targets = np.full(batch * context, IGNORE, np.int32)
        idx[: len(piece) - 1] = piece[:-1]
        targets[: len(piece) - 1] = piece[1:]
        yield idx.reshape(batch, context), targets.reshape(batch, context)


def _check_shape(batch: int, context: int) -> None:
    if batch < 1 or context < 1:
        raise BadInput(f"--batch and --context must be at least 1, got {batch} and {context}")


def _plain(value: Any) -> Any:
    """The bit generator's state with arrays as lists and NumPy numbers as Python's."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
