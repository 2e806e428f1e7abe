"""Findings in words: what happened, where, who, and one sentence on what to look for."""

import re

from .findings import Finding, Index3, Place, Touched
from .words import HINTS, TITLES

RELATED = {"race", "global race", "divergence", "deadlock", "mixed warp"}  # with a second place


SHOWN = 3  # findings in full; what comes after them mostly has the same cause


def report(kernel: str, findings: list[Finding]) -> str:
    """The messages of a launch: the first ones whole, a line for each of the others."""
    parts = [text(kernel, finding) for finding in findings[:SHOWN]]
    others = [
        f"{kernel}: also {TITLES[f.kind]}, {f.at.file} line {f.at.line}" for f in findings[SHOWN:]
    ]
    return "\n\n".join([*parts, "\n".join(others)] if others else parts)


def text(kernel: str, finding: Finding) -> str:
    """The whole message of a finding."""
    title = TITLES[finding.kind]
    times = f" ({finding.count:,} times)" if finding.count > 1 else ""
    where = f", {finding.at.file} line {finding.at.line}" if finding.at.line else ""
    word = "note" if finding.is_warning else "error"
    lines = [f"{kernel}: {word}: {title}{where}{times}", *_quotes(finding)]
    hint = _hint(finding)
    end = "" if hint.endswith("?") else "."
    return "\n".join([*lines, _what(finding), f"What to look for: {hint}{end}"])


def _hint(finding: Finding) -> str:
    if finding.kind == "out of bounds":
        return _bounds_hint(finding.touched)
    if finding.kind == "race":
        if "updates" in (finding.access, finding.access2):
            return HINTS["race with an atomic"]
        if finding.in_one_warp:
            return HINTS["race in a warp"]
    return HINTS[finding.kind]


def _bounds_hint(touched: Touched | None) -> str:
    if touched is None:
        return HINTS["bad pointer"]
    if touched.index and touched.index[0] < 0:
        return "the index is below zero. Is there a guard for the first elements?"
    if touched.dynamic:
        return "the launch gives the size in bytes, `shared_mem=elements * 4` for floats"
    if touched.space == "shared":
        return "compare the index with the size in the declaration"
    return ("a guard such as `if (i < n)` for the threads that have no element, and whether n is "
            "the number of elements")  # fmt: skip


# ---- the lines ----


def _quotes(finding: Finding) -> list[str]:
    second = finding.at2 if finding.kind in RELATED else None
    if second and second.line and (second.file, second.line) == (finding.at.file, finding.at.line):
        columns = {_column(finding.at, finding), _column(second, finding)}
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
    pattern = CALLS.get(finding.kind)
    if pattern is None and finding.touched is not None:
        pattern = rf"\b{re.escape(finding.touched.name)}\b(?=\s*[\[)])"
    starts = [m.start() + 1 for m in re.finditer(pattern, place.text)] if pattern else []
    if not starts:
        return place.column if place.column > 1 else len(place.text) - len(place.text.lstrip()) + 1
    before = [start for start in starts if start <= place.column]
    return before[-1] if before else starts[0]


# ---- what happened ----


def _what(f: Finding) -> str:
    sentence = SENTENCES.get(f.kind, lambda f: f"{_who(f)} was here.")(f)
    return sentence[0].upper() + sentence[1:]


def _who(f: Finding) -> str:
    return f"thread {_three(f.thread)} of block {_three(f.block)}"


def _race(f: Finding) -> str:
    return (
        f"In block {_three(f.block)} thread {_three(f.thread)} {f.access} {_element(f)} (line "
        f"{f.line}) and thread {_three(f.thread2)} {f.access2} it (line {f.line2}); nothing makes "
        "one wait for the other."
    )


def _global_race(f: Finding) -> str:
    other = f"thread {_three(f.thread2)} of block {_three(f.block2)}"
    if f.numbers[0]:
        other = "a thread of another block"
    return (f"{_who(f)} {f.access} {_element(f)} (line {f.line}) and {other} {f.access2} it "
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
            f"(first: {_three(f.thread2)}).")  # fmt: skip


def _bad_pointer(f: Finding) -> str:
    if f.touched:
        return f"{_who(f)} touches {f.touched}, but {_extent(f.touched)}."
    return f"{_who(f)} touches address {f.address:#x}, which is far from every array."


def _misaligned(f: Finding) -> str:
    begins = f", which begins {_misaligned_by(f)}" if f.touched else ""
    return f"{_who(f)} {f.access} {f.size} bytes at {_element(f)}{begins}."


SENTENCES = {
    "out of bounds": lambda f: _bounds(f),
    "race": _race,
    "global race": _global_race,
    "uninitialised": lambda f: f"{_who(f)} reads {_element(f)}, which no thread of the block has "
    "written.",
    "in flight": lambda f: f"{_who(f)} reads {_element(f)} while a cp_async16 to it is still on "
    "its way.",
    "divergence": _divergence,
    "left before barrier": _left,
    "deadlock": lambda f: _deadlock(f),
    "wrong mask": lambda f: f"{_who(f)} calls with mask {f.numbers[0]:#010x}, in which the bit of "
    f"its own lane, {f.lane}, is not set.",
    "wrong lane": lambda f: f"{_who(f)} reads the value of thread {_three(f.thread2)}, but with "
    f"mask {f.numbers[0]:#010x} that one takes no part.",
    "mixed warp": lambda f: f"{_who(f)} is at line {f.line} while thread {_three(f.thread2)} of "
    f"the same warp waits at line {f.line2} with the same mask.",
    "bad pointer": _bad_pointer,
    "misaligned": _misaligned,
    "shared limit": lambda f: f"The arrays of fixed size take {f.numbers[0]:,} bytes, the limit is "
    "49,152.",
    "stack overflow": lambda f: f"{_who(f)} needs more than 64 KiB for its own variables.",
}  # fmt: skip


def _bounds(f: Finding) -> str:
    if f.touched is None:
        return f"{_who(f)} {f.access} address {f.address:#x}, which is far from every array."
    return f"{_who(f)} {f.access} {f.touched}, but {_extent(f.touched)}."


def _extent(touched: Touched) -> str:
    """`x has 64 elements, 0 to 63`, and where that was said."""
    if touched.shape == ():
        return f"{touched.name} is a single number (line {touched.line})"
    shape = " x ".join(map(str, touched.shape))
    elements = "element" if touched.shape == (1,) else "elements"
    last = f", 0 to {touched.shape[0] - 1}" if len(touched.shape) == 1 and touched.shape[0] else ""
    declared = f" (line {touched.line})" if touched.line and not touched.dynamic else ""
    given = f" (shared_mem={touched.shape[0] * touched.element})" if touched.dynamic else ""
    return f"{touched.name} has {shape} {elements}{last}{declared}{given}"


def _misaligned_by(f: Finding) -> str:
    position = 0
    for i, n in zip(f.touched.index, f.touched.shape, strict=True):
        position = position * n + i
    at = position * f.touched.element
    return (
        f"{at} bytes into {f.touched.name}, no multiple of {f.size}"
        if at % f.size
        else (f"at an address that is no multiple of {f.size}")
    )


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


def _element(f: Finding) -> str:
    if f.touched is None:
        return f"address {f.address:#x}"
    return str(f.touched)


def _three(index: Index3) -> str:
    return "({},{},{})".format(*index)
