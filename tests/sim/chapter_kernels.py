"""The kernels of the chapters, and their stubs, as compilers get them."""

from pathlib import Path

from mlstack_lib.course.exercises import launches_09, launches_10, launches_11
from mlstack_lib.course.kernel_stubs import made
from mlstack_lib.kernels import assemble_text

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "solutions" / "kernels"
CONSTANTS = {"BLOCK": 128}  # of a kernel that is not below
CONSTANTS_OF: dict[str, dict[str, int]] = {}
CONSTANTS_OF |= {name: launches_09.launch_of(name, 1, 1)[3] for name in launches_09.LAUNCHES}
CONSTANTS_OF |= {name: launches_10.launch_of(name, 1, 384)[2] for name in launches_10.NAMES}
CONSTANTS_OF |= {name: launches_11.constants_of(name, 512) for name in launches_11.IN_REGISTERS}


def _texts() -> dict[str, str]:
    """Solutions, and the stubs that are cut from them and from the package's kernels, by path."""
    solved = {f"solutions/kernels/{file.name}": file.read_text(encoding="utf-8")
              for file in sorted(FOLDER.glob("*.cu"))}  # fmt: skip
    cut = {file.relative_to(ROOT).as_posix(): text for file, text, _ in made(ROOT)
           if file.suffix == ".cu"}  # fmt: skip
    return solved | cut


TEXTS = _texts()


def assembled(path: str) -> str:
    """The text of TEXTS[path] with constants and common part in front."""
    name = Path(path).stem
    return assemble_text(TEXTS[path], Path(path).name, CONSTANTS_OF.get(name, CONSTANTS))
