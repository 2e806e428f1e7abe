"""`mlstack check NN`: judge the exercises of a notebook from the terminal, within seconds.

Only the cells run that the checks need: those that define a name which a check cell, or another
cell that is needed, uses. What a chapter trains and draws is left out.
"""

import ast
import contextlib
import io
import linecache
from collections.abc import Iterator
from pathlib import Path

import nbformat

from ..errors import BadInput
from . import judging
from .judging import Verdict, exercises_of

CHECKS = ("check", "use")


def judge_cells(cells: list[tuple[str, str]], chapter: int) -> Iterator[Verdict]:
    """The verdicts on a chapter's exercises, in order, as they come; cells are (id, source).

    An exercise that no cell checks is `[todo]`; one whose cell raises is `[no]` with the error.
    """
    left = exercises_of(chapter)
    namespace = {"__name__": "__main__"}
    for cell_id, source in needed_cells(cells):
        before = len(judging.verdicts)
        error = _run(f"<cell {cell_id}>", source, namespace)
        for verdict in judging.verdicts[before:]:
            if verdict.exercise in left:
                left.remove(verdict.exercise)
                yield verdict
        for name in [name for name in left if error and name in source]:
            left.remove(name)
            yield Verdict(name, "no", f"its cell stops with {type(error).__name__}: {error}")
    for name in left:
        yield Verdict(name, "todo", "no cell checks it")


def code_cells(file: Path) -> list[tuple[str, str]]:
    """(id, source) of the code cells. Raises BadInput for a file that is no notebook."""
    try:
        notebook = nbformat.read(file, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} is no notebook: {str(error).partition(chr(10))[0]}") from None
    return [(cell.id, cell.source) for cell in notebook.cells if cell.cell_type == "code"]


def needed_cells(cells: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The cells that call `check` or `use`, and those before them that they need, in order.

    A cell that does not parse is needed by nothing; IPython's own syntax (`%magic`) is such.
    """
    kept, wanted = [], set()
    for cell_id, source in reversed(cells):
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            tree = ast.parse(f"raise SyntaxError({str(error)!r})") if _mentions(source) else None
        if tree is None:
            continue
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        if used & set(CHECKS) or _mentions(source) or _defined(tree) & wanted:
            kept.append((cell_id, source))
            wanted |= used
    return kept[::-1]


def _mentions(source: str) -> bool:
    return any(f"{name}(" in source for name in CHECKS)


def _defined(tree: ast.Module) -> set[str]:
    """The names that a cell gives a value, or changes an attribute or an item of."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            while isinstance(node, ast.Attribute | ast.Subscript):
                node = node.value
            names |= {node.id} if isinstance(node, ast.Name) else set()
    return names


def _run(name: str, source: str, namespace: dict) -> Exception | None:
    """Run a cell; what it prints is dropped, what it raises returned."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, name, "exec"), namespace)
    except Exception as error:
        return error
    return None
