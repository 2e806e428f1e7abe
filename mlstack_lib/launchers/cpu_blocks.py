"""Share an operation among the cores, and go through each share in blocks that fit the cache.

A core's share includes its part of the matrix products, for which BLAS gets one thread. BLAS with
threads of its own makes them meet at every product, many times slower as soon as another program
wants one of the cores; and they go on spinning for a while after it, on a core that we want.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from functools import cache, partial
from math import prod
from queue import SimpleQueue

import numpy as np
from threadpoolctl import ThreadpoolController

from ..devices import device

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
BLOCK = 1 << 18  # elements a block, at most: 1 MiB in f32
WORTH_SHARING = 1 << 16  # elements (or multiply-adds by 32) that pay for waking another thread

_local = threading.local()
_cores: ContextVar[range | None] = ContextVar("cores", default=None)  # None: all
empty = device("cpu").empty


# ---- shares and blocks ----


def in_shares(count: int, cost: int, work: Callable[[int, int], None]) -> None:
    """Call work(start, stop) for shares of range(count), one for each core, at the same time.

    cost: about how many elements the whole work goes over. An exception of any share is raised
    once all have ended. If there are more cores than shares, each share may share out its own work
    among several; if there are not, what it calls runs on its core alone.
    """
    own = cores()
    shares = max(min(len(own), count), 1) if cost > WORTH_SHARING else 1
    if shares == 1:
        with _one_blas_thread:
            work(0, count)
        return
    spans = [own[len(own) * i // shares : len(own) * (i + 1) // shares] for i in range(shares)]
    calls, ended = [], SimpleQueue()
    for i, span in enumerate(spans):
        context = copy_context()  # np.errstate among others
        context.run(_cores.set, span)
        calls.append(partial(context.run, work, count * i // shares, count * (i + 1) // shares))
    with _one_blas_thread:
        for span, call in zip(spans[1:], calls[1:], strict=True):
            _worker(span.start).put((call, ended))
        try:
            calls[0]()
        finally:
            errors = [ended.get() for _ in range(1, shares)]  # waits
    for error in errors:
        if error is not None:
            raise error


def cores() -> range:
    """The cores that work may be shared among: all, or inside a share those that it has."""
    return _cores.get() or range(CORES)


def in_blocks(rows: int, row_size: int, work: Callable[[int, int, int], None]) -> None:
    """Call work(block, start, stop) for blocks of rows that cover `rows`, on all cores.

    The blocks depend on the sizes alone, so sums over blocks are the same on any number of cores.
    """
    height = block_height(rows, row_size)

    def share(first, last):
        for block in range(first, last):
            work(block, block * height, min(block * height + height, rows))

    in_shares(-(-rows // height), rows * row_size, share)


def block_height(rows: int, row_size: int) -> int:
    """How many rows make a block of `in_blocks`.

    An even number of blocks, so that two cores have equal shares; smaller ones would be worse:
    threads that come back to Python every few microseconds wait for each other there.
    """
    size = rows * row_size
    count = 2 * -(-size // (2 * BLOCK)) if size > WORTH_SHARING else 1
    return max(-(-rows // count), 1)


def blocks(start: int, stop: int, row_size: int) -> Iterator[slice]:
    """The blocks of a share, one after the other, where nothing depends on where they begin."""
    height = max(BLOCK // max(row_size, 1), 1)
    for at in range(start, stop, height):
        yield slice(at, min(at + height, stop))


def scratch(name: str, shape: tuple[int, ...], dtype) -> np.ndarray:
    """A buffer of this thread's own, the same one for every call with this name."""
    size, kept = prod(shape), _local.__dict__
    if name not in kept or kept[name].size < size or kept[name].dtype != dtype:
        kept[name] = np.empty(size, dtype)
    return kept[name][:size].reshape(shape)


# ---- threads ----


@cache
def _worker(_: int) -> SimpleQueue:
    """The tasks of one of our threads, which is started when it is first asked for."""
    tasks = SimpleQueue()
    threading.Thread(target=_serve, args=(tasks,), name="mlstack", daemon=True).start()
    return tasks


def _serve(tasks: SimpleQueue) -> None:
    while True:
        call, ended = tasks.get()
        try:
            call()
        except BaseException as error:  # handed to the thread that waits, which raises it
            ended.put(error)
        else:
            ended.put(None)
        del call, ended  # or the arrays in them would live until the next task


class _OneBlasThread:
    """Inside, BLAS has one thread; several threads may be inside at a time."""

    def __init__(self):
        self.lock, self.inside, self.before = threading.Lock(), 0, []

    def __enter__(self):
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.before = [(library, library.num_threads) for library in _blas()]
                for library, _ in self.before:
                    library.set_num_threads(1)

    def __exit__(self, *_):
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                for library, threads in self.before:
                    library.set_num_threads(threads)


_one_blas_thread = _OneBlasThread()


@cache
def _blas() -> list:
    return ThreadpoolController().select(user_api="blas").lib_controllers
