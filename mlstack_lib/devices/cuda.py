"""An NVIDIA GPU through CuPy: kernels are compiled by NVRTC and launched on a stream of our own."""

from collections.abc import Callable, Hashable

import numpy as np

from ..array import Array
from ..errors import CouldNotFinish
from . import raw_kernels


class Device(raw_kernels.Device):
    """See raw_kernels.Device."""

    name = "cuda"
    clock = "device events"

    def __init__(self):
        super().__init__()
        self._graphs: dict[Hashable, tuple | None] = {}

    def missing(self) -> str | None:
        """What the machine lacks to run this device, and what to do; None if nothing."""
        try:
            count = _cupy().cuda.runtime.getDeviceCount()
        except ImportError:
            return "CuPy is not installed: python -m pip install 'cupy-cuda13x[ctk]'"
        except Exception as error:  # CuPy's own, for a missing or too old driver
            return f"no usable NVIDIA GPU or driver ({str(error).splitlines()[0]})"
        return None if count else "there is no NVIDIA GPU"

    def about(self) -> str:
        """The GPU's name."""
        return _cupy().cuda.runtime.getDeviceProperties(0)["name"].decode()

    def _make_kernels(self) -> raw_kernels.RawKernels:
        cupy = _cupy()
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self.shared_memory = cupy.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"]

        def allocate(nbytes: int):
            try:
                return cupy.empty(nbytes, np.uint8)
            except cupy.cuda.memory.OutOfMemoryError as error:
                raise MemoryError(error) from None

        self._broken = cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError
        refused = cupy.cuda.compiler.CompileException
        return raw_kernels.RawKernels(
            self, cupy, allocate, lambda a: np.uint64(_address(a)), refused
        )

    def mark(self):
        """An event on the device's stream."""
        event = _cupy().cuda.Event()
        event.record(self._stream)
        return event

    def between(self, began, ended) -> float:
        """The seconds from one event to a later one, which is waited for."""
        ended.synchronize()
        return _cupy().cuda.get_elapsed_time(began, ended) / 1e3

    def _copy_in(self, array: Array, host: np.ndarray) -> None:
        self._copy(_address(array), host.ctypes.data, host.nbytes, "memcpyHostToDevice")

    def _copy_out(self, host: np.ndarray, array: Array) -> None:
        self._copy(host.ctypes.data, _address(array), host.nbytes, "memcpyDeviceToHost")

    def _copy(self, to: int, source: int, nbytes: int, kind: str) -> None:
        runtime = _cupy().cuda.runtime
        try:
            runtime.memcpyAsync(to, source, nbytes, getattr(runtime, kind), self._stream.ptr)
            self._stream.synchronize()  # the host's memory may go away, or be read, after this
        except self._broken as error:
            raise self._failed(error) from None

    @property
    def stream(self) -> int:
        """The handle of the stream that all work goes to, for libraries beside our kernels."""
        assert self._kernels  # which makes the stream
        return self._stream.ptr

    def synchronize(self) -> None:
        """Wait until all work is done. Raises CouldNotFinish if a kernel went wrong."""
        if "_kernels" in vars(self):
            try:
                self._stream.synchronize()
            except self._broken as error:
                raise self._failed(error) from None

    def _failed(self, error: Exception) -> CouldNotFinish:
        return CouldNotFinish(
            f"device cuda: {error}; of the kernels launched, {', '.join(self._kernels.uses)}, one "
            "went wrong, and nothing runs on the GPU in this process any more; device cuda-sim "
            "says which, and where"
        )

    def replay(self, key: Hashable, body: Callable[[], None]) -> None:
        """Run `body`: first as it is, which compiles and allocates, then as a CUDA graph.

        The graph is recorded at the second call and holds the addresses of that call's arrays.
        Launches that are timed one by one are not in a graph.
        """
        if self.timing:
            body()
            return
        if key not in self._graphs:
            self._graphs[key] = None
            body()
            return
        if self._graphs[key] is None:
            self._graphs[key] = self._captured(body)
        graph, launched = self._graphs[key]
        self._count(launched, 1)
        graph.launch(self._stream)

    def _captured(self, body: Callable[[], None]) -> tuple:
        before = {name: use.launches for name, use in self.uses().items()}
        with self._stream:
            self._stream.begin_capture()
            try:
                body()
            finally:
                graph = self._stream.end_capture()
        uses = self.uses().items()
        launched = {name: use.launches - before.get(name, 0) for name, use in uses}
        self._count(launched, -1)  # recorded, not run
        return graph, launched

    def _count(self, launched: dict[str, int], sign: int) -> None:
        for name, times in launched.items():
            self.launches += sign * times
            self.uses()[name].launches += sign * times

    def forget_steps(self) -> None:
        """Drop all recordings and their buffers."""
        self._graphs.clear()
        super().forget_steps()

    def launch(self, name, grid, block, args, *, shared: int = 0, **constants) -> None:
        """Launch kernel `name` on the device's stream; see RawKernels.launch."""
        assert self._kernels  # which makes the stream
        try:
            with self._stream:
                super().launch(name, grid, block, args, shared=shared, **constants)
        except self._broken as error:
            raise self._failed(error) from None


def _cupy():
    import cupy

    return cupy


def _address(array: Array) -> int:
    return array.buffer.memory.data.ptr + array.offset
