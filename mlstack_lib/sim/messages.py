"""Findings in words: what happened, where, who, and one sentence on what to look for."""

import re

import numpy as np

from .advice import advice
from .findings import Finding, Index3, Place, Touched
from .settings import current
from .words import TITLES

RELATED = {  # kinds with a second place
    "race", "global race", "race in a block", "divergence", "deadlock", "mixed warp",
}  # fmt: skip
SHOWN = 3  # findings in full; what comes after them mostly has the same cause


def report(kernel: str, findings: list[Finding]) -> str:
    """The messages of a launch: the first ones whole, a line for each of the others.

    Who left before one barrier is missing at the next: of such notes one is shown.
    """
    notes = [i for i, finding in enumerate(findings) if finding.is_warning]
    whole = [f for i, f in enumerate(findings) if i not in notes[1:]][:SHOWN]
    parts = [text(kernel, finding) for finding in whole]
    others = [
        f"{kernel}: also {TITLES[f.kind]}, {f.at.file} line {f.at.line}"
        for f in findings
        if not any(f is shown for shown in whole)
    ]
    return "\n\n".join([*parts, "\n".join(others)] if others else parts)


def text(kernel: str, finding: Finding) -> str:
    """The whole message of a finding."""
    title = TITLES[finding.kind]
    times = f" ({finding.count:,} times)" if finding.count > 1 else ""
    where = f", {finding.at.file} line {finding.at.line}" if finding.at.line else ""
    word = "note" if finding.is_warning else "error"
    lines = [f"{kernel}: {word}: {title}{where}{times}", *_quotes(finding)]
    hint = advice(finding)
    end = "" if hint.endswith("?") else "."
    return "\n".join([*lines, _what(finding), f"What to look for: {hint}{end}"])


# ---- the lines ----


def _quotes(finding: Finding) -> list[str]:
    second = finding.at2 if finding.kind in RELATED else None
    if second and second.line and (second.file, second.line) == (finding.at.file, finding.at.line):
        columns = {_column(finding.at, finding), _column(second, finding)}
        if finding.kind in CALLS:  # which of the line's calls is not known
            columns = {m.start() + 1 for m in re.finditer(CALLS[finding.kind], second.text)}
        return _quote(finding.at, columns)
    quoted = _quote(finding.at, {_column(finding.at, finding)})
    if second and second.line:
        quoted += _quote(second, {_column(second, finding)})
    return quoted


def _quote(place: Place, columns: set[int]) -> list[str]:
    if not place.line:
        return []
    shown = place.text.replace("\t", " ").rstrip()
    lines = [f"{place.line:6} | {shown}"]
    marks = "".join("^" if i in columns else " " for i in range(1, len(shown) + 1)).rstrip()
    return lines + [f"       | {marks}"] * bool(marks)


CALLS = {
    "divergence": r"__syncthreads", "left before barrier": r"__syncthreads",
    "deadlock": r"__syncthreads|__\w+_sync\b|__syncwarp|mma_|ldmatrix_",
    "wrong mask": r"__\w+_sync\b|__syncwarp", "wrong lane": r"__shfl\w*",
    "assertion": r"\bassert\b",
    "mixed warp": r"__\w+_sync\b|__syncwarp|mma_|ldmatrix_", "trap": r"__trap",
    "shared limit": r"__shared__",
}  # fmt: skip


def _column(place: Place, finding: Finding) -> int:
    """Where the caret goes: at the array's name if it stands near the compiler's column."""
    patterns = [CALLS[finding.kind]] if finding.kind in CALLS else []
    if not patterns and finding.touched is not None:
        name = re.escape(finding.touched.name)
        patterns = [rf"\b{name}\b(?=\s*[\[)])", rf"(?<![\w.]){name}\b"]
    for pattern in patterns:
        starts = [match.start() + 1 for match in re.finditer(pattern, place.text)]
        if starts:
            before = [start for start in starts if start <= place.column]
            return before[-1] if before else starts[0]
    if place.column <= 1:
        return len(place.text) - len(place.text.lstrip()) + 1
    return _name_before(place.text, place.column)


def _name_before(text: str, column: int) -> int:
    """The column of `a` if the given one is that of the `]` or the `=` of `a[i] = ...`."""
    end = column if text[column - 1 : column] == "]" else column - 1
    if end < column and not re.match(r"[-+*/%&|^]?=(?!=)", text[column - 1 :]):
        return column
    head, depth = text[:end].rstrip(), 0
    for i in range(len(head) - 1, -1, -1):
        depth += (head[i] == "]") - (head[i] == "[")
        if depth == 0 and head[i] not in "[]":
            return re.search(r"\w*$", head[: i + 1]).start() + 1
    return column


# ---- what happened ----


def _what(f: Finding) -> str:
    sentence = SENTENCES.get(f.kind, lambda f: f"{_who(f)} came here.")(f)
    return sentence[0].upper() + sentence[1:]


def _who(f: Finding) -> str:
    return f"thread {_three(f.thread)} of block {_three(f.block)}"


def _race(f: Finding) -> str:
    return (
        f"In block {_three(f.block)} thread {_three(f.thread)} {f.access} {_element(f, f.line)} "
        f"and thread {_three(f.thread2)} {f.access2} it (line {f.line2}); nothing makes one wait "
        "for the other."
    )


def _global_race(f: Finding) -> str:
    other = f"thread {_three(f.thread2)} of block {_three(f.block2)}"
    if f.numbers[0]:
        other = "a thread of another block"
    return (f"{_who(f)} {f.access} {_element(f, f.line)} and {other} {f.access2} it "
            f"(line {f.line2}).")  # fmt: skip


