"""Write the kernel files that are made from others: the learner's stubs, and solutions.

A source is a kernel of the package or of `solutions/kernels` with solution markers. From each comes
a stub in `kernels/`; from one of the package also its solved form in `solutions/kernels`, so that
that folder is complete. What is made ends in a seal; a file whose seal is broken or gone was
changed by someone, a learner perhaps, and is never written over.
"""

from pathlib import Path

from ..files import write_text
from .seal import intact, seal
from .source import BEGIN, cut

KINDS = (".cu", ".wgsl", ".cuh")
PACKAGED, STUBS, SOLVED = "mlstack_lib/kernels", "kernels", "solutions/kernels"


def build(root: Path) -> None:
    """Write what is out of step and nobody has changed; print the names."""
    for file, text, _ in made(root):
        if not file.exists() or (sealed(file) and file.read_text(encoding="utf-8") != text):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, text)
            print(file.relative_to(root))


def out_of_step(root: Path) -> list[str]:
    """A line for each file that its source no longer gives, with what to do."""
    lines = []
    for file, text, source in made(root):
        name, remedy = file.relative_to(root).as_posix(), "run: mlstack build"
        if not file.exists():
            lines.append(f"{name} is missing; {remedy}")
        elif sealed(file) and file.read_text(encoding="utf-8") != text:
            lines.append(
                f"{name}: not what {source.relative_to(root).as_posix()} says now; edit that, "
                f"then {remedy}"
            )
    return lines


def edited(root: Path) -> list[str]:
    """A line for each file that was changed since it was written."""
    return [
        f"{file.relative_to(root).as_posix()} was changed since it was made from "
        f"{source.relative_to(root).as_posix()}"
        for file, _, source in made(root)
        if file.exists() and not sealed(file)
    ]


def sealed(file: Path) -> bool:
    """Whether the file is as `build` wrote it."""
    return intact(file.read_text(encoding="utf-8"))


def made(root: Path) -> list[tuple[Path, str, Path]]:
    """(file, its text, its source) of each file that is made from another."""
    made = []
    for source in _sources(root):
        text, packaged = source.read_text(encoding="utf-8"), source.parent == root / PACKAGED
        for folder, solved in ((STUBS, False), (SOLVED, True)):
            if packaged or not solved:
                content = cut(text, solved, str(source)) + "\n"
                made.append((root / folder / source.name, seal(content), source))
    return made


def _sources(root: Path) -> list[Path]:
    folders = (root / PACKAGED, root / SOLVED)
    return [
        file
        for folder in folders
        for file in sorted(folder.glob("*"))
        if file.suffix in KINDS
        and any(BEGIN.match(line) for line in file.read_text(encoding="utf-8").splitlines())
    ]
