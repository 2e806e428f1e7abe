"""Sizes in a WGSL text, worked out from its constants: naga lets a kernel have too much memory."""

import ast
import operator
import re

from .wgsl import without_comments

CONSTANT = re.compile(r"\bconst\s+(\w+)\s*(?::\s*\w+\s*)?=\s*([^;]+);")
SHARED = re.compile(r"\bvar<\s*workgroup\s*>\s*\w+\s*:\s*([^;]+);")
ARRAY = re.compile(r"array<(.+),([^,]+)>")
OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
BYTES = {"f32": 4, "u32": 4, "i32": 4, "bool": 4} | {
    f"{name}{of}": size
    for name, size in (("vec2", 8), ("vec3", 16), ("vec4", 16), ("mat4x4", 64))
    for of in ("f", "u", "i", "<f32>", "<u32>", "<i32>")
}


def constants(text: str) -> dict[str, int]:
    """The whole-number constants of a text whose values follow from it."""
    given = dict(CONSTANT.findall(without_comments(text)))
    found: dict[str, int] = {}
    for _ in given:  # they may stand in any order: each round finds one more at least
        for name in given.keys() - found.keys():
            if (number := value(given[name], found)) is not None:
                found[name] = number
    return found


def value(expression: str, names: dict[str, int]) -> int | None:
    """The value of + - * / % and brackets over whole numbers and names; None for anything else."""
    text = re.sub(r"\b(\d+)[ui]\b", r"\1", expression.strip()).replace("/", "//")
    try:
        return _walk(ast.parse(text, mode="eval").body, names)
    except (SyntaxError, KeyError, ZeroDivisionError):
        return None


def _walk(node: ast.expr, names: dict[str, int]) -> int:
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)](_walk(node.left, names), _walk(node.right, names))
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    raise KeyError(node)


def workgroup_bytes(text: str) -> int:
    """The workgroup memory of all variables whose size follows from the text."""
    known = constants(text)
    return sum(_bytes(of, known) for of in SHARED.findall(without_comments(text)))


def _bytes(of: str, known: dict[str, int]) -> int:
    of = of.replace(" ", "").replace("\n", "")
    if array := ARRAY.fullmatch(of):
        return _bytes(array[1], known) * (value(array[2], known) or 0)
    return BYTES.get(of, 0)
