"""NVIDIA's run-time compiler from the package nvidia-cuda-nvrtc: it needs no GPU."""

import ctypes
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

# As CuPy passes them.
FLAGS = ["--std=c++17", "-ftz=true", "--device-as-default-execution-space"]


def package_folder(package: str, name: str) -> Path | None:
    """Where a package has a file of that name."""
    try:
        found = [file for file in files(package) or [] if file.match(name)]
    except PackageNotFoundError:
        return None
    return Path(found[0].locate()) if found else None


@dataclass(frozen=True)
class Usage:
    """What a compiled kernel takes, says the assembler: registers a thread, the rest in bytes."""

    registers: int
    shared: int  # of fixed size
    stack: int
    spilled: int


class Nvrtc:
    """The library, loaded. LookupError if the package is not installed."""

    def __init__(self):
        library = package_folder("nvidia-cuda-nvrtc", "libnvrtc.so.*")
        if library is None:
            raise LookupError("the package nvidia-cuda-nvrtc is not installed")
        for builtins in library.parent.glob("libnvrtc-builtins.so.*"):
            ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)  # looked for by its bare name
        self.library = ctypes.CDLL(str(library))
        header = package_folder("nvidia-cuda-runtime", "include/cuda_fp16.h")
        self.headers = header is not None
        self.folders = [f"-I{header.parent}", f"-I{header.parent / 'cccl'}"] if header else []

    def compile(self, code: str, *options: str, arch: str = "sm_90") -> tuple[bool, str]:
        """(whether the text compiles, the log)."""
        program, lib = ctypes.c_void_p(), self.library
        flags = [word.encode() for word in (*FLAGS, f"-arch={arch}", *self.folders, *options)]
        lib.nvrtcCreateProgram(ctypes.byref(program), code.encode(), b"kernel.cu", 0, None, None)
        status = lib.nvrtcCompileProgram(
            program, len(flags), (ctypes.c_char_p * len(flags))(*flags)
        )
        size = ctypes.c_size_t()
        lib.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        lib.nvrtcGetProgramLog(program, log)
        lib.nvrtcDestroyProgram(ctypes.byref(program))
        return status == 0, log.value.decode(errors="replace")

    def usage(self, code: str, arch: str) -> Usage:
        """What the one kernel of a text takes. AssertionError with the log if it is refused."""
        compiles, log = self.compile(code, "--ptxas-options=-v", arch=arch)
        assert compiles, log

        def number(pattern: str) -> int:
            return sum(map(int, re.findall(pattern, log)))

        assert log.count("Compiling entry function") == log.count("Used ") == 1, log
        return Usage(
            number(r"Used (\d+) registers"),
            number(r"(\d+) bytes smem"),
            number(r"(\d+) bytes stack frame"),
            number(r"(\d+) bytes spill (?:stores|loads)"),
        )
