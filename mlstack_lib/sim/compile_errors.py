"""A compiler's messages in the learner's lines, without what only the simulator's headers see."""

import re
from pathlib import Path

from .compile_hints import hint
from .source import Source

MESSAGE = re.compile(r"^(.+?):(\d+):(?:(\d+):)? (fatal error|error|note|warning): (.*)$")
INCLUDED = re.compile(r"^(?:In file included|\s+) from (.+?):(\d+)[:,]")
REQUIRED = re.compile(r"^(.+?):(\d+):(?:(\d+):)?\s+required from")
NO_SUCH_HEADER = re.compile(r"^(?:'(.+)' file not found|(.+): No such file or directory)")
OWN_HEADERS = Path(__file__).parent / "include"
Error = tuple[int, int, str]  # line, column, text
SHOWN = 3  # errors; those after the first few mostly follow from them

# Names of the headers, and what the learner wrote in their place.
DISGUISES = (
    (r"__sim_thread_idx\(\)", "threadIdx"), (r"__sim_block_idx\(\)", "blockIdx"),
    (r"__sim_block_dim\(\)", "blockDim"), (r"__sim_grid_dim\(\)", "gridDim"),
    (r"__sim_warp_size\(\)", "warpSize"), (r"__sim_syncthreads", "__syncthreads"),
    (r"__sim_T_(\w+)", r"the type of \1"), (r"__sim_u32x4", "uint4"),
    (r"'\*\((\w+) \+ \(\(sizetype\).*'", r"'\1[...]'"),
)  # fmt: skip


def explain(messages: str, source: Source, file: str) -> str:
    """The first errors, each with its place, its line quoted, a caret, and a hint if one fits."""
    found = _first_of_each(_errors(messages, source, file), source)
    if not found:
        return _elsewhere(messages, source)
    texts = [_one(source, line, column, text) for line, column, text in found[:SHOWN]]
    hints = (hint(text, source.line_text(line)) for line, _, text in found[:SHOWN])
    lines = [f"Hint: {text}{'' if text.endswith('?') else '.'}" for text in dict.fromkeys(hints)
             if text]  # fmt: skip
    more = len(found) - SHOWN
    lines += [f"({more} more error{'s' if more > 1 else ''})"] if more > 0 else []
    return "\n".join([*texts, *lines])


def _first_of_each(errors: list[Error], source: Source) -> list[Error]:
    """Without those that follow from another: on the same line, or of the same words."""
    kept: dict[tuple, Error] = {}
    said: set[str] = set()
    for line, column, text in errors:
        text = _undisguised(text)
        missing = NO_SUCH_HEADER.search(text)
        text = f"there is no header {missing[1] or missing[2]}" if missing else text
        place = source.place(line)
        if place not in kept and text not in said and "__sim" not in text:
            kept[place] = (line, column, text)
            said.add(text)
    return list(kept.values())


def _elsewhere(messages: str, source: Source) -> str:
    """What is wrong though no line of the learner's is named."""
    returns = re.search(r"__sim_export<(.+?) ?\(\*\)\(.*\), ?&?(\w+)", messages)
    if returns:
        return (f"{source.last_file}: kernel {returns[2]} returns {returns[1]}, which nothing can "
                f"take; write `__global__ void {returns[2]}(...)`, results go into "
                "arrays")  # fmt: skip
    errors = [match[5] for match in map(MESSAGE.match, messages.splitlines())
              if match and "error" in match[4]]  # fmt: skip
    said = "\n".join(errors[:SHOWN]) or "\n".join(messages.splitlines()[:8])
    return (f"{source.last_file} does not compile, and the compiler names no line of it. Does a "
            "#define or an option -D change a name that others use?\n"
            f"{_undisguised(said)}")  # fmt: skip


def _errors(messages: str, source: Source, file: str) -> list[Error]:
    """The errors; one in a header goes to the line that led there."""
    errors, caller, pending, included = [], None, None, 0
    for raw in messages.splitlines():
        led, required, message = (pattern.match(raw) for pattern in (INCLUDED, REQUIRED, MESSAGE))
        if led and _is(led[1], file):
            included = int(led[2])
        if required and _is(required[1], file):
            caller = (int(required[2]), int(required[3] or 0))
        if not message:
            continue
        name, line, column, level, text = message.groups()
        here = (int(line), int(column or 0)) if _is(name, file) else None
        if "error" in level:
            where, pending, caller = here or caller, None, None
            if where:
                errors.append((*where, text))
            elif included and _is_foreign(name, source):
                errors.append((included, 0, f"there is no header {_named(source, included)}"))
            else:
                pending = text
        elif pending and here and level == "note":
            errors.append((*here, pending))
            pending = None
    return errors


def _is_foreign(file: str, source: Source) -> bool:
    """Whether it is of the C library's headers, which zig finds whatever it is told."""
    return not {OWN_HEADERS, *source.folders} & set(Path(file).resolve().parents)


def _named(source: Source, line: int) -> str:
    return re.sub(r'.*?[<"]|[>"].*', "", source.line_text(line))


def _is(name: str, file: str) -> bool:
    return name == file or name.endswith("/" + file)


def _one(source: Source, line: int, column: int, text: str) -> str:
    name, number = source.place(line)
    quoted = source.line_text(line).replace("\t", " ")
    parts = [f"{name} line {number}: {text}", f"{number:6} | {quoted}"]
    if column:
        parts.append(f"       | {' ' * (column - 1)}^")
    return "\n".join(parts)


def _undisguised(text: str) -> str:
    text = re.sub(r" \[-[-\w,+=]+\]$|; did you mean '__sim\w*'\?", "", text)
    for pattern, name in DISGUISES:
        text = re.sub(pattern, name, text)
    return text.replace("\u2018", "'").replace("\u2019", "'")
