"""`mlstack check NN`: judge the exercises of a notebook from the terminal, within seconds.

Only the cells run that the checks need: those that define a name which a check cell, or another
cell that is needed, uses. What a chapter trains and draws is left out.
"""

import ast
import contextlib
import io
import linecache
import symtable
from pathlib import Path

import nbformat

from ..errors import BadInput
from . import judging
from .judging import Verdict, exercises_of

CHECKS = ("check", "use")


def judge_cells(cells: list[tuple[str, str]], chapter: int) -> list[Verdict]:
    """The verdicts on a chapter's exercises, in order; cells are (id, source).

    If several cells check an exercise, the last one counts. One that no cell checks is `[todo]`;
    one whose cell raises is `[no]` with the error.
    """
    names = exercises_of(chapter)
    found = {name: Verdict(name, "todo", "no cell checks it") for name in names}
    namespace = {"__name__": "__main__"}
    for cell_id, source in needed_cells(cells):
        before = len(judging.verdicts)
        error = _run(f"<cell {cell_id}>", source, namespace)
        found |= {verdict.exercise: verdict for verdict in judging.verdicts[before:]}
        for name in [name for name in names if error and f'"{name}"' in source]:
            why = f"its cell stops with {type(error).__name__}: {error}"
            found[name] = Verdict(name, "no", why)
    return [found[name] for name in names]


def code_cells(file: Path) -> list[tuple[str, str]]:
    """(id, source) of the code cells. Raises BadInput for a file that is no notebook."""
    try:
        notebook = nbformat.read(file, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} is no notebook: {str(error).partition(chr(10))[0]}") from None
    return [(cell.id, cell.source) for cell in notebook.cells if cell.cell_type == "code"]


def needed_cells(cells: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The cells that call `check` or `use`, and those before them that they need, in order.

    A cell that does not parse is left out, as one with IPython's `%magic`, unless it has a check.
    """
    names = {cell_id: _names(source) for cell_id, source in cells}
    kept, wanted = set(), set(CHECKS)
    while True:
        found = {
            cell_id
            for cell_id, (given, used) in names.items()
            if used & set(CHECKS) or given & wanted
        }
        if found == kept:
            return [cell for cell in cells if cell[0] in kept]
        kept = found
        wanted = {name for cell_id in kept for name in names[cell_id][1]}


def _names(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell gives a value (or changes), and those it uses; not a function's own."""
    try:
        table = symtable.symtable(source, "cell", "exec")
    except SyntaxError:
        return set(), {name for name in CHECKS if f"{name}(" in source}
    symbols = table.get_symbols()
    given = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
    used = {s.get_name() for s in symbols if s.is_referenced()}
    tables = list(table.get_children())
    while tables:
        inner = tables.pop()
        used |= {s.get_name() for s in inner.get_symbols() if s.is_global()}
        tables += inner.get_children()
    return given | _changed(ast.parse(source)), used


def _changed(tree: ast.Module) -> set[str]:
    """The names of which a cell sets an attribute or an item, outside of functions."""
    names, nodes = set(), list(tree.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
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
