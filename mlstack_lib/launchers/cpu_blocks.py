"""Share an operation among the cores, and go through each share in blocks that fit the cache.

A core's share includes its part of the matrix products, for which BLAS gets one thread. BLAS with
threads of its own makes them meet at every product, many times slower as soon as another program
wants one of the cores; and they go on spinning for a while after it, on a core that we want.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from ..devices import device

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
BLOCK = 1 << 17  # elements a block: half a MiB in f32
WORTH_SHARING = 1 << 16  # elements (or multiply-adds by 32) that pay for waking another thread

_others = ThreadPoolExecutor(max(CORES - 1, 1), thread_name_prefix="mlstack")
_local = threading.local()
empty = device("cpu").empty


def in_shares(count: int, cost: int, work: Callable[[int, int], None]) -> None:
    """Call work(start, stop) for shares of range(count), one for each core, at the same time.

    cost: about how many elements the whole work goes over. An exception of any share is raised
    once all have ended.
    """
    shares = max(min(CORES, count), 1) if cost > WORTH_SHARING else 1
    ends = [count * i // shares for i in range(shares + 1)]
    with _one_blas_thread():
        waiting = [_others.submit(work, *span) for span in zip(ends[1:-1], ends[2:], strict=True)]
        try:
            work(ends[0], ends[1])
        finally:
            errors = [other.exception() for other in waiting]  # waits
    for error in errors:
        if error is not None:
            raise error


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    before = [(library, library.num_threads) for library in _blas()]
    for library, _ in before:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, threads in before:
            library.set_num_threads(threads)


def in_blocks(rows: int, row_size: int, work: Callable[[int, int, int], None]) -> None:
    """Call work(block, start, stop) for blocks of rows that cover `rows`, on all cores.

    The blocks depend on the sizes alone, so sums over blocks are the same on any number of cores.
    """
    height = block_height(row_size)

    def share(first, last):
        for block in range(first, last):
            work(block, block * height, min(block * height + height, rows))

    in_shares(-(-rows // height), rows * row_size, share)


def block_height(row_size: int) -> int:
    """How many rows of that size make a block."""
    return max(BLOCK // max(row_size, 1), 1)


def blocks(start: int, stop: int, row_size: int) -> Iterator[slice]:
    """The blocks of a share, one after the other, where nothing depends on where they begin."""
    height = block_height(row_size)
    for at in range(start, stop, height):
        yield slice(at, min(at + height, stop))


def scratch(name: str, shape: tuple[int, ...], dtype) -> np.ndarray:
    """A buffer of this thread's own, the same one for every call with this name."""
    size, kept = int(np.prod(shape)), _local.__dict__
    if name not in kept or kept[name].size < size or kept[name].dtype != dtype:
        kept[name] = np.empty(size, dtype)
    return kept[name][:size].reshape(shape)


@cache
def _blas() -> list:
    return ThreadpoolController().select(user_api="blas").lib_controllers
