"""What a launch found, with the learner's lines, arrays and indices in place of addresses."""

import re
from dataclasses import dataclass, field

import numpy as np

from .runtime import KINDS, SHARED_ID, SITE_LINE, RawFinding, Runtime
from .source import Source

ACCESSES = ("reads", "writes", "updates")
WARNINGS = ("left before barrier",)
NO_ARGUMENT = "an array that is no argument"
DEVICE_SIZE = 1 << 34  # bytes of addresses, as in include/memory.cpp
NULL_PAGE = 4096  # an address below it is that of `None`, and an index perhaps
FOLLOWING = ("uninitialised", "in flight")
Index3 = tuple[int, int, int]


@dataclass(frozen=True)
class Place:
    """A line of the learner's, and a column of it, 0 if that is not known."""

    file: str = ""
    line: int = 0
    column: int = 0
    text: str = ""


@dataclass(frozen=True)
class Touched:
    """The array of an access: `index` of the element, which may lie outside of `shape`."""

    name: str
    space: str  # "global" or "shared"
    shape: tuple[int, ...]
    element: int  # bytes
    index: tuple[int, ...]
    line: int = 0  # of the declaration, for a shared array
    dynamic: bool = False

    def __str__(self) -> str:
        return self.name + "".join(f"[{i}]" for i in self.index)

    @property
    def known(self) -> bool:
        """Whether it is an array of the kernel's or of the launch's arguments."""
        return self.name != NO_ARGUMENT

    @property
    def is_table(self) -> bool:
        """Whether Python gives it two dimensions or more, of which a kernel knows nothing."""
        return self.space == "global" and len(self.index) > 1

    @property
    def position(self) -> int:
        """The place of the element among all, row after row."""
        position = 0
        for i, n in zip(self.index, self.shape, strict=True):
            position = position * n + i
        return position


@dataclass
class Finding:
    """One thing that is wrong, `count` times; block and thread are those of the first.

    kind: one of `runtime.KINDS`. at, at2: the places of the two accesses or barriers, if there are
    two. access, access2: "reads", "writes" or "updates" (an atomic).
    """

    kind: str
    at: Place
    at2: Place | None
    block: Index3
    thread: Index3
    block2: Index3
    thread2: Index3
    access: str
    access2: str
    size: int
    touched: Touched | None
    address: int
    numbers: tuple[int, ...]
    count: int
    block_shape: Index3 = field(repr=False)
    sequence: int = field(repr=False)

    @property
    def is_warning(self) -> bool:
        """Whether real GPUs let it pass."""
        return self.kind in WARNINGS

    @property
    def line(self) -> int:
        """The learner's line of the first place."""
        return self.at.line

    @property
    def line2(self) -> int:
        """The learner's line of the second place, 0 if there is none."""
        return self.at2.line if self.at2 else 0

    @property
    def lane(self) -> int:
        """The thread's place in its warp."""
        return self._number(self.thread) % 32

    @property
    def in_one_warp(self) -> bool:
        """Whether the two threads are of the same warp."""
        return self._number(self.thread) // 32 == self._number(self.thread2) // 32

    @property
    def adds(self) -> bool:
        """Whether its line is `y[0] += ...` or the like, y being the array."""
        name = re.escape(self.array)
        return bool(name and re.search(rf"\b{name}\b[^;]*?([-+]=|\+\+|--)", self.at.text))

    @property
    def is_one_assignment(self) -> bool:
        """Whether lanes of a warp assign to one element by one line: all may write the same.

        CUDA's guide says of such an instruction that one of its writes is what stays.
        """
        writers = self.access == self.access2 == "writes" and self.line == self.line2
        return self.kind == "race in a block" and writers and self.in_one_warp and not self.adds

    def _number(self, thread: Index3) -> int:
        x, y, _ = self.block_shape
        return thread[0] + x * (thread[1] + y * thread[2])

    @property
    def array(self) -> str:
        """The name of the array, empty if none is concerned."""
        return self.touched.name if self.touched else ""


