"""RawModule and RawKernel with CuPy's calls, run by the simulator."""

import ctypes
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import nearest
from .build import base_name, kernel_library
from .compilers import Compiler, find
from .errors import CompileError, Interrupted, LaunchError
from .launch import launch
from .lines import Lines
from .objects import ObjectFile
from .runtime import KernelInfo, Runtime, runtime_of
from .settings import current
from .shared_pass import KERNEL_FILE, refused
from .source import Signature, Source

SHARED_LIMIT = 48 << 10  # bytes of dynamic shared memory without asking


@dataclass(frozen=True)
class Built:
    """A kernel library of one compiler, with or without checks, loaded."""

    folder: Path
    names: list[str]
    library: ctypes.CDLL
    runtime: Runtime

    def info(self, name: str) -> KernelInfo:
        """The exported kernel of that name."""
        return KernelInfo.in_dll(self.library, f"__sim_kernel_{self.names.index(name)}")

    def bound(self, name: str) -> int:
        """The kernel's __launch_bounds__, 0 if it has none."""
        return ctypes.c_int.in_dll(self.library, f"__sim_bound_{self.names.index(name)}").value

    @cached_property
    def places(self) -> tuple[int, int, int, int]:
        """The addresses where the library begins and ends, and within it the compiled code."""
        info = _DlInfo()
        address = ctypes.addressof(self.info(self.names[0]))
        ctypes.CDLL(None).dladdr(ctypes.c_void_p(address), ctypes.byref(info))
        file = ObjectFile(self.folder / "kernel.so")
        return tuple(info.base + at for at in (0, file.mapped_size(), *file.text()))

    @cached_property
    def lines(self) -> Lines:
        """The way from an offset in the library to a line."""
        return Lines(self.folder, KERNEL_FILE)


class _DlInfo(ctypes.Structure):
    _fields_ = (("file", ctypes.c_char_p), ("base", ctypes.c_void_p),
                ("symbol", ctypes.c_char_p), ("address", ctypes.c_void_p))  # fmt: skip


class RawModule:
    """CUDA C text with one kernel or several; `get_function` gives a kernel.

    code or path: the text or its file. options: as for NVRTC; `-D`, `-U` and `-I` count here,
    others are for a GPU. name_expressions: the instances of templates, `k<64>`. Raises
    CompileError when a kernel is first called, as CuPy does, or by `compile()`.
    """

    def __init__(self, code=None, *, path=None, options=(), backend="nvrtc",
                 name_expressions=None, **ignored):  # fmt: skip
        if (code is None) == (path is None):
            raise LaunchError("RawModule: give either the text, `code=`, or a file, `path=`")
        if path is None and not isinstance(code, str):
            raise LaunchError(f"the kernel's text is of type {type(code).__name__}, must be str")
        if isinstance(options, str):
            raise LaunchError('RawModule: options must be a tuple of texts, ("-DTILE=16",)')
        self.options = tuple(options)
        name = Path(path).name if path else "kernel.cu"
        code = Path(path).read_text(encoding="utf-8") if path else code
        folders = [word[2:] for word in self.options if word.startswith("-I") and len(word) > 2]
        self.source = Source(code, name, tuple(folders))
        self.name_expressions = list(name_expressions or ())
        self._built: dict[tuple[Compiler, bool], Built] = {}

    def get_function(self, name: str) -> "RawKernel":
        """The kernel of that name: `extern "C"`, or one of the name_expressions."""
        return RawKernel._of(self, name)

    def compile(self, log_stream=None) -> None:
        """Compile now rather than at the first call. Raises CompileError."""
        self.built(current().check)

    def built(self, check: bool) -> Built:
        """The loaded library, compiled if need be."""
        compiler = find(current().compiler)
        if (compiler, check) not in self._built:
            self._built[compiler, check] = self._build(compiler, check)
        return self._built[compiler, check]

    def signature(self, name: str) -> Signature:
        """The kernel's signature. Raises CompileError if there is no such kernel to be called."""
        found = self.source.signatures.get(base_name(name))
        if found is None:
            raise self._no_kernel(name)
        if name not in self._names():
            how = (f'name the instance: RawModule(..., name_expressions=["{found.name}<...>"])'
                   if found.is_template
                   else f'write `extern "C" __global__ void {found.name}(...)`')  # fmt: skip
            raise CompileError(
                f"{name}: C++ gives this kernel a longer name, and a GPU would not find it; {how}"
            )
        return found

    def _no_kernel(self, name: str) -> CompileError:
        if "\n" in name or "__global__" in name:
            return CompileError("RawKernel takes the text first and the kernel's name second")
        plain = re.search(rf"\b{re.escape(base_name(name))}\s*\([^;{{}}]*\{{", self.source.clean)
        if plain:
            line = self.source.clean.count("\n", 0, plain.start()) + 1
            return refused(self.source, line, f"{name} is no kernel; write "
                           f'`extern "C" __global__ void {name}(...)`')  # fmt: skip
        known = list(self.source.signatures)
        return CompileError(
            f"{self.source.last_file} has no kernel {name!r}{nearest(name, known)}; "
            f"its kernels: {', '.join(known) or 'none'}"
        )

    def _names(self) -> list[str]:
        whole = [
            s.name for s in self.source.signatures.values() if s.is_extern_c and not s.is_template
        ]
        return [*self.name_expressions, *(n for n in whole if n not in self.name_expressions)]

    def _build(self, compiler: Compiler, check: bool) -> Built:
        names = self._names()
        if not names:
            known = ", ".join(self.source.signatures)
            raise CompileError(
                f'{self.source.last_file}: no kernel can be called; write `extern "C" __global__ '
                f"void name(...)`" + (f" (found: {known})" if known else "")
            )
        flags = [word for word in self.options if word[:2] in ("-D", "-U", "-I")]
        folder = kernel_library(self.source, names, compiler, check, flags)
        runtime = runtime_of(compiler)  # first, or the kernel library would load another of it
        return Built(folder, names, ctypes.CDLL(str(folder / "kernel.so")), runtime)


