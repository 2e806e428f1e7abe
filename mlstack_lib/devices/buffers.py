"""Buffers of a device that are lent out, and come back when nothing refers to them any more."""

import heapq
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any


class Buffer:
    """Memory of a device; its `memory` is what the device's library calls it."""

    __slots__ = ("memory", "__weakref__")

    def __init__(self, memory: Any):
        self.memory = memory


class Buffers:
    """The buffers of all steps, by size, and the sequence of requests in each kind of step.

    The lowest free buffer of a size is lent first, so a step that asks for the same arrays in the
    same order gets the same memory every time: that is what lets a device replay it.
    """

    def __init__(self, allocate: Callable[[int], Any]):
        self._allocate = allocate
        self._memories: list[Any] = []
        self._free: dict[int, list[int]] = {}
        self._requests: dict[Hashable, list[int]] = {}
        self._now: list[int] | None = None

    def lend(self, nbytes: int) -> Buffer:
        """A buffer of this size: inside a step one that is kept, outside a new one."""
        if self._now is None:
            return self.own(nbytes)
        self._now.append(nbytes)
        free = self._free.setdefault(nbytes, [])
        if not free:
            free.append(len(self._memories))
            self._memories.append(self._allocate(nbytes))
        index = heapq.heappop(free)
        buffer = Buffer(self._memories[index])
        weakref.finalize(buffer, heapq.heappush, free, index).atexit = False
        return buffer

    def own(self, nbytes: int) -> Buffer:
        """A new buffer of this size, which belongs to no step."""
        return Buffer(self._allocate(nbytes))

    @contextmanager
    def step(self, key: Hashable) -> Iterator[None]:
        """Within the block, buffers are kept. RuntimeError if a step asks for others."""
        if self._now is not None:
            raise RuntimeError(f"step {key!r}: another step is already open")
        self._now = now = []
        try:
            yield
        finally:
            self._now = None
        first = self._requests.setdefault(key, now)
        if now != first:
            at = next((i for i, (a, b) in enumerate(zip(now, first, strict=False)) if a != b), None)
            at = min(len(now), len(first)) if at is None else at
            got, want = (f"{r[at]:,} bytes" if at < len(r) else "nothing" for r in (now, first))
            raise RuntimeError(f"step {key!r}: array {at} is {got}, the first step had {want}")
