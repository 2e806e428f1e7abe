"""The runtime library as Python sees it: its structures, and an object for each compiler.

The structures are those of include/runtime.h.
"""

import ctypes as c
import sys
import threading
from functools import cache

from .build import runtime_library
from .compilers import Compiler

KINDS = (
    "", "out of bounds", "race", "global race", "uninitialised", "divergence",
    "left before barrier", "deadlock", "wrong mask", "wrong lane", "mixed warp", "bad pointer",
    "time limit", "misaligned", "in flight", "stack overflow", "shared limit", "division",
    "illegal", "assertion", "trap", "race", "race in a block", "race in a block",
)  # fmt: skip
EVENTS = ("barriers", "shuffles", "votes", "syncwarps", "mma", "ldmatrix", "cp.async", "atomics")
SHARED_ID = 1 << 20
SITE_LINE = 1 << 19
Three = c.c_uint * 3
Four = c.c_uint * 4


class Parameters(c.Structure):
    """A launch."""

    _fields_ = (
        ("call", c.c_void_p), ("arguments", c.c_void_p), ("grid", Three), ("block", Three),
        ("dynamic_shared", c.c_uint), ("checking", c.c_int), ("order", c.c_int),
        ("workers", c.c_int), ("seed", c.c_uint), ("module_low", c.c_void_p),
        ("module_high", c.c_void_p), ("text_low", c.c_void_p), ("text_high", c.c_void_p),
    )  # fmt: skip


class RawFinding(c.Structure):
    """A finding with places and arrays as numbers."""

    _fields_ = (
        ("kind", c.c_int), ("access", c.c_int), ("access2", c.c_int), ("size", c.c_int),
        ("thread", c.c_uint), ("thread2", c.c_uint), ("block", Three), ("block2", Three),
        ("site", c.c_uint), ("site2", c.c_uint), ("array", c.c_int), ("count", c.c_int),
        ("offset", c.c_longlong), ("address", c.c_uint64), ("sequence", c.c_uint64),
        ("numbers", Four),
    )  # fmt: skip


class SharedArray(c.Structure):
    """A `__shared__` array of the last launch."""

    _fields_ = (
        ("name", c.c_char * 64), ("base", c.c_uint64), ("size", c.c_uint64),
        ("element", c.c_uint), ("dims", Four), ("line", c.c_int), ("dynamic", c.c_int),
        ("padded", c.c_int),
    )  # fmt: skip


class RawCounter(c.Structure):
    """What was counted for one place and kind of access."""

    _fields_ = (
        ("key", c.c_uint), ("worst", c.c_uint), ("requests", c.c_uint64), ("lanes", c.c_uint64),
        ("moved", c.c_uint64), ("ideal", c.c_uint64), ("base", c.c_uint64), ("block", c.c_uint64),
        ("warp", c.c_uint), ("active", c.c_uint), ("offset", c.c_uint * 32),
    )  # fmt: skip


class KernelInfo(c.Structure):
    """A kernel in a compiled library."""

    _fields_ = (
        ("name", c.c_char_p), ("call", c.c_void_p), ("count", c.c_int),
        ("sizes", c.POINTER(c.c_uint)), ("kinds", c.c_char_p), ("pointees", c.POINTER(c.c_uint)),
        ("pointee_kinds", c.c_char_p),
    )  # fmt: skip


class Runtime:
    """A loaded runtime. One launch at a time in the whole process: `lock`."""

    lock = threading.Lock()

    def __init__(self, compiler: Compiler):
        _load_libm()
        # local, so that the runtimes of two compilers do not answer for each other
        self.library = library = c.CDLL(str(runtime_library(compiler)), mode=c.RTLD_LOCAL)
        library.sim_allocate.argtypes, library.sim_allocate.restype = [c.c_uint64], c.c_void_p
        library.sim_free.argtypes, library.sim_free.restype = [c.c_void_p], None
        library.sim_array_at.argtypes = [c.c_void_p, c.POINTER(c.c_uint64), c.POINTER(c.c_uint64)]
        library.sim_array_at.restype = c.c_uint
        library.sim_start.argtypes = [c.POINTER(Parameters)]
        library.sim_wait.argtypes = [c.c_int]
        library.sim_cancel.restype = None
        library.sim_findings.argtypes = [c.POINTER(c.POINTER(RawFinding))]
        library.sim_device_memory.restype = c.c_void_p
        library.sim_shared_array.argtypes = [c.c_int]
        library.sim_shared_array.restype = c.POINTER(SharedArray)
        library.sim_counters.argtypes = [c.POINTER(c.POINTER(RawCounter))]
        library.sim_events.restype = c.POINTER(c.c_uint64)
        library.sim_blocks.restype = c.c_uint64

    def array_at(self, address: int) -> tuple[int, int, int]:
        """(number, first address, address behind it) of the device array there; number 0: none."""
        low, high = c.c_uint64(), c.c_uint64()
        number = self.library.sim_array_at(address, c.byref(low), c.byref(high))
        return number, low.value, high.value

    def findings(self) -> list[RawFinding]:
        """What the last launch found."""
        first = c.POINTER(RawFinding)()
        count = self.library.sim_findings(c.byref(first))
        return [first[i] for i in range(count)]

    def counters(self) -> list[RawCounter]:
        """What the last launch counted, by place."""
        table = c.POINTER(RawCounter)()
        size = self.library.sim_counters(c.byref(table))
        copies = (RawCounter * size).from_address(c.addressof(table.contents))
        return [RawCounter.from_buffer_copy(counter) for counter in copies if counter.key]

    def events(self) -> dict[str, int]:
        """How often each kind of event happened in the last launch."""
        counts = self.library.sim_events()
        return {name: counts[i] for i, name in enumerate(EVENTS) if counts[i]}


def _load_libm() -> None:
    """Make exp and its like findable by kernels that zig linked without libraries."""
    if sys.platform == "linux":
        try:
            c.CDLL("libm.so.6", mode=c.RTLD_GLOBAL)
        except OSError:
            return  # another C library, which has them in itself


@cache
def runtime_of(compiler: Compiler) -> Runtime:
    """The runtime that this compiler built, loaded once in a process."""
    return Runtime(compiler)
