"""The processor: arrays are NumPy arrays, kernels are NumPy functions, nothing is transferred."""

import heapq
import weakref
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from math import prod

import numpy as np

from ..array import STATE_SIZE

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


class Device:
    """The five methods of a device, a training step's buffers, and the counters.

    `transfers` counts uploads and downloads, `launches` the functions that `backend` served.
    """

    name = "cpu"

    def __init__(self):
        self.transfers = 0
        self.launches = 0
        self.state = np.zeros(STATE_SIZE, np.float32)
        self._pool = Pool()
        self._recordings: dict[Hashable, list] = {}
        self._calls: list | None = None

    def empty(self, shape: tuple[int, ...], dtype) -> np.ndarray:
        """Return an array of unset values; inside a `step`, out of that step's buffers."""
        if self._calls is None:
            return np.empty(shape, dtype)
        self._calls.append((tuple(shape), np.dtype(dtype)))
        return self._pool.lend(*self._calls[-1])

    def upload(self, array: np.ndarray) -> np.ndarray:
        """Return a copy of `array` on the device."""
        self.transfers += 1
        return np.array(array)

    def download(self, array: np.ndarray) -> np.ndarray:
        """Return a copy of `array` for the host."""
        self.transfers += 1
        return np.array(array)

    def write(self, array: np.ndarray, values: np.ndarray) -> None:
        """Overwrite a device array with values from the host, of the same shape."""
        self.transfers += 1
        array[...] = values

    def synchronize(self) -> None:
        """Wait until all work is done; here it always is."""

    def missing(self) -> str | None:
        """What the machine lacks to run this device, and what to do; None, since nothing is."""
        return None

    @contextmanager
    def step(self, key: Hashable) -> Iterator[None]:
        """Within the block, arrays come from buffers that are kept for the next step.

        Every step of one `key` must ask for the same arrays in the same order: that is what lets
        other devices replay it. RuntimeError says where a step differs from the first. A buffer
        is handed out again once nothing refers to its array any more.
        """
        if self._calls is not None:
            raise RuntimeError(f"step {key!r}: another step is already open")
        self._calls = calls = []
        try:
            yield
        finally:
            self._calls = None
        first = self._recordings.setdefault(key, calls)
        if calls != first:
            at = next(
                (i for i, (a, b) in enumerate(zip(calls, first, strict=False)) if a != b), None
            )
            at = min(len(calls), len(first)) if at is None else at
            got, want = (c[at] if at < len(c) else "nothing" for c in (calls, first))
            raise RuntimeError(f"step {key!r}: array {at} is {got}, the first step had {want}")

    def forget_steps(self) -> None:
        """Drop all recordings and their buffers, for a program that begins another kind of run."""
        self._recordings.clear()
        self._pool = Pool()


class Pool:
    """Buffers by size. A buffer comes back when the last view of the array over it is gone.

    The lowest free buffer is lent first, so a program that repeats itself gets the same ones.
    """

    def __init__(self):
        self.buffers: list[memoryview] = []
        self._free: dict[int, list[int]] = {}

    def lend(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return an array over a buffer that nothing else uses."""
        nbytes = max(prod(shape) * dtype.itemsize, 1)
        free = self._free.setdefault(nbytes, [])
        if not free:
            free.append(len(self.buffers))
            self.buffers.append(_aligned(nbytes))
        index = heapq.heappop(free)
        # The array's base is a memoryview, not an array: NumPy makes every view of it keep the
        # array itself alive, so its end is the end of all of them.
        array = np.frombuffer(self.buffers[index], dtype, count=prod(shape))
        weakref.finalize(array, heapq.heappush, free, index).atexit = False
        return array.reshape(shape)


def _aligned(nbytes: int) -> memoryview:
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return memoryview(raw[start : start + nbytes])
