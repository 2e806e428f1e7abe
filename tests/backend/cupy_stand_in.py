"""A stand-in for CuPy that is made of the simulator.

The calls are CuPy's own, so what the device `cuda` does with them, and with CuPy's errors, is tried
without a GPU. What CuPy and a GPU themselves do is not.
"""

import ctypes
from types import SimpleNamespace

import numpy as np

from mlstack_lib import sim


class CompileException(Exception):
    """CuPy's, for a text that NVRTC refuses."""


class CUDARuntimeError(RuntimeError):
    """CuPy's, for an error of the CUDA runtime."""


class CUDADriverError(RuntimeError):
    """CuPy's, for an error of the driver."""


class OutOfMemoryError(MemoryError):
    """CuPy's."""


class Kernel(sim.RawKernel):
    """CuPy's RawKernel on the simulator; arrays come as addresses."""

    def compile(self, log_stream=None):
        try:
            super().compile()
        except sim.CompileError as error:
            raise CompileException(str(error)) from None

    def __call__(self, grid, block, args, *, shared_mem=0):
        if STATE.captured is not None:
            STATE.captured.append((self, grid, block, args, shared_mem))
            return
        args = tuple(_at(int(a)) if isinstance(a, np.uint64) else a for a in args)
        try:
            super().__call__(grid, block, args, shared_mem=shared_mem)
        except sim.KernelError:
            STATE.broken = True  # a GPU says so later


ARRAYS: dict[int, np.ndarray] = {}  # by address, as bytes


def _at(address: int) -> np.ndarray:
    """The words from an address on to the end of the array that it is in."""
    base = max(begin for begin in ARRAYS if begin <= address)
    rest = ARRAYS[base][address - base :]
    return rest[: rest.size // 4 * 4].view(np.float32)


STATE = SimpleNamespace(broken=False, clock=0, captured=None)


class Stream:
    """CuPy's Stream: everything on it is done already."""

    ptr = 1

    def __init__(self, non_blocking):
        assert non_blocking

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def begin_capture(self):
        assert STATE.captured is None
        STATE.captured = []

    def end_capture(self):
        launches, STATE.captured = STATE.captured, None
        return Graph(launches)

    def synchronize(self):
        assert STATE.captured is None, "a wait cannot be recorded"
        if STATE.broken:
            raise CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access")


class Graph:
    """CuPy's Graph: the launches that were recorded instead of run, and how often it was run."""

    def __init__(self, launches):
        self.launches, self.runs = launches, 0

    def launch(self, stream):
        assert isinstance(stream, Stream)
        self.runs += 1
        for kernel, grid, block, args, shared in self.launches:
            kernel(grid, block, args, shared_mem=shared)


class Event:
    """CuPy's Event: three milliseconds after the one before."""

    def record(self, stream):
        assert isinstance(stream, Stream)
        STATE.clock += 3
        self.time = STATE.clock

    def synchronize(self):
        return None


class Memory(SimpleNamespace):
    """CuPy's array, as far as it is used; like it, it can be referred to weakly."""


def _empty(nbytes, dtype):
    if nbytes > 1 << 20:
        raise OutOfMemoryError(f"Out of memory allocating {nbytes:,} bytes")
    memory = sim.empty(nbytes, dtype)
    ARRAYS[memory.ctypes.data] = memory
    address = SimpleNamespace(ptr=memory.ctypes.data)
    return Memory(data=address, nbytes=nbytes, memory=memory)


def _copy(to, source, nbytes, kind, stream):
    ctypes.memmove(to, source, nbytes)


def library() -> SimpleNamespace:
    """What `import cupy` is to give; begins anew."""
    runtime = SimpleNamespace(
        getDeviceCount=lambda: 1, memcpyAsync=_copy, memcpyHostToDevice=1, memcpyDeviceToHost=2,
        CUDARuntimeError=CUDARuntimeError, runtimeGetVersion=lambda: 13000,
        getDeviceProperties=lambda _: {"name": b"a stand-in"},
    )  # fmt: skip
    parts = SimpleNamespace(
        runtime=runtime, Stream=Stream, Event=Event,
        Device=lambda: SimpleNamespace(attributes={"MaxSharedMemoryPerBlockOptin": 227 << 10}),
        driver=SimpleNamespace(CUDADriverError=CUDADriverError),
        compiler=SimpleNamespace(CompileException=CompileException),
        memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
        get_elapsed_time=lambda began, ended: ended.time - began.time,
    )  # fmt: skip
    ARRAYS.clear()
    STATE.broken, STATE.clock, STATE.captured = False, 0, None
    return SimpleNamespace(cuda=parts, empty=_empty, RawKernel=Kernel, __version__="0")