class Reader:
    """Turns what the runtime reports on one launch into findings."""

    def __init__(self, runtime: Runtime, source: Source, lines, block: Index3, arrays):
        self.runtime, self.source, self.block, self.arrays = runtime, source, block, arrays
        self._lines = lines  # a function that gives Lines: they are read when they are needed

    def findings(self) -> list[Finding]:
        """All findings, one for each kind, pair of lines and array: errors first, then by line."""
        raw = self.runtime.findings()
        fatal = [f.sequence for f in raw if KINDS[f.kind] in FATAL]
        last = min(fatal, default=1 << 63)  # what came in later blocks depends on the workers
        merged: dict[tuple, Finding] = {}
        for found in (self._finding(f) for f in raw if f.sequence <= last):
            lines = frozenset((found.line, found.line2))  # who came first is chance
            key = (found.kind, found.at.file, lines, found.array)
            other = merged.setdefault(key, found)
            if other is not found:
                first, second = sorted((other, found), key=lambda f: (f.in_one_warp, f.sequence))
                merged[key] = first
                first.count += second.count
        found = [
            f for key, f in merged.items()
            if not f.is_one_assignment and not _said_of_blocks(key, merged)
        ]  # fmt: skip
        kinds = {f.kind for f in found}
        return sorted(found, key=lambda f: (_weight(f.kind, kinds), f.sequence, f.line))

    def place(self, site: int) -> Place:
        """The learner's place of a site."""
        if site & SITE_LINE:
            line, column = site & (SITE_LINE - 1), 0
        else:
            line, column = self._lines()(site) if site else (0, 0)
        file, number = self.source.place(line)
        return Place(file, number, column, self.source.line_text(line))

    def _finding(self, raw: RawFinding) -> Finding:
        return Finding(
            kind=KINDS[raw.kind],
            at=self.place(raw.site),
            at2=self.place(raw.site2) if raw.site2 else None,
            block=tuple(raw.block),
            thread=self.thread(raw.thread),
            block2=tuple(raw.block2),
            thread2=self.thread(raw.thread2),
            access=ACCESSES[raw.access],
            access2=ACCESSES[raw.access2],
            size=raw.size,
            touched=self._touched(raw.array, raw.offset) or self._empty_dynamic(raw),
            address=raw.address,
            numbers=tuple(raw.numbers),
            count=raw.count,
            block_shape=self.block,
            sequence=raw.sequence,
        )

    def thread(self, number: int) -> Index3:
        """threadIdx of a thread's number in its block."""
        x, y, _ = self.block
        return number % x, number // x % y, number // x // y

    # ---- arrays ----

    def array_with(self, address: int, space: str) -> tuple[str, int]:
        """Name of the array that a counter's address lies in, and the offset there."""
        library = self.runtime.library
        if space == "shared":
            for i in range(1, library.sim_shared_arrays() + 1):
                info = library.sim_shared_array(SHARED_ID + i).contents
                if 0 <= address - info.base < info.size:
                    return info.name.decode(), address - info.base
        for name, argument in self.arrays:
            start = argument.ctypes.data - library.sim_device_memory()
            inside = (address - start) % (1 << 32)  # the counters keep 32 bits
            if inside < argument.nbytes:
                return name, inside
        return "", 0

    def _touched(self, array: int, offset: int) -> Touched | None:
        if not array:
            return None
        return self._shared(array, offset) if array >= SHARED_ID else self._device(array, offset)

    def _empty_dynamic(self, raw: RawFinding) -> Touched | None:
        """The `extern __shared__` array that was forgotten at the launch, if it may be that."""
        library = self.runtime.library
        away = raw.address - (library.sim_device_memory() or 0)
        if KINDS[raw.kind] != "out of bounds" or raw.address < NULL_PAGE or 0 <= away < DEVICE_SIZE:
            return None
        text = self.place(raw.site).text
        for i in range(1, library.sim_shared_arrays() + 1):
            info = library.sim_shared_array(SHARED_ID + i).contents
            name = info.name.decode()
            if info.dynamic and not info.size and re.search(rf"\b{re.escape(name)}\b", text):
                return Touched(name, "shared", (0,), info.element, (), info.line, True)
        return None

    def _shared(self, array: int, offset: int) -> Touched:
        info = self.runtime.library.sim_shared_array(array).contents
        element = max(info.element, 1)
        shape = tuple(n for n in info.dims if n)
        if info.dynamic:
            shape = (info.size // element,)
        _, line = self.source.place(info.line)
        return Touched(
            info.name.decode(), "shared", shape, element, index_of(offset // element, shape), line,
            bool(info.dynamic),
        )  # fmt: skip

    def _device(self, array: int, offset: int) -> Touched:
        """Of the arguments in this array (views of it, perhaps) the one that the offset is in."""
        best = None
        for name, argument in self.arrays:
            number, low, _ = self.runtime.array_at(argument.ctypes.data)
            if number != array:
                continue
            start = argument.ctypes.data - low
            away = max(start - offset, offset - start - argument.nbytes + 1, 0)
            if best is None or away < best[0]:
                best = away, name, argument, offset - start
        if best is None:
            return Touched(NO_ARGUMENT, "global", (), 1, (offset,))
        _, name, argument, inside = best
        shape = argument.shape or (1,)
        index = index_of(inside // argument.itemsize, shape)
        return Touched(name, "global", shape, argument.itemsize, index)


FATAL = {
    "out of bounds", "divergence", "deadlock", "wrong mask", "mixed warp", "bad pointer",
    "time limit", "misaligned", "stack overflow", "shared limit", "division", "illegal",
    "assertion", "trap",
}  # fmt: skip


def _weight(kind: str, kinds: set[str]) -> int:
    """Causes before what follows from them: a missing barrier lets a read come before its write.

    A thread that left early writes nothing that others wait for, so that a note may be a cause.
    """
    if kind in WARNINGS:
        return -1 if kinds & {"race", *FOLLOWING} else 3
    return ("race" not in kind) + (kind in FOLLOWING)


def _said_of_blocks(key: tuple, merged: dict) -> bool:
    """Whether a race in a block is also one between blocks: one message is enough."""
    return key[0] == "race in a block" and ("global race", *key[1:]) in merged


def index_of(position: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of an element, its first part out of range if the position is; else flat."""
    if len(shape) < 2 or not np.prod(shape[1:]):
        return (int(position),) if shape or position else ()
    index = []
    for n in reversed(shape[1:]):
        position, inner = divmod(position, n)
        index.append(int(inner))
    return (int(position), *reversed(index))
