"""From a chapter's text source to the cells of its two notebooks.

The source is `chapters/src/NN_name.py` in jupytext's percent format; every cell has an id:

    # %% [markdown] id="slope"
    # %% id="slope-stub" tags=["exercise"]

What is made of it:
- A solution between `### BEGIN SOLUTION` and `### END SOLUTION` stays in the solved notebook; in
  the chapter a line that says how many lines are wanted, and a `raise`, stand for it. In a kernel
  the markers begin with `//`; after a `// GIVEN` among them come, as comments, lines that the
  learner gets to mend.
- For a line `# quote mlstack_lib/x.py:name` stands that function, class or `Class.method` of the
  package. In a markdown cell it is shown, in a code cell it runs.
- `{figure:name}` becomes the number of the figure, in captions and in prose.
"""

import ast
import re
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import jupytext

from ..errors import BadInput
from ..kernels import STUB_MARKER
from .judging import RAISE

GIVEN = re.compile(r"\s*// GIVEN")
BEGIN, END = re.compile(r"\s*(###|//) BEGIN SOLUTION"), re.compile(r"\s*(###|//) END SOLUTION")
QUOTE = re.compile(r"(?m)^(?:# )?quote (mlstack_lib/\S+\.py):(\S+)$")
FIGURE = re.compile(r"\{figure:([a-z0-9-]+)\}")


@dataclass(frozen=True)
class Chapter:
    """A chapter's source file, and where its notebooks are."""

    source: Path

    @property
    def root(self) -> Path:
        """The repository's folder."""
        return self.source.parents[2]

    @property
    def number(self) -> int:
        """12 for 12_flash_attention.py."""
        return int(self.source.name.split("_")[0])

    def notebook(self, folder: str) -> Path:
        """The chapter's notebook in `chapters` or `solutions`."""
        return self.root / folder / f"{self.source.stem}.ipynb"

    def cells(self, solved: bool) -> list[dict]:
        """The cells, without outputs. Raises BadInput with the line of the source to mend."""
        cells = jupytext.read(self.source, fmt="py:percent").cells
        self._move_ids(cells)
        numbers = self._figure_numbers(cells)
        for cell in cells:
            where = f"{self.source}, cell {cell.id}"
            text = quoted(cell.source, self.root, cell.cell_type, where)
            text = FIGURE.sub(lambda match: _number_of(match[1], numbers, where), text)  # noqa: B023
            cell.source = cut(text, solved, where)
        return deepcopy(cells)

    def _move_ids(self, cells: list) -> None:
        seen = set()
        for cell in cells:
            cell.id = cell.metadata.pop("id", None)
            cell.metadata.pop("lines_to_next_cell", None)
            if not cell.id or cell.id in seen:
                first = cell.source.partition("\n")[0]
                raise BadInput(f'{self.source}: the cell that begins {first!r} needs an id="..." '
                               "of its own, after its %%")  # fmt: skip
            seen.add(cell.id)

    def _figure_numbers(self, cells: list) -> dict[str, str]:
        """The numbers by name: figures are counted where code makes them."""
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        names = list(dict.fromkeys(FIGURE.findall(code)))
        return {name: f"{self.number}.{i}" for i, name in enumerate(names, start=1)}


def chapters(root: Path, numbers: list[int] | None = None) -> list[Chapter]:
    """The chapters in order, all or those numbered. Raises BadInput for a number without one."""
    found = [Chapter(path) for path in sorted((root / "chapters" / "src").glob("[0-9]*.py"))]
    for number in numbers or []:
        if number not in [chapter.number for chapter in found]:
            there = ", ".join(f"{chapter.number:02}" for chapter in found)
            raise BadInput(f"there is no chapter {number:02}; there are {there}")
    return [c for c in found if numbers is None or c.number in numbers]


def _number_of(name: str, numbers: dict[str, str], where: str) -> str:
    if name not in numbers:
        raise BadInput(f"{where}: no caption has {{figure:{name}}}; there are {list(numbers)}")
    return numbers[name]


# ---- quotes ----


def quoted(text: str, root: Path, cell_type: str, where: str) -> str:
    """The text of a cell with what it quotes filled in from the package."""

    def fill(match: re.Match) -> str:
        path, name = match.groups()
        found = definition(root / path, name, where)
        if cell_type == "markdown":
            return f"```python\n# {path}\n{found}\n```"
        return f"# {path}\n{found}"

    return QUOTE.sub(fill, text)


def definition(file: Path, name: str, where: str) -> str:
    """The source of a function, class, `Class.method` or assignment in a file, dedented."""
    source = file.read_text(encoding="utf-8")
    body = ast.parse(source).body
    for part in name.split("."):
        node = next((node for node in body if part in _names(node)), None)
        if node is None:
            raise BadInput(f"{where}: {file} has no {name}")
        body = getattr(node, "body", [])
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    lines, end = source.splitlines(), node.end_lineno
    if end < len(lines) and END.match(lines[end]):  # a comment, so no part of the node
        end += 1
    lines = lines[first - 1 : end]
    return "\n".join(line[node.col_offset :] for line in lines)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


# ---- solutions ----


def cut(text: str, solved: bool, where: str) -> str:
    """The text without marker lines, and unless `solved` without what they enclose."""
    kept, solution, begin = [], [], None
    for line in text.splitlines():
        if begin is None and BEGIN.match(line):
            begin, solution = line, []
        elif begin is not None and END.match(line):
            at = next((i for i, ours in enumerate(solution) if GIVEN.match(ours)), len(solution))
            given = solution[at + 1 :]
            kept += solution[:at] if solved else _stub(begin, solution[:at], given)
            begin = None
        elif BEGIN.match(line) or END.match(line):
            raise BadInput(f"{where}: {line.strip()!r} has no partner")
        else:
            (kept if begin is None else solution).append(line)
    if begin is not None:
        raise BadInput(f"{where}: {begin.strip()!r} has no partner")
    return "\n".join(kept)


def _stub(begin: str, solution: list[str], given: list[str]) -> list[str]:
    """What stands for a solution: how many lines are wanted, and in a function a `raise`."""
    comment = BEGIN.match(begin)[1]
    indent = begin[: len(begin) - len(begin.lstrip())]
    wanted = [line for line in solution if line.strip() and not line.strip().startswith(comment[0])]
    lines = f"{len(wanted)} line" + "s" * (len(wanted) != 1)
    if comment == "//":
        lines = "mend what follows" if given else lines
        marker = f"{indent}// {STUB_MARKER} ({lines}); delete this line"
        return [marker, *(re.sub(r"//\s?", "", line, count=1) for line in given)]
    marker = f"{indent}# {STUB_MARKER} ({lines})"
    return [marker, f"{indent}{RAISE}  # and delete this line"] if indent else [marker]
