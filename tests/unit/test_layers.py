"""The package keeps its plan: imports point down, files and functions stay small."""

import ast
import io
import tokenize
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import mlstack_lib

PACKAGE = Path(mlstack_lib.__file__).parent
TESTS = Path(__file__).parents[1]

# Every module of the package has a layer; `folder.*` is all that is in a folder.
LAYERS = {
    0: ["array", "errors", "folders", "kernels", "cuda", "devices.*", "sim.*", "webgpu.*"],
    1: ["reference", "reference_update", "launchers.*", "backend", "profile"],
    2: ["anomaly", "autograd", "tensor", "array_ops", "ops", "gradcheck"],
    3: ["nn", "gpt", "optim"],
    4: [
        "bpe", "cache", "checkpoint", "cli", "corpora", "data", "documents", "export",
        "feed", "files", "generate", "machine", "parallel", "presets", "report", "run", "tokenizer",
        "tokenizer_json", "train", "torch_referee", "__init__", "__main__",
    ],
    5: ["bench.*", "conformance.*", "course.*", "extras.*"],
}  # fmt: skip
# Imports that point up on purpose: (importing module, imported module).
UPWARD = {
    ("cli", "bench"),
    ("cli", "bench.command"),
    ("cli", "conformance"),
    ("cli", "conformance.matrix"),
    ("cli", "conformance.overlay"),
    ("cli", "conformance.uses"),
    ("cli", "course"),
    ("cli", "course.commands"),
    ("cli", "course.doctor"),
}
# What may be missing on a machine, and the only modules that may import it.
OPTIONAL = {
    "cupy": {"devices.cuda", "cuda", "course.ladders", "machine"},
    "wgpu": {"webgpu.adapter"},
    "torch": {"torch_referee", "bench.processor", "bench.theirs", "course.ladders"},
    "tokenizers": {"bench.processor"},
    "resource": {"bench.processor"},  # not on Windows
    # the notebooks' own tools: in requirements.txt, not in the package's dependencies
    "jupytext": {"course.source"},
    "nbclient": {"course.kernel"},
    "nbformat": {"course.answers", "course.building", "course.kernel"},
    "nbval": {"course.nbval_plugin"},
    "IPython": {"course.figures", "course.recorded"},
}
CODE_LINES = {(0, 1, 2, 3): 2800, (4,): 2300}
# packages of their own below the devices, outside the budget of the layers
BELOW = ("sim.", "webgpu.")


def name_of(file: Path) -> str:
    """devices.cpu for devices/cpu.py, devices for devices/__init__.py, __init__ at the top."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


FILES = {name_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}
SOURCES = {name: file.read_text(encoding="utf-8") for name, file in FILES.items()}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}
TEST_FILES = {f.relative_to(TESTS).as_posix(): f for f in sorted(TESTS.rglob("*.py"))}


def layer_of(module: str) -> int | None:
    """The layer of a module, None if it has none."""
    for layer, names in LAYERS.items():
        for name in names:
            folder = name.removesuffix(".*")
            if module == name or (folder != name and f"{module}.".startswith(f"{folder}.")):
                return layer
    return None


def imports_of(module: str) -> set[str]:
    """The modules of the package that a module imports, anywhere in its text."""
    package = module.split(".")[:-1] if FILES[module].name != "__init__.py" else module.split(".")
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {a.name.removeprefix("mlstack_lib.") for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [] if module == "__init__" else base
            path = [*base, *(node.module or "").split(".")] if node.module else base
            path = path[1:] if path[:1] == ["mlstack_lib"] else path
            found.add(".".join(path))
            found |= {".".join([*path, a.name]) for a in node.names}
    return found & set(FILES)


def outside_imports_of(tree: ast.Module) -> set[str]:
    """The packages from elsewhere that a module imports."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [a.name for node in nodes if isinstance(node, ast.Import) for a in node.names]
    names += [n.module for n in nodes if isinstance(n, ast.ImportFrom) and not n.level]
    return {name.split(".")[0] for name in names}


def code_lines(source: str) -> set[int]:
    """The numbers of the lines that hold code: no docstrings, comments or blanks."""
    text = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    nothing = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = (
        range(t.start[0], t.end[0] + 1)
        for t in tokens
        if t.type not in nothing | {tokenize.ENDMARKER}
    )
    return {line for span in lines for line in span} - text


