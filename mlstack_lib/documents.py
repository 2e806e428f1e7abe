"""From files to documents: UTF-8 text, plain or .xz, cut at <|endoftext|>, one at a time."""

import hashlib
import io
import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import BadInput

SEPARATOR = "<|endoftext|>"


def file_documents(path: Path) -> Iterator[str]:
    """Yield the documents of one UTF-8 file, decompressed if its name ends in .xz.

    A document ends at SEPARATOR or at the end of the file. Line breaks beside the mark belong to
    it, a byte order mark at the very start is dropped, and so is a blank document. A file without
    any mark is one document, kept as it is. Memory: one document, or the longest line.
    Raises BadInput: not UTF-8 (with the offset in the uncompressed file), damaged .xz, unreadable.
    """
    marked = False
    for raw, offset, ended in _pieces(path):
        marked = marked or ended
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            where = f"byte offset {offset + error.start}"
            raise BadInput(f"{path}: not UTF-8 at {where}; save it as UTF-8") from error
        if offset == 0:
            text = text.removeprefix("\ufeff")
        if text.strip():
            yield text.strip("\r\n") if marked else text


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex. Raises BadInput if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error


def digest(parts: Iterable[str]) -> str:
    """Return the sha256 over strings, each with its length: no two lists give the same bytes."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8")
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


def _pieces(path: Path) -> Iterator[tuple[bytes, int, bool]]:
    """Yield (bytes up to a mark or the end, their offset, whether a mark ended them)."""
    mark, pending, start, offset = SEPARATOR.encode("utf-8"), [], 0, 0
    # by lines and joined once, so that the work stays linear however long a document is
    for line in _lines(path):
        *ended, rest = line.split(mark)
        for part in ended:
            yield b"".join([*pending, part]), start, True
            pending, offset = [], offset + len(part) + len(mark)
            start = offset
        pending.append(rest)
        offset += len(rest)
    yield b"".join(pending), start, False


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            if path.suffix.lower() == ".xz":
                with lzma.open(file) as unpacked:
                    yield from io.BufferedReader(unpacked)
            else:
                yield from file
    except (lzma.LZMAError, EOFError) as error:
        raise BadInput(f"{path}: not a whole .xz file ({error})") from error
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
