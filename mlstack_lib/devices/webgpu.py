"""WebGPU through wgpu: the same launches as on `cuda`, of the kernels' twins in WGSL."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import numpy as np

from ..array import Array
from ..webgpu import adapter
from ..webgpu.launches import Kernels
from . import raw_kernels


class Device(raw_kernels.Device):
    """See raw_kernels.Device."""

    name = "webgpu"
    shared_memory = adapter.WORKGROUP_MEMORY
    largest_block = adapter.LARGEST_BLOCK
    suffix = ".wgsl"

    def missing(self) -> str | None:
        """What the machine lacks to run this device, and what to do; None if nothing."""
        found = adapter.find_adapter()
        return found if isinstance(found, str) else None

    def about(self) -> str:
        """The adapter's name, and whether it is a software one."""
        found = adapter.find_adapter()
        info = found.info
        text = f"{info['device']}, {info['backend_type']}"
        return text + ": a software adapter, right but slow" * adapter.is_software(found)

    def _make_kernels(self) -> Kernels:
        return Kernels(self)

    def _copy_in(self, array: Array, host: np.ndarray) -> None:
        self._kernels.flush()
        memory = array.buffer.memory
        with self._kernels.lost_is_said():
            self._kernels.adapter.write(memory.buffer, array.offset, _bytes(host))

    def _copy_out(self, host: np.ndarray, array: Array) -> None:
        self._kernels.flush()
        memory, size = array.buffer.memory, -(-host.nbytes // 4) * 4
        with self._kernels.lost_is_said():
            data = self._kernels.adapter.read(memory.buffer, array.offset, size)
        host.reshape(-1).view(np.uint8)[:] = np.frombuffer(data, np.uint8)[: host.nbytes]

    def synchronize(self) -> None:
        """Wait until all work is done."""
        if "_kernels" in vars(self):
            self._kernels.flush()
            with self._kernels.lost_is_said():
                self._kernels.adapter.wait()

    @contextmanager
    def step(self, key: Hashable) -> Iterator[None]:
        """Within the block, arrays come from buffers kept for the next step; then one submit."""
        with super().step(key):
            yield
        self._kernels.flush()

    def replay(self, key: Hashable, body: Callable[[], None]) -> None:
        """Run `body`; from the third time on its dispatches are repeated without it."""
        launched = self._kernels.replay(key, body)  # a body that runs counts its launches itself
        self.launches += launched.total()

    @contextmanager
    def strict(self, behind: int) -> Iterator[None]:
        """Within the block more mistakes of a kernel show than an adapter shows by itself.

        WebGPU drops or moves a write beyond what is bound: here `behind` bytes more are bound of
        each array, unless the kernel asks for its length. And grids go on in z from 4 blocks on.
        """
        longest, self._kernels.longest, self._kernels.behind = self._kernels.longest, 3, behind
        try:
            yield
        finally:
            self._kernels.longest, self._kernels.behind = longest, 0

    def forget_steps(self) -> None:
        """Drop all recordings and their buffers, and count uses from nothing again."""
        self._kernels.tapes.clear()
        super().forget_steps()

    @property
    def has_timestamps(self) -> bool:
        """Whether the adapter times its own work."""
        return self._kernels.adapter.has_timestamps

    @property
    def clock(self) -> str:
        """What launches are timed by."""
        if self.has_timestamps:
            return "the adapter's timestamps"
        return "this machine's clock, with a wait after each"

    def mark(self):
        """A moment when all work so far is done."""
        if self.has_timestamps:
            return self._kernels.mark()
        self.synchronize()
        return super().mark()

    def between(self, began, ended) -> float:
        """The seconds from one mark to a later one."""
        if self.has_timestamps:
            return self._kernels.between(began, ended)
        return super().between(began, ended)


def _bytes(host: np.ndarray) -> bytes:
    data = host.tobytes()
    return data + bytes(-len(data) % 4)
