"""What devices that run our kernels have in common: arrays over buffers, steps, and launches."""

import time
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from .. import kernels
from ..array import STATE_SIZE, Array
from ..errors import BadInput, CouldNotFinish
from .buffers import Steps

MOST_MARKS = 4096  # kept before their times are read


class Buffer:
    """Memory of a device, as its library has it; back in its pool once nothing refers to it.

    sent: of whole numbers that were uploaded a copy of the bytes, so that tokens can be checked
    without asking the device. No kernel writes to such arrays.
    """

    __slots__ = ("memory", "sent", "__weakref__")

    def __init__(self, memory: Any):
        self.memory, self.sent = memory, None


@dataclass
class Use:
    """What the launches of a kernel came to. `timed` of them took `seconds`."""

    file: Path
    launches: int = 0
    timed: int = 0
    seconds: float = 0.0


class RawKernels:
    """Arrays and launches through a library with CuPy's names.

    library: has `RawKernel`. allocate(nbytes): the library's memory. argument(array): what the
    library's kernels take for an `Array`. refused: what it raises for a text that does not compile.
    WebGPU, which has other names, replaces `_compile` and `launch`.
    """

    suffix = ".cu"

    def __init__(self, device, library, allocate: Callable, argument: Callable, refused=()):
        self.device, self.library, self.allocate, self.argument = (
            device, library, allocate, argument,
        )  # fmt: skip
        self.steps, self.refused = Steps(self.memory), refused
        self.held = self.most_held = 0  # bytes
        self.uses: dict[str, Use] = {}
        self._compiled: dict = {}
        self._marks: list[tuple[Use, Any, Any]] = []  # of launches whose time is not read yet

    def array(self, shape: tuple[int, ...], dtype, own: bool = False) -> Array:
        """An array of unset values; of the step under way, if there is one and not `own`.

        Raises CouldNotFinish if the device has no room for it.
        """
        dtype = np.dtype(dtype)
        try:
            if self.steps.open and not own:
                buffer = self.steps.lend(shape, dtype, Buffer)
            else:
                buffer = Buffer(self.memory(max(prod(shape), 1) * dtype.itemsize))
        except MemoryError as error:
            held = sum(memory.nbytes for memory in self.steps.pool.buffers)
            raise CouldNotFinish(
                f"device {self.device.name} has no room for an array {tuple(shape)} of "
                f"{prod(shape) * dtype.itemsize:,} bytes, for {self.device.serving}, beside "
                f"{held:,} bytes of the steps so far ({error}): a smaller batch, context or model?"
            ) from None
        return Array(self.device, buffer, tuple(shape), dtype)

    def memory(self, nbytes: int) -> Any:
        """New memory, which is counted as held until it is gone."""
        memory = self.allocate(nbytes)
        self._hold(nbytes)
        weakref.finalize(memory, self._hold, -nbytes).atexit = False
        return memory

    def _hold(self, nbytes: int) -> None:
        self.held += nbytes
        self.most_held = max(self.held, self.most_held)

    def kernel(self, name: str, constants: dict) -> tuple[Path, Any]:
        """The file and the compiled kernel. Raises NotImplementedError without a file, BadInput.

        A file that was edited is compiled anew; within a step nobody looks.
        """
        wanted = (name, tuple(constants.items()), tuple(kernels.search_path))
        if not (self.steps.open and wanted in self._compiled):
            file = kernels.find(name, self.suffix)
            version = (file, file.stat().st_mtime_ns)
            if self._compiled.get(wanted, (None,))[0] != version:
                self._compiled[wanted] = (version, self._compile(file, constants))
        (file, _), raw = self._compiled[wanted]
        return file, raw

    def _compile(self, file: Path, constants: dict):
        text = kernels.assemble(file.stem, self.suffix, constants)
        try:
            raw = self.library.RawKernel(text, file.stem, options=("-std=c++17",))
            raw.compile()
        except self.refused as error:
            raise BadInput(f"{file} does not compile: {error}") from None
        return raw

    def launch(self, name, grid, block, args, shared: int, constants: dict) -> None:
        """Launch `name` on arrays and numbers: whole ones as u32, others as f32.

        Raises TypeError for an array of another size of element than 4 bytes, unless the kernel's
        name says that it takes bf16.
        """
        file, kernel = self.kernel(name, constants)
        if shared > 48 << 10:
            kernel.max_dynamic_shared_size_bytes = shared
        values = tuple(self._value(name, arg) for arg in args)
        with self.used(name, file):
            kernel(grid, block, values, shared_mem=shared)

    @contextmanager
    def used(self, name: str, file: Path) -> Iterator[None]:
        """Around a launch: it is counted, and timed where the device is told to."""
        use = self.uses.setdefault(name, Use(file))
        use.file, use.launches = file, use.launches + 1
        began = self.device.mark() if self.device.timing else None
        yield
        if self.device.timing:
            self._marks.append((use, began, self.device.mark()))
            if len(self._marks) > MOST_MARKS:
                self.read_marks()

    def read_marks(self) -> None:
        """Add the time between the marks to the uses."""
        for use, began, ended in self._marks:
            use.seconds += self.device.between(began, ended)
            use.timed += 1
        self._marks.clear()

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
    suffix = ".cu"  # of the files of its kernels
    shared_memory = 227 << 10  # bytes that a block may ask for: an H100's
    largest_block = 1024  # threads
    clock = "this machine's clock"

    def __init__(self):
        self.transfers = self.launches = 0
        self.timing = False  # whether launches are timed
        self.serving = "the parameters"  # else the operation that `backend` gave last

    def missing(self) -> str | None:
        """What the machine lacks to run this device, and what to do; None if nothing."""
        raise NotImplementedError

    def about(self) -> str:
        """What `doctor` says of a device that works; empty where the name says it all."""
        return ""

    def _make_kernels(self) -> RawKernels:
        raise NotImplementedError

    def _copy_in(self, array: Array, host: np.ndarray) -> None:
        raise NotImplementedError

    def _copy_out(self, host: np.ndarray, array: Array) -> None:
        raise NotImplementedError

    def synchronize(self) -> None:
        """Wait until all work is done."""

    def mark(self) -> Any:
        """A moment in the device's work."""
        return time.perf_counter()

    def between(self, began: Any, ended: Any) -> float:
        """The seconds from one mark to a later one."""
        return ended - began

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
        if array.dtype.kind in "iu":
            uploaded.buffer.sent = np.zeros(array.nbytes, np.uint8)
        self.write(uploaded, array)
        return uploaded

    def write(self, array: Array, values: np.ndarray) -> None:
        """Overwrite a device array with values from the host, of the same shape. ValueError."""
        if tuple(np.shape(values)) != array.shape:
            raise ValueError(f"write: the array is {array.shape}, the values {np.shape(values)}")
        self.transfers += 1
        if array.size:
            host = np.ascontiguousarray(values, array.dtype)
            if (sent := array.sent) is not None:
                sent[...] = host.reshape(array.shape)
            self._copy_in(array, host)

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

    def strict(self, behind: int) -> AbstractContextManager[None]:
        """Within the block the device helps to find mistakes; `behind` each array is memory."""
        return nullcontext()

    def forget_steps(self) -> None:
        """Drop all recordings and their buffers, and count uses from nothing again."""
        self._kernels.steps.forget()
        self._kernels.read_marks()
        self._kernels.uses.clear()

    def launch(self, name, grid, block, args, *, shared: int = 0, **constants) -> None:
        """Launch kernel `name`; see RawKernels.launch. A grid of no blocks is no launch."""
        if 0 not in grid:
            self.launches += 1
            self._kernels.launch(name, grid, block, args, shared, constants)

    @property
    def most_held(self) -> int:
        """The most bytes that arrays and the buffers of steps have held at a time."""
        return self._kernels.most_held

    def uses(self) -> dict[str, Use]:
        """What was launched so far, by kernel."""
        self._kernels.read_marks()
        return self._kernels.uses
