"""An NVIDIA GPU through CuPy: kernels are compiled by NVRTC and launched on a stream of our own."""

from collections.abc import Hashable
from contextlib import contextmanager
from functools import cache
from math import prod

import numpy as np

from .. import kernels
from ..array import STATE_SIZE, Array
from ..errors import CouldNotFinish
from .buffers import Buffers


class Device:
    """The methods of a device; see `devices.cpu`. `launches` counts kernels."""

    name = "cuda"

    def __init__(self):
        self.transfers = self.launches = 0
        self._state = self._ready = None

    # ---- starting ----

    @property
    def _cupy(self):
        if self._ready is None:
            if why := self.missing():
                raise CouldNotFinish(f"device cuda: {why}")
            self._ready = _cupy()
            self._stream = self._ready.cuda.Stream(non_blocking=True)
            self._buffers = Buffers(lambda nbytes: self._ready.empty(nbytes, np.uint8))
        return self._ready

    def missing(self) -> str | None:
        """What the machine lacks to run this device, and what to do; None if nothing."""
        try:
            count = _cupy().cuda.runtime.getDeviceCount()
        except ImportError:
            return "CuPy is not installed: python -m pip install 'cupy-cuda13x[ctk]'"
        except Exception as error:
            return f"no usable NVIDIA GPU or driver ({str(error).splitlines()[0]})"
        return None if count else "there is no NVIDIA GPU"

    @property
    def state(self) -> Array:
        """The step state, made when first asked for."""
        if self._state is None:
            self._state = self.upload(np.zeros(STATE_SIZE, np.float32))
        return self._state

    # ---- memory ----

    def empty(self, shape: tuple[int, ...], dtype) -> Array:
        """An array of unset values; inside a `step`, out of that step's buffers."""
        assert self._cupy
        return self._array(shape, dtype, self._buffers.lend)

    def _array(self, shape, dtype, lend) -> Array:
        dtype = np.dtype(dtype)
        nbytes = max(prod(shape) * dtype.itemsize, 1)
        try:
            buffer = lend(nbytes)
        except self._ready.cuda.memory.OutOfMemoryError as error:
            raise CouldNotFinish(
                f"device cuda is out of memory: {nbytes:,} bytes for an array {shape}; {error}"
            ) from None
        return Array(self, buffer, tuple(shape), dtype)

    def upload(self, array: np.ndarray) -> Array:
        """A copy of `array` on the device."""
        assert self._cupy
        uploaded = self._array(array.shape, array.dtype, self._buffers.own)
        self.write(uploaded, array)
        return uploaded

    def write(self, array: Array, values: np.ndarray) -> None:
        """Overwrite a device array with values from the host, of the same shape."""
        self.transfers += 1
        host = np.ascontiguousarray(values, array.dtype)
        if host.size:
            runtime = self._cupy.cuda.runtime
            runtime.memcpyAsync(
                _address(array), host.ctypes.data, host.nbytes,
                runtime.memcpyHostToDevice, self._stream.ptr,
            )  # fmt: skip
            self._stream.synchronize()  # the host's memory may go away after this

    def download(self, array: Array) -> np.ndarray:
        """A copy of `array` for the host."""
        self.transfers += 1
        host = np.empty(array.shape, array.dtype)
        if host.size:
            runtime = self._cupy.cuda.runtime
            runtime.memcpyAsync(
                host.ctypes.data, _address(array), host.nbytes,
                runtime.memcpyDeviceToHost, self._stream.ptr,
            )  # fmt: skip
            self._stream.synchronize()
        return host

    def synchronize(self) -> None:
        """Wait until all work is done."""
        if self._ready is not None:
            self._stream.synchronize()

    @contextmanager
    def step(self, key: Hashable):
        """Within the block, arrays come from buffers that are kept for the next step."""
        assert self._cupy
        with self._buffers.step(key):
            yield

    def forget_steps(self) -> None:
        """Drop all recordings and their buffers."""
        if self._ready is not None:
            self._buffers = Buffers(lambda nbytes: self._ready.empty(nbytes, np.uint8))

    # ---- kernels ----

    def launch(self, name, grid, block, args, *, shared: int = 0, **constants) -> None:
        """Launch kernel `name` on arrays and numbers (whole ones as u32, others as f32)."""
        if self._ready is None:
            assert self._cupy
        self.launches += 1
        kernel = self._kernel(name, tuple(constants.items()))
        if shared > 48 << 10:
            kernel.max_dynamic_shared_size_bytes = shared
        with self._stream:
            kernel(grid, block, tuple(_argument(arg) for arg in args), shared_mem=shared)

    @cache  # noqa: B019  (there is one device object, which lives as long as the process)
    def _kernel(self, name: str, constants: tuple):
        text = kernels.assemble(name, ".cu", dict(constants))
        return self._cupy.RawKernel(text, name, options=("-std=c++17",))


def _cupy():
    import cupy

    return cupy


def _address(array: Array) -> int:
    return array.buffer.memory.data.ptr + array.offset


def _argument(arg):
    if isinstance(arg, Array):
        return np.uint64(_address(arg))
    if isinstance(arg, np.generic):
        return arg
    return np.uint32(arg) if isinstance(arg, int) else np.float32(arg)
