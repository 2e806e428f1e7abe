"""The last line of a kernel file that `build` wrote: it tells whether anyone changed the file."""

import hashlib
import re

SEAL = re.compile(r"// sealed ([0-9a-f]{16})\n\Z")
ANY = re.compile(r"// sealed \w+\s*\Z")  # an editor may have changed the white space


def seal(text: str) -> str:
    """The text with its seal."""
    return f"{text}// sealed {_hash(text)}\n"


def intact(text: str) -> bool:
    """Whether the text ends in a seal that fits."""
    found = SEAL.search(text)
    return found is not None and found[1] == _hash(text[: found.start()])


def without(text: str) -> str:
    """The text without its seal, whether that fits or not."""
    return ANY.sub("", text)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
