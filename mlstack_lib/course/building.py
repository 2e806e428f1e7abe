"""Write the notebooks of `chapters/` and `solutions/`, and kernel files, from their sources.

A notebook carries a seal, a hash of its cells and outputs. One whose seal is broken was changed
by someone, a learner perhaps, and is never written over.
"""

import hashlib
import json
import time
from pathlib import Path

import nbformat

from ..errors import CouldNotFinish
from ..files import write_text
from . import kernel_stubs
from .kernel import METADATA, execute
from .source import Chapter, chapters

FOLDERS = {"chapters": False, "solutions": True}  # folder: whether its notebooks are solved


def build(root: Path, numbers: list[int] | None = None) -> None:
    """Write kernel files, and both notebooks of the chapters, executed; print how long each took.

    Raises CouldNotFinish if a cell fails, or if a notebook to be written was edited.
    """
    found = chapters(root, numbers)
    for chapter in found:
        for folder in FOLDERS:
            _refuse_edited(chapter.notebook(folder))
    kernel_stubs.build(root)
    for chapter in found:
        for folder, solved in FOLDERS.items():
            target = chapter.notebook(folder)
            target.parent.mkdir(exist_ok=True)
            began = time.perf_counter()
            print(f"{target.relative_to(root)} ...", end="", flush=True)
            write_text(
                target, notebook_text(chapter, execute(chapter.cells(solved), str(target.parent)))
            )
            print(f" {time.perf_counter() - began:.1f} s")


def _refuse_edited(target: Path) -> None:
    if target.exists() and not sealed(nbformat.read(target, as_version=4)):
        raise CouldNotFinish(
            f"{target} was changed since it was built, and building would lose that: move it away, "
            f"or undo the change with: git checkout -- {target.parent.name}/{target.name}"
        )


def notebook_text(chapter: Chapter, cells: list) -> str:
    """The file of a notebook with these executed cells."""
    for cell in cells:
        cell.metadata.pop("execution", None)
    seal = {"source": chapter.source.relative_to(chapter.root).as_posix(), "seal": _seal(cells)}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={**METADATA, "mlstack": seal})
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def without_outputs(file: Path) -> str:
    """The text of a notebook as nobody has run it."""
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook) + "\n"


def sealed(notebook) -> bool:
    """Whether a notebook is as the builder wrote it."""
    return notebook.metadata.get("mlstack", {}).get("seal") == _seal(notebook.cells)


def _seal(cells: list) -> str:
    kept = [
        [cell.id, cell.cell_type, cell.source, cell.metadata, cell.get("execution_count"),
         cell.get("outputs")]
        for cell in cells
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode("utf-8")).hexdigest()


# ---- what is out of step ----


def edited(root: Path) -> list[str]:
    """A line for each notebook and kernel file that was changed since it was built."""
    return kernel_stubs.edited(root) + [
        f"{_name(chapter, folder)} was changed since it was built from "
        f"chapters/src/{chapter.source.name}"
        for chapter, folder in _built(root)
        if not sealed(nbformat.read(chapter.notebook(folder), as_version=4))
    ]


def out_of_step(root: Path) -> list[str]:
    """A line for each file that its source no longer gives, with what to do. Runs nothing."""
    lines = kernel_stubs.out_of_step(root)
    for chapter in chapters(root):
        for folder, solved in FOLDERS.items():
            target, remedy = chapter.notebook(folder), f"run: mlstack build {chapter.number:02}"
            if not target.is_file():
                lines.append(f"{_name(chapter, folder)} is missing; {remedy}")
            elif sealed(notebook := nbformat.read(target, as_version=4)):
                cell = _first_difference(notebook.cells, chapter.cells(solved))
                if cell is not None:
                    source = chapter.source.relative_to(root)
                    lines.append(
                        f"{_name(chapter, folder)}, cell {cell}: not what {source} or the package "
                        f"it quotes says now; edit those, never the notebook, then {remedy}"
                    )
    known = {chapter.notebook(folder) for chapter in chapters(root) for folder in FOLDERS}
    for folder in FOLDERS:
        for file in sorted((root / folder).glob("*.ipynb")):
            if file not in known:
                lines.append(f"{file.relative_to(root)} has no source in chapters/src")
    return lines


def _built(root: Path) -> list[tuple[Chapter, str]]:
    return [(c, f) for c in chapters(root) for f in FOLDERS if c.notebook(f).is_file()]


def _name(chapter: Chapter, folder: str) -> str:
    return chapter.notebook(folder).relative_to(chapter.root).as_posix()


def _first_difference(have: list, want: list) -> str | None:
    for a, b in zip(have, want, strict=False):
        if (a.id, a.cell_type, a.source, a.metadata) != (b.id, b.cell_type, b.source, b.metadata):
            return b.id
    if len(have) != len(want):
        longer = max(have, want, key=len)
        return longer[min(len(have), len(want))].id
    return None
