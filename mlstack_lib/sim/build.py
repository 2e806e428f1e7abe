"""Compile the runtime and kernels, and keep the results in the user's cache.

What is kept is found by a key over all that it depends on: text, options, compiler, runtime. A
result is put in its place whole, so that two processes may build the same at a time.
"""

import contextlib
import hashlib
import re
import secrets
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path

from ..errors import CouldNotFinish
from ..folders import cache_folder
from .compile_errors import explain
from .compile_hints import NO_HEADERS
from .compilers import MACOS, Compiler, environment
from .errors import CompileError
from .shared_pass import KERNEL_FILE, refused, rewrite
from .source import Source

INCLUDE = Path(__file__).parent / "include"
KEPT = 300  # kernels in the cache; older ones go
EXPORTS = "exports"


class Failed(Exception):
    """The compiler's messages."""


def build_folder() -> Path:
    """Where compiled code is kept."""
    return cache_folder() / "simulator"


@cache
def runtime_library(compiler: Compiler) -> Path:
    """The runtime as a library, compiled at its first use on a machine.

    One path a process, wherever the cache is later: a kernel linked against another copy would find
    nothing of its launch in it.
    """
    flags = [*compiler.base, "-O2", "-g0"]
    key = _key(compiler.identity, *flags, _include_hash())
    threads = ["-pthread"] if compiler.name != "zig" else []

    def build(folder: Path) -> None:
        _run(compiler, compiler.command, *flags, "-c", INCLUDE / "runtime.cpp", "-o", folder / "o")
        _run(compiler, compiler.linker, *compiler.link_flags(), folder / "o", *threads,
             "-o", folder / "runtime.so")  # fmt: skip

    return _kept("runtime", key, build) / "runtime.so"


def kernel_library(
    source: Source, names: list[str], compiler: Compiler, check: bool, options: list[str]
) -> Path:
    """The folder that holds `kernel.so` (and on macOS `kernel.o`) of these kernels.

    names: the kernels to export, `k` or `k<64>`. Raises CompileError.
    """
    runtime = runtime_library(compiler)
    text = f'#line 1 "{KERNEL_FILE}"\n{rewrite(source)}\n{_exports(source, names)}'
    flags = [*compiler.flags(check), "-I", str(INCLUDE), "-include", str(INCLUDE / "device.h")]
    key = _key(compiler.identity, *flags, *options, text, str(runtime))

    def build(folder: Path) -> None:
        file, unit = folder / KERNEL_FILE, folder / "kernel.o"
        file.write_text(text, encoding="utf-8")
        used = ["-MD", "-MF", folder / "used"]
        _run(compiler, compiler.command, *flags, *options, *used, "-c", file, "-o", unit)
        _refuse_headers(source, (folder / "used").read_text(encoding="utf-8"))
        _run(compiler, compiler.linker, *compiler.link_flags(), unit, runtime,
             "-o", folder / "kernel.so")  # fmt: skip
        if not MACOS:
            unit.unlink()  # there the lines stay in it

    try:
        return _kept("kernels", key, build)
    except Failed as error:
        raise CompileError(explain(str(error), source, KERNEL_FILE)) from None


def _refuse_headers(source: Source, used: str) -> None:
    """zig finds the C library's headers whatever it is told; NVRTC has none."""
    for word in re.split(r"(?<!\\)\s+", used.replace("\\\n", " ").partition(":")[2].strip()):
        header = Path(word.replace("\\ ", " ")).resolve()
        if header.name == KERNEL_FILE or {INCLUDE, *source.folders} & set(header.parents):
            continue
        for i, line in enumerate(source.text.split("\n"), 1):
            if re.match(rf"\s*#\s*include\s*[<\"]([^>\"]*/)?{re.escape(header.name)}[>\"]", line):
                error = refused(source, i, f"there is no header {header.name}")
                raise CompileError(f"{error}\nHint: {NO_HEADERS}.")


def _exports(source: Source, names: list[str]) -> str:
    """What makes kernels findable in the library, and their __launch_bounds__."""
    lines = [f'#line 1 "{EXPORTS}"']
    for i, name in enumerate(names):
        signature = source.signatures.get(base_name(name))
        lines.append(f'__SIM_EXPORT({i}, "{name}", {name})')
        known = signature and signature.bound and not signature.is_template
        bound = signature.bound if known else "0"
        lines.append(f'extern "C" __SIM_EXPORTED const int __sim_bound_{i} = ({bound});')
    return "\n".join(lines) + "\n"


def base_name(name: str) -> str:
    """`k` for `space::k<64>`."""
    return re.split(r"<", name)[0].rsplit("::", 1)[-1].strip()


# ---- the cache ----


@cache
def _include_hash() -> str:
    digest = hashlib.sha256()
    for file in sorted(INCLUDE.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join([*parts, _include_hash()]).encode()).hexdigest()[:24]


def _kept(kind: str, key: str, build) -> Path:
    """The folder of that key, made by `build(folder)` if it is not there yet."""
    folder = build_folder() / kind / key
    if folder.is_dir():
        return folder
    scratch = folder.with_name(f"{key}.{secrets.token_hex(4)}.tmp")
    try:
        scratch.mkdir(parents=True)
        build(scratch)
        with contextlib.suppress(OSError):  # another process was faster: its own is as good
            scratch.rename(folder)
        _forget_old(folder.parent)
    except OSError as error:
        raise CouldNotFinish(
            f"cannot keep compiled kernels in {folder.parent}: {error.strerror or error}; make "
            "room or access there, or set MLSTACK_DATA to a folder that can be written"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _forget_old(parent: Path) -> None:
    """Keep the newest; and drop what a killed process left behind an hour ago."""
    ages = {}
    with contextlib.suppress(OSError):
        ages = {path: path.stat().st_mtime for path in parent.iterdir()}
    kept = sorted((p for p in ages if p.suffix != ".tmp"), key=ages.get, reverse=True)
    stale = [p for p in ages if p.suffix == ".tmp" and ages[p] < time.time() - 3600]
    for path in kept[KEPT:] + stale:
        shutil.rmtree(path, ignore_errors=True)


def _run(compiler: Compiler, command: tuple[str, ...], *words) -> None:
    full = [*command, *(str(word) for word in words)]
    place = build_folder()
    done = subprocess.run(
        full, capture_output=True, text=True, errors="replace", env=environment(place), cwd=place
    )
    if done.returncode:
        raise Failed(done.stderr or f"{compiler.name} ended with status {done.returncode}")
