"""What devices that run our CUDA C have in common: arrays over buffers, steps, and launches."""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from .. import kernels
from ..array import STATE_SIZE, Array
from ..errors import CouldNotFinish
from .buffers import Steps


class Buffer:
    """Memory of a device, as its library has it; back in its pool once nothing refers to it."""

    __slots__ = ("memory", "__weakref__")

    def __init__(self, memory: Any):
        self.memory = memory


class RawKernels:
    """Arrays and launches through a library with CuPy's names.

    library: has `RawKernel`. allocate(nbytes): the library's memory. argument(array): what the
    library's kernels take for an `Array`.
    """

    def __init__(self, device, library, allocate: Callable, argument: Callable):
        self.device, self.library, self.allocate, self.argument = (
            device, library, allocate, argument,
        )  # fmt: skip
        self.steps = Steps(allocate)
        self._compiled: dict = {}

    def array(self, shape: tuple[int, ...], dtype, own: bool = False) -> Array:
        """An array of unset values; of the step under way, if there is one and not `own`.

        Raises CouldNotFinish if the device has no room for it.
        """
        dtype = np.dtype(dtype)
        try:
            if self.steps.open and not own:
                buffer = self.steps.lend(shape, dtype, Buffer)
            else:
                buffer = Buffer(self.allocate(max(prod(shape) * dtype.itemsize, 1)))
        except MemoryError as error:
            raise CouldNotFinish(
                f"device {self.device.name} has no room for an array {tuple(shape)} of "
                f"{prod(shape) * dtype.itemsize:,} bytes: {error}"
            ) from None
        return Array(self.device, buffer, tuple(shape), dtype)

    def kernel(self, name: str, constants: dict):
        """The compiled kernel. Raises NotImplementedError if there is no file for it.

        A file that was edited is compiled anew; within a step nobody looks.
        """
        wanted = (name, tuple(constants.items()), tuple(kernels.search_path))
        if not (self.steps.open and wanted in self._compiled):
            file = kernels.find(name, ".cu")
            version = (file, file.stat().st_mtime_ns)
            if self._compiled.get(wanted, (None,))[0] != version:
                text = kernels.assemble(name, ".cu", constants)
                raw = self.library.RawKernel(text, name, options=("-std=c++17",))
                self._compiled[wanted] = (version, raw)
        return self._compiled[wanted][1]

    def launch(self, name, grid, block, args, shared: int, constants: dict) -> None:
        """Launch `name` on arrays and numbers: whole ones as u32, others as f32.

        Raises TypeError for an array of another size of element than 4 bytes, unless the kernel's
        name says that it takes bf16.
        """
        kernel = self.kernel(name, constants)
        if shared > 48 << 10:
            kernel.max_dynamic_shared_size_bytes = shared
        kernel(grid, block, tuple(self._value(name, arg) for arg in args), shared_mem=shared)

    def _value(self, name: str, arg):
        if isinstance(arg, Array):
            if arg.dtype.itemsize != 4 and not name.endswith("_bf16"):
                raise TypeError(f"{name}: the kernel takes f32, i32 or u32, got {arg.dtype}")
            return self.argument(arg)
        if isinstance(arg, np.generic):
            return arg
        return np.uint32(arg) if isinstance(arg, int) else np.float32(arg)


class Device:
    """The methods of a device; see `devices.cpu`. `launches` counts kernels.

    A device says what is `missing`, makes its `_kernels`, and moves bytes in `_copy`.
    """

    name = ""
    shared_memory = 227 << 10  # bytes that a block may ask for: an H100's

    def __init__(self):
        self.transfers = self.launches = 0

    def missing(self) -> str | None:
        """What the machine lacks to run this device, and what to do; None if nothing."""
        raise NotImplementedError

    def _make_kernels(self) -> RawKernels:
        raise NotImplementedError

    def _copy_in(self, array: Array, host: np.ndarray) -> None:
        raise NotImplementedError

    def _copy_out(self, host: np.ndarray, array: Array) -> None:
        raise NotImplementedError

    def synchronize(self) -> None:
        """Wait until all work is done."""

    @cached_property
    def _kernels(self) -> RawKernels:
        if why := self.missing():
            raise CouldNotFinish(f"device {self.name}: {why}")
        return self._make_kernels()

    @cached_property
    def state(self) -> Array:
        """The step state, made when first asked for."""
        return self.upload(np.zeros(STATE_SIZE, np.float32))

    def empty(self, shape: tuple[int, ...], dtype) -> Array:
        """An array of unset values; inside a `step`, out of that step's buffers."""
        return self._kernels.array(shape, dtype)

    def upload(self, array: np.ndarray) -> Array:
        """A copy of `array` on the device."""
        uploaded = self._kernels.array(array.shape, array.dtype, own=True)
        self.write(uploaded, array)
        return uploaded

    def write(self, array: Array, values: np.ndarray) -> None:
        """Overwrite a device array with values from the host, of the same shape. ValueError."""
        if tuple(np.shape(values)) != array.shape:
            raise ValueError(f"write: the array is {array.shape}, the values {np.shape(values)}")
        self.transfers += 1
        if array.size:
            self._copy_in(array, np.ascontiguousarray(values, array.dtype))

    def download(self, array: Array) -> np.ndarray:
        """A copy of `array` for the host."""
        self.transfers += 1
        host = np.empty(array.shape, array.dtype)
        if host.size:
            self._copy_out(host, array)
        return host

    def step(self, key: Hashable) -> AbstractContextManager[None]:
        """Within the block, arrays come from buffers that are kept for the next step."""
        return self._kernels.steps.step(key)

    def replay(self, key: Hashable, body: Callable[[], None]) -> None:
        """Run `body`, which launches the same on the same arrays each time it is given this key."""
        body()

    def forget_steps(self) -> None:
        """Drop all recordings and their buffers."""
        self._kernels.steps.forget()

    def launch(self, name, grid, block, args, *, shared: int = 0, **constants) -> None:
        """Launch kernel `name`; see RawKernels.launch."""
        self.launches += 1
        self._kernels.launch(name, grid, block, args, shared, constants)
