"""The C++ compilers that can build kernels, and the options that make them do it.

g++ or clang++ of the machine, else the compiler in the Python package `ziglang`, which is clang.
"""

import contextlib
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ..errors import BadInput, nearest
from .errors import NoCompiler

NAMES = ("g++", "clang++", "zig")
MACOS = sys.platform == "darwin"

COMMON = (
    "-x", "c++", "-std=c++17", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden",
    # kernels reinterpret arrays of float as float4 all the time
    "-fno-strict-aliasing", "-fno-math-errno", "-ffp-contract=fast", "-fno-stack-protector",
    # as NVRTC, which refuses arrays of variable size
    "-Werror=vla",
)  # fmt: skip
# zig compiles for this very processor unless told otherwise, the others do if told so. What comes
# out may not run on another, so the processor is part of the key under which it is kept.
NATIVE = (
    () if MACOS else ("-march=native",) if platform.machine() == "x86_64" else ("-mcpu=native",)
)
FAST, CHECKED = ("-O2",), ("-O1", "-fsanitize=thread")
# A variable that begins without a value would often be 0 here, and the kernel right by luck.
POISON = "-ftrivial-auto-var-init=pattern"  # huge or NaN; known to clang since 8, to GCC since 12
DEBUG = ("-gdwarf-4",)  # the version that the line reader reads
GCC_CHECKED = (
    "-fno-tree-sra", "-fno-tree-vectorize", "-fno-tree-slp-vectorize",
    "-fno-tree-loop-distribute-patterns",
    "--param=tsan-instrument-func-entry-exit=0", "--param=tsan-distinguish-volatile=1",
)  # fmt: skip
# Without these clang drops a read before a write of the same address, and gives wide vector
# accesses no hook at all.
CLANG_CHECKED = (
    "-fno-vectorize", "-fno-slp-vectorize", "-mllvm", "-tsan-instrument-read-before-write=1",
    "-mllvm", "-tsan-instrument-func-entry-exit=0", "-mllvm", "-tsan-distinguish-volatile=1",
)  # fmt: skip


@dataclass(frozen=True)
class Compiler:
    """A compiler: its name here, the words that call it, and whether it is clang."""

    name: str
    command: tuple[str, ...]
    linker: tuple[str, ...]
    is_clang: bool

    @property
    def identity(self) -> str:
        """Changes when the compiler is another one: part of the key of what it made."""
        file = Path(self.command[0]).resolve()
        return f"{self.name} {file} {file.stat().st_mtime_ns} {file.stat().st_size} {_processor()}"

    def flags(self, check: bool) -> list[str]:
        """The options for a kernel."""
        own = CLANG_CHECKED if self.is_clang else GCC_CHECKED
        lines = "-gline-tables-only" if self.is_clang else "-g1"
        limit = "-ferror-limit=5" if self.is_clang else "-fmax-errors=5"
        shape = ("-nostdinc", limit, "-fno-diagnostics-color", lines, *DEBUG)
        probes = (
            () if MACOS else ("-fstack-clash-protection",)
        )  # so that no frame skips a guard page
        checked = (*CHECKED, *own, *((POISON,) if _knows(self, POISON) else ()))
        return [*self.base, *shape, *probes, *(checked if check else FAST)]

    @property
    def base(self) -> tuple[str, ...]:
        """The options of every unit."""
        # zig would check for undefined behaviour and end the process at it
        return (*COMMON, "-fno-sanitize=undefined") if self.name == "zig" else (*COMMON, *NATIVE)

    def link_flags(self) -> list[str]:
        """The options for a library."""
        if MACOS:
            return ["-shared", "-Wl,-undefined,dynamic_lookup"]
        # zig would build its own libraries first, for 20 s; libc and libm come from running Python
        return ["-shared", "-nostdlib"] if self.name == "zig" else ["-shared", "-Wl,--as-needed"]


def find(name: str | None = None) -> Compiler:
    """The compiler of that name, or the first that is there.

    Raises NoCompiler with what to install, BadInput for a name that is none.
    """
    if sys.platform == "win32":
        raise NoCompiler(
            "the CUDA simulator runs on Linux and macOS; on Windows run the course inside WSL2: "
            "`wsl --install`, then the same two commands there"
        )
    if name is not None and name not in NAMES:
        known = ", ".join(NAMES)
        raise BadInput(f"compiler {name!r} is not known{nearest(name, NAMES)}; known: {known}")
    for candidate in NAMES if name is None else (name,):
        found = _find(candidate)
        if found is not None:
            return found
    looked = "g++, clang++ or the package ziglang" if name is None else name
    raise NoCompiler(
        f"no C++ compiler to build kernels with: looked for {looked}; install one of them, for "
        "example by `python -m pip install ziglang` (no administrator's rights needed)"
    )


def available() -> list[str]:
    """The names of the compilers that are there."""
    return [name for name in NAMES if sys.platform != "win32" and _find(name) is not None]


@cache
def _find(name: str) -> Compiler | None:
    if name == "zig":
        return _zig()
    path = shutil.which(name)
    if path is None or (MACOS and not _has_command_line_tools()):
        return None
    if name == "g++" and MACOS:
        return None  # there it is clang++ by another name
    return Compiler(name, (path,), (path,), is_clang=name == "clang++")


def _zig() -> Compiler | None:
    spec = find_spec("ziglang")
    folders = spec.submodule_search_locations if spec else None
    zig = Path(folders[0]) / "zig" if folders else None
    if zig is None or not zig.is_file():
        return None
    return Compiler("zig", (str(zig), "c++"), (str(zig), "cc"), is_clang=True)


@cache
def _knows(compiler: Compiler, option: str) -> bool:
    """Whether GCC takes an option that only its newer versions have; of clang it is assumed."""
    words = [*compiler.command, option, "-x", "c++", "-fsyntax-only", os.devnull]
    return compiler.is_clang or subprocess.run(words, capture_output=True).returncode == 0


def _has_command_line_tools() -> bool:
    """Without them /usr/bin/clang++ only opens a window that offers to install them."""
    return subprocess.run(["xcode-select", "-p"], capture_output=True).returncode == 0


@cache
def _processor() -> str:
    """What tells one kind of processor from another."""
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
        wanted = ("model name", "flags", "Features", "CPU part")
        return "\n".join(line for line in text.split("\n") if line.startswith(wanted))
    return platform.machine() + platform.processor()


def environment(scratch: Path) -> dict[str, str]:
    """The environment to compile in: zig keeps what it caches in our folder."""
    own = {
        "ZIG_GLOBAL_CACHE_DIR": str(scratch / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(scratch / "zig"),
    }
    return {**os.environ, **own, "LC_ALL": "C"}
