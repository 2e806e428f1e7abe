"""Find a kernel's file by name, the learner's folder first, and make the text a compiler gets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGED = Path(__file__).parent / "kernels"
STUB_MARKER = "YOUR CODE HERE"

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
    """Return the kernel's text with the common part and, for CUDA, its constants in front.

    WGSL gets its constants as `override` values when the pipeline is made, so they are only put
    into the text of a `.cu` file.
    """
    common = PACKAGED / {".cu": "common.cuh", ".wgsl": "common.wgsl"}[suffix]
    parts = [f"#define {key} {value}" for key, value in constants.items()] * (suffix == ".cu")
    parts += [file.read_text(encoding="utf-8") for file in (common, find(name, suffix))]
    return "\n".join(parts)


@contextmanager
def folder_first(folder: Path | str) -> Iterator[None]:
    """Within the block, kernels of `folder` win over the packaged ones."""
    folder = Path(folder)
    search_path.insert(0, folder)
    try:
        yield
    finally:
        search_path.remove(folder)
