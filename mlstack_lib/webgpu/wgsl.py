"""Read what a `.wgsl` kernel says of itself, and find what not every WebGPU compiler accepts."""

import re
from dataclasses import dataclass

from ..errors import BadInput

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
BINDING = re.compile(
    r"@group\((\d+)\)\s*@binding\((\d+)\)\s*var<([^>]*)>\s*(\w+)\s*:\s*([^;]+);", re.DOTALL
)
PARAMS = re.compile(r"\bstruct\s+Params\s*\{([^}]*)\}", re.DOTALL)
ENTRY = re.compile(r"@compute\s+@workgroup_size\(([^)]*)\)\s*fn\s+(\w+)\s*\(", re.DOTALL)
SCALARS = ("u32", "i32", "f32")


class KernelError(BadInput):
    """A `.wgsl` file that cannot be used as it is: the message has the file's own line."""

    def _render_traceback_(self) -> list[str]:  # a notebook shows the message alone
        return str(self).splitlines()


@dataclass(frozen=True)
class Signature:
    """What a launcher must know of a kernel.

    arrays: the name, access ("read" or "read_write") and element type of bindings 0, 1, ...
    scalars: the name and type of each field of `Params`. workgroup: the three sizes, as written.
    """

    entry: str
    arrays: tuple[tuple[str, str, str], ...]
    scalars: tuple[tuple[str, str], ...]
    workgroup: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names of all arguments in their order: the twin's are the same."""
        return [name for name, *_ in self.arrays + self.scalars]


def without_comments(text: str) -> str:
    """The text with blanks for comments: what is left keeps its place."""
    return COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def parse(text: str, file_name: str) -> Signature:
    """The signature of the one kernel in a file's text. Raises KernelError."""
    code = without_comments(text)
    entries = ENTRY.findall(code)
    if len(entries) != 1:
        raise KernelError(
            f"{file_name}: expected one entry point, `@compute @workgroup_size(...) fn name(...)`, "
            f"found {len(entries)}"
        )
    bindings = sorted(BINDING.findall(code), key=lambda found: int(found[1]))
    numbers = [(int(group), int(number)) for group, number, *_ in bindings]
    if numbers != [(0, i) for i in range(len(bindings))]:
        raise KernelError(
            f"{file_name}: bindings must be @group(0) and count from 0 without a gap, got {numbers}"
        )
    arrays = tuple(_array(found, file_name) for found in bindings if "uniform" not in found[2])
    if any("uniform" in found[2] for found in bindings[: len(arrays)]):
        raise KernelError(f"{file_name}: the uniform `Params` must be the last binding")
    scalars = _scalars(code, file_name) if len(bindings) > len(arrays) else ()
    sizes = [size.strip() for size in entries[0][0].split(",") if size.strip()]
    return Signature(entries[0][1], arrays, scalars, (*sizes, "1", "1")[:3])


def _array(found, file_name: str) -> tuple[str, str, str]:
    space, name, of = found[2].replace(" ", ""), found[3], found[4].replace(" ", "")
    if space not in ("storage,read", "storage,read_write") or not of.startswith("array<"):
        raise KernelError(
            f"{file_name}: {name} must be var<storage, read> or var<storage, read_write> and an "
            f"array, got var<{found[2]}> {name}: {found[4]}"
        )
    return name, space.removeprefix("storage,"), of.removeprefix("array<").removesuffix(">")


def _scalars(code: str, file_name: str) -> tuple[tuple[str, str], ...]:
    found = PARAMS.search(code)
    if not found:
        raise KernelError(f"{file_name}: the uniform has no `struct Params {{ ... }}`")
    fields = [field.partition(":") for field in found[1].split(",") if field.strip()]
    scalars = tuple((name.strip(), of.strip()) for name, _, of in fields)
    for name, of in scalars:
        if of not in SCALARS:
            raise KernelError(f"{file_name}: Params.{name} must be u32, i32 or f32, got {of}")
    return scalars


# ---- the subset that naga (wgpu, Firefox) and Tint (Chrome) both accept ----

SUBSET = (
    (r"^\s*enable\b", "the host puts `enable` lines in front: leave them out"),
    (r"^\s*requires\b", "no compiler knows all of `requires`: leave it out"),
    (r"\bsubgroup\w*", "subgroups are not everywhere: reduce through workgroup memory"),
    (r"\bquad(Broadcast|Swap)\w*", "quads are not everywhere: use workgroup memory"),
    (r"\batomic<\s*f32", "there are no f32 atomics: write partial sums and add them up"),
    (r"\bf16\b", "f16 is not everywhere: compute in f32"),
    (r"\bptr<\s*(workgroup|storage|uniform)\b", "naga takes pointers of function or private only"),
    (r"[(,]\s*&\s*\w+\s*[\[.]", "a pointer to an element ends the process in naga: pass its index"),
    (r"\.[xyzwrgba]{2,4}\s*[-+*/]?=(?!=)", "naga cannot assign to several components: one a line"),
    (r"\bglobal_invocation_index\b|\bworkgroup_index\b", "naga does not know this builtin"),
    (r"\b(1\.0|1f|1)\s*/\s*0(\.0)?f?\b(?!\.)", "neither compiler takes an infinity: use 3.0e38"),
    (r"bitcast<\s*f32\s*>\s*\(\s*0x[fF7]", "Tint takes no infinity or NaN here: use 3.0e38"),
    (r"\b3\.402823[5-9]\d*e\+?38", "Tint rejects the largest f32 rounded up: use 3.0e38"),
    (r"\btanh\s*\(", "tanh of 89 and more is NaN on some adapters: use exp, as in common.wgsl"),
    (r"\bvar<\s*immediate\s*>", "immediates are not everywhere: put it into Params"),
)


@dataclass(frozen=True)
class Finding:
    """A line outside the subset: its number, from 1, and what to do."""

    line: int
    message: str


def lint(text: str) -> list[Finding]:
    """What one of the two compilers is known to refuse, or to die of, in the order of the lines.

    What they accept but should not (races, barriers in a branch) is not looked for: Tint does.
    """
    code = without_comments(text)
    found = [
        Finding(code.count("\n", 0, at.start() + _leading(at[0])) + 1, message)
        for pattern, message in SUBSET
        for at in re.finditer(pattern, code, re.MULTILINE)
    ]
    return sorted(set(found), key=lambda finding: (finding.line, finding.message))


def _leading(text: str) -> int:
    return len(text) - len(text.lstrip())
