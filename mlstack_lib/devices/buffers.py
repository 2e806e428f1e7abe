"""Buffers that a device keeps from step to step, and the sequence in which a step asks for them."""

import heapq
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np


class Pool:
    """Buffers by size. A buffer comes back when what was made of it is gone.

    The lowest free buffer is lent first, so a program that repeats itself gets the same ones.
    """

    def __init__(self, allocate: Callable[[int], Any]):
        self.buffers: list[Any] = []
        self._allocate = allocate
        self._free: dict[int, list[int]] = {}
        self._lent: dict[int, weakref.ref] = {}

    def lend(self, nbytes: int, wrap: Callable[[Any], Any]) -> Any:
        """Return wrap(buffer) of a buffer that nothing else uses, until that object is gone."""
        free = self._free.setdefault(nbytes, [])
        if not free:
            free.append(len(self.buffers))
            self.buffers.append(self._allocate(nbytes))
        index = heapq.heappop(free)
        lent = wrap(self.buffers[index])
        self._lent[index] = weakref.ref(lent, lambda _: heapq.heappush(free, index))
        return lent


class Steps:
    """The kinds of step a device has seen. Each must ask for the same arrays in the same order.

    That is what lets a device replay a step: every later one gets the very same buffers.
    """

    def __init__(self, allocate: Callable[[int], Any]):
        self._allocate = allocate
        self._calls: list | None = None
        self.forget()

    def forget(self) -> None:
        """Drop all recordings and their buffers."""
        self.pool = Pool(self._allocate)
        self.recordings: dict[Hashable, list] = {}

    @property
    def open(self) -> bool:
        """Whether a step is under way."""
        return self._calls is not None

    def lend(self, shape: tuple[int, ...], dtype: np.dtype, wrap: Callable[[Any], Any]) -> Any:
        """wrap(buffer) for an array of the step under way."""
        self._calls.append((tuple(shape), dtype))
        return self.pool.lend(max(prod(shape), 1) * dtype.itemsize, wrap)

    @contextmanager
    def step(self, key: Hashable) -> Iterator[None]:
        """Within the block `lend` may be called. RuntimeError says where it differs from before."""
        if self._calls is not None:
            raise RuntimeError(f"step {key!r}: another step is already open")
        self._calls = calls = []
        try:
            yield
        finally:
            self._calls = None
        first = self.recordings.setdefault(key, calls)
        if calls != first:
            at = next(
                (i for i, (a, b) in enumerate(zip(calls, first, strict=False)) if a != b), None
            )
            at = min(len(calls), len(first)) if at is None else at
            got, want = (c[at] if at < len(c) else "nothing" for c in (calls, first))
            raise RuntimeError(f"step {key!r}: array {at} is {got}, the first step had {want}")