class RawKernel:
    """A kernel: `k(grid, block, arguments, shared_mem=0)` runs it.

    After a call `report` holds its findings, `profile()` what it did to memory, `seconds` how
    long it ran here (which says nothing about a GPU).
    """

    def __init__(self, code: str, name: str, options=(), backend="nvrtc", **ignored):
        self._begin(RawModule(code, options=options), name)
        self.module.signature(name)

    @classmethod
    def _of(cls, module: RawModule, name: str) -> "RawKernel":
        module.signature(name)
        kernel = cls.__new__(cls)
        kernel._begin(module, name)
        return kernel

    def _begin(self, module: RawModule, name: str) -> None:
        self.module, self.name = module, name
        self.max_dynamic_shared_size_bytes = SHARED_LIMIT
        self.report, self.seconds, self._profile = [], 0.0, None

    def compile(self, log_stream=None) -> None:
        """Compile now rather than at the first call. Raises CompileError."""
        self.module.compile()

    def __call__(self, grid, block, args, *, shared_mem: int = 0) -> None:
        """Run the kernel on `grid` blocks of `block` threads.

        Raises LaunchError for what a GPU would not take, KernelError for what went wrong; findings
        that a GPU lets pass are printed.
        """
        self.report, self._profile = [], None
        grid, block = _sizes(self.name, "grid", grid), _sizes(self.name, "block", block)
        try:
            done = launch(self, grid, block, args, shared_mem)
        except KeyboardInterrupt:
            raise Interrupted(
                f"{self.name}: interrupted; the arrays hold what was written so far"
            ) from None
        self.report, self.seconds, self._profile = done.findings, done.seconds, done.profile
        done.raise_or_print()

    def profile(self):
        """What the last checked call did to memory, by line. LaunchError without one."""
        if self._profile is None:
            raise LaunchError(f"{self.name}: no profile yet; call the kernel with checks first")
        return self._profile


def _sizes(name: str, what: str, sizes) -> tuple:
    """The sizes if they are a tuple of whole numbers. Raises LaunchError."""
    if not isinstance(sizes, tuple | list):
        example = sizes if isinstance(sizes, int) else 8
        raise LaunchError(
            f"{name}: {what} is {sizes!r}, must be a tuple: `({example},)`, with the comma"
        )
    if any(isinstance(n, float) and n % 1 for n in sizes):
        raise LaunchError(
            f"{name}: {what} is {tuple(sizes)}, must be 1 to 3 whole numbers; to divide and round "
            "up, as a grid needs it, write `(n + 127) // 128`"
        )
    return tuple(sizes)
