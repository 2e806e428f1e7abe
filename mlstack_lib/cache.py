"""The cache folder: whole files downloaded into it, folders put into it at once."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from .documents import file_sha256
from .errors import BadInput, CouldNotFinish
from .files import write_text
from .folders import cache_folder, pooch  # imported there without its warning

RETRIES = 2  # further attempts after a download that failed
BAR_DELAY = 0.5  # seconds: no bar for what fails or is done before
BLOCK = 1 << 20  # bytes read at a time


def could_not_write(path: Path, error: OSError) -> CouldNotFinish:
    """Return (not raise) the error for a failed write: the place, the system's reason, a remedy."""
    # pooch wraps a PermissionError in another that has lost its errno: the cause still has it
    reason = getattr(error.__cause__, "strerror", None) or error.strerror or error
    return CouldNotFinish(
        f"cannot write {path}: {reason}; make room or access there, "
        "or set MLSTACK_DATA to a folder that can be written"
    )


# ---- whole or not at all ----


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a scratch folder that becomes `folder` when the block ends well, and vanishes if not.

    What stood at `folder` before is replaced; where it cannot be, because another process has it
    open or has just put its own there, it stays: check what you find. Raises CouldNotFinish with
    the system's reason for every OSError, so the block should do nothing but write.
    """
    scratch = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.tmp")
    old = scratch.with_suffix(".old")
    try:
        scratch.mkdir(parents=True)
        yield scratch
        with contextlib.suppress(OSError):
            folder.rename(old)
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    except OSError as error:
        raise could_not_write(folder, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


# ---- downloads ----


@dataclass(frozen=True)
class Download:
    """A file at a public address: sub-folder of the cache, and its sha256 where published."""

    address: str
    folder: str
    sha256: str | None = None

    @property
    def path(self) -> Path:
        """Where the file lies, or should be placed by hand."""
        return cache_folder() / self.folder / self.address.rsplit("/", 1)[-1]

    @property
    def record(self) -> Path:
        """Where the sha256 is noted when the file is first used, if none is published."""
        return self.path.with_name(self.path.name + ".sha256")


def obtain(downloads: Sequence[Download]) -> list[str]:
    """Make sure that every file lies whole at its path, and return their sha256 (hex).

    A file that is there already, placed by hand or by an earlier call, is not fetched again, but
    its hash is checked: against the published one, else against the one noted at its first use.
    Raises CouldNotFinish when a file cannot be had, BadInput when a hash differs.
    """
    for download in downloads:
        if not download.path.is_file():
            _fetch(download, [d for d in downloads if not d.path.is_file()])
    return [_checked_hash(download) for download in downloads]


def _fetch(download: Download, missing: Sequence[Download]) -> None:
    path = download.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # pooch writes to a temporary file, compares the hash, and only then gives it its name
        fetcher = pooch.create(
            path.parent,
            base_url="",
            registry={path.name: download.sha256},
            urls={path.name: download.address},
            retry_if_failed=RETRIES,
        )
        fetcher.fetch(path.name, downloader=_whole_file)
    except (OSError, ValueError) as error:
        # an OSError without a number is what the HTTP library raises for the network
        if isinstance(error, PermissionError) or getattr(error, "errno", None) is not None:
            raise could_not_write(path, error) from error
        others = [f"{d.address} as {d.path}" for d in missing if d != download]
        raise CouldNotFinish(
            f"cannot download {download.address}: {_root(error)}; check the network, "
            f"or get it another way and place it as {' and '.join([str(path), *others])}"
        ) from error


class _Bar(tqdm):
    """A bar as pooch drives it: asked for its truth before it has a total, and set back at the end
    because pooch counts whole blocks; then the clock should run on, to show the true rate.
    """

    def __bool__(self) -> bool:
        return True

    def reset(self, total: float | None = None) -> None:
        self.n = 0


def _whole_file(address: str, output_file: str, pooch_: pooch.Pooch) -> None:
    """Download with a progress bar; a file shorter than the server announced is a ValueError."""
    # without compression on the way, Content-Length counts the bytes that we write
    options = {"chunk_size": BLOCK, "headers": {"Accept-Encoding": "identity"}}
    name = address.rsplit("/", 1)[-1]
    with _Bar(desc=name, unit="B", unit_scale=True, delay=BAR_DELAY) as bar:
        pooch.HTTPDownloader(progressbar=bar, **options)(address, output_file, pooch_)
        announced = bar.total
    size = os.path.getsize(output_file)
    if announced and size != announced:
        raise ValueError(f"the server announced {announced:,} bytes, {size:,} came")


def _root(error: BaseException) -> BaseException:
    """The innermost cause: `Connection refused` rather than five layers of retries around it."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _checked_hash(download: Download) -> str:
    found, record = file_sha256(download.path), download.record
    if download.sha256 is not None:
        expected, since, delete = download.sha256, "published", str(download.path)
    elif record.is_file():
        # in the form that `sha256sum --check` reads
        expected = record.read_text(encoding="utf-8", errors="replace").partition(" ")[0]
        since, delete = "noted at its first use", f"{download.path} and {record}"
    else:
        try:
            write_text(record, f"{found}  {download.path.name}\n")
        except OSError as error:
            raise could_not_write(record, error) from error
        return found
    if found != expected:
        raise BadInput(
            f"{download.path}: sha256 is {found}, but {expected} was {since}; "
            f"delete {delete} to download it again"
        )
    return found
