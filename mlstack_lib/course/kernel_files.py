"""The kernel files that a learner writes, as the chapters and their checks see them.

from mlstack_lib.course.kernel_files import mine, solution
scale_ = use("8.1 scale", mine("scale"), solution("scale"))
scale_((blocks,), (128,), (x, y, np.float32(2), np.uint32(n)))
"""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .. import cuda
from ..kernels import PACKAGED, STUB_MARKER, assemble_text
from ..sim.errors import CompileError

ROOT = Path(__file__).parents[2]
FOLDER = "MLSTACK_KERNELS"  # the variable that names another folder; empty: nothing is written yet


@dataclass(frozen=True)
class KernelFile:
    """A kernel's text. `name` is its entry point and the stem of its file, `place` that file.

    Called like CuPy's kernels, with arrays of `mlstack_lib.cuda`: on a GPU it runs there, else in
    the simulator. Constants become `#define` lines in front of the text.
    """

    name: str
    text: str
    place: str

    def __call__(self, grid, block, args, *, shared_mem: int = 0, **constants) -> None:
        """Launch. Raises NotImplementedError for a stub, else what `compiled` and the launch do."""
        compiled = self.compiled(**constants)
        if shared_mem > 48 << 10:
            compiled.max_dynamic_shared_size_bytes = shared_mem
        compiled(grid, block, args, shared_mem=shared_mem)

    def compiled(self, library=cuda, **constants):
        """The library's RawKernel (`cuda` or `sim`), which can be launched and profiled.

        Raises NotImplementedError for a stub, CompileError in the file's own line numbers.
        """
        if STUB_MARKER in self.text:
            raise NotImplementedError(f"{self.place} still has its line {STUB_MARKER}")
        return _compiled(library, self, tuple(constants.items()))


@cache
def _compiled(library, kernel: KernelFile, constants: tuple):
    text = assemble_text(kernel.text, f"{kernel.name}.cu", dict(constants))
    raw = library.RawKernel(text, kernel.name, options=("-std=c++17",))
    try:
        raw.compile()
    except Exception as error:
        if type(error).__name__ != "CompileException":  # CuPy's, which may not be there
            raise
        raise CompileError(str(error)) from None
    return raw


def folder() -> Path:
    """Where the learner's kernels are: `kernels` beside the notebook, else the repository's."""
    if chosen := os.environ.get(FOLDER):
        return Path(chosen)
    beside = Path("kernels")
    return beside if beside.is_dir() else ROOT / "kernels"


def mine(name: str) -> KernelFile:
    """The learner's kernel. Raises FileNotFoundError with how to get the file back."""
    if os.environ.get(FOLDER) == "":
        return KernelFile(name, STUB_MARKER, f"kernels/{name}.cu")
    file = folder() / f"{name}.cu"
    if not file.is_file():
        raise FileNotFoundError(
            f"there is no {file}; if it was lost: git checkout -- kernels/{name}.cu"
        )
    return KernelFile(name, file.read_text(encoding="utf-8"), f"kernels/{name}.cu")


def solution(name: str) -> KernelFile:
    """The finished kernel of that name; the package's, if it is no exercise."""
    file = ROOT / "solutions" / "kernels" / f"{name}.cu"
    file = file if file.is_file() else PACKAGED / f"{name}.cu"
    return KernelFile(name, file.read_text(encoding="utf-8"), file.relative_to(ROOT).as_posix())
