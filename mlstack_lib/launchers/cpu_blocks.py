"""Share the rows of an operation among the cores, in blocks that fit the cache."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..devices import device

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
BLOCK = 1 << 17  # elements a block: half a MiB in f32
WORTH_SHARING = 1 << 16  # elements below which waking another thread costs more than it saves

_others = ThreadPoolExecutor(max(CORES - 1, 1), thread_name_prefix="mlstack")
_local = threading.local()
empty = device("cpu").empty


def in_blocks(rows: int, row_size: int, work) -> None:
    """Call work(block, start, stop) for blocks of rows that cover `rows`, on all cores.

    The blocks depend on the sizes alone, so sums over blocks are the same on any number of cores.
    """
    height = max(BLOCK // max(row_size, 1), 1)
    spans = [(i, s, min(s + height, rows)) for i, s in enumerate(range(0, rows, height))]
    shares = min(CORES, len(spans)) if rows * row_size > WORTH_SHARING else 1
    parts = [
        spans[len(spans) * i // shares : len(spans) * (i + 1) // shares] for i in range(shares)
    ]
    waiting = [_others.submit(_run, work, part) for part in parts[1:]]
    _run(work, parts[0])
    for other in waiting:
        other.result()


def block_count(rows: int, row_size: int) -> int:
    """How many blocks `in_blocks` makes."""
    return -(-rows // max(BLOCK // max(row_size, 1), 1))


def scratch(name: str, shape: tuple[int, ...], dtype) -> np.ndarray:
    """A buffer of this thread's own, the same one for every call with this name."""
    size, kept = int(np.prod(shape)), _local.__dict__
    if name not in kept or kept[name].size < size or kept[name].dtype != dtype:
        kept[name] = np.empty(size, dtype)
    return kept[name][:size].reshape(shape)


def _run(work, spans) -> None:
    for span in spans:
        work(*span)
