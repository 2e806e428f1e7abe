"""The only change to a learner's text: declarations of `__shared__` memory.

Every block needs a copy of its own, which no C++ declaration gives. So
`__shared__ float a[4][8], b;` becomes references into the block's arena, and
`extern __shared__ float s[];` a pointer into it. Code around them keeps its line and column.
"""

import re

from .errors import CompileError
from .source import Source, depth_split

ATTRIBUTE = (
    r"(?:alignas|__align__)\s*\((?:[^()]|\([^()]*\))*\)"
    r"|__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)"
)
DECLARATION = re.compile(
    rf"(?:(?:{ATTRIBUTE}|\b(?:extern|static|const|volatile)\b)\s*)*"
    r"(?:\b[\w:]+\s+)??\b__shared__\b([^;{}]*);"
)
INITIAL_VALUE = (
    "a `__shared__` variable cannot have an initial value; let a thread write it, then "
    "`__syncthreads()`"
)
KERNEL_FILE = "kernel.cu"  # what the compiler calls the text, whatever its parts are called
DROPPED = re.compile(rf"{ATTRIBUTE}|\b(?:extern|static|__shared__|struct)\b")
DECLARATOR = re.compile(
    r"\s*(.*?)([*&\s]*)\b(\w+)\s*((?:\[[^\[\]]*(?:\[[^\]]*\][^\[\]]*)*\]\s*)*)$", re.DOTALL
)
FURTHER = re.compile(r"([*&\s]*)(\w+)\s*(.*)$", re.DOTALL)


def rewrite(source: Source) -> str:
    """The text with its `__shared__` declarations rewritten. Raises CompileError."""
    pieces, position = [], 0
    for match in DECLARATION.finditer(source.clean):
        pieces += [source.text[position : match.start()], _declaration(source, match)]
        pieces.append(_back_in_column(source.clean, match.end()))
        position = match.end()
    text = "".join([*pieces, source.text[position:]])
    left = re.search(r"\b__shared__\b", _without_rewritten(source))
    if left:
        line = source.clean.count("\n", 0, left.start()) + 1
        if "=" in re.match(r"[^;)]*", source.clean[left.start() :])[0]:
            raise refused(source, line, INITIAL_VALUE)
        raise refused(source, line, "this `__shared__` declaration was not understood; write it "
                      "as a statement of its own: `__shared__ float tile[16][16];`")  # fmt: skip
    return text


def _back_in_column(clean: str, end: int) -> str:
    """What lets the code behind a declaration, if any, stand in the learner's columns."""
    begin = clean.rfind("\n", 0, end) + 1
    if not clean[end:].split("\n", 1)[0].strip():
        return ""
    line = clean.count("\n", 0, end) + 1
    return f'\n#line {line} "{KERNEL_FILE}"\n' + re.sub(r"[^\t]", " ", clean[begin:end])


def _without_rewritten(source: Source) -> str:
    return DECLARATION.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), source.clean)


def refused(source: Source, line: int, why: str) -> CompileError:
    """The error for a line, with the line quoted."""
    file, number = source.place(line)
    return CompileError(f"{file} line {number}: {why}\n{number:6} | {source.line_text(line)}")


def _declaration(source: Source, match: re.Match) -> str:
    line = source.clean.count("\n", 0, match.start()) + 1
    whole, breaks = match[0][:-1], "\n" * match[0].count("\n")
    dynamic = re.search(r"\bextern\b", whole) is not None
    beginning = source.clean.rfind("\n", 0, match.start()) + 1
    if source.clean[beginning:].lstrip().startswith("#"):
        raise refused(source, line, "write `__shared__` outside of macros: the simulator reads it "
                      "before macros are expanded")  # fmt: skip
    if "=" in re.sub(r"\[[^\]]*\]", "", whole):
        raise refused(source, line, INITIAL_VALUE)
    declared = _declarators(DROPPED.sub(" ", whole))
    if declared is None:
        said = " ".join(whole.split())
        if re.fullmatch(r"(?:extern )?__shared__ \w+ ?(\[[^\[\]]*\] ?)+", said):
            raise refused(source, line, "the type is missing: `__shared__ float tile[16][16];`")
        raise refused(source, line, f"cannot read this declaration: {said}")
    if dynamic and not all(dimensions for *_, dimensions in declared):
        raise refused(source, line, "an `extern __shared__` array has brackets, with nothing in "
                      "them: `extern __shared__ float s[];`")  # fmt: skip
    if not _in_function(source.clean[: match.start()]):
        return _at_file_scope(source, line, dynamic, declared, breaks)
    form = _pointer if dynamic else _reference
    text = " ".join(form(*one, line) for one in declared)
    return " ".join(text.split()) + breaks


def _in_function(before: str) -> bool:
    """Whether braces are open there, other than those of a namespace or an `extern "C"`."""
    open_braces = []
    for brace in re.finditer(r'(\bnamespace\b[\w:\s]*|\bextern\s*" "\s*)?\{|\}', before):
        if brace[0] != "}":
            open_braces.append(brace[1] is None)
        elif open_braces:
            open_braces.pop()
    return any(open_braces)


def _declarators(text: str) -> list[tuple[str, str, str]] | None:
    """(type, name, dimensions) of all that is declared, None if it cannot be read."""
    first, *others = depth_split(text)
    match = DECLARATOR.match(first)
    if not match or not match[1].strip():
        return None
    kind = match[1].strip()
    found = [(kind + match[2], match[3], match[4])]
    for other in others:
        match = FURTHER.match(other)
        if not match:
            return None
        found.append((kind + match[1], match[2], match[3]))
    return found


def _reference(kind: str, name: str, dimensions: str, line: int) -> str:
    return f"typedef {kind} __sim_T_{name}{dimensions}; __SIM_SHARED({name});"


def _pointer(kind: str, name: str, dimensions: str, line: int) -> str:
    inner = re.sub(r"^\s*\[[^\]]*\]", "", dimensions).strip()
    if inner:  # a dynamic array of rows
        row = f"__sim_row_{name}"
        return (
            f"typedef {kind} {row}{inner}; {row}* const {name} = "
            f'({row}*)__sim_dynamic_shared("{name}", sizeof({kind}), {line});'
        )
    return (
        f'{kind}* const {name} = ({kind}*)__sim_dynamic_shared("{name}", sizeof({kind}), {line});'
    )


def _at_file_scope(source, line, dynamic, declared, breaks) -> str:
    if not dynamic:
        raise refused(source, line, "declare `__shared__` arrays inside the kernel (outside only "
                      "`extern __shared__ T name[];` is possible)")  # fmt: skip
    defines = "".join(
        f'\n#define {name} (({kind}*)__sim_dynamic_shared("{name}", sizeof({kind}), {line}))'
        for kind, name, _ in declared
    )
    return f'{defines}\n#line {line + len(breaks)} "{KERNEL_FILE}"\n'
