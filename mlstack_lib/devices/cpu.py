"""The processor: arrays are NumPy arrays, kernels are NumPy functions, nothing is transferred."""

import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from math import prod

import numpy as np

from ..array import STATE_SIZE
from .buffers import Steps

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


class _OfThread(threading.local):
    """What belongs to the thread that looks at it."""

    def __init__(self):
        self.steps = Steps(_aligned)


class Device:
    """The five methods of a device, a training step's buffers, and the counters.

    `transfers` counts uploads and downloads, `launches` the functions that `backend` served.
    """

    name = "cpu"

    def __init__(self):
        self.transfers = 0
        self.launches = 0
        self.state = np.zeros(STATE_SIZE, np.float32)
        self._own = _OfThread()

    @property
    def _steps(self) -> Steps:
        return self._own.steps

    def empty(self, shape: tuple[int, ...], dtype) -> np.ndarray:
        """Return an array of unset values; inside a `step`, out of that step's buffers."""
        steps = self._steps
        if not steps.open:
            return np.empty(shape, dtype)
        dtype, count = np.dtype(dtype), prod(shape)
        # The array's base is a memoryview, not an array: NumPy makes every view of it keep the
        # array itself alive, so its end is the end of all of them.
        return steps.lend(
            shape, dtype, lambda buffer: np.frombuffer(buffer, dtype, count=count)
        ).reshape(shape)

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

    def about(self) -> str:
        """What `doctor` says of a device that works; the name says it all."""
        return ""

    def step(self, key: Hashable) -> AbstractContextManager[None]:
        """Within the block, arrays come from buffers that are kept for the next step.

        Every step of one `key` must ask for the same arrays in the same order: that is what lets
        other devices replay it. RuntimeError says where a step differs from the first. A buffer
        is handed out again once nothing refers to its array any more. Each thread has steps and
        buffers of its own.
        """
        return self._steps.step(key)

    def replay(self, key: Hashable, body: Callable[[], None]) -> None:
        """Run `body`, which launches the same on the same arrays each time it is given this key.

        A device that can do it runs `body` twice and from then on only repeats its launches.
        """
        body()

    def forget_steps(self) -> None:
        """Drop all recordings and their buffers, for a program that begins another kind of run."""
        self._own = _OfThread()  # those of all threads


def _aligned(nbytes: int) -> memoryview:
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return memoryview(raw[start : start + nbytes])
