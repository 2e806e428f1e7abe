"""Find a kernel's file by name, the learner's folder first, and make the text a compiler gets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGED = Path(__file__).parent / "kernels"
COMMON = "common.cuh"  # stands in front of every CUDA kernel
STUB_MARKER = "YOUR CODE HERE"
INCLUDE = re.compile(r'^(?:#include "(\w+\.cuh)"|// include (\w+\.wgsl))$', re.MULTILINE)

search_path: list[Path] = [PACKAGED]


def find(name: str, suffix: str) -> Path:
    """Return the file that serves kernel `name` (`suffix` is ".cu" or ".wgsl").

    A file that still holds the stub marker counts as absent. Raises NotImplementedError with the
    folders searched.
    """
    for folder in search_path:
        file = folder / f"{name}{suffix}"
        if file.is_file() and not is_stub(file):
            return file
    looked = ", ".join(str(folder) for folder in search_path)
    raise NotImplementedError(f"{name}: no {suffix} kernel of that name; looked in {looked}")


def is_stub(file: Path) -> bool:
    """Whether the part of the kernel that the learner writes is still missing."""
    return STUB_MARKER in file.read_text(encoding="utf-8")


def assemble(name: str, suffix: str, constants: dict[str, int | float]) -> str:
    """Return the kernel's text with its constants, the common part and what it includes.

    A line `#include "x.cuh"` (in WGSL the comment `// include x.wgsl`) names a packaged file.
    Compilers count the lines of each file from 1, so that their messages fit it: in CUDA by #line,
    in WGSL, where the order of declarations is free, the rest comes behind.
    """
    file = find(name, suffix)
    return assemble_text(file.read_text(encoding="utf-8"), file.name, constants)


def assemble_text(text: str, file_name: str, constants: dict[str, int | float]) -> str:
    """`assemble` for a kernel whose text is at hand; file_name is what messages call it."""
    names = [line[1] or line[2] for line in INCLUDE.finditer(text)]
    if file_name.endswith(".wgsl"):
        parts = [text, *(_wgsl_constant(*item) for item in constants.items())]
        return "\n".join([*parts, *map(_packaged, ["common.wgsl", *names])])
    parts = [f"#define {key} {value}" for key, value in constants.items()]
    parts += [f'#line 1 "{name}"\n{_packaged(name)}' for name in [COMMON, *names]]
    return "\n".join([*parts, f'#line 1 "{file_name}"', INCLUDE.sub("", text)])


def redefines_common(text: str) -> bool:
    """Whether a CUDA text has its own of what common.cuh defines: both cannot be."""
    names = re.findall(r"__forceinline__ \w+ (\w+)\(", _packaged(COMMON))
    names += re.findall(r"\b[A-Z]\w+", re.search(r"enum \{([^}]*)\}", _packaged(COMMON))[1])
    known = "|".join(names)
    function = rf"\b__device__\b[^;{{}}()=]*\b({known})\s*\("
    constant = rf"\b(?:const|constexpr)\b[^;{{}}()=]*\b({known})\s*=|\benum\b[^;]*\b({known})\b"
    return re.search(f"{function}|{constant}", text) is not None


def _wgsl_constant(name: str, value: int | float) -> str:
    number = f"u32 = {value}u" if isinstance(value, int) else f"f32 = {value!r}"
    return f"const {name}: {number};"


def _packaged(name: str) -> str:
    return (PACKAGED / name).read_text(encoding="utf-8")


@contextmanager
def folder_first(folder: Path | str) -> Iterator[None]:
    """Within the block, kernels of `folder` win over the packaged ones."""
    folder = Path(folder)
    search_path.insert(0, folder)
    try:
        yield
    finally:
        search_path.remove(folder)