def _divergence(f: Finding) -> str:
    return (
        f"In block {_three(f.block)} {_threads(f.numbers[0])} at the barrier of line {f.line} "
        f"(first: {_three(f.thread)}), {_threads(f.numbers[1])} at another, line {f.line2} "
        f"(first: {_three(f.thread2)})."
    )


def _left(f: Finding) -> str:
    came, left = (_threads(n, "have", "has") for n in (f.numbers[0], f.numbers[2]))
    return (f"In block {_three(f.block)} {came} come to the barrier of line {f.line}, {left} left "
            f"the kernel (first: {_three(f.thread2)}).")  # fmt: skip


def _misaligned(f: Finding) -> str:
    begins = f", which begins {_misaligned_by(f)}" if f.touched else ""
    return f"{_who(f)} {f.access} {f.size} bytes at {_element(f)}{begins}."


SENTENCES = {
    "out of bounds": lambda f: _bounds(f),
    "race": _race,
    "global race": _global_race,
    "race in a block": _race,
    "uninitialised": lambda f: f"{_who(f)} reads {_element(f)}, which no thread of the block has "
    "written.",
    "in flight": lambda f: f"{_who(f)} reads {_element(f)} while a cp_async16 to it is still on "
    "its way.",
    "divergence": _divergence,
    "left before barrier": _left,
    "deadlock": lambda f: _deadlock(f),
    "wrong mask": lambda f: f"{_who(f)}, which is lane {f.lane} of its warp, calls with mask "
    f"{f.numbers[0]:#010x}, in which bit {f.lane} is not set.",
    "wrong lane": lambda f: f"{_who(f)} reads the value of thread {_three(f.thread2)}, but with "
    f"mask {f.numbers[0]:#010x} that one takes no part.",
    "mixed warp": lambda f: f"{_who(f)} is at line {f.line} while thread {_three(f.thread2)} of "
    f"the same warp waits at line {f.line2} with the same mask.",
    "bad pointer": lambda f: _bounds(f),
    "time limit": lambda f: f"{_who(f)} was here when the time limit of {current().timeout:g} s "
    "was over.",
    "misaligned": _misaligned,
    "division": lambda f: f"{_who(f)} divides by 0, or by -1 the least number of "
    "the type, whose opposite does not fit.",
    "assertion": lambda f: f"for {_who(f)} the condition is false.",
    "shared limit": lambda f: f"The `__shared__` arrays of a block take {f.numbers[0]:,} bytes, "
    "the limit is 49,152.",
    "stack overflow": lambda f: f"{_who(f)} needs more than 64 KiB for its own variables.",
}  # fmt: skip


def _bounds(f: Finding) -> str:
    verb = "touches" if f.kind == "bad pointer" else f.access
    if f.touched is None:
        return f"{_who(f)} {verb} address {f.address:#x}, which is far from every array."
    if not f.touched.known:
        return f"{_who(f)} {verb} {f.touched.name} of this launch."
    if verb != "touches" and f.size != f.touched.element:
        verb += f" {f.size} bytes at"
    return f"{_who(f)} {verb} {_flat(f.touched)}, but {_extent(f.touched)}."


def _extent(touched: Touched) -> str:
    """`x has 64 elements, 0 to 63`, and where that was said."""
    if touched.shape == ():
        return f"{touched.name} is a single number (line {touched.line})"
    shape = " x ".join(map(str, touched.shape))
    last = f", 0 to {touched.shape[0] - 1}" if len(touched.shape) == 1 < touched.shape[0] else ""
    given = f" (line {touched.line})" if touched.line else ""
    if touched.dynamic:
        given = f" (shared_mem={touched.shape[0] * touched.element})"
    elif touched.is_table:
        shape, given = str(np.prod(touched.shape)), f" (its shape: {shape})"
        last = f", 0 to {np.prod(touched.shape) - 1}"
    return f"{touched.name} has {shape} element{'s' if shape != '1' else ''}{last}{given}"


def _flat(touched: Touched) -> str:
    """The element as the kernel writes it, which sees an array of the launch as one long row."""
    if not touched.is_table:
        return str(touched)
    return f"{touched.name}[{touched.position}]"


def _misaligned_by(f: Finding) -> str:
    at = f.touched.position * f.touched.element
    if at % f.size == 0:
        return f"at an address that is no multiple of {f.size}"
    return f"{at} bytes into {f.touched.name}, no multiple of {f.size}"


def _deadlock(f: Finding) -> str:
    at_barrier, in_warp_op, left = f.numbers[:3]
    parts = []
    if at_barrier:
        parts.append(f"{_threads(at_barrier)} at the barrier of line {f.line} "
                     f"(first: {_three(f.thread)})")  # fmt: skip
    if in_warp_op:
        line = f.line2 if at_barrier else f.line
        parts.append(f"{_threads(in_warp_op)} in the warp operation of line {line} "
                     f"(first: {_three(f.thread2)})")  # fmt: skip
    if left:
        parts.append(f"{_threads(left, 'have', 'has')} left the kernel")
    return f"In block {_three(f.block)} " + ", ".join(parts) + "."


def _threads(n: int, many: str = "wait", one: str = "waits") -> str:
    return f"1 thread {one}" if n == 1 else f"{n} threads {many}"


def _element(f: Finding, line: int = 0) -> str:
    """`y[65] (in Python y[1, 1], line 3)`."""
    name, more = f"address {f.address:#x}", []
    if f.touched is not None:
        name = _flat(f.touched) if f.touched.known else f.touched.name
        if f.touched.is_table:
            more = [f"in Python {f.touched.name}[{', '.join(map(str, f.touched.index))}]"]
    more += [f"line {line}"] if line else []
    return f"{name} ({', '.join(more)})" if more else name


def _three(index: Index3) -> str:
    return "({},{},{})".format(*index)