def functions_of(source: str):
    """(name, lines of code) of every function of a file."""
    lines = code_lines(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            yield node.name, len(lines & set(range(node.lineno, node.end_lineno + 1)))


# ---- the checks themselves ----


def test_the_readers_see_what_is_there():
    source = '"""Doc."""\n\n# note\nx = """two\nlines"""  # after\n\n\n'
    source += 'def f():\n    """D\n\n    d."""\n    return [\n        1,\n    ]\n'
    assert code_lines(source) == {4, 5, 8, 12, 13, 14}
    assert list(functions_of(source)) == [("f", 4)]
    assert imports_of("ops") >= {"array_ops", "autograd", "backend"}
    assert imports_of("launchers.cpu") >= {"array", "reference", "launchers.cpu_blocks"}
    assert imports_of("devices.cpu") == {"array", "devices.buffers"}
    assert {"ops", "autograd", "devices"} <= imports_of("__init__")
    assert "numpy" in outside_imports_of(TREES["ops"])
    assert len(FILES) > 30
    assert len(TEST_FILES) > 30


# ---- layers ----


def test_every_file_of_the_package_has_a_layer_and_only_one():
    assert [name for name in FILES if layer_of(name) is None] == []
    names = [name for names in LAYERS.values() for name in names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("module", FILES)
def test_imports_point_down_or_sideways(module):
    layer = layer_of(module)
    up = {other for other in imports_of(module) if layer_of(other) > layer}
    assert {(module, other) for other in up} <= UPWARD


def test_no_imports_go_in_circles():
    # The package's own __init__ is run before any module, so it counts for none.
    graph = {name: imports_of(name) - {name, "__init__"} for name in FILES if name != "__init__"}
    order = list(TopologicalSorter(graph).static_order())
    assert set(order) == set(graph)


def test_nothing_imports_the_extras():
    importing = {name for name in FILES if any(o.startswith("extras") for o in imports_of(name))}
    assert {name for name in importing if not name.startswith("extras")} == set()


@pytest.mark.parametrize("package", OPTIONAL)
def test_a_package_that_may_be_missing_is_imported_in_its_place_only(package):
    users = {name for name, tree in TREES.items() if package in outside_imports_of(tree)}
    assert users <= OPTIONAL[package]


@pytest.mark.parametrize("module", FILES)
def test_only_what_may_be_missing_is_imported_inside_a_function(module):
    functions = [n for n in ast.walk(TREES[module]) if isinstance(n, ast.FunctionDef)]
    nodes = [node for function in functions for node in ast.walk(function)]
    statements = [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {alias.name for statement in statements for alias in statement.names}
    assert names <= {*OPTIONAL, "torch_referee", "commands"}  # which need torch, Jupyter


# ---- sizes ----


@pytest.mark.parametrize(("layers", "budget"), CODE_LINES.items())
def test_layers_keep_to_their_budget_of_code_lines(layers, budget):
    counted = Counter(
        {
            name: len(code_lines(source))
            for name, source in SOURCES.items()
            if layer_of(name) in layers and not name.startswith(BELOW)
        }
    )
    assert counted.total() < budget, counted.most_common()


@pytest.mark.parametrize("module", FILES)
def test_a_file_has_fewer_than_300_lines(module):
    assert len(SOURCES[module].splitlines()) < 300


@pytest.mark.parametrize("module", FILES)
def test_a_function_has_at_most_30_lines_of_code(module):
    assert {name: n for name, n in functions_of(SOURCES[module]) if n > 30} == {}


# ---- the tests ----


@pytest.mark.parametrize("file", TEST_FILES)
def test_no_name_is_defined_twice_in_a_file_of_tests(file):
    tree = ast.parse(TEST_FILES[file].read_text(encoding="utf-8"))
    scopes = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    for scope in scopes:
        names = Counter(n.name for n in scope.body if isinstance(n, ast.FunctionDef | ast.ClassDef))
        assert [name for name, count in names.items() if count > 1] == []


def test_files_of_tests_have_names_of_their_own_so_that_each_is_collected():
    names = Counter(Path(file).name for file in TEST_FILES if Path(file).name != "conftest.py")
    assert [name for name, count in names.items() if count > 1] == []
