"""Write files so that a reader, or the next start, sees the old content or the new, never half."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .errors import CouldNotFinish


def write_atomically(path: Path | str, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in its place.

    Raises CouldNotFinish with the system's reason (no space, no permission); `path` is then as it
    was before.
    """
    path = Path(path)
    # opened like any file, so that the umask decides who may read it; tempfile would allow no one
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        with open(part, "rb+") as file:  # on the disk before it takes the old one's place
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise CouldNotFinish(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink()


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write `data`, atomically."""
    write_atomically(path, lambda part: part.write_bytes(data))


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text with `\\n` line ends, atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
