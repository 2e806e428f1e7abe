"""Which file served each kernel, how often it was launched, and how long a launch took."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import kernels


@contextmanager
def timed(device) -> Iterator[None]:
    """Within the block every launch on the device is timed."""
    device.timing = True
    try:
        yield
    finally:
        device.timing = False


def table(device) -> str:
    """A row for each kernel that was launched, the one that took most time first."""
    uses = sorted(device.uses().items(), key=lambda item: (-item[1].seconds, item[0]))
    rows = [("kernel", "file used", "launches", "us")]
    for name, use in uses:
        us = f"{use.seconds / use.timed * 1e6:,.1f}" if use.timed else "-"
        rows.append((name, file_used(use.file), f"{use.launches:,}", us))
    a, b, c, d = (max(len(row[i]) for row in rows) for i in range(4))
    lines = [f"{row[0]:{a}}  {row[1]:{b}}  {row[2]:>{c}}  {row[3]:>{d}}" for row in rows]
    if any(use.timed for _, use in uses):
        lines.append(f"us: the mean of a launch, by {device.clock}")
    return "\n".join(lines + _not_launched({use.file for _, use in uses}, device.suffix))


def file_used(file: Path) -> str:
    """A kernel's file in the table's words."""
    if file.parent != kernels.PACKAGED:
        return str(file)
    stubs = [folder / file.name for folder in kernels.search_path if folder != file.parent]
    return "stub: packaged used" if any(stub.is_file() for stub in stubs) else "packaged"


def _not_launched(used: set[Path], suffix: str) -> list[str]:
    folders = [folder for folder in kernels.search_path if folder != kernels.PACKAGED]
    files = {file for folder in folders for file in folder.glob(f"*{suffix}")} - used
    idle = sorted(file.name for file in files if not kernels.is_stub(file))
    return [f"never launched: {', '.join(idle)}"] * bool(idle)
